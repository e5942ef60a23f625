"""Whole paths from their records: noise is a function of a path's key and step, so it comes again."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq.inference.rare.motion import AbstractMotion
from noneq.inference.rare.populations.climbs import Climbers, Points, joined, noise_of


class Path(NamedTuple):
    """One path.

    Attributes:
        times: (T,).
        states: (T, *event_shape).
    """

    times: np.ndarray
    states: np.ndarray


def retraced(climb: Any, records: list[Points], noiseless: bool) -> tuple[Path, ...]:
    """Every step of paths of which the records are known.

    Where a simulator of the user's own or random pushes are at work, the records themselves.
    """
    if not records or not isinstance(climb, Climbers) or noiseless:
        return tuple(Path(one.time, one.state) for one in records)
    # From record j on, the noise is that of the key under which record j + 1 was reached.
    spans = [np.diff(one.step) for one in records]
    begin = joined([one[:-1] for one in records])
    keys = np.concatenate([one.key[1:] for one in records])
    count = np.concatenate(spans)
    if not len(count):
        return tuple(Path(one.time, one.state) for one in records)
    longest, size = 64, 64
    while longest < count.max():
        longest *= 4
    while size < len(count):
        size *= 4
    fill = lambda a: jnp.asarray(np.resize(a, (size, *a.shape[1:])))
    given = (fill(begin.step), fill(begin.time), fill(begin.state), fill(keys))
    times, states = jax.device_get(_again(climb.motion, longest, *given))
    made, at = [], 0
    for one, many in zip(records, spans, strict=True):
        rows = range(at, at + len(many))
        t = [one.time[:1], *(times[i, : count[i]] for i in rows)]
        x = [one.state[:1], *(states[i, : count[i]] for i in rows)]
        made.append(Path(np.concatenate(t), np.concatenate(x)))
        at += len(many)
    return tuple(made)


@eqx.filter_jit
def _again(
    motion: AbstractMotion, length: int, k: Array, t: Array, x: Array, key: Array
) -> tuple[Array, Array]:
    keys = jax.random.wrap_key_data(key)

    def one(k, t, x, key):
        noise, _, other = noise_of(motion, key, k, x)
        return motion.step(t, k, x, noise, other)

    def forward(now, _):
        k, t, x = now
        t, x = jax.vmap(one)(k, t, x, keys)
        return (k + 1, t, x), (t, x)

    times, states = jax.lax.scan(forward, (k, t, x), None, length=length)[1]
    return jnp.moveaxis(times, 0, 1), jnp.moveaxis(states, 0, 1)

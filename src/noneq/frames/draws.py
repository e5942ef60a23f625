"""Samples in the user's coordinates: at one time, or at many by one program."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq._typing import Key
from noneq.devices import by_all, here
from noneq.frames.checks import check_solved, check_time
from noneq.traced import jit


_BYTES = 2**28
"""Samples of several times that one call draws, in all."""


def drawn_at(model: Any, n: int, times: np.ndarray, condition: Any, key: Key) -> list[np.ndarray]:
    """Samples at each time, as those of `sample` with the key folded by the time's number."""
    if times.size < 2:
        one = lambda i, t: model.sample(n, time=t, condition=condition, key=fold(i))
        fold = lambda i: jax.random.fold_in(key, i)
        return [np.asarray(one(i, t)) for i, t in enumerate(times)]
    condition, known = model.frame.asked.check(condition, n), model.frame.times
    checked_times = np.asarray([check_time(t, known) for t in times])
    most = max(1, _BYTES // (4 * n * math.prod(model.event_shape)))
    # Whole powers of two, of which as many times are drawn as are asked for: few programs in all.
    room = min(2 ** (times.size - 1).bit_length(), 2 ** (most.bit_length() - 1))
    frames = []
    for first in range(0, times.size, room):
        asked = checked_times[first : first + room]
        padded, count = np.resize(asked, room), jnp.asarray(len(asked), jnp.int32)
        begin = jnp.asarray(first, jnp.int32)
        part = here(_sample_times(model, n, jnp.asarray(padded), begin, count, condition, key))
        frames += list(np.asarray(part)[: len(asked)])
    if not all(np.isfinite(frame).all() for frame in frames):
        for frame, t in zip(frames, times, strict=True):
            check_solved(jnp.asarray(frame), time=t, times=known)
    return frames


@jit
def _sample_times(
    model: Any, n: int, times: Array, first: Array, count: Array, condition: Any, key: Key
) -> Array:
    """The first ``count`` of the times, one after the other, (room, n, *event); zeros behind."""

    def one(i: Any) -> Array:
        return _one_time(model, n, times[i], condition, jax.random.fold_in(key, first + i))

    like = jax.eval_shape(one, 0)
    empty = jnp.zeros((times.size, *like.shape), like.dtype)
    return jax.lax.fori_loop(0, count, lambda i, out: out.at[i].set(one(i)), empty)


@jit
def drawn(model: Any, n: int, time: Any, condition: Any, key: Key) -> Array:
    """n samples of a model in the user's coordinates; time and condition are checked already."""
    return _one_time(model, n, time, condition, key)


def _one_time(model: Any, n: int, time: Any, condition: Any, key: Key) -> Array:
    y = model.draw(n, time=time, condition=condition, key=key)
    x = jax.vmap(model.frame.normaliser.inverse)(y)
    return by_all(jax.vmap(model.domain.project)(x))

"""All events of a jump process, with their times."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq._typing import Key
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.simulation.event_record import Events
from noneq.simulation.gillespie import next_event, refuse_invalid
from noneq.systems.jumps import AbstractJump


_PART = 2**10
_MOST = 1e9
"""Events of a record."""
_BURST = 128
"""Events of each replica in one call of the compiled program."""


@checked
def simulate_events(
    system: AbstractJump,
    end: float,
    *,
    n: int,
    key: Key,
    begin: float = 0.0,
    start: Any = None,
) -> Events:
    """Every event of n paths between two times, exactly (Gillespie's direct method).

    Args:
        system: a jump process.
        end, begin: last and first time.
        n: number of paths.
        key: typed random key.
        start: ``(n, *event_shape)`` states at the first time; None draws ``system.initial``.

    Returns:
        `Events` whose kinds are the numbers of the reactions. Waiting times are resolved to 2⁻²³ of
        their mean, probabilities of reactions to 2⁻²³.

    Raises:
        InvalidInput: bad n, times or start.
        SolveFailed: a rate that is negative, not finite or above the system's bound.
    """
    if n < 1:
        raise InvalidInput(f"simulate_events: n = {n}; expected at least one path.")
    if not (np.isfinite([begin, end]).all() and end > begin):
        raise InvalidInput(f"simulate_events: from {begin} to {end}; the end must come later.")
    start_key, key = jax.random.split(key)
    if start is None:
        states = np.asarray(_initial(system, n, start_key))
    else:
        states = np.asarray(start, jnp.zeros(()).dtype)
    if states.shape != (n, *system.event_shape) or not np.isfinite(states).all():
        raise InvalidInput(
            f"simulate_events: start has the shape {states.shape}; expected finite states, "
            f"{(n, *system.event_shape)}."
        )
    some = jnp.asarray(states[:_PART])
    rate = float(jax.vmap(system.rates, (None, 0))(begin, some).sum(-1).mean())
    if rate * n * (end - begin) > _MOST:
        raise InvalidInput(
            f"simulate_events: about {rate * n * (end - begin):.2g} events, judged by the rates at "
            f"the start; at most {_MOST:.0e} can be kept: take fewer paths or a shorter time, or "
            "record states at given times (simulate)."
        )
    parts = np.array_split(states, -(-n // _PART))
    size = len(parts[0])
    filled = [np.concatenate([p, np.repeat(p[-1:], size - len(p), 0)]) for p in parts]
    run = lambda x, k: _part(system, x, begin, end, k)
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        found = list(threads.map(run, filled, jax.random.split(key, len(parts))))
    offsets = np.cumsum([0, *map(len, parts)])
    rows = []
    for (path, *rest), offset, part in zip(found, offsets, parts, strict=False):
        own = path < len(part)
        rows.append([path[own] + offset, *(column[own] for column in rest)])
    path, times, kind, before, after = map(np.concatenate, zip(*rows, strict=True))
    return Events(times, kind, system.reverse, path, n, begin, end, before, after)


@eqx.filter_jit
def _initial(system: AbstractJump, n: int, key: Key) -> Array:
    return jax.vmap(system.initial)(jax.random.split(key, n))


def _part(system: AbstractJump, states: np.ndarray, begin: float, end: float, key: Key) -> tuple:
    """Path, time, kind, state before and after of all events of some replicas, sorted."""
    x, t = jnp.asarray(states), np.full(len(states), begin)
    found, burst = [], 0
    while (t < end).any():
        shown = jnp.asarray(t, x.dtype)
        x, (waits, kinds, befores, valid) = _burst(system, x, shown, jax.random.fold_in(key, burst))
        refuse_invalid(system, np.asarray(valid)[:, t < end])
        # Summed in double precision: late events keep their distances.
        times = t + np.cumsum(np.asarray(waits, np.float64), axis=0)
        kinds, befores = np.asarray(kinds), np.asarray(befores)
        afters = np.concatenate([befores[1:], np.asarray(x)[None]])
        keep = (times <= end) & (kinds < len(system.reverse))
        event, path = np.nonzero(keep)
        found.append((path, times[keep], kinds[keep], befores[keep], afters[keep]))
        t, burst = times[-1], burst + 1
    columns = [np.concatenate(column) for column in zip(*found, strict=True)]
    order = np.argsort(columns[0], kind="stable")
    return tuple(column[order] for column in columns)


@eqx.filter_jit
def _burst(system: AbstractJump, x: Array, t: Array, key: Key) -> tuple:
    def one(carry, i):
        x, t = carry
        event = next_event(system, t, x, jax.random.fold_in(key, i))
        happens = (event.reaction < len(system.reverse)) & jnp.isfinite(event.wait)
        after = jax.vmap(system.after)(x, event.reaction)
        new = jnp.where(happens.reshape(-1, *(1,) * (x.ndim - 1)), after, x)
        return (new, t + event.wait), (event.wait, event.reaction, x, event.valid)

    (x, _), rest = jax.lax.scan(one, (x, t), jnp.arange(_BURST))
    return x, rest

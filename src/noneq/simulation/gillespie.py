"""Jump processes followed event by event, exactly (Gillespie's direct method), many replicas at once."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from noneq._typing import Key
from noneq.errors import InvalidInput, SolveFailed
from noneq.systems.jumps import AbstractJump


_PART = 2**12
"""Replicas that advance together; parts run side by side."""
_STRETCH = 2**16
"""Events of one replica between two looks at the clock from outside, where an interrupt can stop."""
_UNROLLED = 32


class Event(NamedTuple):
    """What happens next to each of n replicas.

    Attributes:
        wait: time until then.
        reaction: its number; R where a proposed event is not taken.
        valid: False where a rate is negative, not finite or above the system's bound.
    """

    wait: Float[Array, " n"]
    reaction: Int[Array, " n"]
    valid: Bool[Array, " n"]


def next_event(
    system: AbstractJump, t: Float[Array, " n"], x: Float[Array, "n *event"], key: Key
) -> Event:
    """Wait −ln(1 − u)/W, reaction r with probability w_r/W, W = Σ w_r.

    Rates that depend on time: proposals at the rate of the bound, of which w_r(t + wait)/bound are
    reaction r.
    """
    u = jax.random.uniform(key, (2, x.shape[0]), x.dtype)
    exponential = -jnp.log1p(-u[0])
    bound = system.rate_bound
    if bound is None:
        rates = jax.vmap(system.rates, out_axes=1)(t, x)
        edges = _sums(rates)
        total = edges[-1]
        wait = exponential / total
    else:
        wait = exponential / bound
        rates = jax.vmap(system.rates, out_axes=1)(t + wait, x)
        edges = _sums(rates)
        total = jnp.full_like(wait, bound)
    chosen = sum((u[1] * total >= edge).astype(jnp.int32) for edge in edges)
    valid = jnp.all(rates >= 0, 0) & (edges[-1] <= (jnp.inf if bound is None else 1.00001 * bound))
    return Event(wait, jnp.asarray(chosen), valid & jnp.isfinite(edges[-1]))


def jump_advance(
    system: AbstractJump, times: np.ndarray, solver: object, substeps: int | None
) -> Callable[[Array, Key], np.ndarray]:
    """From (states at the first time, key) to the states at all others, ``(T − 1, n, *event)``."""
    if solver is not None or substeps is not None:
        raise InvalidInput(
            f"simulate: {type(system).__name__} jumps at random times, followed exactly; leave out "
            "solver and substeps."
        )
    first = jnp.asarray(times[:-1], jnp.zeros(()).dtype)
    spans = jnp.asarray(np.diff(times), first.dtype)
    return lambda states, key: _in_parts(partial(_recorded, system, first, spans), states, key)


def _in_parts(run: Callable[[np.ndarray, Key], np.ndarray], states: Array, key: Key) -> np.ndarray:
    """Parts of the replicas in threads: a program on few numbers keeps one core busy."""
    whole = np.asarray(states)
    n = len(whole)
    count = -(-n // _PART)
    size = -(-n // count)
    filled = np.concatenate([whole, np.repeat(whole[-1:], size * count - n, 0)])
    parts = filled.reshape(count, size, *whole.shape[1:])
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        done = list(threads.map(run, parts, jax.random.split(key, count)))
    return np.concatenate(done, axis=1)[:, :n]


def _recorded(
    system: AbstractJump, first: Array, spans: Array, states: np.ndarray, key: Key
) -> np.ndarray:
    """States at the ends of the intervals, every replica on its own clock."""
    x = jnp.asarray(states)
    n = len(x)
    still = jnp.zeros(n, x.dtype)
    carry = (x, jnp.zeros(n, jnp.int32), still, still, jnp.ones(n, bool))
    out = jnp.zeros((len(spans), *x.shape), x.dtype)
    stretch = 0
    while bool((carry[1] < len(spans)).any()):
        carry, out = _stretch(system, first, spans, carry, out, jax.random.fold_in(key, stretch))
        stretch += 1
        refuse_invalid(system, np.asarray(carry[-1]))
    return np.asarray(out)


@eqx.filter_jit
def _stretch(
    system: AbstractJump, first: Array, spans: Array, carry: tuple, out: Array, key: Key
) -> tuple:
    count, replicas = len(spans), jnp.arange(carry[0].shape[0])

    def going(c):
        i, (_, frame, _, _, valid), _ = c
        return (i < _STRETCH) & jnp.any(frame < count) & jnp.all(valid)

    def one(c):
        i, (x, frame, elapsed, lost, valid), out = c
        now = jnp.minimum(frame, count - 1)
        live = frame < count
        event = next_event(system, first[now] + elapsed, x, jax.random.fold_in(key, i))
        # Waiting times forget: one that passes the end of an interval is cut there and drawn anew.
        step = event.wait - lost
        later = elapsed + step
        ends = later >= spans[now]
        out = out.at[frame, replicas].set(x, mode="drop")
        happens = live & ~ends & (event.reaction < len(system.reverse))
        after = jax.vmap(system.after)(x, event.reaction)
        x = jnp.where(happens.reshape(-1, *(1,) * (x.ndim - 1)), after, x)
        # What rounding took from the clock is given back with the next wait.
        lost = jnp.where(ends, 0.0, (later - elapsed) - step)
        frame = frame + (live & ends)
        elapsed = jnp.where(ends, 0.0, later)
        return i + 1, (x, frame, elapsed, lost, valid & (event.valid | ~live)), out

    return jax.lax.while_loop(going, one, (0, carry, out))[1:]


def refuse_invalid(system: AbstractJump, valid: np.ndarray) -> None:
    """Raise if a rate was no rate.

    Raises:
        SolveFailed: saying which.
    """
    if valid.all():
        return
    bound = system.rate_bound
    above = "" if bound is None else f", or the sum of all is above the bound {bound:g}"
    raise SolveFailed(
        f"simulate: in {int((~valid).sum())} replicas a rate of {type(system).__name__} is "
        f"negative or not finite{above}; rates must be ≥ 0 and vanish where a reaction cannot "
        "happen."
    )


def _sums(rates: Float[Array, "R n"]) -> list[Array] | Array:
    """Running sums over the reactions; few are written out, which fuses with what uses them."""
    if len(rates) > _UNROLLED:
        return jnp.cumsum(rates, axis=0)
    sums = [rates[0]]
    for rate in rates[1:]:
        sums.append(sums[-1] + rate)
    return sums

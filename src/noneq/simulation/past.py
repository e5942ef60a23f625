"""Motion that depends on its past: fractional noise drawn at once, and states kept for a delay."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq._typing import Key
from noneq.errors import InvalidInput
from noneq.simulation.fractional_noise import records, spectrum
from noneq.systems.non_markov import AbstractDelayed, AbstractFractional, AbstractNonMarkov


_SLACK = 1e-3
"""Times are multiples of the smallest interval up to this share of it."""
_BATCH_BYTES = 2**27
"""Of noise on the device at once."""
_MOST = 2**24
"""Steps of one path, whose noise is drawn at once."""


@dataclass(frozen=True)
class Grid:
    """Equal steps through all recorded times.

    Attributes:
        step: length; each: steps of the smallest interval; total: such intervals, those before the
            first recorded time among them; marks: (T,), after how many of them each time comes.
        begin: time at which paths start.
    """

    step: float
    each: int
    total: int
    marks: np.ndarray
    begin: float


def grid_of(
    system: AbstractNonMarkov, times: np.ndarray, substeps: int | None, rest: float
) -> Grid:
    """Steps for a system at these times, after a time ``rest``.

    Raises:
        InvalidInput: times that are no multiples of their smallest interval, substeps < 1, or too
            many steps.
    """
    name = type(system).__name__
    spans = np.diff(times)
    base = float(spans.min()) if spans.size else (rest or system.time_step)
    counts = np.round(spans / base)
    if (np.abs(spans / base - counts) > _SLACK * counts).any():
        raise InvalidInput(
            f"simulate: intervals from {spans.min():g} to {spans.max():g}; {name} moves in equal steps "
            "through its whole past, so intervals must be multiples of the smallest one."
        )
    if substeps is not None and (isinstance(substeps, bool) or substeps < 1):
        raise InvalidInput(f"simulate: substeps = {substeps}; expected a whole number ≥ 1.")
    longest = system.time_step
    if isinstance(system, AbstractDelayed):
        longest = min(longest, system.delay)
    each = substeps or math.ceil(base / longest - 0.01)
    if isinstance(system, AbstractDelayed):
        each = _fitting(each, base, system.delay, substeps is not None)
    before = math.ceil(rest / base - 1e-9)
    marks = before + np.concatenate([[0.0], np.cumsum(counts)]).astype(np.int64)
    if marks[-1] * each > _MOST:
        raise InvalidInput(
            f"simulate: {name} would take {marks[-1] * each:.2g} steps; at most {_MOST:.2g} are "
            "possible, as the whole past is kept. Record a shorter time or give fewer substeps."
        )
    step = base / each
    return Grid(step, each, int(marks[-1]), marks, float(times[0]) - before * base)


def _fitting(each: int, base: float, delay: float, fixed: bool) -> int:
    """As few steps of an interval as a delay is a whole number of; else as asked for."""
    if base / each > delay * (1 + 1e-9):
        raise InvalidInput(
            f"simulate: steps of {base / each:g} are longer than the delay {delay:g}; give more "
            "substeps or leave them out."
        )
    for k in range(each, each if fixed else 2 * each):
        if abs(delay * k / base - round(delay * k / base)) < 1e-6:
            return k
    return each


def past_advance(
    system: AbstractNonMarkov, times: np.ndarray, solver: Any, substeps: int | None, rested: bool
) -> Callable[[Array, Key], Array]:
    """From (states at the start, key) to the states at all recorded times, the first among them.

    **Equation**: y = x + f h + k, x + ½(f(x) + f(y)) h + k with the kick k of the noise, in steps of
    equal length h: k = B h^H ξ of fractional, B √h ξ of white noise.

    Args:
        rested: whether the paths run ``system.rest`` before the first recorded time.

    Raises:
        InvalidInput: a solver, or times as in `grid_of`.
    """
    if solver is not None:
        raise InvalidInput(
            f"simulate: {type(system).__name__} has a scheme of its own; leave out solver."
        )
    grid = grid_of(system, times, substeps, system.rest if rested else 0.0)
    numbers = (jnp.asarray(grid.begin, float), jnp.asarray(grid.step, float))
    marks = jnp.asarray(grid.marks)
    steps = grid.each * grid.total
    each_path = max(steps, 1) * math.prod(system.event_shape) * 16
    batch = max(1, _BATCH_BYTES // each_path)
    if isinstance(system, AbstractFractional):
        root = spectrum(max(steps, 1), system.hurst)
        return lambda states, key: _fractional(
            system, states, root, numbers, marks, key, grid.each, grid.total, batch
        )
    assert isinstance(system, AbstractDelayed)
    back = system.delay / grid.step
    back = float(round(back)) if abs(back - round(back)) < 1e-4 else back
    return lambda states, key: _delayed(
        system, states, jnp.asarray(back, float), numbers, marks, key,
        grid.each, grid.total, math.ceil(back) + 1, batch,
    )  # fmt: skip


@eqx.filter_jit
def _fractional(
    system: AbstractFractional, states: Array, root: Array, numbers: tuple[Array, Array],
    marks: Array, key: Key, each: int, total: int, batch: int,
) -> Array:  # fmt: skip
    """States at the marks, ``(T, n, *event)``."""
    begin, h = numbers
    strength = system.noise()
    wide = strength.shape[-1] if strength.ndim == 2 else math.prod(system.event_shape)

    def path(given):
        x, key = given
        xi = h**system.hurst * records(wide, root, key).T
        xi = xi[: each * total].reshape(total, each, wide)

        def step(x, frame):
            t, draw = frame
            kick = strength @ draw if strength.ndim == 2 else strength * draw.reshape(x.shape)
            force = system.drift(t, x)
            later = system.drift(t + h, x + h * force + kick)
            return system.domain.project(x + h * (force + later) / 2 + kick), None

        def interval(x, frame):
            i, draws = frame
            clock = begin + (i * each + jnp.arange(each)) * h
            x = jax.lax.scan(step, x, (clock, draws))[0]
            return x, x

        after = jax.lax.scan(interval, x, (jnp.arange(total), xi))[1]
        return jnp.concatenate([x[None], after])[marks]

    keys = jax.random.split(key, states.shape[0])
    return jnp.moveaxis(jax.lax.map(path, (states, keys), batch_size=batch), 0, 1)


@eqx.filter_jit
def _delayed(
    system: AbstractDelayed, states: Array, back: Array, numbers: tuple[Array, Array],
    marks: Array, key: Key, each: int, total: int, kept: int, batch: int,
) -> Array:  # fmt: skip
    """States at the marks, ``(T, n, *event)``; the last ``kept`` states lie in a ring."""
    begin, h = numbers
    whole = jnp.floor(back).astype(jnp.int32)
    share = back - whole
    b = jax.eval_shape(system.diffusion, begin, states[0])
    noise = states.shape[1:] if b.shape in ((), states.shape[1:]) else b.shape[1:]

    def path(given):
        x, key = given

        def ago(ring, i, less):
            """The state a delay before step i + less, between two that are kept."""
            near = ring[(i + less - whole) % kept]
            far = ring[(i + less - whole - 1) % kept]
            return near + jnp.where(share > 0, share, 0.0) * (far - near)

        def step(carry, frame):
            x, ring = carry
            i, xi = frame
            t = begin + i * h
            b = system.diffusion(t, x)
            kick = jnp.sqrt(h) * (b * xi if b.shape in ((), x.shape) else b @ xi)
            force = system.drift(t, x, ago(ring, i, 0))
            later = system.drift(t + h, x + h * force + kick, ago(ring, i, 1))
            x = system.domain.project(x + h * (force + later) / 2 + kick)
            return (x, ring.at[(i + 1) % kept].set(x)), None

        def interval(carry, j):
            draws = jax.random.normal(jax.random.fold_in(key, j), (each, *noise), x.dtype)
            carry = jax.lax.scan(step, carry, (j * each + jnp.arange(each), draws))[0]
            return carry, carry[0]

        ring = jnp.broadcast_to(x, (kept, *x.shape))
        after = jax.lax.scan(interval, (x, ring), jnp.arange(total))[1]
        return jnp.concatenate([x[None], after])[marks]

    keys = jax.random.split(key, states.shape[0])
    return jnp.moveaxis(jax.lax.map(path, (states, keys), batch_size=batch), 0, 1)

"""How fast neighbouring trajectories part: Lyapunov exponents."""

import warnings
from dataclasses import dataclass, replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Numbers, ScalarLike
from noneq.data.base import AbstractEnsemble
from noneq.errors import InvalidInput, SolveFailed
from noneq.estimate import Estimate, sample_mean
from noneq.inference.integration import (
    advance,
    check_reach,
    deviation,
    extent_of,
    is_timed,
    starts_of,
    step_of,
)
from noneq.inference.velocities import check_field, scale_of
from noneq.needs import observable


_MOST_BLOCKS = 2**31
_STRETCHES = 16


@dataclass(frozen=True, eq=False)
class LyapunovSpectrum:
    """Lyapunov exponents, in descending order.

    Args:
        per_time: exponents per unit time, ``(k,)``.
        per_speed: the same divided by ``speed``: per unit of length travelled, which does not
            change when a field is multiplied by a positive number.
        speed: √⟨|v|²⟩ along the same trajectories.
        memory: ``(k,)``, integrated autocorrelation time of the local growth rates: a trajectory
            of length T holds about T/memory independent values. Close to 0 for an exponent that is
            0, whose growth is bounded; NaN where the rates never change.
        bounded: number of trajectories behind the figures.
        dropped: number of trajectories that left all bounds.
    """

    per_time: Estimate
    per_speed: Estimate
    speed: Estimate
    memory: np.ndarray
    bounded: int
    dropped: int

    def __str__(self) -> str:
        pairs = zip(self.per_time.value, self.per_time.stderr, strict=True)
        text = ", ".join(f"{value:.4g} ± {error:.2g}" for value, error in pairs)
        return f"LyapunovSpectrum({text} per unit time; speed {self.speed})"


@observable("model", more=("start",), number=False)
def lyapunov_spectrum(
    field: Any,
    start: AbstractEnsemble | Numbers,
    *,
    step: float | None = None,
    time: float = 100.0,
    burn: float | None = None,
    k: int | None = None,
    every: int = 10,
    within: AbstractEnsemble | Numbers | None = None,
    reach: float = 5.0,
    scale: Numbers | None = 1.0,
    first: float | None = None,
    condition: Numbers | None = None,
) -> LyapunovSpectrum:
    """The k largest Lyapunov exponents of a vector field by repeated QR decomposition.

    **Equation**: δ' = ∂v/∂x δ for k tangent vectors beside x' = v(x), the noise of a system left
    out, both by classical Runge–Kutta (the tangents by the exact derivative of its step). Every
    ``every`` steps the tangents Q become Q R; λ_i = ⟨log |R_ii|⟩/(every step). The sum of all
    exponents is ⟨div v⟩. ⟨·⟩ over the measured time T has the weight 2 sin²(π t/T): an oscillation of
    frequency f leaves an error of order 1/(f T)³ instead of 1/(f T), whatever its phase. The plain
    mean has an error common to all trajectories that oscillate in step, as those of `Rossler` do.

    Args:
        field: a model with the trait `HasVelocity` (or `HasDrift`), a system with a drift, or a
            function of one state.
        start: states ``(n, *event_shape)``, one trajectory each.
        step: of the integration; None is the system's ``time_step``, else 0.01.
        time: measured time of every trajectory.
        burn: time before it, in which states reach the attractor and tangents align, the slowest
            pair at the rate λ_i − λ_(i+1); None is half of ``time``.
        k: number of exponents; None is as many as coordinates.
        every: steps between decompositions: few enough that tangents stay apart.
        within: reference states; trajectories further than ``reach`` from them are dropped. None
            drops only those that become infinite.
        reach: bound on the distance from the mean of ``within``, in its standard deviations,
            root mean square over the coordinates.
        scale: units of the coordinates in which speed is measured, one number or one per
            coordinate; None with ``within`` takes its standard deviations.
        first: physical time of the start, for fields that depend on time.
        condition: of a conditional model, shared.

    Returns:
        Exponents with errors over the trajectories. Those of a single trajectory are over 16 equal
        stretches of it (each with its weight), which are independent only if much longer than
        ``memory``. Starts that have not parted after ``burn`` make errors too small.

    Raises:
        MissingTrait: no vector field.
        InvalidInput: numbers out of range, or shapes that do not fit.
        SolveFailed: no trajectory stays within bounds.

    Warns:
        UserWarning: with the number of trajectories that were dropped.

    Source: Benettin et al. 1980; Shimada and Nagashima 1979; the weight: Das et al. 2017
    (quasi-periodic averages), with a sine square for their bump.
    """
    check_field(field, "lyapunov_spectrum")
    check_reach(reach)
    x = starts_of(field, start)
    size = x[0].size
    count = size if k is None else k
    h = step_of(field, step)
    burn = time / 2 if burn is None else burn
    if not (1 <= count <= size and every >= 1):
        raise InvalidInput(
            f"lyapunov_spectrum: k = {k}, every = {every}; expected 1 ≤ k ≤ {size} and every ≥ 1."
        )
    if not all(abs(length) / (h * every) < _MOST_BLOCKS for length in (time, burn)):
        raise InvalidInput(
            f"lyapunov_spectrum: time = {time}, burn = {burn} at step = {h:g}; expected at most "
            f"{_MOST_BLOCKS} × every × step."
        )
    blocks, skipped = round(time / (h * every)), round(burn / (h * every))
    if blocks < _STRETCHES or skipped < 0:
        raise InvalidInput(
            f"lyapunov_spectrum: time = {time}, burn = {burn}; expected burn ≥ 0 and a time of at "
            f"least {_STRETCHES} × every × step = {_STRETCHES * every * h:g}."
        )
    if within is None:
        # Every finite state is within infinitely wide data.
        centre, width, reach = jnp.zeros(x.shape[1:]), jnp.full(x.shape[1:], jnp.inf), np.inf
    else:
        centre, width = extent_of(within, x.shape[1:])
    if scale is None and within is None:
        raise InvalidInput("lyapunov_spectrum: scale = None needs reference states, within=.")
    units = np.asarray(width if scale is None else scale_of(scale, np.asarray(x)))
    growth, squared, furthest = _grow(
        field,
        x,
        jnp.asarray(units, x.dtype),
        (centre, width),
        jnp.asarray(h, x.dtype),
        jnp.asarray(0.0 if first is None else first, x.dtype),
        condition,
        timed=is_timed(field, first),
        every=every,
        blocks=(skipped, blocks),
        k=count,
    )
    away = np.asarray(furthest)
    kept = np.isfinite(away) & (away <= reach)
    _report_dropped(kept, reach)
    rates = np.asarray(growth, np.float64)[:, kept] / (h * every)
    return _spectrum(rates, np.asarray(squared, np.float64)[:, kept], h * every, int((~kept).sum()))


def _report_dropped(kept: np.ndarray, reach: float) -> None:
    if not kept.any():
        raise SolveFailed(
            f"lyapunov_spectrum: none of {kept.size} trajectories stays within bounds (reach = "
            f"{reach:g}); the field has no attractor there, or the step is too large."
        )
    if not kept.all():
        warnings.warn(
            f"lyapunov_spectrum: {(~kept).sum()} of {kept.size} trajectories left all bounds and "
            "are dropped; exponents are those of the rest.",
            stacklevel=3,
        )


def _spectrum(
    rates: Float[np.ndarray, "blocks n k"],
    squared: Float[np.ndarray, "blocks n"],
    interval: float,
    dropped: int,
) -> LyapunovSpectrum:
    """Weighted means over time, and errors over trajectories or over stretches of the only one."""
    order = np.argsort(-weighted(rates).mean(0), kind="stable")
    rates = rates[..., order]
    parts, speeds = weighted(rates), weighted(squared)
    value, speed2 = parts.mean(0), max(speeds.mean(), 1e-300)
    if len(parts) == 1:
        parts = np.stack([weighted(part) for part in _cut(rates[:, 0])])
        speeds = np.stack([weighted(part) for part in _cut(squared[:, 0])])
    speed = np.sqrt(speed2)
    # d(λ/v) = dλ/v − λ d(v²)/(2 v³)
    ratio = parts / speed - value * (speeds - speed2)[:, None] / (2 * speed2 * speed)
    length = speed + (speeds - speed2) / (2 * speed)
    return LyapunovSpectrum(
        per_time=replace(sample_mean(parts), value=value),
        per_speed=replace(sample_mean(ratio), value=value / speed),
        speed=replace(sample_mean(length), value=np.asarray(speed)),
        memory=memory_of(rates) * interval,
        bounded=rates.shape[1],
        dropped=dropped,
    )


def weighted(series: Float[np.ndarray, "blocks *rest"]) -> Float[np.ndarray, "*rest"]:
    """Mean over time with the weight 2 sin²(π t/T), which vanishes at both ends."""
    weight = 2 * np.sin(np.pi * (np.arange(len(series)) + 0.5) / len(series)) ** 2
    return np.tensordot(weight / weight.sum(), series, 1)


def stretches(series: Float[np.ndarray, "blocks *rest"]) -> Float[np.ndarray, "parts *rest"]:
    """Means over 16 equal stretches of time."""
    return _cut(series).mean(1)


def _cut(series: Float[np.ndarray, "blocks *rest"]) -> Float[np.ndarray, "parts length *rest"]:
    """16 equal stretches of time (the first few blocks left out if they do not fit)."""
    length = len(series) // _STRETCHES
    cut = series[len(series) - length * _STRETCHES :]
    return cut.reshape(_STRETCHES, length, *series.shape[1:])


def memory_of(rates: Float[np.ndarray, "blocks n k"]) -> Float[np.ndarray, " k"]:
    """Integrated autocorrelation time in blocks: length × variance of stretches ÷ of blocks."""
    length = len(rates) // _STRETCHES
    coarse, fine = stretches(rates).var(0, ddof=1).mean(0), rates.var(0, ddof=1).mean(0)
    changes = fine > 1e-10 * np.max(rates**2, initial=0.0)
    return np.where(changes, length * coarse / np.where(changes, fine, 1.0), np.nan)


@eqx.filter_jit
def _grow(
    field: Any,
    x: Float[Array, "n *event"],
    units: Float[Array, "*event"],
    extent: tuple[Array, Array],
    h: ScalarLike,
    first: ScalarLike,
    condition: Any,
    *,
    timed: bool,
    every: int,
    blocks: tuple[int, int],
    k: int,
) -> tuple[Float[Array, "blocks n k"], Float[Array, "blocks n"], Float[Array, " n"]]:
    """log|R_ii| and ⟨|v|²⟩ of every block after the burn, and how far every trajectory went."""
    shape, size = x.shape[1:], x[0].size
    # Any frame that no symmetry of the field singles out will do.
    frame, _ = jnp.linalg.qr(jax.random.normal(jax.random.key(0), (size, k), x.dtype))

    def step(x: Array, frame: Array, t: ScalarLike) -> tuple[Array, Array, Array]:
        def move(x: Array) -> tuple[Array, Array]:
            moved, velocity = advance(field, x.reshape(shape), t, h, timed, condition)
            return moved.ravel(), velocity

        moved, push, velocity = jax.linearize(move, x, has_aux=True)
        return moved, jax.vmap(push, 1, 1)(frame), jnp.sum((velocity / units) ** 2)

    def block(state: tuple[Array, Array, Array], index: Array) -> tuple[Any, Any]:
        x, frame, furthest = state

        def one(j: Array, carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
            x, frame, squared = carry
            x, frame, more = step(x, frame, first + (index * every + j) * h)
            return x, frame, squared + more

        moved, pushed, squared = jax.lax.fori_loop(0, every, one, (x, frame, jnp.zeros_like(h)))
        alive = jnp.isfinite(moved).all() & jnp.isfinite(pushed).all() & jnp.isfinite(squared)
        # A trajectory that has left all bounds rests, so that no decomposition meets infinity.
        x, pushed = jnp.where(alive, moved, x), jnp.where(alive, pushed, frame)
        away = deviation(x.reshape(shape), *extent)
        furthest = jnp.maximum(furthest, jnp.where(alive, away, jnp.inf))
        frame, upper = jnp.linalg.qr(pushed)
        growth = jnp.log(jnp.abs(jnp.diagonal(upper)) + jnp.finfo(x.dtype).tiny)
        return (x, frame, furthest), (growth, squared / every)

    skipped, kept = blocks
    each = jax.vmap(block, in_axes=(0, None))
    state = (x.reshape(-1, size), jnp.broadcast_to(frame, (len(x), size, k)), jnp.zeros(len(x)))
    (x, frames, lost), _ = jax.lax.scan(each, state, jnp.arange(skipped))
    # How far a transient went does not matter, unless it never came back.
    state = (x, frames, jnp.where(jnp.isfinite(lost), 0.0, jnp.inf))
    (_, _, furthest), measured = jax.lax.scan(each, state, skipped + jnp.arange(kept))
    return *measured, furthest

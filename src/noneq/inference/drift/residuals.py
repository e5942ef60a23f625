"""Residuals of a fitted law of motion: white, Gaussian, and of the right size?"""

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from noneq.data.ensembles import Trajectories
from noneq.domains import Free, periods_of
from noneq.errors import InvalidInput
from noneq.inference.drift.pairs import Moment, correlation, shape
from noneq.inference.drift.residual_curves import residual_curves
from noneq.kinds import checked
from noneq.needs import observable
from noneq.traced import jit
from noneq.traits import HasDrift, require


_SURE = 4.0
"""Standard errors from which a deviation counts, if it is also larger than ``_SMALL``."""
_SMALL = 0.03


@dataclass(frozen=True)
class ResidualChecks:
    """Of u = (2D)^{-1/2}(Δ̃x − f dt)/√dt, which is white and normal if the law is right.

    Attributes:
        correlation: of u with the next u (the one after the next for accelerations).
        skewness: of the coordinate that has the largest one.
        kurtosis: excess, mean over coordinates.
        energy: ⟨u²⟩, 1 for the right diffusion.
        count: of numbers u.
        curves: what a picture of them needs, see `noneq.inference.drift.residual_curves`.
    """

    correlation: Moment
    skewness: Moment
    kurtosis: Moment
    energy: Moment
    count: int
    curves: dict[str, Any] = field(default_factory=dict)

    @property
    def white(self) -> bool:
        """Whether the correlation is within chance or negligible."""
        return _within(self.correlation, _SMALL)

    @property
    def gaussian(self) -> bool:
        """Whether skewness and kurtosis are within chance or negligible."""
        return _within(self.skewness, 3 * _SMALL) and _within(self.kurtosis, 6 * _SMALL)

    @property
    def lines(self) -> list[str]:
        """What they say, a sentence each."""
        white = "white" if self.white else "NOT white"
        gaussian = "Gaussian" if self.gaussian else "NOT Gaussian"
        found = [
            f"residuals: {white} (correlation {self.correlation}), {gaussian} (skewness "
            f"{self.skewness}, excess kurtosis {self.kurtosis}), energy {self.energy}"
        ]
        if not self.white and self.correlation.value > 0:
            found.append(
                "  positive correlation: inertia, coloured noise, motion blur, or a drift that the "
                "library does not hold"
            )
        if not self.white and self.correlation.value < 0:
            found.append("  negative correlation: measurement noise (localisation=true)")
        if not self.gaussian:
            found.append("  heavy or skew: the noise depends on the state (NeuralDrift), or jumps")
        return found


@observable("model", traits=(HasDrift,), number=False)
@checked
def residual_checks(
    model: Any,
    data: Trajectories,
    *,
    accelerations: bool = False,
    localisation: Float[np.ndarray, " noisy"] | None = None,
) -> ResidualChecks:
    """Residuals of paths under a fitted law of motion.

    **Equation**: u = B⁺ (Δ̃x − f(x) dt)/√dt of successive frames, Δ̃x = (1 − A/2 + A²/12) Δx with
    A = dt ∂f/∂x: the step of a law that is linear between two frames (Shoji and Ozaki 1998), where Δx alone
    would leave ⟨u u'⟩ ≈ |A|/10 and ⟨u²⟩ ≈ 1 − |A| under the right law. For accelerations, of states (x, v)
    with v from positions, u = √(3 dt/2) B⁺ (â − F(x, v)), whose neighbours share noise: every second one is
    compared.

    Args:
        model: with the trait `HasDrift`.
        data: paths of its states.
        accelerations: whether the states are positions and velocities taken from positions.
        localisation: standard deviations of known measurement noise (of positions), which adds
            2σ²/2D dt to ⟨u²⟩ and −σ²/2D dt to neighbours (9σ²/2D dt³ and 3/2 σ²/2D dt³ for
            accelerations); energy and correlation are told relative to that.

    Raises:
        MissingTrait: a model without drift.
        InvalidInput: paths of another shape, or without two frames in a row; standard deviations that
            are negative, or more of them than coordinates.
    """
    require(model, HasDrift, "residual_checks")
    if data.event_shape != model.event_shape:
        raise InvalidInput(
            f"residual_checks: the paths have states of shape {data.event_shape}, the model of "
            f"{model.event_shape}; expected the same."
        )
    x = data.values.reshape(*data.values.shape[:2], -1)
    scaled = _accelerations(model, x, data) if accelerations else _increments(model, x, data)
    extra, shared = 0.0, 0.0
    sigma = np.zeros(1) if localisation is None else np.asarray(localisation, np.float64)
    if sigma.ndim != 1 or not 1 <= sigma.size <= x.shape[-1] or not (sigma >= 0).all():
        raise InvalidInput(
            f"residual_checks: localisation = {localisation}; expected 1 to {x.shape[-1]} standard "
            "deviations from 0 on, of the last coordinates."
        )
    if sigma.any():
        extra, shared = _noise(model, x, data, sigma, accelerations)
    good = scaled[np.isfinite(scaled)]
    if good.size < 2:
        raise InvalidInput("residual_checks: the paths have no two observed frames in a row.")
    skewness, kurtosis = shape(scaled)
    square = good**2 / (1 + extra)
    energy = Moment(float(square.mean()), float(square.std() / np.sqrt(square.size)))
    lag = 2 if accelerations else 1
    seen = correlation(scaled, lag)
    rest = Moment(seen.value - shared / (1 + extra), seen.stderr)
    curves = residual_curves(scaled, lag, shared / (1 + extra), 1 + extra, float(energy.value))
    return ResidualChecks(rest, skewness, kurtosis, energy, good.size, curves)


def _noise(
    model: Any, x: np.ndarray, data: Trajectories, sigma: np.ndarray, accelerations: bool
) -> tuple[float, float]:
    """What measurement noise adds to ⟨u²⟩ and to the product of neighbours."""
    dt = float(np.median(np.diff(data.times.astype(np.float64))))
    inverse = _at(model, x[:1, :1], data)[1][0, 0]
    moved = inverse[:, -len(sigma) :] * sigma
    size = float((moved**2).sum(1).mean()) / dt
    return (9 * size / dt**2, 1.5 * size / dt**2) if accelerations else (2 * size, -size)


def _increments(model: Any, x: np.ndarray, data: Trajectories) -> Float[np.ndarray, "n T dim"]:
    times, seen = data.times.astype(np.float64), data.observed
    dt = np.diff(times)[:, None]
    move = np.diff(x.astype(np.float64), axis=1)
    if not isinstance(data.domain, Free):
        period = periods_of(data.domain, data.event_shape).ravel()
        around = np.where(period > 0, period, 1.0)
        move = np.where(period > 0, move - around * np.round(move / around), move)
    drift, inverse = _at(model, x[:, :-1], data)
    rest = (_straight(model, x[:, :-1], move, dt, data) - drift * dt) / np.sqrt(dt)
    scaled = np.einsum("ntij,ntj->nti", inverse, rest)
    both = seen[:, 1:] & seen[:, :-1]
    return np.where(both[..., None], scaled, np.nan)


def _straight(
    model: Any, x: np.ndarray, move: np.ndarray, dt: np.ndarray, data: Trajectories
) -> Float[np.ndarray, "n T dim"]:
    """Steps as they would be if the drift stayed that of their first state: A/(e^A − 1) Δx."""
    flat = lambda values: jnp.asarray(values.reshape(-1, *data.event_shape), dtype=float)
    once, twice = (
        np.asarray(part, np.float64).reshape(move.shape)
        for part in _turned(model, flat(x), flat(move))
    )
    return move - once * dt / 2 + twice * dt**2 / 12


def _accelerations(model: Any, x: np.ndarray, data: Trajectories) -> Float[np.ndarray, "n T dim"]:
    half = x.shape[2] // 2
    dt = float(np.median(np.diff(data.times.astype(np.float64))))
    q = x[..., :half].astype(np.float64)
    seen = data.observed[:, 2:] & data.observed[:, 1:-1] & data.observed[:, :-2]
    gaps = np.diff(data.times.astype(np.float64))
    near = np.abs(gaps - dt) < 0.1 * dt
    seen = seen & near[1:] & near[:-1]
    a = (q[:, 2:] - 2 * q[:, 1:-1] + q[:, :-2]) / dt**2
    drift, inverse = _at(model, x[:, 1:-1], data)
    rest = (a - drift[..., half:]) * np.sqrt(1.5 * dt)
    scaled = np.einsum("ntij,ntj->nti", inverse[..., half:], rest)
    return np.where(seen[..., None], scaled, np.nan)


def _at(model: Any, x: np.ndarray, data: Trajectories) -> tuple[np.ndarray, np.ndarray]:
    """Drift and pseudo-inverse of B at all states."""
    states = jnp.asarray(x.reshape(-1, *data.event_shape), dtype=float)
    drift, root = _fields(model, states)
    dim = int(np.prod(data.event_shape))
    drift = np.asarray(drift, np.float64).reshape(len(states), -1)
    root = np.asarray(root, np.float64)
    if root.ndim == 1:
        root = root[:, None, None] * np.eye(dim)
    elif root.ndim != 3 or root.shape[1] != dim or len(data.event_shape) > 1:
        root = root.reshape(len(root), -1, 1) * np.eye(dim)
    inverse = np.linalg.pinv(root, rcond=1e-7)
    shape = x.shape[:2]
    return drift.reshape(*shape, -1), inverse.reshape(*shape, *inverse.shape[1:])


@jit
def _fields(model: Any, states: Any) -> Any:
    zero = jnp.zeros(())
    return (
        jax.vmap(lambda x: model.drift(zero, x))(states),
        jax.vmap(lambda x: model.diffusion(zero, x))(states),
    )


@jit
def _turned(model: Any, states: Any, moves: Any) -> Any:
    """J v and J² v, J = ∂f/∂x."""
    zero = jnp.zeros(())

    def both(x: Any, v: Any) -> Any:
        along = lambda v: jax.jvp(lambda x: model.drift(zero, x), (x,), (v,))[1]
        return along(v), along(along(v))

    return jax.vmap(both)(states, moves)


def _within(moment: Moment, small: float) -> bool:
    return abs(moment.z) < _SURE or abs(moment.value) < small

"""The bridge of any linear SDE, with or without equilibrium."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.constant import Constant
from noneq.data.summary import Summary
from noneq.errors import InvalidInput
from noneq.methods.bridges.base import (
    AbstractBridge,
    HasLinearReference,
    HasMeasure,
    HasRefit,
    HasTables,
    Passage,
)
from noneq.methods.bridges.straight import check_noise, noise_of
from noneq.statistics.linear_reference import LinearReference


_PHASES = 256
"""Phases at which a bridge is tabulated, the middles of equal strata."""
_MOST_TABLE = 2**28
"""Numbers in the tables of all intervals."""


def _nested(values: Any) -> Any:
    """Any array-like as nested tuples of floats, so that equal recipes compare equal."""
    if values is None or isinstance(values, int | float):
        return values
    return tuple(_nested(v) for v in np.asarray(values, float).tolist())


class LinearSDE(AbstractBridge, HasMeasure, HasRefit):
    """dX = A (X − centre) dt + sigma dW, tied at both ends; A may be unstable and not symmetric.

    **Equation**: with P_t = sigma² ∫_0^t e^{rA} e^{rAᵀ} dr and ends from the centre, given both ends
    X_t has the mean e^{tA} x0 + K (x1 − e^{ΔA} x0), K = P_t e^{(Δ−t)Aᵀ} P_Δ⁻¹, and the covariance
    P_t − K e^{(Δ−t)A} P_t; velocity = A x + sigma² e^{rAᵀ} P_r⁻¹ (x1 − e^{rA} x) − sigma² score/2 with
    r = Δ − t. A and sigma are rates per physical time: over an interval Δ they act as A Δ, sigma² Δ.

    The network learns the difference to A (x − centre). Phases are drawn from 256 levels, at which
    the bridge is computed in float64 beforehand.

    Args:
        A: (dim, dim) nested numbers or an array; None is zero, a Brownian motion.
        centre: (dim,) in the user's coordinates; None is the mean of the data.
        sigma: as in `Brownian`.

    Raises:
        InvalidInput: shapes that do not fit the data, a sigma that is not positive, or a direction
            that grows too far over an interval.

    Source: Zhang and Stumpf 2025, theorem 2 and section 4.
    """

    stochastic: ClassVar[bool] = True

    A: Any = eqx.field(default=None, converter=_nested)
    centre: Any = eqx.field(default=None, converter=_nested)
    sigma: float | None = None

    def __check_init__(self) -> None:
        check_noise("LinearSDE", self.sigma)
        if self.A is not None:
            shape = np.shape(self.A)
            if len(shape) != 2 or shape[0] != shape[1] or not np.isfinite(self.A).all():
                raise InvalidInput(
                    f"LinearSDE: A has shape {shape}; expected a finite square matrix."
                )
        if self.centre is not None and not np.isfinite(self.centre).all():
            raise InvalidInput("LinearSDE: centre holds NaN or infinity.")

    def measured(self, summary: Summary) -> "FixedLinear":
        dim = summary.dim
        A = np.zeros((dim, dim)) if self.A is None else np.asarray(self.A)
        mean = np.repeat(np.asarray(summary.shift), dim // len(summary.shift))
        centre = np.zeros(dim) if self.centre is None else np.ravel(self.centre) - mean
        if A.shape != (dim, dim) or centre.shape != (dim,):
            raise InvalidInput(
                f"LinearSDE: A has shape {A.shape} and centre {centre.shape}; the states have {dim} "
                f"numbers, so expected ({dim}, {dim}) and ({dim},)."
            )
        return FixedLinear.of(A, centre, noise_of(self.sigma, summary))

    def refitted(self, states: np.ndarray, drifts: np.ndarray) -> "FixedLinear":
        return self.fixed.refitted(states, drifts)

    @property
    def fixed(self) -> "FixedLinear":
        """The bridge by the given numbers alone, in coordinates whose origin is that of the states.

        Raises:
            InvalidInput: some are left to the data.
        """
        if self.A is None or self.sigma is None:
            raise InvalidInput("LinearSDE: A or sigma is left to the data; give both, or fit.")
        centre = np.zeros(len(self.A)) if self.centre is None else np.asarray(self.centre)
        return FixedLinear.of(np.asarray(self.A), centre, self.sigma)

    def at(
        self,
        x0: Float[Array, " dim"],
        x1: Float[Array, " dim"],
        phase: ScalarLike,
        duration: ScalarLike,
        *,
        key: Key,
    ) -> Passage:
        return self.fixed.at(x0, x1, phase, duration, key=key)

    def cost(self, x0: np.ndarray, x1: np.ndarray, duration: float) -> np.ndarray:
        return self.fixed.cost(x0, x1, duration)

    def drift(self, x: Float[Array, " dim"], time: ScalarLike) -> Float[Array, " dim"]:
        return self.fixed.drift(x, time)

    def diffusion(self) -> Scalar:
        return self.fixed.diffusion()


class Table(eqx.Module):
    """Matrices of the bridge over one interval, at every phase ``(phases, dim, dim)``.

    **Equation**: x = start x0 + end x1 + root xi, velocity = A x + at x + to x1 + turn xi,
    score = −press xi, ends from the centre.
    """

    start: Array
    end: Array
    root: Array
    at: Array
    to: Array
    turn: Array
    press: Array


class FixedLinear(AbstractBridge, HasTables, HasRefit, HasLinearReference):
    """`LinearSDE` with all its numbers, kept in a fitted model.

    Args:
        A: (dim, dim).
        centre: (dim,), from the centre of the data.
        sigma: noise.
        tables: of each duration, or None.
        durations: that the tables are of.
    """

    stochastic: ClassVar[bool] = True

    A: Constant
    centre: Constant
    sigma: Constant
    tables: Table | None = None
    durations: Constant | None = None

    @classmethod
    def of(cls, A: np.ndarray, centre: np.ndarray, sigma: float) -> "FixedLinear":
        """From numbers of the host."""
        constant = lambda part: Constant(jnp.asarray(part, float))
        return cls(A=constant(A), centre=constant(centre), sigma=constant(sigma))

    @property
    def reference(self) -> LinearReference:
        """The same for the algebra of the host."""
        A, centre, sigma = (
            np.asarray(part.value, np.float64) for part in (self.A, self.centre, self.sigma)
        )
        return LinearReference(A, centre, sigma**2 * np.eye(len(A)))

    def linear(self, dim: int) -> LinearReference:
        return self.reference

    def tabulated(self, durations: tuple[float, ...]) -> "FixedLinear":
        distinct = tuple(sorted(set(durations)))
        size = len(distinct) * _PHASES * 7 * self.centre.value.size**2
        if size > _MOST_TABLE:
            raise InvalidInput(
                f"LinearSDE: tables of {len(distinct)} different intervals in "
                f"{self.centre.value.size} dimensions take {4e-9 * size:.1f} GB; take fewer components, "
                "or Brownian()."
            )
        tables = [_table(self.reference, duration) for duration in distinct]
        stacked = jax.tree.map(lambda *parts: jnp.stack(parts), *tables)
        lengths = Constant(jnp.asarray(distinct, float))
        return FixedLinear(self.A, self.centre, self.sigma, tables=stacked, durations=lengths)

    def refitted(self, states: np.ndarray, drifts: np.ndarray) -> "FixedLinear":
        """With A and centre of the least squares fit drift = A (x − centre)."""
        dim = states.shape[-1]
        x, f = (np.asarray(part, np.float64).reshape(-1, dim) for part in (states, drifts))
        mean = x.mean(0)
        A = np.linalg.lstsq(x - mean, f - f.mean(0), rcond=1e-6)[0].T
        centre = mean - np.linalg.lstsq(A, f.mean(0), rcond=1e-3)[0]
        return FixedLinear.of(A, centre, float(self.sigma.value))

    def at(
        self,
        x0: Float[Array, " dim"],
        x1: Float[Array, " dim"],
        phase: ScalarLike,
        duration: ScalarLike,
        *,
        key: Key,
    ) -> Passage:
        """As `AbstractBridge.at`, at the nearest of the tabulated phases and durations."""
        if self.tables is None or self.durations is None:
            # A single pair: the tables are made on the spot, which tracing cannot.
            return self.tabulated((float(duration),)).at(x0, x1, phase, duration, key=key)
        level = jnp.clip(jnp.floor(jnp.asarray(phase) * _PHASES).astype(int), 0, _PHASES - 1)
        which = jnp.argmin(jnp.abs(self.durations.value - duration))
        now = jax.tree.map(lambda part: part[which, level], self.tables)
        xi = jax.random.normal(key, x0.shape, x0.dtype)
        x0, x1 = x0 - self.centre.value, x1 - self.centre.value
        x = now.start @ x0 + now.end @ x1 + now.root @ xi
        velocity = (self.A.value + now.at) @ x + now.to @ x1 + now.turn @ xi
        spread = jnp.sqrt(jnp.mean(jnp.sum(now.root**2, axis=1)))
        return Passage(x + self.centre.value, velocity, -now.press @ xi, spread)

    def cost(self, x0: np.ndarray, x1: np.ndarray, duration: float) -> np.ndarray:
        """½ (x1 − e^{ΔA} x0)ᵀ P⁻¹ (x1 − e^{ΔA} x0), from the centre."""
        self.reference.check(duration)
        return self.reference.cost(x0, x1, duration)

    def drift(self, x: Float[Array, " dim"], time: ScalarLike) -> Float[Array, " dim"]:
        """A (x − centre)."""
        return self.A.value @ (x - self.centre.value)

    def diffusion(self) -> Scalar:
        return self.sigma.value


def _table(reference: LinearReference, duration: float) -> Table:
    reference.check(duration)
    reference.march(duration, 2 * _PHASES)
    rows = []
    for phase in (np.arange(_PHASES) + 0.5) / _PHASES:
        law = reference.bridge(phase * duration, duration)
        at, to = reference.control(phase * duration, duration)
        root = np.linalg.cholesky(law.covariance)
        press = np.linalg.inv(root).T
        rows.append((law.start, law.end, root, at, to, reference.noise @ press / 2, press))
    return Table(*(jnp.asarray(np.stack(part), float) for part in zip(*rows, strict=True)))

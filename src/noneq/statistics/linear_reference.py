"""Linear stochastic dynamics between two fixed ends, in closed form, float64 on the host."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from noneq.errors import InvalidInput
from noneq.systems.linear import gaussian_step


_MOST_CONDITION = 1e12
_MOST_GROWTH = 1e8
"""Of a deviation over an interval; models compute in float32, where more is lost in rounding."""
_LEAST_REST = 1e-6
"""Least part of the duration that is left where a control is asked for: it ends like 1/rest."""


class LinearBridge(NamedTuple):
    """Law of X_t given both ends: mean start X_0 + end X_T and a covariance, ends from the centre."""

    start: np.ndarray
    end: np.ndarray
    covariance: np.ndarray


@dataclass(frozen=True)
class LinearReference:
    """dX = A (X − centre) dt + dN, N Gaussian noise of covariance ``noise`` per unit time.

    Args:
        A: (dim, dim), of any spectrum, symmetric or not; zeros are Brownian motion.
        centre: (dim,).
        noise: (dim, dim) covariance sigma sigmaᵀ, positive definite.

    Raises:
        InvalidInput: shapes that do not fit, or a noise that leaves a direction at rest.
    """

    A: np.ndarray
    centre: np.ndarray
    noise: np.ndarray
    known: dict[float, tuple[np.ndarray, np.ndarray]] = field(
        default_factory=dict, repr=False, compare=False
    )
    """Transitions that were asked for before."""

    def __post_init__(self) -> None:
        dim = len(self.centre)
        if self.A.shape != (dim, dim) or self.noise.shape != (dim, dim):
            raise InvalidInput(
                f"linear reference: A has shape {self.A.shape}, noise {self.noise.shape}; expected "
                f"({dim}, {dim}), as centre has {dim} numbers."
            )
        if not all(np.isfinite(part).all() for part in (self.A, self.centre, self.noise)):
            raise InvalidInput("linear reference: A, centre or noise holds NaN or infinity.")
        if np.linalg.eigvalsh(self.noise).min() <= 0:
            raise InvalidInput(
                "linear reference: the noise is no positive definite covariance; a bridge needs "
                "noise in every direction."
            )

    def transition(self, t: float) -> tuple[np.ndarray, np.ndarray]:
        """(M, P): X_t given X_0 is N(M X_0, P), from the centre.

        **Equation**: M = e^{tA}, P = ∫_0^t e^{sA} noise e^{sAᵀ} ds.
        """
        key = _key(t)
        if key not in self.known:
            self.known[key] = gaussian_step(self.A, self.noise, t)
        return self.known[key]

    def march(self, duration: float, count: int) -> None:
        """Compute the transitions to all multiples of duration/count at once, step by step."""
        step, spread = self.transition(duration / count)
        M, P = step, spread
        for i in range(2, count):
            M, P = step @ M, step @ P @ step.T + spread
            self.known.setdefault(_key(duration * i / count), (M, P))

    def check(self, duration: float) -> None:
        """Refuse an interval over which the two ends cannot be told apart in float64.

        Raises:
            InvalidInput: with the growth factor ‖e^{A duration}‖.
        """
        M, P = self.transition(duration)
        good = np.isfinite(M).all() and np.isfinite(P).all()
        growth = float(np.linalg.norm(M, 2)) if good else np.inf
        if growth > _MOST_GROWTH or np.linalg.cond(P) > _MOST_CONDITION:
            raise InvalidInput(
                f"the reference has directions that grow {growth:.3g} times over an interval of "
                f"{duration:g}, too far apart for a bridge; give closer snapshots, or an A with smaller "
                "eigenvalues (Brownian() has none)."
            )

    def cost(self, x0: np.ndarray, x1: np.ndarray, duration: float) -> np.ndarray:
        """−log of the transition density of every pair, up to a constant: (n, m).

        **Equation**: ½ (x1 − M x0)ᵀ P⁻¹ (x1 − M x0), states ``(n, dim)`` and ``(m, dim)``.
        """
        M, P = self.transition(duration)
        root = np.linalg.cholesky(P)
        y0 = np.linalg.solve(root, M @ (x0 - self.centre).T).T
        y1 = np.linalg.solve(root, (x1 - self.centre).T).T
        return squared_distances(y0, y1) / 2

    def bridge(self, t: float, duration: float) -> LinearBridge:
        """The law of X_t given the states at 0 and at ``duration``.

        **Equation**: end = P_t e^{(T − t)Aᵀ} P_T⁻¹, start = e^{tA} − end e^{TA},
        covariance = P_t − end e^{(T − t)A} P_t.
        """
        M, P = self.transition(t)
        rest, _ = self.transition(duration - t)
        whole, spread = self.transition(duration)
        end = np.linalg.solve(spread, rest @ P).T
        covariance = P - end @ rest @ P
        return LinearBridge(M - end @ whole, end, (covariance + covariance.T) / 2)

    def control(self, t: float, duration: float) -> tuple[np.ndarray, np.ndarray]:
        """(at, to): conditioning on X_T = x1 adds at X_t + to x1 to the drift, from the centre.

        **Equation**: to = noise e^{rAᵀ} P_r⁻¹, at = −to e^{rA}, r = T − t (at least 1e-6 T).
        """
        M, P = self.transition(max(duration - t, _LEAST_REST * duration))
        to = np.linalg.solve(P, M @ self.noise).T
        return -to @ M, to


def _key(t: float) -> float:
    """A time to twelve digits, so that differences of times are found again."""
    return float(f"{t:.12g}")


def squared_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """|x_i − y_j|² of vectors ``(n, dim)`` and ``(m, dim)``, about their common centre."""
    centre = (x.mean(0) + y.mean(0)) / 2
    x, y = x - centre, y - centre
    squares = (x**2).sum(1)[:, None] + (y**2).sum(1) - 2 * x @ y.T
    return np.maximum(squares, 0.0)

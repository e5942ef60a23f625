"""The Schrödinger bridge between two Gaussians for a linear reference, in closed form."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from noneq.errors import InvalidInput
from noneq.statistics.linear_reference import LinearReference
from noneq.systems.linear import square_root


@dataclass(frozen=True)
class GaussianBridge:
    """Of all processes from N(start) to N(end) the one nearest to the reference, in relative entropy.

    **Equation**: with P, M the covariance and the mean of the reference over the duration,
    a = P^{−½} M Σ_0 Mᵀ P^{−½} and b = P^{−½} Σ_1 P^{−½}, the cross-covariance of P^{−½} M X_0 and
    P^{−½} X_T is C = ½ [(4 a b + I)^{½} − I]. In between the process is the reference's own bridge.

    Args:
        reference: the linear reference; A = 0 is Brownian motion.
        start, end: (mean, covariance) at 0 and at ``duration``; covariances may be singular.
        duration: T.
        plan: (dim, dim) Cov(X_0, X_T) of another plan; then `drift` and `velocity` are those of the
            best Markov process with these moments. None takes C.

    Raises:
        InvalidInput: a covariance of another shape or with negative eigenvalues, a duration that
            is not positive, or a reference that cannot bridge it.

    Source: Janati et al. 2020, eq. 6; Bunne et al. 2023, theorem 3.
    """

    reference: LinearReference
    start: tuple[np.ndarray, np.ndarray]
    end: tuple[np.ndarray, np.ndarray]
    duration: float
    plan: np.ndarray | None = None

    def __post_init__(self) -> None:
        if not 0 < self.duration < np.inf:
            raise InvalidInput(f"GaussianBridge: duration = {self.duration}; expected > 0.")
        dim = len(self.reference.centre)
        for name, (mean, covariance) in {"start": self.start, "end": self.end}.items():
            if mean.shape != (dim,) or covariance.shape != (dim, dim):
                raise InvalidInput(
                    f"GaussianBridge: {name} has a mean of shape {mean.shape} and a covariance of "
                    f"{covariance.shape}; expected ({dim},) and ({dim}, {dim})."
                )
            lowest = np.linalg.eigvalsh(covariance).min()
            if lowest < -1e-9 * np.abs(covariance).max():
                raise InvalidInput(f"GaussianBridge: {name} has a negative variance {lowest:.3g}.")
        self.reference.check(self.duration)

    @cached_property
    def cross(self) -> np.ndarray:
        """Cov(X_0, X_T)."""
        if self.plan is not None:
            return self.plan
        M, P = self.reference.transition(self.duration)
        root = square_root(P)
        whiten = np.linalg.inv(root)
        a = whiten @ M @ self.start[1] @ M.T @ whiten
        b = whiten @ self.end[1] @ whiten
        # (4ab + I)^½ = I + a^½ [(4 a^½ b a^½ + I)^½ − I] a^{−½}; that of the eigenvectors of
        # a^½ b a^½ needs no a^{−½}, which singular starts do not have.
        half = square_root(a)
        values, vectors = np.linalg.eigh(half @ b @ half)
        values = values.clip(0)
        # ½ (sqrt(4v + 1) − 1)/v = 2/(sqrt(4v + 1) + 1).
        gain = 2 / (np.sqrt(4 * values + 1) + 1)
        C = half @ (vectors * gain) @ vectors.T @ half @ b
        return np.linalg.solve(whiten @ M, C @ root)

    def moments(self, t: float) -> tuple[np.ndarray, np.ndarray]:
        """Mean (dim,) and covariance (dim, dim) of X_t."""
        centre = self.reference.centre
        law = self.reference.bridge(t, self.duration)
        mean = law.start @ (self.start[0] - centre) + law.end @ (self.end[0] - centre) + centre
        mixed = law.start @ self.cross @ law.end.T
        covariance = (
            law.start @ self.start[1] @ law.start.T
            + law.end @ self.end[1] @ law.end.T
            + mixed
            + mixed.T
            + law.covariance
        )
        return mean, (covariance + covariance.T) / 2

    def drift(self, t: float) -> tuple[np.ndarray, np.ndarray]:
        """(value at the mean, matrix): f(t, x) = value + matrix (x − mean_t), of dX = f dt + dN."""
        t = min(max(t, 0.0), self.duration * (1 - 1e-6))
        centre = self.reference.centre
        mean, covariance = self.moments(t)
        at, to = self.reference.control(t, self.duration)
        law = self.reference.bridge(t, self.duration)
        ends = self.cross.T @ law.start.T + self.end[1] @ law.end.T
        # In units of each coordinate's own width, which may differ by many orders.
        width = _widths(covariance)
        scaled = covariance / np.outer(width, width)
        expected = (np.linalg.lstsq(scaled, ends.T / width[:, None], rcond=1e-12)[0].T) / width
        matrix = self.reference.A + at + to @ expected
        value = (self.reference.A + at) @ (mean - centre) + to @ (self.end[0] - centre)
        return value, matrix

    def velocity(self, t: float) -> tuple[np.ndarray, np.ndarray]:
        """(value at the mean, matrix) of the current velocity u = f − ½ noise ∇ log p.

        Raises:
            InvalidInput: a singular covariance at that time.
        """
        value, matrix = self.drift(t)
        return value, matrix + self.reference.noise @ self.precision(t) / 2

    def precision(self, t: float) -> np.ndarray:
        """Inverse covariance of X_t: the score is −precision (x − mean_t).

        Raises:
            InvalidInput: a singular covariance at that time.
        """
        covariance = self.moments(t)[1]
        width = _widths(covariance)
        values, vectors = np.linalg.eigh(covariance / np.outer(width, width))
        if values.min() <= 1e-12:
            raise InvalidInput(
                f"GaussianBridge: the covariance at time {t:g} is singular (more coordinates than "
                "samples, or one that is constant); add a ridge or take fewer components."
            )
        return (vectors / values) @ vectors.T / np.outer(width, width)


def _widths(covariance: np.ndarray) -> np.ndarray:
    """Standard deviations, 1 where there is none."""
    width = np.sqrt(np.diag(covariance).clip(0))
    return np.where(width > 0, width, 1.0)

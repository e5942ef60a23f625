"""Linear systems (Ornstein–Uhlenbeck), for which everything is known."""

from abc import abstractmethod
from typing import Any, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Numbers, Scalar, ScalarLike
from noneq.domains import Free
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.systems.base import (
    AbstractDiffusion,
    HasEntropyProduction,
    HasStationaryDensity,
    HasTransition,
)
from noneq.systems.one_state import of_state


Matrix: TypeAlias = tuple[tuple[float, ...], ...]
"""A matrix as nested tuples of numbers, row by row."""


def _nested(values: Numbers | None) -> Any:
    """Any array-like as nested tuples of floats, so that equal systems compare equal."""
    if values is None or isinstance(values, int | float):
        return values
    return tuple(_nested(v) for v in np.asarray(values, float).tolist())


class AbstractLinear(AbstractDiffusion, HasStationaryDensity, HasTransition):
    """Linear drift and constant noise of a state of any shape, taken as a vector x of dim numbers.

    **Equation**: dx = −A x dt + √(2D) dW.
    """

    @abstractmethod
    def matrices(self) -> tuple[np.ndarray, np.ndarray]:
        """A and D, (dim, dim) each."""

    @abstractmethod
    def start(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean (dim,) and covariance (dim, dim) of the Gaussian from which paths start."""

    @property
    def domain(self) -> Free:
        """All of R^dim."""
        return Free()

    @property
    def time_step(self) -> float:
        """0.01 / ‖A‖ (1 where A vanishes)."""
        norm = float(np.linalg.norm(self.matrices()[0], 2))
        return 0.01 / norm if norm > 0 else 1.0

    @of_state
    def drift(self, t: ScalarLike, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """−A x."""
        return (-jnp.asarray(self.matrices()[0], x.dtype) @ x.reshape(-1)).reshape(x.shape)

    def diffusion(self, t: ScalarLike, x: Float[Array, "*event"]) -> Array:
        """√(2D): a number or a diagonal where that is enough, else a matrix."""
        twice = 2 * self.matrices()[1]
        diagonal = np.diag(twice)
        if np.any(twice != np.diag(diagonal)):
            return jnp.asarray(square_root(twice), x.dtype)
        root = np.sqrt(diagonal)
        alike = np.all(root == root[0])
        return jnp.asarray(root[0] if alike else root.reshape(self.event_shape), x.dtype)

    @checked
    def initial(self, key: Key) -> Float[Array, "*event"]:
        """Gaussian, see `start`."""
        mean, covariance = self.start()
        noise = jax.random.normal(key, mean.shape)
        state = jnp.asarray(mean, noise.dtype) + jnp.asarray(square_root(covariance)) @ noise
        return state.reshape(self.event_shape)

    def stationary_covariance(self) -> np.ndarray:
        """Sigma of A Sigma + Sigma A^T = 2D, (dim, dim)."""
        return stationary_covariance(*self.matrices())

    def transition(self, lag: float) -> tuple[np.ndarray, np.ndarray]:
        """(e^{−A lag}, covariance): x(t + lag) given x(t) is N(e^{−A lag} x(t), covariance).

        **Equation**: covariance = ∫_0^lag e^{−As} 2D e^{−A^T s} ds.
        """
        A, D = self.matrices()
        return gaussian_step(-A, 2 * D, lag)

    def moments(self, time: float) -> tuple[np.ndarray, np.ndarray]:
        """Mean (dim,) and covariance (dim, dim) of the law at a time, started at time 0."""
        mean, covariance = self.start()
        if time == 0:
            return mean, covariance
        decay, added = self.transition(time)
        return decay @ mean, decay @ covariance @ decay.T + added

    @of_state
    def log_density(self, x: Float[Array, "*event"]) -> Scalar:
        """log N(x; 0, Sigma)."""
        covariance = self.stationary_covariance()
        precision = jnp.asarray(np.linalg.inv(covariance), x.dtype)
        constant = np.linalg.slogdet(2 * np.pi * covariance)[1] / 2
        return -x.reshape(-1) @ precision @ x.reshape(-1) / 2 - constant


class AbstractSteadyLinear(AbstractLinear):
    """A linear system whose paths start in its stationary law."""

    def start(self) -> tuple[np.ndarray, np.ndarray]:
        """Zero and Sigma."""
        covariance = self.stationary_covariance()
        return np.zeros(len(covariance)), covariance


class Linear(AbstractLinear, HasEntropyProduction):
    """Linear drift and constant noise.

    **Equation**: dX = −A X dt + √(2D) dW.

    The default is the rotational trap A = k I + w J with k = 1, w = 2: Boltzmann in its trap and
    yet dissipating 2 w²/k = 8 nats per unit time.

    Args:
        A: (dim, dim) rates, nested tuples or any array.
        D: (dim, dim) diffusivity, symmetric, positive semi-definite.
        start_mean: (dim,) mean of the Gaussian start; None is the origin.
        start_covariance: (dim, dim) of the start; None is the stationary one.

    Raises:
        InvalidInput: shapes that do not fit, a D that is no diffusivity, or no start_covariance
            for an A that has no stationary law.
    """

    A: Matrix = eqx.field(default=((1.0, -2.0), (2.0, 1.0)), converter=_nested)
    D: Matrix = eqx.field(default=((1.0, 0.0), (0.0, 1.0)), converter=_nested)
    start_mean: tuple[float, ...] | None = eqx.field(default=None, converter=_nested)
    start_covariance: Matrix | None = eqx.field(default=None, converter=_nested)

    def __check_init__(self) -> None:
        A, D = np.asarray(self.A, float), np.asarray(self.D, float)
        if A.ndim != 2 or A.shape[0] != A.shape[1] or not np.isfinite(A).all():
            raise InvalidInput(f"Linear: A has shape {A.shape}; expected a finite square matrix.")
        _check_covariance("D", D, A.shape)
        if self.start_mean is not None and np.shape(self.start_mean) != A.shape[:1]:
            raise InvalidInput(
                f"Linear: start_mean has shape {np.shape(self.start_mean)}; expected {A.shape[:1]}."
            )
        if self.start_covariance is not None:
            _check_covariance("start_covariance", np.asarray(self.start_covariance, float), A.shape)
        elif not _stable(A):
            raise InvalidInput(
                "Linear: A has an eigenvalue without positive real part, so no stationary law to "
                "start from; give start_covariance."
            )

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(dim,)."""
        return (len(self.A),)

    def matrices(self) -> tuple[np.ndarray, np.ndarray]:
        """A and D as arrays."""
        return np.asarray(self.A, float), np.asarray(self.D, float)

    def start(self) -> tuple[np.ndarray, np.ndarray]:
        """``start_mean`` and ``start_covariance``."""
        dim = len(self.A)
        mean = np.zeros(dim) if self.start_mean is None else np.asarray(self.start_mean, float)
        if self.start_covariance is None:
            return mean, self.stationary_covariance()
        return mean, np.asarray(self.start_covariance, float)

    def entropy_production_rate(self) -> float:
        """Tr[A^T D^{-1} A Sigma] − Tr A."""
        return linear_entropy_production(self.A, self.D)


def gaussian_step(A: np.ndarray, noise: np.ndarray, lag: float) -> tuple[np.ndarray, np.ndarray]:
    """(e^{A lag}, covariance) of dX = A X dt + dN, N of covariance ``noise`` per unit time.

    **Equation**: covariance = ∫_0^lag e^{As} noise e^{Aᵀs} ds, by Van Loan's block exponential
    over a fraction of the lag, then doubled (it would overflow at long lags).
    """
    from scipy.linalg import expm

    dim = len(A)
    doublings = max(0, int(np.ceil(np.log2(max(np.linalg.norm(A, 2) * lag, 1e-9)))))
    block = np.block([[-A, noise], [np.zeros_like(A), A.T]]) * lag / 2**doublings
    exponential = expm(block)
    growth = exponential[dim:, dim:].T
    covariance = growth @ exponential[:dim, dim:]
    for _ in range(doublings):
        covariance = covariance + growth @ covariance @ growth.T
        growth = growth @ growth
    return growth, covariance


def stationary_covariance(A: Matrix | np.ndarray, D: Matrix | np.ndarray) -> np.ndarray:
    """Sigma of dX = −A X dt + √(2D) dW.

    **Equation**: A Sigma + Sigma A^T = 2D.

    Raises:
        InvalidInput: an A without stationary law.
    """
    from scipy.linalg import solve_continuous_lyapunov

    A, D = np.asarray(A, float), np.asarray(D, float)
    if not _stable(A):
        raise InvalidInput("A has an eigenvalue without positive real part: no stationary law.")
    sigma = solve_continuous_lyapunov(A, 2 * D)
    return (sigma + sigma.T) / 2


def linear_entropy_production(A: Matrix | np.ndarray, D: Matrix | np.ndarray) -> float:
    """Entropy production rate of dX = −A X dt + √(2D) dW, all coordinates even.

    **Equation**: Tr[A^T D^{-1} A Sigma] − Tr A.

    Returns:
        Nats per unit time.

    Raises:
        InvalidInput: an A without stationary law, or a singular D.
    """
    sigma = stationary_covariance(A, D)
    A, D = np.asarray(A, float), np.asarray(D, float)
    if np.linalg.matrix_rank(D) < len(D):
        raise InvalidInput("D is singular; the formula for even coordinates needs it invertible.")
    return float(np.trace(A.T @ np.linalg.solve(D, A) @ sigma) - np.trace(A))


def square_root(matrix: np.ndarray) -> np.ndarray:
    """Symmetric square root of a positive semi-definite matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(values.clip(0))) @ vectors.T


def _stable(A: np.ndarray) -> bool:
    return bool((np.linalg.eigvals(A).real > 0).all())


def _check_covariance(name: str, matrix: np.ndarray, shape: tuple[int, ...]) -> None:
    if matrix.shape != shape:
        raise InvalidInput(f"Linear: {name} has shape {matrix.shape}; expected {shape}, as A.")
    if not np.isfinite(matrix).all():
        raise InvalidInput(f"Linear: {name} holds NaN or infinity.")
    lowest = np.linalg.eigvalsh((matrix + matrix.T) / 2).min()
    if not np.allclose(matrix, matrix.T) or lowest < -1e-12 * np.abs(matrix).max():
        raise InvalidInput(f"Linear: {name} must be symmetric and positive semi-definite.")

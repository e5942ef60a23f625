"""Pairs of distributions whose entropic transport plan is known: a Gaussian and its image."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from noneq.errors import InvalidInput


@dataclass(frozen=True)
class MixturePair:
    """A standard normal start and the end to which a given plan carries it.

    **Equation**: with φ(y) = Σ_k w_k N(y; μ_k, Σ_k) the plan is π(y | x) ∝ e^{−|x − y|²/2ε} φ(y),
    which is the mixture Σ_k γ_k(x) N(y; C_k (x/ε + Σ_k^{−1} μ_k), C_k), C_k = (I/ε + Σ_k^{−1})^{−1},
    γ_k ∝ w_k N(x; μ_k, Σ_k + ε I). It solves the entropic transport problem between N(0, I) and its
    own second marginal for the cost |x − y|²/2, whatever φ is, and the Schrödinger bridge
    dX = g dt + √ε dW on [0, 1] has g(t, x) = ε ∇ log Σ_k w_k N(x; μ_k, Σ_k + (1 − t) ε I).

    Args:
        weights: (K,), positive; they are normalised.
        means: (K, dim).
        covariances: (K, dim, dim), positive definite.
        epsilon: ε > 0.

    Raises:
        InvalidInput: shapes that do not fit, a weight or an eigenvalue that is not positive.

    Source: Gushchin et al. 2023 (the benchmark); Korotin et al. 2024, proposition 3.3.
    """

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    epsilon: float

    def __post_init__(self) -> None:
        if self.means.ndim != 2:
            raise InvalidInput(
                f"MixturePair: means have shape {self.means.shape}; expected (K, dim)."
            )
        count, dim = self.means.shape
        if self.weights.shape != (count,) or self.covariances.shape != (count, dim, dim):
            raise InvalidInput(
                f"MixturePair: weights {self.weights.shape}, means {self.means.shape} and "
                f"covariances {self.covariances.shape}; expected (K,), (K, dim) and (K, dim, dim)."
            )
        if not 0 < self.epsilon < np.inf:
            raise InvalidInput(f"MixturePair: epsilon = {self.epsilon}; expected a number > 0.")
        if not (self.weights > 0).all() or not (np.linalg.eigvalsh(self.covariances) > 0).all():
            raise InvalidInput("MixturePair: weights and eigenvalues of covariances must be > 0.")

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return self.means.shape[1]

    def plan(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The conditional mixtures: shares (n, K), means (n, K, dim), covariances (K, dim, dim)."""
        shares = np.exp(self._log_shares(x, self.epsilon))
        covariances = np.linalg.inv(np.eye(self.dim) / self.epsilon + self._precisions)
        pull = x[:, None, :] / self.epsilon + np.einsum("kij,kj->ki", self._precisions, self.means)
        return shares, np.einsum("kij,nkj->nki", covariances, pull), covariances

    def moments(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean (n, dim) and covariance (n, dim, dim) of the end, given the start."""
        shares, means, covariances = self.plan(x)
        mean = np.einsum("nk,nki->ni", shares, means)
        away = means - mean[:, None, :]
        covariance = np.einsum("nk,kij->nij", shares, covariances)
        return mean, covariance + np.einsum("nk,nki,nkj->nij", shares, away, away)

    def draws(self, n: int, *, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of the plan: starts (n, dim) and ends (n, dim)."""
        x = rng.normal(size=(n, self.dim))
        return x, self.ends(x, rng=rng)

    def ends(self, x: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
        """One end for each of the starts (n, dim)."""
        shares, means, covariances = self.plan(x)
        which = (np.cumsum(shares, axis=1) > rng.random((len(x), 1))).argmax(1)
        roots = np.linalg.cholesky(covariances)
        noise = np.einsum("nij,nj->ni", roots[which], rng.normal(size=x.shape))
        return means[np.arange(len(x)), which] + noise

    def drift(self, t: float, x: np.ndarray) -> np.ndarray:
        """g(t, x) of the Schrödinger bridge, (n, dim), 0 ≤ t ≤ 1."""
        spread = (1.0 - t) * self.epsilon
        shares = np.exp(self._log_shares(x, spread))
        precisions = np.linalg.inv(self.covariances + spread * np.eye(self.dim))
        away = self.means[None] - x[:, None, :]
        return self.epsilon * np.einsum("nk,kij,nkj->ni", shares, precisions, away)

    @cached_property
    def _precisions(self) -> np.ndarray:
        return np.linalg.inv(self.covariances)

    def _log_shares(self, x: np.ndarray, spread: float) -> np.ndarray:
        """log w_k N(x; μ_k, Σ_k + spread I), normalised over k: (n, K)."""
        broad = self.covariances + spread * np.eye(self.dim)
        away = x[:, None, :] - self.means[None]
        square = np.einsum("nki,kij,nkj->nk", away, np.linalg.inv(broad), away)
        log = np.log(self.weights) - 0.5 * (square + np.linalg.slogdet(broad)[1])
        log -= log.max(1, keepdims=True)
        return log - np.log(np.exp(log).sum(1, keepdims=True))


def random_pair(
    dim: int,
    epsilon: float,
    *,
    rng: np.random.Generator,
    components: int = 5,
    radius: float = 5.0,
    eigenvalues: tuple[float, float] = (0.2, 2.0),
) -> MixturePair:
    """A pair with means on a sphere and covariances of random axes and eigenvalues.

    Args:
        dim, epsilon: of the pair.
        rng: draws the means, axes and eigenvalues.
        components: K, of equal weights.
        radius: of the sphere.
        eigenvalues: least and largest one, drawn uniformly.

    Raises:
        InvalidInput: numbers that make no pair.
    """
    if dim < 1 or components < 1 or not 0 < eigenvalues[0] <= eigenvalues[1]:
        raise InvalidInput(
            f"random_pair: dim = {dim}, components = {components}, eigenvalues = {eigenvalues}; "
            "expected numbers ≥ 1 and 0 < least ≤ largest."
        )
    means = rng.normal(size=(components, dim))
    means *= radius / np.linalg.norm(means, axis=1, keepdims=True)
    axes = np.linalg.qr(rng.normal(size=(components, dim, dim)))[0]
    values = rng.uniform(*eigenvalues, size=(components, dim))
    covariances = np.einsum("kij,kj,klj->kil", axes, values, axes)
    return MixturePair(np.full(components, 1 / components), means, covariances, float(epsilon))


def squared_bures(
    mean: np.ndarray, covariance: np.ndarray, other_mean: np.ndarray, other: np.ndarray
) -> np.ndarray:
    """Squared Wasserstein-2 distance of Gaussians, for any number of pairs at once.

    **Equation**: |m − m'|² + tr(S + S' − 2 (S^½ S' S^½)^½).

    Args:
        mean, other_mean: (…, dim).
        covariance, other: (…, dim, dim), positive semi-definite.

    Returns:
        (…), not below 0.
    """
    values, axes = np.linalg.eigh(covariance)
    root = (axes * np.sqrt(np.maximum(values, 0.0))[..., None, :]) @ np.swapaxes(axes, -1, -2)
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ other @ root), 0.0)).sum(-1)
    trace = np.trace(covariance, axis1=-2, axis2=-1) + np.trace(other, axis1=-2, axis2=-1)
    return np.asarray(np.maximum(((mean - other_mean) ** 2).sum(-1) + trace - 2 * cross, 0.0))

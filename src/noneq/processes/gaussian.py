"""The Gaussian family: VP, sub-VP, VE, cosine, EDM and straight paths are its schedules."""

from abc import abstractmethod
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.processes.schedules import AbstractSchedule, Karras


class Perturbed(NamedTuple):
    """A noised state and the conditional values whose mean given x is the marginal one.

    Attributes:
        x: the noised state.
        velocity: dx/dtau given y; its mean given x carries p_tau.
        score: grad log p_tau(x | y).
        birth: birth rate, None if mass is conserved.
    """

    x: Float[Array, "*event"]
    velocity: Float[Array, "*event"] | None
    score: Float[Array, "*event"] | None
    birth: Scalar | None


class AbstractProcess(eqx.Module):
    """A physical process that turns data (tau = 0) into a prior (tau = 1)."""

    schedule: eqx.AbstractVar[AbstractSchedule]

    @abstractmethod
    def perturb(self, y: Float[Array, "*event"], tau: ScalarLike, *, key: Key) -> Perturbed:
        """Noise one state y to clock tau."""

    @abstractmethod
    def prior(self, std: ScalarLike) -> "NormalPrior":
        """Law at tau = 1 for centred data of standard deviation ``std``."""


class NormalPrior(eqx.Module):
    """N(0, scale² I) on states of any shape."""

    scale: Scalar

    def sample(self, shape: tuple[int, ...], *, key: Key) -> Array:
        """Draws of the given shape."""
        return self.scale * jax.random.normal(key, shape)

    def log_prob(self, x: Float[Array, "*event"]) -> Scalar:
        """Log density of one state in nats."""
        return jnp.sum(jax.scipy.stats.norm.logpdf(x, scale=self.scale))


class Gaussian(AbstractProcess):
    """x_tau = alpha(tau) y + sigma(tau) xi, xi ~ N(0, I).

    **Equation**: velocity alpha' y + sigma' xi, score −xi/sigma; as an SDE
    dx = (ln alpha)' x dtau + g dW, g² = (sigma²)' − 2 (ln alpha)' sigma².

    Args:
        schedule: the pair (alpha, sigma).

    Source: Song et al. 2021, eq. 5 and 29; Karras et al. 2022, appendix B.
    """

    schedule: AbstractSchedule = Karras()

    def perturb(self, y: Float[Array, "*event"], tau: ScalarLike, *, key: Key) -> Perturbed:
        alpha, sigma, d_alpha, d_sigma = self.schedule.rates(tau)
        xi = jax.random.normal(key, y.shape, y.dtype)
        return Perturbed(alpha * y + sigma * xi, d_alpha * y + d_sigma * xi, -xi / sigma, None)

    def prior(self, std: ScalarLike) -> NormalPrior:
        # The variance of the data that is left at tau = 1 belongs to the prior.
        alpha, sigma = self.schedule(1.0)
        return NormalPrior(jnp.sqrt(sigma**2 + alpha**2 * jnp.square(std)))

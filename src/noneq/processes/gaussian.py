"""The Gaussian family: VP, sub-VP, VE, cosine, EDM and straight paths are its schedules."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.processes.base import AbstractDiffusing, NormalPrior, Perturbed
from noneq.processes.schedules import AbstractSchedule, Karras


class Gaussian(AbstractDiffusing):
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

    def log_kernel(
        self, x: Float[Array, "*event"], y: Float[Array, "*event"], tau: ScalarLike
    ) -> Scalar:
        alpha, sigma = self.schedule(tau)
        return jnp.sum(jax.scipy.stats.norm.logpdf(x, alpha * y, sigma))

    def prior(self, std: ScalarLike) -> NormalPrior:
        # The variance of the data that is left at tau = 1 belongs to the prior.
        alpha, sigma = self.schedule(1.0)
        return NormalPrior(jnp.sqrt(sigma**2 + alpha**2 * jnp.square(std)))

    def project(self, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        return x

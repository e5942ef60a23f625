"""The Gaussian family: VP, sub-VP, VE, cosine, EDM and straight paths are its schedules."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.constant import Constant
from noneq.data.summary import Summary
from noneq.errors import InvalidInput
from noneq.nets.base import AbstractNetwork
from noneq.processes.base import AbstractAdditive, AbstractDiffusing, NormalPrior, Perturbed
from noneq.processes.denoiser import Denoiser
from noneq.processes.learnt import LearntLogSNR, LinearLogSNR, check_ends
from noneq.processes.schedules import AbstractSchedule, Karras
from noneq.processes.targets import AbstractTarget
from noneq.processes.torus.geodesic import GeodesicVelocity
from noneq.processes.torus.part import on_torus, shortened
from noneq.processes.torus.wrapped import WrappedScore


class AbstractGaussian(AbstractAdditive, AbstractDiffusing):
    """x_tau = alpha(tau) y + sigma(tau) xi, xi ~ N(0, I).

    **Equation**: velocity alpha' y + sigma' xi, score −xi/sigma; as an SDE
    dx = (ln alpha)' x dtau + g dW, g² = (sigma²)' − 2 (ln alpha)' sigma².

    Source: Song et al. 2021, eq. 5 and 29; Karras et al. 2022, appendix B.
    """

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


class Gaussian(AbstractGaussian):
    """Gaussian noise by a given schedule: see `AbstractGaussian`.

    Of data on a torus it is the wrapped process (`Wrapped`) for `Karras` and `VE`, and geodesics
    to the uniform law (`Geodesic`) for `Straight`.

    Args:
        schedule: the pair (alpha, sigma).
    """

    schedule: AbstractSchedule = Karras()

    def learnt(
        self, net: AbstractNetwork, summary: Summary, target: AbstractTarget, *, key: Key
    ) -> Denoiser | WrappedScore | GeodesicVelocity:
        if summary.periods:
            process = shortened(on_torus(self.schedule, summary.periods), summary.periods)
            return process.learnt(net, summary, target, key=key)
        std = Constant(jnp.asarray(summary.std))
        return Denoiser(net=net, std=std, process=self, target=target)


class LearntGaussian(AbstractGaussian):
    """Gaussian noise whose schedule is learnt with the network: a monotone gamma(tau).

    Before training gamma = ln(sigma²/alpha²) is linear; every fit starts from a fresh
    `LearntLogSNR`.

    Args:
        gamma_min, gamma_max: ends of gamma at the start of training.
        width: sigmoids of gamma; 0 keeps it linear in tau (the ends still learn).

    Raises:
        InvalidInput: ends that do not rise, or a negative width.

    Source: Kingma et al. 2021, section 5.1 and appendix H.
    """

    gamma_min: float = -13.3
    gamma_max: float = 5.0
    width: int = 256

    def __check_init__(self) -> None:
        check_ends("LearntGaussian", self.gamma_min, self.gamma_max)
        if self.width < 0:
            raise InvalidInput(f"LearntGaussian: width = {self.width}; expected 0 or more.")

    @property
    def schedule(self) -> LinearLogSNR:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The schedule before training."""
        return LinearLogSNR(self.gamma_min, self.gamma_max)

    def learnt(
        self, net: AbstractNetwork, summary: Summary, target: AbstractTarget, *, key: Key
    ) -> Denoiser | WrappedScore | GeodesicVelocity:
        schedule = LearntLogSNR(self.gamma_min, self.gamma_max, self.width, key=key)
        return Gaussian(schedule).learnt(net, summary, target, key=key)

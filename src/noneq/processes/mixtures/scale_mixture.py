"""Scale mixtures of Gaussians: heat, Poisson, PFGM++, Yukawa and fractional diffusion in one class."""

from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.errors import InvalidInput
from noneq.processes.base import AbstractPrior, Perturbed
from noneq.processes.field_lines import AbstractFieldLines
from noneq.processes.mixtures.subordinators import AbstractSubordinator, InverseGamma
from noneq.processes.schedules import AbstractSchedule, Karras


class AbstractScaleMixture(AbstractFieldLines):
    """x_tau = y + √s ξ, ξ ~ N(0, I), with the operational time s of a subordinator.

    The conditional score −ξ/√s has the score as its mean.

    Args:
        law: of s at noise level sigma.
        schedule: noise levels sigma(tau), with alpha = 1.

    Raises:
        InvalidInput: a schedule that shrinks the state.
    """

    law: eqx.AbstractVar[AbstractSubordinator]

    def __check_init__(self) -> None:
        if not float(self.schedule(1.0)[0]) == float(self.schedule(0.5)[0]) == 1.0:
            raise InvalidInput(
                f"{type(self).__name__}: {type(self.schedule).__name__} shrinks the state; these "
                "processes only add noise. Use Karras or VE."
            )

    @abstractmethod
    def slope(self, squared: Scalar, dim: int, sigma: Scalar) -> Scalar:
        """c of the conditional velocity dx/dsigma = c (x − y) at |x − y|²."""

    def noised(
        self, y: Float[Array, "*event"], tau: ScalarLike, *, key: Key
    ) -> tuple[Float[Array, "*event"], Float[Array, "*event"]]:
        """A state y after noise of clock tau, and the conditional score there."""
        _, sigma = self.schedule(tau)
        time_key, noise_key = jax.random.split(key)
        s = self.law.draw(sigma, key=time_key)
        xi = jax.random.normal(noise_key, y.shape, y.dtype)
        return y + jnp.sqrt(s) * xi, -xi / jnp.sqrt(s)

    def conditional_velocity(
        self, x: Float[Array, "*event"], y: Float[Array, "*event"], tau: ScalarLike
    ) -> Float[Array, "*event"]:
        away = x - y
        return self._rate(jnp.sum(away**2), x.size, tau) * away

    def log_kernel(
        self, x: Float[Array, "*event"], y: Float[Array, "*event"], tau: ScalarLike
    ) -> Scalar:
        return self.law.log_kernel(jnp.sum((x - y) ** 2), x.size, self.schedule(tau)[1])

    def prior(self, std: ScalarLike) -> "MixturePrior":
        # The data's own variance is small beside the noise; heat adds it exactly.
        _, sigma = self.schedule(1.0)
        return MixturePrior(self.law, jnp.sqrt(sigma**2 + jnp.square(std)))

    def project(self, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        return x

    def rate(self, radius: ScalarLike, dim: int, tau: ScalarLike) -> Scalar:
        return self._rate(jnp.square(radius), dim, tau)

    def spread(self, radius: ScalarLike, dim: int, tau: ScalarLike) -> Scalar:
        return self.law.spread(jnp.square(radius), dim, self.schedule(tau)[1])

    def _rate(self, squared: Scalar, dim: int, tau: ScalarLike) -> Scalar:
        _, sigma, _, d_sigma = self.schedule.rates(tau)
        return d_sigma * self.slope(squared, dim, sigma)


class ScaleMixture(AbstractScaleMixture):
    """Scale mixture whose flow alone carries the laws: nothing is born, nothing dies.

    **Equation**: every linear isotropic equation with characteristic function e^{−t ψ(k)}, ψ a
    Bernstein function of k², is Brownian motion at a random time: x = y + √s ξ. Velocity of the
    flow dx/dtau = sigma'(tau) E[c (x − y) | x] with the subordinator's `rate` c; the conditional
    score −ξ/√s has the score as its mean.

    Args:
        law: of s at noise level sigma: `Fixed` (heat), `InverseGamma` (Poisson, PFGM++),
            `InverseGaussian` (Yukawa), `Stable` (fractional).
        schedule: noise levels sigma(tau), with alpha = 1.

    Raises:
        InvalidInput: a schedule that shrinks the state.

    Source: Liu et al. 2023 (GenPhys); Xu et al. 2022, 2023 (PFGM, PFGM++); the common form is ours.
    """

    law: AbstractSubordinator = InverseGamma()
    schedule: AbstractSchedule = Karras()

    def perturb(self, y: Float[Array, "*event"], tau: ScalarLike, *, key: Key) -> Perturbed:
        x, score = self.noised(y, tau, key=key)
        return Perturbed(x, self.conditional_velocity(x, y, tau), score, None)

    def slope(self, squared: Scalar, dim: int, sigma: Scalar) -> Scalar:
        return self.law.rate(squared, dim, sigma)


class MixturePrior(AbstractPrior):
    """The kernel about 0: √s ξ at one noise level."""

    law: AbstractSubordinator
    sigma: Scalar

    def sample(self, shape: tuple[int, ...], *, key: Key) -> Array:
        time_key, noise_key = jax.random.split(key)
        keys = jax.random.split(time_key, shape[0])
        s = jax.vmap(lambda key: self.law.draw(self.sigma, key=key))(keys)
        xi = jax.random.normal(noise_key, shape)
        return jnp.sqrt(s).reshape(-1, *(1,) * (len(shape) - 1)) * xi

    def log_prob(self, x: Float[Array, "*event"]) -> Scalar:
        return self.law.log_kernel(jnp.sum(x**2), x.size, self.sigma)

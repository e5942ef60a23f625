"""What every process is: it noises one state, and it has a prior."""

from abc import abstractmethod
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.processes.schedules import AbstractSchedule


class Perturbed(NamedTuple):
    """A noised state and the conditional values whose mean given x is the marginal one.

    Attributes:
        x: the noised state.
        velocity: dx/dtau given y; its mean given x carries p_tau.
        score: grad log p_tau(x | y).
        birth: births per unit of tau and particle, None if none is born; its mean given x is the
            marginal one.
    """

    x: Float[Array, "*event"]
    velocity: Float[Array, "*event"] | None
    score: Float[Array, "*event"] | None
    birth: Scalar | None


class AbstractPrior(eqx.Module):
    """The law at tau = 1."""

    @abstractmethod
    def sample(self, shape: tuple[int, ...], *, key: Key) -> Array:
        """Independent states: an array of the given shape ``(n, *event_shape)``."""

    @abstractmethod
    def log_prob(self, x: Float[Array, "*event"]) -> Scalar:
        """Log density of one state in nats."""


class AbstractProcess(eqx.Module):
    """A physical process that turns data (tau = 0) into a prior (tau = 1).

    All functions take one state, in normalised coordinates.
    """

    schedule: eqx.AbstractVar[AbstractSchedule]

    @abstractmethod
    def perturb(self, y: Float[Array, "*event"], tau: ScalarLike, *, key: Key) -> Perturbed:
        """Noise one state y to clock tau."""

    @abstractmethod
    def log_kernel(
        self, x: Float[Array, "*event"], y: Float[Array, "*event"], tau: ScalarLike
    ) -> Scalar:
        """log p_tau(x | y): density at x of the state y after noise of clock tau."""

    @abstractmethod
    def prior(self, std: ScalarLike) -> AbstractPrior:
        """Law at tau = 1 for centred data of standard deviation ``std``."""

    @abstractmethod
    def project(self, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """Bring back a state that a sampler's step moved out of where the process lives."""


class AbstractDiffusing(AbstractProcess):
    """A process with a noising SDE dx = a x dtau + g dW, whose flow is known from the score."""

    def velocity(
        self, x: Float[Array, "*event"], tau: ScalarLike, score: Float[Array, "*event"]
    ) -> Float[Array, "*event"]:
        """Probability flow dx/dtau = a x − g² s/2. Source: Song et al. 2021, eq. 13."""
        return self.schedule.drift(tau) * x - 0.5 * self.schedule.diffusion_squared(tau) * score


class AbstractFieldLines(AbstractProcess):
    """A process known by its flow: x = y + noise, with a conditional velocity but no noising SDE.

    The schedule has alpha = 1; its sigma is the noise level by which networks are told the clock.
    """

    @abstractmethod
    def conditional_velocity(
        self, x: Float[Array, "*event"], y: Float[Array, "*event"], tau: ScalarLike
    ) -> Float[Array, "*event"]:
        """dx/dtau that carries the kernel p_tau(x | y)."""

    @abstractmethod
    def rate(self, radius: ScalarLike, dim: int, tau: ScalarLike) -> Scalar:
        """Typical c of dx/dtau = c (x − y) at a distance |x − y|."""

    @abstractmethod
    def spread(self, radius: ScalarLike, dim: int, tau: ScalarLike) -> Scalar:
        """Typical variance of the noise per coordinate, of a state at a distance |x − y|."""


class AbstractSourced(AbstractFieldLines):
    """Field lines on which particles are born and die: ∂_tau p + div(p v) = b p."""

    @abstractmethod
    def conditional_birth(
        self, x: Float[Array, "*event"], y: Float[Array, "*event"], tau: ScalarLike
    ) -> Scalar:
        """b at x of the kernel p_tau(x | y), per unit of tau; negative where particles die."""


class NormalPrior(AbstractPrior):
    """N(0, scale² I) on states of any shape."""

    scale: Scalar

    def sample(self, shape: tuple[int, ...], *, key: Key) -> Array:
        return self.scale * jax.random.normal(key, shape)

    def log_prob(self, x: Float[Array, "*event"]) -> Scalar:
        return jnp.sum(jax.scipy.stats.norm.logpdf(x, scale=self.scale))

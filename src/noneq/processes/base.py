"""What every process is: it noises one state, has a prior, and builds what is learnt of it."""

from abc import abstractmethod
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.constant import Constant
from noneq.data.summary import Summary
from noneq.kinds import AbstractChecked
from noneq.nets.base import AbstractNetwork
from noneq.processes.schedules import AbstractSchedule
from noneq.processes.targets import AbstractTarget
from noneq.traits import HasNoisyScore, HasNoisyVelocity


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


class AbstractPrior(AbstractChecked):
    """The law at tau = 1."""

    @abstractmethod
    def sample(self, shape: tuple[int, ...], *, key: Key) -> Array:
        """Independent states: an array of the given shape ``(n, *event_shape)``."""

    @abstractmethod
    def log_prob(self, x: Float[Array, "*event"]) -> Scalar:
        """Log density of one state in nats."""


class AbstractProcess(AbstractChecked):
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

    @abstractmethod
    def learnt(
        self, net: AbstractNetwork, summary: Summary, target: AbstractTarget, *, key: Key
    ) -> "AbstractFlowing":
        """The learnt part of a model with this process, before training.

        `noneq.models` has parts to build: `Denoiser` where x = alpha y + sigma xi with Gaussian
        xi, `LearntScore` for any other kernel with a score, `LearntVelocity` for a velocity.

        Args:
            net: a fresh network, as many outputs as inputs.
            summary: of the training data; ``summary.std`` is that of the normalised states.
            target: meaning of the network's output, for parts that leave it open.
            key: for what the process learns of itself, such as a schedule.
        """


class AbstractAdditive(AbstractProcess):
    """A process x = alpha y + noise of width sigma, so that alpha/sigma tells what is left of y.

    The prior of a denoising method asks for (alpha/sigma)² ≤ 0.02 at tau = 1.
    """


class AbstractDiffusing(AbstractProcess):
    """A process with a noising SDE dx = a x dtau + g dW, whose flow is known from the score."""

    def velocity(
        self, x: Float[Array, "*event"], tau: ScalarLike, score: Float[Array, "*event"]
    ) -> Float[Array, "*event"]:
        """Probability flow dx/dtau = a x − g² s/2. Source: Song et al. 2021, eq. 13."""
        return self.schedule.drift(tau) * x - 0.5 * self.schedule.diffusion_squared(tau) * score


class AbstractFlowing(HasNoisyVelocity):
    """The learnt part of a model of p(x, t) by a noise clock: a flow of normalised states.

    All functions take one state. ``time`` is physical, ``tau`` the noise clock.
    """

    process: eqx.AbstractVar[AbstractProcess]
    std: eqx.AbstractVar[Constant]

    @property
    def prior(self) -> AbstractPrior:
        """Law at tau = 1."""
        return self.process.prior(self.std.value)


class AbstractDenoiser(AbstractFlowing, HasNoisyScore):
    """One that has a score as well."""


class AbstractRegression(AbstractFlowing):
    """One that is the mean, given x, of what the process knows of a state y that became x."""

    @abstractmethod
    def residual(
        self,
        y: Float[Array, " dim"],
        noised: Perturbed,
        tau: ScalarLike,
        *,
        time: Any = None,
        condition: Any = None,
    ) -> tuple[Float[Array, " dim"], Scalar]:
        """What the network misses by at ``noised.x``, and the error of the noise per unit of it."""


class NormalPrior(AbstractPrior):
    """N(0, scale² I) on states of any shape."""

    scale: Scalar

    def sample(self, shape: tuple[int, ...], *, key: Key) -> Array:
        return self.scale * jax.random.normal(key, shape)

    def log_prob(self, x: Float[Array, "*event"]) -> Scalar:
        return jnp.sum(jax.scipy.stats.norm.logpdf(x, scale=self.scale))

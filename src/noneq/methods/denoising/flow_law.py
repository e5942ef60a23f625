"""Laws p(x, t) reached by a flow of the noise clock: sampling and likelihoods around its learnt part."""

import math
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.calculus import check_exact, hutchinson, rademacher
from noneq.data.summary import Summary
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.frames.checks import check_count, check_solved, check_time
from noneq.frames.frame import AbstractLaw, Frame
from noneq.frames.normaliser import Normaliser
from noneq.kinds import checked
from noneq.processes.base import AbstractFlowing
from noneq.samplers.base import AbstractSampler
from noneq.samplers.likelihood import (
    carried,
    needs_control,
    noisy_log_prob,
    probability_flow,
)
from noneq.traced import jit
from noneq.traits import (
    HasLogProb,
    HasLogProbEstimate,
    HasNoisyVelocity,
    HasPriorMismatch,
    HasSampleLogProb,
)


class AbstractFlowLaw(
    AbstractLaw,
    HasNoisyVelocity,
    HasLogProb,
    HasLogProbEstimate,
    HasSampleLogProb,
    HasPriorMismatch,
):
    """p(x, t) as the law that a sampler reaches by running the noise clock from 1 to 0.

    The learnt part works on vectors of normalised data; the frame keeps the shapes, units and
    domain of the user's data.

    Attributes:
        denoiser: the learnt part.
        frame: the user's side.
        sampler: how samples and likelihoods are computed; replace it freely
            (``eqx.tree_at(lambda m: m.sampler, model, ReverseSDE())``).
    """

    denoiser: eqx.AbstractVar[AbstractFlowing]
    frame: eqx.AbstractVar[Frame]
    sampler: eqx.AbstractVar[AbstractSampler]

    @property
    def normaliser(self) -> Normaliser:
        """y = (x − shift)/scale."""
        return self.frame.normaliser

    def draw(self, n: int, *, time: Any, condition: Any, key: Key) -> Float[Array, "n dim"]:
        shape = (n, self.frame.dim)
        return self.sampler(self.denoiser, shape, time=time, condition=condition, key=key)

    @checked
    def noisy_velocity(
        self,
        x: Float[Array, "*event"],
        tau: ScalarLike,
        *,
        time: ScalarLike | None = None,
        condition: Any = None,
    ) -> Float[Array, "*event"]:
        y, time, condition = self.frame.enter(x, time, condition)
        velocity = self.denoiser.noisy_velocity(y, tau, time=time, condition=condition)
        return self.normaliser.tangent(velocity, x)

    @checked
    def log_prob(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Scalar:
        """log p(x | time, condition), nats, by the probability-flow ODE with exact divergence.

        **Equation**: log p_0(y) = log prior(y_1) + ∫_0^1 div v dtau, minus the log of the scale.

        Raises:
            InvalidInput: more than 64 numbers in a state (exact divergence costs one
                Jacobian product per number): use `log_prob_estimate`.

        Source: Song et al. 2021, eq. 39.
        """
        check_exact(self.frame.dim)
        y, time, condition = self.frame.enter(x, time, condition)
        value = self.sampler.log_prob(self.denoiser, y, time=time, condition=condition)
        return value - self.normaliser.log_volume(x)

    @checked
    def log_prob_estimate(
        self,
        x: Float[Array, "*states"] | np.ndarray,
        *,
        time: ScalarLike | None = None,
        condition: Any = None,
        key: Key,
        probes: int = 16,
        steps: int = 32,
    ) -> Estimate:
        """log p by the probability-flow ODE with Hutchinson's divergence, unbiased, any dimension.

        **Equation**: div v ≈ e·J e with random signs e, each kept along the whole path; mean and
        standard error over the probes.

        Args:
            x: one state, or a batch ``(n, *event_shape)``.
            probes: independent probes of every state, at least 2.
            steps: Runge–Kutta steps, four evaluations each.

        Raises:
            InvalidInput: fewer than two probes, or fewer than one step.

        Source: Grathwohl et al. 2019, eq. 8; deviation: several probes, hence an error.
        """
        if probes < 2 or steps < 1:
            raise InvalidInput(
                f"log_prob_estimate: probes = {probes}, steps = {steps}; expected at least 2 and 1."
            )
        states, single = self.frame.batch(x)
        time = check_time(time, self.frame.times)
        condition = self.frame.asked.check(condition, len(states))
        values = np.asarray(
            _estimates(self, states, time, condition, (probes, steps), key), np.float64
        )
        mean, spread = np.mean(values, axis=1), np.std(values, axis=1, ddof=1)
        estimate = Estimate(mean, spread / math.sqrt(probes), np.asarray(probes), unit="nat")
        return estimate[0] if single else estimate

    @checked
    def sample_with_log_prob(
        self,
        n: int,
        *,
        time: ScalarLike | None = None,
        condition: Any = None,
        key: Key,
        steps: int = 32,
    ) -> tuple[Float[Array, "n *event"], Float[Array, " n"]]:
        """n draws by the probability-flow ODE, with the log density gathered on the way.

        Args:
            steps: Runge–Kutta steps of the ODE, whatever the model's own sampler is; on field
                lines the least number of them, with an error kept below 1e-5.

        Raises:
            InvalidInput: more than 64 numbers in a state.
        """
        check_exact(self.frame.dim)
        check_count(n)
        time = check_time(time, self.frame.times)
        condition = self.frame.asked.check(condition, int(n))
        x, log_prob = _sample_with_log_prob(self, int(n), time, condition, steps, key)
        return check_solved(x), log_prob

    def prior_mismatch(
        self,
        x: Float[Array, "*event"],
        *,
        time: ScalarLike | None = None,
        condition: Any = None,
        key: Key,
    ) -> Scalar:
        """log k_1(z | x) − log prior(z), z ~ k_1(. | x); its mean over the data bounds the KL.

        Source: Kingma et al. 2021, eq. 11 (their prior loss).
        """
        y, _, _ = self.frame.enter(x, time, condition)
        process = self.denoiser.process
        z = process.perturb(y, 1.0, key=key).x
        return process.log_kernel(z, y, 1.0) - self.denoiser.prior.log_prob(z)


class FlowLaw(AbstractFlowLaw):
    """A law reached by the flow of a learnt part that has no score, such as `FieldLines`."""

    denoiser: AbstractFlowing
    frame: Frame
    sampler: AbstractSampler

    def __init__(
        self,
        denoiser: AbstractFlowing,
        sampler: AbstractSampler,
        summary: Summary,
        *,
        optional: bool = False,
    ):
        """``optional``: the learnt part also knows the law without condition."""
        self.denoiser = denoiser
        self.frame = Frame(summary, optional=optional)
        self.sampler = sampler


@jit
def _estimates(
    model: AbstractFlowLaw, x: Array, time: Any, condition: Any, sizes: tuple[int, int], key: Key
) -> Float[Array, "n probes"]:
    probes, steps = sizes

    def one(x, condition, key):
        y = model.normaliser.forward(x)
        signs = hutchinson(rademacher(probes, y.size, key=key))
        found = noisy_log_prob(model.denoiser, y, steps, time, condition, signs)
        return found - model.normaliser.log_volume(x)

    keys = jax.random.split(key, x.shape[0])
    own = None if condition is None or condition.ndim == 1 else 0
    return jax.vmap(one, (0, own, 0))(x, condition, keys)


@jit
def _sample_with_log_prob(
    model: AbstractFlowLaw, n: int, time: Any, condition: Any, steps: int, key: Key
) -> tuple[Array, Array]:
    denoiser = model.denoiser
    ends = denoiser.prior.sample((n, model.frame.dim), key=key)

    def one(z, condition):
        field = probability_flow(denoiser, time=time, condition=condition)
        end, controlled = denoiser.process.schedule.start, needs_control(denoiser)
        y, gain = carried(field, z, 1.0, end, steps, controlled=controlled)
        x = model.domain.project(model.normaliser.inverse(y))
        # On the way back the integral runs from 1 to 0.
        return x, denoiser.prior.log_prob(z) - gain - model.normaliser.log_volume(x)

    own = None if condition is None or condition.ndim == 1 else 0
    return jax.vmap(one, (0, own))(ends, condition)

"""Continuous normalising flows: an ODE on the noise clock and the density it carries."""

from abc import abstractmethod
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.calculus import check_exact, hutchinson, rademacher, runge_kutta
from noneq.data.summary import Summary
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.frames.checks import check_count, check_solved, check_time
from noneq.frames.frame import AbstractLaw, Frame
from noneq.kinds import checked
from noneq.nets.base import AbstractNetwork
from noneq.samplers.base import ensemble
from noneq.samplers.likelihood import Field, carried, flow_log_prob
from noneq.traced import jit
from noneq.traits import (
    HasLogProb,
    HasLogProbEstimate,
    HasNoisyVelocity,
    HasSampleLogProb,
    HasScore,
)


def log_normal(x: Array) -> Scalar:
    """log N(x; 0, I), the prior of flows on normalised states."""
    return jnp.sum(jax.scipy.stats.norm.logpdf(x))


class AbstractContinuousFlow(AbstractLaw, HasLogProb, HasSampleLogProb):
    """A law that a field carries from N(0, I) at tau = 1 to tau = 0, on normalised states.

    Attributes:
        likelihood_steps: Runge–Kutta steps of the densities.
    """

    likelihood_steps: eqx.AbstractVar[int]

    @abstractmethod
    def field(self, time: Any, condition: Any) -> Field:
        """v(x, tau) on normalised states."""

    def log_prob(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Scalar:
        """log p(x | time, condition) of the flow, nats, with exact divergence.

        Raises:
            InvalidInput: more than 64 numbers in a state: use `log_prob_estimate`.
        """
        check_exact(self.frame.dim)
        y, time, condition = self.frame.enter(x, time, condition)
        value = flow_log_prob(self.field(time, condition), log_normal, y, self.likelihood_steps)
        return value - self.frame.normaliser.log_volume(x)

    def sample_with_log_prob(
        self, n: int, *, time: ScalarLike | None = None, condition: Any = None, key: Key
    ) -> tuple[Float[Array, "n *event"], Float[Array, " n"]]:
        """n draws of the flow with the log density gathered on the way.

        Raises:
            InvalidInput: more than 64 numbers in a state.
        """
        check_exact(self.frame.dim)
        check_count(n)
        time = check_time(time, self.frame.times)
        condition = self.frame.asked.check(condition, int(n))
        x, log_prob = _sample_with_log_prob(self, int(n), time, condition, key)
        return check_solved(x), log_prob


class ContinuousFlow(AbstractContinuousFlow, HasScore, HasNoisyVelocity, HasLogProbEstimate):
    """p(x, t) as the law that a learnt velocity carries from N(0, I) at tau = 1 to tau = 0.

    **Equation**: dx/dtau = v(x, tau, time, condition), on normalised states.

    Attributes:
        net: the velocity; its level is tau itself.
        frame: the user's side.
        steps: Runge–Kutta steps of a sample.
        likelihood_steps: Runge–Kutta steps of `log_prob` and `score`.
    """

    net: AbstractNetwork
    frame: Frame
    steps: int = eqx.field(static=True)
    likelihood_steps: int = eqx.field(static=True)

    def __init__(
        self,
        net: AbstractNetwork,
        summary: Summary,
        *,
        steps: int,
        likelihood_steps: int,
        optional: bool = False,
    ):
        """``optional``: the velocity also knows the law without condition."""
        self.net = net
        self.frame = Frame(summary, optional=optional)
        self.steps, self.likelihood_steps = steps, likelihood_steps

    def draw(self, n: int, *, time: Any, condition: Any, key: Key) -> Float[Array, "n dim"]:
        call = lambda x, tau, *, time, condition: self.net(x, tau, time, condition)
        field = ensemble(call, time=time, condition=condition)
        x = jax.random.normal(key, (n, self.frame.dim))
        return runge_kutta(field, x, 1.0, 0.0, self.steps)

    def field(self, time: Any, condition: Any) -> Field:
        return lambda x, tau: self.net(x, tau, time, condition)

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
        return self.frame.normaliser.tangent(self.net(y, tau, time, condition), x)

    def score(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Float[Array, "*event"]:
        """∇_x log p(x | time, condition), the gradient of `log_prob`."""
        x = jnp.asarray(x, dtype=float)
        return jax.grad(lambda x: self.log_prob(x, time=time, condition=condition))(x)

    @checked
    def log_prob_estimate(
        self,
        x: Float[Array, "*states"] | np.ndarray,
        *,
        time: ScalarLike | None = None,
        condition: Any = None,
        key: Key,
        probes: int = 16,
    ) -> Estimate:
        """log p with Hutchinson's divergence, unbiased, in any dimension.

        Args:
            x: one state, or a batch ``(n, *event_shape)``.
            probes: independent probes of every state, each kept along the path; at least 2.

        Raises:
            InvalidInput: fewer than two probes.

        Source: Grathwohl et al. 2019, eq. 8; deviation: several probes, hence an error.
        """
        if probes < 2:
            raise InvalidInput(f"log_prob_estimate: probes = {probes}; expected at least 2.")
        states, single = self.frame.batch(x)
        time = check_time(time, self.frame.times)
        condition = self.frame.asked.check(condition, len(states))
        estimate = row_means(_estimates(self, states, time, condition, probes, key))
        return estimate[0] if single else estimate


def row_means(values: Any, **fields: Any) -> Estimate:
    """Mean over the columns of ``(n, m)`` with its standard error, one entry per row, in nats."""
    values = np.asarray(values, np.float64)
    count = values.shape[1]
    mean, spread = values.mean(1), values.std(1, ddof=1)
    return Estimate(mean, spread / np.sqrt(count), np.asarray(count), unit="nat", **fields)


def own_rows(condition: Array | None) -> int | None:
    """The axis of a condition under ``vmap`` over states: one row each, or a shared vector."""
    return None if condition is None or condition.ndim == 1 else 0


@jit
def _estimates(
    model: ContinuousFlow, x: Array, time: Any, condition: Any, probes: int, key: Key
) -> Float[Array, "n probes"]:
    normaliser = model.frame.normaliser

    def one(x: Array, condition: Any, key: Key) -> Array:
        signs = hutchinson(rademacher(probes, model.frame.dim, key=key))
        field = model.field(time, condition)
        y = normaliser.forward(x)
        value = flow_log_prob(field, log_normal, y, model.likelihood_steps, signs)
        return value - normaliser.log_volume(x)

    keys = jax.random.split(key, x.shape[0])
    return jax.vmap(one, (0, own_rows(condition), 0))(x, condition, keys)


@jit
def _sample_with_log_prob(
    model: AbstractContinuousFlow, n: int, time: Any, condition: Any, key: Key
) -> tuple[Array, Array]:
    normaliser = model.frame.normaliser

    def one(z: Array, condition: Any) -> tuple[Array, Array]:
        field = model.field(time, condition)
        y, gain = carried(field, z, 1.0, 0.0, model.likelihood_steps)
        x = model.domain.project(normaliser.inverse(y))
        # On the way back the integral runs from 1 to 0.
        return x, log_normal(z) - gain - normaliser.log_volume(x)

    ends = jax.random.normal(key, (n, model.frame.dim))
    return jax.vmap(one, (0, own_rows(condition)))(ends, condition)

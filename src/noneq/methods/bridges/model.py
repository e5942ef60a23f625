"""Fitted transports between snapshots: p(x, t), paths, velocity; with noise score and SDE too."""

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Numbers, Scalar, ScalarLike
from noneq.calculus import check_exact, runge_kutta_step
from noneq.data.ensembles import Trajectories
from noneq.devices import by_all, here
from noneq.frames.checks import check_steps
from noneq.frames.frame import AbstractLaw, Frame
from noneq.kinds import checked
from noneq.methods.bridges.integrators import AbstractIntegrator
from noneq.methods.bridges.matching import AbstractLearntField, AbstractTransportField
from noneq.methods.bridges.requests import path_request
from noneq.methods.bridges.starts import Starts
from noneq.samplers.likelihood import with_divergence
from noneq.traced import jit
from noneq.traits import HasDrift, HasLogProb, HasPaths, HasScore, HasVelocity


_MOST_STEPS = 1_000_000


class AbstractMovingLaw(AbstractLaw, HasVelocity, HasDrift, HasPaths, HasLogProb):
    """A law p(x, t) of a field of velocity, and with noise of score, in physical time.

    Attributes:
        field: velocity and score of states from the centre of the data.
        frame: the user's side.
        sampler: `TransportODE` or, with noise, `TransportSDE`; replace it freely
            (``eqx.tree_at(lambda m: m.sampler, model, TransportODE())``).
    """

    field: eqx.AbstractVar[AbstractTransportField]
    frame: eqx.AbstractVar[Frame]
    sampler: eqx.AbstractVar[AbstractIntegrator]

    @checked
    def sample_paths(
        self,
        n: int,
        *,
        times: Sequence[float] | np.ndarray,
        start: Numbers | None = None,
        condition: Any = None,
        backward: bool = False,
        key: Key,
    ) -> Trajectories:
        """n paths by the model's ``sampler``, from the first time on or back from the last one.

        Args:
            n: number of paths.
            times: strictly increasing.
            start: states ``(n, *event_shape)`` at the first time (backward: at the last one); None
                draws them as `sample` does.
            condition: as in `sample`.
            backward: move against time, by the ODE reversed or by the reverse-time SDE.

        Raises:
            InvalidInput: times that do not increase, a start of another shape, too many steps.
        """
        self.sampler.check(self.field)
        asked = path_request(self, n, times, start, condition, backward, key)
        if asked.times.size == 1:
            return asked.paths(self, None)
        gap = float(np.diff(asked.times).max()) / float(self.field.pace.value)
        steps = max(1, math.ceil(gap * self.sampler.steps - 1e-6))
        what = f"the interval {asked.times[0]:g} to {asked.times[-1]:g}"
        count = asked.times.size - 1
        check_steps(what, steps * count, n * self.frame.dim // steps, most=_MOST_STEPS)
        clock = jnp.asarray(asked.clock, float)
        rest = _paths(self, asked.x, clock, asked.condition, steps, asked.key)
        return asked.paths(self, here(rest))

    def enter(self, x: Any, time: Any, condition: Any) -> tuple[Array, Any, Any]:
        """A state from the centre of the data, with its checked time and condition."""
        y, time, condition = self.frame.enter(x, time, condition)
        return y * self.frame.normaliser.scale.value, time, condition

    @checked
    def velocity(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Float[Array, "*event"]:
        x, when, condition = self.enter(x, time, condition)
        return self.field(x, when, condition)[0].reshape(self.event_shape)

    @checked
    def drift(
        self, t: ScalarLike, x: Float[Array, "*event"], *, condition: Any = None
    ) -> Float[Array, "*event"]:
        """f of dX = f dt + B dW: velocity + B² score/2; the velocity itself without noise."""
        x, time, condition = self.enter(x, t, condition)
        return self.field.turned(x, time, condition, 1.0).reshape(self.event_shape)

    @checked
    def diffusion(self, t: ScalarLike, x: Float[Array, "*event"]) -> Array:
        """sigma, the same everywhere; 0 without noise."""
        return jnp.asarray(self.field.diffusion(), float)


class AbstractTransportModel(AbstractMovingLaw):
    """A law p(x, t) that a learnt velocity carries from snapshot to snapshot.

    A draw at time t starts from training states of the last snapshot strictly before t (of the
    first one at its own time and before it) and is moved to t by ``sampler``; so a draw at the time
    of a later snapshot is no training state. Whole paths start at their own first time and are
    moved on from there.

    Attributes:
        starts: training states of every snapshot.
        field, frame, sampler: as in `AbstractMovingLaw`.
    """

    field: eqx.AbstractVar[AbstractLearntField]  # pyright: ignore[reportIncompatibleVariableOverride]
    starts: eqx.AbstractVar[Starts]

    @abstractmethod
    def growth_rate(self, x: Float[Array, " dim"], time: Any, condition: Any) -> Scalar:
        """g of ∂_t p + div(p u) = g p, at a state from the centre; 0 where mass is kept."""

    @abstractmethod
    def log_gain(self, begin: Any, time: Any, condition: Any) -> Scalar:
        """Log of the mass at ``time`` over that at ``begin``, the snapshot before; 0 where it is kept."""

    def before(self, time: ScalarLike) -> tuple[Any, Any]:
        """Number and time of the snapshot from which a draw at ``time`` starts."""
        times = jnp.asarray(self.frame.times)
        # Half a rounding late, so that the time of a snapshot belongs to the interval before.
        slack = 1e-6 * self.field.pace.value
        which = jnp.clip(jnp.searchsorted(times, time - slack) - 1, 0, times.size - 1)
        return which, times[which]

    @checked
    def log_prob(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Scalar:
        """log p(x | time, condition), nats: the ODE back to the snapshot before, exact divergence.

        **Equation**: log p(x, t) = log p_k(x_k) − ∫_{t_k}^t div u dt, p_k the kernel density of the
        training states of that snapshot (Gaussian kernels of Scott's width); where masses grow,
        also ∫ g dt less the log of what the whole mass gains.

        Raises:
            InvalidInput: more than 64 numbers in a state.
        """
        check_exact(self.frame.dim)
        x, when, condition = self.enter(x, time, condition)
        which, begin = self.before(when)
        flow = with_divergence(lambda x, t: self.field(x, t, condition)[0])

        def rate(state: Any, t: Any) -> Any:
            velocity, spread = flow(state, t)
            return velocity, spread - self.growth_rate(state[0], t, condition)

        steps = self.sampler.likelihood_steps
        h = (begin - when) / steps
        step = lambda state, i: (runge_kutta_step(rate, state, when + i * h, h)[0], None)
        start = (x, jnp.zeros((), x.dtype))
        (x, gain), _ = jax.lax.scan(step, start, jnp.arange(steps))
        y = x / self.frame.normaliser.scale.value
        log_start = self.starts.log_density(y, which, condition)
        gain = gain - self.log_gain(begin, when, condition)
        return log_start + gain - self.frame.normaliser.log_scale


class AbstractBalancedModel(AbstractTransportModel):
    """A transport that keeps the mass of every state."""

    def draw(self, n: int, *, time: Any, condition: Any, key: Key) -> Float[Array, "n dim"]:
        self.sampler.check(self.field)
        start_key, path_key = jax.random.split(key)
        which, begin = self.before(time)
        y = self.starts.draw(n, which, condition, key=start_key)
        scale = self.frame.normaliser.scale.value
        x = self.sampler(
            self.field,
            y * scale,
            begin,
            time,
            self.sampler.steps,
            condition=condition,
            key=path_key,
        )
        return x / scale

    def growth_rate(self, x: Float[Array, " dim"], time: Any, condition: Any) -> Scalar:
        return jnp.zeros(())

    def log_gain(self, begin: Any, time: Any, condition: Any) -> Scalar:
        return jnp.zeros(())


class TransportModel(AbstractBalancedModel):
    """A transport without noise: its paths are those of the ODE."""

    field: AbstractLearntField
    starts: Starts
    frame: Frame
    sampler: AbstractIntegrator


class AbstractScoredModel(AbstractTransportModel, HasScore):
    """A transport of a bridge with noise: an SDE whose marginals the ODE and the score share."""

    @checked
    def score(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Float[Array, "*event"]:
        x, when, condition = self.enter(x, time, condition)
        score = self.field(x, when, condition)[1]
        assert score is not None
        return score.reshape(self.event_shape)


class BridgeModel(AbstractBalancedModel, AbstractScoredModel):
    """A transport of a bridge with noise: paths of its ODE or of its SDE."""

    field: AbstractLearntField
    starts: Starts
    frame: Frame
    sampler: AbstractIntegrator


@jit
def _paths(
    model: AbstractMovingLaw, x: Array, times: Array, condition: Any, steps: int, key: Key
) -> Float[Array, "frames n *event"]:
    """States at all times but the first."""
    field, normaliser = model.field, model.frame.normaliser
    scale = normaliser.scale.value

    def interval(x: Array, gap: tuple[Array, Array, Array]) -> tuple[Array, Array]:
        start, end, i = gap
        own_key = jax.random.fold_in(key, i)
        x = model.sampler(field, x, start, end, steps, condition=condition, key=own_key)
        there = jax.vmap(lambda x: model.domain.project(normaliser.inverse(x / scale)))(x)
        return x, there

    x = jax.vmap(normaliser.forward)(x) * scale
    gaps = (times[:-1], times[1:], jnp.arange(times.size - 1))
    return by_all(jax.lax.scan(interval, x, gaps)[1], axis=1)

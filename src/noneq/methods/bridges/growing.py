"""Fitted transports whose masses grow: states have descendants."""

import math
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Numbers, Scalar, ScalarLike
from noneq.data.checks import as_times
from noneq.data.summary import Summary
from noneq.estimate import Estimate
from noneq.frames.checks import check_time
from noneq.frames.frame import Frame
from noneq.kinds import checked
from noneq.methods.bridges.integrators import AbstractIntegrator, TransportODE
from noneq.methods.bridges.matching import AbstractLearntField, TransportField
from noneq.methods.bridges.model import (
    AbstractScoredModel,
    AbstractTransportModel,
    BridgeModel,
    TransportModel,
)
from noneq.methods.bridges.starts import Starts
from noneq.traced import jit
from noneq.traits import HasMass


_LEGS = 16
"""Parts of a way at whose ends the growth is looked at."""
_CANDIDATES = 16
"""Ways of which one is taken, where every draw has a condition of its own."""
_MOST = 1024
"""States of a snapshot that tell how the mass grows."""


class AbstractGrowingModel(AbstractTransportModel, HasMass):
    """A transport with ∂_t p + div(p u) = g p: a way from x has the weight exp ∫ g dt.

    Draws are the ends of weighted ways, repeated where the weight is large. ``sample_paths`` gives
    ways without weights: one descendant of each start. The mass is 1 at the first snapshot.
    """

    field: eqx.AbstractVar[TransportField]  # pyright: ignore[reportIncompatibleVariableOverride]

    def draw(self, n: int, *, time: Any, condition: Any, key: Key) -> Float[Array, "n dim"]:
        self.sampler.check(self.field)
        start_key, path_key, pick_key = jax.random.split(key, 3)
        which, begin = self.before(time)
        scale = self.frame.normaliser.scale.value
        own = condition is not None and condition.ndim == 2
        many = _CANDIDATES if own else 1
        if condition is not None and own:
            condition = jnp.repeat(condition, many, axis=0)
        y = self.starts.draw(n * many, which, condition, key=start_key)
        x, log_weight = self.along(
            y * scale, begin, time, condition, self.sampler, self.sampler.steps, key=path_key
        )
        if own:
            share = log_weight.reshape(n, many)
            place = jnp.arange(n) * many + jax.random.categorical(pick_key, share, axis=1)
        else:
            total = jnp.cumsum(jax.nn.softmax(log_weight))
            # One offset for all levels, not so near a step that rounding repeats a state.
            level = jax.random.uniform(pick_key, (), minval=1e-3, maxval=1 - 1e-3)
            levels = (jnp.arange(n) + level) / n * total[-1]
            place = jnp.minimum(jnp.searchsorted(total, levels), n - 1)
        return x[place] / scale

    def along(
        self,
        x: Float[Array, "n dim"],
        begin: Any,
        end: Any,
        condition: Any,
        sampler: AbstractIntegrator,
        steps: int,
        *,
        key: Key,
    ) -> tuple[Float[Array, "n dim"], Float[Array, " n"]]:
        """(states at ``end``, ∫ g dt on the way), states from the centre."""
        own = None if condition is None or condition.ndim == 1 else 0
        rates = jax.vmap(self.growth_rate, (0, None, own))
        h = (end - begin) / _LEGS

        def leg(state: tuple[Array, Array, Array], i: Array) -> tuple[Any, None]:
            x, log_weight, rate = state
            start, stop = begin + i * h, begin + (i + 1) * h
            each, one = max(1, math.ceil(steps / _LEGS)), jax.random.fold_in(key, i)
            x = sampler(self.field, x, start, stop, each, condition=condition, key=one)
            later = rates(x, stop, condition)
            return (x, log_weight + h * (rate + later) / 2, later), None

        first = (x, jnp.zeros(len(x)), rates(x, begin, condition))
        (x, log_weight, _), _ = jax.lax.scan(leg, first, jnp.arange(_LEGS))
        return x, log_weight

    def growth_rate(self, x: Float[Array, " dim"], time: Any, condition: Any) -> Scalar:
        rate = self.field.parts(x, time, condition)[2]
        assert rate is not None
        return rate

    def log_gain(self, begin: Any, time: Any, condition: Any) -> Scalar:
        which = jnp.argmin(jnp.abs(jnp.asarray(self.frame.times) - begin))
        count = min(min(self.starts.counts), _MOST)
        y = self.starts.draw(count, which, condition, key=jax.random.key(0))
        x, ode = y * self.frame.normaliser.scale.value, TransportODE()
        rest = (condition, ode, ode.steps)
        _, log_weight = self.along(x, begin, time, *rest, key=jax.random.key(0))
        return jax.nn.logsumexp(log_weight) - math.log(count)

    @checked
    def growth(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Scalar:
        return self.growth_rate(*self.enter(x, time, condition))

    @checked
    def descendants(
        self, x: Numbers, *, start: float, end: float, condition: Any = None
    ) -> np.ndarray:
        """exp ∫ g dt along the ODE, for every state of a batch.

        Args:
            x: (n, *event_shape).
            start, end: times, end not before start.
            condition: shared, or a row each.

        Raises:
            InvalidInput: states or times that the model does not take.
        """
        times = as_times([start, end]) if start != end else np.asarray([start, end])
        for time in times:
            check_time(float(time), self.frame.times)
        batch = self.frame.batch(x)[0]
        condition = self.frame.asked.check(condition, len(batch))
        clock = jnp.asarray(times, float)
        return np.exp(np.asarray(_weights(self, batch, clock, condition), np.float64))

    @checked
    def mass(self, times: Sequence[float] | np.ndarray, *, condition: Any = None) -> Estimate:
        times = as_times(times)
        knots = np.asarray(self.frame.times)
        condition = self.frame.asked.check(condition)
        found = [self._mass_at(float(time), knots, condition) for time in times]
        value, squares = (np.asarray(part) for part in zip(*found, strict=True))
        count = np.asarray(min(min(self.starts.counts), _MOST))
        return Estimate(value, value * np.sqrt(squares), count, times=times)

    def _mass_at(self, time: float, knots: np.ndarray, condition: Any) -> tuple[float, float]:
        """Mass at one time and the square of its relative error."""
        check_time(time, self.frame.times)
        mass, square = 1.0, 0.0
        for i in range(max(1, int(np.searchsorted(knots, time)))):
            stop = min(time, knots[i + 1]) if i + 1 < len(knots) else time
            clock = jnp.asarray([knots[i], stop], float)
            weight = np.exp(np.asarray(_snapshot_weights(self, i, clock, condition), np.float64))
            mass *= weight.mean()
            square += weight.var() / weight.mean() ** 2 / len(weight)
        return mass, square


class GrowingTransport(AbstractGrowingModel):
    """A transport without noise whose masses grow."""

    field: TransportField
    starts: Starts
    frame: Frame
    sampler: AbstractIntegrator


class GrowingBridge(AbstractGrowingModel, AbstractScoredModel):
    """A transport of a bridge with noise whose masses grow."""

    field: TransportField  # pyright: ignore[reportIncompatibleVariableOverride]
    starts: Starts
    frame: Frame
    sampler: AbstractIntegrator


def transport_model(
    field: AbstractLearntField, sampler: AbstractIntegrator, summary: Summary, *, optional: bool
) -> AbstractTransportModel:
    """The model that a field makes: with a score where its bridge has noise, with growth if it has."""
    growing = isinstance(field, TransportField) and field.growing
    kinds = (GrowingTransport, GrowingBridge) if growing else (TransportModel, BridgeModel)
    kind = kinds[int(field.stochastic)]
    frame = Frame(summary, optional=optional)
    return kind(field, Starts(summary), frame, sampler)  # pyright: ignore


@jit
def _weights(model: AbstractGrowingModel, x: Array, clock: Array, condition: Any) -> Array:
    """∫ g dt from user's states."""
    normaliser, ode = model.frame.normaliser, TransportODE()
    x = jax.vmap(normaliser.forward)(x) * normaliser.scale.value
    rest = (condition, ode, ode.steps)
    return model.along(x, clock[0], clock[1], *rest, key=jax.random.key(0))[1]


@jit
def _snapshot_weights(
    model: AbstractGrowingModel, which: int, clock: Array, condition: Any
) -> Array:
    """∫ g dt from training states of a snapshot."""
    count = min(min(model.starts.counts), _MOST)
    y = model.starts.draw(count, which, condition, key=jax.random.key(0))
    x, ode = y * model.frame.normaliser.scale.value, TransportODE()
    rest = (condition, ode, ode.steps)
    return model.along(x, clock[0], clock[1], *rest, key=jax.random.key(0))[1]

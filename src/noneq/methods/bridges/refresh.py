"""What happens between two rounds of training: a new reference, or new pairs."""

from abc import abstractmethod
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq._typing import Key
from noneq.data.snapshots import Snapshots
from noneq.errors import InvalidInput
from noneq.kinds import AbstractChecked
from noneq.methods.bridges.base import HasRefit
from noneq.methods.bridges.model import AbstractTransportModel
from noneq.methods.bridges.pairs.pools import centred
from noneq.traced import is_on, jit


_PATHS, _FRAMES = 1024, 16


class AbstractRefresh(AbstractChecked):
    """The factor ``refresh`` of the transport product, for several rounds of training."""

    @abstractmethod
    def check(self, method: Any) -> None:
        """Refuse a method whose bridge does not fit.

        Raises:
            InvalidInput: naming the bridge to take.
        """

    @abstractmethod
    def model(self, model: AbstractTransportModel, *, key: Key) -> AbstractTransportModel:
        """The model with which the next round begins."""

    @abstractmethod
    def rows(
        self,
        model: AbstractTransportModel,
        data: Snapshots,
        count: int,
        round_: int,
        rng: np.random.Generator,
        *,
        key: Key,
    ) -> dict[str, Any] | None:
        """``count`` pairs of each interval for round number ``round_``; None: those of the coupling."""


class Refit(AbstractRefresh):
    """Fits the reference to the drift along the model's own paths, see `LinearSDE`.

    The paths start at states of the first snapshot; 16 times are looked at in every interval.

    Source: Zhang and Stumpf 2025, section 5 (reference refitted between rounds).
    """

    def check(self, method: Any) -> None:
        if not isinstance(method.bridge, HasRefit):
            raise InvalidInput(
                f"{type(method).__name__}: {type(method.bridge).__name__} is not refitted; take "
                "rounds=1, or bridge=LinearSDE()."
            )

    def model(self, model: AbstractTransportModel, *, key: Key) -> AbstractTransportModel:
        bridge: Any = model.field.bridge
        knots, starts = model.frame.times, model.starts
        times = np.linspace(knots[0], knots[-1], 1 + _FRAMES * (len(knots) - 1))
        count = min(starts.counts[0], _PATHS)
        begin = jax.vmap(model.frame.normaliser.inverse)(starts.y.value[:count])
        condition = None if starts.condition is None else starts.condition.value[:count]
        paths = model.sample_paths(count, times=times, start=begin, condition=condition, key=key)
        shift = np.asarray(model.frame.normaliser.shift.value)
        states = paths.values.reshape(count, times.size, -1) - shift
        drifts = _drifts(model, jnp.asarray(states, float), jnp.asarray(times, float), condition)
        new = bridge.refitted(states, np.asarray(drifts))
        return eqx.tree_at(lambda m: m.field.bridge, model, new)

    def rows(
        self,
        model: AbstractTransportModel,
        data: Snapshots,
        count: int,
        round_: int,
        rng: np.random.Generator,
        *,
        key: Key,
    ) -> None:
        return None


class Rematch(AbstractRefresh):
    """Pairs a state of the data with the end of the model's own path from it.

    **Equation**: odd rounds run backward from the later snapshot of an interval, even ones forward
    from the earlier one; together with bridge matching (a Markovian projection) this is iterative
    Markovian fitting, whose fixed point is the Schrödinger bridge.

    Args:
        first: pairs of round 0: ``"coupling"`` (IMF: those of the method's coupling) or
            ``"reference"`` (IPF: states of the earlier snapshot and the reference's paths from them).
        steps: of one path, Euler–Maruyama.

    Raises:
        InvalidInput: another word, or fewer than one step.

    Source: Shi et al. 2023, algorithm 1.
    """

    first: str = "coupling"
    steps: int = 20

    def __check_init__(self) -> None:
        if self.first not in ("coupling", "reference") or self.steps < 1:
            raise InvalidInput(
                f"Rematch: first = {self.first!r}, steps = {self.steps}; expected 'coupling' or "
                "'reference', and at least 1."
            )

    def check(self, method: Any) -> None:
        if not method.bridge.stochastic:
            raise InvalidInput(
                f"{type(method).__name__}: {type(method.bridge).__name__} has no noise; take "
                "bridge=Brownian()."
            )

    def model(self, model: AbstractTransportModel, *, key: Key) -> AbstractTransportModel:
        return model

    def rows(
        self,
        model: AbstractTransportModel,
        data: Snapshots,
        count: int,
        round_: int,
        rng: np.random.Generator,
        *,
        key: Key,
    ) -> dict[str, Any] | None:
        if round_ == 0 and self.first == "coupling":
            return None
        backward = round_ % 2 == 1
        states = centred(data, model.frame.normaliser, None, rng)
        parts = []
        for i, duration in enumerate(np.diff(data.times)):
            own = np.flatnonzero(data.time_index == (i + 1 if backward else i))
            rows = np.concatenate([rng.permutation(own) for _ in range(-(-count // len(own)))])
            rows = rows[:count]
            begin = jnp.asarray(states[rows], float)
            given = None if data.condition is None else data.condition[rows].astype(np.float32)
            clock = jnp.asarray(data.times[[i + 1, i] if backward else [i, i + 1]], float)
            drift = 0.0 if round_ == 0 else 1.0
            one = jax.random.fold_in(key, i)
            there = _ends(model, begin, clock, given, self.steps, drift, one)
            pair = (there, begin) if backward else (begin, there)
            parts.append(
                {
                    "start": np.asarray(pair[0], np.float32),
                    "end": np.asarray(pair[1], np.float32),
                    "time": np.full(count, data.times[i], np.float32),
                    "duration": np.full(count, duration, np.float32),
                    "condition": given,
                }
            )
        whole = lambda name: np.concatenate([part[name] for part in parts])
        return {name: None if parts[0][name] is None else whole(name) for name in parts[0]}


@jit
def _drifts(model: AbstractTransportModel, states: Array, times: Array, condition: Any) -> Array:
    drift = lambda x, t, c: model.field.turned(x, t, c, 1.0)
    each = jax.vmap(drift, (0, 0, None))
    own = None if condition is None else 0
    return jax.vmap(each, (0, None, own))(states, times, condition)


@jit
def _ends(
    model: AbstractTransportModel,
    x: Array,
    clock: Array,
    condition: Any,
    steps: int,
    learnt: Any,
    key: Key,
) -> Array:
    """Ends of Euler–Maruyama paths; of the reference alone if ``learnt`` is 0."""
    field, h = model.field, (clock[1] - clock[0]) / steps
    kick = field.diffusion() * jnp.sqrt(jnp.abs(h))

    def one(x: Array, time: Array, condition: Any) -> Array:
        if not is_on(learnt):
            return field.bridge.drift(x, time)
        return field.turned(x, time, condition, jnp.sign(h))

    def step(x: Array, i: Array) -> tuple[Array, None]:
        own = None if condition is None else 0
        drift = jax.vmap(one, (0, None, own))(x, clock[0] + i * h, condition)
        xi = jax.random.normal(jax.random.fold_in(key, i), x.shape, x.dtype)
        return x + h * drift + kick * xi, None

    return jax.lax.scan(step, x, jnp.arange(steps))[0]

"""Action matching: the velocity that is a gradient and carries the snapshots, from a variational bound."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.constant import Constant
from noneq.data.lazy.ensemble import LazyEnsemble
from noneq.data.summary import Summary, summarise
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.learning.method import Data, Fit, Progress
from noneq.learning.objectives import AbstractLoss
from noneq.learning.rows import left_open
from noneq.learning.watching import watched
from noneq.methods.bridges.base import AbstractBridge, HasLesson, HasMeasure, HasTables
from noneq.methods.bridges.integrators import AbstractIntegrator, TransportODE
from noneq.methods.bridges.matching import AbstractLearntField, phases
from noneq.methods.bridges.model import AbstractTransportModel
from noneq.methods.bridges.pairs.couplings import AbstractCoupling, ExactOT
from noneq.methods.bridges.pairs.known import Known
from noneq.methods.bridges.pairs.pools import pair_pool
from noneq.methods.bridges.rounds import AbstractRounds, Lesson, fit_rounds
from noneq.methods.bridges.straight import Straight
from noneq.nets.base import AbstractNetwork


class PotentialField(AbstractLearntField):
    """A velocity that is the gradient of an action, without noise.

    **Equation**: velocity = ∇s, s(x, t) = unit²/pace F(x/unit, t).

    Attributes:
        net: F.
        bridge: `Straight`: there is no reference.
        scale: (dim,) units in which errors of the velocity are measured.
        unit: one length for all coordinates.
        pace: mean interval of the snapshots.
    """

    net: AbstractNetwork
    bridge: AbstractBridge
    scale: Constant
    unit: Constant
    pace: Constant

    def action(self, z: Float[Array, " dim"], time: ScalarLike, condition: Any) -> Scalar:
        """F at z = x/unit: the action in units of unit²/pace."""
        return self.net(z, None, time, condition)[0]

    def __call__(
        self, x: Float[Array, " dim"], time: ScalarLike, condition: Any
    ) -> tuple[Array, None]:
        slope = jax.grad(self.action)(x / self.unit.value, time, condition)
        return slope * (self.unit.value / self.pace.value), None


class ActionLoss(AbstractLoss):
    """The action gap, up to a constant, in units of unit²/pace.

    **Equation**: E[s(x0, t0) − s(x1, t1)] + Δ E[½ |∇s|² + ∂_t s](x_t, t); its minimum is −½ ∫ E|u|² dt, for
    the gradient u = ∇s that carries the law of x_t.

    Args:
        bridge: from which the states between two snapshots are drawn, with its tables.
        drop: fraction of conditions that are hidden.

    Source: Neklyudov et al. 2023, eq. 5 and algorithm 1.
    """

    bridge: AbstractBridge
    drop: float = 0.0

    def loss(self, model: PotentialField, batch: dict[str, Any], *, key: Key) -> Scalar:
        phase_key, path_key, drop_key = jax.random.split(key, 3)
        count = batch["start"].shape[0]
        phase = phases(count, self.bridge.stochastic, key=phase_key)
        condition = left_open(batch["condition"], self.drop, key=drop_key)

        def one(x0: Array, x1: Array, phase: Array, time: Array, duration: Array, condition: Any,
                key: Key) -> Scalar:  # fmt: skip
            unit = model.unit.value
            x = self.bridge.at(x0, x1, phase, duration, key=key).x
            action = lambda z, t: model.action(z, t, condition)
            slope, rate = jax.grad(action, (0, 1))(x / unit, time + phase * duration)
            ends = action(x0 / unit, time) - action(x1 / unit, time + duration)
            return ends + duration * (jnp.sum(slope**2) / (2 * model.pace.value) + rate)

        keys = jax.random.split(path_key, count)
        over = (0, 0, 0, 0, 0, None if condition is None else 0, 0)
        losses = jax.vmap(one, over)(
            batch["start"], batch["end"], phase, batch["time"], batch["duration"], condition, keys
        )
        return jnp.mean(losses)


class ActionMatching(AbstractRounds):
    """Action matching: the gradient field of least kinetic energy that keeps the marginals.

    Forward process:
        states between two snapshots from pairs of the coupling, joined by the bridge.
    Learnt object:
        the action s(x, t), hence the velocity u = ∇s.
    Objective and weight:
        E[s(x0, t0) − s(x1, t1)] + Δ E[½ |∇s|² + ∂_t s] (`ActionLoss`), every interval equally often; no
        velocity of single paths enters.
    Sampling:
        the ODE dX = ∇s dt from the snapshot before.
    Source and deviations:
        Neklyudov et al. 2023, for comparison with `OTCFM`: the same marginals, a velocity without
        curl. Snapshots at a few times need states in between, which the bridge gives; the phase is
        uniform.

    Args:
        coupling: which states of successive snapshots are paired.
        bridge: from which states between them are drawn.
        sampler: how a fitted model moves states.
        net, pool, time_band, drop_condition, dequantise, training: as in `OTCFM`.

    Raises:
        InvalidInput: a bridge whose reference is to be learnt.
    """

    source: ClassVar[str] = "neklyudov2023action"

    coupling: AbstractCoupling = ExactOT()
    bridge: AbstractBridge = Straight()
    sampler: AbstractIntegrator = TransportODE()

    def __check_init__(self) -> None:
        if isinstance(self.bridge, HasLesson):
            raise InvalidInput(
                f"ActionMatching: {type(self.bridge).__name__} learns from velocities, of which a "
                "gradient takes no notice; take Straight(), or CurlyFM."
            )

    @property
    def rounds(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """One."""
        return 1

    def field(
        self,
        net: Callable[[int, Key], AbstractNetwork],
        summary: Summary,
        bridge: AbstractBridge,
        scale: Constant,
        pace: Constant,
        *,
        key: Key,
    ) -> PotentialField:
        largest = jnp.max(scale.value)
        # In an order that does not overflow.
        unit = Constant(largest * jnp.sqrt(jnp.mean((scale.value / largest) ** 2)))
        parts = {"scale": scale, "unit": unit, "pace": pace}
        return PotentialField(net=net(1, key), bridge=Straight(), **parts)

    def between(
        self, model: AbstractTransportModel, index: int, *, key: Key
    ) -> AbstractTransportModel:
        return model

    def lesson(
        self,
        model: AbstractTransportModel,
        known: Known,
        held: Known | None,
        index: int,
        rng: np.random.Generator,
        *,
        key: Key,
    ) -> Lesson:
        recipe: Any = self.bridge
        measured = isinstance(recipe, HasMeasure)
        bridge: Any = recipe.measured(summarise(known.data)) if measured else recipe
        durations = tuple(np.diff(known.data.times).tolist())
        tabulated = isinstance(bridge, HasTables)
        inside: Any = bridge.tabulated(durations) if tabulated else bridge
        pool = lambda known, count: pair_pool(
            known.data, model.frame.normaliser, self.coupling, bridge, count, self.dequantise, rng
        )
        return Lesson(
            model,
            lambda model: model.field,
            ActionLoss(inside, self.drop_condition),
            pool(known, self.pool),
            None if held is None else pool(held, 8 * max(self.training.batch, 64)),
        )

    @checked
    @watched
    def fit(
        self,
        data: Data | LazyEnsemble,
        *,
        key: Key,
        init: AbstractTransportModel | None = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Fit:
        """Learn from snapshots at two times or more; of trajectories the pairing is forgotten.

        Args: as in `AbstractMethod.fit`.

        Raises:
            InvalidInput: one time, a snapshot of one sample, discrete data without a word on
                dequantisation, or conditions without partner.
            SolveFailed: no plan was found.
            FitDiverged: a loss or gradient that is not finite.
        """
        return fit_rounds(self, data, key=key, init=init, progress=progress, checkpoint=checkpoint)

"""The transport product: coupling × bridge × network × sampler, through all snapshot times."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array

from noneq._typing import Key
from noneq.constant import Constant
from noneq.data.ensembles import Snapshots
from noneq.data.lazy.ensemble import LazyEnsemble
from noneq.data.summary import Summary
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.learning.method import Data, Fit, Progress
from noneq.learning.watching import watched
from noneq.methods.bridges.affine import MOST_DIM, AffinePart
from noneq.methods.bridges.base import AbstractBridge, HasDraws, HasLinearReference, HasTables
from noneq.methods.bridges.matching import MatchingLoss, TransportField
from noneq.methods.bridges.model import AbstractTransportModel
from noneq.methods.bridges.pairs.couplings import AbstractCoupling
from noneq.methods.bridges.pairs.growth import AbstractGrowth, rates_given
from noneq.methods.bridges.pairs.known import Known
from noneq.methods.bridges.pairs.pools import pair_pool
from noneq.methods.bridges.refresh import AbstractRefresh, Rematch
from noneq.methods.bridges.rounds import AbstractRounds, Lesson, fit_rounds
from noneq.nets.base import AbstractNetwork
from noneq.processes.dissipation import EntropyProduction


class AbstractTransport(AbstractRounds):
    """A transport method; its fields are the factors of the product.

    One network over real time learns all intervals, equal or not; every interval is trained
    equally often.

    Args:
        coupling: which states of successive snapshots are paired.
        bridge: the path between the two states of a pair, in physical time.
        sampler: how a fitted model moves states.
        net: recipe of the network of velocity and score.
        pool: pairs of each interval that are drawn before training (at least one a sample).
        rounds: trainings, each of ``training.steps``, on fresh pairs.
        refresh: what happens between them (`Refit`, `Rematch`); None for one round.
        growth: where the descendants of a state are known from (`PlanGrowth`, `GivenGrowth`,
            `Proliferation`); None keeps the mass of every state.
        lineage: column of the condition with labels of clones: pairs lie inside a clone where it is at
            both ends, and the model does not see it. Samples without a clone are "unlabelled" (among
            numbers: negative). None takes all columns as conditions.
        affine: put the affine part of velocity and score, which the moments of the pairs give in
            closed form, before the network (`AffinePart`; linear references with noise, up to 128
            coordinates).
        penalty: `EntropyProduction` for transports that dissipate less, or None.
        time_band: highest frequency of the time features; None takes one turn in the shortest
            interval, at most 64 harmonics.
        drop_condition, dequantise: as in `AbstractInputs`.
        training: settings of the gradient loop.

    Raises:
        InvalidInput: a factor out of its range, an SDE for a bridge without noise, several rounds
            without refresh, a refresh that the bridge does not take, or growth that the coupling
            does not tell.
    """

    coupling: eqx.AbstractVar[AbstractCoupling]  # pyright: ignore[reportGeneralTypeIssues]
    rounds: int = 1
    refresh: AbstractRefresh | None = None
    growth: AbstractGrowth | None = None
    lineage: str | None = None
    affine: bool = True
    penalty: EntropyProduction | None = None

    def __check_init__(self) -> None:
        if self.penalty is not None and not self.bridge.stochastic:
            raise InvalidInput(
                f"{type(self).__name__}: the bridge {type(self.bridge).__name__} has no noise, so that "
                "motion along it has no entropy production; take bridge=Brownian(), or penalty=none."
            )
        if self.rounds > 1 and self.refresh is None:
            raise InvalidInput(
                f"{type(self).__name__}: rounds = {self.rounds} and nothing changes between them; take "
                "rounds=1, or refresh=Refit() or Rematch()."
            )
        if self.refresh is not None:
            self.refresh.check(self)
        if self.growth is not None:
            self.growth.check(self.coupling)
            if self.rounds > 1:
                raise InvalidInput(
                    f"{type(self).__name__}: growth and rounds = {self.rounds}; pairs of paths do "
                    "not grow. Take rounds=1, or growth=none."
                )
        if self.lineage is not None and isinstance(self.refresh, Rematch):
            raise InvalidInput(
                f"{type(self).__name__}: lineage = {self.lineage!r} and refresh=Rematch(); pairs "
                "of paths know no clones. Take SF2M, or lineage=none."
            )

    def field(
        self,
        net: Callable[[int, Key], AbstractNetwork],
        summary: Summary,
        bridge: AbstractBridge,
        scale: Constant,
        pace: Constant,
        *,
        key: Key,
    ) -> TransportField:
        growing = self.growth is not None
        outputs = summary.dim * (2 if bridge.stochastic else 1) + growing
        linear = isinstance(bridge, HasLinearReference) and summary.dim <= MOST_DIM
        affine = AffinePart(summary) if self.affine and linear else None
        parts = {"bridge": bridge, "scale": scale, "pace": pace, "affine": affine}
        return TransportField(net=net(outputs, key), growing=growing, **parts)

    def between(
        self, model: AbstractTransportModel, index: int, *, key: Key
    ) -> AbstractTransportModel:
        assert self.refresh is not None
        return self.refresh.model(model, key=key)

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
        data, bridge = known.data, model.field.bridge
        inside: Any = (
            bridge.tabulated(tuple(np.diff(data.times).tolist()))
            if isinstance(bridge, HasTables)
            else bridge
        )

        def pool(known: Known, count: int, pairs: Any = None, *, key: Key) -> dict[str, Any]:
            if pairs is None:
                pairs = pair_pool(
                    known.data, model.frame.normaliser, self.coupling, bridge, count,
                    self.dequantise, rng, self.growth, known.rates, known.lineage,
                )  # fmt: skip
            return bridge.drawn(pairs, key=key) if isinstance(bridge, HasDraws) else pairs

        pairs = None
        if self.refresh is not None:
            pairs = self.refresh.rows(model, data, self.pool, index, rng, key=key)
        key, held_key = jax.random.split(key)
        count = 8 * max(self.training.batch, 64)
        rows = pool(known, self.pool, pairs, key=key)
        part = model.field.affine if isinstance(model.field, TransportField) else None
        if part is not None and isinstance(bridge, HasLinearReference):
            part = part.filled(bridge.linear(model.frame.dim), rows)
            model = eqx.tree_at(lambda m: m.field.affine, model, part)
        return Lesson(
            model,
            lambda model: model.field,
            MatchingLoss(inside, self.drop_condition, self.penalty),
            rows,
            None if held is None else pool(held, count, key=held_key),
        )

    @checked
    @watched
    def fit(
        self,
        data: Data | LazyEnsemble,
        *,
        key: Key,
        velocities: Snapshots | np.ndarray | Array | None = None,
        growth: Snapshots | np.ndarray | Array | None = None,
        init: AbstractTransportModel | None = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Fit:
        """Learn from snapshots at two times or more; of trajectories the pairing is forgotten.

        Args:
            data, key, init, progress, checkpoint: as in `AbstractMethod.fit`.
            velocities: of the samples, in their order (an array of their shape, or snapshots, whose
                coordinates ``velocity_x`` … are taken if there are such), for a bridge that learns
                its reference (`LearntReference`). None takes coordinates ``velocity_x`` … of the data
                themselves, whose states are then the others; else the steps of trajectories.
            growth: a number for every sample, for `GivenGrowth` and `Proliferation`.

        Raises:
            InvalidInput: one time, a snapshot of one sample, discrete data without a word on
                dequantisation, conditions without partner, or as coupling and bridge; velocities
                or growth that are missing, not wanted, or of another shape.
            SolveFailed: no plan was found.
            FitDiverged: a loss or gradient that is not finite.
        """
        rates = lambda n: rates_given(growth, n, self.growth, type(self).__name__)
        return fit_rounds(
            self, data, key=key, init=init, progress=progress, checkpoint=checkpoint,
            velocities=velocities, rates=rates, lineage=self.lineage,
        )  # fmt: skip

"""The transport product: coupling × bridge × network × sampler, through all snapshot times."""

import time as clock
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from noneq._typing import Key
from noneq.constant import Constant
from noneq.data.ensembles import Snapshots
from noneq.data.summary import Summary, summarise
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.learning.inputs import AbstractInputs
from noneq.learning.method import (
    AbstractMethod,
    Data,
    Fit,
    History,
    Progress,
    as_data,
    check_coordinates,
    check_init,
)
from noneq.learning.rows import check_lattice, train_part
from noneq.learning.training import Training
from noneq.learning.watching import Part, told, watched
from noneq.methods.bridges.base import AbstractBridge, HasMeasure, HasTables
from noneq.methods.bridges.integrators import AbstractIntegrator
from noneq.methods.bridges.matching import MatchingLoss, TransportField
from noneq.methods.bridges.model import AbstractTransportModel, transport_model
from noneq.methods.bridges.pairs.couplings import AbstractCoupling
from noneq.methods.bridges.pairs.pools import centred, check_snapshots, pair_pool, seeded
from noneq.methods.bridges.refresh import AbstractRefresh
from noneq.nets.base import AbstractNet
from noneq.nets.vectors.fields import MLP


_MOST_HARMONICS = 64


class AbstractTransport(AbstractInputs, AbstractMethod):
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
        time_band: highest frequency of the time features; None takes one turn in the shortest
            interval, at most 64 harmonics.
        drop_condition, dequantise: as in `AbstractInputs`.
        training: settings of the gradient loop.

    Raises:
        InvalidInput: a factor out of its range, an SDE for a bridge without noise, several rounds
            without refresh, or a refresh that the bridge does not take.
    """

    coupling: eqx.AbstractVar[AbstractCoupling]
    bridge: eqx.AbstractVar[AbstractBridge]
    sampler: eqx.AbstractVar[AbstractIntegrator]
    net: AbstractNet = MLP()
    pool: int = 65_536
    rounds: int = 1
    refresh: AbstractRefresh | None = None
    training: Training = Training(steps=10_000, batch=512)

    def __check_init__(self) -> None:
        name = type(self).__name__
        if self.pool < 1 or self.rounds < 1:
            raise InvalidInput(
                f"{name}: pool = {self.pool}, rounds = {self.rounds}; expected at least 1."
            )
        if self.rounds > 1 and self.refresh is None:
            raise InvalidInput(
                f"{name}: rounds = {self.rounds} and nothing changes between them; take rounds=1, or "
                "refresh=Refit() or Rematch()."
            )
        if self.refresh is not None:
            self.refresh.check(self)

    @checked
    def init(self, summary: Summary, *, key: Key) -> AbstractTransportModel:
        if len(summary.times) < 2:
            raise InvalidInput(
                f"{type(self).__name__}: one time is no transport; give two snapshots."
            )
        bridge = self.bridge
        if isinstance(bridge, HasMeasure):
            bridge = bridge.measured(summary)
        outputs = summary.dim * (2 if bridge.stochastic else 1)
        net = self.net.init_for(summary, outputs, noise=False, band=self._band(summary), key=key)
        inner = summary.dim // len(summary.scale)
        pace = summary.span / (len(summary.times) - 1)
        # A bridge spreads also the coordinates in which the data hardly differ.
        spread = jnp.asarray(bridge.diffusion(), float) * (np.sqrt(pace) / 2)
        data = np.repeat(np.asarray(summary.scale, np.float64), inner)
        scale = jnp.hypot(jnp.asarray(data, float), spread)
        pace = Constant(jnp.asarray(pace, float))
        field = TransportField(net=net, bridge=bridge, scale=Constant(scale), pace=pace)
        self.sampler.check(field)
        return transport_model(field, self.sampler, summary, optional=self.optional)

    def _band(self, summary: Summary) -> float:
        if self.time_band is not None:
            return self.time_band
        return min(1 / float(np.diff(summary.times).min()), _MOST_HARMONICS / (1.25 * summary.span))

    @checked
    @watched
    def fit(
        self,
        data: Data,
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
                dequantisation, conditions without partner, or as coupling and bridge.
            SolveFailed: no plan was found.
            FitDiverged: a loss or gradient that is not finite.
        """
        began, name = clock.monotonic(), type(self).__name__
        check_coordinates(self, data)
        check_lattice(as_data(data), self.dequantise, name)
        snapshots = as_data(data).snapshots()
        check_snapshots(snapshots, name)
        split_key, init_key, pool_key, *train_keys = jax.random.split(key, 3 + self.rounds)
        rng = seeded(pool_key)
        held = None
        if self.training.patience:
            snapshots, held = snapshots.split(1 - self.training.held_out, key=split_key)
            check_snapshots(held, f"{name}, held-out part")
        summary = summarise(snapshots)
        check_init(self, init, summary)
        model = self.init(summary, key=init_key) if init is None else init
        model = _with_starts(model, snapshots, self.dequantise, rng)
        history: History = {}
        for i, train_key in enumerate(train_keys):
            if i and self.refresh is not None:
                model = self.refresh.model(model, key=jax.random.fold_in(train_key, 1))
            model, rows = self._round(
                model, snapshots, held, rng, train_key, checkpoint, progress, i
            )
            history = _appended(history, rows)
        return Fit(model, history, self, summary, {"seconds": clock.monotonic() - began})

    def _part(self, progress: Progress | None, index: int) -> Part:
        """What one of the rounds tells."""
        steps, several = self.training.steps, self.rounds > 1
        return Part(
            told(progress or False),
            f"round {index + 1} of {self.rounds}" if several else "",
            before=lambda: index * steps,
            total=self.rounds * steps,
        )

    def _round(
        self,
        model: AbstractTransportModel,
        data: Snapshots,
        held: Snapshots | None,
        rng: np.random.Generator,
        key: Key,
        checkpoint: Path | None,
        progress: Progress | None,
        index: int,
    ) -> tuple[AbstractTransportModel, History]:
        """Train once on fresh pairs."""
        bridge: Any = model.field.bridge
        normaliser = model.frame.normaliser
        inside: Any = (
            bridge.tabulated(tuple(np.diff(data.times).tolist()))
            if isinstance(bridge, HasTables)
            else bridge
        )
        pool = lambda data, count: pair_pool(
            data, normaliser, self.coupling, model.field.bridge, count, self.dequantise, rng
        )
        pairs = None
        if self.refresh is not None:
            fresh = jax.random.fold_in(key, 2)
            pairs = self.refresh.rows(model, data, self.pool, index, rng, key=fresh)
        folder = checkpoint if checkpoint is None or not index else checkpoint / f"round_{index}"
        return train_part(
            model,
            lambda model: model.field,
            MatchingLoss(inside, self.drop_condition),
            pool(data, self.pool) if pairs is None else pairs,
            self.training,
            key=key,
            held_out=None if held is None else pool(held, 8 * max(self.training.batch, 64)),
            progress=self._part(progress, index),
            checkpoint=folder,
        )


def _with_starts(
    model: AbstractTransportModel, data: Snapshots, width: float | None, rng: np.random.Generator
) -> AbstractTransportModel:
    """The model with the states of these data to start from."""
    y = centred(data, model.frame.normaliser, width, rng) / np.asarray(
        model.frame.normaliser.scale.value
    )
    starts = model.starts.filled(y, data.condition, data.time_index, rng)
    return eqx.tree_at(lambda m: m.starts, model, starts)


def _appended(history: History, rows: History) -> History:
    """Columns of two rounds, the steps counted on."""
    if not history:
        return rows
    last = history["step"][-1]
    later = rows | {"step": [last + step for step in rows["step"]]}
    return {name: [*column, *later[name]] for name, column in history.items()}

"""What all transports between snapshots do: train in rounds, on pools drawn on the host."""

import time as clock
from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from noneq._typing import Key
from noneq.constant import Constant
from noneq.data.ensembles import Snapshots
from noneq.data.lazy.ensemble import LazyEnsemble
from noneq.data.summary import Summary, summarise
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.learning.inputs import AbstractInputs
from noneq.learning.method import (
    AbstractMethod,
    Fit,
    History,
    Progress,
    as_data,
    check_coordinates,
    check_init,
)
from noneq.learning.objectives import AbstractObjective
from noneq.learning.rows import check_lattice, train_part
from noneq.learning.training import Training
from noneq.learning.watching import Part, told
from noneq.methods.bridges.base import AbstractBridge, HasLesson, HasMeasure
from noneq.methods.bridges.growing import transport_model
from noneq.methods.bridges.integrators import AbstractIntegrator
from noneq.methods.bridges.matching import AbstractLearntField
from noneq.methods.bridges.model import AbstractTransportModel
from noneq.methods.bridges.pairs.known import Known, sources
from noneq.methods.bridges.pairs.pools import centred, seeded
from noneq.methods.bridges.references.velocities import states_and_velocities, velocity_rows
from noneq.nets.base import AbstractNet, AbstractNetwork
from noneq.nets.vectors.fields import MLP


_MOST_HARMONICS = 64


class Lesson(NamedTuple):
    """What one round trains.

    Attributes:
        model: to begin with.
        part: the learnt part of a model.
        loss: what training follows.
        rows: to learn from.
        held_out: rows for the held-out loss, or None.
    """

    model: AbstractTransportModel
    part: Callable[[Any], Any]
    loss: AbstractObjective
    rows: dict[str, Any]
    held_out: dict[str, Any] | None = None


class AbstractRounds(AbstractInputs, AbstractMethod):
    """A transport by one network over real time, or two, trained in one round or several.

    Args:
        bridge: the reference, or the path between the two states of a pair, in physical time.
        sampler: how a fitted model moves states.
        net: recipe of the networks.
        pool: rows of each interval that are drawn before a round (at least one a sample).
        rounds: trainings, each of ``training.steps``.
        time_band: highest frequency of the time features; None takes one turn in the shortest
            interval, at most 64 harmonics.
        drop_condition, dequantise: as in `AbstractInputs`.
        training: settings of the gradient loop.
    """

    between_times: ClassVar[bool] = True
    takes_lazy: ClassVar[bool] = True

    bridge: eqx.AbstractVar[AbstractBridge]
    sampler: eqx.AbstractVar[AbstractIntegrator]
    rounds: eqx.AbstractVar[int]
    net: AbstractNet = MLP()
    pool: int = 65_536
    training: Training = Training(steps=10_000, batch=512)

    def __check_init__(self) -> None:
        if self.pool < 1 or self.rounds < 1:
            raise InvalidInput(
                f"{type(self).__name__}: pool = {self.pool}, rounds = {self.rounds}; expected at "
                "least 1."
            )

    @abstractmethod
    def field(
        self,
        net: Callable[[int, Key], AbstractNetwork],
        summary: Summary,
        bridge: AbstractBridge,
        scale: Constant,
        pace: Constant,
        *,
        key: Key,
    ) -> AbstractLearntField:
        """The untrained field, of networks ``net(outputs, key)``."""

    @abstractmethod
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
        """What round number ``index`` trains."""

    @abstractmethod
    def between(
        self, model: AbstractTransportModel, index: int, *, key: Key
    ) -> AbstractTransportModel:
        """The model with which round number ``index`` begins."""

    @checked
    def init(self, summary: Summary, *, key: Key) -> AbstractTransportModel:
        if len(summary.times) < 2:
            raise InvalidInput(
                f"{type(self).__name__}: one time is no transport; give two snapshots."
            )
        bridge = self.bridge
        if isinstance(bridge, HasMeasure):
            bridge = bridge.measured(summary)
        band = self._band(summary)
        net = lambda outputs, key: self.net.init_for(
            summary, outputs, noise=False, band=band, key=key
        )
        inner = summary.dim // len(summary.scale)
        pace = summary.span / (len(summary.times) - 1)
        # A bridge spreads also the coordinates in which the data hardly differ.
        spread = jnp.asarray(bridge.diffusion(), float) * (np.sqrt(pace) / 2)
        data = np.repeat(np.asarray(summary.scale, np.float64), inner)
        scale = Constant(jnp.hypot(jnp.asarray(data, float), spread))
        field = self.field(net, summary, bridge, scale, Constant(jnp.asarray(pace, float)), key=key)
        self.sampler.check(field)
        return transport_model(field, self.sampler, summary, optional=self.optional)

    def _band(self, summary: Summary) -> float:
        if self.time_band is not None:
            return self.time_band
        return min(1 / float(np.diff(summary.times).min()), _MOST_HARMONICS / (1.25 * summary.span))


def fit_rounds(
    method: AbstractRounds,
    data: Any,
    *,
    key: Key,
    init: AbstractTransportModel | None,
    progress: Progress | None,
    checkpoint: Path | None,
    velocities: Any = None,
    rates: Callable[[int], np.ndarray | None] = lambda n: None,
    lineage: str | None = None,
) -> Fit:
    """The way from snapshots to `Fit`.

    Args:
        method, data, key, init, progress, checkpoint: as in `AbstractMethod.fit`.
        velocities: of the samples, for a bridge that learns its reference.
        rates: of growth, of n samples.
        lineage: column of the condition that holds clones; the model does not see it.
    """
    began, name = clock.monotonic(), type(method).__name__
    data, velocities = states_and_velocities(method, data, velocities)
    check_coordinates(method, data)
    data = data if isinstance(data, LazyEnsemble) else as_data(data)
    check_lattice(data, method.dequantise, name)
    split_key, init_key, pool_key, *train_keys = jax.random.split(key, 3 + method.rounds)
    rng, pace = seeded(pool_key), method.training
    growing = vars(method).get("growth") is not None
    source, held = sources(
        data, name, pool=method.pool, hold_out=pace.held_out if pace.patience else 0.0, rates=rates,
        lineage=lineage, more=growing or isinstance(method.bridge, HasLesson), split_key=split_key,
        key=jax.random.fold_in(pool_key, 0),
    )  # fmt: skip
    summary = summarise(source.whole)
    source.check(summary, name)
    check_init(method, init, summary)
    model = method.init(summary, key=init_key) if init is None else init
    model = _with_starts(model, source.now.data, method.dequantise, rng)
    history: History = {}
    recipe = method.bridge
    moved = velocity_rows(data, velocities, model.frame.normaliser, name, recipe)
    if isinstance(recipe, HasLesson) and moved is not None:
        report = Part(told(progress or False), "reference")
        folder = None if checkpoint is None else checkpoint / "reference"
        own_key = jax.random.fold_in(init_key, 1)
        bridge, _ = recipe.taught(
            model.field.bridge, moved, key=own_key, progress=report, checkpoint=folder
        )
        model = eqx.tree_at(lambda m: m.field.bridge, model, bridge)
    for i, train_key in enumerate(train_keys):
        if i:
            model = method.between(model, i, key=jax.random.fold_in(train_key, 1))
        fresh = jax.random.fold_in(train_key, 2)
        known = source.of_round(i, key=jax.random.fold_in(train_key, 3))
        lesson = method.lesson(model, known, None if held is None else held.now, i, rng, key=fresh)
        model, rows = train_part(
            lesson.model,
            lesson.part,
            lesson.loss,
            lesson.rows,
            method.training,
            key=train_key,
            held_out=lesson.held_out,
            progress=_told(method, progress, i),
            checkpoint=checkpoint if checkpoint is None or not i else checkpoint / f"round_{i}",
        )
        history = _appended(history, rows)
    return Fit(model, history, method, summary, {"seconds": clock.monotonic() - began})


def _told(method: AbstractRounds, progress: Progress | None, index: int) -> Part:
    """What one of the rounds tells."""
    steps, several = method.training.steps, method.rounds > 1
    return Part(
        told(progress or False),
        f"round {index + 1} of {method.rounds}" if several else "",
        before=lambda: index * steps,
        total=method.rounds * steps,
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

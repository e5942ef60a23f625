"""The dynamics as a conditional model: p(x_{t+lag} | x_t, t), learnt by denoising."""

import time as clock
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, ScalarLike
from noneq.constant import Constant
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.data.summary import Summary, summarise
from noneq.domains import Free, periods_of
from noneq.errors import InvalidInput, WrongType
from noneq.frames.origins import origin_of
from noneq.kinds import checked
from noneq.learning.forward import HasForward, linear
from noneq.learning.loop import Training
from noneq.learning.method import AbstractMethod, Data, Fit, Progress, check_init
from noneq.learning.objectives import AbstractLoss
from noneq.learning.rows import train_part
from noneq.learning.watching import watched
from noneq.methods.denoising.objectives import DenoisingLoss
from noneq.methods.denoising.transition_cost import Step, TransitionLoss
from noneq.methods.denoising.transition_model import TransitionModel
from noneq.nets.base import AbstractNet
from noneq.nets.inputs import Clock, Label
from noneq.nets.past import Past, first_frames, window_of
from noneq.nets.periodic import Angles, around
from noneq.nets.vectors.fields import MLP
from noneq.processes.dissipation import EntropyProduction
from noneq.processes.gaussian import Gaussian
from noneq.processes.schedules import Karras
from noneq.processes.targets import AbstractTarget, Preconditioned
from noneq.processes.torus.geodesic import Geodesic
from noneq.processes.torus.part import on_torus
from noneq.processes.torus.wrapped import Wrapped
from noneq.processes.weights import AbstractWeight, LogNormal
from noneq.samplers.base import AbstractSampler
from noneq.samplers.ode import Heun


_STARTS = 4096


class Transition(AbstractMethod, HasForward):
    """A model of the joint law over time, built on the denoiser of `ScoreMatching`.

    Forward process:
        noise on the displacement y = (x_{t+lag} − x_t − mean)/std; on a torus the shortest one,
        which is periodic itself, and the noise is wrapped.
    Learnt object:
        the denoiser E[y | y_tau, x_t, t], with ``past`` or ``traces`` also given the last displacements
        or averages over the past, so that motion that remembers can be learnt.
    Objective and weight:
        denoising score matching (`DenoisingLoss`) over all observed pairs one lag apart.
    Sampling:
        one reverse process per step of one lag; paths start from given states or from the
        first training frame.
    Source and deviations:
        Karras et al. 2022 for the denoiser; the Markov assumption x_{t+lag} | x_t is ours.

    Args:
        lag: physical time of one step; None takes the smallest distance of the data's times.
        process, target, weight, net, sampler, training, time_band: as in `ScoreMatching`.
        penalty: `EntropyProduction` for dynamics that dissipate less, or None.
        past: frames before the last one, one lag apart, that a step is given as well; 0 is a Markov
            chain (`noneq.inference.memory_test` asks whether more is needed).
        traces: times τ of exponential averages h ← e^{−lag/τ} h + (1 − e^{−lag/τ}) x that a step is
            given as x − h, for memories of many frames.

    Raises:
        InvalidInput: no pair of observations one lag apart, or none with so much past; a negative
            past, times of traces that are not positive, or a penalty of a motion with a past.
        WrongType: data without paths (`Snapshots`).
    """

    source: ClassVar[str] = "karras2022elucidating"
    takes_torus: ClassVar[bool] = True

    lag: float | None = None
    process: Gaussian = Gaussian(Karras(sigma_max=20.0))
    target: AbstractTarget = Preconditioned()
    weight: AbstractWeight = LogNormal()
    net: AbstractNet = MLP()
    time_band: float | None = None
    sampler: AbstractSampler = Heun(steps=20)
    training: Training = Training(steps=20_000)
    penalty: EntropyProduction | None = None
    past: int = 0
    traces: tuple[float, ...] = ()

    def __check_init__(self) -> None:
        if self.past < 0 or not all(0 < time < float("inf") for time in self.traces):
            raise InvalidInput(
                f"Transition: past = {self.past}, traces = {self.traces}; expected a number of frames "
                "≥ 0 and times > 0."
            )
        if self.penalty is not None and (self.past or self.traces):
            raise InvalidInput(
                "Transition: the penalty on entropy production is one of a Markov chain; leave out "
                "penalty, or past and traces."
            )

    def forward(
        self, x: Float[Array, " dim"], tau: ScalarLike
    ) -> tuple[Float[Array, " dim"], Float[Array, " dim"]]:
        return linear(self.process.schedule, x, tau)

    @checked
    def init(self, summary: Summary, *, key: Key) -> TransitionModel:
        # The state one lag ago, in normalised coordinates, goes first; then the data's condition.
        before = Angles(summary.periods) if summary.periods else None
        size = summary.dim if before is None else before.output_shape[0]
        past, window = self._past(summary)
        size += 0 if past is None else past.size
        seen = Label(
            (0.0,) * size + summary.condition_shift,
            (1.0,) * size + summary.condition_scale,
            ((),) * size + summary.condition_levels,
        )
        unit = replace(summary, std=1.0)
        net = around(self.net, unit).init(
            summary.event_shape,
            summary.dim,
            noise=True,
            clock=Clock(summary, self.time_band),
            label=seen,
            key=key,
        )
        # The clock runs its full length, as the period of the displacement is not known yet.
        process = on_torus(self.process.schedule, summary.periods) if before else self.process
        denoiser = process.learnt(net, unit, self.target, key=key)
        count = min(summary.counts[0], _STARTS)
        return TransitionModel(denoiser, self.sampler, summary, count, before, past, window)

    def _past(self, summary: Summary) -> tuple[Past | None, int]:
        """What is kept of the past, and over how many displacements it is measured."""
        if not self.past and not self.traces:
            return None, 0
        steps = np.diff(summary.times)
        lag = self.lag or (float(steps.min()) if steps.size else 1.0)
        window = window_of(self.past, self.traces, lag, len(summary.times))
        return Past(self.past, self.traces, lag, summary.dim), window

    @checked
    @watched
    def fit(
        self,
        data: Data,
        *,
        key: Key,
        init: TransitionModel | None = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Fit:
        if not isinstance(data, Trajectories):
            kind = "Snapshots" if isinstance(data, Snapshots) else type(data).__name__
            raise WrongType(
                f"Transition learns from paired paths (Trajectories), got {kind}; for unpaired "
                "snapshots use ScoreMatching, or name the trajectory column of the file."
            )
        began = clock.monotonic()
        split_key, init_key, train_key = jax.random.split(key, 3)
        held = None
        if self.training.patience:
            data, held = data.split(1 - self.training.held_out, key=split_key)
        summary = summarise(data)
        lag = float(np.diff(data.times).min()) if self.lag is None else self.lag
        check_init(self, init, summary, lambda model: model.denoiser)
        model = self.init(summary, key=init_key) if init is None else init
        model = _measure(model, data, lag)
        if model.past is not None:
            told = model.past.measured(_memories(model, data, lag)[0])
            model = eqx.tree_at(lambda m: m.past, model, told)
        model, history = train_part(
            model,
            lambda model: model.denoiser,
            self._loss(model),
            _rows(model, data, lag, self.penalty is not None),
            self.training,
            key=train_key,
            held_out=None if held is None else _rows(model, held, lag, self.penalty is not None),
            progress=progress,
            checkpoint=checkpoint,
        )
        return Fit(model, history, self, summary, {"seconds": clock.monotonic() - began})

    def _loss(self, model: TransitionModel) -> AbstractLoss:
        matching = DenoisingLoss(self.weight)
        if self.penalty is None:
            return matching
        unit = model.frame.normaliser.scale
        step = Step(model.denoiser, model.shift, model.scale, unit, model.before)
        return TransitionLoss(matching, self.penalty, step)


def _pairs(data: Trajectories, lag: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(trajectory, frame) of every observed start, and the frames one lag later."""
    slack = 1e-3 * lag
    later = np.searchsorted(data.times, data.times + lag - slack)
    exists = later < data.times.size
    exists[exists] &= np.abs(data.times[later[exists]] - data.times[exists] - lag) <= slack
    frames = np.flatnonzero(exists)
    both = data.observed[:, frames] & data.observed[:, later[frames]]
    rows, columns = np.nonzero(both)
    if rows.size < 2:
        raise InvalidInput(
            f"Transition: no observations are {lag:g} apart; choose lag among the distances of "
            "the data's times (noneq inspect shows them)."
        )
    return rows, frames[columns], rows, later[frames[columns]]


def _displacements(data: Trajectories, lag: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Displacements (pairs, *event), and trajectory and frame of their starts."""
    i, j, k, l = _pairs(data, lag)
    before, after = data.values[i, j], data.values[k, l]
    if isinstance(data.domain, Free):
        # In the precision of the data: far from zero float32 loses small steps.
        return (after - before).astype(np.float32), i, j
    move = jax.vmap(data.domain.difference)(jnp.asarray(after), jnp.asarray(before))
    return np.asarray(move), i, j


def _measure(model: TransitionModel, data: Trajectories, lag: float) -> TransitionModel:
    """Fill in what is measured: lag, normalisation of the displacements, start states."""
    move = _displacements(data, lag)[0]
    flat = move.reshape(move.shape[0], -1).astype(np.float64)
    shift, scale = flat.mean(0), flat.std(0)
    origin = origin_of(model)
    shape = model.starts.value.shape
    first = data.at(data.times[0]) if model.past is None else first_frames(data, lag, shape[1])
    starts = np.resize(first - (0.0 if origin is None else origin), shape)
    scale = np.where(scale > 0, scale, 1.0)
    measured = (shift, scale, starts, lag)
    model = eqx.tree_at(lambda m: m.denoiser, model, _around(model, data, scale))
    return eqx.tree_at(
        lambda m: (m.shift.value, m.scale.value, m.starts.value, m.lag.value),
        model,
        tuple(jnp.asarray(value, dtype=jnp.float32) for value in measured),
    )


def _around(model: TransitionModel, data: Trajectories, scale: np.ndarray) -> Any:
    """The denoiser, told the periods of the normalised displacement."""
    period = periods_of(data.domain, data.event_shape).ravel() / scale
    constant = Constant(jnp.asarray(period, dtype=jnp.float32))
    isperiodic = lambda node: isinstance(node, Angles | Wrapped | Geodesic)
    told = lambda node: eqx.tree_at(lambda n: n.period, node, constant)
    tell = lambda node: told(node) if isperiodic(node) else node
    return jax.tree.map(tell, model.denoiser, is_leaf=isperiodic)


def _memories(
    model: TransitionModel, data: Trajectories, lag: float
) -> tuple[np.ndarray, np.ndarray]:
    """What is kept of the past of every pair that has one, and which have."""
    assert model.past is not None
    i, j, *_ = _pairs(data, lag)
    return model.past.along(data, lag, model.starts.value.shape[1] - 1, i, j)


def _rows(
    model: TransitionModel, data: Trajectories, lag: float, penalised: bool
) -> dict[str, Any]:
    """One row per pair: normalised displacement, start time, normalised start state.

    A penalty needs the start state and the data's own condition by themselves, too.
    """
    move, i, j = _displacements(data, lag)
    flat = move.reshape(move.shape[0], -1)
    state = seen = model.frame.normaliser.host(data.values[i, j])
    if model.before is not None:
        seen = np.asarray(jax.vmap(model.seen)(jnp.asarray(seen)))
    if model.past is not None:
        memories, kept = _memories(model, data, lag)
        told = np.asarray(jax.vmap(model.past.features)(jnp.asarray(memories)))
        seen, flat, i, j = np.concatenate([seen[kept], told], axis=1), flat[kept], i[kept], j[kept]
    own = None if data.condition is None else data.condition[i].astype(np.float32)
    if own is not None:
        seen = np.concatenate([seen, own], axis=1)
    rows = {
        "y": (flat - np.asarray(model.shift.value)) / np.asarray(model.scale.value),
        "time": data.times[j].astype(np.float32),
        "condition": seen,
    }
    return rows | {"state": state, "own": own} if penalised else rows

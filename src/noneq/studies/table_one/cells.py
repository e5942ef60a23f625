"""The pieces of the study `table_one`: what is known of a law, one method on it, and a peer."""

import time as clock
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from noneq._typing import Key
from noneq.data.ensembles import Snapshots
from noneq.estimate import Estimate, sample_mean
from noneq.kinds import AbstractChecked
from noneq.learning.method import AbstractMethod
from noneq.methods.bridges.integrators import TransportODE
from noneq.methods.bridges.model import AbstractTransportModel
from noneq.methods.denoising.bound import variational_bound
from noneq.methods.denoising.flow_law import AbstractFlowLaw
from noneq.methods.denoising.model import DenoisingModel
from noneq.methods.flows.continuous import ContinuousFlow
from noneq.methods.flows.two_way import DiffFlowModel
from noneq.metrics import bits_per_dim, mmd, nll, w2
from noneq.processes.denoiser import Denoiser
from noneq.processes.learnt import LearntLogSNR
from noneq.runs.rows import Row, over_times, row_of
from noneq.runs.trials import Trial, first, keys_of, trial
from noneq.studies.base import AbstractCell, Arrays, Outcome
from noneq.studies.table_one.data import AbstractDataSet, Parts, Shape, corners
from noneq.traits import AbstractModel, HasLogProb


Bound: TypeAlias = Callable[[np.ndarray, float, Key], Estimate]


class Judging(AbstractChecked):
    """How models are judged.

    Args:
        n: samples per time in `w2` and `mmd`.
        timed: samples that are drawn for the clock; fewer of digits.
        timed_digits: the same number for the digits.
        grid: cells per axis of the mass integral.
        margin: of the grid, and of the box of methods that need one, about the data, in parts
            of their width.
        chunk: states whose likelihood is computed at once.
        bounded: states of which a bound on the likelihood is computed.
        shown: samples kept for the pictures.
    """

    n: int = 2000
    timed: int = 10_000
    timed_digits: int = 1000
    grid: int = 96
    margin: float = 0.1
    chunk: int = 2048
    bounded: int = 2000
    shown: int = 3000


class ReferenceCell(AbstractCell):
    """The law itself: its own negative log-likelihood where the density is known, and samples."""

    data: AbstractDataSet
    judging: Judging
    replicate: int

    @property
    def case(self) -> str:
        """The data set."""
        return self.data.case

    @property
    def method_name(self) -> str:
        """``optimal``."""
        return "optimal"

    def __call__(self, key: Key) -> Outcome:
        """Measure the test samples of this key."""
        parts = self.data.draw(keys_of(key)[0])
        arrays = {} if self.replicate else {"samples": shown(parts.test, self.judging)}
        if not isinstance(self.data, Shape):
            return Outcome((), arrays)
        known = self.data.log_density(jnp.asarray(parts.test.values))
        if known is None:
            return Outcome((), arrays)
        rows = (row_of(self.case, "optimal", "nll", sample_mean(-np.asarray(known))),)
        return Outcome(rows, arrays)


class LearnerCell(AbstractCell):
    """One method on one data set: fitted, sampled, scored, timed.

    A transport starts from as many Gaussian states, one unit of time before the data (``started``).
    """

    data: AbstractDataSet
    judging: Judging
    method: AbstractMethod
    replicate: int
    boxed: bool = False
    started: bool = False

    @property
    def case(self) -> str:
        """The data set."""
        return self.data.case

    @property
    def method_name(self) -> str:
        """The method's class."""
        return type(self.method).__name__

    def __call__(self, key: Key) -> Outcome:
        """Fit, sample and score on the samples of this key."""
        data_key, rest_key = keys_of(key)
        parts = self.data.draw(data_key)
        if self.boxed and parts.train.domain.bounds is None:
            parts = parts.boxed(self.judging.margin)
        name = self.method_name
        train = parts.train if not self.started else with_start(parts.train, rest_key)
        found = trial(self.case, name, self.method, train, keys=3, key=rest_key)
        model, (draw_key, density_key, bound_key) = found.model, found.keys
        samples, seconds = self._draw(found, parts.test, draw_key)
        rows = [
            *distances(found, samples, parts),
            *self._likelihood(model, parts.test, density_key),
            *self._bound(model, parts.test, bound_key),
        ]
        if (count := evaluations(model)) is not None:
            rows.append(found.row("nfe", float(count)))
        rows.append(found.row("train_seconds", found.seconds))
        rows.append(found.row("sample_seconds", seconds))
        arrays = {} if self.replicate else {"samples": shown(samples, self.judging)}
        if isinstance(self.data, Shape) and isinstance(model, HasLogProb):
            density, mass = self._mass(model, parts)
            rows.append(found.row("mass_error", abs(mass - 1)))
            arrays |= {} if self.replicate else density
        return Outcome(tuple(rows), arrays)

    def _draw(self, found: Trial, test: Snapshots, key: Key) -> tuple[Snapshots, float]:
        """Samples at the scored times, and the seconds of a second draw at the first of them."""
        first_key, second_key, rest_key = jax.random.split(key, 3)
        many = self.judging.timed_digits if self.data.width else self.judging.timed
        n = min(self.judging.n, int(test.counts.min()))
        frames = [found.draw(many, test, key=first_key).values[:n]]
        began = clock.monotonic()
        np.asarray(found.model.sample(many, time=float(test.times[0]), key=second_key))
        seconds = clock.monotonic() - began
        if test.times.size > 1:
            rest = found.model.snapshots(n, times=test.times[1:], key=rest_key)
            frames += [rest.at(t) for t in rest.times]
        return Snapshots.from_frames(frames, test.times, **test.labels()), seconds

    def _likelihood(self, model: AbstractModel, test: Snapshots, key: Key) -> list[Row]:
        """Nats per state; bits per dimension for discrete data."""
        if not isinstance(model, HasLogProb):
            return []
        width, chunk = self.data.width, self.judging.chunk
        measure = bits_per_dim if width else nll
        value = measure(model, test, dequantise=width, batch=chunk, key=key)
        value = over_times(value, same_paths=True)
        return [row_of(self.case, self.method_name, measure.__name__, value)]

    def _bound(self, model: AbstractModel, test: Snapshots, key: Key) -> list[Row]:
        """A bound on the same of the first states, for models that have one."""
        bound = bound_of(model)
        if bound is None:
            return []
        x = first(test, max(2, self.judging.bounded // test.times.size))
        noise_key, key = jax.random.split(key)
        noise = np.asarray(jax.random.uniform(noise_key, x.values.shape)) - 0.5
        states = (x.values + self.data.width * noise).astype(np.float32)
        nats = [
            -bound(states[x.time_index == i], float(time), jax.random.fold_in(key, i)).value
            for i, time in enumerate(x.times)
        ]
        # The error of each entry is part of the spread over the states.
        value = sample_mean(np.concatenate(nats))
        if self.data.width:
            value = in_bits(value, test.event_shape, self.data.width)
        metric = "bits_per_dim_bound" if self.data.width else "nll_bound"
        return [row_of(self.case, self.method_name, metric, value)]

    def _mass(self, model: HasLogProb, parts: Parts) -> tuple[Arrays, float]:
        """The density on a grid of the plane, and its integral."""
        domain = parts.train.domain
        around = corners(parts.train.values, 2 * self.judging.margin)
        low, high = around if domain.bounds is None else domain.bounds
        count = self.judging.grid
        edge = (np.arange(count) + 0.5) / count
        x, y = np.meshgrid(low[0] + edge * (high[0] - low[0]), low[1] + edge * (high[1] - low[1]))
        points = np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32)
        time = float(parts.train.times[0])
        value = _log_probs(model, points, time, self.judging.chunk)
        mass = float(np.exp(value).mean() * np.prod(np.asarray(high) - np.asarray(low)))
        extent = np.asarray([low[0], high[0], low[1], high[1]])
        picture = np.exp(value).reshape(count, count).astype(np.float16)
        return {"density": picture, "extent": extent}, mass


def with_start(data: Snapshots, key: Key) -> Snapshots:
    """Snapshots of one time with a Gaussian of the same mean and spread one unit of time before."""
    x = data.values
    noise = np.asarray(jax.random.normal(jax.random.fold_in(key, 1), x.shape))
    start = x.mean(0) + x.std(0).mean() * noise
    time = float(data.times[0])
    return Snapshots.from_frames([start, x], [time - 1.0, time], **data.labels())


def distances(found: Trial, samples: Snapshots, parts: Parts) -> list[Row]:
    """`w2` and `mmd` of samples of any origin, averaged over the times."""
    n = int(samples.counts.min())
    test, truth = (first(data, n) for data in (parts.test, parts.truth))
    return found.distances({"w2": partial(w2, max_n=n), "mmd": mmd}, samples, test, truth)


def in_bits(nats: Estimate, event_shape: tuple[int, ...], width: float) -> Estimate:
    """Nats of a density in bits per number of a state, for data of this spacing."""
    unit = 1 / (np.prod(event_shape) * np.log(2))
    return Estimate(nats.value * unit - np.log2(width), nats.stderr * unit, nats.n)


def shown(data: Snapshots, judging: Judging) -> np.ndarray:
    """States for the pictures, of the first time."""
    return data.at(data.times[0])[: judging.shown].astype(np.float32)


def evaluations(model: Any) -> int | None:
    """Evaluations of the network for one draw; None if the sampler adapts."""
    match model:
        case AbstractFlowLaw():
            return model.sampler.evaluations
        case ContinuousFlow():
            return 4 * model.steps
        case DiffFlowModel():
            return model.steps
        case AbstractTransportModel():
            return model.sampler.steps * (4 if isinstance(model.sampler, TransportODE) else 1)
    return 1


def bound_of(model: Any) -> Bound | None:
    """The bound on log p that a model comes with."""
    if isinstance(model, DiffFlowModel):
        return lambda x, time, key: model.log_prob_estimate(x, time=time, key=key)
    learnt = isinstance(model, DenoisingModel) and isinstance(model.denoiser, Denoiser)
    if learnt and isinstance(model.denoiser.process.schedule, LearntLogSNR):
        return lambda x, time, key: variational_bound(model, x, time=time, key=key)
    return None


def _log_probs(model: Any, x: np.ndarray, time: float, chunk: int) -> np.ndarray:
    out = [
        _chunk(model, jnp.asarray(x[np.minimum(np.arange(i, i + chunk), len(x) - 1)]), time)
        for i in range(0, len(x), chunk)
    ]
    return np.concatenate([np.asarray(part, np.float64) for part in out])[: len(x)]


@eqx.filter_jit
def _chunk(model: Any, x: jax.Array, time: float) -> jax.Array:
    return jax.vmap(lambda x: model.log_prob(x, time=time))(x)

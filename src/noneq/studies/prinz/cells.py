"""The pieces of the study `prinz`: what the truth says, and one method on one data set."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from noneq._typing import Key
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.errors import WrongType
from noneq.estimate import Estimate, sample_mean
from noneq.kinds import AbstractChecked
from noneq.learning.method import AbstractMethod
from noneq.metrics import jensen_shannon, transition_jensen_shannon
from noneq.runs.rows import Row, row_of
from noneq.runs.trials import trial
from noneq.studies.base import AbstractCell, Arrays, Outcome
from noneq.studies.ensembles import Ensembles, Recording
from noneq.studies.prinz.time_average import time_average
from noneq.systems import Prinz
from noneq.traits import AbstractModel, HasEnergy, HasPaths, HasScore


class Scoring(AbstractChecked):
    """At which times, on which cells and with how many samples the models are judged.

    Args:
        bins: cells per axis of `jensen_shannon`.
        frames: evenly spaced times after the transient.
        transient: end of the transient; all recorded times up to it (but 0) are scored too.
        fine_n: samples per time of the excess over the floor; 0 leaves it out.
        fine_frames: its evenly spaced times after the transient.
        lag: of the transitions; a whole number of recording intervals.
        starts: evenly spaced start times of the transitions.
        transition_bins: cells per axis of `transition_jensen_shannon`.
        steady: entropy production is averaged from this time on.
        clouds: times of the pictures of samples.
        cloud_n: samples in each picture.
    """

    bins: int = 32
    frames: int = 100
    transient: float = 0.2
    fine_n: int = 20_000
    fine_frames: int = 20
    lag: float = 0.1
    starts: int = 20
    transition_bins: int = 8
    steady: float = 1.0
    clouds: int = 41
    cloud_n: int = 500

    def late(self, recording: Recording, count: int) -> np.ndarray:
        """``count`` recorded times after the transient, evenly spaced to the end."""
        spaced = np.linspace(self.transient, recording.until, count + 1)[1:]
        return recording.times[recording.nearest(spaced)]

    def early(self, recording: Recording) -> np.ndarray:
        """The recorded times of the transient, without 0."""
        times = recording.times
        return times[(times > 0) & (times <= self.transient + 1e-9)]

    def lagged(self, recording: Recording) -> np.ndarray:
        """Multiples of the lag, from 0."""
        stride = round(self.lag / recording.interval)
        return recording.times[::stride]

    def pairs(self, recording: Recording) -> np.ndarray:
        """Start times after the transient and their ends, on the multiples of the lag."""
        grid = self.lagged(recording)
        first = int(np.ceil(self.transient / self.lag + 1e-9))
        starts = np.unique(np.linspace(first, grid.size - 2, self.starts).astype(int))
        starts = starts[np.concatenate([[True], np.diff(starts) > 2])]
        return grid[np.sort(np.concatenate([starts, starts + 1]))]


class TruthCell(AbstractCell):
    """What the simulation itself says: entropy production, the landscape, how the truth moves."""

    recording: Recording
    scoring: Scoring
    replicate: int

    @property
    def case(self) -> str:
        """The drive."""
        return case_of(self.recording)

    @property
    def method_name(self) -> str:
        """``simulation``."""
        return "simulation"

    def __call__(self, key: Key) -> Outcome:
        """Measure the ensembles of this key."""
        system, data = prinz_of(self.recording), self.recording.draw(shared_keys(key)[0])
        late = data.test.frames(data.test.times >= self.scoring.steady)
        rate = entropy_production(system, late)
        metric = "entropy_production_rate"
        rows = (
            row_of(self.case, "simulation", metric, rate),
            Row(self.case, "exact", metric, system.entropy_production_rate(), 0.0),
        )
        if self.replicate:
            return Outcome(rows)
        time = picture_time(self.recording)
        points = plane(system, 128)
        potential = jax.vmap(system.potential, (None, 0))(time, points)
        drawn = cloud(data.test.frames(cloud_frames(self.recording, self.scoring)), self.scoring)
        return Outcome(
            rows, drawn | {"time": np.asarray(time), "potential": square(potential, 128)}
        )


class LearnerCell(AbstractCell):
    """One method on one data set: fitted, sampled, scored."""

    recording: Recording
    scoring: Scoring
    method: AbstractMethod
    replicate: int
    transitions: bool = False

    @property
    def case(self) -> str:
        """The drive."""
        return case_of(self.recording)

    @property
    def method_name(self) -> str:
        """The method's class."""
        return type(self.method).__name__

    def __call__(self, key: Key) -> Outcome:
        """Fit, sample and score on the ensembles of this key."""
        data_key, fine_data_key, rest_key = shared_keys(key)
        data = self.recording.draw(data_key)
        found = trial(self.case, self.method_name, self.method, data.train, keys=4, key=rest_key)
        model, (sample_key, fine_key, path_key, picture_key) = found.model, found.keys
        if isinstance(model, HasPaths):
            return self._score_paths(model, data, path_key)
        rows, arrays = self._score_marginals(model, data, sample_key)
        if self.scoring.fine_n:
            rows += self._excess(model, fine_data_key, fine_key)
        if self.transitions:
            times = self.scoring.pairs(self.recording)
            frames = model.snapshots(self.recording.n, times=times, key=path_key)
            rows += self._transitions(as_independent_paths(frames), data)
        if self.replicate == 0:
            arrays |= self._pictures(model, picture_key)
        return Outcome(rows, arrays)

    def _score_marginals(
        self, model: AbstractModel, data: Ensembles, key: Key
    ) -> tuple[tuple[Row, ...], Arrays]:
        early = self.scoring.early(self.recording)
        late = self.scoring.late(self.recording, self.scoring.frames)
        times = np.concatenate([early, late])
        samples = model.snapshots(self.recording.n, times=times, key=key)
        parts = {"jensen_shannon_transient": early, "jensen_shannon": late}
        rows = tuple(
            self._divergence(metric, at_times(samples, part), data)
            for metric, part in parts.items()
            if part.size
        )
        return rows, self._curve(samples, data)

    def _divergence(self, metric: str, samples: Snapshots | Trajectories, data: Ensembles) -> Row:
        at = self.recording.nearest(samples.times)
        value, _ = time_average(
            samples, data.test.frames(at), data.truth.frames(at), bins=self.scoring.bins
        )
        return row_of(self.case, self.method_name, metric, value)

    def _curve(self, samples: Snapshots | Trajectories, data: Ensembles) -> Arrays:
        """Divergence and floor at each time."""
        at = self.recording.nearest(samples.times)
        curve = jensen_shannon(
            samples, data.test.frames(at), truth=data.truth.frames(at), bins=self.scoring.bins
        )
        assert curve.times is not None
        assert curve.floor is not None
        return {"times": curve.times, "divergence": curve.value, "floor": curve.floor}

    def _excess(self, model: AbstractModel, truth_key: Key, key: Key) -> tuple[Row, ...]:
        """The divergence above its floor, with many samples at few times."""
        times = self.scoring.late(self.recording, self.scoring.fine_frames)
        reference, truth = self.recording.frames(
            self.scoring.fine_n, tuple(times.tolist()), truth_key
        )
        samples = model.snapshots(self.scoring.fine_n, times=times, key=key)
        _, above = time_average(samples, reference, truth, bins=self.scoring.bins)
        return (row_of(self.case, self.method_name, "jensen_shannon_excess", above),)

    def _score_paths(self, model: HasPaths, data: Ensembles, key: Key) -> Outcome:
        """Whole paths from the truth's starting states, on multiples of the lag."""
        times = self.scoring.lagged(self.recording)
        paths = model.sample_paths(
            self.recording.n, times=times, start=data.truth.values[:, 0], key=key
        )
        late = paths.frames(np.flatnonzero(times > self.scoring.transient + 1e-9))
        rows = (self._divergence("jensen_shannon", late, data), *self._transitions(paths, data))
        arrays = self._curve(paths.frames(slice(1, None)), data)
        if self.replicate == 0:
            near = np.searchsorted(
                times, self.recording.times[cloud_frames(self.recording, self.scoring)]
            )
            arrays |= cloud(paths.frames(np.unique(np.clip(near, 0, times.size - 1))), self.scoring)
        return Outcome(rows, arrays)

    def _transitions(self, paths: Trajectories, data: Ensembles) -> tuple[Row, ...]:
        times = self.scoring.pairs(self.recording)
        at = self.recording.nearest(times)
        measured = transition_jensen_shannon(
            paths.frames(positions(paths.times, times)),
            data.test.frames(at),
            truth=data.truth.frames(at),
            lag=self.scoring.lag,
            bins=self.scoring.transition_bins,
        )
        # Starts are correlated through the wells that particles keep: no gain from averaging.
        mean = dataclasses.replace(measured.mean(), stderr=np.asarray(measured.stderr.mean()))
        return (row_of(self.case, self.method_name, "transition_jensen_shannon", mean),)

    def _pictures(self, model: AbstractModel, key: Key) -> Arrays:
        system, time = prinz_of(self.recording), picture_time(self.recording)
        times = self.recording.times[cloud_frames(self.recording, self.scoring)]
        arrays = cloud(model.snapshots(self.scoring.cloud_n, times=times, key=key), self.scoring)
        arrays["time"] = np.asarray(time)
        if isinstance(model, HasEnergy):
            energy = jax.vmap(lambda x: model.energy(x, time=time))(plane(system, 128))
            arrays["energy"] = square(energy, 128)
        if isinstance(model, HasScore):
            score = jax.vmap(lambda x: model.score(x, time=time))(plane(system, 24))
            arrays["score"] = square(score, 24)
        return arrays


def shared_keys(key: Key) -> tuple[Key, Key, Key]:
    """Keys of the data, of the data with many samples, and of all else."""
    data_key, fine_data_key, rest_key = jax.random.split(key, 3)
    return data_key, fine_data_key, rest_key


def case_of(recording: Recording) -> str:
    """``drive=20``."""
    return f"drive={prinz_of(recording).drive:g}"


def prinz_of(recording: Recording) -> Prinz:
    """The system, which must be the one that this study is about.

    Raises:
        WrongType: another system.
    """
    if not isinstance(recording.system, Prinz):
        raise WrongType(f"the study prinz needs a Prinz system, got {recording.system!r}.")
    return recording.system


def entropy_production(system: Prinz, paths: Trajectories) -> Estimate:
    """Mean of beta ∂_t V along the paths, nats per unit time; paths are independent.

    **Equation**: in the periodic state all work is heat, so that the entropy production rate is
    beta ⟨∂_t V(t, x)⟩.
    """

    @jax.jit
    def power(t, x):
        return jax.vmap(lambda x: system.beta * jax.grad(system.potential)(t, x))(x)

    frames = [
        np.asarray(power(jnp.asarray(t, float), paths.values[:, i]), np.float64)
        for i, t in enumerate(paths.times)
    ]
    return sample_mean(np.mean(frames, axis=0))


def as_independent_paths(frames: Snapshots) -> Trajectories:
    """Unrelated samples of each time, strung together: all that a marginal law can offer."""
    values = np.stack([frames.at(t) for t in frames.times], axis=1)
    return Trajectories(values, frames.times, **frames.labels())


def at_times(data: Snapshots | Trajectories, times: np.ndarray) -> Snapshots | Trajectories:
    """The part of the data at some of its times."""
    kept = positions(data.times, times)
    if isinstance(data, Trajectories):
        return data.frames(kept)
    return data.take(np.flatnonzero(np.isin(data.time_index, kept)))


def positions(times: np.ndarray, some: np.ndarray) -> np.ndarray:
    """Where in ``times`` those of ``some`` are."""
    return np.flatnonzero(np.isclose(times[:, None], some).any(axis=1))


def picture_time(recording: Recording) -> float:
    """The recorded time nearest to half of the span."""
    return float(recording.times[recording.times.size // 2])


def cloud_frames(recording: Recording, scoring: Scoring) -> np.ndarray:
    """Frames of the pictures of samples: evenly spaced, on multiples of the lag."""
    grid = scoring.lagged(recording)
    spaced = np.linspace(0, grid.size - 1, min(scoring.clouds, grid.size)).round().astype(int)
    return recording.nearest(grid[spaced])


def cloud(data: Snapshots | Trajectories, scoring: Scoring) -> Arrays:
    """A few samples of each time, ``(times, n, 2)``."""
    points = np.stack([data.at(t)[: scoring.cloud_n] for t in data.times])
    return {"cloud_times": data.times, "cloud": points.astype(np.float32)}


def plane(system: Prinz, count: int) -> jax.Array:
    """Centres of ``count`` × ``count`` cells of the box, x fastest."""
    edge = (np.arange(count) + 0.5) / count * 2 - 1
    x, y = np.meshgrid(system.half_width * edge, system.half_width * edge)
    return jnp.asarray(np.stack([x.ravel(), y.ravel()], axis=1), float)


def square(values: jax.Array, count: int) -> np.ndarray:
    """Values on `plane` as a picture ``(y, x, …)``."""
    array = np.asarray(values, np.float32)
    return array.reshape(count, count, *array.shape[1:])

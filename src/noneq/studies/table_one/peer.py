"""The peer of the study `table_one`: scikit-learn's Gaussian mixture, one for each time."""

import time as clock
from typing import Any

import jax
import numpy as np

from noneq._typing import Key
from noneq.data.ensembles import Snapshots
from noneq.errors import InvalidInput
from noneq.estimate import Estimate, sample_mean
from noneq.kinds import AbstractChecked
from noneq.runs.rows import over_times
from noneq.runs.trials import Trial, keys_of
from noneq.studies.base import AbstractCell, Outcome
from noneq.studies.table_one.cells import Judging, distances, in_bits, shown
from noneq.studies.table_one.data import AbstractDataSet


class Mixture(AbstractChecked):
    """What is tried; the likelihood of a tenth of the training data, held out, decides.

    Args:
        components: numbers of components.
        covariances: kinds of covariance matrices.
        floor: added to the variances, in units of the data's.
    """

    components: tuple[int, ...] = (16, 64)
    covariances: tuple[str, ...] = ("full", "diag")
    floor: float = 1e-4

    def __check_init__(self) -> None:
        if not self.components or min(self.components) < 1 or not self.covariances:
            raise InvalidInput("Mixture: give at least one number ≥ 1 and one kind of covariance.")

    def fit(self, x: np.ndarray, seed: int) -> Any:
        """The best mixture for states ``(n, dim)``."""
        from sklearn.mixture import GaussianMixture

        cut = max(1, len(x) // 10)
        held, rest = x[:cut], x[cut:]
        made = [
            GaussianMixture(
                count,
                covariance_type=kind,
                reg_covar=self.floor * float(x.var()),
                random_state=seed,
            )
            for count in self.components
            for kind in self.covariances
            if count <= len(rest)
        ]
        return max((mixture.fit(rest) for mixture in made), key=lambda m: m.score(held))


class MixtureCell(AbstractCell):
    """`sklearn.mixture.GaussianMixture`, fitted to each scored time by itself."""

    data: AbstractDataSet
    judging: Judging
    mixture: Mixture
    replicate: int

    @property
    def case(self) -> str:
        """The data set."""
        return self.data.case

    @property
    def method_name(self) -> str:
        """``GaussianMixture (peer)``."""
        return "GaussianMixture (peer)"

    def __call__(self, key: Key) -> Outcome:
        """Fit, sample and score on the samples of this key."""
        data_key, rest_key = keys_of(key)
        parts = self.data.draw(data_key)
        train, test = (self._filled(data, rest_key) for data in (parts.train, parts.test))
        seed = int(jax.random.randint(rest_key, (), 0, 2**31 - 1))
        n = min(self.judging.n, int(test.counts.min()))
        seconds, frames, likelihoods = 0.0, [], []
        for time in test.times:
            began = clock.monotonic()
            mixture = self.mixture.fit(_flat(train.at(time)), seed)
            seconds += clock.monotonic() - began
            # sample() returns one component after the other.
            drawn = np.random.default_rng(seed).permutation(mixture.sample(n)[0])
            frames.append(drawn.reshape(n, *test.event_shape))
            likelihoods.append(sample_mean(-mixture.score_samples(_flat(test.at(time)))))
        value = over_times(_joined(likelihoods), same_paths=True)
        metric = "bits_per_dim" if self.data.width else "nll"
        if self.data.width:
            value = in_bits(value, test.event_shape, self.data.width)
        samples = Snapshots.from_frames(frames, test.times, **test.labels())
        found = Trial(self.case, self.method_name)
        rows = (
            *distances(found, samples, parts),
            found.row_of(metric, value),
            found.row("train_seconds", seconds),
        )
        return Outcome(rows, {} if self.replicate else {"samples": shown(samples, self.judging)})

    def _filled(self, data: Snapshots, key: Key) -> Snapshots:
        if not self.data.width:
            return data
        noise = np.asarray(jax.random.uniform(jax.random.fold_in(key, data.n), data.values.shape))
        values = data.values + self.data.width * (noise - 0.5)
        return Snapshots(values, data.times, data.time_index, **data.labels())


def _flat(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), -1).astype(np.float64)


def _joined(estimates: list[Estimate]) -> Estimate:
    stack = lambda name: np.stack([getattr(e, name) for e in estimates])
    return Estimate(stack("value"), stack("stderr"), stack("n"))

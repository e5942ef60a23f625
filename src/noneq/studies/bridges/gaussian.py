"""Gaussian to Gaussian with a Brownian reference: how well marginals of the bridge are met."""

from typing import Any

import jax
import numpy as np

from noneq._typing import Key
from noneq.data.ensembles import Snapshots
from noneq.statistics.gaussian_bridge import GaussianBridge
from noneq.statistics.linear_reference import LinearReference
from noneq.studies.bridges.problem import AbstractProblem, Score, generator


_CHUNK = 20_000


class GaussianProblem(AbstractProblem):
    """N(−0.1·1, I) to N(0.1·1, I) in one unit of time, noise 1.

    ``mean_kl`` is the mean over ``frames`` times of KL(q_t | p_t), nats, q_t the Gaussian without
    correlations that has the moments of ``n_test`` fresh paths and p_t the exact marginal. The
    floor is that of the exact bridge, by as many Euler steps.

    Args:
        dim: coordinates.
        n: training samples at either end.
        n_test: fresh paths.
        frames: times, both ends included; one step of the paths from each to the next.

    Source: Shi et al. 2023, section 6.2.
    """

    dim: int = 5
    n: int = 100_000
    n_test: int = 100_000
    frames: int = 21

    @property
    def case(self) -> str:
        """With the dimension."""
        return f"gaussian:d={self.dim}"

    def draw(self, key: Key) -> Snapshots:
        x = np.asarray(jax.random.normal(key, (2, self.n, self.dim)))
        return Snapshots.from_frames([x[0] - 0.1, x[1] + 0.1], [0.0, 1.0])

    def scores(self, model: Any, key: Key) -> list[Score]:
        times = np.linspace(0.0, 1.0, self.frames)
        start_key, path_key, floor_key = jax.random.split(key, 3)
        sums = np.zeros((2, self.frames, self.dim))
        for i, n in enumerate(_parts(self.n_test)):
            start = np.asarray(
                jax.random.normal(jax.random.fold_in(start_key, i), (n, self.dim))
            ) - np.float32(0.1)
            own = jax.random.fold_in(path_key, i)
            paths = model.sample_paths(n, times=times, start=start, key=own)
            x = np.asarray(paths.values, np.float64)
            sums += np.stack([x.sum(0), (x**2).sum(0)])
        floor = self._kl(self._exact_sums(generator(floor_key)))
        return [Score("mean_kl", self._kl(sums), floor=floor)]

    def _kl(self, sums: np.ndarray) -> float:
        """Mean over the times of KL of independent Gaussians, from sums of x and x²."""
        mean = sums[0] / self.n_test
        variance = sums[1] / self.n_test - mean**2
        bridge = self._bridge()
        total = 0.0
        for t, m, v in zip(np.linspace(0, 1, self.frames), mean, variance, strict=True):
            true_mean, covariance = bridge.moments(float(t))
            ratio = v / np.diag(covariance)
            away = (m - true_mean) ** 2 / np.diag(covariance)
            total += 0.5 * float((ratio - 1 - np.log(ratio) + away).sum())
        return total / self.frames

    def _exact_sums(self, rng: np.random.Generator) -> np.ndarray:
        """Sums of x and x² of the exact bridge's own Euler paths."""
        bridge, h = self._bridge(), 1 / (self.frames - 1)
        drifts = [bridge.drift(i * h) for i in range(self.frames - 1)]
        means = [bridge.moments(i * h)[0] for i in range(self.frames - 1)]
        sums = np.zeros((2, self.frames, self.dim))
        for n in _parts(self.n_test):
            x = rng.normal(size=(n, self.dim)) - 0.1
            for i in range(self.frames):
                sums[:, i] += [x.sum(0), (x**2).sum(0)]
                if i < self.frames - 1:
                    value, matrix = drifts[i]
                    f = value + (x - means[i]) @ matrix.T
                    x = x + h * f + np.sqrt(h) * rng.normal(size=x.shape)
        return sums

    def _bridge(self) -> GaussianBridge:
        eye, one = np.eye(self.dim), np.ones(self.dim)
        reference = LinearReference(np.zeros((self.dim, self.dim)), np.zeros(self.dim), eye)
        return GaussianBridge(reference, (-0.1 * one, eye), (0.1 * one, eye), 1.0)


def _parts(n: int) -> list[int]:
    return [min(_CHUNK, n - i) for i in range(0, n, _CHUNK)]

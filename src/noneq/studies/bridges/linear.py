"""A bridge whose reference turns: marginals and drift against the closed form."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from noneq._typing import Key
from noneq.data.ensembles import Snapshots
from noneq.statistics.gaussian_bridge import GaussianBridge
from noneq.statistics.linear_reference import LinearReference
from noneq.statistics.mixture_pairs import squared_bures
from noneq.studies.bridges.problem import AbstractProblem, Score, generator


class LinearProblem(AbstractProblem):
    """128 samples a side of two Gaussians in a plane of R^d; the reference turns in that plane.

    ``bw2_squared`` is the time mean of the squared Bures–Wasserstein distance between the moments
    of ``n_test`` paths from exact starts and the exact marginals; ``force_error`` is the time mean
    of √E|f − f*|² over exact marginals, f the drift of the SDE.

    Args:
        dim: coordinates, at least 2.
        n: training samples at either end.
        n_test: paths and states to score on.
        frames: times of the score, the ends left out.
        seed: of the random plane.

    Source: Zhang and Stumpf 2025, section 5.1.
    """

    dim: int = 5
    n: int = 128
    n_test: int = 10_000
    frames: int = 25
    seed: int = 0

    @property
    def case(self) -> str:
        """With the dimension."""
        return f"mvou:d={self.dim}"

    def reference(self) -> LinearReference:
        """A = U (−1.5 [[0, 1], [−2.5, 0]]) Uᵀ about U (1, −1), unit noise."""
        plane = self._plane()
        turn = -1.5 * np.array([[0.0, 1.0], [-2.5, 0.0]])
        centre = plane @ np.array([1.0, -1.0])
        return LinearReference(plane @ turn @ plane.T, centre, np.eye(self.dim))

    def bridge(self) -> GaussianBridge:
        """The exact answer."""
        return GaussianBridge(self.reference(), *self._ends(), 1.0)

    def draw(self, key: Key) -> Snapshots:
        rng = generator(key)
        frames = [_gaussian(end, self.n, rng) for end in self._ends()]
        return Snapshots.from_frames([f.astype(np.float32) for f in frames], [0.0, 1.0])

    def scores(self, model: Any, key: Key) -> list[Score]:
        apart, floor = self._marginals(model, key)
        return [
            Score("bw2_squared", apart, floor=floor),
            Score("force_error", self._force_error(model, jax.random.fold_in(key, 1))),
        ]

    def _times(self) -> np.ndarray:
        return np.linspace(0.0, 1.0, self.frames + 2)

    def _marginals(self, model: Any, key: Key) -> tuple[float, float]:
        """Mean distance of the model's moments, and of as many exact samples as were learnt from."""
        bridge, rng, times = self.bridge(), generator(key), self._times()
        start = _gaussian(self._ends()[0], self.n_test, rng)
        paths = model.sample_paths(
            self.n_test, times=times, start=start.astype(np.float32), key=key
        )
        states = np.asarray(paths.values, np.float64)
        apart, floor = [], []
        for i, t in enumerate(times[1:-1], 1):
            true = bridge.moments(float(t))
            apart.append(_distance(states[:, i], *true))
            floor.append(_distance(_gaussian(true, self.n, rng), *true))
        return float(np.mean(apart)), float(np.mean(floor))

    def _force_error(self, model: Any, key: Key) -> float:
        bridge, rng = self.bridge(), generator(key)
        drift = jax.jit(jax.vmap(lambda t, x: model.drift(t, x), (None, 0)))
        errors = []
        for t in self._times()[1:-1]:
            moments = bridge.moments(float(t))
            x = _gaussian(moments, self.n_test, rng)
            value, matrix = bridge.drift(float(t))
            true = value + (x - moments[0]) @ matrix.T
            found = np.asarray(drift(float(t), jnp.asarray(x, jnp.float32)))
            errors.append(float(np.sqrt(((found - true) ** 2).sum(1).mean())))
        return float(np.mean(errors))

    def _plane(self) -> np.ndarray:
        matrix = np.random.default_rng(self.seed).normal(size=(self.dim, self.dim))
        return np.linalg.svd(matrix)[0][:, :2]

    def _ends(self) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
        plane, rest = self._plane(), 0.1 * np.eye(self.dim)
        lift = lambda C: plane @ np.array(C) @ plane.T + rest
        start = (plane @ np.array([-2.5, -0.5]), lift([[0.1, 0.005], [0.005, 0.1]]))
        end = (plane @ np.array([0.5, 2.5]), lift([[1.1, -2.0], [-2.0, 4.5]]))
        return start, end


def _gaussian(
    moments: tuple[np.ndarray, np.ndarray], n: int, rng: np.random.Generator
) -> np.ndarray:
    return rng.multivariate_normal(*moments, n, method="cholesky")


def _distance(x: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> float:
    return float(squared_bures(x.mean(0), np.cov(x.T), mean, covariance))

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
        frames = [
            rng.multivariate_normal(mean, covariance, self.n, method="cholesky")
            for mean, covariance in self._ends()
        ]
        return Snapshots.from_frames([f.astype(np.float32) for f in frames], [0.0, 1.0])

    def scores(self, model: Any, key: Key) -> list[Score]:
        bridge, rng = self.bridge(), generator(key)
        times = np.linspace(0.0, 1.0, self.frames + 2)
        mean, covariance = self._ends()[0]
        start = rng.multivariate_normal(mean, covariance, self.n_test, method="cholesky")
        paths = model.sample_paths(
            self.n_test, times=times, start=start.astype(np.float32), key=key
        )
        states = np.asarray(paths.values, np.float64)
        drift = jax.jit(jax.vmap(lambda t, x: model.drift(t, x), (None, 0)))
        apart, force, floor = [], [], []
        for i, t in enumerate(times[1:-1], 1):
            mean, covariance = bridge.moments(float(t))
            exact = rng.multivariate_normal(mean, covariance, self.n_test, method="cholesky")
            apart.append(_distance(states[:, i], mean, covariance))
            floor.append(_distance(exact[: self.n], mean, covariance))
            value, matrix = bridge.drift(float(t))
            true = value + (exact - mean) @ matrix.T
            found = np.asarray(drift(float(t), jnp.asarray(exact, jnp.float32)))
            force.append(float(np.sqrt(((found - true) ** 2).sum(1).mean())))
        return [
            Score("bw2_squared", float(np.mean(apart)), floor=float(np.mean(floor))),
            Score("force_error", float(np.mean(force))),
        ]

    def _plane(self) -> np.ndarray:
        matrix = np.random.default_rng(self.seed).normal(size=(self.dim, self.dim))
        return np.linalg.svd(matrix)[0][:, :2]

    def _ends(self) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
        plane, rest = self._plane(), 0.1 * np.eye(self.dim)
        lift = lambda C: plane @ np.array(C) @ plane.T + rest
        start = (plane @ np.array([-2.5, -0.5]), lift([[0.1, 0.005], [0.005, 0.1]]))
        end = (plane @ np.array([0.5, 2.5]), lift([[1.1, -2.0], [-2.0, 4.5]]))
        return start, end


def _distance(x: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> float:
    return float(squared_bures(x.mean(0), np.cov(x.T), mean, covariance))

"""Entropic transport between a normal distribution and a mixture whose plan is known."""

from typing import Any

import numpy as np

from noneq._typing import Key
from noneq.data.ensembles import Snapshots
from noneq.statistics.mixture_pairs import MixturePair, random_pair, squared_bures
from noneq.studies.bridges.problem import AbstractProblem, Score, generator
from noneq.traits import HasPlan


class MixtureProblem(AbstractProblem):
    """N(0, I) and its image under a plan of five Gaussian components.

    ``cbw2_uvp`` = 100 E_x BW²(model(· | x), plan(· | x))/(½ tr Var p1), per cent, by the moments of
    ``per_start`` ends of each of ``starts`` starts. The floor is that of exact draws.

    Args:
        dim: coordinates.
        epsilon: strength of the noise, σ².
        n: training samples at either end.
        starts, per_start: of the score.
        seed: of the pair.

    Source: Gushchin et al. 2023 (metric); Korotin et al. 2024 (settings: radius 5, five components).
    """

    dim: int = 16
    epsilon: float = 1.0
    n: int = 50_000
    starts: int = 100
    per_start: int = 1000
    seed: int = 0

    @property
    def case(self) -> str:
        """With dimension and noise."""
        return f"eot:D={self.dim},eps={self.epsilon:g}"

    def pair(self) -> MixturePair:
        """The known plan."""
        return random_pair(self.dim, self.epsilon, rng=np.random.default_rng(self.seed))

    def draw(self, key: Key) -> Snapshots:
        rng = generator(key)
        pair = self.pair()
        x, _ = pair.draws(self.n, rng=rng)
        _, y = pair.draws(self.n, rng=rng)
        return Snapshots.from_frames([x.astype(np.float32), y.astype(np.float32)], [0.0, 1.0])

    def scores(self, model: Any, key: Key) -> list[Score]:
        pair, rng = self.pair(), generator(key)
        x = rng.normal(size=(self.starts, self.dim))
        repeated = np.repeat(x, self.per_start, axis=0)
        paths = model.sample_paths(
            len(repeated), times=np.array([0.0, 1.0]), start=repeated.astype(np.float32), key=key
        )
        found = self._uvp(pair, x, np.asarray(paths.values[:, -1], np.float64))
        floor = self._uvp(pair, x, pair.ends(repeated, rng=rng))
        error = found.std(ddof=1) / len(x) ** 0.5
        scores = [Score("cbw2_uvp", found.mean(), error, float(floor.mean()))]
        if isinstance(model, HasPlan):
            mean, covariance = model.plan_moments(x)
            exact = self._percent(pair, x, mean, covariance)
            error = exact.std(ddof=1) / len(x) ** 0.5
            scores.append(Score("cbw2_uvp_analytic", exact.mean(), error, 0.0))
        return scores

    def _uvp(self, pair: MixturePair, x: np.ndarray, ends: np.ndarray) -> np.ndarray:
        groups = ends.reshape(len(x), self.per_start, self.dim)
        mean = groups.mean(1)
        away = groups - mean[:, None]
        covariance = np.einsum("nsi,nsj->nij", away, away) / (self.per_start - 1)
        return self._percent(pair, x, mean, covariance)

    def _percent(
        self, pair: MixturePair, x: np.ndarray, mean: np.ndarray, covariance: np.ndarray
    ) -> np.ndarray:
        """One per start."""
        apart = squared_bures(mean, covariance, *pair.moments(x))
        _, y = pair.draws(20_000, rng=np.random.default_rng(self.seed))
        return 100 * apart / (0.5 * y.var(0).sum())

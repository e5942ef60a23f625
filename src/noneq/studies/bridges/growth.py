"""Two branches far apart, of which one doubles its mass between two snapshots."""

from typing import Any

import numpy as np

from noneq._typing import Key
from noneq.data.ensembles import Snapshots
from noneq.methods.bridges.growing import AbstractGrowingModel
from noneq.runs.rows import Row
from noneq.runs.trials import keys_of
from noneq.studies.base import AbstractCell, Outcome
from noneq.studies.bridges.problem import AbstractProblem, Score, generator


class GrowthProblem(AbstractProblem):
    """Unit Gaussians at ∓``distance``/2; the right one doubles its mass, the numbers of samples do not.

    ``mass_ratio`` is the number of descendants of a right state over that of a left one, 2 in truth;
    its error is that of the shares of the samples. ``crossing_share`` is the share of left states
    whose path ends on the right, 0 in truth.

    Args:
        distance: of the branches, in standard deviations.
        n: samples of each snapshot.
    """

    distance: float = 8.0
    n: int = 1_000

    @property
    def case(self) -> str:
        """One name."""
        return "growth"

    def draw(self, key: Key) -> Snapshots:
        rng = generator(key)
        frames = []
        for share in (1 / 2, 2 / 3):
            side = np.where(rng.random(self.n) < share, 0.5, -0.5) * self.distance
            centre = np.stack([side, np.zeros(self.n)], axis=1)
            frames.append(centre + rng.normal(size=centre.shape))
        return Snapshots.from_frames(frames, [0.0, 1.0])

    def scores(self, model: Any, key: Key) -> list[Score]:
        x = self.draw(key).at(0.0)
        right = x[:, 0] > 0
        ratio, error = 1.0, 0.0
        if isinstance(model, AbstractGrowingModel):
            weight = model.descendants(x, start=0.0, end=1.0)
            ratio = weight[right].mean() / weight[~right].mean()
            error = ratio * np.sqrt(4 / self.n + 4.5 / self.n)
        left = x[~right]
        paths = model.sample_paths(len(left), times=[0.0, 1.0], start=left, key=key)
        crossed = np.asarray(paths.values)[:, -1, 0] > 0
        share = crossed.mean()
        spread = float(np.sqrt(share * (1 - share) / len(left)))
        return [
            Score("mass_ratio", float(ratio), float(error)),
            Score("crossing_share", share, spread),
        ]


class SharesCell(AbstractCell):
    """The ratio of cluster shares: all that two snapshots know of the masses."""

    problem: GrowthProblem
    replicate: int

    @property
    def case(self) -> str:
        """The problem's."""
        return self.problem.case

    @property
    def method_name(self) -> str:
        """``ClusterShares``."""
        return "ClusterShares"

    def __call__(self, key: Key) -> Outcome:
        """Count."""
        data = self.problem.draw(keys_of(key)[0])
        sides = [(data.at(t)[:, 0] > 0).sum() for t in (0.0, 1.0)]
        counts = [(right, self.problem.n - right) for right in sides]
        ratio = counts[1][0] / counts[1][1] / (counts[0][0] / counts[0][1])
        error = ratio * np.sqrt(sum(1 / each for pair in counts for each in pair))
        row = Row(self.case, self.method_name, "mass_ratio", float(ratio), float(error))
        return Outcome((row,))

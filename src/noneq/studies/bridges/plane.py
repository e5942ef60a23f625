"""Shapes in the plane: how far the ends are from the truth, and how straight the paths."""

from typing import Any

import jax
import numpy as np

from noneq._typing import Key
from noneq.data.ensembles import Snapshots
from noneq.errors import InvalidInput
from noneq.statistics.assignment import assignment
from noneq.statistics.linear_reference import squared_distances
from noneq.studies.base import Arrays
from noneq.studies.bridges.problem import HasPicture, Score, generator


SHAPES = ("N", "8gaussians", "moons")


class PlaneProblem(HasPicture):
    """From one shape to another in one unit of time.

    ``w2`` compares ``n_test`` ends with fresh truth; its floor is that of two truths. ``npe`` =
    |∫ E|dX/dt|² dt − W2²|/W2², the excess of the path energy of the ODE over the least possible,
    with W2² by exact transport of ``n_plan`` fresh points.

    Args:
        start, end: of `SHAPES`: N(0, I); eight Gaussians on a circle of radius 5, variance √0.1;
            two moons (noise 0.2), 3 x − 1.
        n: training samples at either end.
        n_test: points of the metric (time grows as their cube); it has no error of its own, look at
            the spread over seeds.
        n_plan: points of W2².
        frames: times of the path energy.

    Source: Tong et al. 2024 and 2024b, table 2 and 3.
    """

    start: str = "N"
    end: str = "8gaussians"
    n: int = 50_000
    n_test: int = 2_000
    n_plan: int = 2_000
    frames: int = 101

    def __check_init__(self) -> None:
        for name in (self.start, self.end):
            if name not in SHAPES:
                raise InvalidInput(f"PlaneProblem: {name}; expected one of {', '.join(SHAPES)}.")

    @property
    def case(self) -> str:
        """From and to."""
        return f"{self.start}->{self.end}"

    def draw(self, key: Key) -> Snapshots:
        rng = generator(key)
        frames = [shape(name, self.n, rng).astype(np.float32) for name in (self.start, self.end)]
        return Snapshots.from_frames(frames, [0.0, 1.0])

    def scores(self, model: Any, key: Key) -> list[Score]:
        rng = generator(key)
        start_key, path_key = jax.random.split(key)
        start = shape(self.start, self.n_test, rng).astype(np.float32)
        times = np.linspace(0.0, 1.0, self.frames)
        paths = model.sample_paths(self.n_test, times=times, start=start, key=path_key)
        truth, other = (shape(self.end, self.n_test, rng) for _ in range(2))
        apart = _w2(np.asarray(paths.values[:, -1], np.float64), truth)
        npe = self._energy_excess(model, rng, start_key)
        return [Score("w2", apart, floor=_w2(other, truth)), Score("npe", npe)]

    def _energy_excess(self, model: Any, rng: np.random.Generator, key: Key) -> float:
        """From the velocity along fresh states of the model at each time."""
        a, b = (shape(name, self.n_plan, rng) for name in (self.start, self.end))
        least = _w2(a, b) ** 2
        times = np.linspace(0.0, 1.0, self.frames)
        paths = model.sample_paths(self.n_plan, times=times, start=a.astype(np.float32), key=key)
        speed = jax.jit(jax.vmap(lambda x, t: model.velocity(x, time=t), (0, None)))
        energy = [
            float((np.asarray(speed(paths.values[:, i], t)) ** 2).sum(1).mean())
            for i, t in enumerate(times)
        ]
        whole = float(np.trapezoid(energy, times))
        return abs(whole - least) / least

    def arrays(self, model: Any, key: Key) -> Arrays:
        """Forty paths and a cloud of ends."""
        start = shape(self.start, 400, generator(key)).astype(np.float32)
        times = np.linspace(0.0, 1.0, 41)
        paths = model.sample_paths(400, times=times, start=start, key=key)
        return {"paths": np.asarray(paths.values, np.float32), "times": times}


def _w2(x: np.ndarray, y: np.ndarray) -> float:
    """Exact W2 of as many points."""
    costs = squared_distances(x, y)
    return float(costs[np.arange(len(x)), assignment(costs)].mean()) ** 0.5


def shape(name: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """n draws of one of `SHAPES`: (n, 2)."""
    if name == "N":
        return rng.normal(size=(n, 2))
    if name == "8gaussians":
        angle = rng.integers(0, 8, n) * np.pi / 4
        centres = 5.0 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        return centres + 0.1**0.25 * rng.normal(size=(n, 2))
    half = rng.random(n) < 0.5
    angle = np.pi * rng.random(n)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    return 3 * (np.where(half[:, None], upper, lower) + 0.2 * rng.normal(size=(n, 2))) - 1

"""A double well seen in snapshots: into which well will a state have gone?"""

from typing import Any

import jax
import numpy as np

from noneq._typing import Key
from noneq.data.ensembles import Snapshots
from noneq.inference import fate_probabilities
from noneq.studies.bridges.problem import AbstractProblem, Score


_SIDES = {"left": lambda x: x[:, 0] <= 0, "right": lambda x: x[:, 0] > 0}


class FatesProblem(AbstractProblem):
    """dX = −V' dt + √(2/beta) dW, V = (x² − 1)², from N(0, 0.5²), eleven snapshots.

    ``committor_error`` is the mean over states and starting times of |P(X_T > 0 | X_t = x) − q|, q from
    the backward equation on a grid, over states drawn from p(x, t).

    Args:
        beta: inverse temperature; the noise √(2/beta) is known to the methods.
        until: last time T.
        frames: snapshots.
        n: samples of each.
        starts: states at each starting time.
        paths: from each state.
    """

    beta: float = 3.0
    until: float = 1.0
    frames: int = 11
    n: int = 2_000
    starts: int = 40
    paths: int = 400

    @property
    def case(self) -> str:
        """One name."""
        return "fates"

    @property
    def times(self) -> np.ndarray:
        """Of the snapshots."""
        return np.linspace(0.0, self.until, self.frames)

    def draw(self, key: Key) -> Snapshots:
        paths = self._paths(self.n * self.frames, key)
        frames = [paths[i :: self.frames, i] for i in range(self.frames)]
        return Snapshots.from_frames(frames, self.times)

    def scores(self, model: Any, key: Key) -> list[Score]:
        data_key, key = jax.random.split(key)
        paths = self._paths(self.starts, data_key)
        errors, noise = [], []
        for i in range(0, self.frames - 1, 2):
            found = fate_probabilities(
                model, paths[:, i], _SIDES, start=float(self.times[i]), end=self.until,
                paths=self.paths, key=jax.random.fold_in(key, i),
            )  # fmt: skip
            true = self.committor(paths[:, i, 0], self.until - float(self.times[i]))
            errors.append(np.abs(found.probability.value[:, 1] - true))
            # E|error| of exact probabilities from as many paths.
            noise.append(np.sqrt(2 * true * (1 - true) / (np.pi * self.paths)))
        every = np.ravel(errors)
        stderr = every.std(ddof=1) / every.size**0.5
        return [Score("committor_error", every.mean(), stderr, float(np.mean(noise)))]

    def committor(self, x: np.ndarray, duration: float) -> np.ndarray:
        """P(X_{t + duration} > 0 | X_t = x), by jumps on a grid that obey detailed balance."""
        from scipy.linalg import expm

        grid = np.linspace(-2.5, 2.5, 501)
        step, V = grid[1] - grid[0], (grid**2 - 1) ** 2
        up = np.exp(-self.beta * np.diff(V) / 2) / (self.beta * step**2)
        down = np.exp(self.beta * np.diff(V) / 2) / (self.beta * step**2)
        rates = np.diag(up, 1) + np.diag(down, -1)
        rates -= np.diag(rates.sum(1))
        return np.interp(x, grid, expm(rates * duration) @ (0.5 * (1 + np.sign(grid))))

    def _paths(self, n: int, key: Key) -> np.ndarray:
        """(n, frames, 1), by Euler steps of 0.002."""
        rng = np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel().tolist())
        x = 0.5 * rng.normal(size=n)
        steps = round(self.until / (self.frames - 1) / 0.002)
        h = self.until / (self.frames - 1) / steps
        frames = [x]
        for _ in range(self.frames - 1):
            for _ in range(steps):
                kick = np.sqrt(2 * h / self.beta) * rng.normal(size=n)
                x = x - h * 4 * x * (x**2 - 1) + kick
            frames.append(x)
        return np.stack(frames, 1)[..., None].astype(np.float32)

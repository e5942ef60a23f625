"""Cells on laws of motion: terms found, and intervals that cover."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from noneq._typing import Key
from noneq.data.ensembles import Trajectories
from noneq.errors import InvalidInput
from noneq.methods import DriftRegression, Polynomials, SparseDrift, Terms
from noneq.runs.rows import Row
from noneq.simulation import simulate
from noneq.studies.base import AbstractCell, Outcome
from noneq.systems import Diffusion


@dataclass(frozen=True)
class Truth:
    """A system whose law is known, and how it is recorded.

    Attributes:
        drift: f(x).
        noise: B, a number for all directions, or a matrix.
        terms: of every equation, code and coefficient.
        times: (stop, interval) of the record of so many paths, after a time ``rest``.
        degree: of the library.
        start: spread of the initial states.
    """

    drift: Callable[[Any], Any]
    noise: Any
    dim: int
    terms: tuple[dict[str, float], ...]
    times: tuple[float, float]
    paths: int
    degree: int
    start: float = 1.0
    rest: float = 5.0

    def paths_of(self, n: int, key: Key) -> Trajectories:
        """n paths of the motion, ten steps or more an interval."""
        system = Diffusion(
            self.drift,
            self.noise,
            initial=lambda key: self.start * jax.random.normal(key, (self.dim,)),
            shape=self.dim,
            time_step=min(self.times[1] / 10, 0.002),
        )
        stop, dt = self.times
        times = np.r_[0.0, self.rest + np.arange(0.0, stop, dt)]
        paths = simulate(system, times, n=n, key=key)
        return paths.frames(np.arange(1, times.size))


TRUTHS = {
    "double_well": Truth(
        lambda x: x - x**3, 0.7, 1, ({"x": 1.0, "x**3": -1.0},), (50.0, 0.01), 20, 5
    ),
    "van_der_pol": Truth(
        lambda x: jnp.stack([x[1], 2 * (1 - x[0] ** 2) * x[1] - x[0]]),
        0.5,
        2,
        ({"y": 1.0}, {"x": -1.0, "y": 2.0, "x**2*y": -2.0}),
        (40.0, 0.005),
        10,
        3,
    ),
    "lorenz": Truth(
        lambda x: jnp.stack(
            [10 * (x[1] - x[0]), x[0] * (28 - x[2]) - x[1], x[0] * x[1] - 8 / 3 * x[2]]
        ),
        2.0,
        3,
        (
            {"x": -10.0, "y": 10.0},
            {"x": 28.0, "x*z": -1.0, "y": -1.0},
            {"x*y": 1.0, "z": -8 / 3},
        ),
        (20.0, 0.001),
        5,
        2,
    ),
    "ou": Truth(
        lambda x: jnp.stack([-x[0] + 2 * x[1], -2 * x[0] - x[1]]),
        1.0,
        2,
        ({"x": -1.0, "y": 2.0}, {"x": -2.0, "y": -1.0}),
        (100.0, 0.02),
        1,
        1,
    ),
    "limit_cycle": Truth(
        lambda x: jnp.stack([x[0] * (1 - x @ x) - 2 * x[1], x[1] * (1 - x @ x) + 2 * x[0]]),
        0.5,
        2,
        (
            {"x": 1.0, "x**3": -1.0, "x*y**2": -1.0, "y": -2.0},
            {"y": 1.0, "y**3": -1.0, "x**2*y": -1.0, "x": 2.0},
        ),
        (100.0, 0.02),
        1,
        3,
    ),
    "oscillator": Truth(
        lambda x: jnp.stack([x[1], 2 * (1 - x[0] ** 2) * x[1] - x[0]]),
        np.diag([0.0, 0.7]),
        2,
        ({"y": 1.0}, {"x": -1.0, "y": 2.0, "x**2*y": -2.0}),
        (150.0, 0.05),
        1,
        3,
    ),
}
"""Noisy systems with polynomial laws."""


def thinned(data: Trajectories, missing: float, seed: int) -> Trajectories:
    """With a share of the frames left out, at random."""
    rng = np.random.default_rng(seed)
    seen = rng.random(data.values.shape[:2]) >= missing
    seen[0, ~seen.any(axis=0)] = True
    return Trajectories(data.values, data.times, mask=seen, names=data.names)


class LawCell(AbstractCell):
    """`SparseDrift` on one system of `TRUTHS` with a fifth of the frames missing.

    Rows: ``terms_right``, 1 if all terms and no other are found; ``max_z``, the largest distance of
    a coefficient from the truth in standard errors; ``beyond_3``, how many are farther than 3, of
    ``coefficients``.

    Args:
        system: of `TRUTHS`.
        missing: share of the frames that are left out.
    """

    system: str = "double_well"
    missing: float = 0.2
    replicate: int = 0

    @property
    def case(self) -> str:
        """``law:`` and the system."""
        return f"law:{self.system}"

    @property
    def method_name(self) -> str:
        """``SparseDrift``."""
        return "SparseDrift"

    def __call__(self, key: Key) -> Outcome:
        """One record."""
        truth = truth_of(self.system)
        data = thinned(truth.paths_of(truth.paths, key), self.missing, self.replicate)
        method = SparseDrift(library=Polynomials(truth.degree))
        model = method.fit(data, key=key, progress=False).model
        found = [{t.code: t for t in line} for line in model.law.terms]
        right = all(f.keys() == t.keys() for f, t in zip(found, truth.terms, strict=True))
        z = [
            abs(line[code].value - value) / line[code].stderr
            for line, known in zip(found, truth.terms, strict=True)
            for code, value in known.items()
            if code in line
        ]
        return Outcome(law_rows(self.case, self.method_name, right, z))


def law_rows(case: str, method: str, right: bool, z: list[float]) -> tuple[Row, ...]:
    """Rows of one law: whether its terms are right, and how far its coefficients are off."""
    numbers = {"terms_right": float(right)}
    if z:
        beyond = sum(one > 3 for one in z)
        numbers |= {"max_z": max(z), "beyond_3": float(beyond), "coefficients": float(len(z))}
    return tuple(Row(case, method, metric, float(value), 0.0) for metric, value in numbers.items())


class CoverageCell(AbstractCell):
    """Share of 95 % intervals of the true terms, fitted on the right support, that hold the truth.

    Args:
        system: of `TRUTHS`.
        noise: of the positions, in rms steps of the record.
        repeats: paths, each fitted by itself.
        every: of so many frames one is kept.
    """

    system: str = "double_well"
    noise: float = 0.0
    repeats: int = 200
    every: int = 1
    replicate: int = 0

    @property
    def case(self) -> str:
        """``coverage:`` and the system."""
        noisy = f",noise={self.noise:g}" if self.noise else ""
        return f"coverage:{self.system}{noisy}"

    @property
    def method_name(self) -> str:
        """``DriftRegression``."""
        return "DriftRegression"

    def __call__(self, key: Key) -> Outcome:
        """All repeats."""
        truth = truth_of(self.system)
        data = truth.paths_of(self.repeats, key)
        data = data.frames(np.arange(0, data.times.size, self.every))
        if self.noise:
            size = self.noise * np.sqrt((np.diff(data.values, axis=1) ** 2).mean())
            dirt = np.random.default_rng(self.replicate).normal(size=data.values.shape)
            data = Trajectories(data.values + size * dirt, data.times, names=data.names)
        codes = tuple(dict.fromkeys(code for line in truth.terms for code in line))
        known = np.array([[line.get(code, 0.0) for line in truth.terms] for code in codes])
        method, inside = DriftRegression(library=Terms(codes), localisation=self.noise > 0), []
        for i in range(self.repeats):
            model = method.fit(data.take(np.array([i])), key=key, progress=False).model
            z = (np.asarray(model.coefficients) - known) / np.asarray(model.errors.value)
            inside.append(np.mean(np.abs(z) < 1.959964))
        value, error = np.mean(inside), np.std(inside, ddof=1) / np.sqrt(len(inside))
        return Outcome(
            (Row(self.case, self.method_name, "coverage95", float(value), float(error)),)
        )


def truth_of(system: str) -> Truth:
    """The system of that name."""
    if system not in TRUTHS:
        raise InvalidInput(f"no system {system!r}; known: {', '.join(TRUTHS)}.")
    return TRUTHS[system]


def law_cells(*, seeds: int) -> list[AbstractCell]:
    """Every law, by so many records."""
    laws = ("double_well", "van_der_pol", "lorenz")
    return [LawCell(system=system, replicate=i) for system in laws for i in range(seeds)]


def coverage_cells(*, repeats: int) -> list[AbstractCell]:
    """Intervals of clean and of noisy records."""
    clean = [CoverageCell(system=name, repeats=repeats) for name in ("double_well", "van_der_pol")]
    return [*clean, CoverageCell(noise=1.0, every=10, repeats=repeats // 2)]

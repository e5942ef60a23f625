"""Cells on laws of motion: terms found, intervals that cover, drift beside a peer."""

import time as clock
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from noneq._typing import Key
from noneq.data.ensembles import Trajectories
from noneq.errors import InvalidInput
from noneq.methods import DriftRegression, Polynomials, SparseDrift
from noneq.methods.dynamics.drift_model import DriftModel
from noneq.runs.rows import Row
from noneq.simulation import simulate
from noneq.studies.base import AbstractCell, Outcome
from noneq.systems import Diffusion


@dataclass(frozen=True)
class Truth:
    """A system whose law is known, and how it is recorded.

    Attributes:
        drift: f(x).
        noise: B, the same in all directions.
        terms: of every equation, code and coefficient.
        times: (stop, interval) of the record of so many paths, after a time ``rest``.
        degree: of the library.
        start: spread of the initial states.
    """

    drift: Callable[[Any], Any]
    noise: float
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
    a coefficient from the truth in standard errors.
    """

    system: str = "double_well"
    missing: float = 0.2
    replicate: int = 0

    @property
    def case(self) -> str:
        return f"law:{self.system}"

    @property
    def method_name(self) -> str:
        return "SparseDrift"

    def __call__(self, key: Key) -> Outcome:
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
        rows = [Row(self.case, self.method_name, "terms_right", float(right), 0.0)]
        rows += [Row(self.case, self.method_name, "max_z", float(max(z)), 0.0)] if z else []
        return Outcome(tuple(rows))


class CoverageCell(AbstractCell):
    """Share of 95 % intervals of the true terms, fitted on the right support, that hold the truth."""

    system: str = "double_well"
    repeats: int = 200
    replicate: int = 0

    @property
    def case(self) -> str:
        return f"coverage:{self.system}"

    @property
    def method_name(self) -> str:
        return "DriftRegression"

    def __call__(self, key: Key) -> Outcome:
        from noneq.methods import Terms

        truth = truth_of(self.system)
        data = truth.paths_of(self.repeats, key)
        codes = tuple(dict.fromkeys(code for line in truth.terms for code in line))
        known = np.array([[line.get(code, 0.0) for line in truth.terms] for code in codes])
        method, inside = DriftRegression(library=Terms(codes)), []
        for i in range(self.repeats):
            model = method.fit(data.take(np.array([i])), key=key, progress=False).model
            z = (np.asarray(model.coefficients) - known) / np.asarray(model.errors.value)
            inside.append(np.mean(np.abs(z) < 1.959964))
        value, error = np.mean(inside), np.std(inside, ddof=1) / np.sqrt(len(inside))
        return Outcome(
            (Row(self.case, self.method_name, "coverage95", float(value), float(error)),)
        )


class ForceCell(AbstractCell):
    """Drift error of one long path beside Stochastic Force Inference.

    **Equation**: ⟨δfᵀ D^{-1} δf⟩/⟨fᵀ D^{-1} f⟩ over the true states.

    Args:
        system: ``ou``, ``limit_cycle``, or ``noisy``: the cycle recorded every 0.25 with measurement
            noise of one rms step.
        peer: whether the package `SFI` is at work, which has to be installed.
    """

    system: str = "ou"
    peer: bool = False
    replicate: int = 0

    @property
    def case(self) -> str:
        return f"sfi:{self.system}"

    @property
    def method_name(self) -> str:
        return "StochasticForceInference (peer)" if self.peer else "noneq"

    def __call__(self, key: Key) -> Outcome:
        noisy = self.system == "noisy"
        truth = truth_of("limit_cycle" if noisy else self.system)
        path_key, fit_key = jax.random.split(key)
        clean = truth.paths_of(truth.paths, path_key)
        seen, sigma = clean, 0.0
        if noisy:
            clean = clean.frames(np.arange(0, clean.times.size, 5))
            sigma = float(np.sqrt((np.diff(clean.values, axis=1) ** 2).mean()))
            dirt = np.random.default_rng([self.replicate, 5]).normal(size=clean.values.shape)
            seen = Trajectories(clean.values + sigma * dirt, clean.times)
        fit = peer_drift if self.peer else own_drift
        fit(seen, truth.degree, noisy, fit_key)  # compiles
        began = clock.perf_counter()
        drift = fit(seen, truth.degree, noisy, fit_key)
        seconds = clock.perf_counter() - began
        states = clean.values.reshape(-1, truth.dim)
        right = np.asarray(jax.vmap(truth.drift)(jnp.asarray(states)), np.float64)
        error = float(((drift(states) - right) ** 2).sum() / (right**2).sum())
        row = lambda metric, value: Row(self.case, self.method_name, metric, value, 0.0)
        return Outcome((row("drift_error", error), row("seconds", seconds)))


Field = Callable[[np.ndarray], Float[np.ndarray, "N dim"]]


def own_drift(data: Trajectories, degree: int, noisy: bool, key: Key) -> Field:
    """Drift by `DriftRegression`."""
    method = DriftRegression(library=Polynomials(degree), localisation=noisy)
    model: DriftModel = method.fit(data, key=key, progress=False).model
    theta = np.asarray(model.coefficients, np.float64)
    return lambda states: model.basis.values(np.asarray(states, np.float64)) @ theta


def peer_drift(data: Trajectories, degree: int, noisy: bool, key: Key) -> Field:
    """Drift by the peer, if it is installed: linear regression, or its fit that knows of noise."""
    try:
        from SFI import (  # pyright: ignore[reportMissingImports]
            OverdampedLangevinInference,
            TrajectoryCollection,
        )
        from SFI.bases import monomials_up_to  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise InvalidInput(
            "the peer is not installed: pip install --no-deps StochasticForceInference."
        ) from error
    dt = float(np.diff(data.times).mean())
    paths = TrajectoryCollection.from_arrays(X=np.asarray(data.values[0], np.float64), dt=dt)
    inference = OverdampedLangevinInference(paths)
    library = monomials_up_to(order=degree, dim=data.values.shape[2], rank="vector")
    if noisy:
        inference.infer_force(library)
    else:
        inference.compute_diffusion_constant()
        inference.infer_force_linear(library)
    found = inference.force_inferred
    return lambda states: np.asarray(found(jnp.asarray(states)), np.float64)


def truth_of(system: str) -> Truth:
    """The system of that name."""
    if system not in TRUTHS:
        raise InvalidInput(f"no system {system!r}; known: {', '.join(TRUTHS)}.")
    return TRUTHS[system]


def law_cells(*, repeats: int, seeds: int, peer: bool) -> list[AbstractCell]:
    """All cells of this file."""
    laws = ("double_well", "van_der_pol", "lorenz")
    fields = ("ou", "limit_cycle", "noisy")
    peers = (False, True) if peer else (False,)
    return [
        *(LawCell(system=s, replicate=r) for s in laws for r in range(seeds)),
        *(CoverageCell(system=s, repeats=repeats) for s in laws[:2]),
        *(
            ForceCell(system=s, peer=p, replicate=r)
            for s in fields
            for p in peers
            for r in range(seeds)
        ),
    ]

"""Cells on committors and rates: by grid, by network, by simulation, and of a fitted drift."""

from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from noneq._typing import Key
from noneq.inference import (
    GridCommittor,
    grid_committor,
    grid_passage_time,
    grid_transitions,
    passage_time,
    reactive_paths,
    shooting_committor,
    variational_committor,
)
from noneq.learning.training import Training
from noneq.methods import SparseDrift
from noneq.runs.rows import Row
from noneq.simulation import LearntSystem, simulate
from noneq.studies.base import AbstractCell, Outcome
from noneq.systems import DoubleWell, Swirl


STRIPS = ("x <= -1", "x >= 1")
DISCS = ("hypot(x + 1, y) < 0.4", "hypot(x - 1, y) < 0.4")
PLANE = ((-2.2, 2.2), (-2.4, 2.4))
_SHOTS = {"double_well_2d": {"n": 60_000}}
"""States to shoot from where 20,000 outcomes leave more error than the network."""
_FINE = 360
"""Cells of the reference where no closed form is known."""


class CommittorCell(AbstractCell):
    """Root mean square error of a committor over even states between the sets.

    The truth is the quadrature in x, as the potential of the wells is separable; for the swirl, which is
    out of equilibrium and whose sets are discs, a grid of 360² cells.

    Args:
        system: ``double_well`` (beta 5), ``double_well_2d`` (beta 3), ``swirl`` (q 1, beta 3).
        method: ``grid``, ``variational`` or ``shooting``.
        n: states of the networks.
        steps: of their training.
    """

    system: str = "double_well"
    method: Literal["grid", "variational", "shooting"] = "grid"
    n: int = 20_000
    steps: int = 3000
    replicate: int = 0

    @property
    def case(self) -> str:
        return f"committor:{self.system}"

    @property
    def method_name(self) -> str:
        return self.method

    def __call__(self, key: Key) -> Outcome:
        line = self.system == "double_well"
        sets = DISCS if self.system == "swirl" else STRIPS
        made: Any = DoubleWell(beta=5.0) if line else Swirl(q=float(sets is DISCS), beta=3.0)
        found = self._committor(made, sets, key)
        states = self._states()
        q = np.asarray(jax.vmap(found)(jnp.asarray(states)), np.float64)
        if sets is DISCS:
            fine = grid_committor(made, *sets, bounds=PLANE, cells=_FINE)
            true = np.asarray(jax.vmap(fine)(jnp.asarray(states)), np.float64)
        else:
            true = exact_committor(states[:, 0], made.beta)
        error = float(np.sqrt(np.mean((q - true) ** 2)))
        arrays = {"states": states, "q": q, "true": true}
        if isinstance(found, GridCommittor) and sets is DISCS:
            transitions = grid_transitions(found)
            arrays |= {
                "map": found.values,
                "x": found.axes[0],
                "y": found.axes[1],
                "current": transitions.current,
                "law": transitions.law,
            }
        return Outcome((Row(self.case, self.method, "error", error, 0.0),), arrays)

    def _committor(self, made: Any, sets: tuple[str, str], key: Key) -> Any:
        line = self.system == "double_well"
        if self.method == "grid":
            box = {"bounds": (-3, 3), "cells": 600} if line else {"bounds": PLANE, "cells": 120}
            return grid_committor(made, *sets, **box)
        box = ((-1.2, 1.2),) if line else ((-1.6, 1.6), (-1.4, 1.4))
        training = Training(steps=self.steps, batch=1024, rate=3e-3)
        fit = variational_committor if self.method == "variational" else shooting_committor
        return fit(made, *sets, bounds=box, n=self.n, training=training, progress=False, key=key)

    def _states(self) -> np.ndarray:
        if self.system == "double_well":
            return np.linspace(-0.995, 0.995, 200)[:, None].astype(np.float32)
        grid = np.meshgrid(np.linspace(-0.99, 0.99, 61), np.linspace(-0.8, 0.8, 41), indexing="ij")
        return np.stack(grid, -1).reshape(-1, 2).astype(np.float32)


class RateCell(AbstractCell):
    """Mean first-passage times and rates, by simulation against quadrature or grid.

    Rows: ``z`` of the simulation, ``relative_error`` of the grid; for the fitted drift ``z`` is taken
    against the grid of this same drift, and ``rate_ratio`` compares it with the true system.

    Args:
        system: ``double_well`` (from −1 to 1), ``swirl`` (k_AB between discs), ``fitted`` (the law of
            a double well at beta 3, found by `SparseDrift` in twenty paths).
        beta: of the double well.
        n: paths.
    """

    system: str = "double_well"
    beta: float = 3.0
    n: int = 2000
    replicate: int = 0

    @property
    def case(self) -> str:
        beta = f",beta={self.beta:g}" if self.system == "double_well" else ""
        return f"rate:{self.system}{beta}"

    @property
    def method_name(self) -> str:
        return "noneq"

    def __call__(self, key: Key) -> Outcome:
        if self.system == "swirl":
            return self._swirl(key)
        return self._fitted(key) if self.system == "fitted" else self._well(key)

    def _well(self, key: Key) -> Outcome:
        system, true = DoubleWell(beta=self.beta), exact_passage(self.beta)
        grid = float(grid_passage_time(system, STRIPS[1], bounds=(-3, 3))(jnp.array([-1.0])))
        rows = [self._row("grid", "relative_error", abs(grid / true - 1))]
        if self.n:
            found = passage_time(system, [-1.0], STRIPS[1], n=self.n, key=key)
            rows.append(self._row("simulation", "z", float(found.z(true))))
            rows.append(
                Row(
                    self.case, "simulation", "passage_time", float(found.value), float(found.stderr)
                )
            )
        rows.append(Row(self.case, "optimal", "passage_time", true, 0.0))
        return Outcome(tuple(rows))

    def _swirl(self, key: Key) -> Outcome:
        system = Swirl(q=1.0, beta=3.0)
        rate = grid_transitions(grid_committor(system, *DISCS, bounds=PLANE)).rate
        times = np.arange(0.0, 100.0, 0.005)
        found = reactive_paths(simulate(system, times, n=self.n // 10, key=key), *DISCS)
        rows = [
            self._row("simulation", "z", float(found.rate.z(rate))),
            Row(self.case, "simulation", "rate", float(found.rate.value), float(found.rate.stderr)),
            self._row("grid", "rate", rate),
        ]
        return Outcome(tuple(rows))

    def _fitted(self, key: Key) -> Outcome:
        data_key, fit_key, path_key = jax.random.split(key, 3)
        paths = simulate(DoubleWell(beta=3.0), np.arange(0.0, 300.0, 0.002), n=20, key=data_key)
        fit = SparseDrift().fit(paths, key=fit_key, progress=False)
        learnt = LearntSystem.of(fit.model, fit.summary)
        own = float(grid_passage_time(learnt, STRIPS[1])(jnp.array([-1.0])))
        made = passage_time(learnt, [-1.0], STRIPS[1], n=self.n, step=0.0025, key=path_key)
        q = grid_committor(learnt, *STRIPS)
        states = np.linspace(-0.995, 0.995, 200)[:, None].astype(np.float32)
        gap = np.asarray(jax.vmap(q)(jnp.asarray(states))) - exact_committor(states[:, 0], 3.0)
        rows = (
            self._row("simulation", "z", float(made.z(own))),
            self._row("grid", "rate_ratio", exact_passage(3.0) / own),
            Row("committor:fitted", "grid", "error", float(np.sqrt(np.mean(gap**2))), 0.0),
        )
        return Outcome(rows)

    def _row(self, method: str, metric: str, value: float) -> Row:
        return Row(self.case, method, metric, float(value), 0.0)


def exact_committor(x: Any, beta: float) -> np.ndarray:
    """q(x) = ∫_{−1}^x e^{beta V}/∫_{−1}^1 e^{beta V}, V = (x² − 1)²."""
    grid, up, _ = _well(beta)
    return np.interp(x, grid, up / up[-1])


def exact_passage(beta: float) -> float:
    """Mean time from −1 to 1, beta ∫_{−1}^1 e^{beta V(y)} ∫_{−∞}^y e^{−beta V} dy."""
    grid, _, below = _well(beta)
    inner = np.exp(beta * (grid**2 - 1) ** 2) * below
    return float(beta * np.sum((inner[1:] + inner[:-1]) / 2) * (grid[1] - grid[0]))


def _well(beta: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A grid from −1 to 1, ∫_{−1}^x e^{beta V}, and ∫_{−∞}^x e^{−beta V}."""
    from scipy.integrate import cumulative_trapezoid

    wide = np.linspace(-4.0, 1.0, 50_001)
    V = (wide**2 - 1) ** 2
    below = cumulative_trapezoid(np.exp(-beta * V), wide, initial=0.0)
    inside = wide >= -1 - 1e-9
    grid = wide[inside]
    up = cumulative_trapezoid(np.exp(beta * V[inside]), grid, initial=0.0)
    return grid, up, below[inside]


def cells_of_committors(quick: bool) -> list[AbstractCell]:
    """All cells of this file; the quick ones are grids, one network and short simulations."""
    size = {"n": 4000, "steps": 600} if quick else {}
    wells = ("double_well",) if quick else ("double_well", "double_well_2d")
    cells: list[AbstractCell] = [
        CommittorCell(system=system, method="grid")
        for system in ("double_well", "double_well_2d", "swirl")
    ]
    cells += [CommittorCell(system=system, method="variational", **size) for system in wells]
    shot = wells if quick else (*wells, "swirl")
    cells += [
        CommittorCell(system=system, method="shooting", **(size or _SHOTS.get(system, {})))
        for system in shot
    ]
    betas = (
        {1.0: 1000, 3.0: 0, 5.0: 0, 8.0: 0} if quick else {1.0: 4000, 3.0: 4000, 5.0: 2000, 8.0: 0}
    )
    cells += [RateCell(beta=beta, n=n) for beta, n in betas.items()]
    if not quick:
        cells += [RateCell(system="swirl"), RateCell(system="fitted")]
    return cells

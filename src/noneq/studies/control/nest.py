"""The five tasks of NESTbench25: protocols that an optimiser found, beside the straight line."""

import time as clock
from collections.abc import Callable
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq._typing import Key, Scalar
from noneq.control.protocols.curve import Curve
from noneq.control.protocols.driven_paths import DrivenPaths, drawn, driven_paths
from noneq.control.protocols.gradient import descend, gradient_protocol
from noneq.control.protocols.score_function import evolve
from noneq.estimate import sample_mean
from noneq.learning.training import Training
from noneq.runs.rows import Row, row_of
from noneq.studies.base import AbstractCell, Outcome
from noneq.studies.control.nest_systems import (
    ActiveTrap,
    Cantilever,
    Memory,
    reversal_entropy,
)
from noneq.systems.protocols import Protocol
from noneq.systems.traps import DraggedTrap


TASKS = ("trap", "cantilever", "erasure", "ising", "active")
Task = Literal["trap", "cantilever", "erasure", "ising", "active"]
_LONG = 0.3 * np.pi
"""0.15 periods of the cantilever, in 1/omega0."""


class NestCell(AbstractCell):
    """One task: a protocol is optimised, measured on fresh paths, and compared with the straight line.

    **Tasks**: ``trap``: dragged by 5 in a time of 1, least work 25/3. ``cantilever``: dragged by 5 in 0.15
    periods, Q = 7, least work 25/(2 + 7 omega0 τ) = 2.90787, which needs kicks. ``erasure``: share of bits
    that do not end on the left after half a period. ``ising``: entropy produced when the field of
    32² spins is reversed in 100 sweeps. ``active``: work on a swimmer whose trap and speed go from
    (4, 0) to the steady state of (4, 5) in 0.44.

    Args:
        task: which one.
        scale: share of the optimiser's steps.
        n: fresh paths that measure; replicas of the lattice are 256.
    """

    task: Task
    scale: float = 1.0
    n: int = 100_000
    replicate: int = 0

    @property
    def case(self) -> str:
        """``nest:…``."""
        return f"nest:{self.task}"

    @property
    def method_name(self) -> str:
        """Of the rows of interest."""
        return "noneq"

    def __call__(self, key: Key) -> Outcome:
        """Optimise and measure."""
        began = clock.monotonic()
        made: dict[str, Callable[[Key], tuple[list[Row], dict[str, np.ndarray]]]] = {
            "trap": self._trap,
            "cantilever": self._cantilever,
            "erasure": self._erasure,
            "ising": self._ising,
            "active": self._active,
        }
        rows, arrays = made[self.task](key)
        rows.append(Row(self.case, "noneq", "seconds", clock.monotonic() - began, 0.0))
        return Outcome(tuple(rows), arrays)

    def _training(self, steps: int, rate: float, ema: float = 0.98) -> Training:
        steps = max(4, round(steps * self.scale))
        return Training(steps=steps, batch=1, rate=rate, ema=ema, warmup=20)

    def _trap(self, key: Key) -> tuple[list[Row], dict[str, np.ndarray]]:
        system = DraggedTrap(Protocol((0.0, 1.0), (0.0, 5.0)))
        return self._dragged(system, 25 / 3, key, steps=100, kick=0.0)

    def _cantilever(self, key: Key) -> tuple[list[Row], dict[str, np.ndarray]]:
        least = 25 / (2 + 7 * _LONG)
        return self._dragged(Cantilever(), least, key, steps=200, kick=_LONG / 200)

    def _dragged(
        self, system: Any, least: float, key: Key, *, steps: int, kick: float
    ) -> tuple[list[Row], dict[str, np.ndarray]]:
        found = gradient_protocol(
            system, knots=9, kick=kick, steps=steps, paths=500, n=self.n,
            training=self._training(400, 0.02), key=key,
        )  # fmt: skip
        rows = [
            row_of(self.case, "noneq", "work", found.work),
            row_of(self.case, "linear", "work", found.linear),
            Row(self.case, "optimal", "work", least, 0.0),
        ]
        return rows, {"works": found.works, **_drawn_curve(found.curve)}

    def _erasure(self, key: Key) -> tuple[list[Row], dict[str, np.ndarray]]:
        line = Curve((0.0, 5.0), (0.0, 5.0), np.pi, knots=7, low=(-10.0, 0.0), high=(10.0, 10.0))
        system, steps = Memory(line), 160
        learn_key, test_key = jax.random.split(key)

        def cost(curves: Curve, key: Key) -> Array:
            starts = drawn(system, 256, jax.random.fold_in(key, 0))
            ends = lambda curve: driven_paths(system, curve, starts, steps=steps, key=key).end
            return jnp.mean(jax.nn.sigmoid(2 * eqx.filter_vmap(ends)(curves)[..., 0]), axis=-1)

        found, _ = evolve(
            cost, line, spread=0.4, pairs=16, training=self._training(150, 0.1, 0.9), key=learn_key
        )
        runs = {name: self._run(system, curve, steps, test_key) for name, curve in
                (("noneq", found), ("linear", line))}  # fmt: skip
        rows = [
            row_of(self.case, name, "error", sample_mean(np.asarray(run.end[:, 0] > 0, float)))
            for name, run in runs.items()
        ]
        rows += [
            row_of(self.case, name, "work", sample_mean(np.asarray(run.work)))
            for name, run in runs.items()
        ]
        rows.append(Row(self.case, "default (published)", "error", 0.478, 0.0))
        return rows, {"ends": np.asarray(runs["noneq"].end[:, 0]), **_drawn_curve(found)}

    def _active(self, key: Key) -> tuple[list[Row], dict[str, np.ndarray]]:
        ends, time = ((4.0, 0.0), (4.0, 5.0)), 0.44
        bounds: dict[str, Any] = {"low": (1.0, 0.0), "high": (7.0, 11.0)}
        line = Curve(*ends, time, knots=16, **bounds)
        system, steps = ActiveTrap(line), 110
        learn_key, test_key = jax.random.split(key)
        starts = drawn(system, 4000, jax.random.fold_in(key, 7))

        def cost(curve: Curve, key: Key) -> Scalar:
            pick, path = jax.random.split(key)
            some = starts[jax.random.randint(pick, (500,), 0, len(starts))]
            paths = driven_paths(system, curve, some, steps=steps, key=path)
            gaps = jnp.mean(_moments(paths.end), axis=0) - jnp.asarray(_STEADY)
            return jnp.mean(paths.work) + _STRICT * jnp.sum((gaps / jnp.asarray(_STEADY)) ** 2)

        found, _ = descend(cost, line, training=self._training(2000, 0.15, 0.95), key=learn_key)
        rows, arrays = [], _drawn_curve(found)
        steady = _steady_radii(self.n, jax.random.fold_in(key, 8))
        for name, curve in (("noneq", found), ("linear", line)):
            run = self._run(system, curve, 2 * steps, test_key)
            radii = np.sort(np.linalg.norm(np.asarray(run.end)[:, :2], axis=1))
            gap = float(np.abs(radii - steady).mean())
            rows += [
                row_of(self.case, name, "work", sample_mean(np.asarray(run.work))),
                Row(self.case, name, "w1_radius", gap, 0.0),
            ]
            arrays[f"radii_{name}"] = radii[:: max(1, self.n // 2000)]
        rows.append(Row(self.case, "learned (published)", "work", -2.96, 0.0))
        return rows, arrays

    def _ising(self, key: Key) -> tuple[list[Row], dict[str, np.ndarray]]:
        share = np.linspace(0, 1, 9)
        detour = np.stack([0.7 + 4 * np.sin(np.pi * share), -2 * np.cos(np.pi * share)], 1)
        bounds: dict[str, Any] = {"low": (0.4, -4.0), "high": (12.0, 4.0)}
        around = Curve((0.7, -1.0), (0.7, 1.0), 1.0, knots=9, first=detour, **bounds)
        line = Curve((0.7, -1.0), (0.7, 1.0), 1.0, knots=9, **bounds)
        learn_key, test_key = jax.random.split(key)
        found, history = evolve(
            lambda curves, key: jnp.mean(reversal_entropy(curves, n=8, key=key), axis=1),
            around, spread=0.2, pairs=12, training=self._training(150, 0.1, 0.9), key=learn_key,
        )  # fmt: skip
        measure = eqx.filter_jit(lambda curves, key: reversal_entropy(curves, n=256, key=key))
        both = jax.tree.map(lambda a, b: jnp.stack([a, b]), *(
            eqx.filter(curve, eqx.is_array) for curve in (found, line)
        ))  # fmt: skip
        sigma = np.asarray(measure(eqx.combine(both, found), test_key), np.float64)
        rows = [
            row_of(self.case, "noneq", "entropy_production", sample_mean(sigma[0])),
            row_of(self.case, "linear", "entropy_production", sample_mean(sigma[1])),
            Row(self.case, "default (published)", "entropy_production", 86.5, 0.0),
        ]
        return rows, {"loss": np.asarray(history["loss"]), **_drawn_curve(found)}

    def _run(self, system: Any, curve: Curve, steps: int, key: Key) -> DrivenPaths:
        starts = drawn(system, self.n, jax.random.fold_in(key, 0))
        return eqx.filter_jit(driven_paths)(system, curve, starts, steps=steps, key=key)


_STEADY = (7 / 4, 1.0, 4.602564)
"""⟨r²⟩, ⟨r·e⟩ and ⟨r⁴⟩ of the steady state of stiffness 4 and speed 5, from closed moment equations."""
_STRICT = 25.0
"""Work that a relative error of 1 of a moment is worth."""


def _moments(states: Array) -> Array:
    square = states[:, 0] ** 2 + states[:, 1] ** 2
    along = states[:, 0] * jnp.cos(states[:, 2]) + states[:, 1] * jnp.sin(states[:, 2])
    return jnp.stack([square, along, square**2], axis=1)


def _steady_radii(n: int, key: Key) -> np.ndarray:
    """Sorted radii of the steady state of stiffness 4 and speed 5, from a relaxation of 4."""
    held = Curve((4.0, 5.0), (4.0, 5.0), 4.0, knots=2)
    system = ActiveTrap(held)
    starts = drawn(system, n, jax.random.fold_in(key, 0))
    paths = eqx.filter_jit(driven_paths)(system, held, starts, steps=1600, key=key)
    return np.sort(np.linalg.norm(np.asarray(paths.end)[:, :2], axis=1))


def _drawn_curve(curve: Curve) -> dict[str, np.ndarray]:
    """The protocol for a picture, both sides of every jump."""
    protocols = [curve.protocol(i) for i in range(len(curve.start))]
    return {
        "times": np.asarray(protocols[0].times),
        "values": np.stack([np.asarray(p.values) for p in protocols], 1),
    }


def cells_of_nest(quick: bool) -> list[AbstractCell]:
    """All tasks; for ``quick`` those of smooth potentials with fewer steps."""
    if quick:
        return [NestCell(task=task, scale=0.2, n=10_000) for task in ("trap", "cantilever")]
    return [NestCell(task=task) for task in TASKS]

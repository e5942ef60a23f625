"""Free energies from work, how often intervals cover, and what noise schedules dissipate."""

import time as clock
from typing import Literal

import jax
import numpy as np

from noneq._typing import Key
from noneq.data.ensembles import Snapshots
from noneq.estimate import Estimate
from noneq.learning.method import AbstractMethod
from noneq.runs.rows import Row
from noneq.runs.trials import keys_of
from noneq.simulation import simulate
from noneq.statistics.libraries import Polynomial
from noneq.studies.base import AbstractCell, Outcome
from noneq.studies.thermo_zoo.cells import judged
from noneq.studies.thermo_zoo.records import PathRecord
from noneq.systems import BreathingTrap, DraggedTrap, EightGaussians
from noneq.thermo import exact, force_current_rate, free_energy, schedule_costs, work


_NAMES = {"jarzynski": "Jarzynski", "bar": "BAR", "crossing": "Crooks"}
_NORMAL = 1.959964
"""Half-width of 95 % intervals, in standard errors."""


class WorkCell(AbstractCell):
    """ΔF of a stiffness ramp, or of a trap that is dragged, from works both ways.

    Args:
        trap: ``ramp``: stiffness 1 → 4 in a time of 1; ``dragged_trap``: speed 1 for a time of 2.
        method: as in `noneq.thermo.free_energy`.
        n: works each way.
    """

    trap: Literal["ramp", "dragged_trap"]
    method: Literal["jarzynski", "bar", "crossing"]
    n: int
    replicate: int = 0

    @property
    def case(self) -> str:
        """The trap."""
        return self.trap

    @property
    def method_name(self) -> str:
        """Whose relation."""
        return _NAMES[self.method]

    def __call__(self, key: Key) -> Outcome:
        """Simulate both ways, estimate, compare."""
        ahead, back = _works(self.trap, self.n, keys_of(key)[0])
        began = clock.monotonic()
        found = free_energy(ahead, back, method=self.method)
        seconds = clock.monotonic() - began
        target = np.log(4) / 2 if self.trap == "ramp" else 0.0
        return Outcome(
            judged(self.case, self.method_name, found, target, seconds, metric="free_energy")
        )


class CoverageCell(AbstractCell):
    """How many 95 % intervals hold the truth, of repeats on fresh data.

    Args:
        system: ``ou``: beads between two baths, force and current; ``ring``: a driven ring, its
            value at a short interval; ``ramp``: BAR with 150 works each way.
        repeats: data sets.
    """

    system: Literal["ou", "ring", "ramp"]
    record: PathRecord | None = None
    target: float = 0.0
    degree: int = 1
    repeats: int = 200
    works: int = 150
    replicate: int = 0

    @property
    def case(self) -> str:
        """``coverage:…``."""
        return f"coverage:{self.system}"

    @property
    def method_name(self) -> str:
        """The estimator."""
        return "BAR" if self.system == "ramp" else "force_current"

    def __call__(self, key: Key) -> Outcome:
        """Draw all data at once, and cut them."""
        began = clock.monotonic()
        z = np.asarray(self._ramp(key) if self.record is None else self._paths(self.record, key))
        inside = float(np.mean(np.abs(z) < _NORMAL))
        error = np.sqrt(inside * (1 - inside) / self.repeats)
        rows = (
            Row(self.case, self.method_name, "coverage95", inside, float(error)),
            Row(self.case, self.method_name, "seconds", clock.monotonic() - began, 0.0),
        )
        return Outcome(rows, {"z": z})

    def _paths(self, record: PathRecord, key: Key) -> list[float]:
        paths = record.draw(key)
        library = Polynomial(self.degree)
        found = [
            force_current_rate(paths.take(some), library=library, extrapolate=False)
            for some in np.array_split(np.arange(record.n), self.repeats)
        ]
        return [float(one.z(self.target)) for one in found]

    def _ramp(self, key: Key) -> list[float]:
        ahead, back = _works("ramp", self.repeats * self.works, key)
        pairs = zip(np.split(ahead, self.repeats), np.split(back, self.repeats), strict=True)
        return [float(free_energy(a, b).z(np.log(4) / 2)) for a, b in pairs]


class ScheduleCell(AbstractCell):
    """Noise levels of a fitted denoising model: the model's own, and those that dissipate less.

    Args:
        label: name of the method.
        method: what is fitted to eight Gaussians in the plane.
        n: training samples.
        steps: of a draw.
    """

    label: str
    method: AbstractMethod
    n: int = 10_000
    draws: int = 1000
    steps: int = 20
    replicate: int = 0

    @property
    def case(self) -> str:
        """``schedule:…``."""
        return f"schedule:{self.label}"

    @property
    def method_name(self) -> str:
        """Of the first rows: the model's own levels."""
        return "own"

    def __call__(self, key: Key) -> Outcome:
        """Fit, draw with each choice of levels, compare with the data."""
        began = clock.monotonic()
        data_key, fit_key, cost_key = jax.random.split(key, 3)
        states = simulate(EightGaussians(), (0.0,), n=self.n, key=data_key)
        data = Snapshots(np.asarray(states.values[:, 0]), [0.0])
        model = self.method.fit(data, key=fit_key).model
        costs = schedule_costs(model, data, steps=self.steps, n=self.draws, key=cost_key)
        rows = []
        for i, share in enumerate(costs.blend):
            name = "own" if share == 0 else f"blend {share:g}"
            production, w2 = costs.entropy_production[i], costs.w2[i]
            rows += [
                Row(self.case, name, "entropy_production", *_pair(production)),
                Row(self.case, name, "w2", *_pair(w2), float(costs.w2.floor[i])),  # pyright: ignore[reportOptionalSubscript]
            ]
        bound = costs.bound
        rows += [
            Row(self.case, "lower bound", "entropy_production", *_pair(bound)),
            Row(self.case, "own", "seconds", clock.monotonic() - began, 0.0),
        ]
        return Outcome(tuple(rows), {"suggested": np.asarray(costs.suggested)})


def ou_target(record: PathRecord) -> float:
    """Of force and current on linear paths."""
    return exact.target(record.system, record.dt, generator=record.generator)


def _pair(estimate: Estimate) -> tuple[float, float]:
    return float(estimate.value), float(estimate.stderr)


def _works(trap: str, n: int, key: Key) -> tuple[np.ndarray, np.ndarray]:
    """Works along the protocol and back, from the equilibrium of each start."""
    kind, until, frames = (BreathingTrap, 1.0, 51) if trap == "ramp" else (DraggedTrap, 2.0, 41)
    times, forward = np.linspace(0, until, frames), kind()
    found = [
        work(simulate(one, times, n=n, key=k), one, check=False)
        for one, k in zip(
            (forward, kind(forward.protocol.backward())), jax.random.split(key), strict=True
        )
    ]
    return found[0], found[1]

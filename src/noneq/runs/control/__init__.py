"""Protocols beside each other: their work, measured, and the least that any could do."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from noneq._typing import Key
from noneq.control.protocols.ends import end_laws
from noneq.control.protocols.erasure import Erasure, bit_erasure
from noneq.control.protocols.least_work import LeastWork, least_work
from noneq.errors import InvalidInput
from noneq.estimate import Estimate, sample_mean
from noneq.kinds import checked
from noneq.runs.control.shapes import NO_POTENTIAL, driven_by, ramp_of, refuse_shape, shaped
from noneq.runs.rows import Row
from noneq.simulation import simulate
from noneq.statistics.work.line_laws import stratified_mean
from noneq.systems import AbstractDriven, AbstractLangevin, AbstractSystem, Protocol


_FRAMES = 101
_SHOWN = 40


@dataclass(frozen=True)
class Measured:
    """One way to drive a system, and what it cost.

    Attributes:
        name: ``optimal``, ``linear``, ….
        system: what was simulated.
        works: ``(n,)`` work of each path.
        times: ``(T,)`` at which paths were recorded.
        paths: ``(m, T, *event_shape)`` some of them.
        success: share of paths that end where they should, of an erasure.
    """

    name: str
    system: AbstractDriven
    works: np.ndarray
    times: np.ndarray
    paths: np.ndarray
    success: float | None = None

    @property
    def work(self) -> Estimate:
        """Mean work; on a line paths start in strata, which lowers its error."""
        mean = stratified_mean if self.system.event_shape == (1,) else sample_mean
        return mean(self.works, method=self.name)


@dataclass(frozen=True)
class ControlFindings:
    """What `control` or `erase` found.

    Attributes:
        title: what was asked.
        driven: the system, its ends and its time.
        bound: least mean work, None where it is not known.
        free_energy: ΔF, or Landauer's −ln P/beta of an erasure; None where it is not known.
        least: all about the bound, one of both.
        measured: the protocols, in the order that they were asked for.
        free: ``(m, T, *event_shape)`` paths of the system that is left at its first value.
        notes: what to be wary of.
    """

    title: str
    driven: AbstractDriven
    bound: float | None
    free_energy: float | None
    least: LeastWork | Erasure | None
    measured: tuple[Measured, ...]
    free: np.ndarray
    notes: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The answer in one sentence."""
        least = (
            "least mean work not known in closed form"
            if self.bound is None
            else f"least mean work {self.bound:.5g} (free energy {self.free_energy:.5g})"
        )
        return "; ".join([least, *(f"{one.name} {one.work}" for one in self.measured)])

    def rows(self, case: str) -> list[Row]:
        """Rows of results: method ``noneq`` is the optimal protocol, ``optimal`` the bound."""
        label = {"optimal": "noneq"}
        made = [
            Row(case, label.get(one.name, one.name), "work", *_pair(one.work))
            for one in self.measured
        ]
        return (
            made if self.bound is None else [*made, Row(case, "optimal", "work", self.bound, 0.0)]
        )


def _pair(found: Estimate) -> tuple[float, float]:
    return float(found.value), float(found.stderr)


@checked
def control(
    system: AbstractSystem,
    parameter: str,
    *,
    start: float,
    end: float,
    duration: float,
    shapes: Sequence[Any] = ("optimal", "linear"),
    n: int = 2000,
    relax: float = 0.0,
    refine: int = 1,
    seed: int = 0,
) -> ControlFindings:
    """Drive a number of a system from one value to another, by several protocols.

    ``optimal`` is the closed form of a trap, and of any other system on a line the path of potentials of
    least work (`noneq.control.least_work`); ``linear`` a ramp; ``swift`` engineered equilibration of a
    trap; ``slow`` the geodesic of the friction tensor.

    Args:
        system: overdamped; its number is moved.
        parameter: which: a field, or ``stiffness`` of a `BreathingTrap`, ``centre`` of a `DraggedTrap`.
        start, end: its values before and after.
        duration: between them.
        shapes: ``optimal``, ``linear``, ``swift``, ``slow``, or `Protocol`s with these ends.
        n: paths of each.
        relax: time for which a system of several coordinates relaxes before it starts; on a line paths
            start in equilibrium.
        refine: the system's time step is cut so many times.
        seed: of the random key.

    Raises:
        InvalidInput: a system without potential or noise, no such number, values that the system does not
            take, equal ends, a time that is not positive, or a shape that the system does not have.
    """
    ramp = ramp_of(start, end, duration)
    driven = driven_by(system, parameter, ramp, relax)
    if n < 10:
        raise InvalidInput(f"control: n = {n}; expected at least 10 paths.")
    for shape in shapes:
        refuse_shape(shape, start, end, duration)
    line = driven.event_shape == (1,)
    least = least_work(driven) if line else None
    notes = () if line else ("The least work is known exactly for one coordinate alone.",)
    key = jax.random.key(seed)
    measured = []
    for i, shape in enumerate(shapes):
        name, moved = shaped(driven, shape, parameter, least, (start, end, duration))
        measured.append(measure(name, moved, driven, n, jax.random.fold_in(key, i), refine=refine))
    free = _free(driven, parameter, relax, jax.random.fold_in(key, len(measured)))
    title = f"{type(system).__name__}: {parameter} {start:g} → {end:g} in {duration:g}"
    found = ControlFindings(
        title,
        driven,
        None if least is None else least.work,
        None if least is None else least.free_energy,
        least,
        tuple(measured),
        free,
        notes,
    )
    return dataclasses.replace(found, notes=(*notes, *_below(found)))


@checked
def erase(
    memory: AbstractSystem,
    *,
    duration: float = 5.0,
    boundary: float = 0.0,
    n: int = 2000,
    seed: int = 0,
) -> ControlFindings:
    """Erase the bit that the two wells of a system hold, at least work, and measure that.

    Args:
        memory: a system of one coordinate.
        duration: of the erasure.
        boundary: between the wells; the right one is kept.
        n: paths.
        seed: of the random key.

    Raises:
        InvalidInput: as `noneq.control.bit_erasure`.
    """
    if not isinstance(memory, AbstractLangevin):
        raise InvalidInput(NO_POTENTIAL.format(type(memory).__name__))
    if n < 10:
        raise InvalidInput(f"erase: n = {n}; expected at least 10 paths.")
    found = bit_erasure(memory, duration, boundary=boundary)
    key, free_key = jax.random.split(jax.random.key(seed))
    still = found.driving.driven
    one = measure("optimal", found.driving, still, n, key, boundary)
    times = np.linspace(0.0, duration, _FRAMES)
    states = _starts(still, _SHOWN, free_key)
    free = simulate(still, times, n=_SHOWN, key=free_key, start=states).values
    notes = (f"The smooth target leaves {found.left:.2g} of the states on the wrong side.",)
    made = ControlFindings(
        f"{type(memory).__name__}: a bit erased in {duration:g}",
        still,
        found.work,
        found.landauer,
        found,
        (one,),
        np.asarray(free),
        notes,
    )
    return dataclasses.replace(made, notes=(*notes, *_below(made)))


def measure(
    name: str,
    system: AbstractDriven,
    ends: AbstractDriven,
    n: int,
    key: Key,
    boundary: float | None = None,
    refine: int = 1,
) -> Measured:
    """Simulate a driven system from the equilibrium of its start, and measure the work of each path.

    With a ``boundary`` the share of paths that end to the right of it is told too;
    ``refine`` cuts the system's time step.
    """
    from noneq.thermo import work

    start_key, path_key = jax.random.split(key)
    first, last = system.protocol.span
    marks = {*np.linspace(first, last, _FRAMES).tolist(), *system.protocol.jumps}
    times = np.asarray(sorted(marks))
    # Two times that differ by rounding alone are one.
    times = times[np.concatenate([[True], np.diff(times) > 1e-7 * (last - first)])]
    steps = refine * max(1, int(np.ceil(np.diff(times).max() / system.time_step - 0.01)))
    start = _starts(ends, n, start_key)
    paths = simulate(system, times, n=n, key=path_key, start=start, substeps=steps)
    works = work(paths, system, check=False)
    success = None if boundary is None else float((paths.values[:, -1, 0] > boundary).mean())
    return Measured(
        name, system, works, times, np.asarray(paths.values[:: -(-n // _SHOWN)]), success
    )


def _starts(driven: AbstractDriven, n: int, key: Key) -> np.ndarray | None:
    """States of the first equilibrium on a line; None leaves them to the system."""
    if driven.event_shape != (1,):
        return None
    law, _ = end_laws(driven)
    return law.draw(n, int(jax.random.randint(key, (), 0, 2**30)))[:, None]


def _free(driven: AbstractDriven, parameter: str, relax: float, key: Key) -> np.ndarray:
    """Paths of the system at its first value."""
    first, last = driven.protocol.span
    value = float(driven.protocol.initial)
    still = dataclasses.replace(driven, protocol=Protocol((first, last), (value, value)))
    start = _starts(driven, _SHOWN, key)
    times = np.linspace(first, last, _FRAMES)
    return np.asarray(simulate(still, times, n=_SHOWN, key=key, start=start).values)


def _below(found: ControlFindings) -> tuple[str, ...]:
    """A warning for every work below the bound, which only an error of the simulation can give."""
    if found.bound is None:
        return ()
    return tuple(
        f"{one.name} lies {(found.bound - float(one.work.value)) / float(one.work.stderr):.1f} standard "
        "errors below the least work: the time step or the record is too coarse."
        for one in found.measured
        if one.work.value < found.bound - 3 * one.work.stderr
    )

"""What measured works say: free energy, dissipation, and whether the fluctuation theorems hold."""

import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from noneq.control.protocols.least_work import least_work
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.errors import InvalidInput
from noneq.estimate import Estimate, log_average, sample_mean
from noneq.runs.thermodynamics import Findings
from noneq.spec import unknown
from noneq.systems.base import AbstractLangevin, AbstractSystem
from noneq.systems.driven import AbstractDriven, HasProtocol
from noneq.systems.underdamped import AbstractUnderdamped


class Works(NamedTuple):
    """Works over kT of the forward and of the backward protocol."""

    forward: np.ndarray
    backward: np.ndarray


_BOTH, _ONE = ("bar", "jarzynski", "crossing", "cumulants"), ("jarzynski", "cumulants")
_CALLER = re.compile(r"^[a-z_]+: ")
_TELLING = 0.5
"""Error of the slope of Crooks' line above which it tells nothing."""


def work_thermodynamics(forward: Any, backward: Any = (), *, method: str | None = None) -> Findings:
    """Free-energy difference by every method that applies, dissipated work, and Crooks' theorem.

    Args:
        forward: ``(n,)`` works over kT along a protocol that starts in equilibrium.
        backward: ``(m,)`` works over kT along the protocol run backwards; empty if there are none.
        method: of `noneq.thermo.free_energy`; None takes all that apply.

    Raises:
        InvalidInput: as `noneq.thermo.free_energy`, or an unknown method.
    """
    from noneq.thermo import crooks_test, free_energy, work_diagnostics

    works = Works(np.asarray(forward, np.float64), np.asarray(backward, np.float64))
    back = works.backward if works.backward.size else None
    if method is not None and method not in _BOTH:
        raise unknown("method for works", method, _BOTH)
    methods: Any = (method,) if method else _ONE if back is None else _BOTH
    asked = partial(free_energy, works.forward, back, unit="kT")
    told = {one: _with_warnings(partial(asked, method=one)) for one in methods}
    found = [one for one, _ in told.values()]
    facts = work_diagnostics(works.forward, back, unit="kT")
    test, doubts = None, []
    if back is not None:
        test, doubts = _with_warnings(partial(crooks_test, works.forward, back))
    best, mean = found[0], sample_mean(works.forward, unit="kT")
    estimates: list[tuple[str, Estimate]] = [("free_energy", one) for one in found]
    estimates += [("work", mean), ("dissipated_work", facts.dissipated)]
    sentence = f"free-energy difference {best} ({best.method}); mean work {mean}"
    if best.bound == "upper" and best.method in ("bar", "crossing"):
        high, low = best.value.item(), float(log_average(-works.backward))
        sentence = (
            f"free-energy difference between {low:.4g} and {high:.4g} kT (the works of both directions "
            f"do not overlap); mean work {mean}"
        )
    if facts.dissipated.value > 3 * facts.dissipated.stderr:
        sentence += f", of which {facts.dissipated} is dissipated"
    else:
        sentence += ", of which no dissipation can be told from zero"
    warned = told[best.method][1]
    notes = [n for n in best.notes if not any(n.rstrip(".") in w for w in warned)]
    if test is not None:
        kept = "as Crooks' theorem says" if test.p_value > 0.01 else "which Crooks' theorem forbids"
        line = f"rises with slope {test.estimate} (p = {test.p_value:.2g}), {kept}."
        if test.estimate.stderr > _TELLING:
            line = (
                "has a slope that these works do not tell, so that Crooks' theorem stays untested."
            )
        notes.append(f"ln p_F(W)/p_R(−W) {line}")
    notes = [_sentence(note) for note in [*notes, *warned, *doubts]]
    assumed = [
        f"{name}: {_sentence(note)}"
        for name, (one, more) in told.items()
        if one is not best
        for note in [*(n for n in one.notes if not any(n.rstrip(".") in w for w in more)), *more]
    ]
    return Findings(
        "work", sentence, tuple(estimates), tuple(dict.fromkeys(notes)), works, tuple(assumed)
    )


def _with_warnings(make: Callable[[], Any]) -> tuple[Any, list[str]]:
    """What a call returns, and what it warns of."""
    from noneq.thermo.agreement import own_words

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = make()
    return found, own_words(caught)


def _sentence(note: str) -> str:
    """Without the name of a function before it, and with a capital; formulas stay as they are."""
    text = _CALLER.sub("", note)
    return text if text.startswith("ln ") else text[:1].upper() + text[1:]


def driven_thermodynamics(
    data: Trajectories, system: AbstractSystem, *, method: str | None = None
) -> Findings:
    """What the works of recorded paths of a driven system say, and the least that they could be.

    Beside the numbers of `work_thermodynamics` stand two bounds from below, over kT: ``least_work``, that of
    any driving between the same ends in the same time (one coordinate, overdamped), and
    ``dissipated_work`` by ``speed_limit``, W₂² of the first and the last recorded law over mobility and time.

    Args:
        data: complete paths.
        system: with a protocol, in baths of one temperature.
        method: of `noneq.thermo.free_energy`; None takes all that apply.

    Raises:
        InvalidInput: baths of several temperatures; else as `noneq.thermo.work` and `work_thermodynamics`.
    """
    from noneq.thermo import speed_limit, work

    beta, mobility = _bath(system)
    found = work_thermodynamics(beta * work(data, system), method=method)
    bounds: list[tuple[str, Estimate]] = []
    notes: list[str] = []
    partial_record = _partial(data, system) if isinstance(system, HasProtocol) else ""
    if partial_record:
        notes.append(partial_record)
    elif isinstance(system, AbstractDriven):
        try:
            least = least_work(system)
            value, zero = np.asarray(beta * least.work), np.zeros(())
            bounds.append(
                ("work", Estimate(value, zero, zero, bound="lower", unit="kT", method="least_work"))
            )
        except InvalidInput as error:
            notes.append(f"No least work: {error}")
    if data.times.size > 1:
        dim = data.values.shape[-1] if data.values.ndim == 3 else 0
        place = slice(dim // 2) if isinstance(system, AbstractUnderdamped) else slice(None)
        ends = [
            np.asarray(data.values[:, i].reshape(len(data.values), -1)[:, place]) for i in (0, -1)
        ]
        limit = speed_limit(
            *ends,
            duration=float(data.times[-1] - data.times[0]),
            mobility=mobility / beta,
            unit="kT",
        )
        bounds.append(("dissipated_work", limit))
    told = "".join(
        f"; any driving between these ends takes at least {float(one.value):.4g} kT"
        for name, one in bounds
        if name == "work"
    )
    return replace(
        found,
        sentence=found.sentence + told,
        estimates=(*found.estimates, *bounds),
        notes=(*found.notes, *notes),
    )


def _partial(data: Trajectories, system: HasProtocol) -> str:
    """What to know if the record does not hold the whole protocol; empty if it does."""
    (first, last), (begin, end) = data.times[[0, -1]], system.protocol.span
    little = 1e-6 * max(end - begin, last - first)
    if first > begin + little:
        return (
            f"The record begins at {first:g}, after the protocol ({begin:g}): its paths do not start in "
            "equilibrium, which all free energies here ask for."
        )
    if last < end - little:
        return (
            f"The record ends at {last:g}, before the protocol ({end:g}): works and free energies are "
            f"those of the part up to {last:g}."
        )
    return ""


def _bath(system: AbstractSystem) -> tuple[float, float]:
    """1/kT and mobility.

    Raises:
        InvalidInput: several temperatures, or no potential.
    """
    if isinstance(system, AbstractUnderdamped):
        baths = set(system.temperatures)
        if len(baths) > 1 or min(baths) <= 0:
            raise InvalidInput(
                f"{type(system).__name__}: baths of {sorted(baths)}; free energies need one kT > 0."
            )
        return 1 / min(baths), 1 / max(system.friction, 1e-300)
    if isinstance(system, AbstractLangevin):
        return float(system.beta), 1.0
    raise InvalidInput(f"{type(system).__name__} has no potential whose change does work.")


def works_in(
    data: Snapshots | Trajectories, name: str, direction: str = "", temperature: float = 298.15
) -> Works:
    """Works over kT in a column of a table, one row a path.

    Args:
        data: snapshots with that coordinate.
        name: of the coordinate; its unit is kT unless the data say otherwise.
        direction: ``COLUMN=VALUE``: the condition that tells the directions apart, and its value for
            the forward one; empty if all are forward.
        temperature: kelvin, for works in pN nm, J, kJ/mol and the like.

    Raises:
        InvalidInput: no such column, condition or value, or a unit that is no energy.
    """
    from noneq.thermo.units import energy_over_kT

    flat = data.snapshots()
    if name not in flat.names:
        raise InvalidInput(f"--work {name}: no such column; there are {', '.join(flat.names)}.")
    place = flat.names.index(name)
    values = flat.values[:, place].astype(np.float64)
    unit = flat.units[place]
    if unit and unit.lower() not in ("kt", "k_bt", "kbt"):
        values = energy_over_kT(values, unit, temperature)
    if not direction:
        return Works(values, np.empty(0))
    ahead = _is_forward(flat, direction)
    return Works(values[ahead], values[~ahead])


def _is_forward(data: Snapshots, direction: str) -> np.ndarray:
    """Which samples have the direction's value.

    Raises:
        InvalidInput: no such condition or value.
    """
    column, _, wanted = direction.partition("=")
    if column not in data.condition_names or data.condition is None:
        raise InvalidInput(
            f"--direction {direction!r}: the data have no condition {column!r}; read it as one with "
            f"--condition-column {column}."
        )
    k = data.condition_names.index(column)
    levels, values = data.categories[k] if data.categories else (), data.condition[:, k]
    known = list(levels) or [f"{value:g}" for value in np.unique(values)]
    if wanted not in known or len(known) != 2:
        raise InvalidInput(
            f"--direction {direction!r}: the column has the values {', '.join(known)}; write "
            f"{column}=VALUE with that of the forward protocol, of two values."
        )
    number = levels.index(wanted) if levels else float(wanted)
    return np.asarray(values == number)

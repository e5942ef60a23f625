"""Work of pulling a molecule, from records of force and extension."""

from dataclasses import dataclass

import numpy as np

from noneq.data.ensembles import Trajectories
from noneq.errors import InvalidInput
from noneq.estimate import Estimate, sample_mean
from noneq.needs import observable
from noneq.thermo.units import size_of, thermal_energy


_TURN = 0.5
"""Share of the whole range by which the extension must come back to have turned."""
_WHOLE = 0.9


@dataclass(frozen=True)
class Pulls:
    """Works of single pulls, from `pulling_work`; give them to `free_energy`.

    Attributes:
        forward: ``(n,)`` works done on the molecule while its extension rose.
        backward: ``(m,)`` works done on it while it fell, mostly negative.
        unit: ``kT`` or ``pN nm``.
        between: extensions between which the work was taken, in the data's unit.
        hysteresis: mean forward plus mean backward work, the loss in a cycle; None if one side is
            missing or has a single pull.
        dropped: pulls that do not reach both ends.
    """

    forward: np.ndarray
    backward: np.ndarray
    unit: str
    between: tuple[float, float]
    hysteresis: Estimate | None
    dropped: int


@observable("trajectories", number=False)
def pulling_work(
    trajectories: Trajectories,
    *,
    force: str = "force",
    extension: str = "extension",
    direction: str | None = None,
    between: tuple[float, float] | None = None,
    stiffness: float | None = None,
    temperature: float | None = 298.15,
) -> Pulls:
    """Work of every pull in records of force and extension, without any model.

    **Equation**: W = ∫ F dλ between two values of λ, by the trapezoidal rule over the frames, the ends
    interpolated. λ is what the experimenter controls (distance of the traps, position of a stage). If
    ``extension`` is that of the molecule x, give the stiffness k of the trap: λ = x + F/k then, and
    ∫ F dλ = ∫ F dx + [F²/2k].

    A record is cut where its extension turns round by more than half of its range, so that one long
    record of many cycles, single pulls and mixtures of both do. Rising ones are forward.

    Args:
        trajectories: coordinates named ``force`` and ``extension``, with their units; times in order.
            Missing frames are bridged by straight lines.
        force, extension: names of the coordinates.
        direction: name of a condition with two values that tells the directions apart instead, one
            pull a record; forward is the one whose extension rises more.
        between: the two values of λ, in the unit of the extension; None takes the widest range that
            all whole pulls share. Free energies need the same one for all.
        stiffness: of the trap in pN/nm, only if ``extension`` is the molecule's.
        temperature: kelvin, for works in kT; None gives pN nm.

    Returns:
        `Pulls`.

    Raises:
        InvalidInput: no such coordinate or condition, units missing or unknown, a range that no pull
            covers, an extension that never changes, or no whole pull.

    Source: Liphardt et al. 2002; Collin et al. 2005; which work: Mossa et al. 2009.
    """
    places = [_place(trajectories, name) for name in (force, extension)]
    pn, nm = (
        size_of(trajectories.units[i], kind)
        for i, kind in zip(places, ("force", "length"), strict=True)
    )
    if stiffness is not None and not 0 < stiffness < float("inf"):
        raise InvalidInput(f"pulling_work: stiffness = {stiffness}; expected pN/nm, above 0.")
    pulls, group = [], []
    label = None if direction is None else _condition(trajectories, direction)
    for i, seen in enumerate(trajectories.observed):
        f, x = (trajectories.values[i, seen, k].astype(np.float64) for k in places)
        f, x = f * pn, x * nm
        if stiffness is not None:
            x = x + f / stiffness
        parts = _strokes(x) if label is None else [slice(0, x.size)]
        pulls += [(f[part], x[part]) for part in parts if x[part].size > 1]
        group += [0.0 if label is None else label[i]] * (len(pulls) - len(group))
    ends = _ends(pulls, None if between is None else (between[0] * nm, between[1] * nm))
    rises = np.asarray([x[-1] - x[0] for _, x in pulls])
    ahead = rises > 0 if label is None else _ahead(np.asarray(group), rises)
    works = np.asarray([_work(f, x, ends) for f, x in pulls])
    whole = np.isfinite(works)
    if not whole.any():
        raise InvalidInput(
            f"pulling_work: none of {len(pulls)} pulls covers extensions from {ends[0] / nm:.4g} to "
            f"{ends[1] / nm:.4g} {trajectories.units[places[1]]}; choose between= inside them."
        )
    unit = "pN nm" if temperature is None else "kT"
    works = works if temperature is None else works / thermal_energy(temperature)
    forward, backward = works[whole & ahead], works[whole & ~ahead]
    return Pulls(
        forward,
        backward,
        unit,
        (ends[0] / nm, ends[1] / nm),
        _hysteresis(forward, backward, unit),
        int((~whole).sum()),
    )


def _hysteresis(forward: np.ndarray, backward: np.ndarray, unit: str) -> Estimate | None:
    if min(forward.size, backward.size) < 2:
        return None
    up, down = sample_mean(forward), sample_mean(backward)
    error = np.asarray(np.hypot(up.stderr, down.stderr))
    count = np.asarray(forward.size + backward.size)
    return Estimate(np.asarray(up.value + down.value), error, count, unit=unit)


def _place(trajectories: Trajectories, name: str) -> int:
    if len(trajectories.event_shape) == 1 and name in trajectories.names:
        return trajectories.names.index(name)
    raise InvalidInput(
        f"pulling_work: no coordinate is called {name!r}; there are {', '.join(trajectories.names)}. "
        "Say which with force= and extension=."
    )


def _condition(trajectories: Trajectories, name: str) -> np.ndarray:
    if trajectories.condition is None or name not in trajectories.condition_names:
        known = ", ".join(trajectories.condition_names) or "none"
        raise InvalidInput(f"pulling_work: no condition is called {name!r}; there are: {known}.")
    column = trajectories.condition[:, trajectories.condition_names.index(name)]
    if np.unique(column).size != 2:
        raise InvalidInput(
            f"pulling_work: condition {name!r} has {np.unique(column).size} values; a direction has two."
        )
    return column


def _ahead(group: np.ndarray, rises: np.ndarray) -> np.ndarray:
    first, second = np.unique(group)
    higher = first if rises[group == first].mean() > rises[group == second].mean() else second
    return group == higher


def _strokes(x: np.ndarray) -> list[slice]:
    """Stretches between turning points."""
    threshold = _TURN * np.ptp(x)
    if not threshold > 0:
        raise InvalidInput("pulling_work: the extension never changes in a record; leave it out.")
    turns, rising = [0], True
    low = high = 0
    started = False
    for i, value in enumerate(x.tolist()):
        high = i if value > x[high] else high
        low = i if value < x[low] else low
        if not started and x[high] - x[low] >= threshold:
            rising, started = high > low, True
            turns = [low if rising else high]
            low = high = i
        elif started and rising and x[high] - value >= threshold:
            turns.append(high)
            rising, low, high = False, i, i
        elif started and not rising and value - x[low] >= threshold:
            turns.append(low)
            rising, low, high = True, i, i
    turns.append(high if rising else low)
    return [slice(a, b + 1) for a, b in zip(turns[:-1], turns[1:], strict=True)]


def _ends(
    pulls: list[tuple[np.ndarray, np.ndarray]], given: tuple[float, float] | None
) -> tuple[float, float]:
    """Extensions between which work is taken."""
    if given is not None:
        low, high = min(given), max(given)
    else:
        spans = np.asarray([(x.min(), x.max()) for _, x in pulls])
        width = spans[:, 1] - spans[:, 0]
        whole = spans[width >= _WHOLE * width.max()]
        low, high = float(whole[:, 0].max()), float(whole[:, 1].min())
    if not low < high:
        raise InvalidInput(
            f"pulling_work: no range of extensions is common to the pulls (from {low:.4g} to "
            f"{high:.4g} nm); give between=."
        )
    return low, high


def _work(f: np.ndarray, x: np.ndarray, ends: tuple[float, float]) -> float:
    """∫ F dx from one end to the other; NaN where the pull does not reach both."""
    sign = 1.0 if x[-1] > x[0] else -1.0
    first, last = ends if sign > 0 else (ends[1], ends[0])
    reached = np.flatnonzero(sign * (x - last) >= 0)
    if not reached.size:
        return float("nan")
    stop = int(reached[0])
    before = np.flatnonzero(sign * (x[: stop + 1] - first) <= 0)
    if not before.size:
        return float("nan")
    start = int(before[-1])
    x, f = x[start : stop + 1].copy(), f[start : stop + 1].copy()
    for end, at, beside in ((first, 0, 1), (last, -1, -2)):
        width = x[beside] - x[at]
        share = (end - x[at]) / width if width else 0.0
        f[at], x[at] = f[at] + share * (f[beside] - f[at]), end
    return float(np.trapezoid(f, x))

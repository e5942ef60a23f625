"""Which column of a table is time, label, condition or coordinate, and why."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from noneq.data.readings.labels import elapsed, time_unit
from noneq.data.readings.lineages import is_lineage
from noneq.data.readings.options import Reading
from noneq.errors import InvalidInput


CONDITION = "condition:"
_TIME = ("time", "times", "t", "date", "datetime", "timestamp", "position_t", "elapsed")
_FRAMES = ("frame", "frames", "timestep", "time_step")
_LABELS = (
    "trajectory", "traj", "track", "particle", "cell", "object", "molecule", "replica", "walker",
    "animal", "subject", "trial", "id",
)  # fmt: skip
_IDS = re.compile(rf"(?:{'|'.join(_LABELS)})[ _]?(?:id|index|number|label)?s?")
LABELS = tuple(f"{word}{tail}" for word in _LABELS for tail in ("", "_id", "id", " id", "s"))
"""Names of labels, as they are usually written."""
_INDEX = re.compile(
    r"|unnamed: ?[\d.]+(?:_level_\d+)?|index|row(?:[ _]?(?:id|number))?", re.IGNORECASE
)
_PLACES = ("x", "y", "z")
_TRACKPY = {"mass", "size", "ecc", "signal"}
_TRACKMATE = re.compile(r"position_[xyz]", re.IGNORECASE)


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Args:
        name, unit: as the file gives them, unit apart.
        values: float64, or texts.
        dates: whether the texts are dates.
    """

    name: str
    unit: str
    values: np.ndarray
    dates: bool = False

    @property
    def is_text(self) -> bool:
        """Whether it holds texts."""
        return self.values.dtype.kind not in "fiub"


@dataclass(frozen=True)
class Roles:
    """Names by role; ``left_out`` and ``notes`` say why."""

    time: str | None
    trajectory: str | None
    condition: tuple[str, ...]
    coordinates: tuple[str, ...]
    left_out: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def assign(columns: Sequence[Column], reading: Reading) -> Roles:
    """Sort columns into roles; what the reading names goes before what names suggest.

    Raises:
        InvalidInput: a name that is not there, a column with two roles, nothing left for
            coordinates, or names that leave two readings open.
    """
    names = {column.name: column for column in columns}
    wanted = _asked(names, reading)
    free = [c for c in columns if c.name not in wanted]
    left = {name: "as asked" for name in reading.drop}
    left |= {c.name: "empty" for c in free if _is_empty(c)}
    free = [c for c in free if c.name not in left]
    left |= {c.name: "row numbers" for c in free if _is_index(c)}
    free = [c for c in free if c.name not in left]
    time, notes = reading.time, []
    if time is None:
        time, others = _time(free)
        left |= others
    time = None if time == "none" else time
    if reading.time == "none":
        left |= {c.name: "all times are pooled" for c in free if _says_time(c)}
    free = [c for c in free if c.name not in (time, *left)]
    trajectory = reading.trajectory
    if trajectory is None:
        trajectory, others = _label(free, names.get(time or ""), reading)
        left |= others
        free = [c for c in free if c.name not in (trajectory, *left)]
    condition = reading.condition or tuple(c.name for c in free if c.name.startswith(CONDITION))
    if reading.columns:
        left |= {c.name: "not among the columns asked for" for c in free if c.name not in condition}
        coordinates = reading.columns
    else:
        free = [c for c in free if c.name not in condition]
        left |= _texts(free)
        left |= _lineages(free)
        left |= _measurements(free)
        coordinates = tuple(c.name for c in free if c.name not in left)
    if not coordinates:
        why = "; ".join(f"{name!r}: {text}" for name, text in [*left.items()][:4])
        raise InvalidInput(
            f"no column is left for coordinates among {_list(names)}{f' ({why})' if why else ''}."
        )
    return Roles(time, trajectory, condition, coordinates, left, tuple(notes))


def _asked(names: dict[str, Column], reading: Reading) -> set[str]:
    """Names that the reading gives a role, each one only."""
    time = () if reading.time in (None, "none") else (reading.time,)
    groups = [time, (reading.trajectory,) if reading.trajectory else (), reading.condition,
              reading.columns, reading.drop]  # fmt: skip
    wanted: set[str] = set()
    for name in (name for group in groups for name in group):
        if name not in names:
            raise InvalidInput(f"there is no column {name!r}; the columns are {_list(names)}.")
        if name in wanted:
            raise InvalidInput(f"column {name!r} is asked for twice; give it one role.")
        wanted.add(name)
    for name in reading.columns:
        if names[name].is_text:
            raise InvalidInput(
                f"column {name!r} holds texts such as {names[name].values[0]!r}, no numbers; leave "
                "it out of --columns."
            )
    return wanted


def _is_empty(column: Column) -> bool:
    """A column without a name and without a number, as a delimiter at the end of a line makes it."""
    if column.name.strip():
        return False
    empty = column.values == "" if column.is_text else np.isnan(column.values)
    return bool(np.all(empty))


def _is_index(column: Column) -> bool:
    """Row numbers: no name or that of an index, and whole numbers that only grow."""
    if not _INDEX.fullmatch(column.name) or column.is_text:
        return False
    values = column.values
    grows = values.size > 0 and bool(
        (np.diff(values) > 0).all() and (values == np.round(values)).all()
    )
    if not grows and not column.name:
        raise InvalidInput(
            "a column has no name and is no count of rows; name it, or choose with --columns."
        )
    return grows


def is_label(name: str) -> bool:
    """Whether a column's name is that of labels."""
    return bool(_IDS.fullmatch(name.lower()))


def says_time(name: str) -> bool:
    """Whether a column's name is that of times."""
    name = name.lower()
    return name in _TIME or name in _FRAMES or unit_of_time(name) is not None


def _says_time(column: Column) -> bool:
    return column.dates or says_time(column.name)


def unit_of_time(name: str) -> str | None:
    """``hours`` and ``time_ms`` name a unit; one letter alone does not."""
    if len(name) > 2:
        stem, _, tail = name.rpartition("_")
        return time_unit(tail if stem in _TIME else name)
    return None


def _time(columns: Sequence[Column]) -> tuple[str | None, dict[str, str]]:
    """The column of times, and columns that repeat it."""
    found = [c for c in columns if _says_time(c)]
    # Beside another time T is a temperature.
    found = [c for c in found if c.name != "T"] or found
    if not found:
        return None, {}
    best = min(found, key=lambda c: (_FRAMES.count(c.name.lower()), _rank(c)))
    left = {}
    for other in found:
        if other is best:
            continue
        both = best.dates and other.dates
        alike = _one_to_one(best.values, other.values)
        if not alike or (both and not _same_moments(best, other)):
            raise InvalidInput(
                f"columns {best.name!r} and {other.name!r} could both be the time; say which with "
                f"--time-column, and --read drop=… for the other."
            )
        left[other.name] = f"tells the same as {best.name}"
    return best.name, left


def _rank(column: Column) -> int:
    name = column.name.lower()
    return _TIME.index(name) if name in _TIME else len(_TIME)


def _one_to_one(one: np.ndarray, two: np.ndarray) -> bool:
    pairs = {(a, b) for a, b in zip(one.tolist(), two.tolist(), strict=True)}
    return len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


def _same_moments(one: Column, two: Column) -> bool:
    """Whether two columns of dates are as far apart from row to row."""
    (first, *_), (second, *_) = (elapsed([*map(str, c.values)]) for c in (one, two))
    return bool(np.allclose(first, second))


def _label(
    columns: Sequence[Column], time: Column | None, reading: Reading
) -> tuple[str | None, dict[str, str]]:
    """The column of trajectory labels, if one has a label's name and at most one row a time."""
    left: dict[str, str] = {}
    found = [c for c in columns if is_label(c.name)]
    for column in found:
        exact = column.name.lower() == "trajectory"
        if time is None:
            if exact:
                raise InvalidInput(
                    "there is a trajectory column but no time column; name it (--time-column)."
                )
            left[column.name] = "a label; there is no time column"
            continue
        labels = column.values
        if not exact and len(set(labels.tolist())) == len(labels):
            left[column.name] = "another label in every row"
            continue
        if reading.kind == "snapshots":
            left[column.name] = "a label; read as snapshots"
            continue
        return column.name, left
    return None, left


def _texts(columns: Iterable[Column]) -> dict[str, str]:
    return {
        c.name: f"texts such as {str(c.values[0])[:20]!r}; --condition-column {c.name} makes them "
        "categories"
        for c in columns
        if c.is_text
    }


def _lineages(columns: Iterable[Column]) -> dict[str, str]:
    return {
        c.name: f"labels of lineage; --condition-column {c.name} reads them, and --set "
        f"lineage={c.name} keeps pairs of a transport inside a clone"
        for c in columns
        if is_lineage(c.name)
    }


def _measurements(columns: Sequence[Column]) -> dict[str, str]:
    """What trackers measure of a spot beside its place."""
    lower = {c.name.lower(): c.name for c in columns}
    if lower.keys() >= _TRACKPY and {"x", "y"} <= lower.keys():
        kept = {lower[name] for name in _PLACES if name in lower}
        return {c.name: "measured by trackpy, no place" for c in columns if c.name not in kept}
    kept = {c.name for c in columns if _TRACKMATE.fullmatch(c.name)}
    if kept:
        return {c.name: "measured by TrackMate, no place" for c in columns if c.name not in kept}
    return {}


def _list(names: Iterable[str]) -> str:
    known = list(names)
    text = ", ".join(repr(name) if not name.strip() else name for name in known[:12])
    return text if len(known) <= 12 else f"{text} and {len(known) - 12} more"

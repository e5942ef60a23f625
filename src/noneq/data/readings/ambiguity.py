"""Columns that could be times or labels although no name says so: they are asked for."""

import re
from collections.abc import Sequence

import numpy as np

from noneq.data.readings.options import Reading
from noneq.data.readings.roles import Column, Roles
from noneq.errors import InvalidInput


_ROWS = 5
"""Rows from which on an order is no accident."""
_EVEN = 0.7
"""Share of equal steps upwards from which on a column counts, path after path."""
_WORDS = re.compile(
    r"(?:^|[^a-z])(?:time|zeit|temps|tiempo|frame|date|step|epoch|iteration|day|hour|stage|age)"
    r"(?:point|stamp)?s?(?:$|[^a-z])", re.IGNORECASE
)  # fmt: skip
"""Words in a name that may mean a time."""
_AXIS = re.compile(r"[ _.-][xyz]$", re.IGNORECASE)
_GROUPS = re.compile(
    r"(?:class|label|target|group|cluster|batch|replicate|species|genotype|treatment|category)s?",
    re.IGNORECASE,
)
"""Names of columns that number groups of rows."""
_AXES = "xyzuvwabcdefgh"


def refuse_open(columns: Sequence[Column], roles: Roles, reading: Reading) -> None:
    """Refuse a table with names that leave two readings open.

    Raises:
        InvalidInput: a coordinate that runs as a clock in a table without times, or one that tells
            apart all rows of each time, as the label of a trajectory does.
    """
    if reading.columns:
        return
    coordinates = {*roles.coordinates}
    free = [c for c in columns if c.name in coordinates]
    for column in free if len(free) > 1 else []:
        if _GROUPS.fullmatch(column.name) and _is_whole(column):
            raise InvalidInput(
                f"column {column.name!r} may number groups: say --condition-column {column.name}, --read "
                f"drop={column.name}, or name all coordinates (--columns …) if it is one."
            )
    if roles.time is None and reading.time is None and len(free) > 1:
        for column in free:
            if may_be_time(column.name) or _is_clock(column.values, _ROWS):
                low, high = column.values[0], column.values[-1]
                raise InvalidInput(
                    f"column {column.name!r} (from {low:g} to {high:g}) could be the time: say "
                    f"--time-column {_quoted(column.name)}, or --read time=none if it is a coordinate."
                )
    if roles.time is None or roles.trajectory is not None or reading.kind is not None:
        return
    times = next(c.values for c in columns if c.name == roles.time)
    texts = [c for c in columns if c.is_text and c.name in roles.left_out and not c.dates]
    for column in [*free, *texts] if len(free) > 1 else texts:
        if column.name not in reading.drop and _tells_apart(times, column):
            raise InvalidInput(
                f"column {column.name!r} differs in all rows of each time and comes back at other "
                f"times, as a label does: say --trajectory-column {_quoted(column.name)}, --read "
                f"drop={_quoted(column.name)}, or --kind snapshots (or all of --columns) if it is a "
                "coordinate."
            )


def may_be_time(name: str) -> bool:
    """Whether a name has a word for a time in it, such as ``timepoint`` or ``sampling time``."""
    return bool(_WORDS.search(name)) and not _AXIS.search(name)


def refuse_nameless(place: str, columns: Sequence[Column], reading: Reading) -> None:
    """Refuse a table without names of which a column may be the time or a label.

    Raises:
        InvalidInput: a column that grows or counts, or whole numbers beside decimals.
    """
    if reading.time or len(columns) < 2:
        return
    clocks = [_is_clock(c.values, _ROWS if i else 2) for i, c in enumerate(columns)]
    whole = [_is_whole(c) for c in columns]
    # Rows sorted by a label are no clock: where two columns run, the one with decimals is the time.
    running = [i for i, runs in enumerate(clocks) if runs]
    decimal = any(not c.is_text and (c.values != np.round(c.values)).any() for c in columns)
    labels = [i for i, is_whole in enumerate(whole) if is_whole and decimal]
    if not running and not labels:
        return
    decimals = [i for i in running if not whole[i]]
    clock = (decimals or running or [None])[0]
    others = [i for i in labels if i != clock][:1]
    names = list(_AXES[: len(columns)]) if len(columns) <= len(_AXES) else []
    axes = iter(names)
    shown = [
        "time" if i == clock else "track" if i in others else next(axes, f"x{i}")
        for i in range(len(columns))
    ]
    if clock is not None:
        found = columns[clock].values
        what = f"column {clock + 1} runs from {found[0]:g} to {found[-1]:g}: is it the time?"
    else:
        what = (
            f"column {others[0] + 1} holds whole numbers beside decimals: is it a label or a time?"
        )
    raise InvalidInput(
        f"{place} has no header, and {what} Name all columns (such as --columns "
        f"{','.join(shown[:8])}{',…' if len(shown) > 8 else ''}), or say --read time=none if all are "
        "coordinates."
    )


def _is_clock(values: np.ndarray, rows: int) -> bool:
    """Whether a column never falls, or climbs by one step over and over, path after path."""
    if values.dtype.kind not in "fiu" or len(values) < rows or not np.isfinite(values).all():
        return False
    steps = np.diff(values)
    if (steps >= 0).all():
        return bool(values[0] < values[-1])
    up = steps[steps > 0]
    if len(values) < 2 * _ROWS or up.size < _EVEN * steps.size:
        return False
    step = np.median(up)
    return bool((np.abs(up - step) < 1e-3 * step).sum() > _EVEN * steps.size)


def _is_whole(column: Column) -> bool:
    """Whether a column holds whole numbers, of which some come back."""
    values = column.values
    if column.is_text or not np.isfinite(values).all() or (values != np.round(values)).any():
        return False
    return 1 < np.unique(values).size < len(values)


def _tells_apart(times: np.ndarray, column: Column) -> bool:
    """Whether a column has each of its values at most once a time, and at two times on average."""
    if not column.is_text and not _is_whole(column):
        return False
    values = column.values.astype(str) if column.is_text else column.values
    labels, label = np.unique(values, return_inverse=True)
    moments, moment = np.unique(times, return_inverse=True)
    count = len(values)
    if not 1 < labels.size <= count // 2 or not moments.size <= count // 2:
        return False
    return np.unique(moment * labels.size + label).size == count


def _quoted(name: str) -> str:
    return f"'{name}'" if " " in name else name

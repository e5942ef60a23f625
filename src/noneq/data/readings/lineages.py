"""Labels of lineage: which clone each sample belongs to, as a column of the condition."""

import re
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from noneq.data.conditions import listed
from noneq.data.snapshots import Snapshots
from noneq.data.trajectories import Trajectories
from noneq.errors import InvalidInput


UNLABELLED = "unlabelled"
"""The category of samples without a clone; among numbers any negative one."""
_NAMES = re.compile(r"(?:clone|clonal|lineage|barcode)s?(?:[ _]?(?:id|index|number|label)s?)?")
_Data = TypeVar("_Data", bound=Snapshots | Trajectories)


def is_lineage(name: str) -> bool:
    """Whether a column's name is that of labels of lineage."""
    return bool(_NAMES.fullmatch(name.lower()))


def labelled(values: np.ndarray) -> np.ndarray:
    """Labels with a word for those that are missing: "unlabelled", or −1 among numbers."""
    if values.dtype.kind in "fiub":
        return np.where(np.isfinite(values), values, -1.0)
    blank = ("", "nan", "na", "none")
    cells = [UNLABELLED if str(v).strip().lower() in blank else v for v in values.tolist()]
    return np.array(cells, object)


def lineage_of(data: Any, name: str | None = None) -> tuple[int, np.ndarray]:
    """Column of the condition, and a number of the clone for every sample; −1 without one.

    Args:
        data: ensemble with a condition.
        name: of the column; None takes the one whose name is that of a lineage.

    Raises:
        InvalidInput: no such column.
    """
    names = data.condition_names
    match = [i for i, own in enumerate(names) if (own == name if name else is_lineage(own))]
    if data.condition is None or not match:
        what = f"no condition {name!r}" if name else "no labels of lineage"
        has = f"they have {listed(names)}" if names else "they have no named conditions"
        raise InvalidInput(
            f"the data have {what}; {has}. Name the column of clones as a condition (command line: "
            f"--condition-column {name or 'clone'})."
        )
    place = match[0]
    labels = np.asarray(data.condition[:, place])
    words = data.categories[place] if data.categories else ()
    none = np.isin(labels, words.index(UNLABELLED)) if UNLABELLED in words else labels < 0
    codes = np.unique(labels, return_inverse=True)[1].ravel()
    return place, np.where(none, -1, codes)


def without(data: _Data, name: str) -> _Data:
    """The data without the condition column of that name."""
    if data.condition is None or name not in data.condition_names:
        return data
    place = data.condition_names.index(name)
    rest = lambda parts: tuple(part for i, part in enumerate(parts) if i != place)
    kept = np.delete(data.condition, place, axis=1)
    return replace(
        data,
        condition=kept if kept.shape[1] else None,
        condition_names=rest(data.condition_names),
        categories=rest(data.categories) if any(rest(data.categories)) else (),
    )

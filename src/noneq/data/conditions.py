"""Conditions that come with states: quantities, numbered categories, and categories with names."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from noneq.data.checks import as_condition, host_array
from noneq.errors import InvalidInput, WrongType


Categories = tuple[tuple[str, ...], ...]
"""For each column of a condition the names of its categories 0, 1, …; ``()`` for numbers."""
_MISSING = ("", "nan", "na", "n/a", "none", "null")


def conditions(
    condition: Any, n: int, names: Sequence[str] | None, categories: Sequence[Sequence[str]] | None
) -> tuple[np.ndarray | None, tuple[str, ...], Categories]:
    """The condition as numbers ``(n, k)``, the names of its columns, and those of its categories.

    Texts become the numbers of their categories, in alphabetical order unless ``categories`` gives
    another. Without a condition there are no names either.

    Raises:
        InvalidInput: as `noneq.data.checks.as_condition`; names or categories that do not fit.
        WrongType: objects that are neither numbers nor texts.
    """
    if condition is None:
        return None, (), ()
    array, known = host_array(condition, "condition"), _tidy(categories)
    if array.dtype.kind in "USO":
        array, known = coded(list((array[:, None] if array.ndim == 1 else array).T), known)
    numbers = as_condition(array, n)
    if numbers is None or not any(known):
        return numbers, _columns(names, array), ()
    _check(numbers, known)
    # Categories are whole numbers, also where a missing one was left out before.
    numbers = numbers.astype(np.int64) if all(known) else numbers
    return numbers, _columns(names, numbers), known


def coded(columns: Sequence[np.ndarray], known: Categories = ()) -> tuple[np.ndarray, Categories]:
    """Columns of numbers or texts as one array, and the names of the categories.

    Empty texts are missing (NaN). The array is of whole numbers if all columns are.

    Args:
        columns: one array ``(n,)`` each.
        known: names of the categories, where they are known already.
    """
    found, names = [], []
    for i, column in enumerate(columns):
        column = np.asarray(column)
        if not is_text(column):
            found.append(np.asarray(column, column.dtype if column.dtype.kind in "fiub" else float))
            names.append(known[i] if known else ())
            continue
        own = known[i] if known else ()
        cells = [cell if cell in own else _cell(cell) for cell in column.tolist()]
        own = own or tuple(sorted({c for c in cells if c is not None}))
        place = {name: float(code) for code, name in enumerate(own)}
        strange = next((c for c in cells if c is not None and c not in place), None)
        if strange is not None:
            raise InvalidInput(f"condition {strange!r} is no category; known: {listed(own)}.")
        codes = np.array([np.nan if cell is None else place[cell] for cell in cells])
        found.append(codes.astype(np.int64) if np.isfinite(codes).all() else codes)
        names.append(own)
    return np.column_stack(found), tuple(names) if any(names) else ()


def is_text(values: np.ndarray) -> bool:
    """Whether some of the values are texts.

    Raises:
        WrongType: values that are neither texts nor numbers.
    """
    if values.dtype.kind in "US":
        return True
    if values.dtype.kind != "O":
        return False
    kinds = {type(value) for value in values.ravel().tolist()}
    strange = [k for k in kinds if not issubclass(k, str | bytes | int | float | type(None))]
    if strange:
        raise WrongType(
            f"condition holds {strange[0].__name__}; give categories as texts or whole numbers, and "
            "quantities as floats."
        )
    return any(issubclass(kind, str | bytes) for kind in kinds)


def encoded(condition: Any, categories: Categories, names: Sequence[str] = ()) -> np.ndarray:
    """A condition that names categories, as numbers ``(k,)`` or ``(n, k)``.

    A text that is the name of no category may be a number.

    Raises:
        InvalidInput: a text that is neither, naming the categories known.
    """
    cells = np.atleast_1d(np.asarray(condition, dtype=object))
    if cells.shape[-1] != len(categories):
        raise InvalidInput(
            f"condition has {cells.shape[-1]} entries; expected {len(categories)}, one for each "
            f"column{f' ({listed(names)})' if names else ''}."
        )
    numbers = np.empty(cells.shape)
    for i, own in enumerate(categories):
        column = f"condition {names[i]!r}" if names else f"condition (column {i})"
        for place in np.ndindex(cells.shape[:-1]):
            numbers[(*place, i)] = _number(cells[(*place, i)], own, column)
    return numbers


def recoded(
    condition: np.ndarray, own: Categories, wanted: Categories, names: Sequence[str]
) -> np.ndarray:
    """Numbers of categories in the order of another data set.

    Args:
        condition: ``(n, k)`` numbers.
        own, wanted: the categories of the data, and of the other data set.
        names: of the columns.

    Raises:
        InvalidInput: a category that the other one does not know, or a column that has names on one
            side alone.
    """
    width = condition.shape[1]
    own, wanted = own or ((),) * width, wanted or ((),) * width
    result = condition.copy()
    for i, (mine, theirs) in enumerate(zip(own, wanted, strict=True)):
        column = names[i] if i < len(names) else f"condition column {i}"
        if bool(mine) != bool(theirs):
            texts, numbers = ("data", "run") if mine else ("run", "data")
            raise InvalidInput(
                f"{column}: the {texts} have named categories ({listed(mine or theirs)}), the "
                f"{numbers} numbers; write them alike."
            )
        if mine == theirs:
            continue
        used = [mine[int(code)] for code in np.unique(condition[:, i])]
        unseen = [name for name in used if name not in theirs]
        if unseen:
            raise InvalidInput(
                f"{column} {unseen[0]!r} does not occur in the data of the fit; known: "
                f"{listed(theirs)}. Leave those samples out, or fit again."
            )
        place = np.array([theirs.index(name) if name in theirs else -1 for name in mine])
        result[:, i] = place[condition[:, i].astype(int)]
    return result


def listed(names: Sequence[str]) -> str:
    """A few names as text."""
    text = ", ".join(names[:12])
    return text if len(names) <= 12 else f"{text} and {len(names) - 12} more"


def _tidy(categories: Sequence[Sequence[str]] | None) -> Categories:
    known = tuple(tuple(str(name) for name in column) for column in categories or ())
    doubled = [column for column in known if len(set(column)) < len(column)]
    if doubled:
        raise InvalidInput(f"a category is named twice among {listed(doubled[0])}; rename one.")
    return known if any(known) else ()


def _columns(names: Sequence[str] | None, condition: np.ndarray) -> tuple[str, ...]:
    width = 1 if condition.ndim == 1 else condition.shape[1]
    found = tuple(str(name) for name in names or ())
    if found and len(found) != width:
        raise InvalidInput(f"condition_names has {len(found)} entries; expected {width}, one each.")
    return found


def _check(condition: np.ndarray, known: Categories) -> None:
    if len(known) != condition.shape[1]:
        raise InvalidInput(
            f"categories has {len(known)} entries; expected {condition.shape[1]}, one for each "
            "column of the condition, () for numbers."
        )
    for i, own in enumerate(known):
        column = condition[:, i]
        if own and not np.isin(column, np.arange(len(own))).all():
            wrong = column[~np.isin(column, np.arange(len(own)))][0]
            raise InvalidInput(
                f"condition {wrong:g} in column {i} has no name; there are {len(own)} categories."
            )


def _cell(value: Any) -> str | None:
    """A category's name; None where it is missing."""
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return None if value is None or text.strip().lower() in _MISSING else text.strip()


def _number(cell: Any, own: tuple[str, ...], column: str) -> float:
    text = cell.decode(errors="replace") if isinstance(cell, bytes) else cell
    if text in own:
        return float(own.index(text))
    try:
        return float(text)
    except (TypeError, ValueError):
        known = f"known: {listed(own)}" if own else "expected a number"
        raise InvalidInput(f"{column}: {text!r} is not among the training data; {known}.") from None

"""The keywords of `noneq.data.read` as one value."""

from collections.abc import Mapping, Sequence
from typing import Any

from noneq.data.readings.options import (
    Reading,
    domain as domain_of,
    parse,
    units as units_of,
)
from noneq.domains import AbstractDomain
from noneq.errors import InvalidInput, WrongType


def reading_of(
    reading: Reading | Sequence[str] = Reading(),
    time_column: str | None = None,
    trajectory_column: str | None = None,
    condition_columns: Sequence[str] = (),
    columns: Sequence[str] = (),
    components: int | None = None,
    missing: str = "error",
    kind: str | None = None,
    domain: AbstractDomain | str | None = None,
    units: Mapping[str, str] | str = "",
    unpack_limit: int | float | None = None,
    **more: Any,
) -> Reading:
    """The keywords of `read` as one value.

    Raises:
        InvalidInput: a value that is none of those.
        WrongType: one text in place of a list of names.
    """
    if missing not in ("error", "mask"):
        raise InvalidInput(f"missing = {missing!r}; expected 'error' or 'mask'.")
    for name, given in (("condition_columns", condition_columns), ("columns", columns)):
        if isinstance(given, str):
            raise WrongType(f"{name} = {given!r}; expected a list of names.")
    start = reading if isinstance(reading, Reading) else parse(reading)
    return start.said(**more).changed(
        time=time_column,
        trajectory=trajectory_column,
        condition=tuple(condition_columns),
        columns=tuple(columns),
        components=components,
        drop_missing=missing == "mask" or None,
        kind=kind,
        domain=domain_of(domain) if isinstance(domain, str) else domain,
        units=units_of(units),
        unpack_limit=unpack_limit,
    )

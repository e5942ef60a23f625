"""What the name of a column says beside its name: a unit, or a date among its cells."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from noneq.errors import InvalidInput


SECONDS = {
    "fs": 1e-15, "ps": 1e-12, "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3,
    "s": 1.0, "sec": 1.0, "second": 1.0, "min": 60.0, "minute": 60.0, "h": 3600.0, "hr": 3600.0,
    "hour": 3600.0, "d": 86400.0, "day": 86400.0, "week": 604800.0, "wk": 604800.0,
}  # fmt: skip
"""Seconds in units of time, by their singular."""
_CALENDAR = ("month", "year", "yr")
_BASE = (
    r"[fpnuµμmckMGT]?(?:m|s|g|K|A|V|Pa|N|J|W|Hz|mol|M|L|l|bar|rad|F|C|T|eV|cal|Da|Ohm|Ω)"
    r"|k[TB]?T|Å|A|angstroms?|°C|°F|degC|deg|degrees?|°|%|ppm|px|pix|pixels?|voxels?|frames?"
    r"|a\.?u\.?|arb\.? units?|counts?|sec|seconds?|min|minutes?|h|hr|hours?|d|days?|weeks?|wk"
    r"|months?|years?|yr|hPa|dBZ?|psu|1|-"
)
_UNIT = re.compile(
    rf"(?:1/)?(?:{_BASE})(?:\^?[-+]?[0-9²³⁻¹]+)?(?:[ */·.](?:{_BASE})(?:\^?[-+]?[0-9²³⁻¹]+)?)*"
)
_BRACKET = re.compile(r"(.*\S)\s*[\(\[\{]\s*([^()\[\]{}]*?)\s*[\)\]\}]")
_SLASH = re.compile(r"(.*\S) / (\S+)")
_ISO = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s*(?:Z|[+-]\d{2}:?\d{2})?)?"
)
_COMPACT = re.compile(r"(?:19|20)\d{6}")


def is_unit(text: str) -> bool:
    """Whether a text is a unit such as ``µm``, ``m/s`` or ``kJ/mol``."""
    return bool(_UNIT.fullmatch(text.strip()))


def name_and_unit(label: str) -> tuple[str, str]:
    """``"Time (s)"`` and ``"x [µm]"`` taken apart; brackets without a unit stay in the name."""
    label = label.strip()
    for pattern in (_BRACKET, _SLASH):
        match = pattern.fullmatch(label)
        if match and is_unit(match[2]):
            return match[1].strip(), match[2].strip()
    return label, ""


def time_unit(word: str) -> str | None:
    """The unit of time that a word is (``hours`` gives ``hour``), or None."""
    word = word.strip()
    for candidate in (word, word.lower(), word.lower().rstrip("s")):
        if candidate in SECONDS or candidate in _CALENDAR:
            return candidate
    return None


def is_date(cell: str) -> bool:
    """Whether a cell is an ISO date, with or without a time of day."""
    return bool(_ISO.fullmatch(cell.strip()))


def are_compact_dates(values: np.ndarray) -> bool:
    """Whether all numbers are dates written as 20240131."""
    if not values.size or not ((values >= 19000101) & (values <= 20991231)).all():
        return False
    texts = {f"{value:.0f}" for value in np.unique(values)}
    return all(_COMPACT.fullmatch(text) and _valid(text) for text in texts)


def _valid(text: str) -> bool:
    try:
        datetime.strptime(text, "%Y%m%d")
    except ValueError:
        return False
    return True


def elapsed(cells: Sequence[str]) -> tuple[np.ndarray, str, str]:
    """Dates as the time since the first of them.

    Returns: times (float64), their unit (``day``, or ``s`` where all lie within a day), and the
    first date.

    Raises:
        InvalidInput: dates with and without a time zone, or no such day.
    """
    zoned = {bool(re.search(r"(?:Z|[+-]\d{2}:?\d{2})$", _tail(cell))) for cell in cells}
    if len(zoned) > 1:
        bare = next(
            cell for cell in cells if not re.search(r"(?:Z|[+-]\d{2}:?\d{2})$", _tail(cell))
        )
        raise InvalidInput(
            f"some dates have a time zone and {bare!r} has none; write all of them alike."
        )
    seconds = np.array([_seconds(cell) for cell in cells])
    since = seconds - seconds.min()
    first = cells[int(np.argmin(seconds))].strip()
    if since.max() < 86400 and len(np.unique(since)) > 1:
        return since, "s", first
    return since / 86400, "day", first


def _tail(cell: str) -> str:
    """What follows the day, where a minus is a time zone."""
    return cell.strip()[10:]


def _seconds(cell: str) -> float:
    text = cell.strip().replace(",", ".")
    text = text if "-" in text else f"{text[:4]}-{text[4:6]}-{text[6:]}"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"{cell!r} is no date ({error}); expected YYYY-MM-DD.") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp()

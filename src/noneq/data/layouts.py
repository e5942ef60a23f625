"""From what a file holds to an ensemble, whatever the format.

Readers give a `Raw`; `build` deals with missing entries. Files that this library wrote also
carry a record (labels and a checksum), so a change that the format misses is still seen.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from noneq import domains
from noneq.data.base import first_components
from noneq.data.checks import as_floats, as_labels
from noneq.data.readings.understanding import Part, Understanding
from noneq.data.safety import refuse_long
from noneq.data.snapshots import Snapshots
from noneq.data.trajectories import Trajectories
from noneq.domains import AbstractDomain, AbstractSignedDistance, Box, Product, Region
from noneq.errors import DataFileError, InvalidInput, WrongType


FORMAT = 1
OPTIONAL = {
    "condition_names": (),
    "categories": (),
    "transform": (),
    "scaling": "std",
    "drawn_from": "",
}
"""Labels that a record holds only where they say something."""


@dataclass(frozen=True)
class Raw:
    """Data as read: entries may be missing (not finite).

    Args:
        values: ``(N, *event_shape)``, or ``(n, T, *event_shape)`` when ``time_index`` is None.
        times: ``(T,)``.
        time_index: ``(N,)`` for snapshots, None for trajectories.
        mask: ``(n, T)`` observed entries of trajectories, None if all.
        condition: ``(N or n, k)`` or None.
        record: what `record_of` wrote, else labels that the file gives.
        understood: what each part of the file was taken for; None for our own files.
        settled: fields of the reading that the reader dealt with itself.
    """

    values: np.ndarray
    times: np.ndarray
    time_index: np.ndarray | None = None
    mask: np.ndarray | None = None
    condition: np.ndarray | None = None
    record: dict[str, Any] = field(default_factory=dict)
    understood: Understanding | None = None
    settled: tuple[str, ...] = ()


def record_of(data: Snapshots | Trajectories) -> dict[str, Any]:
    """The JSON record that goes into a file: labels, kind, precision, checksum."""
    record = label_record(data.labels()) | {
        "format": FORMAT,
        "kind": type(data).__name__,
        "dtype": str(data.values.dtype),
        "sha256": checksum(data),
    }
    if data.condition is not None:
        record["condition_dtype"] = str(data.condition.dtype)
    return record


def record_text(record: dict[str, Any]) -> str:
    """The record on one line, the same for the same data."""
    return json.dumps(record, sort_keys=True, default=_plain)


def checksum(data: Snapshots | Trajectories) -> str:
    """sha256 over all numbers and labels, equal for equal data in any format."""
    digest = hashlib.sha256(type(data).__name__.encode())
    digest.update(record_text(label_record(data.labels())).encode())
    pairing = data.mask if isinstance(data, Trajectories) else data.time_index
    for array in (data.values, data.times, pairing, data.condition):
        if array is None:
            digest.update(b"none")
            continue
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def parse_record(path: Path, text: str | bytes) -> dict[str, Any]:
    """The record in a file.

    Raises:
        DataFileError: not a record, one of a newer format, or one of absurd length.
    """
    refuse_long(path, "its noneq record", len(text))
    record = json.loads(text)
    if not isinstance(record, dict) or not {"format", "kind", "sha256"} <= record.keys():
        raise DataFileError("its noneq record is damaged; restore the file from a copy.")
    if record["format"] != FORMAT:
        raise DataFileError(
            f"it has noneq format {record['format']}, this version reads {FORMAT}; update noneq."
        )
    return record


@contextmanager
def own(record: dict[str, Any]) -> Iterator[None]:
    """What this library wrote was right then: whatever is wrong with it now is damage."""
    try:
        yield
    except InvalidInput as error:
        if "sha256" not in record:
            raise
        raise DataFileError(f"it is damaged ({error}); restore it from a copy.") from error


def verified(raw: Raw) -> Snapshots | Trajectories:
    """The ensemble of an own file, checked against its checksum.

    Raises:
        DataFileError: its content changed.
    """
    with own(raw.record):
        data = ensemble(raw, "mask")
    if checksum(data) != raw.record["sha256"]:
        raise DataFileError("its content does not match its checksum; restore it from a copy.")
    return data


def as_raw(data: Snapshots | Trajectories) -> Raw:
    """An ensemble as a file would hold it."""
    if isinstance(data, Trajectories):
        index, mask = None, data.mask
    else:
        index, mask = data.time_index, None
    return Raw(data.values, data.times, index, mask, data.condition, label_record(data.labels()))


def plainly(raw: Raw) -> Understanding:
    """What is known of a file of named arrays: its coordinates and whether there are times."""
    labels = labels_of(raw)
    parts = [Part("times", "time", labels["time_unit"])] if raw.times.size > 1 else []
    units = zip(labels["names"], labels["units"], strict=True)
    parts += [Part(name, "coordinate", unit) for name, unit in units]
    otherwise = ("--read time=none pools all times",) if parts[0].role == "time" else ()
    return Understanding(kind_of(raw), tuple(parts), (), otherwise)


def kind_of(raw: Raw) -> str:
    """What an ensemble is called."""
    if raw.time_index is None:
        return "trajectories" if len(raw.values) > 1 else "one trajectory"
    return "snapshots" if raw.times.size > 1 else "one snapshot"


def labels_of(raw: Raw) -> dict[str, Any]:
    """What travels with the data, with defaults where the file gives none."""
    shape = raw.values.shape[1 if raw.time_index is not None else 2 :] or (1,)
    record = raw.record
    return {
        "names": as_labels(record.get("names"), shape, "names", "x"),
        "units": as_labels(record.get("units"), shape, "units", ""),
        "time_unit": str(record.get("time_unit", "")),
        "domain": _domain(record.get("domain", {"kind": "Free"})),
        "condition_names": tuple(record.get("condition_names", ())),
        "categories": tuple(tuple(own) for own in record.get("categories", ())),
        "transform": tuple(record.get("transform", ())),
        "scaling": record.get("scaling", "std"),
        "drawn_from": str(record.get("drawn_from", "")),
    }


def selected(raw: Raw, components: int | None) -> Raw:
    """The first coordinates of a foreign file, before missing entries are looked at."""
    if components is None:
        return raw
    axis = 1 if raw.time_index is not None else 2
    values = raw.values[..., None] if raw.values.ndim == axis else raw.values
    values, labels = first_components(values, labels_of(raw), axis, components)
    labels["domain"] = domain_record(labels["domain"])
    return replace(raw, values=values, record=labels)


def ensemble(raw: Raw, missing: str) -> Snapshots | Trajectories:
    """The data as they are, with ``missing`` entries refused (``"error"``) or left out (``"mask"``).

    Raises:
        InvalidInput: missing entries while ``missing="error"``, or nothing left without them.
    """
    labels = labels_of(raw)
    values = as_floats(raw.values, "values")
    if raw.time_index is None:
        return _trajectories(raw, values, labels, missing)
    if missing == "error":
        return Snapshots(values, raw.times, raw.time_index, condition=raw.condition, **labels)
    keep = _finite_rows(values) & _finite_rows(raw.condition, len(values))
    if not keep.any():
        raise InvalidInput("every sample has a missing entry; nothing is left to read.")
    kept, index = np.unique(raw.time_index[keep], return_inverse=True)
    condition = None if raw.condition is None else raw.condition[keep]
    return Snapshots(values[keep], raw.times[kept], index, condition=condition, **labels)


def _trajectories(
    raw: Raw, values: np.ndarray, labels: dict[str, Any], missing: str
) -> Trajectories:
    if missing == "error":
        return Trajectories(values, raw.times, mask=raw.mask, condition=raw.condition, **labels)
    n, length = values.shape[:2]
    mask = np.asarray(np.isfinite(values.reshape(n, length, -1)).all(axis=2))
    if raw.mask is not None:
        mask &= raw.mask
    rows = mask.any(axis=1) & _finite_rows(raw.condition, n)
    if not rows.any():
        raise InvalidInput("every state has a missing entry; nothing is left to read.")
    columns = mask[rows].any(axis=0)
    return Trajectories(
        values[rows][:, columns],
        raw.times[columns],
        mask=mask[rows][:, columns],
        condition=None if raw.condition is None else raw.condition[rows],
        **labels,
    )


def _finite_rows(array: np.ndarray | None, n: int = 0) -> np.ndarray:
    if array is None:
        return np.ones(n, bool)
    return np.asarray(np.isfinite(array.reshape(len(array), -1)).all(axis=1))


def label_record(labels: dict[str, Any]) -> dict[str, Any]:
    """The labels of an ensemble as plain values, those left out that say nothing."""
    record = labels | {"domain": domain_record(labels["domain"])}
    # Without them the record is that of earlier files, and so is the checksum.
    return {name: value for name, value in record.items() if OPTIONAL.get(name) != value}


def domain_record(domain: AbstractDomain) -> dict[str, Any]:
    """The domain as plain values; of a shape of the user's own only the enclosing box.

    A data file names no code, so that reading one never runs any.
    """
    fields = dict(vars(domain))
    if isinstance(domain, Product):
        fields["parts"] = [domain_record(part) for part in domain.parts]
    if isinstance(domain, Region):
        shape = domain.signed_distance
        if vars(domains).get(type(shape).__name__) is not type(shape):
            return domain_record(Box(domain.low, domain.high))
        fields["signed_distance"] = {"kind": type(shape).__name__, **vars(shape)}
    return {"kind": type(domain).__name__, **fields}


def _domain(record: dict[str, Any], base: type = AbstractDomain) -> Any:
    cls = vars(domains).get(record["kind"])
    if not (isinstance(cls, type) and issubclass(cls, base)):
        raise DataFileError(f"it names an unknown domain {record['kind']!r}; update noneq.")
    fields = {name: _field(value) for name, value in record.items() if name != "kind"}
    try:
        return cls(**fields)
    except WrongType as error:
        raise DataFileError(f"it holds no domain ({error}).") from error


def _field(value: Any) -> Any:
    if isinstance(value, dict):
        return _domain(value, AbstractSignedDistance)
    if isinstance(value, list):
        return tuple(_domain(part) if isinstance(part, dict) else part for part in value)
    return value


def _plain(value: Any) -> Any:
    """NumPy corners of a domain as lists; anything else has no place in a file."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise InvalidInput(f"a {type(value).__name__} cannot be written to a file.")

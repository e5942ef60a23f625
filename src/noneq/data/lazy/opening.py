"""A zarr folder of this library as data that stay in it."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from noneq.data.layouts import Raw, labels_of, parse_record
from noneq.data.lazy.chunks import ChunkedArray
from noneq.data.lazy.ensemble import LazyEnsemble
from noneq.errors import DataFileError, InvalidInput


_AT_ONCE = 1 << 20
"""Times read at once."""


def open_lazy(path: Path) -> LazyEnsemble:
    """The folder as data that stay in it.

    Raises:
        InvalidInput: no zarr folder, or one that this library did not write.
        DataFileError: it is damaged.
    """
    convert = f"noneq convert {path} {path.with_suffix('').name}_chunks.zarr"
    if path.suffix.lower() != ".zarr":
        raise InvalidInput(f"{path} cannot be read lazily; `{convert}` writes it in chunks.")
    group = path / "zarr.json"
    if not group.is_file():
        raise DataFileError(f"{path} has no zarr.json; the folder is damaged or no zarr store.")
    attributes = json.loads(group.read_bytes()).get("attributes", {})
    if "noneq" not in attributes:
        raise InvalidInput(
            f"{path} was not written by noneq, so that its chunks carry no checksums; `{convert}` "
            "writes one that can be read lazily."
        )
    record = parse_record(path, str(attributes["noneq"]))
    values, kind = ChunkedArray(path / "values"), str(record["kind"]).lower()
    lead = 2 if kind == "trajectories" else 1
    time = ChunkedArray(path / "time") if (path / "time").is_dir() else None
    if time is None or kind not in ("snapshots", "trajectories"):
        raise DataFileError(f"{path} holds no times; restore it from a copy.")
    condition = ChunkedArray(path / "condition") if (path / "condition").is_dir() else None
    event = values.shape[lead:]
    whole = values.chunks[lead:] == event and len(values.shape) > lead
    length = values.shape[lead - 1]
    if (
        not whole
        or time.shape != (length,)
        or (condition and condition.shape[0] != values.shape[0])
    ):
        raise DataFileError(
            f"{path}: values {values.shape} in chunks {values.chunks} and times {time.shape} do not "
            "fit; restore it from a copy."
        )
    index = None if lead == 2 else np.zeros(0, int)
    empty = Raw(np.empty((0,) * lead + event), np.zeros(0), index, record=record)
    labels = labels_of(empty)
    times = distinct_times(time, lead)
    return LazyEnsemble(path, kind, times, times, values, time, condition, labels)


def distinct_times(time: Any, lead: int) -> np.ndarray:
    """The distinct times, in order."""
    if lead == 2:
        return time[:].astype(np.float64)
    found = np.zeros(0)
    for first in range(0, time.shape[0], _AT_ONCE):
        found = np.union1d(found, time[first : first + _AT_ONCE])
    return found

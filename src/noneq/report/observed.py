"""What a page can still say of the data of a fit: their file's name, their values, their axes."""

from pathlib import Path
from typing import Any

import numpy as np

from noneq.data.ensembles import Snapshots, Trajectories
from noneq.data.files import read
from noneq.data.summary import Summary
from noneq.errors import NoneqError
from noneq.store import fingerprint


def data_name(fit: Any) -> str:
    """Name of the file that the fit read, or nothing."""
    return Path(str(fit.meta.get("data", {}).get("path", ""))).name


def observed(fit: Any) -> Snapshots | None:
    """The data of the fit, if their file is still there and unchanged."""
    data = data_of(fit)
    return None if data is None else data.snapshots()


def data_of(fit: Any) -> Snapshots | Trajectories | None:
    """The same as it was read: paths stay paths."""
    source = fit.meta.get("data", {})
    path = Path(source.get("path", ""))
    if not path.is_absolute():
        return None
    try:
        # A run may come from a stranger: only the user lifts the limit.
        data = read(path, **{**source.get("reading", {}), "unpack_limit": None})
    except NoneqError:
        return None
    return data if fingerprint(data) == source["fingerprint"] else None


def held_out(fit: Any, data: Snapshots | None) -> np.ndarray:
    """Times of the data that the fit was not trained on."""
    return np.zeros(0) if data is None else np.setdiff1d(data.times, fit.summary.times)


def axis_label(summary: Summary, i: int) -> str:
    """Name of a coordinate or channel, with its unit."""
    unit = summary.units[i]
    return f"{summary.names[i]} ({unit})" if unit else summary.names[i]


def time_label(summary: Summary) -> str:
    """The time axis, with its unit."""
    return f"time ({summary.time_unit})" if summary.time_unit else "time"

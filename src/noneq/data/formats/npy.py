"""npy: one bare array, without a checksum."""

import warnings
from pathlib import Path

from noneq.data.formats.assembly import assemble
from noneq.data.formats.npz import array_of
from noneq.data.layouts import Raw, kind_of
from noneq.data.readings.options import Reading
from noneq.data.readings.understanding import Part, Understanding
from noneq.data.safety import check_file
from noneq.errors import InvalidInput


def read_npy(path: Path, reading: Reading) -> Raw:
    """One snapshot: samples along the first axis, a state along the others.

    Raises:
        InvalidInput: a single number, or an option that needs times.
    """
    check_file(path, (b"\x93NUMPY",))
    values = array_of(path, path.name, path.read_bytes())
    if values.ndim == 0:
        raise InvalidInput(f"{path} holds one number; expected an array of samples.")
    if reading.time or reading.trajectory or reading.condition:
        raise InvalidInput(
            f"{path} holds one array without names; write it with its times: "
            "np.savez(file, values=…, times=…)."
        )
    warnings.warn(
        f"{path.name}: npy has no checksum, so damage passes unseen; prefer npz.", stacklevel=2
    )
    raw = assemble(values, None, None, None, {}, reading)
    part = Part("array", "coordinate", "", f"shape {values.shape}, samples first")
    said = Understanding(
        kind_of(raw), (part,), (), ("np.savez(file, values=…, times=…) adds times",)
    )
    return Raw(raw.values, raw.times, raw.time_index, record={}, understood=said)

"""npz: several named arrays in one zip file, always read without pickle."""

import stat
import zipfile
from pathlib import Path

import numpy as np

from noneq.data.formats.named import from_arrays
from noneq.data.formats.npy import read_array
from noneq.data.formats.reader import AbstractReader
from noneq.data.layouts import Raw, parse_record, record_of, record_text
from noneq.data.readings.options import Reading
from noneq.data.safety import check_file, refuse_bomb, refuse_name
from noneq.data.snapshots import Snapshots
from noneq.data.trajectories import Trajectories
from noneq.errors import DataFileError


_RECORD = "noneq"


def write_npz(data: Snapshots | Trajectories, path: Path) -> None:
    """Uncompressed, without time stamps: equal data give equal bytes."""
    # The record comes first: a damaged directory entry can hide the entries after it.
    text = record_text(record_of(data)).encode()
    arrays = {_RECORD: np.frombuffer(text, np.uint8), "values": data.values, "times": data.times}
    if isinstance(data, Snapshots):
        arrays["time_index"] = data.time_index
    elif data.mask is not None:
        arrays["mask"] = data.mask
    if data.condition is not None:
        arrays["condition"] = data.condition
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy")
            with archive.open(member, "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.ascontiguousarray(array), allow_pickle=False)


class NpzReader(AbstractReader):
    """Our own arrays, one array per snapshot, or values with times."""

    def read(self, path: Path, reading: Reading, limit: int) -> Raw:
        """Our own arrays, one array per snapshot, or values with times."""
        check_file(path, (b"PK",))
        arrays = read_arrays(path, limit)
        if _RECORD in arrays:
            return Raw(
                arrays["values"],
                arrays["times"],
                arrays.get("time_index"),
                arrays.get("mask"),
                arrays.get("condition"),
                parse_record(path, arrays[_RECORD].tobytes()),
            )
        return from_arrays(path, arrays, reading)


def read_arrays(path: Path, limit: int) -> dict[str, np.ndarray]:
    """All arrays of an npz file, by name.

    Args:
        path: the file.
        limit: bytes that they may take together; the directory is summed before anything is
            unpacked, and a member that goes on beyond its own entry is refused.

    Raises:
        DataFileError: damaged, unsafe, or arrays of other things than numbers.
    """
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        for member in members:
            refuse_name(path, member.filename)
            if stat.S_ISLNK(member.external_attr >> 16):
                raise DataFileError(f"{path} holds a link {member.filename!r}; refused as unsafe.")
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise DataFileError(
                    f"{path}: {member.filename!r} is compressed by method {member.compress_type}; "
                    "write it with np.savez or np.savez_compressed."
                )
            if member.compress_size > member.file_size + member.file_size // 100 + 1000:
                raise DataFileError(
                    f"{path}: {member.filename!r} claims {member.file_size} bytes in "
                    f"{member.compress_size} compressed ones; refused as unsafe."
                )
        refuse_bomb(path, sum(m.file_size for m in members), limit)
        return {m.filename.removesuffix(".npy"): _array(path, m, archive) for m in members}


def _array(path: Path, member: zipfile.ZipInfo, archive: zipfile.ZipFile) -> np.ndarray:
    with archive.open(member) as stream:
        array = read_array(path, member.filename, stream, member.file_size)
        # zipfile compares the CRC when the end is read.
        stream.read(1)
    return array

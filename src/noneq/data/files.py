"""Reading and writing data: one pair of functions for text tables, npz, netCDF, zarr and parquet."""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np

from noneq.data.atomic import atomic_path, recover
from noneq.data.formats.h5ad import H5adReader, write_h5ad
from noneq.data.formats.hdf5 import Hdf5Reader, MatlabReader
from noneq.data.formats.molecules import MoleculesReader
from noneq.data.formats.npy import NpyReader
from noneq.data.formats.npz import NpzReader, write_npz
from noneq.data.formats.parquet import ParquetReader, write_parquet
from noneq.data.formats.reader import AbstractReader, reader_at
from noneq.data.formats.text import TextReader
from noneq.data.formats.text_writer import write_csv
from noneq.data.formats.trackmate import TrackMateReader
from noneq.data.formats.xarrays import NetcdfReader, ZarrReader, write_netcdf, write_zarr
from noneq.data.hints import HINTS, not_found, reason
from noneq.data.layouts import Raw, plainly
from noneq.data.lazy.ensemble import LazyEnsemble
from noneq.data.lazy.opening import open_lazy
from noneq.data.readings.keywords import reading_of
from noneq.data.readings.options import Reading, beside, words
from noneq.data.readings.refinement import build
from noneq.data.safety import bytes_to_unpack, safely
from noneq.data.snapshots import Snapshots
from noneq.data.trajectories import Trajectories
from noneq.domains import AbstractDomain
from noneq.errors import DataFileError, InvalidInput, NoneqError, WriteFailed, WrongType
from noneq.kinds import checked


_MOLECULES = (".pdb", ".xyz", ".gro", ".xtc", ".trr", ".tng", ".dcd", ".lammpstrj")
READERS: dict[str, AbstractReader] = {
    ".csv": TextReader(),
    ".tsv": TextReader(),
    ".txt": TextReader(),
    ".dat": TextReader(),
    ".npz": NpzReader(),
    ".npy": NpyReader(),
    ".nc": NetcdfReader(),
    ".zarr": ZarrReader(),
    ".parquet": ParquetReader(),
    ".h5ad": H5adReader(),
    ".h5": Hdf5Reader(),
    ".hdf5": Hdf5Reader(),
    ".mat": MatlabReader(),
    ".xml": TrackMateReader(),
    **dict.fromkeys(_MOLECULES, MoleculesReader()),
}
WRITERS: dict[str, Callable[[Snapshots | Trajectories, Path], None]] = {
    ".csv": write_csv,
    ".npz": write_npz,
    ".nc": write_netcdf,
    ".zarr": write_zarr,
    ".parquet": write_parquet,
    ".h5ad": write_h5ad,
}


@overload
def read(path: str | Path, *, lazy: Literal[True], **how: Any) -> LazyEnsemble: ...
@overload
def read(
    path: str | Path, *, lazy: Literal[False] = False, **how: Any
) -> Snapshots | Trajectories: ...
@checked
def read(
    path: str | Path,
    *,
    reading: Reading | Sequence[str] = Reading(),
    time_column: str | None = None,
    trajectory_column: str | None = None,
    condition_columns: Sequence[str] = (),
    columns: Sequence[str] = (),
    components: int | None = None,
    missing: Literal["error", "mask"] = "error",
    kind: Literal["snapshots", "trajectories"] | None = None,
    domain: AbstractDomain | str | None = None,
    units: Mapping[str, str] | str = "",
    unpack_limit: int | float | None = None,
    lazy: bool = False,
    **more: Any,
) -> Snapshots | Trajectories | LazyEnsemble:
    """Read an ensemble from a text table (csv, tsv, txt, dat), npz, npy, nc, zarr or parquet file.

    Files written by `write` come back equal, labels and domain included, and are refused if
    anything in them changed. Other files: tables of any delimiter, one row per state, whose
    columns are known by their names (``time``, ``frame``, ``particle`` …); npz with ``values``
    and ``times``, or one array per snapshot named by its time (``day_2``, ``t=0.5``); nc and zarr
    with a ``time`` coordinate and one array over it. With trajectory labels, or one row at each
    time, the rows become `Trajectories` on the union of all times, with times alone `Snapshots`,
    else a single snapshot. `noneq.data.inspection.inspection` says what was taken for what; a
    file ``data.toml`` in the same folder may say it once for all.

    Args:
        path: the file; its extension tells the format.
        reading: all of the following and more in one value (`Reading`), or words for it such as
            ``["time=frame", "every=2"]``.
        time_column, trajectory_column: columns (arrays, dimensions) of other names.
        condition_columns: columns that are conditions and not coordinates.
        columns: the coordinates, by name.
        components: keep the first so many coordinates.
        missing: ``"error"`` refuses NaN, infinite and empty entries; ``"mask"`` drops those
            samples, or masks those states of trajectories.
        kind: ``"snapshots"`` forgets pairing; ``"trajectories"`` takes a file with one state
            per time as one path.
        domain: where the states live, such as ``"torus:2pi"``; angles are wrapped into it.
        units: unit by coordinate name, and ``"time"``.
        unpack_limit: MB that the file may unpack to; by default 100 MB, or 100 times its size if
            that is more. Raise it for your own files of numbers that compress better.
        lazy: leave a zarr folder that this library wrote where it is, and read chunks of it when
            they are needed; for data larger than memory.
        more: any other field of `Reading`: ``every=2``, ``window=(0, 5)``, ``drop=["mass"]``,
            ``transform={"x": "log"}`` …

    Raises:
        InvalidInput: no such file, an unknown extension, content that is no ensemble, or content
            that can be read in two ways.
        DataFileError: the file is damaged or unsafe.
    """
    wanted = reading_of(
        reading, time_column, trajectory_column, condition_columns, columns, components, missing,
        kind, domain, units, unpack_limit, **more,
    )  # fmt: skip
    if lazy:
        return read_lazy(path, wanted)
    raw, wanted = read_raw(path, wanted)
    return safely(Path(path), lambda: build(raw, wanted, handling(wanted)))


def read_lazy(path: str | Path, reading: Reading = Reading()) -> LazyEnsemble:
    """A zarr folder whose chunks are read when they are needed.

    Raises:
        InvalidInput: no such folder, one of another program, or options that would change it.
        DataFileError: it is damaged.
    """
    path = _path(path)
    recover(path)
    if not path.exists():
        raise InvalidInput(not_found(path))
    if asked := words(reading):
        raise InvalidInput(
            f"{path}: lazy reading takes the file as it is; leave out {' '.join(asked)}, or write it "
            f"so first (noneq convert {path} NEW.zarr {' '.join(asked)})."
        )
    return safely(path, lambda: open_lazy(path))


def read_raw(path: str | Path, reading: Reading = Reading()) -> tuple[Raw, Reading]:
    """What the file holds, missing entries included (see `read`), and what is still to be done."""
    path, inside = _inside(_path(path))
    wanted = beside(path).changed(
        **{k: v for k, v in vars(reading).items() if v != vars(Reading())[k]}
    )
    reader = READERS[_format(path)] if wanted.reader is None else reader_at(wanted.reader)
    recover(path)
    if not path.exists():
        raise InvalidInput(not_found(path))
    wanted = wanted.changed(variable=inside)
    state = _state(path)
    raw = safely(
        path, lambda: reader.read(path, wanted, bytes_to_unpack(path, wanted.unpack_limit))
    )
    if _state(path) != state:
        raise DataFileError(
            f"{path} changed while it was read; read it again when it is written, or a copy of it."
        )
    if not np.size(raw.values):
        raise InvalidInput(
            f"{path} holds values of shape {np.shape(raw.values)}, no number in them; write at "
            "least one sample of one coordinate."
        )
    if "sha256" in raw.record:
        if reading.time not in (None, "none") or reading.trajectory or reading.condition:
            raise InvalidInput(f"{path} knows its own columns; leave out the column options.")
        return raw, wanted
    wanted = replace(wanted, **{name: vars(Reading())[name] for name in raw.settled})
    if raw.understood is None:
        raw = replace(raw, understood=plainly(raw))
    return raw, wanted


def _state(path: Path) -> list[tuple[str, int, int]]:
    """Size and time of the last change, of all files of a folder."""
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    facts = [(str(file), file.stat()) for file in files if file.is_file()]
    return [(name, found.st_size, found.st_mtime_ns) for name, found in facts]


def handling(reading: Reading) -> str:
    """What is done with missing entries: ``"mask"`` or ``"error"``."""
    return "mask" if reading.drop_missing else "error"


def _inside(path: Path) -> tuple[Path, str | None]:
    """A file, and the path inside it that follows a colon."""
    found = re.fullmatch(r"(.+\.(?:h5|hdf5|h5ad|mat|nc)):(/.*)", str(path), re.IGNORECASE)
    return (path, None) if found is None or path.exists() else (Path(found[1]), found[2])


def _path(path: Any) -> Path:
    if not isinstance(path, str | Path):
        raise WrongType(f"path is a {type(path).__name__}; expected the name of a file.")
    return Path(path)


@checked
def write(data: Snapshots | Trajectories, path: str | Path, *, record: bool = False) -> None:
    """Write an ensemble; the extension of ``path`` tells the format.

    An existing file is replaced at the very end, so that a crash leaves the old or the new
    one. The same data give the same bytes in csv and npz.

    Args:
        data: the ensemble.
        path: the file.
        record: put a comment line with all labels and a checksum above a csv, which then comes
            back equal. A plain csv keeps names and units alone; the other formats always carry
            the record.

    Raises:
        InvalidInput: unknown extension, no such folder, or fields into a table.
        WriteFailed: the disk refused; what was there before is intact.
    """
    path = check_target(path)
    writer = WRITERS[_format(path)]
    if record and writer is write_csv:
        writer = partial(write_csv, record=True)
    if not isinstance(data, Snapshots | Trajectories):
        raise WrongType(
            f"data is a {type(data).__name__}; expected Snapshots or Trajectories (wrap an array: "
            "Snapshots(array))."
        )
    try:
        with atomic_path(path) as temporary:
            writer(data, temporary)
    except NoneqError:
        raise
    except Exception as error:
        raise WriteFailed(f"cannot write {path}: {reason(error)}; free space or change it.") from (
            error
        )


def check_target(path: str | Path) -> Path:
    """A path that `write` would take; ask before a long computation.

    Raises:
        InvalidInput: unknown extension, no such folder, or a folder where a file should go.
    """
    path = Path(path)
    if _format(path) not in WRITERS:
        raise InvalidInput(f"{path}: {path.suffix} is read only; write {', '.join(WRITERS)}.")
    if not path.parent.is_dir():
        raise InvalidInput(f"there is no folder {path.parent}; create it first.")
    if path.exists() and path.is_dir() != (path.suffix == ".zarr"):
        raise InvalidInput(f"{path} exists and is of another kind; choose another name.")
    return path


def _format(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix in READERS:
        return suffix
    if path.is_dir():
        raise InvalidInput(f"{path} is a folder; name a file in it: {', '.join(READERS)}.")
    near = difflib.get_close_matches(suffix, READERS, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}? " if near else ""
    if suffix in HINTS:
        hint = f"{HINTS[suffix]}. "
    known = ", ".join(READERS)
    raise InvalidInput(f"{path} has an unknown extension {suffix!r}; {hint}known: {known}.")

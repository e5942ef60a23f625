"""Reading and writing data: one pair of functions for csv, npz, netCDF, zarr and parquet."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from noneq.data.atomic import atomic_path
from noneq.data.formats.csv import read_csv, write_csv
from noneq.data.formats.npz import read_npz, write_npz
from noneq.data.formats.parquet import read_parquet, write_parquet
from noneq.data.formats.xarrays import read_netcdf, read_zarr, write_netcdf, write_zarr
from noneq.data.layouts import Layout, Raw, build
from noneq.data.snapshots import Snapshots
from noneq.data.trajectories import Trajectories
from noneq.errors import DataFileError, InvalidInput, NoneqError, WriteFailed, WrongType
from noneq.kinds import checked


READERS = {
    ".csv": read_csv,
    ".npz": read_npz,
    ".nc": read_netcdf,
    ".zarr": read_zarr,
    ".parquet": read_parquet,
}
WRITERS = {
    ".csv": write_csv,
    ".npz": write_npz,
    ".nc": write_netcdf,
    ".zarr": write_zarr,
    ".parquet": write_parquet,
}


@checked
def read(
    path: str | Path,
    *,
    time_column: str | None = None,
    trajectory_column: str | None = None,
    condition_columns: Sequence[str] = (),
    components: int | None = None,
    missing: Literal["error", "mask"] = "error",
    kind: Literal["snapshots", "trajectories"] | None = None,
) -> Snapshots | Trajectories:
    """Read an ensemble from a csv, npz, nc, zarr or parquet file.

    Files written by `write` come back equal, labels and domain included, and are refused if
    anything in them changed. Other files: tables with a header, one row per state, columns
    ``time`` and ``trajectory`` if there are such; npz with ``values`` and ``times``, or one
    array per snapshot named by its time (``day_2``, ``t=0.5``); nc and zarr with a ``time``
    coordinate and one array over it. With trajectory labels the rows become `Trajectories` on
    the union of all times, with times alone `Snapshots`, else a single snapshot.

    Args:
        path: the file; its extension tells the format.
        time_column, trajectory_column: columns (arrays, dimensions) of other names.
        condition_columns: columns that are conditions and not coordinates.
        components: keep the first so many coordinates.
        missing: ``"error"`` refuses NaN, infinite and empty entries; ``"mask"`` drops those
            samples, or masks those states of trajectories.
        kind: ``"snapshots"`` forgets pairing; ``"trajectories"`` takes a file with one state
            per time as one path.

    Raises:
        InvalidInput: no such file, an unknown extension, or content that is no ensemble.
        DataFileError: the file is damaged or unsafe.
    """
    raw, layout = read_raw(
        path,
        time_column=time_column,
        trajectory_column=trajectory_column,
        condition_columns=condition_columns,
        components=components,
        kind=kind,
    )
    if missing not in ("error", "mask"):
        raise InvalidInput(f"missing = {missing!r}; expected 'error' or 'mask'.")
    return _safely(Path(path), lambda: build(raw, layout, missing))


def read_raw(
    path: str | Path,
    *,
    time_column: str | None = None,
    trajectory_column: str | None = None,
    condition_columns: Sequence[str] = (),
    components: int | None = None,
    kind: str | None = None,
) -> tuple[Raw, Layout]:
    """What the file holds, missing entries included (see `read`)."""
    path = Path(path)
    if isinstance(condition_columns, str):
        raise WrongType(f"condition_columns = {condition_columns!r}; expected a list of names.")
    if kind not in (None, "snapshots", "trajectories"):
        raise InvalidInput(f"kind = {kind!r}; expected 'snapshots' or 'trajectories'.")
    layout = Layout(time_column, trajectory_column, tuple(condition_columns), components, kind)
    reader = READERS[_format(path)]
    if not path.exists():
        raise InvalidInput(_not_found(path))
    raw = _safely(path, lambda: reader(path, layout))
    if not np.size(raw.values):
        raise InvalidInput(
            f"{path} holds values of shape {np.shape(raw.values)}, no number in them; write at "
            "least one sample of one coordinate."
        )
    if "sha256" in raw.record and (time_column or trajectory_column or condition_columns):
        raise InvalidInput(f"{path} knows its own columns; leave out the column options.")
    return raw, layout


@checked
def write(data: Snapshots | Trajectories, path: str | Path) -> None:
    """Write an ensemble; the extension of ``path`` tells the format.

    An existing file is replaced at the very end, so that a crash leaves the old or the new
    one. The same data give the same bytes in csv and npz.

    Raises:
        InvalidInput: unknown extension, no such folder, or fields into csv or parquet.
        WriteFailed: the disk refused; what was there before is intact.
    """
    path = check_target(path)
    writer = WRITERS[_format(path)]
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
        raise WriteFailed(f"cannot write {path}: {_reason(error)}; free space or change it.") from (
            error
        )


def check_target(path: str | Path) -> Path:
    """A path that `write` would take; ask before a long computation.

    Raises:
        InvalidInput: unknown extension, no such folder, or a folder where a file should go.
    """
    path = Path(path)
    _format(path)
    if not path.parent.is_dir():
        raise InvalidInput(f"there is no folder {path.parent}; create it first.")
    if path.exists() and path.is_dir() != (path.suffix == ".zarr"):
        raise InvalidInput(f"{path} exists and is of another kind; choose another name.")
    return path


def _format(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix in READERS:
        return suffix
    near = difflib.get_close_matches(suffix, READERS, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}? " if near else ""
    if suffix == ".npy":
        hint = "save named arrays with np.savez (values, times). "
    raise InvalidInput(
        f"{path} has an unknown extension {suffix!r}; {hint}known: {', '.join(READERS)}."
    )


def _not_found(path: Path) -> str:
    here = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, here, n=1)
    hint = f"did you mean {path.with_name(near[0])}?" if near else "check the path."
    return f"there is no file {path}; {hint}"


def _safely(path: Path, action):
    """Run a parser; whatever it throws becomes one `DataFileError` that names the file."""
    try:
        return action()
    except DataFileError as error:
        if str(path) in str(error):
            raise
        raise DataFileError(f"{path}: {error}") from error
    except InvalidInput as error:
        if str(path) in str(error):
            raise
        raise InvalidInput(f"{path}: {error}") from error
    except NoneqError:
        raise
    except Exception as error:
        raise DataFileError(
            f"{path} cannot be read: {_reason(error)}; it is damaged or of another format."
        ) from error


def _reason(error: Exception) -> str:
    """The first line of what a library said, short."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}{f' ({lines[0][:120]})' if lines else ''}"

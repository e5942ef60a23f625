"""Run a study: cells one after the other, each kept as soon as it is done."""

import io
import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias
from zipfile import BadZipFile
from zlib import crc32, error as ZlibError

import jax
import numpy as np

from noneq._typing import Key
from noneq.data.atomic import atomic_path
from noneq.data.formats.npz import read_arrays
from noneq.data.safety import bytes_to_unpack, refuse_long
from noneq.errors import DataFileError, Interrupted, NoneqError, WriteFailed
from noneq.kinds import checked
from noneq.runs.rows import Row, combine
from noneq.runs.sweeps.workers import work
from noneq.spec import to_toml
from noneq.store import inside, lock, write_text
from noneq.studies.base import AbstractCell, AbstractStudy, Arrays, Outcome
from noneq.studies.provenance import commit, hash_of, spec_of


StudyProgress: TypeAlias = Callable[[int, int, str], None]
"""Called as progress(cells done, cells, what is next) before each cell and at the end."""

_PACKAGES = ("noneq", "jax", "equinox", "numpy")
_PROVENANCE = ("case", "method", "replicate", "hash", "code", "commit")


@dataclass(frozen=True)
class Kept:
    """A finished cell in a run folder.

    Attributes:
        case, method, replicate: which cell it was.
        arrays: what its pictures are drawn from.
    """

    case: str
    method: str
    replicate: int
    arrays: Arrays


@checked
def run_study(
    study: AbstractStudy,
    out: str | Path,
    *,
    quick: bool = False,
    seed: int = 0,
    command: str | None = None,
    only: Callable[[AbstractCell], bool] | None = None,
    workers: int = 1,
    scheduler: str = "",
    progress: StudyProgress | None = None,
) -> dict[str, Any]:
    """Run every cell that is not in the folder yet, and write ``metrics.json``.

    A killed run goes on where it stopped when the same call is repeated: a finished cell is
    kept under the hash of its settings, the seed, the version and the code of its study.

    Args:
        study: what to run.
        out: run folder.
        quick: the reduced study.
        seed: base of all random keys.
        command: what to record as the command; None writes the plain command line.
        only: which cells; None takes all.
        workers, scheduler: processes to share the cells, or a ``dask`` scheduler, as in
            `noneq.runs.sweep`; one worker is this process.
        progress: called before each cell and at the end.

    Returns:
        the content of ``metrics.json``: study, command, versions, machine, rows; ``cells``, where
        they come from (case, method, replicate, hash, code, commit; each row names the hashes of
        its cells); and ``failed`` (case, method, replicate, error) if a cell failed, whose rows
        are then missing.

    Raises:
        InvalidInput: the folder is in use by another process.
        WriteFailed: the disk refused a write.
    """
    folder = Path(out)
    plan = study.reduced() if quick else study
    cells = [cell for cell in plan.cells() if only is None or only(cell)]
    say = progress or (lambda done, count, text: None)
    finished: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    commit()  # that of the code as it is now, whatever happens to the files during hours
    with lock(folder):
        write_text(folder / "spec.toml", to_toml(plan))
        faults: dict[int, str] = {}
        if workers > 1 or scheduler:
            task = _Filling(folder, seed)
            faults = work(task, cells, workers=workers, scheduler=scheduler, progress=progress)
        for i, cell in enumerate(cells):
            name = {"case": cell.case, "method": cell.method_name, "replicate": cell.replicate}
            if i in faults:
                failed.append(name | {"error": faults[i]})
                continue
            say(i, len(cells), f"{cell.case} {cell.method_name} seed {cell.replicate}")
            try:
                finished.append(name | _kept_or_run(cell, folder, seed))
            except (Interrupted, WriteFailed):
                raise
            except Exception as error:  # one broken cell must not cost the others
                failed.append(name | {"error": _one_line(error)})
        say(len(cells), len(cells), "done")
        rows = combine([tuple(Row(**row) for row in cell["rows"]) for cell in finished])
        flags = f"{' --quick' if quick else ''}{f' --seed {seed}' if seed else ''}"
        result = {
            "study": plan.name,
            "command": command or f"noneq study {plan.name} -o {folder}{flags}",
            "versions": {"python": platform.python_version()} | {p: version(p) for p in _PACKAGES},
            "machine": machine(),
            "rows": [row | {"cells": _cells_of(row, finished)} for row in rows],
            "cells": [{k: cell[k] for k in _PROVENANCE} for cell in finished],
        } | ({"failed": failed} if failed else {})
        index = [{k: cell[k] for k in (*_PROVENANCE, "seconds")} for cell in finished]
        write_text(folder / "cells.json", json.dumps(index, indent=1) + "\n")
        write_text(folder / "metrics.json", json.dumps(result, indent=1) + "\n")
    return result


@dataclass(frozen=True)
class _Filling:
    """What a worker does with a cell."""

    folder: Path
    seed: int

    def __call__(self, cell: AbstractCell) -> None:
        _kept_or_run(cell, self.folder, self.seed)


def cell_key(cell: AbstractCell, seed: int) -> Key:
    """The key of a cell: the same for all methods of one case and replicate."""
    key = jax.random.fold_in(jax.random.key(seed), cell.replicate)
    return jax.random.fold_in(key, crc32(cell.case.encode()))


def read_cells(out: str | Path) -> list[Kept]:
    """The finished cells of the last run in a folder, with their arrays.

    Raises:
        DataFileError: a file that is missing or damaged.
    """
    folder = Path(out)
    try:
        place = inside(folder, "cells.json")
        refuse_long(folder, "cells.json", place.stat().st_size)
        index = json.loads(place.read_bytes())
        return [
            Kept(
                cell["case"],
                cell["method"],
                cell["replicate"],
                _read_arrays(inside(folder, "cells", f"{cell['hash']}.npz")),
            )
            for cell in index
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataFileError(
            f"{folder}: the cells of the study cannot be read ({error}); run the study again."
        ) from error


def machine() -> dict[str, Any]:
    """Processor, cores, system and devices, for the results file."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(terse=True),
        "devices": [device.device_kind for device in jax.devices()],
    }


def _kept_or_run(cell: AbstractCell, folder: Path, seed: int) -> dict[str, Any]:
    """Rows, seconds and hash of a cell, from the folder if it is there."""
    spec = spec_of(cell, seed)
    digest = hash_of(spec)
    record, arrays = (folder / "cells" / f"{digest}.{end}" for end in ("json", "npz"))
    kept = _read_record(record) if arrays.exists() else None
    if kept is None:
        began = time.monotonic()
        outcome = cell(cell_key(cell, seed))
        kept = {
            "hash": digest,
            "code": spec["code"],
            "commit": commit(),
            "seconds": round(time.monotonic() - began, 1),
            "rows": [asdict(row) for row in outcome.rows],
        }
        _write(record, arrays, kept, spec, outcome)
    return kept


def _cells_of(row: dict[str, Any], finished: list[dict[str, Any]]) -> list[str]:
    """Hashes of the cells that a row is the mean of."""
    names = ("case", "method", "metric")
    mine = [row[name] for name in names]
    return [
        cell["hash"] for cell in finished if mine in [[r[n] for n in names] for r in cell["rows"]]
    ]


def _write(record: Path, arrays: Path, kept: dict, spec: dict, outcome: Outcome) -> None:
    """The arrays first: the record says that the cell is complete."""
    memory = io.BytesIO()
    np.savez_compressed(memory, **outcome.arrays)  # pyright: ignore[reportArgumentType]
    try:
        record.parent.mkdir(exist_ok=True)
        with atomic_path(arrays) as temporary:
            temporary.write_bytes(memory.getvalue())
    except OSError as error:
        raise WriteFailed(f"cannot write {arrays}: {error.strerror or error}.") from error
    write_text(record, json.dumps(kept | {"spec": spec}, indent=1) + "\n")


def _read_record(path: Path) -> dict[str, Any] | None:
    """A finished cell, or None if there is none (or none that can be read: it is run again)."""
    try:
        record = json.loads(path.read_bytes())
        return {name: record[name] for name in ("hash", "code", "commit", "seconds", "rows")}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _read_arrays(path: Path) -> Arrays:
    try:
        return read_arrays(path, bytes_to_unpack(path))
    except (BadZipFile, EOFError, NotImplementedError, ZlibError) as error:
        raise DataFileError(f"{path} is damaged; delete it and run the study again.") from error


def _one_line(error: Exception) -> str:
    text = str(error).splitlines()[0] if str(error) else ""
    return text if isinstance(error, NoneqError) else f"{type(error).__name__}: {text}"

"""A grid of settings of one method, fitted and scored piece by piece on several processes."""

import hashlib
import itertools
import json
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import jax

from noneq._typing import Key
from noneq.data.snapshots import Snapshots
from noneq.data.trajectories import Trajectories
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.learning.members import check_joint
from noneq.learning.method import AbstractMethod
from noneq.runs.comparing import TRAINING_PART
from noneq.runs.extras import set_apart
from noneq.runs.fitting import fit, fit_seeds
from noneq.runs.measures import measures_named
from noneq.runs.rows import Row, combine
from noneq.runs.scoring import noise_width, score
from noneq.runs.sweeps.workers import Said, work
from noneq.spec import from_toml, override, to_toml
from noneq.store import fingerprint, lock, write_text
from noneq.store.records import to_json


_CELLS = "cells"
_LONGEST = 100
"""Letters of a folder's name."""


@dataclass(frozen=True)
class Cell:
    """One fit of a sweep.

    Attributes:
        name: its settings, ``net.width=64,training.rate=0.001``.
        spec: the method in TOML.
        seed: of the fit.
        replicate: number of the seed in the sweep.
        hash: of method, data, seed and metrics; the name of its result.
    """

    name: str
    spec: str = field(repr=False)
    seed: int
    replicate: int
    hash: str

    def __str__(self) -> str:
        return f"{self.name} seed {self.replicate}"


@dataclass(frozen=True)
class _Seeds:
    """Cells of the same settings that train together."""

    cells: tuple[Cell, ...]

    def __str__(self) -> str:
        return f"{self.cells[0].name} seeds {', '.join(str(cell.replicate) for cell in self.cells)}"


@dataclass(frozen=True)
class _Fitting:
    """What is done with a cell: fit in its folder, score, keep one file."""

    folder: Path
    data: Snapshots | Trajectories
    metrics: tuple[str, ...]
    case: str
    n: int
    frames: int
    seed: int
    inputs: Mapping[str, Any]
    record: Mapping[str, Any]
    trust: bool

    def __call__(self, piece: Cell | _Seeds) -> None:
        cells = _cells_of(piece)
        method = from_toml(cells[0].spec, AbstractMethod, trust=True)
        split_key, score_key = jax.random.split(jax.random.key(self.seed))
        train, test = self.data.split(TRAINING_PART, key=split_key)
        names, columns = list(self.data.names), list(self.data.condition_names)
        test, extra = set_apart(test, names, columns)
        place = self.folder / _place(cells[0].name)
        if len(cells) > 1:
            fit_seeds(
                method, train, place, seeds=len(cells), seed=cells[0].seed, resume=True,
                record=self.record, together=True, trust=True,
            )  # fmt: skip
        for cell in cells:
            self._finish(cell, method, train, test, extra, place, score_key)

    def _finish(
        self,
        cell: Cell,
        method: AbstractMethod,
        train: Any,
        test: Any,
        extra: Any,
        place: Path,
        score_key: Key,
    ) -> None:
        began, run = time.monotonic(), place / f"seed_{cell.replicate}"
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            found = fit(
                method, train, run, seed=cell.seed, resume=True, inputs=self.inputs,
                record=self.record, trust=True,
            )  # fmt: skip
            rows = score(
                found.model, test, measures_named(self.metrics, self.data, trust=self.trust),
                case=self.case, method=cell.name, n=self.n, frames=self.frames, truth=train,
                dequantise=noise_width(method), extra=extra,
                conditional=found.summary.condition_dim > 0,
                key=jax.random.fold_in(score_key, cell.replicate),
            )  # fmt: skip
        kept = {
            "name": cell.name,
            "replicate": cell.replicate,
            "seed": cell.seed,
            "hash": cell.hash,
            "run": run.relative_to(self.folder).as_posix(),
            "rows": [asdict(row) for row in rows],
            "warnings": sorted({str(warning.message) for warning in said}),
            "seconds": round(time.monotonic() - began, 1),
        }
        write_text(_result(self.folder, cell), to_json(kept))


@checked
def sweep(
    method: AbstractMethod,
    data: Snapshots | Trajectories,
    folder: str | Path,
    settings: Mapping[str, Sequence[Any]],
    *,
    metrics: Sequence[str] = (),
    seeds: int = 1,
    seed: int = 0,
    workers: int = 1,
    scheduler: str = "",
    together: bool = False,
    case: str = "data",
    n: int = 1000,
    frames: int = 20,
    inputs: Mapping[str, Any] | None = None,
    record: Mapping[str, Any] | None = None,
    progress: Said | None = None,
    trust: bool = False,
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Fit a method at every combination of settings and score it on data kept back.

    The data are split once (80 % to learn from); every combination is fitted with the same
    seeds. A finished cell is one file, ``cells/HASH.json``, written at once: the same call again
    does only what is missing, with any number of workers, and a killed worker's cell is done
    again by another one. Fits lie beside, each in a run folder of its own.

    Args:
        method: whose settings are changed.
        data: all of it.
        folder: of the sweep.
        settings: values to try, by dotted name of the field: ``{"net.width": [64, 128]}``.
        metrics: names; none means those that suit the data.
        seeds, seed: fits of each combination, and the first seed.
        workers: processes, each with one thread, so that results do not depend on their number.
        scheduler: address of a ``dask`` scheduler, whose workers see the same disk.
        together: train the seeds of the same settings by one program, as in `noneq.runs.fit_seeds`;
            one of them that fails takes the others with it.
        case: name of the data in the rows.
        n, frames: samples at each scored time, and the most times to score.
        inputs, record, progress: as in `noneq.runs.fit`.
        trust: allow metrics with code outside noneq.

    Returns:
        Rows as of `compare`, with the settings as method; and what failed (name, replicate, error).

    Raises:
        InvalidInput: no value to try, an unknown setting or metric, or another process in the folder.
        WriteFailed: the disk refused.
    """
    place = Path(folder)
    if seeds < 1:
        raise InvalidInput(f"seeds = {seeds}; expected at least 1.")
    measures_named(metrics, data, trust=trust)
    facts, mark = dict(record or {}), fingerprint(data)
    facts["data"] = {"n": data.n, "fingerprint": mark} | facts.get("data", {})
    known = [mark, sorted(metrics), n, frames, seed, _marks(inputs or {})]
    cells = [
        Cell(name, spec, seed + i, i, _hash([spec, i, *known]))
        for name, spec in _grid(method, settings)
        for i in range(seeds)
    ]
    task = _Fitting(
        place, data, tuple(metrics), case, n, frames, seed, dict(inputs or {}), facts, trust
    )
    if together:
        for cell in cells[::seeds]:
            check_joint(from_toml(cell.spec, AbstractMethod, trust=True))
        if inputs:
            raise InvalidInput(
                "seeds that train together take no --with inputs; leave --together out."
            )
    with lock(place):
        missing = [cell for cell in cells if _read(place, cell) is None]
        (place / _CELLS).mkdir(exist_ok=True)
        pieces = _grouped(missing, cells, seeds) if together and seeds > 1 else missing
        faults = work(task, pieces, workers=workers, scheduler=scheduler, progress=progress)
        failed = [
            {"name": cell.name, "replicate": cell.replicate, "error": text}
            for i, text in faults.items()
            for cell in _cells_of(pieces[i])
            if _read(place, cell) is None
        ]
        kept = [found for cell in cells if (found := _read(place, cell)) is not None]
        rows = combine([tuple(Row(**row) for row in cell["rows"]) for cell in kept])
        # The rows of this call alone: of other settings there may be more in the folder.
        write_text(place / "metrics.json", to_json(rows))
        write_text(place / "sweep.json", to_json({"cells": [_told(k) for k in kept]}))
    return rows, failed


def _grid(method: AbstractMethod, settings: Mapping[str, Sequence[Any]]) -> list[tuple[str, str]]:
    """Name and spec of every combination.

    Raises:
        InvalidInput: a setting without values, or one that the method has not.
    """
    for name, values in settings.items():
        if not len(values):
            raise InvalidInput(f"no value to try for {name}; write {name}=A,B.")
        if len({str(value) for value in values}) < len(values):
            raise InvalidInput(f"{name} has the same value twice; give each value once.")
    varied = {name: values for name, values in settings.items() if len(values) > 1}
    found = []
    for values in itertools.product(*settings.values()):
        chosen = dict(zip(settings, values, strict=True))
        recipe = override(method, chosen, trust=True)
        shown = varied or settings
        name = ",".join(f"{key}={chosen[key]}" for key in shown) or type(method).__name__
        found.append((name, to_toml(recipe)))
    return found


def _cells_of(piece: Cell | _Seeds) -> tuple[Cell, ...]:
    return piece.cells if isinstance(piece, _Seeds) else (piece,)


def _grouped(missing: Sequence[Cell], cells: Sequence[Cell], seeds: int) -> list[_Seeds]:
    """All seeds of every combination of which one is missing; those that are fitted are loaded."""
    groups = [tuple(cells[i : i + seeds]) for i in range(0, len(cells), seeds)]
    return [_Seeds(group) for group in groups if any(cell in missing for cell in group)]


def _place(name: str) -> str:
    """A folder's name for the settings."""
    safe = "".join(c if c.isalnum() or c in "=.,_-+" else "_" for c in name)
    if safe == name and len(name) <= _LONGEST and name not in (_CELLS, "seed"):
        return name
    return f"{safe[:_LONGEST]}-{_hash([name])[:8]}"


def _result(folder: Path, cell: Cell) -> Path:
    return folder / _CELLS / f"{cell.hash}.json"


def _read(folder: Path, cell: Cell) -> dict[str, Any] | None:
    """A finished cell, or None if there is none (or none that can be read: it is done again)."""
    try:
        kept = json.loads(_result(folder, cell).read_bytes())
        [Row(**row) for row in kept["rows"]]
        return kept if kept["hash"] == cell.hash else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _told(kept: Mapping[str, Any]) -> dict[str, Any]:
    return {name: kept[name] for name in ("name", "replicate", "seed", "hash", "run", "warnings")}


def _marks(inputs: Mapping[str, Any]) -> dict[str, str]:
    return {name: fingerprint(value) for name, value in inputs.items()}


def _hash(parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]

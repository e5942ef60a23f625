"""Fits in run folders: started, stopped, resumed, finished."""

import inspect
import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax

from noneq import devices
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.data.lazy.ensemble import LazyEnsemble
from noneq.errors import DataFileError, InvalidInput, NoneqError, WriteFailed
from noneq.kinds import checked
from noneq.learning.method import AbstractMethod, Fit, Progress, refuse_lazy
from noneq.learning.watching import watch
from noneq.progress import AbstractReporter
from noneq.spec import from_text, to_toml, unknown
from noneq.store import fingerprint, load, lock, read_meta, read_spec, write, write_text
from noneq.store.records import to_json


_OWN = {"data", "key", "seed", "progress", "callback", "checkpoint"}
"""Arguments of ``method.fit`` that this module gives itself."""


@checked
def fit(
    method: AbstractMethod,
    data: Snapshots | Trajectories | LazyEnsemble,
    folder: str | Path,
    *,
    seed: int = 0,
    resume: bool = False,
    inputs: Mapping[str, Any] | None = None,
    record: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    callback: Any = None,
    trust: bool = False,
) -> Fit:
    """Fit in a folder that afterwards holds the run; a stopped fit can go on.

    Args:
        method: what to fit.
        data: the training data.
        folder: new, or with ``resume`` that of the same fit, stopped or finished.
        seed: of the fit's random key.
        resume: go on where a fit of the same method, data and seed stopped.
        inputs: further keyword arguments of ``method.fit``.
        record: further facts for ``meta.json``: ``command``, and under ``data`` how to read the
            data again (``path``, ``reading``).
        progress, callback: see `AbstractMethod.fit`; ``history.csv`` is written in any case.
        trust: allow a finished fit in the folder to bring code from outside noneq, which is then
            run. The method's own module is imported already and needs no trust.

    Raises:
        InvalidInput: the folder holds something else, a fit and ``resume`` is False, or a
            finished fit that is not trusted.
        WriteFailed: the disk refused.
    """
    return fit_seeds(
        method, data, folder, seeds=1, seed=seed, resume=resume, inputs=inputs, record=record,
        progress=progress, callback=callback, trust=trust,
    )[0]  # fmt: skip


@checked
def fit_seeds(
    method: AbstractMethod,
    data: Snapshots | Trajectories | LazyEnsemble,
    folder: str | Path,
    *,
    seeds: int,
    seed: int = 0,
    resume: bool = False,
    inputs: Mapping[str, Any] | None = None,
    record: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    callback: Any = None,
    trust: bool = False,
) -> list[Fit]:
    """`fit` once in ``folder``, or for several seeds in ``seed_0`` … inside it.

    Member i is what ``seed + i`` alone would give.

    Args:
        seeds: how many.
        method, data, folder, seed, resume, inputs, record, progress, callback, trust: as in `fit`.

    Raises:
        InvalidInput: as `fit`; several seeds in a folder that holds a single fit; seeds < 1.
        WriteFailed: the disk refused.
    """
    folder, inputs, facts = Path(folder), dict(inputs or {}), dict(record or {})
    check_inputs(method, inputs)
    refuse_lazy(method, data)
    if seeds < 1:
        raise InvalidInput(f"seeds = {seeds}; expected at least 1.")
    if seeds > 1 and any((folder / name).exists() for name in ("meta.json", "checkpoint")):
        raise InvalidInput(f"{folder} holds a single fit; choose a new folder for {seeds} seeds.")
    mark = fingerprint(data)
    facts["data"] = {"n": data.n, "fingerprint": mark} | facts.get("data", {})
    if isinstance(data, LazyEnsemble):
        facts["data"]["lazy"] = True
    identity = {
        "spec": to_toml(method),
        "data": mark,
        "inputs": {name: fingerprint(value) for name, value in inputs.items()},
    }
    devices.check_same(
        {"settings": identity["spec"], "data": mark, "seed": str((seed, seeds, resume))}
        | {f"--with {name}": text for name, text in identity["inputs"].items()}
    )
    places = [folder] if seeds == 1 else [folder / f"seed_{i}" for i in range(seeds)]
    fits = []
    for i, place in enumerate(places):
        own = identity | {"seed": seed + i}
        with _held(place):
            if _finished(place, own, resume):
                _check_spec(place, method)
                fits.append(load(place, trust=trust))
            else:
                with watch(progress, callback, type(method).__name__) as report:
                    fits.append(_fit(method, data, place, own, inputs, facts, report))
    return fits


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """The folder, by the process that writes into it."""
    if devices.rank():
        yield
        return
    with lock(folder):
        yield


def _finished(folder: Path, identity: dict[str, Any], resume: bool) -> bool:
    """Take the folder for this fit; whether the fit is there (see `_claim`), for all ranks."""
    return (
        devices.of_first("" if devices.rank() else str(_claim(folder, identity, resume))) == "True"
    )


def check_inputs(method: AbstractMethod, inputs: Mapping[str, Any]) -> None:
    """Refuse further inputs that the method's fit does not take.

    Raises:
        InvalidInput: naming those that it does.
    """
    known = set(inspect.signature(method.fit).parameters) - _OWN
    for name in inputs:
        if name not in known:
            raise unknown(f"input of {type(method).__name__}.fit", name, known)


def _fit(
    method: AbstractMethod,
    data: Snapshots | Trajectories | LazyEnsemble,
    folder: Path,
    identity: dict[str, Any],
    inputs: dict[str, Any],
    facts: dict[str, Any],
    report: AbstractReporter,
) -> Fit:
    """The fit itself, in a folder that is held."""
    seed, began = identity["seed"], time.monotonic()
    try:
        # A method that cannot take lazy data was refused before.
        found = method.fit(
            data,  # pyright: ignore[reportArgumentType]
            key=jax.random.key(seed),
            progress=report,
            checkpoint=folder / "checkpoint",
            **inputs,
        )
    except NoneqError:
        _release(folder)
        raise
    except OSError as error:
        _release(folder)
        raise WriteFailed(
            f"cannot write to {folder}: {error.strerror or error}; free space, then --resume."
        ) from error
    meta = {"seconds": round(time.monotonic() - began, 3)} | found.meta | facts
    found = replace(found, meta=meta | {"seed": seed, "identity": identity})
    if devices.rank():
        return found
    write(found, folder)
    shutil.rmtree(folder / "checkpoint", ignore_errors=True)
    return found


def _claim(folder: Path, identity: dict[str, Any], resume: bool) -> bool:
    """Take the folder for this fit; True if the fit is there, finished.

    Raises:
        InvalidInput: it is somebody else's, or taken and ``resume`` is False.
    """
    note = folder / "checkpoint" / "fit.json"
    finished = (folder / "meta.json").exists() or (folder / ".commit.part").exists()
    foreign = [f.name for f in folder.iterdir() if f.name[0] != "." and f.name != "checkpoint"]
    if not finished and foreign:
        raise InvalidInput(f"{folder} holds other files ({foreign[0]}); choose a new folder.")
    if not finished and not note.exists():
        note.parent.mkdir(exist_ok=True)
        write_text(note, to_json(identity))
        return False
    if not resume:
        state = "a finished fit" if finished else "a fit that was stopped"
        raise InvalidInput(f"{folder} holds {state}; go on with --resume or choose another -o.")
    found = read_meta(folder).get("identity", {}) if finished else _read_note(note)
    for part, what in {"spec": "method or settings", "data": "data", "seed": "seed"}.items():
        if found.get(part) != identity[part]:
            told = _difference(found.get(part), identity[part]) if part == "spec" else ""
            raise InvalidInput(
                f"{folder} holds a fit with other {what}{told}; resume with the same ones or "
                "choose another -o."
            )
    if found.get("inputs") != identity["inputs"]:
        raise InvalidInput(f"{folder} holds a fit with other --with inputs; choose another -o.")
    return finished


def _difference(there: Any, here: str) -> str:
    """The first setting that is another one in the spec of the folder, in words."""
    one, two = _settings(str(there)), _settings(here)
    for name in one | two:
        if one.get(name) != two.get(name):
            return f" ({name} = {one.get(name, 'none')}, asked for is {two.get(name, 'none')})"
    return ""


def _settings(spec: str) -> dict[str, str]:
    """Values of a spec's text by dotted names; a damaged one gives fewer."""
    section, found = "", {}
    for line in spec.splitlines():
        if line.startswith("["):
            section = line.strip("[]") + "."
        elif " = " in line:
            name, value = line.split(" = ", 1)
            found[section + name] = value
    return found


def _check_spec(folder: Path, method: AbstractMethod) -> None:
    """Refuse a finished fit whose ``spec.toml`` is not that of the method, before it is built.

    Raises:
        InvalidInput: its record names this method, and its spec another one.
    """
    if read_spec(folder) != from_text(to_toml(method)):
        raise InvalidInput(
            f"{folder / 'spec.toml'} describes another method than the fit's record in meta.json; "
            "the folder was altered, choose another -o."
        )


def _release(folder: Path) -> None:
    """Leave nothing behind after a fit that failed before it had a state to go on from."""
    if devices.rank():
        return
    state = folder / "checkpoint"
    if [file.name for file in state.iterdir()] == ["fit.json"]:
        shutil.rmtree(state, ignore_errors=True)


def _read_note(note: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(note.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise DataFileError(f"{note} cannot be read ({error}); choose another -o.") from error

"""Which runs a folder holds, and whether a fit may have it."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from noneq import devices
from noneq.errors import DataFileError, InvalidInput
from noneq.kinds import checked
from noneq.learning.method import AbstractMethod
from noneq.spec import from_text, to_toml
from noneq.store import lock, read_meta, read_spec, write_text
from noneq.store.records import to_json


@checked
def members(run: Path) -> list[Path]:
    """The run itself, or ``seed_0`` … of an ensemble over seeds."""
    seeds = [p for p in run.glob("seed_*") if p.name.removeprefix("seed_").isdigit()]
    return sorted(seeds, key=lambda p: int(p.name.removeprefix("seed_"))) or [run]


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """The folder, by the process that writes into it."""
    if devices.rank():
        yield
        return
    with lock(folder):
        yield


def finished(folder: Path, identity: dict[str, Any], resume: bool) -> bool:
    """Take the folder for this fit; whether the fit is there (see `_claim`), for all ranks."""
    return (
        devices.of_first("" if devices.rank() else str(_claim(folder, identity, resume))) == "True"
    )


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


def check_spec(folder: Path, method: AbstractMethod) -> None:
    """Refuse a finished fit whose ``spec.toml`` is not that of the method, before it is built.

    Raises:
        InvalidInput: its record names this method, and its spec another one.
    """
    if read_spec(folder) != from_text(to_toml(method)):
        raise InvalidInput(
            f"{folder / 'spec.toml'} describes another method than the fit's record in meta.json; "
            "the folder was altered, choose another -o."
        )


def release(folder: Path) -> None:
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

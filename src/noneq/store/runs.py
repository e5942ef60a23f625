"""Run folders: a fitted model with everything needed to load it, to judge it and to cite it.

A folder holds ``spec.toml`` (the method, all fields), ``model.safetensors`` (the arrays),
``meta.json`` (versions, seed, summary of the data, checksums), ``history.csv``, and what is added
later: ``metrics.json``, ``figures/``, ``report.html``. No file can run code when it is loaded.
"""

import hashlib
import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from noneq.data.summary import Summary
from noneq.errors import DataFileError, InvalidInput, NoneqError
from noneq.kinds import checked, shown
from noneq.learning.method import AbstractMethod, Fit
from noneq.spec import (
    from_dict,
    from_fields,
    from_outline,
    from_text,
    to_fields,
    to_outline,
    to_toml,
)
from noneq.store import weights
from noneq.store.journal import current, replace_all
from noneq.store.locks import lock
from noneq.store.records import from_csv, to_csv, to_json
from noneq.store.upgrades import FORMAT, check_format, upgraded, upgraded_spec


_LARGEST_TEXT = 64 * 2**20
_TABLES = ("summary", "sha256", "versions", "data", "identity", "given")
"""Entries of ``meta.json`` that are tables where they are there."""


@checked
def save(fit: Fit, path: str | Path) -> None:
    """Write a `Fit` into a run folder.

    A crash at any moment leaves the previous run or the new one, complete.

    Args:
        fit: result of ``method.fit``.
        path: the folder; made if it is not there.

    Raises:
        InvalidInput: the folder is in use by another process, or the model holds something
            that ``method.init`` does not rebuild.
        WriteFailed: disk full, read-only or not permitted; the previous run is intact.
    """
    with lock(path):
        write(fit, path)


@checked
def write(fit: Fit, path: str | Path) -> None:
    """`save` for a caller that holds the folder's `lock` already."""
    replace_all(Path(path), _content(fit))


@checked
def load(path: str | Path, *, trust: bool = False) -> Any:
    """Read a `Fit` from a run folder.

    Args:
        path: the folder.
        trust: allow a method from outside this library (``kind = "my_file:MyMethod"``) to be
            imported, which **runs its code**. Not needed if your program has imported it.

    Raises:
        InvalidInput: no finished run there, or a method that is not trusted.
        DataFileError: a file that is missing, damaged, altered or of a newer format.
    """
    folder = Path(path)
    meta = read_meta(folder)
    spec = _spec(folder, meta)
    blob = _checked(folder, "model.safetensors", meta)
    history = _text(folder, "history.csv", meta)
    method = from_dict(spec, AbstractMethod, trust=trust)
    try:
        summary = from_fields(Summary, meta["summary"], trust=trust)
    except NoneqError as error:
        raise DataFileError(f"{folder / 'meta.json'}: summary of the data: {error}") from error
    given = {
        name: from_outline(upgraded(outline), trust=trust)
        for name, outline in meta.get("given", {}).items()
    }
    try:
        model = weights.from_bytes(blob, method, summary, given)
        columns = from_csv(history)
    except DataFileError as error:
        raise DataFileError(f"{folder}: {error}") from error
    own = ("format", "versions", "summary", "sha256", "given")
    extra = {k: v for k, v in meta.items() if k not in own}
    return Fit(model, columns, method, summary, extra, given)


def read_spec(path: str | Path) -> dict[str, Any]:
    """The table of a run's method (``spec.toml``), read without building anything.

    Raises:
        InvalidInput: no finished run there.
        DataFileError: damaged, altered, or of a newer format.
    """
    return _spec(Path(path), read_meta(path))


@checked
def read_meta(path: str | Path) -> dict[str, Any]:
    """``meta.json`` of a run, its own checksum and format verified.

    Raises:
        InvalidInput: no finished run there.
        DataFileError: damaged, altered, or of a newer format.
    """
    file = current(Path(path), "meta.json")
    if not file.is_file():
        raise InvalidInput(f"{path} holds no saved model; fit one with `noneq fit … -o {path}`.")
    try:
        if file.stat().st_size > _LARGEST_TEXT:
            raise DataFileError(f"{file} is larger than {_LARGEST_TEXT} bytes; it is no meta.json.")
        meta = json.loads(file.read_bytes())
        check_format(meta["format"], file)
        _check_tables(meta, file)
        intact = _digest(_meta_core(meta)) == meta["sha256"]["meta.json"]
    except DataFileError:
        raise
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataFileError(
            f"{file} cannot be read ({type(error).__name__}); restore it."
        ) from error
    if not intact:
        raise DataFileError(f"{file} fails its checksum; it was altered or damaged, restore it.")
    return meta


def _content(fit: Any) -> dict[str, bytes]:
    """The bytes of every file of the run."""
    content = {
        "spec.toml": to_toml(fit.method).encode(),
        "model.safetensors": weights.to_bytes(fit.model, fit.method, fit.summary, fit.given),
        "history.csv": to_csv(fit.history).encode(),
    }
    meta = dict(fit.meta) | {
        "format": FORMAT,
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("noneq", "jax", "equinox", "numpy")},
        "summary": to_fields(fit.summary),
    }
    if fit.given:
        meta["given"] = {name: to_outline(model) for name, model in fit.given.items()}
    meta = json.loads(to_json(meta))
    sums = {name: _digest(blob) for name, blob in content.items()}
    meta["sha256"] = sums | {"meta.json": _digest(_meta_core(meta))}
    return content | {"meta.json": to_json(meta).encode()}


def _spec(folder: Path, meta: dict[str, Any]) -> dict[str, Any]:
    return upgraded_spec(from_text(_text(folder, "spec.toml", meta)))


def _checked(folder: Path, name: str, meta: dict[str, Any]) -> bytes:
    file = current(folder, name)
    try:
        blob = file.read_bytes()
    except OSError as error:
        raise DataFileError(f"{file} cannot be read: {error.strerror}; restore it.") from error
    if _digest(blob) != meta["sha256"].get(name):
        raise DataFileError(f"{file} fails its checksum; it was altered or damaged, restore it.")
    return blob


def _text(folder: Path, name: str, meta: dict[str, Any]) -> str:
    try:
        return _checked(folder, name, meta).decode()
    except UnicodeDecodeError as error:
        raise DataFileError(f"{folder / name} is no text ({error}); restore it.") from error


def _check_tables(meta: dict[str, Any], file: Path) -> None:
    """Refuse facts of another form than this library writes, whatever their checksum says."""
    for name in _TABLES:
        if not isinstance(meta.get(name, {}), dict):
            raise DataFileError(f"{file}: {name} is no table but {shown(meta[name])}; restore it.")
    if "summary" not in meta:
        raise DataFileError(f"{file} has no summary of the data; restore it.")


def _digest(blob: bytes) -> str:
    return hashlib.sha256(blob).hexdigest()


def _meta_core(meta: dict[str, Any]) -> bytes:
    """What the checksum of meta.json covers: everything but the checksums."""
    core = {k: v for k, v in meta.items() if k != "sha256"}
    return json.dumps(core, sort_keys=True).encode()

"""The readable files of a run: rows of metrics, history, fingerprints of data."""

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np

from noneq.data.atomic import atomic_path
from noneq.data.lazy.ensemble import LazyEnsemble
from noneq.errors import DataFileError, InvalidInput, WriteFailed
from noneq.kinds import checked
from noneq.store.inside import inside


def fingerprint(data: Any) -> str:
    """sha256 over the arrays of a data set (values, times, mask, condition) or of a model.

    Of data that stay in their file it is that of the checksums of all chunks.
    """
    if isinstance(data, LazyEnsemble):
        return data.fingerprint
    digest = hashlib.sha256(type(data).__name__.encode())
    for leaf in jax.tree.leaves(eqx.filter(data, eqx.is_array_like)):
        array = np.asarray(leaf, order="C")
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


@checked
def add_rows(path: str | Path, rows: Sequence[dict[str, Any]]) -> None:
    """Add rows to ``metrics.json``; a row with the same case, method and metric is replaced.

    Raises:
        DataFileError: the file that is there cannot be read.
        WriteFailed: the disk refused; the old file is intact.
    """
    identity = lambda row: tuple(row.get(k) for k in ("case", "method", "metric"))
    merged = {identity(row): row for row in [*read_rows(path), *rows]}
    write_text(Path(path) / "metrics.json", to_json(list(merged.values())))


@checked
def read_rows(path: str | Path) -> list[dict[str, Any]]:
    """Rows of ``metrics.json``; none if there is no such file.

    Raises:
        DataFileError: the file cannot be read, or is a link.
    """
    file = inside(path, "metrics.json")
    try:
        rows = json.loads(file.read_bytes()) if file.exists() else []
        are_tables = all(isinstance(row, dict) for row in rows)
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise DataFileError(
            f"{file} cannot be read ({type(error).__name__}); delete it."
        ) from error
    if not are_tables:
        raise DataFileError(f"{file} is no list of rows; delete it.")
    return rows


def write_text(path: Path, text: str) -> None:
    """Replace a text file at once.

    Raises:
        WriteFailed: the disk refused; the old file is intact.
    """
    try:
        with atomic_path(path) as temporary:
            temporary.write_text(text)
    except OSError as error:
        raise WriteFailed(f"cannot write {path}: {error.strerror or error}.") from error


def to_json(value: Any) -> str:
    """JSON text of numbers (NumPy's too), text, lists and tables."""
    return json.dumps(value, indent=1, default=_number) + "\n"


def _number(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray | jax.Array):
        return np.asarray(value).tolist()
    if isinstance(value, Path):
        return str(value)
    raise InvalidInput(f"{value!r} cannot be written as JSON; use numbers, text, lists and tables.")


def to_csv(history: dict[str, list[float]]) -> str:
    """CSV text of columns of equal length."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(history)
    writer.writerows(zip(*history.values(), strict=True))
    return stream.getvalue()


def from_csv(text: str) -> dict[str, list[float]]:
    """Columns of the CSV text that `to_csv` wrote.

    Raises:
        DataFileError: other text.
    """
    try:
        header, *rows = csv.reader(io.StringIO(text))
        columns = zip(*rows, strict=True) if rows else ([] for _ in header)
        pairs = zip(header, columns, strict=True)
        return {name: [float(v) for v in column] for name, column in pairs}
    except (ValueError, csv.Error) as error:
        raise DataFileError(f"history.csv holds no columns of numbers ({error}).") from error

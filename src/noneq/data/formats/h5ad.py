"""h5ad, single-cell tables of AnnData: read as HDF5, written through anndata (the ``cells`` extra)."""

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from noneq.data.formats.columns import from_table, table
from noneq.data.formats.reader import AbstractReader
from noneq.data.formats.sparse import filled
from noneq.data.formats.unpacked import Listed, listing, unpacked
from noneq.data.layouts import Raw, own, parse_record, record_of, record_text
from noneq.data.readings.ambiguity import may_be_time
from noneq.data.readings.labels import is_date, time_unit
from noneq.data.readings.options import Reading
from noneq.data.readings.roles import Column, says_time
from noneq.data.readings.understanding import Part
from noneq.data.safety import check_file, refuse_bomb
from noneq.data.snapshots import Snapshots
from noneq.data.trajectories import Trajectories
from noneq.errors import DataFileError, InvalidInput


_RECORD = "uns/noneq"
_STAGE = re.compile(r"\s*([A-Za-z]*)[ _-]*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")


def write_h5ad(data: Snapshots | Trajectories, path: Path) -> None:
    """One cell a row: states in ``X``, names in ``var``, times, labels and conditions in ``obs``."""
    if find_spec("anndata") is None:
        raise InvalidInput(
            "h5ad files are written by anndata, which is not installed; run pip install "
            "'noneq[cells]', or write csv, npz, nc or zarr."
        )
    import anndata  # pyright: ignore[reportMissingImports]
    import pandas as pd

    columns = table(data)
    values = np.stack([columns.pop(name) for name in data.names], axis=1)
    rows = [str(i) for i in range(len(values))]
    # Texts in the form that every version of anndata reads; pandas warns that this will end.
    with warnings.catch_warnings(action="ignore"), pd.option_context("future.infer_string", False):
        obs = pd.DataFrame(columns, index=pd.Index(rows, dtype=object))
        genes = pd.Index(data.names, dtype=object)
        var = pd.DataFrame({"unit": np.array(data.units, object)}, index=genes)
        cells = anndata.AnnData(X=values, obs=obs, var=var)
        cells.uns["noneq"] = record_text(record_of(data))
        cells.write_h5ad(path)


class H5adReader(AbstractReader):
    """Cells as states: ``X``, a layer or an embedding; time and conditions from ``obs``."""

    def read(self, path: Path, reading: Reading, limit: int) -> Raw:
        """Categories of a condition keep their names; sparse matrices are filled with zeros."""
        check_file(path, (b"\x89HDF\r\n\x1a\n",))
        groups, found = listing(path, "tree", limit)
        if not any(name.startswith("obs/") for name in found):
            raise DataFileError(f"{path} has no obs; it is no h5ad file. HDF5 is read as .h5.")
        if _RECORD in found:
            return _own(path, groups, found, limit)
        source = _source(path, groups, found, reading)
        obs = _obs_names(groups, found)
        time = _time(obs, reading)
        wanted = [n for n in (time, reading.trajectory, *reading.condition) if n is not None]
        for name in wanted:
            if name not in obs:
                raise InvalidInput(
                    f"{path}: there is no obs column {name!r}; there are {', '.join(obs[:12])}."
                )
        needed = [n for name in wanted for n in _members(found, f"obs/{name}")]
        needed += [f"obs/__categories/{n}" for n in wanted if f"obs/__categories/{n}" in found]
        names_at = None if source.startswith("obsm/") else _index(groups, found, "var")
        needed += [*_members(found, source), *([names_at] if names_at else [])]
        _, columns = unpacked(path, "tree", limit, names=[*dict.fromkeys(needed)])
        arrays = {name: column.values for name, column in columns}
        genes = None if names_at is None else [str(cell) for cell in arrays[names_at]]
        matrix, names = _matrix(path, groups, arrays, source, genes, reading, limit)
        notes = [f"states: {source} of shape {matrix.shape}"]
        table_ = [_obs(arrays, name, time, reading, notes) for name in wanted]
        table_ += [Column(n, "", matrix[:, i]) for i, n in enumerate(names)]
        reading = replace(
            reading, time=time or "none", columns=reading.columns or tuple(names), drop=(),
            kind=reading.kind or (None if reading.trajectory else "snapshots"),
        )  # fmt: skip
        raw = from_table(table_, {}, reading, notes)
        left = [Part(n, "left out", "", "an obs column") for n in obs if n not in wanted]
        said = raw.understood
        assert said is not None
        return replace(raw, understood=replace(said, parts=(*said.parts, *left)))


def _own(path: Path, groups: Mapping[str, Any], found: Mapping[str, Listed], limit: int) -> Raw:
    """What `write_h5ad` left."""
    index = _index(groups, found, "var")
    obs = _obs_names(groups, found)
    every = [n for name in obs for n in _members(found, f"obs/{name}")]
    _, columns = unpacked(path, "tree", limit, names=[_RECORD, "X", index or "", *every])
    arrays = {name: column.values for name, column in columns}
    record = parse_record(path, str(arrays[_RECORD][()]))
    with own(record):
        names = [str(cell) for cell in arrays[index or ""]]
        table_ = [_own_column(arrays, name) for name in obs]
        table_ += [Column(n, "", arrays["X"][:, i]) for i, n in enumerate(names)]
        return from_table(table_, record, Reading())


def _own_column(arrays: Mapping[str, np.ndarray], name: str) -> Column:
    """Numbers, or the texts of categories."""
    place = f"obs/{name}"
    if place in arrays:
        return Column(name, "", arrays[place])
    words = np.array([str(word) for word in arrays[f"{place}/categories"]], object)
    return Column(name, "", words[arrays[f"{place}/codes"]])


def _source(
    path: Path, groups: Mapping[str, Any], found: Mapping[str, Listed], reading: Reading
) -> str:
    """Where the states are: what the reading names, ``X`` if genes are chosen or nothing else is."""
    known = [
        n for n in found if re.fullmatch(r"X|(?:obsm|layers)/[^/]+", n) and _is_matrix(found[n])
    ]
    known += [n for n in groups if re.fullmatch(r"X|layers/[^/]+", n) and _is_sparse(groups[n])]
    asked = (reading.variable or "").strip("/")
    match = [n for n in known if n == asked] or [n for n in known if n.rpartition("/")[2] == asked]
    if asked and not match:
        raise InvalidInput(f"{path} has no {asked!r}; there are {', '.join(known)}.")
    if match:
        return match[0]
    if "X" in known and (len(known) == 1 or reading.columns):
        return "X"
    if len(known) == 1:
        return known[0]
    best = next((n for n in known if n == "obsm/X_pca"), next(iter(known), "X"))
    raise InvalidInput(
        f"{path} holds {', '.join(known) or 'no matrix'}: which are the states? Say --read "
        f"variable={best} (or --columns GENE,GENE for some genes)."
    )


def _is_matrix(found: Listed) -> bool:
    return len(found.shape) == 2 and found.dtype is not None


def _is_sparse(attrs: Mapping[str, Any]) -> bool:
    return _encoding(attrs) in ("csr_matrix", "csc_matrix")


def _encoding(attrs: Mapping[str, Any]) -> str:
    old = attrs.get("h5sparse_format")
    return f"{old}_matrix" if old else str(attrs.get("encoding-type", ""))


def _members(found: Mapping[str, Listed], name: str) -> list[str]:
    return [n for n in found if n == name or n.startswith(f"{name}/")]


def _index(groups: Mapping[str, Any], found: Mapping[str, Listed], frame: str) -> str | None:
    """The data set of row names of ``obs`` or ``var``."""
    name = f"{frame}/{groups.get(frame, {}).get('_index', '_index')}"
    return next((n for n in (name, f"{name}/values") if n in found), None)


def _obs_names(groups: Mapping[str, Any], found: Mapping[str, Listed]) -> list[str]:
    order = groups.get("obs", {}).get("column-order")
    names = {n.split("/")[1] for n in found if n.startswith("obs/")} - {"__categories"}
    index = str(groups.get("obs", {}).get("_index", "_index"))
    return [n for n in (order[1] if order else sorted(names - {index})) if n in names]


def _time(obs: Sequence[str], reading: Reading) -> str | None:
    if reading.time is not None:
        return None if reading.time == "none" else reading.time
    found = [name for name in obs if says_time(name)]
    if len(found) > 1:
        raise InvalidInput(
            f"obs columns {', '.join(found)} could all be the time; say which with --time-column."
        )
    if not found and (open_ := [name for name in obs if may_be_time(name)]):
        raise InvalidInput(
            f"obs column {open_[0]!r} could be the time: say --time-column {open_[0]}, or --read "
            "time=none if it is not."
        )
    return found[0] if found else None


def _obs(
    arrays: Mapping[str, np.ndarray],
    name: str,
    time: str | None,
    reading: Reading,
    notes: list[str],
) -> Column:
    """A column of ``obs``: texts of a condition, other categories as whole numbers, times also from
    names such as ``E8.5``."""
    place = f"obs/{name}"
    old = arrays.get(f"obs/__categories/{name}")
    codes, words = arrays.get(f"{place}/codes"), arrays.get(f"{place}/categories", old)
    if place in arrays:
        values = arrays[place]
        codes = values if old is not None else None
        if codes is None:
            if values.dtype.kind in "fiub":
                return Column(name, "", values.astype(np.float64))
            words, codes = np.unique(values.astype(str), return_inverse=True)
    elif codes is None:
        values, mask = arrays[f"{place}/values"], arrays.get(f"{place}/mask")
        if values.dtype.kind in "fiub":
            numbers = values.astype(np.float64)
            return Column(name, "", numbers if mask is None else np.where(mask, np.nan, numbers))
        words, codes = np.unique(values.astype(str), return_inverse=True)
    assert codes is not None
    assert words is not None
    if codes.size and not -1 <= codes.min() <= codes.max() < len(words):
        raise DataFileError(f"obs column {name!r} has codes beyond its categories; it is damaged.")
    if name == time:
        return _stages(name, words, codes, notes)
    if words.dtype.kind in "fiub":
        return Column(name, "", np.append(words.astype(np.float64), np.nan)[codes])
    if name in reading.condition:
        return Column(name, "", np.append(words.astype(str), "").astype(object)[codes])
    listed = ", ".join(f"{i} = {word}" for i, word in enumerate(words[:12]))
    notes.append(f"{name}: {listed}{' …' if len(words) > 12 else ''}")
    return Column(name, "", np.where(codes < 0, np.nan, codes.astype(np.float64)))


def _stages(name: str, words: np.ndarray, codes: np.ndarray, notes: list[str]) -> Column:
    """Times from categories: numbers, dates, or one word before or after a number."""
    if words.dtype.kind in "fiub":
        return Column(name, "", np.append(words.astype(np.float64), np.nan)[codes])
    texts = [str(word) for word in words]
    if all(map(is_date, texts)):
        return Column(name, "", np.append(np.array(texts, object), "")[codes], dates=True)
    matches = [_STAGE.fullmatch(text) for text in texts]
    kinds = {(m[1].lower(), m[3].lower()) for m in matches if m}
    if None in matches or len(kinds) > 1:
        wrong = next((t for t, m in zip(texts, matches, strict=True) if m is None), texts[-1])
        raise InvalidInput(
            f"obs column {name!r} should be the time and holds {wrong!r}; expected numbers such as 2, "
            "'day 2' or 'E8.5' (or another column: --time-column, --read time=none)."
        )
    before, after = kinds.pop()
    unit = time_unit(after or before) or ""
    notes.append(f"{name}: numbers in texts such as {texts[0]!r}")
    numbers = np.array([float(match[2]) for match in matches if match] + [np.nan])
    return Column(name, unit, numbers[codes])


def _matrix(
    path: Path,
    groups: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    source: str,
    genes: Sequence[str] | None,
    reading: Reading,
    limit: int,
) -> tuple[np.ndarray, list[str]]:
    """Cells by coordinates, and the names of these; of genes only those that are asked for."""
    shape = arrays[source].shape if source in arrays else _shape(groups[source])
    width = shape[1]
    if genes is None or len(genes) != width:
        genes = [f"{source.rpartition('/')[2].removeprefix('X_')}{i}" for i in range(width)]
    doubles = len({*genes}) < width
    if doubles:
        raise InvalidInput(f"{path}: two variables have the same name; make them unique first.")
    places = {name: i for i, name in enumerate(genes)}
    unknown = [name for name in reading.columns if name not in places]
    if unknown:
        raise InvalidInput(
            f"{path}: there is no variable {unknown[0]!r} in {source}; there are "
            f"{', '.join(genes[:12])}{' …' if width > 12 else ''}."
        )
    names = [*reading.columns] or [name for name in genes if name not in reading.drop]
    names = names[: reading.components]
    kept = np.array([places[name] for name in names])
    if source in arrays:
        return arrays[source][:, kept], names
    refuse_bomb(path, 8 * shape[0] * len(kept), limit)
    return filled(path, arrays, source, _encoding(groups[source]), shape, kept), names


def _shape(attrs: Mapping[str, Any]) -> tuple[int, int]:
    """Of a sparse matrix, as its attributes say."""
    rows, width = attrs.get("shape", attrs.get("h5sparse_shape", (None, (0, 0))))[1]
    return int(rows), int(width)

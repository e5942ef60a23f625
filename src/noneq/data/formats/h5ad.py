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
from noneq.data.formats.h5ad_matrices import (
    members,
    picked,
    places_of,
    shape_of,
    source_of,
    velocities_of,
)
from noneq.data.formats.reader import AbstractReader
from noneq.data.formats.unpacked import Listed, listing, unpacked
from noneq.data.layouts import Raw, own, parse_record, record_of, record_text
from noneq.data.readings.ambiguity import may_be_time
from noneq.data.readings.labels import is_date, time_unit
from noneq.data.readings.options import Reading
from noneq.data.readings.roles import Column, says_time
from noneq.data.readings.understanding import Part
from noneq.data.readings.velocities import PREFIX
from noneq.data.safety import check_file
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
        source = source_of(path, groups, found, reading)
        obs = _obs_names(groups, found)
        time = _time(obs, reading)
        wanted = [n for n in (time, reading.trajectory, *reading.condition) if n is not None]
        for name in wanted:
            if name not in obs:
                raise InvalidInput(
                    f"{path}: there is no obs column {name!r}; there are {', '.join(obs[:12])}."
                )
        needed = [n for name in wanted for n in members(found, f"obs/{name}")]
        needed += [f"obs/__categories/{n}" for n in wanted if f"obs/__categories/{n}" in found]
        names_at = None if source.startswith("obsm/") else _index(groups, found, "var")
        moving = velocities_of(path, groups, found, source, reading)
        needed += [*members(found, source), *([names_at] if names_at else [])]
        needed += [] if moving is None else members(found, moving)
        _, columns = unpacked(path, "tree", limit, names=[*dict.fromkeys(needed)])
        arrays = {name: column.values for name, column in columns}
        genes = None if names_at is None else [str(cell) for cell in arrays[names_at]]
        places, names = places_of(path, groups, arrays, source, genes, reading)
        matrix = picked(path, groups, arrays, source, None, places, limit)
        notes = [f"states: {source} of shape {matrix.shape}"]
        if moving is not None:
            rates = picked(
                path, groups, arrays, moving, shape_of(groups, arrays, source), places, limit
            )
            matrix = np.concatenate([matrix, rates], axis=1)
            names = [*names, *(f"{PREFIX}{name}" for name in names)]
            notes.append(f"velocities: {moving}")
        table_ = [_obs(arrays, name, time, reading, notes) for name in wanted]
        table_ += [Column(n, "", matrix[:, i]) for i, n in enumerate(names)]
        reading = replace(
            reading, time=time or "none", columns=tuple(names), drop=(), components=None,
            kind=reading.kind or (None if reading.trajectory else "snapshots"),
        )  # fmt: skip
        raw = from_table(table_, {}, reading, notes)
        left = [Part(n, "left out", "", "an obs column") for n in obs if n not in wanted]
        said = raw.understood
        assert said is not None
        more = () if moving is None else ("components",)
        return replace(
            raw,
            understood=replace(said, parts=(*said.parts, *left)),
            settled=(*raw.settled, *more),
        )


def _own(path: Path, groups: Mapping[str, Any], found: Mapping[str, Listed], limit: int) -> Raw:
    """What `write_h5ad` left."""
    index = _index(groups, found, "var")
    obs = _obs_names(groups, found)
    every = [n for name in obs for n in members(found, f"obs/{name}")]
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

"""Ensembles from and to tables of pandas, data sets of xarray and AnnData, by the rules of files.

Nothing is imported before it is needed; whoever has a table has pandas already.
"""

import inspect
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from noneq.data.base import AbstractEnsemble
from noneq.data.files import handling, reading_of
from noneq.data.formats.columns import from_table, table
from noneq.data.formats.dialect import is_missing, is_number
from noneq.data.formats.gridded import from_dataset
from noneq.data.readings.ambiguity import may_be_time, refuse_open
from noneq.data.readings.labels import elapsed, is_date, name_and_unit
from noneq.data.readings.options import Reading
from noneq.data.readings.refinement import build
from noneq.data.readings.roles import CONDITION, Column, assign, is_label, says_time
from noneq.data.trajectories import Trajectories
from noneq.errors import InvalidInput, WrongType
from noneq.kinds import shown


if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


_ONE_NUMBER = re.compile(r"\s*([^\d.+-]*)\s*([-+]?\d+(?:\.\d+)?)\s*([^\d]*)")


def from_pandas(kind: type[AbstractEnsemble], frame: Any, options: dict[str, Any]) -> Any:
    """Rows of a table, as `noneq.data.read` reads those of a file.

    Raises:
        WrongType: no data frame.
        InvalidInput: what `noneq.data.read` refuses.
    """
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise WrongType(f"from_pandas: {shown(frame)} is no pandas.DataFrame.")
    if not len(frame):
        raise InvalidInput("from_pandas: the table has no rows.")
    reading = _reading(kind, options)
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    units = dict(frame.attrs.get("units", {}))
    columns = [_column(frame.columns[i], frame.iloc[:, i], units) for i in range(frame.shape[1])]
    # The class says that pairs are forgotten, not that a column of labels is a coordinate.
    plain = replace(reading, kind=None)
    refuse_open(columns, assign(columns, plain), plain)
    raw = from_table(columns, {}, reading)
    data = build(raw, replace(reading, columns=(), drop=()), handling(reading))
    single = [frame[name].dtype == np.float32 for name in data.names if name in frame]
    return _single(data) if single and all(single) else data


def to_pandas(data: Any) -> "pd.DataFrame":
    """One row for each state: ``time``, ``trajectory``, ``condition:0`` … and the coordinates.

    Units are in ``frame.attrs["units"]``, by name. A domain does not travel along.

    Raises:
        InvalidInput: fields, or names that clash with these.
    """
    import pandas as pd

    frame = pd.DataFrame(table(data))
    units = dict(zip(data.names, data.units, strict=True)) | {"time": data.time_unit}
    frame.attrs["units"] = {name: unit for name, unit in units.items() if unit}
    return frame


def from_xarray(kind: type[AbstractEnsemble], dataset: Any, options: dict[str, Any]) -> Any:
    """A data set or array with a time, as `noneq.data.read` reads netCDF.

    Raises:
        WrongType: none of xarray.
        InvalidInput: what `noneq.data.read` refuses.
    """
    import xarray as xr

    if isinstance(dataset, xr.DataArray):
        dataset = dataset.to_dataset(name=dataset.name or "values")
    if not isinstance(dataset, xr.Dataset):
        raise WrongType(f"from_xarray: {shown(dataset)} is no xarray.Dataset or DataArray.")
    own = dataset.attrs.get("made_by") == "noneq"
    reading = _reading(kind, {"missing": "mask"} | options if own else options)
    raw = from_dataset(_timed(dataset), reading)
    return build(raw, reading, handling(reading))


def from_anndata(
    kind: type[AbstractEnsemble],
    cells: Any,
    use: str | None,
    time: str | None,
    options: dict[str, Any],
) -> Any:
    """Cells as states: coordinates from ``obsm``, ``layers`` or ``X``, time and conditions from ``obs``.

    Raises:
        WrongType: no AnnData.
        InvalidInput: several arrays in ``obsm`` and none is named, or what `from_pandas` refuses.
    """
    import pandas as pd

    names = ("obs", "obsm", "layers", "var_names")
    if any(getattr(cells, name, None) is None for name in names):
        raise WrongType(f"from_anndata: {shown(cells)} is no AnnData.")
    values, labels = _coordinates(cells, use)
    frame = pd.DataFrame(values, columns=labels)
    units = dict(cells.uns.get("units", {}))
    own = [n for n in cells.obs if n in ("time", "trajectory") or str(n).startswith(CONDITION)]
    if not time and "time" not in own and not options.get("time_column"):
        time = _time_of(list(cells.obs))
    time = None if time == "none" else time
    kept = [time] if time else own
    kept += [*options.get("condition_columns", ())]
    kept += [options[name] for name in ("time_column", "trajectory_column") if options.get(name)]
    for name in dict.fromkeys(kept):
        if name not in cells.obs:
            raise _unknown("column of obs", name, set(cells.obs.columns))
        frame[name] = _numbers(name, cells.obs[name])
    frame.attrs["units"] = units
    return from_pandas(kind, frame, options | ({"time_column": time} if time else {}))


def to_anndata(data: Any) -> Any:
    """One cell for each state: coordinates in ``X`` with their names, the rest in ``obs``.

    Raises:
        InvalidInput: anndata is not installed; or what `to_pandas` refuses.
    """
    try:
        import anndata as ad  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise InvalidInput("to_anndata needs anndata: pip install 'noneq[cells]'.") from error
    frame = to_pandas(data)
    about = frame.drop(columns=list(data.names))
    about.index = about.index.astype(str)
    cells = ad.AnnData(X=frame[list(data.names)].to_numpy(), obs=about)
    cells.var_names = list(data.names)
    cells.uns["units"] = dict(frame.attrs["units"])
    return cells


def _reading(kind: type[AbstractEnsemble], options: dict[str, Any]) -> Reading:
    """The options of `noneq.data.read`; the class says the kind."""
    known = {*inspect.signature(reading_of).parameters, *vars(Reading())}
    known -= {"kind", "unpack_limit", "more"}
    for name in options:
        if name not in known:
            raise _unknown("option", name, set(known))
    return reading_of(**options).changed(kind=kind.__name__.lower())


def _unknown(what: str, name: str, known: Iterable[str]) -> InvalidInput:
    return InvalidInput(
        f"there is no {what} {name!r}; known: {', '.join(sorted(map(str, known)))}."
    )


def _column(name: Any, values: Any, units: dict[str, str]) -> Column:
    """A column with its unit: as the table keeps it, or in brackets after the name."""
    label = "_".join(map(str, name)) if isinstance(name, tuple) else str(name)
    name, unit = (label, units[label]) if label in units else name_and_unit(label)
    kind = values.dtype.kind
    if kind == "M":
        return Column(name, unit, values.astype(str).to_numpy(object), dates=True)
    if kind == "m":
        return Column(name, unit or "s", values.dt.total_seconds().to_numpy(np.float64))
    if kind in "fiub":
        return Column(name, unit, values.to_numpy(np.float64, na_value=np.nan))
    if kind == "c":
        raise InvalidInput(f"from_pandas: column {name!r} holds complex numbers; take their parts.")
    return _of_texts(name, unit, values.astype(object).to_list())


def _of_texts(name: str, unit: str, cells: list[Any]) -> Column:
    """Dates, categories, or numbers that a table holds as objects.

    Raises:
        InvalidInput: mostly numbers, and something else among them.
    """
    texts = ["" if cell is None or cell != cell else str(cell) for cell in cells]
    known = [text for text in texts if not is_missing(text)]
    numbers = [is_number(text) for text in known]
    if all(numbers) and known and not is_label(name):
        return Column(name, unit, np.array([np.nan if is_missing(t) else float(t) for t in texts]))
    if sum(numbers) * 2 > len(known) and not all(numbers):
        row = next(i for i, t in enumerate(texts) if not is_missing(t) and not is_number(t))
        raise InvalidInput(
            f"from_pandas: column {name!r}, row {row}: {texts[row]!r} is no number; correct it, or "
            f"leave the column out (drop=[{name!r}])."
        )
    dates = bool(known) and all(map(is_date, known))
    return Column(name, unit, np.array(texts, object), dates)


def _single(data: Any) -> Any:
    """The same data in single precision, as the table had them."""
    pairing = (
        {"mask": data.mask} if isinstance(data, Trajectories) else {"time_index": data.time_index}
    )
    values = data.values.astype(np.float32)
    return type(data)(values, data.times, condition=data.condition, **pairing, **data.labels())


def _timed(dataset: "xr.Dataset") -> "xr.Dataset":
    """Dates as the time since the first, durations in seconds, both with their unit."""
    for name, variable in dataset.variables.items():
        kind = variable.dtype.kind
        if variable.ndim != 1 or kind not in "mMO" or not variable.size:
            continue
        if kind == "m":
            times, unit = variable.to_numpy() / np.timedelta64(1, "s"), "s"
        elif kind == "M":
            times, unit, _ = elapsed([str(t)[:19] for t in variable.to_numpy()])
        elif "isoformat" in dir(variable.to_numpy()[0]):  # dates of cftime
            times, unit, _ = elapsed([t.isoformat() for t in variable.to_numpy()])
        else:
            continue
        dataset = dataset.assign_coords({name: (variable.dims, times, {"units": unit})})
    return dataset


def _time_of(obs: list[str]) -> str | None:
    """The column of ``obs`` that is the time by its name, as in a file.

    Raises:
        InvalidInput: several such columns, or one that could be the time.
    """
    found = [name for name in obs if says_time(str(name))]
    others = [name for name in obs if may_be_time(str(name))]
    if len(found) == 1:
        return found[0]
    if found or others:
        raise InvalidInput(
            f"from_anndata: obs column {(found or others)[0]!r} could be the time; say time=NAME, or "
            "time='none' to pool all."
        )
    return None


def _coordinates(cells: Any, use: str | None) -> tuple[np.ndarray, list[str]]:
    """States and names of their coordinates."""
    arrays = {name: cells.obsm[name] for name in cells.obsm} | dict(cells.layers.items())
    if use is None:
        found = list(cells.obsm)
        if len(found) > 1:
            raise InvalidInput(
                f"from_anndata: obsm holds {', '.join(found)}; say which with use=, or use='X' for "
                "the expression itself."
            )
        use = str(found[0]) if found else "X"
    if use != "X" and use not in arrays:
        raise _unknown("array of obsm or layers", use, {"X", *arrays})
    array = cells.X if use == "X" else arrays[use]
    dense = array.toarray() if "toarray" in dir(array) else np.asarray(array)
    if use == "X" or use in cells.layers:
        return dense, [str(name) for name in cells.var_names]
    stem = use.removeprefix("X_")
    return dense, [f"{stem}{i + 1}" for i in range(dense.shape[1])]


def _numbers(name: str, column: Any) -> Any:
    """Times such as ``day 3`` and ``E8.5`` as numbers, where all have the same words around one."""
    values = column.astype(str).to_numpy() if column.dtype.kind not in "fiubMm" else None
    if values is None:
        return column.to_numpy()
    found = [_ONE_NUMBER.fullmatch(text) for text in values]
    if all(found) and len({(m[1], m[3]) for m in found if m}) == 1:
        return np.array([float(m[2]) for m in found if m])
    if name == "trajectory":
        return values
    codes = np.unique(values)
    raise InvalidInput(
        f"from_anndata: obs[{name!r}] holds {codes[0]!r}, no number; write numbers in its place, such "
        f"as adata.obs[{name!r}].cat.codes ({len(codes)} values)."
    )

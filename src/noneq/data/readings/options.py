"""How a file is to be read, where it leaves that open: one value from keywords, options or a file."""

import dataclasses
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from noneq.data.readings.domain_words import domain, domain_text
from noneq.domains import AbstractDomain
from noneq.errors import InvalidInput


KINDS = ("snapshots", "trajectories")
SCALINGS = ("std", "robust")
BESIDE = "data.toml"
"""A file of this name in the folder of a data file says how the files there are read."""
_LISTS = ("condition", "columns", "drop", "grid", "states")
_EXPECTED = {
    "missing": "numbers, such as -999,9999",
    "components": "a whole number",
    "every": "a whole number",
    "drop_missing": "true or false",
    "fill": "a number",
    "window": "FIRST:LAST",
    "units": "units by name, such as x=um,time=s",
    "origin": "NAME:NUMBER",
    "transform": "log for all coordinates, or x:log,y:log1p",
    "domain": "torus:2pi, torus:360:-180, box:LOW:HIGH or free",
}


@dataclass(frozen=True)
class Reading:
    """How to read a file that this library did not write.

    Args:
        kind: ``"snapshots"`` forgets pairing; ``"trajectories"`` takes one state per time as a path.
        time, trajectory: names of the columns (arrays, dimensions) of times and of labels;
            ``time="none"`` pools all rows into one snapshot.
        condition: names of the columns that are conditions.
        columns: names of the coordinates, in this order; for a table without header the names of
            all its columns.
        drop: names of columns to leave out.
        states: names of the columns of a table that hold discrete states, by number or by name (numbered
            in alphabetical order); they are the only coordinates, and without a column of times
            rows are successive steps.
        components: keep the first so many coordinates.
        missing: numbers that mark missing entries, such as −999.
        drop_missing: leave out samples (mask states of trajectories) with missing entries; they are
            refused otherwise.
        origin: numbers to subtract from coordinates and ``time``, by name, in float64, where they
            are too large for single precision to tell them apart.
        every: keep every so many-th time.
        window: first and last time to keep.
        transform: scale on which a model sees a coordinate, by name, such as ``(("x", "log"),)``;
            the name ``""`` stands for all coordinates. See `noneq.data.scales.transforms`.
        scaling: ``"robust"`` measures a coordinate's scale by median and interquartile range.
        delimiter, decimal: of a text table, where they are in doubt.
        variable: the array that holds the values, where a file has several; a path in HDF5.
        velocities: the layer (or entry of ``obsm``) of an h5ad file that holds the velocities of the
            states; they become coordinates ``velocity_NAME``. ``"auto"`` takes ``layers/velocity``
            beside genes and ``obsm/velocity_pca`` beside ``obsm/X_pca``, if they are there.
        grid: dimensions of netCDF and zarr that are the axes of a field, in this order; the others
            are channels. ``("none",)`` makes every cell a coordinate of its own.
        fill: number for cells of a field that have no value at any time, such as land.
        atoms: which atoms of a molecular trajectory, in the words of chemfiles: ``name CA`` for
            positions, ``pairs: …`` distances, ``dihedrals: …`` angles, ``backbone`` phi and psi.
        topology: a file beside a molecular trajectory with the names and bonds of the atoms.
        reader: a reader of your own, as ``my_file:MyReader``.
        units: unit by coordinate name; ``"time"`` for the times.
        domain: where the states live, in place of what the file says.
        unpack_limit: MB that the file may unpack to, if not 100 MB or 100 times its size.

    Raises:
        InvalidInput: a value that is none of those.
    """

    kind: str | None = None
    time: str | None = None
    trajectory: str | None = None
    condition: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    components: int | None = None
    missing: tuple[float, ...] = ()
    drop_missing: bool = False
    origin: tuple[tuple[str, float], ...] = ()
    every: int = 1
    window: tuple[float, float] | None = None
    transform: tuple[tuple[str, str], ...] = ()
    scaling: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    variable: str | None = None
    velocities: str | None = None
    grid: tuple[str, ...] = ()
    fill: float | None = None
    atoms: str | None = None
    topology: str | None = None
    reader: str | None = None
    units: tuple[tuple[str, str], ...] = ()
    domain: AbstractDomain | None = None
    unpack_limit: int | float | None = None

    def __post_init__(self) -> None:
        if self.kind not in (None, *KINDS):
            raise InvalidInput(f"kind = {self.kind!r}; expected {' or '.join(KINDS)}.")
        if self.scaling not in (None, *SCALINGS):
            raise InvalidInput(f"scaling = {self.scaling!r}; expected {' or '.join(SCALINGS)}.")
        if self.every < 1:
            raise InvalidInput(f"every = {self.every}; expected 1 or more.")
        if self.window is not None and not self.window[0] <= self.window[1]:
            raise InvalidInput(
                f"window = {self.window}; expected FIRST:LAST, the smaller one first."
            )
        if self.decimal not in (None, ".", ","):
            raise InvalidInput(f"decimal = {self.decimal!r}; expected '.' or ','.")

    def said(self, **fields: Any) -> "Reading":
        """The same with fields as words, lists or tables say them (``every="2"``, ``drop=["a"]``)."""
        return self.changed(**{name: _value(name, value) for name, value in fields.items()})

    def changed(self, **fields: Any) -> "Reading":
        """The same with some fields changed; those that say nothing are left out."""
        known = {f.name for f in dataclasses.fields(self)}
        for name in fields.keys() - known:
            raise InvalidInput(f"a reading has no {name!r}; known: {', '.join(sorted(known))}.")
        said = {name: value for name, value in fields.items() if value not in (None, (), [], {})}
        return dataclasses.replace(self, **said)


def words(reading: Reading) -> list[str]:
    """The options of the command line that say the same."""
    plain = {
        "--time-column": reading.time,
        "--trajectory-column": reading.trajectory,
        "--columns": ",".join(reading.columns),
        "--kind": reading.kind,
        "--components": reading.components,
        "--missing": ",".join(f"{code:g}" for code in reading.missing),
        "--units": ",".join(f"{name}={unit}" for name, unit in reading.units),
        "--domain": "" if reading.domain is None else domain_text(reading.domain),
        "--unpack-limit": reading.unpack_limit,
    }
    more = {
        "drop": ",".join(reading.drop),
        "states": ",".join(reading.states),
        "origin": ",".join(f"{name}:{number:.17g}" for name, number in reading.origin),
        "every": reading.every if reading.every > 1 else "",
        "transform": ",".join(
            f"{name}:{word}" if name else word for name, word in reading.transform
        ),
        "scaling": reading.scaling,
        "window": "" if reading.window is None else "{:.17g}:{:.17g}".format(*reading.window),
        "delimiter": {"\t": "tab", " ": "space"}.get(reading.delimiter or "", reading.delimiter),
        "decimal": reading.decimal,
        "variable": reading.variable,
        "velocities": reading.velocities,
        "grid": ",".join(reading.grid),
        "fill": "" if reading.fill is None else f"{reading.fill:.17g}",
        "atoms": reading.atoms,
        "topology": reading.topology,
        "reader": reading.reader,
    }
    found = [f"{option} {shlex.quote(str(value))}" for option, value in plain.items() if value]
    found += [f"--condition-column {shlex.quote(name)}" for name in reading.condition]
    found += [f"--read {shlex.quote(f'{name}={value}')}" for name, value in more.items() if value]
    return found


def parse(words: Sequence[str], start: Reading = Reading()) -> Reading:
    """A reading from ``name=value`` words, as ``--read`` takes them.

    Raises:
        InvalidInput: a word without ``=``, an unknown name, or a value of another type.
    """
    fields = {}
    for word in words:
        name, sep, text = word.partition("=")
        if not sep:
            raise InvalidInput(f"--read {word}: expected NAME=VALUE, such as --read time=frame.")
        fields[name.strip()] = _value(name.strip(), text)
    return start.changed(**fields)


def beside(path: Path) -> Reading:
    """What ``data.toml`` in the file's folder says: keys for all files, tables for single ones.

    Raises:
        InvalidInput: it is no TOML, or has an unknown key.
    """
    place = path.parent / BESIDE
    if not place.is_file():
        return Reading()
    try:
        content = tomllib.loads(place.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{place} is no TOML ({error}); correct or remove it.") from error
    own = content.get(path.name, {})
    common = {
        name: value
        for name, value in content.items()
        if not isinstance(value, Mapping) or name in ("units", "origin", "transform")
    }
    try:
        return Reading().changed(**{n: _value(n, v) for n, v in {**common, **own}.items()})
    except InvalidInput as error:
        raise InvalidInput(f"{place}: {error}") from error


def _value(name: str, given: Any) -> Any:
    try:
        if name in _LISTS:
            parts = given.split(",") if isinstance(given, str) else given
            return tuple(str(part).strip() for part in parts)
        if name == "missing":
            parts = given.split(",") if isinstance(given, str) else given
            return tuple(float(p) for p in (parts if isinstance(parts, list) else [parts]))
        if name == "unpack_limit":
            raise InvalidInput("unpack_limit is for the command line and the call alone.")
        if name in ("components", "every"):
            return int(given)
        if name == "fill":
            return float(given)
        if name == "drop_missing":
            return {"true": True, "false": False}[str(given).lower()]
        if name == "window":
            first, last = given.split(":") if isinstance(given, str) else given
            return float(first), float(last)
        if name == "units":
            return units(given)
        if name == "origin":
            pairs = given.items() if isinstance(given, Mapping) else _pairs(given)
            return tuple((str(place), float(number)) for place, number in pairs)
        if name == "transform":
            pairs = given.items() if isinstance(given, Mapping) else _words(given)
            return tuple((str(place).strip(), str(word).strip()) for place, word in pairs)
        if name == "domain":
            return domain(given) if isinstance(given, str) else given
        return {"tab": "\t", "space": " "}.get(given, given) if name == "delimiter" else str(given)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, InvalidInput):
            raise
        expected = _EXPECTED.get(name, "text")
        raise InvalidInput(f"{name} = {given!r}; expected {expected}.") from error


def units(given: str | Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Units by name from ``x=um,time=s``.

    Raises:
        InvalidInput: a part without ``=``.
    """
    if isinstance(given, Mapping):
        return tuple((str(name), str(unit)) for name, unit in given.items())
    pairs = []
    for part in filter(None, given.split(",")):
        name, sep, unit = part.partition("=")
        if not sep:
            raise InvalidInput(f"units: {part!r} names no unit; expected x=um,time=s.")
        pairs.append((name.strip(), unit.strip()))
    return tuple(pairs)


def _words(text: str) -> list[tuple[str, str]]:
    """``log`` for all coordinates, or ``x:log`` and so on."""
    parts = [part.rpartition(":") for part in text.split(",")]
    return [(place, word) for place, _, word in parts]


def _pairs(text: str) -> list[tuple[str, str]]:
    parts = [part.rpartition(":") for part in text.split(",")]
    if not all(sep for _, sep, _ in parts):
        raise InvalidInput(f"origin = {text!r}; expected NAME:NUMBER, such as origin=x:3.8e8.")
    return [(place.strip(), number) for place, _, number in parts]

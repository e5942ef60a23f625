"""From the words of a command to objects: data, methods, times, further inputs."""

import inspect
import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from noneq.cli.output import say
from noneq.cli.words import assignments
from noneq.data.files import handling, read, read_lazy, read_raw, reading_of
from noneq.data.formats.reader import AbstractReader
from noneq.data.lazy.advice import advice
from noneq.data.lazy.ensemble import LazyEnsemble
from noneq.data.readings.options import Reading
from noneq.data.readings.refinement import build
from noneq.data.safety import safely
from noneq.data.snapshots import Snapshots
from noneq.data.trajectories import Trajectories
from noneq.errors import DataFileError, InvalidInput
from noneq.learning.method import AbstractMethod
from noneq.runs import members
from noneq.spec import (
    find,
    from_dict,
    from_text,
    knows,
    make,
    modules,
    override,
    unknown,
)
from noneq.store import load, read_meta
from noneq.store.upgrades import upgraded_spec
from noneq.systems.base import AbstractSystem


def load_data(
    path: Path, layout: dict[str, Any], *, quiet: bool = False, trust: bool = False
) -> Snapshots | Trajectories:
    """Read a data file as the options of `noneq.cli.options.reads_data` say, and say how."""
    reading = reading_of(**keywords(layout))
    allow_reader(reading, trust)
    if not quiet and (text := advice(path)):
        say(text)
    raw, reading = read_raw(path, reading)
    data = safely(path, lambda: build(raw, reading, handling(reading)))
    if raw.understood is not None and not quiet:
        say(f"{path.name} {raw.understood.headline}")
        for note in raw.understood.notes if reading.states else ():
            say(note)
    return data


def load_lazy(path: Path, layout: dict[str, Any], *, quiet: bool = False) -> LazyEnsemble:
    """A zarr folder that stays where it is, for ``--lazy``.

    Raises:
        InvalidInput: options that would change what is in it, or another program's folder.
    """
    data = read_lazy(path, reading_of(**keywords(layout)))
    if not quiet:
        say(repr(data))
    return data


def mapped_data(path: Path, layout: dict[str, Any], *, quiet: bool = False) -> Trajectories:
    """The trajectories of a zarr folder as a temporary file mapped into memory, for ``--lazy``."""
    data = load_lazy(path, layout, quiet=quiet)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        # The file stays until nobody uses it.
        return data.mapped(Path(folder) / "values.npy")


def allow_reader(reading: Reading, trust: bool) -> None:
    """Import the file of a reader of the user's own.

    Raises:
        InvalidInput: without ``trust``, or no such reader in it.
    """
    if reading.reader is not None:
        find(reading.reader, base=AbstractReader, trust=trust)


def keywords(layout: dict[str, Any]) -> dict[str, Any]:
    """The options as keywords of `noneq.data.read`; those left out are left out."""
    apart = ("drop_missing", "missing", "read", "columns")
    how = {name: value for name, value in layout.items() if name not in apart and value}
    if layout["columns"]:
        how["columns"] = [name.strip() for name in layout["columns"].split(",")]
    words = [*layout["read"], *([f"missing={layout['missing']}"] if layout["missing"] else [])]
    if words:
        how["reading"] = words
    return how | ({"missing": "mask"} if layout["drop_missing"] else {})


def make_system(name: str, settings: Sequence[str]) -> AbstractSystem:
    """A system with some fields set; ``Prinz.literal`` calls that constructor.

    Raises:
        InvalidInput: unknown system, constructor or field.
    """
    name, _, constructor = name.partition(".")
    cls = find(name, base=AbstractSystem, trust=True)
    if not constructor:
        return make(cls, assignments(settings), trust=True)
    known = [k for k, v in vars(cls).items() if isinstance(v, classmethod) and k[0] != "_"]
    if constructor not in known:
        raise unknown(f"constructor of {name}", constructor, known)
    return override(getattr(cls, constructor)(), assignments(settings), trust=True)


def make_method(name: str, settings: Sequence[str], *, trust: bool = False) -> AbstractMethod:
    """A method with some fields set; the name may be that of a ``spec.toml``.

    A class of the user's own is imported because the user typed its name; code that a spec
    file names is imported only with ``trust``.

    Raises:
        InvalidInput: unknown method or field.
    """
    if not name.endswith(".toml"):
        return make(find(name, base=AbstractMethod, trust=True), assignments(settings), trust=True)
    try:
        text = Path(name).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise DataFileError(f"cannot read {name}: {error}.") from error
    table = upgraded_spec(from_text(text))
    recipe = from_dict(table, AbstractMethod, trust=trust)
    return override(recipe, assignments(settings), trust=True)


def make_methods(
    names: Sequence[str], settings: Sequence[str], *, trust: bool = False
) -> list[AbstractMethod]:
    """Methods to compare; a setting ``Name.field=value`` is for that method, others for all.

    Methods without such a field, such as those that train nothing, are left as they are, which is
    said, if another one has it.

    Raises:
        InvalidInput: no method, or an unknown one or field.
    """
    if not names:
        raise InvalidInput("no method to compare; give --methods A,B.")
    head = lambda word: word.partition("=")[0].partition(".")[0].strip()
    has = {name: _fields_of(name, trust) for name in names} if settings else {}
    methods = []
    for name in names:
        others = tuple(f"{other}." for other in names if other != name)
        mine = [word.removeprefix(f"{name}.") for word in settings if not word.startswith(others)]
        lacks = [
            word
            for word in mine
            if word in settings
            and head(word) not in has[name]
            and any(head(word) in known for known in has.values())
        ]
        own = [word for word in mine if word not in lacks]
        methods.append(make_method(name, own, trust=trust))
        for word in lacks:
            say(f"{name} has no {head(word)}, and is left as it is by {word}.")
    return methods


def _fields_of(name: str, trust: bool) -> set[str]:
    """Names of the fields of a method."""
    if name.endswith(".toml"):
        return {field.name for field in fields(make_method(name, (), trust=trust))}
    return {field.name for field in fields(find(name, base=AbstractMethod, trust=True))}


def record_of(path: Path, layout: dict[str, Any], words: Sequence[str]) -> dict[str, Any]:
    """What ``meta.json`` says of where a fit came from, enough to read the data again."""
    return {
        "command": shlex.join(["noneq", *words]),
        "data": {"path": str(path.absolute()), "reading": keywords(layout)},
    }


def case_of(path: Path, components: int | None) -> str:
    """Name of a data set in the rows."""
    return path.stem if components is None else f"{path.stem}:{components}"


def parse_times(text: str) -> np.ndarray:
    """``0:20:201`` (both ends included) or ``0,0.5,2`` to times.

    Raises:
        InvalidInput: anything else.
    """
    try:
        if ":" in text:
            start, stop, count = text.split(":")
            if not 1 <= int(count) <= 10_000_000:
                raise ValueError
            return np.linspace(float(start), float(stop), int(count))
        return np.asarray([float(word) for word in text.split(",")])
    except ValueError:
        raise InvalidInput(
            f"times = {text!r}; expected START:STOP:COUNT with COUNT ≥ 1, or a list like 0,0.5,2."
        ) from None


def parse_condition(text: str, run: Path) -> np.ndarray | list[str]:
    """``1.5,2``, ``nan,2`` or ``wt,2`` to a condition of a run, one number or name per column.

    Raises:
        InvalidInput: no numbers, and the run knows no categories by name.
    """
    words = [word.strip() for word in text.split(",")]
    summary = read_meta(members(run)[0])["summary"]
    if any(summary.get("categories", ())):
        # A name may hold commas itself.
        return [text] if len(summary["condition_levels"]) == 1 else words
    try:
        return np.asarray([float(word) for word in words])
    except ValueError:
        raise InvalidInput(
            f"condition = {text!r}; expected a number for each column, like 1.5,2: a category by "
            "its number, nan to leave one open."
        ) from None


def parse_given(words: Sequence[str], run: Path) -> dict[str | int, float]:
    """``["x=0.3", "1=0.2"]`` to known coordinates of a run's states, by name or by place.

    Raises:
        InvalidInput: no assignment, no number, or a coordinate named twice.
    """
    values = assignments(words)
    if len(values) < len(words):
        raise InvalidInput(f"--given {', '.join(words)}: give each known coordinate once.")
    names = read_meta(members(run)[0])["summary"]["names"] if values else ()
    given: dict[str | int, float] = {}
    for name, value in values.items():
        try:
            place = int(name) if name.isdecimal() and name not in names else name
            given[place] = float(value)
        except ValueError:
            raise InvalidInput(f"--given {name}={value}: {value!r} is no number.") from None
    return given


def names_in(text: str) -> list[str]:
    """``"a, b"`` to ``["a", "b"]``."""
    return [word.strip() for word in text.split(",") if word.strip()]


def further_inputs(method: AbstractMethod, settings: Sequence[str], trust: bool) -> dict[str, Any]:
    """What ``--with NAME=VALUE`` gives to ``method.fit``: a fitted model, data, or a system.

    The value is a run folder, a data file, or the name of a system (``known=Lorenz``).

    Raises:
        InvalidInput: a name that the method's ``fit`` does not take.
    """
    usual = {"self", "data", "key", "init", "progress", "checkpoint"}
    takes = set(inspect.signature(method.fit).parameters) - usual
    given = assignments(settings)
    for name in given:
        if name not in takes | {"init"}:
            raise unknown(f"input of {type(method).__name__} (--with)", name, takes | {"init"})
    return {name: _further(value, trust) for name, value in given.items()}


def _further(value: str, trust: bool) -> Any:
    path = Path(value)
    if path.is_dir() and path.suffix != ".zarr":
        return load(path, trust=trust).model
    if not path.exists() and not path.suffix:
        if not knows(value, AbstractSystem, trust=False):
            known = modules("systems", AbstractSystem)
            raise unknown("run folder, data file or system", value, known)
        return find(value, base=AbstractSystem)()
    return read(path)

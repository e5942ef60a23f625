"""Public names: which classes and functions there are, found by walking the rooms.

There is no registry: what a room's ``__init__`` exports is what the command line, spec files
and `noneq list` know.
"""

import ast
import difflib
import importlib
import importlib.util
import inspect
import sys
import typing
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import equinox as eqx

from noneq.errors import InvalidInput


_MOST = 20
ROOMS = (
    "methods",
    "systems",
    "processes",
    "nets",
    "samplers",
    "domains",
    "training",
    "metrics",
    "thermo",
    "inference",
    "control",
    "studies",
    "data",
    "models",
)


def public(room: str) -> dict[str, Any]:
    """Concrete classes and functions that a room exports, by name."""
    module = importlib.import_module(f"noneq.{room}")
    return {
        name: thing
        for name, thing in ((name, getattr(module, name)) for name in dir(module))
        if not name.startswith("_")
        and (inspect.isfunction(thing) or inspect.isclass(thing))
        and thing.__module__.startswith("noneq.")
        and not inspect.isabstract(thing)
    }


def modules(room: str, base: type = eqx.Module) -> dict[str, type]:
    """Concrete `equinox.Module` classes of a room that derive from ``base``."""
    return {
        name: thing
        for name, thing in public(room).items()
        if inspect.isclass(thing) and issubclass(thing, base) and not name.startswith("Abstract")
    }


def find(name: str, *, base: type = eqx.Module, trust: bool = False) -> type:
    """The class called ``name`` that derives from ``base``.

    Args:
        name: a public class name, or ``"my_file:MyMethod"`` for a class of your own.
        base: the class must derive from it.
        trust: whether ``my_file`` may be imported, which **runs its code**. Without it only
            modules that the program has imported already are looked into.

    Raises:
        InvalidInput: unknown name (with the nearest ones), or code that is not trusted.
    """
    if ":" in name:
        return _own_class(name, base, trust)
    known: dict[str, type] = {}
    for room in ROOMS:
        known |= modules(room, base)
        if name in known:
            return known[name]
    raise unknown(base.__name__.removeprefix("Abstract").lower(), name, known)


def own_function(kind: str, *, trust: bool = False) -> Any:
    """The function at ``"my_file:my_metric"``.

    Args:
        kind: file or module, and the function's name.
        trust: whether ``my_file`` may be imported, as in `find`.

    Raises:
        InvalidInput: unknown, or code that is not trusted.
    """
    path, _, name = kind.rpartition(":")
    module = _own_module(path, trust)
    function = vars(module).get(name)
    if not inspect.isfunction(function):
        found = [k for k, v in vars(module).items() if inspect.isfunction(v)]
        raise unknown(f"function in {path}", name, found)
    return function


def own_value(kind: str, cls: type) -> Any:
    """The object of class ``cls`` at ``"my_file:name"``, whose code is run; None if it is another.

    Raises:
        InvalidInput: a file that cannot be imported, or has no such name.
    """
    path, _, name = kind.rpartition(":")
    known = vars(_own_module(path, trust=True))
    if name not in known:
        raise unknown(f"name in {path}", name, [k for k in known if not k.startswith("_")])
    return known[name] if isinstance(known[name], cls) else None


def class_at(kind: str, *, base: type = eqx.Module, trust: bool = False) -> type:
    """The class at ``"module:Name"`` that derives from ``base``, public or not.

    Raises:
        InvalidInput: unknown, or code from outside this library that is not trusted.
    """
    path, _, name = kind.partition(":")
    if path.split(".")[0] != "noneq":
        return _own_class(kind, base, trust)
    try:
        cls = vars(importlib.import_module(path)).get(name)
    except ImportError:
        cls = None
    if not (inspect.isclass(cls) and issubclass(cls, base)):
        raise InvalidInput(f"this version of noneq has no class {kind}.")
    return cls


def knows(name: str, base: type, trust: bool) -> bool:
    """Whether `find` knows a class of that name that derives from ``base``."""
    try:
        find(name, base=base, trust=trust)
    except InvalidInput:
        return False
    return True


def kind_of(cls: type) -> str:
    """The name that `find` turns back into ``cls``."""
    ours = cls.__module__.split(".")[0] == "noneq"
    return cls.__name__ if ours else f"{cls.__module__}:{cls.__qualname__}"


def unknown(what: str, name: str, known: Iterable[str]) -> InvalidInput:
    """An error for a name that does not exist, with the nearest ones that do."""
    known = sorted(set(known))
    lowered = {k.lower(): k for k in known}
    near = [lowered[k] for k in difflib.get_close_matches(name.lower(), lowered, n=2, cutoff=0.5)]
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    shown = known if len(known) <= _MOST else [*known[:_MOST], "…"]
    listing = ", ".join(shown) if known else "none"
    return InvalidInput(f"unknown {what} {name!r}; {hint}known: {listing}.")


def _own_class(kind: str, base: type, trust: bool) -> type:
    path, _, name = kind.rpartition(":")
    module = _own_module(path, trust)
    cls = vars(module).get(name)
    if not (inspect.isclass(cls) and issubclass(cls, base)):
        found = [k for k, v in vars(module).items() if inspect.isclass(v) and issubclass(v, base)]
        raise unknown(f"{base.__name__.removeprefix('Abstract').lower()} in {path}", name, found)
    if missing := _missing(cls):
        raise InvalidInput(
            f"{kind} is not complete, it lacks {', '.join(missing)}; define what its abstract base "
            f"{cls.__mro__[1].__name__} asks for."
        )
    return cls


def _missing(cls: type) -> list[str]:
    """Abstract methods and attributes, and class variables without a value, that a class leaves."""
    kinds = ("__abstractmethods__", "__abstractvars__", "__abstractclassvars__")
    declared = {
        name
        for base in cls.__mro__
        for name, kind in vars(base).get("__annotations__", {}).items()
        if typing.get_origin(kind) is typing.ClassVar and name not in dir(cls)
    }
    return sorted(declared.union(*(getattr(cls, kind, ()) for kind in kinds)))


def _own_module(path: str, trust: bool) -> ModuleType:
    """The module ``my_file``: one already imported, else ``my_file.py`` or an installed one."""
    name = _name_of(path)
    if name in sys.modules:
        return sys.modules[name]
    if not trust:
        raise InvalidInput(
            f"'{path}' is code from outside this library and would be run; import it first, or say "
            "trust=True (command line: --trust) if you know where it comes from."
        )
    file = Path(f"{path.removesuffix('.py')}.py")
    if not file.is_file():
        file = Path(f"{name.replace('.', '/')}.py")  # as `kind_of` writes it
    try:
        if not file.is_file():
            return importlib.import_module(name)
        _check_names(file)
        return _run(file, name)
    except InvalidInput:
        raise
    except Exception as error:
        sys.modules.pop(name, None)
        if isinstance(error, ImportError) and error.name == name and file.is_file():
            raise InvalidInput(
                f"{file} and a file that it imports need each other (circular import: {error}); "
                "move what both need into a third file."
            ) from error
        raise InvalidInput(
            f"cannot import {path!r} ({type(error).__name__}: {error}); name a .py file or module."
        ) from error


def _name_of(path: str) -> str:
    """``a.b`` for ``a/b.py``, which another process can import; else (``/a/b.py``) the path itself.

    `kind_of` writes this name into files, from which it must lead back to the same module.
    """
    whole = path.removesuffix(".py")
    parts = whole.split("/")
    return ".".join(parts) if all(part.isidentifier() for part in parts) else whole


def _run(file: Path, name: str) -> ModuleType:
    """The module that the file makes; it may import its neighbours."""
    spec = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)  # pyright: ignore[reportArgumentType]
    sys.modules[name] = module
    sys.path.insert(0, str(file.resolve().parent))
    try:
        spec.loader.exec_module(module)  # pyright: ignore[reportOptionalMemberAccess]
    finally:
        sys.path.pop(0)
    return module


def _check_names(file: Path) -> None:
    """Refuse a file that defines a name twice: Python would silently take the last one.

    Raises:
        InvalidInput: naming it and both lines.
    """
    lines: dict[str, int] = {}
    for node in ast.parse(file.read_bytes(), str(file)).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            if node.name in lines:
                raise InvalidInput(
                    f"{file} defines {node.name} twice, in lines {lines[node.name]} and "
                    f"{node.lineno}; rename one of them."
                )
            lines[node.name] = node.lineno

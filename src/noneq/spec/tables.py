"""Objects to plain tables and back: methods, systems, networks ... as TOML.

An object's typed fields are its configuration. A nested module is a sub-table with
``kind = "ClassName"``; a field equal to None is left out; ``kind = "my_file:MyMethod"`` names a
class of your own (importing it runs its code: see `noneq.spec.names.find`).
"""

import dataclasses
import inspect
import tomllib
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union

import equinox as eqx
import numpy as np
import tomli_w

from noneq.errors import DataFileError, InvalidInput, WrongType
from noneq.spec.names import find, kind_of, knows, unknown


M = TypeVar("M")


def to_dict(obj: Any) -> dict[str, Any]:
    """Plain table of an `equinox.Module`: ``kind`` and every field that is not None.

    Raises:
        WrongType: a field that is no number, text, tuple, array or module.
    """
    return {"kind": kind_of(type(obj))} | to_fields(obj)


def to_fields(obj: Any) -> dict[str, Any]:
    """`to_dict` without ``kind``, for an object whose class goes without saying."""
    fields = {field.name: getattr(obj, field.name) for field in dataclasses.fields(obj)}
    return {
        name: _plain(value, f"{type(obj).__name__}.{name}")
        for name, value in fields.items()
        if value is not None
    }


def from_dict(table: Mapping[str, Any], base: type[M] = eqx.Module, *, trust: bool = False) -> M:
    """Build the object that `to_dict` describes; fields left out take their defaults.

    Args:
        table: plain values; ``kind`` names the class.
        base: the class must derive from it.
        trust: allow classes from outside this library, whose code is then run.

    Raises:
        InvalidInput: unknown class or field, a missing one, or a value the class refuses.
        WrongType: a value of the wrong type.
    """
    if not isinstance(table.get("kind"), str):
        raise InvalidInput('a table has no kind; write kind = "ClassName" to say what it is.')
    cls = find(table["kind"], base=base, trust=trust)
    fields = {name: value for name, value in table.items() if name != "kind"}
    return from_fields(cls, fields, trust=trust)


def from_fields(cls: type[M], fields: Mapping[str, Any], *, trust: bool = False) -> M:
    """Build an object of this class from what `to_fields` gave; errors as in `from_dict`."""
    known = _annotations(cls)
    values = {}
    for name, value in fields.items():
        if name not in known:
            raise unknown(f"field of {cls.__name__}", name, known)
        values[name] = _convert(value, known[name], f"{cls.__name__}.{name}", trust)
    return build(cls, values)


def build(cls: type[M], values: Mapping[str, Any]) -> M:
    """Call ``cls(**values)`` after naming what is missing.

    Raises:
        InvalidInput: a field without default is missing.
    """
    missing = [name for name in _required(cls) if name not in values]
    # A field that is None is left out of a table, so a missing one may stand for None.
    annotations = _annotations(cls)
    optional = {name: None for name in missing if _allows_none(annotations.get(name))}
    required = [name for name in missing if name not in optional]
    if required:
        raise InvalidInput(f"{cls.__name__} needs {', '.join(required)}; set it.")
    return cls(**values, **optional)


def make(cls: type[M], changes: Mapping[str, Any], *, trust: bool = False) -> M:
    """An object of the class with some fields set, as `override` does.

    Fields without default are read first, so that the class can be built.
    """
    needed = _required(cls)
    first = {name: _read(cls, name, changes[name], trust) for name in needed if name in changes}
    rest = {path: value for path, value in changes.items() if path not in first}
    return override(build(cls, first), rest, trust=trust)


def to_toml(obj: Any) -> str:
    """The object as TOML text."""
    return tomli_w.dumps(to_dict(obj))


def from_toml(text: str, base: type[M] = eqx.Module, *, trust: bool = False) -> M:
    """Build the object that TOML text describes.

    Raises:
        DataFileError: text that is not TOML.
        InvalidInput, WrongType: as `from_dict`.
    """
    return from_dict(from_text(text), base, trust=trust)


def from_text(text: str) -> dict[str, Any]:
    """The table that TOML text holds. Raises `DataFileError` for other text."""
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise DataFileError(f"not valid TOML: {error}.") from error


def override(obj: M, changes: Mapping[str, Any], *, trust: bool = False) -> M:
    """A copy of the object with some fields changed.

    Args:
        obj: the object.
        changes: dotted field names and values; text is read as TOML (``128``, ``[1, 2]``,
            ``true``, ``none``), else taken as it is. The name of a class sets a nested module
            with its defaults; later changes may go into it.
        trust: allow classes from outside this library.

    Raises:
        InvalidInput: unknown field, or a value that the class refuses.
        WrongType: a value of the wrong type.
    """
    for path, value in changes.items():
        obj = _replace(obj, path.split("."), value, path, trust)
    return obj


def _replace(obj: Any, path: list[str], value: Any, whole: str, trust: bool) -> Any:
    cls, known = type(obj), _annotations(type(obj))
    name, *rest = path
    if name not in known:
        raise unknown(f"field of {cls.__name__}", name, known)
    current = getattr(obj, name)
    if rest and not isinstance(current, eqx.Module):
        raise InvalidInput(
            f"{whole}: {cls.__name__}.{name} is {current!r}, which has no fields; set {name} first."
        )
    if rest:
        new = _replace(current, rest, value, whole, trust)
    else:
        new = _read(cls, name, value, trust)
    return build(cls, {f: getattr(obj, f) for f in known} | {name: new})


def _read(cls: type, name: str, value: Any, trust: bool) -> Any:
    """The value of a field, from text or as it is."""
    annotation = _annotations(cls)[name]
    parsed = _parse(value, annotation) if isinstance(value, str) else value
    return _convert(parsed, annotation, f"{cls.__name__}.{name}", trust)


def _required(cls: type) -> list[str]:
    """Parameters without default."""
    return [
        name
        for name, parameter in inspect.signature(cls).parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    ]


def _parse(text: str, annotation: Any) -> Any:
    """TOML value of a text; the text itself where a string is meant or it is no TOML."""
    if text.lower() == "none" and _allows_none(annotation):
        return None
    if annotation is str:
        return text
    try:
        table = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError):
        return text
    return table["value"] if len(table) == 1 else text


def _annotations(cls: type) -> dict[str, Any]:
    """Field names that the class is built from, and their types."""
    fields = {f.name: f.type for f in dataclasses.fields(cls) if f.init}  # pyright: ignore
    if any(isinstance(t, str) for t in fields.values()):
        fields = {name: typing.get_type_hints(cls)[name] for name in fields}
    return fields


def _allows_none(annotation: Any) -> bool:
    return annotation is None or type(None) in typing.get_args(annotation)


def _plain(value: Any, where: str) -> Any:
    if isinstance(value, eqx.Module):
        return to_dict(value)
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple | list):
        return [_plain(item, where) for item in value]
    if eqx.is_array_like(value) and np.asarray(value).dtype.kind in "fiub":
        return np.asarray(value).tolist()
    raise WrongType(
        f"{where} is a {type(value).__name__}; only numbers, text, tuples and modules can be saved."
    )


def _convert(value: Any, annotation: Any, where: str, trust: bool) -> Any:
    """``value`` as the annotation wants it, or an error in one line."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (Union, types.UnionType):
        return _convert_union(value, args, where, trust)
    if origin is Literal:
        if value not in args:
            raise unknown(f"value of {where}", str(value), map(str, args))
        return value
    if origin is tuple and isinstance(value, list | tuple):
        kinds = (args[0],) * len(value) if args[-1:] == (...,) else args
        if len(kinds) != len(value):
            raise WrongType(f"{where} has {len(value)} entries; expected {len(kinds)}.")
        return tuple(_convert(v, k, where, trust) for v, k in zip(value, kinds, strict=True))
    if inspect.isclass(annotation) and issubclass(annotation, eqx.Module):
        return _convert_module(value, annotation, where, trust)
    if annotation is bool and isinstance(value, bool):
        return value
    if annotation is int and _is_number(value) and float(value).is_integer():
        return int(value)
    if annotation is float and _is_number(value):
        return float(value)
    if annotation is str and isinstance(value, str):
        return value
    if annotation is type(None) and value is None:
        return None
    if annotation in (bool, int, float, str, type(None)) or origin is tuple:
        raise WrongType(f"{where} = {value!r}; expected {_describe(annotation)}.")
    return _tuples(value)


def _convert_union(value: Any, options: tuple, where: str, trust: bool) -> Any:
    options = _named(value, options, trust)
    # An exact match goes first, so that 1 stays an int in `float | int`.
    for option in sorted(options, key=lambda option: type(value) is not option):
        try:
            return _convert(value, option, where, trust)
        except WrongType:
            continue
    expected = " or ".join(_describe(option) for option in options)
    raise WrongType(f"{where} = {value!r}; expected {expected}.")


def _named(value: Any, options: tuple, trust: bool) -> tuple:
    """Those of several classes of modules that the value names one of; else all options."""
    name = value.get("kind") if isinstance(value, Mapping) else value
    kinds = [o for o in options if inspect.isclass(o) and issubclass(o, eqx.Module)]
    if not isinstance(name, str) or len(kinds) < 2:
        return options
    return tuple(kind for kind in kinds if knows(name, kind, trust)) or options


def _convert_module(value: Any, base: type, where: str, trust: bool) -> Any:
    if isinstance(value, base):
        return value
    if isinstance(value, str):
        return build(find(value, base=base, trust=trust), {})
    if isinstance(value, Mapping):
        table = value if "kind" in value else {"kind": kind_of(base), **value}
        return from_dict(table, base, trust=trust)
    raise WrongType(f"{where} = {value!r}; expected {_describe(base)}, given by its class name.")


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, float) or abs(value) < 2**63


def _describe(annotation: Any) -> str:
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    if annotation is type(None):
        return "none"
    if typing.get_origin(annotation) is tuple:
        inner = [_describe(a) for a in typing.get_args(annotation) if a is not ...]
        return f"a list of {' / '.join(dict.fromkeys(inner))}"
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value

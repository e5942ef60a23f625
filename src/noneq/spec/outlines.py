"""Outlines of models: classes, plain fields and shapes of arrays, as plain tables and back.

A model is usually rebuilt by ``method.init``. One that another method was given (a score) is
rebuilt from its outline, which is read without running any constructor.
"""

import dataclasses
import operator
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import numpy as np

from noneq.errors import DataFileError, InvalidInput
from noneq.spec.names import class_at


_PLAIN = (bool, int, float, str, type(None))
_GROUPS = {"tuple": tuple, "list": list}


def to_outline(thing: Any) -> Any:
    """The outline of a model, in numbers, texts, lists and tables.

    Raises:
        InvalidInput: a field that is no array, number, text, sequence or module.
    """
    if isinstance(thing, eqx.Module):
        fields = [field.name for field in dataclasses.fields(thing)]
        kind = f"{type(thing).__module__}:{type(thing).__qualname__}"
        return {"kind": kind, "fields": {name: to_outline(getattr(thing, name)) for name in fields}}
    if isinstance(thing, jax.Array | np.ndarray | jax.ShapeDtypeStruct):
        return {"array": str(thing.dtype), "shape": list(thing.shape)}
    if isinstance(thing, np.generic):
        return thing.item()
    if isinstance(thing, _PLAIN):
        return thing
    for name, group in _GROUPS.items():
        if type(thing) is group:
            return {name: [to_outline(part) for part in thing]}
    raise InvalidInput(
        f"a {type(thing).__name__} inside a given model cannot be saved; give a model made of "
        "arrays, numbers, texts and equinox modules."
    )


def from_outline(outline: Any, *, trust: bool = False) -> Any:
    """The model with `jax.ShapeDtypeStruct` in place of its arrays.

    Args:
        outline: what `to_outline` gave.
        trust: allow classes from outside this library, whose module is then run.

    Raises:
        DataFileError: no outline, or of another version of a class.
        InvalidInput: an unknown class, or one that is not trusted.
    """
    if isinstance(outline, _PLAIN):
        return outline
    if isinstance(outline, Mapping):
        if outline.keys() == {"array", "shape"}:
            return _array(outline["shape"], outline["array"])
        if outline.keys() == {"kind", "fields"}:
            return _module(outline["kind"], outline["fields"], trust)
        for name, group in _GROUPS.items():
            if outline.keys() == {name}:
                return group(from_outline(part, trust=trust) for part in outline[name])
    raise DataFileError("the outline of a given model is damaged; restore the run folder.")


def _array(shape: Any, dtype: Any) -> jax.ShapeDtypeStruct:
    try:
        sizes = tuple(operator.index(size) for size in shape)
        return jax.ShapeDtypeStruct(sizes, np.dtype(dtype))
    except (TypeError, ValueError) as error:
        raise DataFileError(f"an array of a given model has no shape or type: {error}.") from error


def _module(kind: str, fields: Mapping[str, Any], trust: bool) -> Any:
    cls = class_at(kind, base=eqx.Module, trust=trust)
    known = {field.name for field in dataclasses.fields(cls)}
    if known != fields.keys():
        odd = ", ".join(sorted(known ^ fields.keys()))
        raise DataFileError(f"{kind} has other fields in this version ({odd}); fit again.")
    module = object.__new__(cls)
    for name, value in fields.items():
        object.__setattr__(module, name, from_outline(value, trust=trust))
    return module

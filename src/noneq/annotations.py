"""Annotations as questions and as words: does a value fit, and what is expected.

Those that say nothing known here are fulfilled by every value.
"""

import inspect
import os
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Union

import jax
import numpy as np
from jax.core import Tracer


_NUMBERS = {int: ("iu", "a whole number"), float: ("iuf", "a number"), bool: ("b", "true or false")}
_LOOKED_AT = 1000
"""Entries of a series: of longer ones only that it is one is checked."""


def fits(value: Any, annotation: Any) -> bool:
    """Whether the value is of the annotated kind; True where the annotation says nothing known."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation in (Any, object):
        return True
    if origin is Annotated:  # `Numbers`
        return _is_array(value, annotation)
    if origin in (Union, types.UnionType):
        return any(fits(value, option) for option in args)
    if annotation in (None, types.NoneType):
        return value is None
    if origin is Literal:
        return any(value is option or (value == option) is True for option in args)
    if annotation in _NUMBERS:
        return _is_scalar(value, _NUMBERS[annotation][0])
    if annotation in (Path, os.PathLike):
        return isinstance(value, str | os.PathLike)
    if _array_type(annotation):
        return _is_array(value, annotation)
    if origin in (tuple, list, Sequence):
        return _is_series(value, args)
    if origin is Callable or annotation is Callable:
        return callable(value) and not inspect.isclass(value)
    if origin is Mapping and isinstance(value, Mapping):
        return all(fits(key, args[0]) and fits(entry, args[1]) for key, entry in value.items())
    kind = origin or annotation
    return isinstance(value, kind) if inspect.isclass(kind) else True


def _is_scalar(value: Any, kinds: str) -> bool:
    """One number of these kinds: plain, of NumPy, or an array without axes."""
    if isinstance(value, bool | np.bool_):
        return "b" in kinds
    if isinstance(value, int):
        return "i" in kinds and abs(value) < 2**63
    if isinstance(value, float):
        return "f" in kinds
    if isinstance(value, np.generic | np.ndarray | jax.Array):
        return value.shape == () and _letter(value) in kinds
    return False


def _is_array(value: Any, annotation: Any) -> bool:
    """Real numbers with as many axes as the annotation names."""
    if isinstance(value, str | bytes | Mapping) or value is None:
        return False
    if not isinstance(value, np.generic | np.ndarray | jax.Array | jax.ShapeDtypeStruct):
        try:
            value = np.asarray(value)
        except Exception:
            return False
    axes = getattr(annotation, "dim_str", "...").split()
    open_ended = any("*" in axis or "..." in axis for axis in axes)
    return _letter(value) in "iufb" and (open_ended or len(axes) == len(value.shape))


def _letter(array: Any) -> str:
    """Kind of an array's numbers; JAX's own floats are f, its keys K."""
    if jax.dtypes.issubdtype(array.dtype, jax.dtypes.prng_key):
        return "K"
    if jax.dtypes.issubdtype(array.dtype, np.floating):
        return "f"
    return array.dtype.kind


def _array_type(annotation: Any) -> bool:
    """Whether the annotation is of arrays: of JAX, of NumPy, with or without named axes."""
    if annotation in (np.ndarray, jax.Array):
        return True
    return isinstance(getattr(annotation, "dim_str", None), str)


def _is_series(value: Any, args: tuple[Any, ...]) -> bool:
    """A tuple, list, range or vector, whose entries (of short ones) are of the annotated kinds."""
    if isinstance(value, str | bytes | Mapping) or not isinstance(
        value, Sequence | np.ndarray | jax.Array
    ):
        return False
    if isinstance(value, Tracer):
        return value.ndim > 0
    if isinstance(value, np.ndarray | jax.Array):
        if value.ndim == 0 or _letter(value) not in "iufbU":
            return False
        value = value.tolist() if len(value) <= _LOOKED_AT else range(len(value))
    kinds = [a for a in args if a is not ...]
    if not kinds or len(value) > _LOOKED_AT:
        return True
    if len(kinds) > 1:
        return len(value) == len(kinds) and all(map(fits, value, kinds))
    return all(fits(entry, kinds[0]) for entry in value)


def is_tuple(annotation: Any) -> bool:
    """Whether a tuple is meant, and no list or other series would do."""
    options = (annotation, *typing.get_args(annotation))
    return any(typing.get_origin(option) is tuple for option in options) and not any(
        typing.get_origin(option) in (list, Sequence) for option in options
    )


def is_numbers(annotation: Any) -> bool:
    """Whether `Numbers` are meant, alone or among others."""
    options = (annotation, *typing.get_args(annotation))
    return any(typing.get_origin(option) is Annotated for option in options)


def is_list(annotation: Any) -> bool:
    """Whether a series is meant that is no array."""
    options = (annotation, *typing.get_args(annotation))
    series = any(typing.get_origin(option) in (list, Sequence) for option in options)
    return series and not any(_array_type(option) for option in options)


def described(annotation: Any) -> str:
    """An annotation in words."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(described(option) for option in args))
    if origin is Annotated:
        return "numbers"
    if annotation in (None, types.NoneType):
        return "none"
    if origin is Literal:
        return " or ".join(map(repr, args))
    if annotation in _NUMBERS:
        return _NUMBERS[annotation][1]
    if annotation is str:
        return "text"
    if annotation in (Path, os.PathLike):
        return "a path"
    if _array_type(annotation):
        axes = getattr(annotation, "dim_str", "")
        return f"an array of numbers ({axes})" if axes else "numbers"
    if origin in (tuple, list, Sequence):
        kinds = dict.fromkeys(described(a) for a in args if a is not ...)
        return f"a list of {' / '.join(kinds)}"
    if origin is Callable or annotation is Callable:
        return "a function"
    name = getattr(origin or annotation, "__name__", str(annotation))
    return f"{'an' if name[0] in 'AEIO' else 'a'} {name}"

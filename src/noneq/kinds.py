"""What public functions and classes are given, checked against their own annotations.

A value of a wrong kind is named in one line where it comes in, and not as an error from deep
inside. Ranges and sizes are for each function to judge.
"""

import dataclasses
import functools
import inspect
import math
import os
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, ParamSpec, TypeVar, Union

import equinox as eqx
import jax
import numpy as np
from jax.core import Tracer

from noneq._typing import Key
from noneq.errors import InvalidInput, WrongType


P = ParamSpec("P")
R = TypeVar("R")
_KEY = frozenset(typing.get_args(Key))
_NUMBERS = {int: ("iu", "a whole number"), float: ("iuf", "a number"), bool: ("b", "true or false")}
_SHOWN = 60
"""Letters of a wrong value that a message shows."""
_LOOKED_AT = 1000
"""Entries of a series: of longer ones only that it is one is checked."""


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """The function, once its arguments are of the kinds that it is annotated with.

    Where a random key is expected, a whole number is taken as the seed of one.

    Raises:
        WrongType: naming the argument, what was given and what is expected.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        names, wanted = _wanted(function)
        owner = f"{type(args[0]).__name__}." if names[:1] == ("self",) and args else ""
        place = f"{owner}{function.__name__}"
        good = [
            as_kind(value, wanted[name], f"{place}: {name}") if name in wanted else value
            for name, value in zip(names, args, strict=False)
        ]
        named = {
            name: as_kind(value, wanted[name], f"{place}: {name}") if name in wanted else value
            for name, value in kwargs.items()
        }
        return function(*good, *args[len(good) :], **named)  # pyright: ignore[reportCallIssue]

    return call


@typing.dataclass_transform(field_specifiers=(dataclasses.field, eqx.field))
class _Checks(type(eqx.Module)):
    """Checks what a class is called with, before its own ``__init__`` and ``__check_init__``."""

    def __call__(cls: type[R], *args: Any, **kwargs: Any) -> R:
        names, wanted = _wanted(cls.__init__)
        fit = lambda name, value: (
            as_kind(value, wanted[name], f"{cls.__name__}: {name}") if name in wanted else value
        )
        good = [fit(name, value) for name, value in zip(names[1:], args, strict=False)]
        named = {name: fit(name, value) for name, value in kwargs.items()}
        made = type(eqx.Module).__call__(cls, *good, *args[len(good) :], **named)
        for name, value in vars(made).items():
            if isinstance(value, float) and math.isnan(value):
                raise InvalidInput(f"{cls.__name__}: {name} = nan; expected a number.")
        return made


class AbstractChecked(eqx.Module, metaclass=_Checks):
    """A module whose fields are of the kinds that they are annotated with, or `WrongType` is raised.

    Base of all that a user builds: methods and their factors, systems, domains, studies, data.

    Raises:
        InvalidInput: a field that is NaN.
    """


def as_key(key: Any, name: str = "key") -> Key:
    """A typed random key, also from a seed.

    Raises:
        WrongType: anything else, or several keys.
    """
    if isinstance(key, int | np.integer) and not isinstance(key, bool) and abs(key) < 2**63:
        return jax.random.key(int(key))
    if isinstance(key, jax.Array):
        if jax.dtypes.issubdtype(key.dtype, jax.dtypes.prng_key) and key.shape == ():
            return key
        if key.dtype == np.uint32 and key.shape == (2,):
            return jax.random.wrap_key_data(key)
    raise WrongType(
        f"{name} = {shown(key)}; expected a random key such as jax.random.key(0), or a whole number "
        "as its seed."
    )


def as_kind(value: Any, annotation: Any, name: str) -> Any:
    """The value as the annotation wants it: a seed as a key, a list as a tuple, else unchanged.

    Raises:
        WrongType: it is of another kind.
    """
    if set(typing.get_args(annotation)) >= _KEY:
        return None if value is None and _optional(annotation) else as_key(value, name)
    if not _fits(value, annotation):
        raise WrongType(f"{name} = {shown(value)}; expected {described(annotation)}.")
    return _tuples(value) if _is_tuple(annotation) else value


def refuse_nonfinite(value: Any, name: str) -> None:
    """Refuse NaN and infinity (skipped where the value is traced).

    Raises:
        InvalidInput: naming the argument.
    """
    if not isinstance(value, Tracer) and not np.isfinite(np.asarray(value, float)).all():
        raise InvalidInput(f"{name} = {shown(value)}; expected finite numbers.")


def shown(value: Any) -> str:
    """A short one-line text of any value."""
    if isinstance(value, jax.Array | np.ndarray) and value.size > 4:
        return f"an array of shape {value.shape} and type {value.dtype}"
    try:
        text = " ".join(repr(value).split())
    except Exception:
        text = f"a {type(value).__name__}"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({type(value).__name__})"


@functools.cache
def _wanted(function: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Names of the positional parameters, and the annotations that say something."""
    parameters = inspect.signature(function).parameters.values()
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    plain = [p for p in parameters if p.kind not in several]
    names = tuple(p.name for p in plain if p.kind is not p.KEYWORD_ONLY)
    says = lambda a: a not in (inspect.Parameter.empty, Any, object) and not isinstance(a, str)
    return names, {p.name: p.annotation for p in plain if says(p.annotation)}


def _fits(value: Any, annotation: Any) -> bool:
    """Whether the value is of the annotated kind; True where the annotation says nothing known."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation in (Any, object):
        return True
    if origin is Annotated:  # `Numbers`
        return _is_array(value, annotation)
    if origin in (Union, types.UnionType):
        return any(_fits(value, option) for option in args)
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
        return callable(value)
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
        return len(value) == len(kinds) and all(map(_fits, value, kinds))
    return all(_fits(entry, kinds[0]) for entry in value)


def _is_tuple(annotation: Any) -> bool:
    options = (annotation, *typing.get_args(annotation))
    return any(typing.get_origin(option) is tuple for option in options) and not any(
        typing.get_origin(option) in (list, Sequence) for option in options
    )


def _tuples(value: Any) -> Any:
    """Lists and vectors as tuples, all the way down."""
    if isinstance(value, np.ndarray | jax.Array) and not isinstance(value, Tracer) and value.ndim:
        value = value.tolist()
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value


def _optional(annotation: Any) -> bool:
    return types.NoneType in typing.get_args(annotation)


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
    return f"a {getattr(origin or annotation, '__name__', str(annotation))}"

"""What public functions and classes are given, checked against their own annotations.

A value of a wrong kind is named in one line where it comes in, and not as an error from deep
inside. Ranges and sizes are for each function to judge.
"""

import dataclasses
import difflib
import functools
import inspect
import math
import os
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import equinox as eqx
import jax
import numpy as np
from jax.core import Tracer

from noneq._typing import Key
from noneq.annotations import described, fits, is_list, is_numbers, is_tuple
from noneq.errors import InvalidInput, WrongType


P = ParamSpec("P")
R = TypeVar("R")
_KEY = frozenset(typing.get_args(Key))
_SHOWN = 60
"""Letters of a wrong value that a message shows."""
_LONGEST = 255


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """The function, once its arguments are of the kinds that it is annotated with.

    Where a random key is expected, a whole number is taken as the seed of one; a function that
    takes ``key=`` takes ``seed=`` in its place.

    Raises:
        WrongType: naming the argument, what was given and what is expected.
    """
    seeded = _takes_seed(function)

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        names, wanted = _wanted(function)
        owner = f"{type(args[0]).__name__}." if names[:1] == ("self",) and args else ""
        place = f"{owner}{function.__name__}"
        if seeded and kwargs.get("key") is None:
            kwargs["key"] = _key_from_seed(kwargs.pop("seed", None), place)
        elif seeded and kwargs.pop("seed", None) is not None:
            raise WrongType(f"{place}: both seed= and key= were given; give one of them.")
        good = [
            as_kind(value, wanted[name], f"{place}: {name}") if name in wanted else value
            for name, value in zip(names, args, strict=False)
        ]
        named = {
            name: as_kind(value, wanted[name], f"{place}: {name}") if name in wanted else value
            for name, value in kwargs.items()
        }
        given = (*good, *args[len(good) :])
        try:
            return function(*given, **named)  # pyright: ignore[reportCallIssue]
        except TypeError:
            _refuse_misfit(function, given, named, place)
            raise

    if seeded:
        vars(call)["__signature__"] = _with_seed(function)
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
        given = (*good, *args[len(good) :])
        try:
            made = type(eqx.Module).__call__(cls, *given, **named)
        except TypeError:
            _refuse_misfit(cls, given, named, cls.__name__)
            raise
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


def _takes_seed(function: Callable[..., Any]) -> bool:
    """Whether the function must be given a key by name, and has no seed of its own."""
    parameters = inspect.signature(function).parameters
    key = parameters.get("key")
    by_name = key is not None and key.kind is key.KEYWORD_ONLY and key.default is key.empty
    return by_name and "seed" not in parameters


def _with_seed(function: Callable[..., Any]) -> inspect.Signature:
    """The signature with ``key=None, seed=None``, as help and editors show it."""
    signature, listed = inspect.signature(function), []
    for parameter in signature.parameters.values():
        if parameter.name == "key":
            seed = parameter.replace(name="seed", default=None, annotation=int | None)
            listed += [parameter.replace(default=None), seed]
        else:
            listed.append(parameter)
    return signature.replace(parameters=listed)


def _key_from_seed(seed: Any, place: str) -> Key:
    """The key of a seed.

    Raises:
        WrongType: no whole number, or none at all.
    """
    if seed is None:
        raise WrongType(f"{place} needs randomness; give seed=, a whole number such as 0, or key=.")
    if not fits(seed, int):
        raise WrongType(f"{place}: seed = {shown(seed)}; expected a whole number.")
    return as_key(int(seed), f"{place}: seed")


def as_kind(value: Any, annotation: Any, name: str) -> Any:
    """The value as the annotation wants it: a seed as a key, a list as a tuple or as an array.

    Raises:
        WrongType: it is of another kind.
    """
    # The arguments of a function are a list among these.
    if {a for a in typing.get_args(annotation) if not isinstance(a, list)} >= _KEY:
        return None if value is None and _optional(annotation) else as_key(value, name)
    if not fits(value, annotation):
        raise WrongType(f"{name} = {shown(value)}; expected {described(annotation)}.")
    if annotation is Path or Path in typing.get_args(annotation):
        return _as_path(value, annotation, name)
    if is_tuple(annotation):
        return _tuples(value)
    if isinstance(value, np.ndarray | jax.Array) and is_list(annotation):
        return value.tolist()
    if isinstance(value, list | tuple) and is_numbers(annotation):
        return np.asarray(value)
    return value


def _as_path(value: Any, annotation: Any, name: str) -> Any:
    """A path that the system can look for.

    Raises:
        InvalidInput: a part of it is too long, or it holds a zero.
    """
    if value is None:
        return None
    parts = Path(value).parts
    if any(len(os.fsencode(part)) > _LONGEST for part in parts) or "\0" in str(value):
        raise InvalidInput(
            f"{name} = {shown(value)}; expected a path whose parts have at most {_LONGEST} letters."
        )
    return Path(value) if annotation is Path else value


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


def _refuse_misfit(function: Any, args: tuple, kwargs: dict[str, Any], place: str) -> None:
    """Refuse arguments that the parameters do not take, and name these.

    Raises:
        WrongType: an unknown name, too many arguments, or one that is missing.
    """
    signature = inspect.signature(function)
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        takes = list(signature.parameters)
        unknown = next((name for name in kwargs if name not in takes), "")
        near = difflib.get_close_matches(unknown, takes, n=1)
        cure = (
            f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(takes) or 'nothing'}."
        )
        raise WrongType(f"{place} {error}; {cure}") from None


@functools.cache
def _wanted(function: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Names of the positional parameters, and the annotations that say something."""
    parameters = inspect.signature(function).parameters.values()
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    plain = [p for p in parameters if p.kind not in several]
    names = tuple(p.name for p in plain if p.kind is not p.KEYWORD_ONLY)
    says = lambda a: a not in (inspect.Parameter.empty, Any, object) and not isinstance(a, str)
    return names, {p.name: p.annotation for p in plain if says(p.annotation)}


def _tuples(value: Any) -> Any:
    """Lists and vectors as tuples, all the way down."""
    if isinstance(value, np.ndarray | jax.Array) and not isinstance(value, Tracer) and value.ndim:
        value = value.tolist()
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value


def _optional(annotation: Any) -> bool:
    return types.NoneType in typing.get_args(annotation)

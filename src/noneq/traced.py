"""Compiled functions whose programs do not depend on the numbers and words of settings.

`equinox.filter_jit` compiles anew for every other Python number. `jit` passes them as arguments.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import PyTree

from noneq.kinds import AbstractChecked


_F = TypeVar("_F", bound=Callable[..., Any])
_WORDS = "words"


class AbstractUntraced(AbstractChecked):
    """A module whose numbers stay parts of the program.

    For classes in which Python branches on them, or makes tables of them on the host.
    """


def words() -> Any:
    """Field of a module for words that no compiled program reads, such as names of coordinates."""
    return eqx.field(static=True, metadata={_WORDS: True})


def jit(function: _F) -> _F:
    """`equinox.filter_jit`, with the Python floats of all arguments traced.

    Integers, fields marked static and all inside an `AbstractUntraced` stay parts of the program,
    and so does a lone 0.0, which switches a term off (`is_on`). Tuples of floats are traced whole.
    `words` are None inside; a compiled function must therefore not return a model.
    """
    compiled = eqx.filter_jit(function)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return compiled(*_entering(args), **_entering(kwargs))

    return call  # pyright: ignore[reportReturnType]


def is_on(number: Any) -> bool:
    """Whether a factor is other than 0, also where its value is traced."""
    return isinstance(number, Tracer) or bool(number != 0)


def is_setting(array: Any) -> bool:
    """Whether an array is a traced Python number: those alone are weakly typed under `jit`."""
    return isinstance(array, Tracer) and _is_weak(array)


def _entering(tree: PyTree) -> PyTree:
    tree = jax.tree.map(
        lambda node: _nameless(node) if _has_words(node) else node, tree, is_leaf=_has_words
    )
    return jax.tree.map(_traced, tree, is_leaf=lambda node: _is_series(node) or _is_untraced(node))


def _traced(leaf: Any) -> Any:
    if _is_series(leaf):
        return tuple(jnp.asarray(number) for number in leaf)
    if type(leaf) is float and leaf != 0:
        return jnp.asarray(leaf)
    if isinstance(leaf, jax.Array) and not isinstance(leaf, Tracer) and _is_weak(leaf):
        # Only settings may be weakly typed inside; parameters that were are not.
        return jnp.asarray(leaf, leaf.dtype)
    return leaf


def _is_weak(array: Any) -> bool:
    return getattr(array.aval, "weak_type", False)


def _is_series(node: Any) -> bool:
    return type(node) is tuple and bool(node) and all(type(part) is float for part in node)


def _is_untraced(node: Any) -> bool:
    return isinstance(node, AbstractUntraced)


def _has_words(node: Any) -> bool:
    return isinstance(node, eqx.Module) and _bears_words(type(node))


@functools.cache
def _bears_words(cls: type[eqx.Module]) -> bool:
    return any(_WORDS in field.metadata for field in dataclasses.fields(cls))


def _nameless(module: eqx.Module) -> Any:
    """The module with None for its words."""
    copy = object.__new__(type(module))
    for field in dataclasses.fields(module):
        value = None if _WORDS in field.metadata else getattr(module, field.name)
        object.__setattr__(copy, field.name, value)
    return copy

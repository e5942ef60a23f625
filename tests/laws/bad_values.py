"""Wrong values for every argument of every public entry, and what may come of them."""

import inspect
import signal
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import TypeCheckError

from noneq.errors import NoneqError


SECONDS = 30
"""Of the processor, that one call may take; of the clock ten times as many, as others may work too."""
BAD: dict[str, Any] = {
    "none": None,
    "text": "a",
    "empty text": "",
    "long text": "x" * 5000,
    "bytes": b"a",
    "true": True,
    "minus one": -1,
    "zero": 0,
    "fraction": 0.5,
    "huge": 10**30,
    "nan": float("nan"),
    "infinite": float("inf"),
    "1e30": 1e30,
    "1e-30": 1e-30,
    "complex": 1j,
    "object": object(),
    "empty list": [],
    "list of text": ["a", "b"],
    "ragged list": [[1.0], [2.0, 3.0]],
    "table": {"a": 1},
    "set": {1},
    "class": int,
    "function": lambda *_, **__: None,
    "array of text": np.array(["a", "b"]),
    "array of objects": np.array([object()]),
    "array of nan": np.full((3, 2), np.nan),
    "complex array": np.ones((3, 2), complex),
    "float16 array": np.ones((3, 2), np.float16),
    "array without rows": np.zeros((0, 2)),
    "array of rank 4": np.zeros((2, 2, 2, 2)),
    "far index": [99],
    "two keys": jax.random.split(jax.random.key(0), 2),
}


class Entry(NamedTuple):
    """A public function or class, and arguments that it takes."""

    name: str
    call: Callable[..., Any]
    good: dict[str, Any]

    @property
    def arguments(self) -> list[str]:
        """Names of what it can be given."""
        several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        parameters = inspect.signature(self.call).parameters.values()
        return [p.name for p in parameters if p.kind not in several and p.name != "self"]


def escapes(entry: Entry, bad: dict[str, Any] = BAD) -> Iterator[str]:
    """Every way in which the entry fails other than by one clear line.

    That is another exception, an answer that is not finite without a warning, or none in time.
    """
    for argument in entry.arguments:
        for name, value in bad.items():
            if wrong := fault(entry, entry.good | {argument: value}):
                yield f"{entry.name}({argument} = {name}): {wrong}"


def tried(entry: Entry) -> int:
    """How many calls `escapes` makes."""
    return len(entry.arguments) * len(BAD)


def fault(entry: Entry, arguments: dict[str, Any]) -> str:
    """What is wrong with the outcome of one call; empty if nothing is."""
    signal.signal(signal.SIGALRM, _too_long)
    signal.signal(signal.SIGPROF, _too_long)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    signal.alarm(10 * SECONDS)
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            answer = entry.call(**arguments)
        if not told and not isinstance(answer, type) and not _finite(answer, arguments):
            return "an answer that is not finite, and no warning"
    except NoneqError as error:
        text = str(error)
        return "" if text and "\n" not in text else f"an error of several lines: {text[:80]!r}"
    except TypeCheckError:  # the tests' own checker, stricter than the library's
        return ""
    except Exception as error:
        return f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)
    return ""


def _too_long(*_: Any) -> None:
    raise TimeoutError(f"over {SECONDS} s")


def _finite(answer: Any, arguments: dict[str, Any]) -> bool:
    """Whether an answer holds no NaN; what was put in unchanged is no answer."""
    given = {id(value) for value in arguments.values()}
    leaves = jax.tree.leaves(eqx.filter(answer, eqx.is_array))
    floats = [x for x in leaves if id(x) not in given and jnp.issubdtype(x.dtype, jnp.floating)]
    return not any(np.isnan(np.asarray(x)).any() for x in floats)

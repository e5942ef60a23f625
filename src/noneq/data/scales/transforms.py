"""Scales on which coordinates are easier to learn: logarithm, square root and others.

The data stay as they are. Models see T(x), sample in the user's scale, and their densities carry the
Jacobian: log p(x) = log p(T(x)) + Σ log T'(x).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from noneq.domains import AbstractDomain, Free
from noneq.errors import InvalidInput


@dataclass(frozen=True)
class Transform:
    """A strictly increasing map T of a coordinate onto the real line.

    Args:
        forward, inverse: T and its inverse, for NumPy or `jax.numpy` as second argument.
        log_slope: log T'.
        low, high: ends of the open interval where T is defined.
    """

    forward: Callable[[Any, Any], Any]
    inverse: Callable[[Any, Any], Any]
    log_slope: Callable[[Any, Any], Any]
    low: float = -np.inf
    high: float = np.inf


TRANSFORMS = {
    "log": Transform(
        lambda x, xp: xp.log(x), lambda u, xp: xp.exp(u), lambda x, xp: -xp.log(x), 0.0
    ),
    "log1p": Transform(
        lambda x, xp: xp.log1p(x), lambda u, xp: xp.expm1(u), lambda x, xp: -xp.log1p(x), -1.0
    ),
    # With the sign of x, so that it has an inverse.
    "sqrt": Transform(
        lambda x, xp: xp.sign(x) * xp.sqrt(xp.abs(x)),
        lambda u, xp: u * xp.abs(u),
        lambda x, xp: -xp.log(2 * xp.sqrt(xp.abs(x))),
    ),
    "asinh": Transform(
        lambda x, xp: xp.arcsinh(x),
        lambda u, xp: xp.sinh(u),
        lambda x, xp: -0.5 * xp.log1p(x * x),
    ),
    "logit": Transform(
        lambda x, xp: xp.log(x) - xp.log1p(-x),
        lambda u, xp: 1 / (1 + xp.exp(-u)),
        lambda x, xp: -xp.log(x) - xp.log1p(-x),
        0.0,
        1.0,
    ),
}
_INSIDE = 0.5
"""Where every transform is defined."""


def as_transform(
    words: Sequence[str] | None, states: np.ndarray, names: Sequence[str], domain: AbstractDomain
) -> tuple[str, ...]:
    """One word for each coordinate (channel), ``""`` for none; empty if all are.

    Args:
        words: such as ``("log", "")``.
        states: ``(n, channels, ...)``.

    Raises:
        InvalidInput: an unknown word, another count, states outside, or a bounded or periodic domain.
    """
    found = tuple(str(word) for word in words or ())
    if not any(found):
        return ()
    unknown = [word for word in found if word and word not in TRANSFORMS]
    if unknown:
        raise InvalidInput(f"transform {unknown[0]!r}; known: {', '.join(TRANSFORMS)}.")
    if len(found) != len(names):
        raise InvalidInput(f"transform has {len(found)} entries; expected {len(names)}, one each.")
    if not isinstance(domain, Free):
        raise InvalidInput(f"a transform needs free space; the domain is {domain}.")
    for i, (word, name) in enumerate(zip(found, names, strict=True)):
        if not word:
            continue
        column, kind = states[:, i], TRANSFORMS[word]
        out = ~((column > kind.low) & (column < kind.high))
        if out.any():
            cure = "; log1p takes zeros" if word == "log" and column.min() >= 0 else ""
            raise InvalidInput(
                f"transform {word} of {name}: {int(out.sum())} values such as {column[out][0]:.4g} lie "
                f"outside {kind.low:g} to {kind.high:g}{cure}."
            )
    return found


def forward(words: Sequence[str], x: Any, *, axis: int, xp: Any = np) -> Any:
    """T(x), the coordinates along an axis."""
    return _each(words, x, axis, xp, lambda kind, x: kind.forward(x, xp), x)


def inverse(words: Sequence[str], u: Any, *, axis: int, xp: Any = np) -> Any:
    """x of T(x)."""
    return _each(words, u, axis, xp, lambda kind, u: kind.inverse(u, xp), u)


def log_slope(words: Sequence[str], x: Any, *, axis: int, xp: Any = np) -> Any:
    """log T'(x) of every number; 0 where there is no transform."""
    return _each(words, x, axis, xp, lambda kind, x: kind.log_slope(x, xp), xp.zeros_like(x))


def log_slope_gradient(words: Sequence[str], x: Any) -> Any:
    """d log T'(x)/dx of every number of one state."""
    return jax.grad(lambda x: jnp.sum(log_slope(words, x, axis=0, xp=jnp)))(x)


def _each(words: Sequence[str], x: Any, axis: int, xp: Any, apply: Any, result: Any) -> Any:
    """A function of every transform where it belongs, and ``result`` elsewhere."""
    if set(words) == {words[0]} and words[0]:
        return apply(TRANSFORMS[words[0]], x)
    shape = [1] * xp.ndim(x)
    shape[axis] = len(words)
    for word in dict.fromkeys(filter(None, words)):
        mine = np.reshape([other == word for other in words], shape)
        # Of other coordinates nothing is computed that might be no number.
        result = xp.where(mine, apply(TRANSFORMS[word], xp.where(mine, x, _INSIDE)), result)
    return result

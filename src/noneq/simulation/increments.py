"""Laws of the random increments of a step, and how many steps one draw serves."""

import math
import warnings
from abc import abstractmethod
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq._typing import Key
from noneq.errors import InvalidInput


class AbstractIncrements(eqx.Module):
    """A law of numbers ξ of mean 0 and variance 1, of which every step takes independent ones."""

    most: ClassVar[int]
    """Steps that one draw serves at most."""

    @abstractmethod
    def draw(self, steps: int, shape: tuple[int, ...], dtype: jnp.dtype, *, key: Key) -> Array:
        """Random words for so many steps of increments of this shape."""

    @abstractmethod
    def at(self, drawn: Array, step: Array, dtype: jnp.dtype) -> Array:
        """The increments of one step, counted from 0, of the shape that was asked for."""


class Normal(AbstractIncrements):
    """ξ ~ N(0, 1): increments of Brownian motion itself, for paths and laws."""

    most: ClassVar[int] = 20

    def draw(self, steps: int, shape: tuple[int, ...], dtype: jnp.dtype, *, key: Key) -> Array:
        """Normal numbers, (steps, *shape)."""
        return jax.random.normal(key, (steps, *shape), dtype)

    def at(self, drawn: Array, step: Array, dtype: jnp.dtype) -> Array:
        """Those of one step."""
        return drawn[step]


class TwoPoint(AbstractIncrements):
    """ξ = ±1 with probability ½ each: one bit a step, 32 steps a word.

    **Equation**: E ξ = E ξ³ = 0, E ξ² = 1, the moments of N(0, 1) up to the third: enough for weak
    order 1.

    Source: Kloeden and Platen 1992, eq. 14.1.2.
    """

    most: ClassVar[int] = 32

    def draw(self, steps: int, shape: tuple[int, ...], dtype: jnp.dtype, *, key: Key) -> Array:
        """One word for each increment of a step, whatever the number of steps."""
        return jax.random.bits(key, shape, jnp.uint32)

    def at(self, drawn: Array, step: Array, dtype: jnp.dtype) -> Array:
        """+1 where the bit of the step is 0, −1 where it is 1."""
        return 1 - 2 * (drawn >> step.astype(drawn.dtype) & 1).astype(jnp.int32).astype(dtype)


class FourPoint(AbstractIncrements):
    """ξ = ±a with probability ⅜ each, ±b with ⅛ each: three bits a step, 10 steps a word.

    **Equation**: a² = 1 − √(2/3), b² = 1 + √6, so that E ξ = E ξ³ = E ξ⁵ = 0, E ξ² = 1 and
    E ξ⁴ = 3, the moments of N(0, 1) up to the fifth: enough for weak order 2.

    The three points 0, ±√3 of the textbook have the same five moments, but probabilities 1/6 and
    2/3 that no finite number of bits gives; these four points are exact.

    Source: conditions of Kloeden and Platen 1992, eq. 14.2.2.
    """

    most: ClassVar[int] = 10

    def draw(self, steps: int, shape: tuple[int, ...], dtype: jnp.dtype, *, key: Key) -> Array:
        """One word for each increment of a step, whatever the number of steps."""
        return jax.random.bits(key, shape, jnp.uint32)

    def at(self, drawn: Array, step: Array, dtype: jnp.dtype) -> Array:
        """The sign is the first bit; the size is b where the other two are 0."""
        bits = drawn >> 3 * step.astype(drawn.dtype)
        near, far = (1 - (2 / 3) ** 0.5) ** 0.5, (1 + 6**0.5) ** 0.5
        size = jnp.where(bits & 6, jnp.asarray(near, dtype), jnp.asarray(far, dtype))
        return jnp.where(bits & 1, -size, size)


def noise_blocks(
    spans: np.ndarray, time_step: float, substeps: int | None, longest: int
) -> tuple[int, np.ndarray]:
    """Steps per noise block, at most ``longest``, and blocks in each interval."""
    if substeps is None:
        counts = np.ceil(spans / time_step - 0.01).clip(1)  # times may come in float32
    elif isinstance(substeps, bool) or int(substeps) != substeps or substeps < 1:
        raise InvalidInput(f"simulate: substeps = {substeps}; expected a whole number ≥ 1.")
    else:
        counts = np.full(spans.shape, substeps)
        if spans.max() / substeps > 10 * time_step:
            warnings.warn(
                f"simulate: steps of {spans.max() / substeps:.2g} are over ten times the system's "
                f"time_step {time_step:.2g}; results may be wrong, leave substeps out.",
                stacklevel=4,
            )
    most = int(counts.max())
    if most > 2**30:
        raise InvalidInput(
            f"simulate: an interval of {spans.max():g} takes {most:.2g} internal steps of "
            f"{time_step:.2g}; shorten it or choose substeps yourself."
        )
    block = math.ceil(most / math.ceil(most / longest))
    return block, np.ceil(counts / block).astype(np.int64)

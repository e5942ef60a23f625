"""Fields on vector states: a time-conditioned multilayer perceptron."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, ScalarLike
from noneq.data.summary import Summary
from noneq.errors import InvalidInput
from noneq.nets.constant import Constant
from noneq.nets.features import harmonics, noise_features


_PERIOD = 1.25
_MOST_WIDTH, _MOST_DEPTH, _MOST_HARMONICS = 16_384, 128, 100_000
"""Above these the compiler gives up with an abort, which nothing can catch."""


def _silu(x: Array) -> Array:
    """x/(1 + e^{−x}) by tanh, which XLA vectorises on CPUs better than the exponential."""
    return x * (0.5 * jnp.tanh(0.5 * x) + 0.5)


class Clock(eqx.Module):
    """Physical time as network input: (t − start)/span scaled to [−1, 1], and its harmonics.

    The period of the harmonics is a quarter longer than the span, so that the last time does
    not look like the first.

    Args:
        start, span: of the training times.
        count: harmonics k/period, k = 1..count; the highest frequency is count/period.
    """

    start: Constant
    span: Constant
    count: int = eqx.field(static=True)

    def __init__(self, summary: Summary, band: float | None):
        """``band`` overrides the measured `Summary.time_band` (frequency per unit time)."""
        band = summary.time_band if band is None else band
        if not (band >= 0 and math.isfinite(band)):
            raise InvalidInput(
                f"time_band = {band}; expected a finite frequency ≥ 0 per unit time."
            )
        span = summary.span if summary.span > 0 else 1.0
        if band * span > _MOST_HARMONICS:
            raise InvalidInput(
                f"time_band = {band:g} over a span of {span:g} makes {band * span:.2g} harmonics; "
                f"expected at most {_MOST_HARMONICS:,}. Choose a lower band."
            )
        self.start = Constant(jnp.asarray(summary.times[0]))
        self.span = Constant(jnp.asarray(span))
        self.count = math.ceil(band * _PERIOD * span - 1e-6) if len(summary.times) > 1 else 0

    @property
    def size(self) -> int:
        """Number of features."""
        return 1 + 2 * self.count

    def __call__(self, time: ScalarLike) -> Float[Array, " size"]:
        phase = (time - self.start.value) / self.span.value
        return jnp.concatenate([(2 * phase - 1)[None], harmonics(phase / _PERIOD, self.count)])


class MLP(eqx.Module):
    """Recipe of a `FieldNetwork`.

    Args:
        width: units of each hidden layer.
        depth: number of hidden layers.

    Raises:
        InvalidInput: width or depth below 1, or out of reach of the compiler.
    """

    width: int = 128
    depth: int = 4

    def __check_init__(self) -> None:
        if not (1 <= self.width <= _MOST_WIDTH and 1 <= self.depth <= _MOST_DEPTH):
            raise InvalidInput(
                f"MLP: width = {self.width}, depth = {self.depth}; expected a width of "
                f"1 to {_MOST_WIDTH:,} and a depth of 1 to {_MOST_DEPTH}."
            )

    def init(
        self,
        inputs: int,
        outputs: int,
        *,
        noise: bool,
        clock: Clock | None,
        condition: int,
        key: Key,
    ) -> "FieldNetwork":
        """An untrained network of ``inputs`` → ``outputs`` numbers.

        Args:
            noise: whether it is told a noise level.
            clock: features of physical time, None if it has none.
            condition: length of the condition vector, 0 if none.
        """
        return FieldNetwork(self, inputs, outputs, noise, clock, condition, key=key)


class FieldNetwork(eqx.Module):
    """F(x, level, time, condition): SiLU layers; inputs enter the first layer side by side.

    Each input has its own first-layer matrix, so that under ``vmap`` whatever all samples share
    (noise level, time) is multiplied once and not once per sample. Physical time also gates the
    first and the last hidden layer: a law that moves or turns is static in a frame that is
    bilinear in x and functions of t, which sums alone learn slowly. Matrices are (inputs,
    outputs): under ``vmap`` a layer is then one product of rows, with no transpose.

    Source: gates as in Perez et al. 2018, eq. 2.
    """

    first: list[Float[Array, "_ width"]]
    gates: list[Float[Array, "width width"]]
    bias: Float[Array, " width"]
    hidden: list[tuple[Float[Array, "width width"], Float[Array, " width"]]]
    last: Float[Array, "width out"]
    last_bias: Float[Array, " out"]
    clock: Clock | None
    noise: bool = eqx.field(static=True)
    condition: int = eqx.field(static=True)

    def __init__(
        self,
        recipe: MLP,
        inputs: int,
        outputs: int,
        noise: bool,
        clock: Clock | None,
        condition: int,
        *,
        key: Key,
    ):
        sizes = [inputs]
        sizes += [9] if noise else []
        sizes += [condition] if condition else []
        sizes += [clock.size] if clock is not None else []
        gates = 2 if clock is not None else 0
        keys = iter(jax.random.split(key, len(sizes) + gates + recipe.depth))
        draw = lambda rows, columns: jax.random.normal(next(keys), (rows, columns))
        width = recipe.width
        # Every input block gets equal say, however many features it has.
        self.first = [draw(size, width) / math.sqrt(size) for size in sizes]
        self.gates = [draw(width, width) * (0.5 / math.sqrt(width)) for _ in range(gates)]
        self.bias = jnp.zeros(width)
        self.hidden = [
            (draw(width, width) * math.sqrt(2 / width), jnp.zeros(width))
            for _ in range(recipe.depth - 1)
        ]
        self.last = draw(width, outputs) * (0.1 / math.sqrt(width))
        self.last_bias = jnp.zeros(outputs)
        self.clock = clock
        self.noise = noise
        self.condition = condition

    def __call__(
        self,
        x: Float[Array, " inputs"],
        level: Any = None,
        time: Any = None,
        condition: Any = None,
    ) -> Float[Array, " outputs"]:
        blocks = [x]
        if self.noise:
            blocks.append(noise_features(level))
        if self.condition:
            blocks.append(jnp.asarray(condition, x.dtype).reshape(self.condition))
        if self.clock is not None:
            blocks.append(self.clock(time))
        entries = [block @ matrix for matrix, block in zip(self.first, blocks, strict=True)]
        h = self.bias + sum(entries)
        if self.clock is not None:
            h = h + entries[0] * (entries[-1] @ self.gates[0])
        h = _silu(h)
        for matrix, bias in self.hidden:
            h = _silu(h @ matrix + bias)
        if self.clock is not None:
            h = h * (1 + entries[-1] @ self.gates[1])
        return h @ self.last + self.last_bias

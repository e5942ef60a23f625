"""What flocks share: neighbours of every particle among all pairs, and checks of parameters.

All pairs are looked at, O(n²) in time, which is fast up to some thousands of particles; the sums
over neighbours are formed in blocks of rows, so that memory stays O(n).
"""

import math
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq.errors import InvalidInput


_ROWS = 256  # particles whose pairs are held at once


def sums_over_pairs(
    kernel: Callable[..., tuple[Array, ...]],
    states: Float[Array, "particles 4"],
    box: float | None,
) -> tuple[Array, ...]:
    """Σ_j kernel(x_j − x_i, v_j − v_i, r²) for every particle i, itself (r = 0) included.

    Args:
        kernel: of arrays (rows, particles) for the gaps (x, y), the differences (v_x, v_y) and
            r²: a tuple of arrays (rows, particles), each of which is summed.
        states: positions and velocities.
        box: side of the periodic square (the nearest image counts), None in free space.
    """

    def row(state):
        gap = [states[:, k] - state[k] for k in range(4)]
        if box is not None:
            gap = [d - box * jnp.round(d / box) for d in gap[:2]] + gap[2:]
        square = gap[0] ** 2 + gap[1] ** 2
        return tuple(jnp.sum(part, -1) for part in kernel(*gap, square))

    if states.shape[0] <= _ROWS:
        return jax.vmap(row)(states)
    return jax.lax.map(row, states, batch_size=_ROWS)


def check_numbers(system: eqx.Module, *names: str, least: float = 0.0, strict: bool = True) -> None:
    """Refuse parameters that are not finite and above (or at) the least value.

    Raises:
        InvalidInput: naming the parameter.
    """
    for name in names:
        value = getattr(system, name)
        if not (math.isfinite(value) and (value > least or (value == least and not strict))):
            sign = ">" if strict else "≥"
            raise InvalidInput(
                f"{type(system).__name__}: {name} = {value}; expected a finite number {sign} "
                f"{least:g}."
            )


def check_particles(system: eqx.Module, count: int) -> None:
    """Refuse what is no number of particles.

    Raises:
        InvalidInput: less than two.
    """
    if isinstance(count, bool) or int(count) != count or count < 2:
        raise InvalidInput(
            f"{type(system).__name__}: particles = {count}; expected a whole number ≥ 2."
        )

"""Whether frames lie close enough to see a motion."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq.traced import jit


_COARSE = 0.7
"""‖∂f/∂x‖ dt from which the next frame is far on its way to rest: 1 − e^{−1.2}, as Euler steps see it."""
_PROBED = 256


def coarse(
    drift: Callable[[Any], Any], states: Float[np.ndarray, "n dim"], dt: float
) -> str | None:
    """A sentence if the drift relaxes within one interval between frames, else None.

    **Equation**: median over states of ‖∂f/∂x‖₂ dt, f the fitted drift. A fit by Euler steps never
    sees more than 1 of a relaxation that is faster than the frames.

    Args:
        drift: f of one state, a pytree.
        states: of the data.
        dt: the interval.
    """
    some = jnp.asarray(states[:: max(1, len(states) // _PROBED)], float)
    slopes = np.asarray(_slopes(drift, some), np.float64)
    change = float(np.median(np.linalg.norm(slopes, 2, axis=(1, 2)))) * dt
    if change <= _COARSE:
        return None
    return (
        f"the drift relaxes by {change:.0%} within one interval of {dt:.3g} between frames, too coarse "
        f"for what it does in between; record at intervals below {dt * _COARSE / change / 2:.2g}"
    )


@jit
def _slopes(drift: Callable[[Any], Any], x: Array) -> Float[Array, "n dim dim"]:
    return jax.vmap(jax.jacfwd(drift))(x)

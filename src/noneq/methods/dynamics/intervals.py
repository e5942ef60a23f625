"""Whether data show a motion: frames close enough, coordinates that move, functions told apart."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq.data.ensembles import Trajectories
from noneq.errors import InvalidInput
from noneq.methods.dynamics.bases import AbstractBasis
from noneq.statistics.gram import WORST_CONDITION
from noneq.traced import jit


_COARSE = 0.7
"""‖∂f/∂x‖ dt from which the next frame is far on its way to rest: 1 − e^{−1.2}, as Euler steps see it."""
_PROBED = 256
_STATES = 20_000
_NAMED = 6
_SHARE = 0.1
"""Of the largest weight, from which on a function is named."""


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


def check_moves(name: str, data: Trajectories) -> None:
    """Refuse vectors with a coordinate that is the same in all frames.

    Raises:
        InvalidInput: naming the coordinate.
    """
    if len(data.event_shape) != 1 or not data.observed.any():
        return
    x = data.values[data.observed]
    still = np.flatnonzero((x == x[:1]).all(axis=0))
    if len(still):
        j = int(still[0])
        given = data.names[j] if len(data.names) == x.shape[1] else f"coordinate {j}"
        raise InvalidInput(
            f"{name}: {given} is {x[0, j]:.6g} in all frames, and what never moves has no law; leave "
            "this column out of the file (command line: --components k keeps the first k)."
        )


def gram_of(
    name: str, data: Trajectories, basis: AbstractBasis, codes: tuple[str, ...]
) -> Float[np.ndarray, "p p"]:
    """⟨b bᵀ⟩ of a library over the states of the data, 20,000 of them at most.

    Raises:
        InvalidInput: a function that is not finite at some of them.
    """
    x = data.values.reshape(*data.values.shape[:2], -1)[data.observed].astype(np.float64)
    rows = basis.values(x[:: -(-len(x) // _STATES)])
    wild = np.flatnonzero(~np.isfinite(rows).all(axis=0))
    if len(wild):
        raise InvalidInput(
            f"{name}: {codes[int(wild[0])]} is not finite at some states of the data; take it out of "
            "the library."
        )
    return rows.T @ rows / len(rows)


def check_told_apart(name: str, gram: Float[np.ndarray, "p p"], codes: tuple[str, ...]) -> None:
    """Refuse a Gram matrix of functions that has no inverse.

    Raises:
        InvalidInput: naming the functions, with the condition number and the cure.
    """
    size = np.sqrt(np.diag(gram))
    nothing = np.flatnonzero(size == 0)
    if len(nothing):
        raise InvalidInput(
            f"{name}: {codes[int(nothing[0])]} is zero at all states of the data; take it out of the "
            "library."
        )
    values, vectors = np.linalg.eigh(gram / size / size[:, None])
    if values[0] > values[-1] / WORST_CONDITION:
        return
    weight = np.abs(vectors[:, 0])
    most = [k for k in np.argsort(-weight) if weight[k] > _SHARE * weight.max()][:_NAMED]
    condition = values[-1] / values[0] if values[0] > 0 else np.inf
    raise InvalidInput(
        f"{name}: the data do not tell {', '.join(codes[k] for k in sorted(most))} apart (condition "
        f"number {condition:.1e}); take a smaller library or paths that see more states, or, for "
        "powers of values far from zero, those about the mean (command line: --set "
        "library.centred=true)."
    )

"""Whether the data say something of every coordinate and every function of a library."""

import numpy as np
from jaxtyping import Float

from noneq.data.ensembles import Trajectories
from noneq.errors import InvalidInput
from noneq.methods.dynamics.bases import AbstractBasis
from noneq.statistics.gram import WORST_CONDITION


_STATES = 20_000
_NAMED = 6
_SHARE = 0.1
"""Of the largest weight, from which on a function is named."""


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

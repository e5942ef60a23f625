"""What counts as a Markov chain: a transition matrix, a rate matrix, or a model that holds one."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from noneq.errors import InvalidInput
from noneq.traits import HasChain


_TOLERANCE = 1e-4
_NAMED = 12


class CheckedChain(NamedTuple):
    """An irreducible chain in float64.

    Attributes:
        matrix: ``(H, H)`` transition probabilities (rows sum to one) or rates (to zero).
        rates: whether it is a rate matrix.
        precision: relative precision of the entries as they were given.
    """

    matrix: np.ndarray
    rates: bool
    precision: float

    @property
    def moves(self) -> Float[np.ndarray, "states states"]:
        """The matrix without its diagonal."""
        return self.matrix - np.diag(np.diag(self.matrix))


def checked(chain: Any) -> CheckedChain:
    """The chain as a matrix; rows within 1e-4 of their sum (float32 models) are made exact.

    Args:
        chain: square array, or a model with the trait `HasChain`.

    Raises:
        InvalidInput: no square matrix of numbers, NaN, negative entries (off the diagonal for
            rates), rows that sum neither to one nor to zero, or a reducible chain: its closed
            classes and the states outside them are named.
    """
    if isinstance(chain, CheckedChain):
        return chain
    try:
        given = np.asarray(chain.transition_matrix() if isinstance(chain, HasChain) else chain)
    except (ValueError, TypeError) as error:
        raise InvalidInput(
            "chain: the rows differ in length or hold no numbers; expected a square matrix of real "
            "numbers."
        ) from error
    if given.dtype.kind not in "fiub" or given.ndim != 2 or given.shape[0] != given.shape[1]:
        raise InvalidInput(
            f"chain: got {given.dtype} of shape {given.shape}; expected a square matrix of real "
            "numbers T[i, j] = P(j | i), a rate matrix, or a model with the trait HasChain."
        )
    if not given.size or not np.isfinite(given).all():
        raise InvalidInput("chain: the matrix is empty or holds NaN or infinity.")
    matrix = given.astype(np.float64)
    precision = float(np.finfo(given.dtype).eps) if given.dtype.kind == "f" else 2.0**-52
    rates = _is_rates(matrix)
    exact = _rates(matrix) if rates else _transitions(matrix)
    _refuse_reducible(exact)
    return CheckedChain(exact, rates, precision)


def _is_rates(matrix: np.ndarray) -> bool:
    """A negative diagonal says rates, unless all rows sum to one; else transitions are meant."""
    ones = bool((np.abs(matrix.sum(1) - 1) <= _TOLERANCE).all())
    return not matrix.any() or (bool((np.diag(matrix) < 0).any()) and not ones)


def _transitions(matrix: np.ndarray) -> np.ndarray:
    _refuse_negative(matrix)
    sums = matrix.sum(1)
    worst = int(np.argmax(np.abs(sums - 1)))
    if abs(sums[worst] - 1) > _TOLERANCE:
        raise InvalidInput(
            f"chain: row {worst} sums to {sums[worst]:.6g}; rows must sum to 1 (transition "
            "matrix T[i, j] = P(j | i)) or to 0 with a negative diagonal (rate matrix). Divide "
            "each row by its sum, or transpose a matrix whose columns sum to 1."
        )
    return matrix / sums[:, None]


def _rates(matrix: np.ndarray) -> np.ndarray:
    leaving = matrix - np.diag(np.diag(matrix))
    _refuse_negative(leaving)
    sums, sizes = matrix.sum(1), leaving.sum(1) + np.abs(np.diag(matrix))
    worst = int(np.argmax(np.abs(sums) - _TOLERANCE * sizes))
    if abs(sums[worst]) > _TOLERANCE * sizes[worst]:
        raise InvalidInput(
            f"chain: row {worst} of the rate matrix sums to {sums[worst]:.6g}; expected 0: set the "
            "diagonal to minus the sum of the other entries of its row."
        )
    return leaving - np.diag(leaving.sum(1))


def _refuse_negative(matrix: np.ndarray) -> None:
    if (matrix < 0).any():
        i, j = np.argwhere(matrix < 0)[0]
        raise InvalidInput(
            f"chain: entry [{i}, {j}] is {matrix[i, j]:.6g}; probabilities and rates cannot be "
            "negative."
        )


def _refuse_reducible(matrix: np.ndarray) -> None:
    from scipy.sparse.csgraph import connected_components

    moves = (matrix - np.diag(np.diag(matrix))) > 0
    count, label = connected_components(moves, directed=True, connection="strong")
    if count == 1:
        return
    leaves = (moves & (label[:, None] != label[None, :])).any(1)
    closed = [c for c in range(count) if not leaves[label == c].any()]
    classes = [np.flatnonzero(label == c) for c in closed]
    classes.sort(key=lambda states: int(states[0]))
    outside = np.flatnonzero(~np.isin(label, closed))
    text = " and ".join(_named(states) for states in classes[:4])
    text += f" and {len(classes) - 4} more" if len(classes) > 4 else ""
    left = f"; states {_named(outside)} are left for good" if outside.size else ""
    raise InvalidInput(
        f"chain: it is reducible, so that it has no single steady state with every state in it. "
        f"Closed classes: {text}{left}. Keep the states of one class "
        "(T[np.ix_(states, states)])."
    )


def _named(states: np.ndarray) -> str:
    shown = ", ".join(str(s) for s in states[:_NAMED])
    return "{" + shown + (f", … {len(states)} in all" if len(states) > _NAMED else "") + "}"

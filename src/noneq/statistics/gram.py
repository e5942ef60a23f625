"""Gram matrices of libraries: their condition, and how they are solved when it is bad."""

from typing import TypeAlias

import numpy as np
from jaxtyping import Float


Matrix: TypeAlias = Float[np.ndarray, "..."]

WORST_CONDITION = 1e10
"""Directions that weigh less than the heaviest one over this are not seen by the data."""


def condition_number(gram: Matrix) -> float:
    """Of a Gram matrix, its diagonal scaled to 1; infinite if it is singular."""
    values = np.linalg.eigvalsh(_scaled(gram)[0])
    return float(values[-1] / values[0]) if values[0] > 0 else float("inf")


def inverse_gram(gram: Matrix) -> Matrix:
    """Pseudo-inverse; directions that the data do not see are left out."""
    scaled, size = _scaled(gram)
    values, vectors = np.linalg.eigh(scaled)
    keep = values > values[-1] / WORST_CONDITION
    half = vectors[:, keep] / np.sqrt(values[keep]) / size[:, None]
    return half @ half.T


def solve(gram: Matrix, right: Matrix) -> Matrix:
    """G^{-1} right: by Cholesky, which is quick, or by `inverse_gram` where G is near singular."""
    scaled, size = _scaled(gram)
    try:
        root = np.linalg.cholesky(scaled)
    except np.linalg.LinAlgError:
        return inverse_gram(gram) @ right
    if np.diag(root).min() ** 2 < 10 * len(gram) / WORST_CONDITION:
        return inverse_gram(gram) @ right
    half = np.linalg.solve(root, right / size[:, None])
    return np.linalg.solve(root.T, half) / size[:, None]


def _scaled(gram: Matrix) -> tuple[Matrix, Float[np.ndarray, " p"]]:
    """The matrix with its diagonal scaled to 1, and the scale."""
    size = np.sqrt(np.maximum(np.diag(gram), 1e-300))
    scaled = gram / size / size[:, None]
    return (scaled + scaled.T) / 2, size

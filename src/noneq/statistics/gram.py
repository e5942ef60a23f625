"""Gram matrices of libraries: their condition, and how they are solved when it is bad."""

from typing import TypeAlias

import numpy as np
from jaxtyping import Float


Matrix: TypeAlias = Float[np.ndarray, "..."]

WORST_CONDITION = 1e10
"""Directions that weigh less than the heaviest one over this are not seen by the data."""


def condition_number(gram: Matrix) -> float:
    """Of a Gram matrix, its diagonal scaled to 1; infinite if it is singular."""
    size = np.sqrt(np.maximum(np.diag(gram), 1e-300))
    values = np.linalg.eigvalsh(gram / size / size[:, None])
    return float(values[-1] / values[0]) if values[0] > 0 else float("inf")


def inverse_gram(gram: Matrix) -> Matrix:
    """Pseudo-inverse; directions that the data do not see are left out."""
    size = np.sqrt(np.maximum(np.diag(gram), 1e-300))
    scaled = gram / size / size[:, None]
    values, vectors = np.linalg.eigh((scaled + scaled.T) / 2)
    keep = values > values[-1] / WORST_CONDITION
    half = vectors[:, keep] / np.sqrt(values[keep]) / size[:, None]
    return half @ half.T


def solve(gram: Matrix, right: Matrix) -> Matrix:
    """G^{-1} right, by `inverse_gram`."""
    return inverse_gram(gram) @ right

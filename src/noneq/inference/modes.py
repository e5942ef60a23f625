"""Linear algebra of an ensemble of vector fields, each given by its values on the same states."""

import numpy as np
from jaxtyping import Float

from noneq.inference.fields import directions


def rms(values: Float[np.ndarray, "fields n dim"]) -> Float[np.ndarray, " fields"]:
    """√⟨|v|²⟩ of every field."""
    return np.sqrt(np.mean(np.sum(values**2, axis=-1), axis=-1))


def normalised(values: Float[np.ndarray, "fields n dim"]) -> Float[np.ndarray, "fields n dim"]:
    """Every field divided by its √⟨|v|²⟩; a field that is zero stays zero."""
    size = rms(values)
    return values / np.where(size > 0, size, 1.0)[:, None, None]


def gram(unit: Float[np.ndarray, "fields n dim"]) -> Float[np.ndarray, "fields fields"]:
    """⟨v_a·v_b⟩ of normalised fields."""
    flat = unit.reshape(len(unit), -1)
    return flat @ flat.T / unit.shape[1]


def spectrum(
    matrix: Float[np.ndarray, "fields fields"],
) -> tuple[Float[np.ndarray, " fields"], Float[np.ndarray, "fields fields"]]:
    """Eigenvalues of a Gram matrix, largest first and not negative, and eigenvectors as columns."""
    values, vectors = np.linalg.eigh(matrix)
    return np.maximum(values[::-1], 0.0), vectors[:, ::-1]


def participation(eigenvalues: Float[np.ndarray, " fields"]) -> float:
    """(Σλ)²/Σλ²: 1 for fields that are all alike, their number if they are orthogonal."""
    return float(eigenvalues.sum() ** 2 / np.sum(eigenvalues**2))


def fewest(eigenvalues: Float[np.ndarray, " fields"], share: float) -> int:
    """The smallest number of modes that holds ``share`` of the variance."""
    held = np.cumsum(eigenvalues) / eigenvalues.sum()
    return int(np.argmax(held >= share - 1e-12)) + 1


def mode_fields(
    unit: Float[np.ndarray, "fields n dim"],
    eigenvalues: Float[np.ndarray, " fields"],
    vectors: Float[np.ndarray, "fields fields"],
    count: int,
) -> Float[np.ndarray, "count n dim"]:
    """The leading modes, orthonormal in ⟨a·b⟩: w_i = Σ_a u_ai v_a/√λ_i."""
    weights = vectors[:, :count] / np.sqrt(eigenvalues[:count])
    return np.einsum("ai,and->ind", weights, unit)


def share_within(
    unit: Float[np.ndarray, "fields n dim"], modes: Float[np.ndarray, "count n dim"]
) -> Float[np.ndarray, " fields"]:
    """Squared length of the part of every normalised field inside the span of orthonormal modes."""
    flat = modes.reshape(len(modes), -1)
    overlap = unit.reshape(len(unit), -1) @ flat.T / unit.shape[1]
    return np.clip(np.sum(overlap**2, axis=1), 0.0, 1.0)


def principal_angles(
    a: Float[np.ndarray, "p n dim"], b: Float[np.ndarray, "q n dim"]
) -> Float[np.ndarray, " angles"]:
    """Angles between the spans of two sets of orthonormal modes, smallest first, in degrees.

    **Equation**: cos θ_i are the singular values of ⟨a_i·b_j⟩ (Björck and Golub 1973).
    """
    overlap = a.reshape(len(a), -1) @ b.reshape(len(b), -1).T / a.shape[1]
    cosine = np.linalg.svd(overlap, compute_uv=False)
    return np.degrees(np.arccos(np.clip(cosine, 0.0, 1.0)))


def agreement(
    unit: Float[np.ndarray, "fields n dim"], signs: Float[np.ndarray, " fields"]
) -> Float[np.ndarray, " n"]:
    """Length of the mean unit vector of the fields at every state, their signs aligned."""
    return np.linalg.norm(np.mean(directions(unit) * signs[:, None, None], axis=0), axis=-1)


def mean_cosines(
    a: Float[np.ndarray, "p n dim"], b: Float[np.ndarray, "q n dim"]
) -> Float[np.ndarray, "p q"]:
    """⟨cos⟩ over the states between every two fields."""
    first, second = (directions(v).reshape(len(v), -1) for v in (a, b))
    return first @ second.T / a.shape[1]

"""A vector field on samples as a gradient and a rest without source: the split of Helmholtz and Hodge."""

from dataclasses import dataclass

import numpy as np

from noneq.errors import InvalidInput


_MOST_FEATURES = 600
_RIDGE = 1e-10


@dataclass(frozen=True)
class HelmholtzSplit:
    """v = ∇φ + rest on the samples; the rest carries no probability across: ⟨rest·∇g⟩ = 0 for all g.

    Attributes:
        gradient, rest: (n, dim) values at the samples.
        share: ⟨|∇φ|²⟩/⟨|v|²⟩, between 0 and 1.
        stderr: of the share, over the samples and with the bias of the fitted features removed.
        degree: of the polynomial φ.
    """

    gradient: np.ndarray
    rest: np.ndarray
    share: float
    stderr: float
    degree: int


def helmholtz(x: np.ndarray, v: np.ndarray, *, degree: int = 4) -> HelmholtzSplit:
    """Split v into the gradient nearest to it in the mean over the samples, and the rest.

    **Equation**: φ = argmin ⟨|v − ∇φ|²⟩ over polynomials of the degree; its condition
    ⟨(v − ∇φ)·∇g⟩ = 0 for all g says that div(p rest) = 0, so that the rest leaves p as it is.

    The share is cross-fitted: φ of one half of the samples is judged on the other one, so that
    features which fit noise do not count as gradient.

    Args:
        x: (n, dim) samples of p.
        v: (n, dim) the field there.
        degree: of φ, lowered until there are at most a tenth as many features as samples.

    Raises:
        InvalidInput: shapes that differ, values that are not finite, or fewer than 20 samples.
    """
    x, v = np.asarray(x, np.float64), np.asarray(v, np.float64)
    if x.ndim != 2 or x.shape != v.shape or len(x) < 20:
        raise InvalidInput(
            f"helmholtz: samples of shape {x.shape} and a field of {v.shape}; expected the same "
            "(n, dim), n at least 20."
        )
    if not (np.isfinite(x).all() and np.isfinite(v).all()):
        raise InvalidInput("helmholtz: samples or field hold NaN or infinity.")
    scale = np.where(x.std(0) > 0, x.std(0), 1.0)
    y, w = (x - x.mean(0)) / scale, v
    dim = x.shape[1]
    most = min(_MOST_FEATURES, len(x) * dim // 10)
    while degree > 1 and _count(dim, degree) > most:
        degree -= 1
    powers = _powers(dim, degree)
    slopes = _slopes(y, powers) / scale
    coefficients = _least(slopes, w)
    gradient = np.einsum("nfd,f->nd", slopes, coefficients)
    gain = np.empty(len(x))
    for here in (np.arange(len(x)) % 2 == 0, np.arange(len(x)) % 2 == 1):
        guess = np.einsum("nfd,f->nd", slopes[here], _least(slopes[~here], w[~here]))
        gain[here] = (w[here] ** 2).sum(1) - ((w[here] - guess) ** 2).sum(1)
    size = (w**2).sum(1)
    if size.mean() == 0:
        return HelmholtzSplit(gradient, v - gradient, 0.0, 0.0, degree)
    share = gain.mean() / size.mean()
    error = np.std(gain - share * size, ddof=1) / size.mean() / np.sqrt(len(x))
    return HelmholtzSplit(
        gradient, v - gradient, float(np.clip(share, 0.0, 1.0)), float(error), degree
    )


def _count(dim: int, degree: int) -> int:
    """Monomials of degree 1 to ``degree``."""
    from math import comb

    return comb(dim + degree, degree) - 1


def _powers(dim: int, degree: int) -> np.ndarray:
    """Exponents (features, dim) of all monomials of degree 1 to ``degree``."""
    from itertools import combinations_with_replacement

    rows = []
    for d in range(1, degree + 1):
        for factors in combinations_with_replacement(range(dim), d):
            rows.append(np.bincount(factors, minlength=dim))
    return np.asarray(rows)


def _slopes(y: np.ndarray, powers: np.ndarray) -> np.ndarray:
    """∇ of every monomial at every sample: (n, features, dim)."""
    found = np.empty((len(y), len(powers), y.shape[1]))
    for d in range(y.shape[1]):
        lower = powers - np.eye(y.shape[1], dtype=int)[d]
        factor = powers[:, d].astype(float)
        terms = np.prod(y[:, None, :] ** np.maximum(lower, 0), axis=2)
        found[:, :, d] = factor * terms
    return found


def _least(slopes: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Coefficients of the nearest gradient; a tiny ridge settles features that are copies."""
    gram = np.einsum("nfd,ngd->fg", slopes, slopes) / len(v)
    right = np.einsum("nfd,nd->f", slopes, v) / len(v)
    size = np.sqrt(np.maximum(np.diag(gram), 1e-300))
    scaled = gram / size / size[:, None] + _RIDGE * np.eye(len(gram))
    return np.linalg.solve(scaled, right / size) / size

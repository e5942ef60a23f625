"""Gaussian likelihood of displacements whose mean square grows as a power, with errors of positions."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from noneq.systems.fractional import fractional_covariance


_ALPHA = (0.02, 1.98)
_MOST_SHARE = 0.999
"""Of the variance of a displacement, that errors of the positions make up."""
_STEP = 1e-4
_GROUPS = 12
"""Runs or paths that a sandwich error needs."""
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Runs:
    """Displacements without gaps.

    Args:
        values: ``(runs, longest, dim)``, 0 after the end of each.
        lengths: of the runs.
        paths: from which path each comes.
    """

    values: Float[np.ndarray, "runs L dim"]
    lengths: Int[np.ndarray, " runs"]
    paths: Int[np.ndarray, " runs"]

    @property
    def count(self) -> int:
        """Displacements."""
        return int(self.lengths.sum())

    @property
    def inside(self) -> np.ndarray:
        """``(runs, L)``, where the values are displacements."""
        return np.arange(self.values.shape[1]) < self.lengths[:, None]


def fitted(runs: Runs, localisation: bool) -> tuple[float, float, float]:
    """(alpha, log s, r) of the largest likelihood; r = localisation²/s."""
    from scipy.optimize import minimize

    def cost(shape: np.ndarray) -> float:
        return _cost(runs, shape[0], _ratio(shape[1]))[0]

    shares = (0.05, 0.5, 0.9) if localisation else (0.0,)
    starts = [np.array([a, u]) for a in (0.4, 1.0, 1.6) for u in shares]
    first = min(starts, key=cost)
    bounds = [_ALPHA, (0.0, _MOST_SHARE if localisation else 0.0)]
    found = minimize(cost, first, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-13})
    # From the edge without errors too: the likelihood may have a second, lower hill there.
    edge = minimize(cost, [found.x[0], 0.0], method="L-BFGS-B", bounds=[_ALPHA, (0.0, 0.0)])
    best = min((found, edge), key=lambda result: result.fun)
    alpha, r = float(best.x[0]), _ratio(best.x[1])
    return alpha, float(np.log(_cost(runs, alpha, r)[1])), r


def errors(
    runs: Runs, alpha: float, log_s: float, r: float, localisation: bool
) -> tuple[Float[np.ndarray, "3 3"], bool]:
    """Covariance of (alpha, log s, r), and whether the runs were enough for a sandwich.

    **Equation**: I_ij = ½ Σ_runs Tr C⁻¹ ∂_iC C⁻¹ ∂_jC; the sandwich is I⁻¹ (Σ u uᵀ) I⁻¹ with the
    scores u of the paths, of few paths those of the runs. The larger error is taken.
    """
    from scipy.linalg import solve_triangular, toeplitz

    longest, dim = runs.values.shape[1:]
    s = np.exp(log_s)
    law = lambda a: s * _covariance(longest, a, r)
    slopes = [
        toeplitz((law(alpha + _STEP) - law(alpha - _STEP)) / (2 * _STEP)),
        toeplitz(law(alpha)),
        toeplitz(s * _noise(longest)),
    ][: 3 if localisation else 2]
    root = np.linalg.cholesky(toeplitz(law(alpha)))
    whiten = lambda m: solve_triangular(root, m, lower=True)
    whole = [whiten(whiten(slope).T) for slope in slopes]
    size, ends = len(whole), runs.lengths - 1
    square = lambda m: np.cumsum(np.cumsum(m, 0), 1)[ends, ends]
    information = np.empty((size, size))
    for i in range(size):
        for j in range(size):
            information[i, j] = 0.5 * dim * square(whole[i] * whole[j]).sum()
    z = np.where(
        runs.inside[:, :, None],
        whiten(_columns(runs)).reshape(longest, -1, dim).swapaxes(0, 1),
        0.0,
    )
    score = np.stack(
        [
            0.5
            * (
                np.einsum("rid,ij,rjd->r", z, m, z, optimize=True)
                - dim * np.cumsum(np.diag(m))[ends]
            )
            for m in whole
        ]
    )
    few = len(np.unique(runs.paths)) < _GROUPS
    label = np.arange(len(runs.paths)) if few else runs.paths
    groups = np.stack([np.bincount(label, row) for row in score])
    inverse = np.linalg.inv(information)
    found, enough = inverse, len(np.unique(label)) >= _GROUPS
    if enough:
        sandwich = inverse @ (groups @ groups.T) @ inverse
        wider = np.sqrt(np.maximum(np.diag(sandwich) / np.diag(inverse), 1.0))
        found = inverse * np.outer(wider, wider)
    full = np.zeros((3, 3))
    full[:size, :size] = found
    return full, enough


def _ratio(share: float) -> float:
    """localisation²/s from the share of the variance s + 2 localisation² of a displacement."""
    return float(share) / (2 * (1 - float(share)))


def _noise(longest: int) -> np.ndarray:
    """Covariance of the differences of independent errors of unit variance."""
    found = np.zeros(longest)
    found[: min(2, longest)] = (2.0, -1.0)[: min(2, longest)]
    return found


def _covariance(longest: int, alpha: float, r: float) -> np.ndarray:
    """Of displacements, over s."""
    return fractional_covariance(np.arange(longest), alpha / 2) + r * _noise(longest)


def _columns(runs: Runs) -> np.ndarray:
    """``(longest, runs · dim)``."""
    return runs.values.swapaxes(0, 1).reshape(runs.values.shape[1], -1)


def _cost(runs: Runs, alpha: float, r: float) -> tuple[float, float]:
    """−log likelihood a number, s at its best; and that s."""
    from scipy.linalg import solve_triangular, toeplitz

    longest, dim = runs.values.shape[1:]
    matrix = toeplitz(_covariance(longest, alpha, r))
    matrix[np.diag_indices(longest)] += _ROUNDING
    root = np.linalg.cholesky(matrix)
    z = solve_triangular(root, _columns(runs), lower=True).reshape(longest, -1, dim)
    s = float((np.where(runs.inside.T[:, :, None], z, 0.0) ** 2).sum()) / (dim * runs.count)
    logs = np.cumsum(np.log(np.diag(root)))[runs.lengths - 1].sum()
    return float(0.5 * np.log(s) + logs / runs.count), s

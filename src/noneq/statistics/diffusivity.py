"""A diffusivity that depends on the state, and regressions weighted by its inverse."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from noneq.data.ensembles import Trajectories
from noneq.statistics.gram import solve
from noneq.statistics.increment_blocks import block_count, increment_blocks
from noneq.statistics.libraries import AbstractLibrary
from noneq.statistics.regression import Regression, check_noise


_FLOOR = 1e-2


@dataclass(frozen=True)
class DiffusivityField:
    """D(x) = Σ_j C_j b_j(x), its eigenvalues not below a hundredth of their mean over the data.

    Attributes:
        library: b_1 … b_p.
        coefficients: C, ``(p, dim, dim)``, symmetric.
        floor: least eigenvalue relative to ``mean``.
        mean: D averaged over the data, ``(dim, dim)``.
    """

    library: AbstractLibrary
    coefficients: Float[np.ndarray, "p dim dim"]
    mean: Float[np.ndarray, "dim dim"]

    def __call__(self, x: Float[np.ndarray, "N dim"]) -> Float[np.ndarray, "N dim dim"]:
        """D at states."""
        raw = np.einsum(
            "np,pij->nij", self.library.values(np.asarray(x, np.float64)), self.coefficients
        )
        size = np.sqrt(np.diag(self.mean))
        values, vectors = np.linalg.eigh(raw / size / size[:, None])
        kept = np.maximum(values, _FLOOR)
        return np.einsum("nik,nk,njk->nij", vectors, kept, vectors) * size * size[:, None]


def diffusivity_field(
    trajectories: Trajectories,
    library: AbstractLibrary,
    velocity: Regression,
    *,
    lag: int = 1,
    localisation: bool = False,
    exposure: float = 0.0,
) -> DiffusivityField:
    """Regression of squared displacements, less their mean motion, on a library.

    **Equation**: C = G^{-1} ⟨b (Δx − v dt)(Δx − v dt)ᵀ/(2 dt)⟩ in the middle of the increments; with
    R = exposure/6 divided by 1 − 2R, with measurement noise 2 C(2 lag) − C(lag), which holds for
    any D(x) whose noise is the same everywhere or not.

    Args:
        trajectories, lag, localisation, exposure: as in `noneq.statistics.regression.regress`.
        library: of D.
        velocity: mean local velocity, by `noneq.statistics.regression.regress`.

    Raises:
        InvalidInput: as `noneq.statistics.regression.regress`.
    """
    check_noise(trajectories, localisation, exposure)
    found = _squares(trajectories, library, velocity, lag)
    if localisation:
        found = 2 * _squares(trajectories, library, velocity, 2 * lag) - found
    else:
        found = found / (1 - exposure / 3)
    return DiffusivityField(library, found, velocity.diffusivity)


def _squares(
    trajectories: Trajectories, library: AbstractLibrary, velocity: Regression, lag: int
) -> Float[np.ndarray, "p dim dim"]:
    dim = int(np.prod(trajectories.event_shape))
    gram, right = np.zeros(()), np.zeros(())
    for _, piece in increment_blocks(trajectories, lag):
        values = library.values(piece.middle)
        rest = piece.move - velocity(piece.middle) * piece.dt[:, None]
        square = rest[:, :, None] * rest[:, None, :] / (2 * piece.dt[:, None, None])
        gram = gram + values.T @ values
        right = right + values.T @ square.reshape(len(square), -1)
    return solve(gram, right).reshape(-1, dim, dim)


def weighted_sums(
    trajectories: Trajectories,
    library: AbstractLibrary,
    diffusivity: DiffusivityField,
    *,
    lag: int = 1,
    blocks: int = 64,
) -> tuple[
    Float[np.ndarray, "K p_dim p_dim"], Float[np.ndarray, "K p_dim"], Float[np.ndarray, " K"]
]:
    """Σ (b bᵀ ⊗ D^{-1}) dt, Σ b ⊗ D^{-1} Δx and Σ dt of every block, in the middle of increments."""
    dim = int(np.prod(trajectories.event_shape))
    size, count = library.sizes(dim)[-1], block_count(trajectories, lag, blocks)
    gram, right = np.zeros((count, size, dim, size, dim)), np.zeros((count, size, dim))
    time = np.zeros(count)
    for k, piece in increment_blocks(trajectories, lag, blocks):
        values, inverse = library.values(piece.middle), np.linalg.inv(diffusivity(piece.middle))
        for i in range(dim):
            for j in range(dim):
                weight = piece.dt * inverse[:, i, j]
                gram[k, :, i, :, j] += (values * weight[:, None]).T @ values
        right[k] += values.T @ np.einsum("nij,nj->ni", inverse, piece.move)
        time[k] += piece.dt.sum()
    return gram.reshape(count, size * dim, -1), right.reshape(count, -1), time

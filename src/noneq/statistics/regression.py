"""Regression of the increments of paths on a library of functions: drift, velocity, diffusivity."""

import warnings
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float

from noneq.data.ensembles import Trajectories
from noneq.errors import InvalidInput
from noneq.statistics.gram import WORST_CONDITION, condition_number, inverse_gram, solve
from noneq.statistics.increment_blocks import Paths
from noneq.statistics.increment_sums import Totals, increment_sums
from noneq.statistics.increments import even
from noneq.statistics.libraries import AbstractLibrary, on_domain


Convention: TypeAlias = Literal["ito", "stratonovich", "velocity"]
"""Drift by Itô sums, drift by Stratonovich sums with their correction, mean local velocity."""
Matrix: TypeAlias = Float[np.ndarray, "..."]


@dataclass(frozen=True)
class Regression:
    """Coefficients of a field on a library, with their covariance.

    Attributes:
        library: b_1 … b_p.
        coefficients: θ of the field Σ_j θ_j b_j(x), ``(p, dim)``.
        diffusivity: D, ``(dim, dim)``.
        localisation: covariance σ² of the measurement noise, zeros if it was not asked for.
        gram: Σ b bᵀ dt, ``(p, p)``; residuals: its blocks' Σ b (Δx − θᵀb dt)ᵀ, ``(K, p, dim)``.
        condition: condition number of the Gram matrix, its diagonal scaled to 1.
        convention: what the field is.
        lag: of the increments.
    """

    library: AbstractLibrary
    coefficients: Float[np.ndarray, "p dim"]
    diffusivity: Float[np.ndarray, "dim dim"]
    localisation: Float[np.ndarray, "dim dim"]
    gram: Float[np.ndarray, "p p"]
    residuals: Float[np.ndarray, "K p dim"]
    condition: float
    convention: Convention
    lag: int

    def __call__(self, x: Float[np.ndarray, "N dim"]) -> Float[np.ndarray, "N dim"]:
        """The field at states."""
        return self.library.values(np.asarray(x, np.float64)) @ self.coefficients

    def covariance(
        self, kind: Literal["homogeneous", "sandwich"] = "sandwich"
    ) -> Float[np.ndarray, "p_dim p_dim"]:
        """Covariance of the coefficients, raveled as ``(p, dim)``.

        **Equation**: homogeneous: G^{-1} ⊗ 2D, right if the library holds the true field; sandwich:
        G^{-1} [K/(K − 1) Σ_k r_k r_kᵀ] G^{-1} of the blocks' residual sums r_k, right without that.
        """
        inverse, dim = inverse_gram(self.gram), len(self.diffusivity)
        if kind == "homogeneous":
            return np.kron(inverse, 2 * self.lag * self.diffusivity)
        moved = np.einsum("pq,kqd->kpd", inverse, self.residuals).reshape(len(self.residuals), -1)
        count = len(moved)
        return (moved.T @ moved * count / (count - 1)).reshape(2 * (len(inverse) * dim,))

    def stderr(
        self, kind: Literal["homogeneous", "sandwich"] = "sandwich"
    ) -> Float[np.ndarray, "p dim"]:
        """Standard errors of the coefficients."""
        return np.sqrt(np.diag(self.covariance(kind))).reshape(self.coefficients.shape)


def regress(
    trajectories: Trajectories,
    library: AbstractLibrary,
    *,
    convention: Convention = "ito",
    lag: int = 1,
    localisation: bool = False,
    exposure: float = 0.0,
    weights: Float[np.ndarray, " n"] | None = None,
    blocks: int = 64,
) -> Regression:
    """Drift or mean local velocity of paths with constant noise, linear in the parameters.

    **Equation**: with G = ⟨b bᵀ⟩ and D from the residuals,
    Itô: f = bᵀ G^{-1} ⟨b ẋ⟩, b at the start of each increment;
    velocity: v = bᵀ G^{-1} ⟨b ∘ ẋ⟩, b in the middle; v = J/p, whatever D(x);
    Stratonovich: f = bᵀ G^{-1} (⟨b ∘ ẋ⟩ − D ⟨∇b⟩), which measurement noise does not bias.

    Args:
        trajectories: ``(n, T, dim)``; gaps, uneven times and many paths are allowed.
        library: functions b.
        convention: ``"ito"``, ``"stratonovich"`` or ``"velocity"``.
        lag: frames of an increment.
        localisation: the positions carry measurement noise, independent from frame to frame: D is
            taken from two lags (Vestergaard) and G from two frames. Needs even times, and
            Stratonovich sums.
        exposure: part of the recording interval over which the camera averages (motion blur), 0…1.
        weights: of the trajectories.
        blocks: of the sandwich covariance.

    Returns:
        The errors of a drift are of order dt in all cases; extrapolate over ``lag``.

    Raises:
        InvalidInput: fewer increments than functions, exposure outside [0, 1], or measurement noise
            with Itô sums or uneven times.

    Source: Frishman and Ronceray 2020; Vestergaard, Blainey and Flyvbjerg 2014, eq. 14 and 15.
    """
    library = on_domain(library, trajectories)
    check_noise(trajectories, localisation, exposure)
    if localisation and convention == "ito":
        raise InvalidInput(
            "regress: measurement noise biases Itô sums by σ²/dt; use convention='stratonovich' "
            "with localisation=True."
        )
    at = "start" if convention == "ito" else "middle"
    strato = convention == "stratonovich"
    take = lambda k: increment_sums(
        trajectories,
        library,
        at=at,
        lag=k,
        blocks=blocks,
        weights=weights,
        slopes=strato,
        paired=localisation,
    )
    sums = take(lag)
    one, two = sums.total, take(2 * lag).total if localisation else None
    gram = middle_gram(one, two)
    condition = _checked(one, gram)
    diffusivity, noise = diffusivity_of(one, two, exposure)
    cross = sums.cross - sums.slope @ diffusivity if strato else sums.cross
    theta = solve(gram, cross.sum(0))
    residuals = cross - sums.gram @ theta
    return Regression(
        library, theta, diffusivity, noise, gram, residuals, condition, convention, lag
    )


def middle_gram(one: Totals, two: Totals | None = None) -> Float[np.ndarray, "p p"]:
    """Σ b bᵀ dt; with a second, doubled lag free of measurement noise.

    **Equation**: C(k) = ⟨b(t) b(t + k)ᵀ⟩ knows the noise at k = 0 only; the middle of an increment
    has the Gram matrix [C(0) + C(1)]/2 = [3 C(1) − C(2)]/2 to second order in dt.
    """
    if two is None:
        return one.gram
    return (3 * one.paired / one.time - two.paired / two.time) / 2 * one.time


def diffusivity_of(
    one: Totals, two: Totals | None = None, exposure: float = 0.0
) -> tuple[Float[np.ndarray, "dim dim"], Float[np.ndarray, "dim dim"]]:
    """D and the covariance of the measurement noise, from the residuals.

    **Equation**: with m_k the residual covariance over k lags of dt and R = exposure/6,
    D = m_1/[2 dt (1 − 2R)] without measurement noise, else D = (m_2 − m_1)/(2 dt), σ² = R m_1 −
    (1 − 2R)(m_2 − 2 m_1)/2.
    """
    blur = exposure / 6
    first = residual_rate(one)
    if two is None:
        return first / (2 * (1 - 2 * blur)), np.zeros_like(first)
    interval = float(one.time / one.count)
    m1, m2 = first * interval, residual_rate(two) * 2 * interval
    noise = blur * m1 - (1 - 2 * blur) * (m2 - 2 * m1) / 2
    return (m2 - m1) / (2 * interval), noise


def residual_rate(sums: Totals) -> Float[np.ndarray, "dim dim"]:
    """⟨(Δx − θᵀb dt)(Δx − θᵀb dt)ᵀ/dt⟩, freed of the parameters that the fit took."""
    return residual_about(sums, sums.cross.T @ solve(sums.gram, sums.cross))


def residual_about(sums: Totals, fitted: Matrix) -> Float[np.ndarray, "dim dim"]:
    """The same, with Σ (θᵀb)(θᵀb)ᵀ dt = crossᵀ G^{-1} cross known already."""
    return (sums.square - (fitted + fitted.T) / 2) / (float(sums.count) - len(sums.gram))


def check_noise(trajectories: Paths, localisation: bool, exposure: float) -> None:
    """Refuse what cannot be corrected.

    Raises:
        InvalidInput: exposure outside [0, 1], or measurement noise at uneven times.
    """
    if not 0 <= exposure <= 1:
        raise InvalidInput(
            f"exposure = {exposure}; expected the part of the recording interval over which the "
            "camera averages, from 0 to 1."
        )
    if localisation and trajectories.times.size > 1 and not even(np.diff(trajectories.times)):
        raise InvalidInput(
            "localisation=True needs evenly spaced times, because measurement noise is told from "
            "diffusion by how displacements grow with the lag; resample, or mask missing frames."
        )


def _checked(sums: Totals, gram: Matrix) -> float:
    """Condition number; a warning where the data do not tell the functions apart."""
    if float(sums.count) <= len(gram) + 1:
        raise InvalidInput(
            f"{float(sums.count):.0f} increments for a library of {len(gram)} functions; give longer "
            "paths or a smaller library."
        )
    condition = condition_number(gram)
    if condition > WORST_CONDITION:
        warnings.warn(
            f"The library's Gram matrix has the condition number {condition:.1e}: the data do not "
            "tell its functions apart. Combinations that they do not see are left out; take a "
            "smaller library or longer paths.",
            stacklevel=3,
        )
    return condition

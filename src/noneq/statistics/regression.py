"""Regression of the increments of paths on a library of functions: drift, velocity, diffusivity."""

import warnings
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float

from noneq.data.ensembles import Trajectories
from noneq.errors import InvalidInput
from noneq.statistics.increment_blocks import block_count, increment_blocks
from noneq.statistics.increments import even
from noneq.statistics.libraries import AbstractLibrary


Convention: TypeAlias = Literal["ito", "stratonovich", "velocity"]
"""Drift by Itô sums, drift by Stratonovich sums with their correction, mean local velocity."""
Matrix: TypeAlias = Float[np.ndarray, "..."]

_WORST_CONDITION = 1e10


@dataclass(frozen=True)
class Sums:
    """Sums over the increments of each of K blocks; w are weights, b the library at a point.

    Attributes:
        gram: Σ w b bᵀ dt, ``(K, p, p)``.
        cross: Σ w b Δxᵀ, ``(K, p, dim)``.
        square: Σ w Δx Δxᵀ/dt, ``(K, dim, dim)``.
        time, count: Σ w dt and Σ w, ``(K,)``.
        slope: Σ w ∇b dt, ``(K, p, dim)``; zeros if not asked for.
        paired: Σ w b(start) b(end)ᵀ dt made symmetric, free of noise that differs from frame to
            frame if b is linear; zeros if not asked for.
        lag: frames of an increment; those of a lag above 1 overlap.
    """

    gram: Float[np.ndarray, "K p p"]
    cross: Float[np.ndarray, "K p dim"]
    square: Float[np.ndarray, "K dim dim"]
    time: Float[np.ndarray, " K"]
    count: Float[np.ndarray, " K"]
    slope: Float[np.ndarray, "K p dim"]
    paired: Float[np.ndarray, "K p p"]
    lag: int = 1

    def beginning(self, size: int) -> "Sums":
        """Of the first ``size`` functions of the library."""
        return Sums(
            self.gram[:, :size, :size],
            self.cross[:, :size],
            self.square,
            self.time,
            self.count,
            self.slope[:, :size],
            self.paired[:, :size, :size],
            self.lag,
        )


def increment_sums(
    trajectories: Trajectories,
    library: AbstractLibrary,
    *,
    at: Literal["start", "middle"] = "middle",
    lag: int = 1,
    blocks: int = 64,
    weights: Float[np.ndarray, " n"] | None = None,
    slopes: bool = False,
    paired: bool = False,
) -> Sums:
    """One pass over the data, piece by piece, in float64.

    Args:
        trajectories: ``(n, T, dim)``, gaps and uneven times allowed.
        library: p functions of a state.
        at: where the functions are taken: at the start of an increment (Itô sums) or in its middle
            (Stratonovich sums).
        lag: frames of an increment.
        blocks: see `noneq.statistics.increment_blocks.increment_blocks`.
        weights: of the trajectories; None is 1 each.
        slopes, paired: whether to take these sums too.

    Raises:
        InvalidInput: no increment of that lag, or a library that is not finite on the data.
    """
    dim = int(np.prod(trajectories.event_shape))
    size, count = library.sizes(dim)[-1], block_count(trajectories, lag, blocks)
    zeros = lambda *shape: np.zeros((count, *shape))
    gram, cross, square = zeros(size, size), zeros(size, dim), zeros(dim, dim)
    time, number = zeros(), zeros()
    slope, pair = zeros(size, dim), zeros(size, size)
    rows = max(256, min(2**16, 2**22 // max(size, 1)))
    for k, piece in increment_blocks(trajectories, lag, blocks, rows):
        where = piece.start if at == "start" else piece.middle
        values, w = library.values(where), 1.0 if weights is None else weights[piece.path]
        w_dt = w * piece.dt
        gram[k] += _product(values, values, w_dt)
        cross[k] += _product(values, piece.move, w * np.ones_like(piece.dt))
        square[k] += _product(piece.move, piece.move, w / piece.dt)
        time[k] += w_dt.sum()
        number[k] += np.sum(w * np.ones_like(piece.dt))
        if slopes:
            slope[k] += np.einsum("n,npd->pd", w_dt, library.gradients(where))
        if paired:
            first = values if at == "start" else library.values(piece.start)
            both = _product(first, library.values(piece.end), w_dt)
            pair[k] += (both + both.T) / 2
    if not np.isfinite(gram).all():
        raise InvalidInput(
            f"The library {type(library).__name__} has values that are not finite on the data; "
            "give functions that are defined wherever the paths go."
        )
    filled = number > 0
    found = (gram, cross, square, time, number, slope, pair)
    return Sums(*(part[filled] for part in found), lag)


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
        inverse, dim = _inverse(self.gram), len(self.diffusivity)
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
    one = take(lag)
    two = take(2 * lag) if localisation else None
    gram = total_gram(one, two)
    condition = _checked(one, gram)
    diffusivity, noise = diffusivity_of(one, two, exposure, trajectories)
    theta = _solve(gram, one.cross.sum(0))
    cross = one.cross - one.slope @ diffusivity if strato else one.cross
    theta = _solve(gram, cross.sum(0))
    residuals = cross - one.gram @ theta
    return Regression(
        library, theta, diffusivity, noise, gram, residuals, condition, convention, lag
    )


def total_gram(one: Sums, two: Sums | None) -> Float[np.ndarray, "p p"]:
    """Σ b bᵀ dt; with a second lag free of measurement noise.

    **Equation**: C(k) = ⟨b(t) b(t + k)ᵀ⟩ knows the noise at k = 0 only; the middle of an increment
    has the Gram matrix [C(0) + C(1)]/2 = [3 C(1) − C(2)]/2 to second order in dt.
    """
    if two is None:
        return one.gram.sum(0)
    mean = lambda sums: sums.paired.sum(0) / sums.time.sum()
    return (3 * mean(one) - mean(two)) / 2 * one.time.sum()


def diffusivity_of(
    one: Sums, two: Sums | None, exposure: float, trajectories: Trajectories
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
    interval = float(np.mean(np.diff(trajectories.times))) * one.lag
    m1, m2 = first * interval, residual_rate(two) * 2 * interval
    noise = blur * m1 - (1 - 2 * blur) * (m2 - 2 * m1) / 2
    return (m2 - m1) / (2 * interval), noise


def residual_rate(sums: Sums) -> Float[np.ndarray, "dim dim"]:
    """⟨(Δx − θᵀb dt)(Δx − θᵀb dt)ᵀ/dt⟩, freed of the parameters that the fit took."""
    return residual_rate_of(sums.gram.sum(0), sums.cross.sum(0), sums.square.sum(0), _number(sums))


def residual_rate_of(gram: Matrix, cross: Matrix, square: Matrix, count: float) -> Matrix:
    """The same from sums."""
    fitted = cross.T @ _solve(gram, cross)
    return (square - (fitted + fitted.T) / 2) / (count - len(gram))


def check_noise(trajectories: Trajectories, localisation: bool, exposure: float) -> None:
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


def _number(sums: Sums) -> float:
    return float(sums.count.sum())


def _checked(sums: Sums, gram: Matrix) -> float:
    """Condition number; a warning where the data do not tell the functions apart."""
    if _number(sums) <= len(gram) + 1:
        raise InvalidInput(
            f"{_number(sums):.0f} increments for a library of {len(gram)} functions; give longer "
            "paths or a smaller library."
        )
    condition = condition_number(gram)
    if condition > _WORST_CONDITION:
        warnings.warn(
            f"The library's Gram matrix has the condition number {condition:.1e}: the data do not "
            "tell its functions apart. Combinations that they do not see are left out; take a "
            "smaller library or longer paths.",
            stacklevel=3,
        )
    return condition


def condition_number(gram: Matrix) -> float:
    """Of a Gram matrix, its diagonal scaled to 1; infinite if it is singular."""
    size = np.sqrt(np.maximum(np.diag(gram), 1e-300))
    values = np.linalg.eigvalsh(gram / size / size[:, None])
    return float(values[-1] / values[0]) if values[0] > 0 else float("inf")


def _inverse(gram: Matrix) -> Matrix:
    """Pseudo-inverse; directions that the data do not see are left out."""
    size = np.sqrt(np.maximum(np.diag(gram), 1e-300))
    scaled = gram / size / size[:, None]
    values, vectors = np.linalg.eigh((scaled + scaled.T) / 2)
    keep = values > values[-1] / _WORST_CONDITION
    half = vectors[:, keep] / np.sqrt(values[keep]) / size[:, None]
    return half @ half.T


def _solve(gram: Matrix, right: Matrix) -> Matrix:
    return _inverse(gram) @ right


def _product(
    left: Float[np.ndarray, "N p"],
    right: Float[np.ndarray, "N q"],
    weight: Float[np.ndarray, " N"],
) -> Matrix:
    """Σ_n weight_n left_n right_nᵀ; a weight that is the same for all is taken out of the sum."""
    if np.ptp(weight) <= 1e-9 * abs(weight[0]):
        return left.T @ right * float(weight.mean())
    return (left * weight[:, None]).T @ right

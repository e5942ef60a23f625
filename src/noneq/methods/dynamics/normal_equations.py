"""The linear equations of a drift's coefficients, from positions, block by block."""

import warnings
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Bool, Float

from noneq.errors import InvalidInput
from noneq.methods.dynamics.equations import BLOCKS, AbstractEquations, Gain, scaled_covariance
from noneq.statistics.gram import WORST_CONDITION, condition_number, inverse_gram, solve
from noneq.statistics.increment_blocks import Paths, increment_blocks
from noneq.statistics.increment_sums import Sums, increment_sums
from noneq.statistics.libraries import AbstractLibrary
from noneq.statistics.regression import check_noise, diffusivity_of, middle_gram, residual_about


Convention: TypeAlias = Literal["auto", "ito", "stratonovich"]
"""Where the functions of an increment are taken; "auto" is Itô with errors of order dt², or
with localisation Stratonovich, from which the likelihood is climbed."""
Matrix: TypeAlias = Float[np.ndarray, "..."]


@dataclass(frozen=True)
class NormalEquations(AbstractEquations):
    """G θ = C for each coordinate, and what errors are made of.

    Attributes:
        gram: G = Σ b bᵀ dt, ``(p, p)``.
        cross: C = Σ b Δx, corrected as the convention asks, ``(K, p, dim)`` of K blocks.
        grams: G of each block, ``(K, p, p)``.
        diffusivity: D, ``(dim, dim)``.
        localisation: covariance of the measurement noise, ``(dim, dim)``.
        time, count: of all increments.
    """

    gram: Float[np.ndarray, "p p"]
    cross: Float[np.ndarray, "K p dim"]
    grams: Float[np.ndarray, "K p p"]
    diffusivity: Float[np.ndarray, "dim dim"]
    localisation: Float[np.ndarray, "dim dim"]
    time: float
    count: float

    @property
    def shape(self) -> tuple[int, int]:
        """(functions, coordinates)."""
        return self.cross.shape[1], self.cross.shape[2]

    @property
    def condition(self) -> float:
        """Condition number of G, its diagonal scaled to 1."""
        return condition_number(self.gram)

    @property
    def gains(self) -> tuple[Gain, ...]:
        """Of each coordinate: c_Sᵀ G_SS^{-1} c_S/(4 D).

        D is enlarged to what the blocks' residual sums show where increments are correlated
        (measurement noise, accelerations).
        """
        functions, dim = self.shape
        noise = 4 * np.diag(self.diffusivity) * self._inflation()
        right, places = self.cross.sum(0), np.arange(functions) * dim
        return tuple(
            Gain(places + j, self.gram, right[:, j] / np.sqrt(noise[j]))
            for j in range(dim)
            if noise[j] > 0
        )

    def _inflation(self) -> Float[np.ndarray, " dim"]:
        """Variance of the residual sums over that of independent increments, at least 1."""
        theta = solve(self.gram, self.cross.sum(0))
        residuals = self.cross - self.grams @ theta
        blocks, functions = len(residuals), self.shape[0]
        if blocks <= 2 * functions:
            return np.ones(self.shape[1])
        plain = 2 * np.diag(self.gram)[:, None] * np.diag(self.diffusivity)
        seen = (residuals**2).sum(0) * blocks / (blocks - functions)
        ratio = np.median(seen / np.maximum(plain, 1e-300), axis=0)
        # Below 1.3 it is the scatter of a few blocks.
        return np.where(ratio > 1.3, ratio, 1.0)

    def without(self, known: int) -> "NormalEquations":
        """The last ``known`` functions are the known drifts of the coordinates: taken off."""
        if not known:
            return self
        rest = self.cross - self.grams[:, :, -known:]
        return replace(
            self,
            gram=self.gram[:-known, :-known],
            cross=rest[:, :-known],
            grams=self.grams[:, :-known, :-known],
        )

    def solution(self, support: Bool[np.ndarray, "p dim"]) -> Float[np.ndarray, "p dim"]:
        """Coefficients, zero outside the support."""
        found, right = np.zeros(self.shape), self.cross.sum(0)
        for j, keep in enumerate(support.T):
            if keep.any():
                found[keep, j] = solve(self.gram[np.ix_(keep, keep)], right[keep, j, None])[:, 0]
        return found

    def stderr(
        self, theta: Float[np.ndarray, "p dim"], support: Bool[np.ndarray, "p dim"]
    ) -> Float[np.ndarray, "p dim"]:
        """The larger one of two standard errors of each coefficient, given the support.

        **Equation**: √(2 D_jj (G^{-1})_kk), right if the functions hold the true drift, and the
        sandwich G^{-1} [K/(K − 1) Σ_k r_k r_kᵀ] G^{-1} of the blocks' residual sums r_k.
        """
        found, blocks = np.zeros(self.shape), len(self.cross)
        residuals = self.cross - self.grams @ theta
        for j, keep in enumerate(support.T):
            if not keep.any():
                continue
            inverse = inverse_gram(self.gram[np.ix_(keep, keep)])
            moved = residuals[:, keep, j] @ inverse
            plain = 2 * self.diffusivity[j, j] * np.diag(inverse)
            sandwich = (moved**2).sum(0) * blocks / max(blocks - 1, 1)
            found[keep, j] = np.sqrt(np.maximum(plain, sandwich))
        return found

    def covariances(
        self, support: Bool[np.ndarray, "p dim"], errors: Float[np.ndarray, "p dim"]
    ) -> Float[np.ndarray, "dim p p"]:
        """G^{-1} within the support, its diagonal put to the squares of the errors."""
        functions, dim = self.shape
        found = np.zeros((dim, functions, functions))
        for j, keep in enumerate(support.T):
            if keep.any():
                at = np.ix_(keep, keep)
                found[j][at] = scaled_covariance(inverse_gram(self.gram[at]), errors[keep, j])
        return found


def first_order(
    trajectories: Paths,
    library: AbstractLibrary,
    *,
    convention: Convention = "auto",
    localisation: bool = False,
    exposure: float = 0.0,
) -> NormalEquations:
    """Of dX = f(X) dt + √(2D) dW, as `noneq.statistics.regression.regress` sets them up.

    With the convention "auto", Itô sums are freed of their error of order dt: as E[Δx | x] is
    f dt + (Lf) dt²/2 and E[b(x₊) | x] is b + (Lb) dt, ⟨b Δx⟩ = ⟨b (b + b₊)ᵀ⟩ θ dt/2. So is the
    diffusivity: the residuals r of increments have the covariance 2D dt + (J D + D Jᵀ) dt², J = ∂f,
    of which E[Δf Δxᵀ | x] = 2 J D dt makes 2D = ⟨r rᵀ/dt⟩ − ½⟨Δf Δxᵀ + Δx Δfᵀ⟩.

    Raises:
        InvalidInput: as `noneq.statistics.regression.regress`.
    """
    check_noise(trajectories, localisation, exposure)
    if localisation and convention == "ito":
        raise InvalidInput(
            "measurement noise biases Itô sums by σ²/dt; leave convention out, or set it to "
            "stratonovich, with localisation=True."
        )
    middle = convention == "stratonovich" or localisation
    take = lambda lag: increment_sums(
        trajectories, library, at="middle" if middle else "start", lag=lag,
        blocks=BLOCKS, slopes=middle, paired=localisation,
    )  # fmt: skip
    sums: Sums = take(1)
    one, two = sums.total, take(2).total if localisation else None
    gram = middle_gram(one, two)
    diffusivity, noise = diffusivity_of(one, two, exposure)
    cross = sums.cross - sums.slope @ diffusivity if middle else sums.cross
    if convention == "auto" and not middle:
        late, turned = _curvature(trajectories, library, gram, cross)
        cross = cross - late
        if not exposure:
            diffusivity = diffusivity - (turned + turned.T) / (4 * float(one.count))
    if middle and not localisation:  # the residuals of Stratonovich sums see their own correction
        theta = solve(gram, cross.sum(0))
        rate = residual_about(one, theta.T @ gram @ theta)
        diffusivity = rate / (2 * (1 - exposure / 3))
    return NormalEquations(
        gram, cross, sums.gram, diffusivity, noise, float(one.time), float(one.count)
    )


def _curvature(
    trajectories: Paths, library: AbstractLibrary, gram: Matrix, cross: Matrix
) -> tuple[Matrix, Matrix]:
    """Σ b (b₊ − b)ᵀ θ dt/2 of every block, θ by two rounds of correction; and Σ θᵀ(b₊ − b) Δxᵀ."""
    half, along = np.zeros((len(cross), *gram.shape)), np.zeros(cross.shape[1:])
    rows = max(256, min(2**16, 2**22 // len(gram)))
    for k, piece in increment_blocks(trajectories, 1, BLOCKS, rows):
        first = library.values(piece.start)
        change = library.values(piece.end) - first
        half[k] += (first * (piece.dt[:, None] / 2)).T @ change
        along += change.T @ piece.move
    total, right = half.sum(0), cross.sum(0)
    theta = solve(gram, right)
    for _ in range(2):
        theta = solve(gram, right - total @ theta)
    return half @ theta, theta.T @ along


def warned_of_condition(found: AbstractEquations) -> AbstractEquations:
    """The equations; a warning if noise of the positions leaves some coefficients open."""
    condition = found.condition
    if condition > WORST_CONDITION:
        warnings.warn(
            f"The equations of the drift have the condition number {condition:.1e}: noise and inertia "
            "leave some functions of the library open, and combinations that are not seen are left "
            "out. Take a smaller library or longer paths.",
            stacklevel=4,
        )
    return found


def check_count(found: AbstractEquations) -> None:
    """Refuse fewer increments than functions.

    Raises:
        InvalidInput: saying the condition number.
    """
    functions = found.shape[0]
    if found.count <= functions + 1:
        raise InvalidInput(
            f"{found.count:.0f} increments for {functions} functions (condition number "
            f"{found.condition:.1e}); give longer paths or a smaller library (command line: --set "
            "library.degree=1)."
        )


class Joined(AbstractLibrary):
    """Functions of one library, then those of another."""

    first: AbstractLibrary
    second: AbstractLibrary

    def values(self, x: Float[np.ndarray, "N dim"]) -> Float[np.ndarray, "N functions"]:
        return np.concatenate([self.first.values(x), self.second.values(x)], axis=1)

    def gradients(self, x: Float[np.ndarray, "N dim"]) -> Float[np.ndarray, "N functions dim"]:
        return np.concatenate([self.first.gradients(x), self.second.gradients(x)], axis=1)

    def sizes(self, dim: int) -> tuple[int, ...]:
        return (self.first.sizes(dim)[-1] + self.second.sizes(dim)[-1],)

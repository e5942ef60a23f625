"""Who acts on whom in one equation: ridge, group lasso, and the shortest description."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jaxtyping import Bool, Float


Vector: TypeAlias = Float[np.ndarray, " p"]
_RIDGE = 1e-6
"""Of the largest eigenvalue of the scaled Gram matrix; data never tell functions further apart."""
_ROUNDS = 30


@dataclass(frozen=True)
class Problem:
    """The regression of one rate on a library, as sums.

    Attributes:
        gram: Σ b bᵀ dt, ``(p, p)``; cross: Σ b Δx, ``(p,)``; square: Σ Δx²/dt; count: increments.
        uses: ``(p, dim)``, whether a function depends on a coordinate.
        own: the coordinate whose rate it is; it may always act on itself.
    """

    gram: Float[np.ndarray, "p p"]
    cross: Vector
    square: float
    count: float
    uses: Bool[np.ndarray, "p dim"]
    own: int

    @property
    def dim(self) -> int:
        """Coordinates that may act."""
        return self.uses.shape[1]

    def allowed(self, parents: Bool[np.ndarray, " dim"]) -> Bool[np.ndarray, " p"]:
        """Functions of the parents and of the coordinate itself alone."""
        return ~(self.uses & ~(parents | (np.arange(self.dim) == self.own))).any(1)

    def fit(self, keep: Bool[np.ndarray, " p"], weight: Vector | None = None) -> Vector:
        """θ of least squares on some functions, with a weak ridge or one of the given weights."""
        theta, at = np.zeros(len(self.gram)), np.flatnonzero(keep)
        scale = np.sqrt(np.diag(self.gram)[at].clip(1e-300))
        gram = self.gram[np.ix_(at, at)] / np.outer(scale, scale)
        ridge = _RIDGE * len(at) * np.ones(len(at)) if weight is None else weight[at]
        theta[at] = np.linalg.solve(gram + np.diag(ridge), self.cross[at] / scale) / scale
        return theta

    def rest(self, theta: Vector) -> float:
        """Σ (Δx − θᵀb dt)²/dt."""
        return float(self.square - 2 * theta @ self.cross + theta @ self.gram @ theta)

    def length(self, parents: Bool[np.ndarray, " dim"]) -> float:
        """Description length in nats: ½ n ln(rest/n) + ½ p ln n."""
        keep = self.allowed(parents)
        rest = max(self.rest(self.fit(keep)), 1e-12 * self.square)
        return 0.5 * self.count * np.log(rest / self.count) + 0.5 * keep.sum() * np.log(self.count)


Choice: TypeAlias = tuple[Bool[np.ndarray, " dim"], Vector]
"""Parents, and θ."""


def ridge(problem: Problem) -> Choice:
    """θ of the whole library; parents are those without whom the description is longer.

    **Equation**: without the functions g of one coordinate the sum of squares grows by
    θ_gᵀ [(G^{-1})_gg]^{-1} θ_g, so that G is inverted once.
    """
    size = len(problem.gram)
    scale = np.sqrt(np.diag(problem.gram).clip(1e-300))
    gram = problem.gram / np.outer(scale, scale) + _RIDGE * size * np.eye(size)
    inverse = np.linalg.inv(gram)
    theta = inverse @ (problem.cross / scale)
    rest = max(problem.rest(theta / scale), 1e-12 * problem.square)
    full, parents = np.ones(problem.dim, bool), np.zeros(problem.dim, bool)
    for j in range(problem.dim):
        gone = np.flatnonzero(~problem.allowed(_without(full, j)))
        if len(gone):
            more = theta[gone] @ np.linalg.solve(inverse[np.ix_(gone, gone)], theta[gone])
            parents[j] = problem.count * np.log1p(more / rest) > len(gone) * np.log(problem.count)
    return parents, theta / scale


def greedy(problem: Problem) -> Choice:
    """The shortest description: parents are added while it shrinks, then taken away."""
    parents = np.zeros(problem.dim, bool)
    best = problem.length(parents)
    for add in (True, False):
        while True:
            open_ = [j for j in range(problem.dim) if j != problem.own and parents[j] != add]
            trials = [parents ^ (np.arange(problem.dim) == j) for j in open_]
            lengths = [problem.length(trial) for trial in trials]
            if not lengths or min(lengths) >= best:
                break
            best, parents = min(lengths), trials[int(np.argmin(lengths))]
    return parents, problem.fit(problem.allowed(parents))


def group_lasso(problem: Problem) -> Choice:
    """The penalty λ Σ_j ‖θ of all functions of x_j‖; λ by the shortest description.

    **Equation**: groups overlap, so the penalty is the least over η of λ/2 Σ_j (‖θ_j‖²/η_j + η_j),
    a ridge whose weights are renewed: η_j = ‖θ_j‖ (adaptive: each over its size without a penalty).
    """
    scale = np.sqrt(np.diag(problem.gram).clip(1e-300))
    uses = problem.uses & (np.arange(problem.dim) != problem.own)
    sizes = lambda theta: np.sqrt(uses.T.astype(float) @ (theta * scale) ** 2)
    plain = problem.fit(np.ones(len(scale), bool))
    first = sizes(plain).clip(1e-12 * np.abs(plain * scale).max() + 1e-300)
    noise = max(problem.rest(plain), 0.0) / problem.count
    found: list[tuple[float, Choice]] = []
    for strength in np.geomspace(1.0, 1e4, 9):
        theta, levels = plain, first
        for _ in range(_ROUNDS):
            # In units of one standard error of a function's own coefficient.
            weight = strength * noise * (uses / (levels * first)).sum(1)
            theta = problem.fit(np.ones(len(scale), bool), weight + _RIDGE)
            levels = sizes(theta).clip(1e-6 * first)
        parents = sizes(theta) > 1e-2 * first
        found.append((problem.length(parents), (parents, theta)))
    return min(found, key=lambda pair: pair[0])[1]


SELECTIONS: dict[str, Callable[[Problem], Choice]] = {
    "ridge": ridge,
    "group_lasso": group_lasso,
    "greedy": greedy,
}


def _without(parents: Bool[np.ndarray, " dim"], j: int) -> Bool[np.ndarray, " dim"]:
    return parents & (np.arange(len(parents)) != j)

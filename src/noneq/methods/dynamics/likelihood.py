"""Largest likelihood of a law of motion that positions show in part, and the equations about it."""

import warnings
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from noneq.data.ensembles import Trajectories
from noneq.domains import Free, periods_of
from noneq.methods.dynamics.ascent import ascend
from noneq.methods.dynamics.bases import AbstractBasis
from noneq.methods.dynamics.equations import BLOCKS, AbstractEquations, Gain, scaled_covariance
from noneq.methods.dynamics.gaussian_filter import Law, Parameters, free
from noneq.methods.dynamics.segments import Segments, segments
from noneq.statistics.gram import condition_number, inverse_gram, solve
from noneq.symbolic.expression import Expression


MOST_NUMBERS = 300
"""Coefficients up to which the filter is followed; its cost grows with their number."""
_LEAST = 1e-2
"""Of what the noise would be if all displacements were noise, to start from."""
_CURVED = 0.25
"""Bend of the drift over the filter's width, from which on the filter's bias is said."""
_FINE = 0.3
"""Largest step between frames over the fastest time of the drift."""


@dataclass(frozen=True)
class InformationEquations(AbstractEquations):
    """F (θ − θ̂) = 0 about the largest likelihood, for all coordinates at once.

    Attributes:
        best: θ̂, ``(p, dim)``.
        information: F of θ, raveled as ``(p, dim)``, with the noise profiled out.
        slopes: gradients of the log-likelihood at θ̂ by block, of the same θ.
        diffusivity, localisation: D and the covariance of the measurement noise.
        time, count: of all intervals.
    """

    best: Float[np.ndarray, "p dim"]
    information: Float[np.ndarray, "P P"]
    slopes: Float[np.ndarray, "K P"]
    diffusivity: Float[np.ndarray, "dim dim"]
    localisation: Float[np.ndarray, "dim dim"]
    time: float
    count: float

    @property
    def shape(self) -> tuple[int, int]:
        """(functions, coordinates)."""
        return self.best.shape[0], self.best.shape[1]

    @property
    def condition(self) -> float:
        """Condition number of F, its diagonal scaled to 1."""
        return condition_number(self.information)

    @property
    def gains(self) -> tuple[Gain, ...]:
        """Of all coordinates together, as their errors are correlated."""
        right = self.information @ self.best.ravel() / np.sqrt(2.0)
        return (Gain(np.arange(self.best.size), self.information, right),)

    def solution(self, support: Bool[np.ndarray, "p dim"]) -> Float[np.ndarray, "p dim"]:
        """θ of the largest likelihood within the support, as F tells it."""
        keep, found = support.ravel(), np.zeros(self.best.size)
        right = (self.information @ self.best.ravel())[keep, None]
        found[keep] = solve(self.information[np.ix_(keep, keep)], right)[:, 0]
        return found.reshape(self.shape)

    def stderr(
        self, theta: Float[np.ndarray, "p dim"], support: Bool[np.ndarray, "p dim"]
    ) -> Float[np.ndarray, "p dim"]:
        """The larger one of √(F^{-1})_kk and the sandwich F^{-1} [K/(K − 1) Σ_k g_k g_kᵀ] F^{-1}."""
        keep, found, blocks = support.ravel(), np.zeros(self.best.size), len(self.slopes)
        inverse = inverse_gram(self.information[np.ix_(keep, keep)])
        moved = self.slopes[:, keep] @ inverse
        sandwich = (moved**2).sum(0) * blocks / max(blocks - 1, 1)
        found[keep] = np.sqrt(np.maximum(np.diag(inverse), sandwich))
        return found.reshape(self.shape)

    def covariances(
        self, support: Bool[np.ndarray, "p dim"], errors: Float[np.ndarray, "p dim"]
    ) -> Float[np.ndarray, "dim p p"]:
        """F^{-1} within the support, its diagonal put to the squares of the errors."""
        functions, dim = self.shape
        whole, keep = np.zeros((functions * dim,) * 2), support.ravel()
        at = np.ix_(keep, keep)
        whole[at] = scaled_covariance(inverse_gram(self.information[at]), errors.ravel()[keep])
        return np.stack([whole[j::dim, j::dim] for j in range(dim)])


def information_equations(
    trajectories: Trajectories,
    basis: AbstractBasis,
    known: tuple[Expression | None, ...],
    first: AbstractEquations,
    *,
    order: int = 1,
    localisation: bool = True,
    support: Bool[np.ndarray, "p dim"] | None = None,
) -> InformationEquations:
    """Fisher scoring from the solution of the moments' equations.

    Args:
        trajectories: positions.
        basis, known: what the drift is made of.
        first: equations whose solution and noise it starts from.
        order: of the motion.
        localisation: whether the positions carry measurement noise.
        support: coefficients that are not zero; None is all.

    Raises:
        SolveFailed: the likelihood is not finite anywhere near.
    """
    support = np.ones(first.shape, bool) if support is None else support
    theta, D, sigma = first.solution(support), *_noises(trajectories, first, order)
    sigma = sigma if localisation else np.zeros_like(sigma)
    law, data = _law(trajectories, basis, known, theta, sigma, D, order, localisation)
    root = np.linalg.cholesky(2 * D)
    root = np.tril(root, -1) + np.diag(np.log(np.diag(root)))
    dim = len(sigma)
    with jax.enable_x64(True):
        law, data = jax.tree.map(_wide, (law, data))
        noise = np.log(sigma) if localisation else sigma
        start = Parameters(*map(jnp.asarray, (theta, root, noise)))
        may = free(law, len(theta), dim)
        may[: theta.size] = support.ravel()
        best, found = ascend(law, start, data, may)
        spread = np.asarray(best.spread())
        noise = np.exp(2 * np.asarray(best.noise)) if localisation else np.zeros(dim)
    if order == 1:
        _warn_of_curves(trajectories, basis, np.asarray(best.theta), np.diag(spread), noise)
    info, gradient = np.asarray(found.information), np.asarray(found.gradient)
    blocks = np.zeros((int(data.block.max()) + 1, gradient.shape[1]))
    np.add.at(blocks, np.asarray(data.block), gradient)
    rest = np.flatnonzero(may[theta.size :]) + theta.size
    mix = solve(info[np.ix_(rest, rest)], info[rest, : theta.size])
    counted = np.asarray(data.counted)
    return InformationEquations(
        np.asarray(best.theta),
        info[: theta.size, : theta.size] - info[: theta.size, rest] @ mix,
        blocks[:, : theta.size] - blocks[:, rest] @ mix,
        spread / 2,
        np.diag(noise),
        first.time,
        float(counted.sum()),
    )


def _law(
    trajectories: Trajectories,
    basis: AbstractBasis,
    known: tuple[Expression | None, ...],
    theta: np.ndarray,
    sigma: np.ndarray,
    D: np.ndarray,
    order: int,
    noisy: bool,
) -> tuple[Law, Segments]:
    """What the filter follows, with as many steps as the drift asks for."""
    times = trajectories.times.astype(np.float64)
    dt, dim = float(np.median(np.diff(times))), len(sigma)
    x = trajectories.values.reshape(*trajectories.values.shape[:2], -1)
    moves = np.diff(x.astype(np.float64), axis=1)
    both = trajectories.observed[:, 1:] & trajectories.observed[:, :-1]
    pace = (moves[both] ** 2).mean(0) / dt**2
    some = x[trajectories.observed][:: max(1, int(trajectories.observed.sum()) // 256)]
    some = some.astype(np.float64)
    if order == 2:
        some = np.concatenate([some, np.sqrt(pace) * np.resize([1.0, -1.0], (len(some), 1))], 1)
    slopes = np.einsum("nki,kj->nji", basis.gradients(some), theta)
    rate = float(np.quantile(np.linalg.norm(slopes, ord=2, axis=(1, 2)), 0.9))
    if order == 2:
        rate = np.sqrt(rate) if rate * dt > 1 else max(rate, np.sqrt(rate))
    substeps = int(np.clip(np.ceil(dt * rate / _FINE), 1, 8))
    free_domain = isinstance(trajectories.domain, Free)
    shape = trajectories.event_shape
    periods = np.zeros(dim) if free_domain else periods_of(trajectories.domain, shape).ravel()
    step = np.sqrt(np.diag(D) * dt ** (1 if order == 1 else 3))
    law = Law(basis, known, periods, 1e-3 * step, pace, noisy, order, substeps)
    memory = int(np.clip(np.ceil(6 * np.sqrt((sigma / step).max())), 6, 40))
    return law, segments(trajectories, memory, BLOCKS)


def _noises(
    trajectories: Trajectories, first: AbstractEquations, order: int
) -> tuple[np.ndarray, np.ndarray]:
    """D and σ to start from, positive where the moments are not."""
    dt = first.time / first.count
    x = trajectories.values.reshape(*trajectories.values.shape[:2], -1).astype(np.float64)
    seen = trajectories.observed
    for _ in range(order):
        x, seen = np.diff(x, axis=1), seen[:, 1:] & seen[:, :-1]
    square = (x[seen] ** 2).mean(0)
    scale = np.sqrt(_LEAST * square / dt ** (2 * order - 1))
    values, vectors = np.linalg.eigh(first.diffusivity / scale / scale[:, None])
    D = vectors @ np.diag(np.maximum(values, 1.0)) @ vectors.T * scale * scale[:, None]
    sigma = np.sqrt(np.maximum(np.diag(first.localisation), _LEAST**2 * square))
    return D, sigma


def _warn_of_curves(
    trajectories: Trajectories,
    basis: AbstractBasis,
    theta: np.ndarray,
    spread: np.ndarray,
    noise: np.ndarray,
) -> None:
    """Say so if the drift is not straight over what the filter knows of a state.

    **Equation**: ½ P ∂²f against f, with the filter's steady P of free diffusion, P² + 2D dt P =
    2D dt σ².
    """
    x = trajectories.values.reshape(*trajectories.values.shape[:2], -1)[trajectories.observed]
    x = x[:: max(1, len(x) // 512)].astype(np.float64)
    step = spread * float(np.median(np.diff(trajectories.times.astype(np.float64))))
    wide = np.sqrt(np.sqrt(step**2 / 4 + step * noise) - step / 2)
    f = lambda y: basis.values(y) @ theta
    curve = np.sum([(f(x + e) + f(x - e)) / 2 - f(x) for e in np.diag(wide)], axis=0)
    size = lambda rows: float(np.median(np.linalg.norm(rows, axis=1)))
    share = size(curve) / max(size(f(x)), 1e-300)
    if share > _CURVED:
        warnings.warn(
            f"The drift bends by {share:.0%} of its size over what one noisy frame leaves open of a "
            "state, which the filter takes for Gaussian: drift and noise may be too large by as much. "
            "Record with smaller errors or shorter intervals, if you can.",
            stacklevel=4,
        )


def _wide(leaf: object) -> object:
    return (
        jnp.asarray(leaf, float)
        if isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f"
        else leaf
    )

"""Optimal transport distances: exact, sliced, entropic."""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq._typing import Key
from noneq.domains import AbstractDomain, Torus
from noneq.errors import InvalidInput, SolveFailed
from noneq.estimate import Estimate
from noneq.metrics.comparison import generator, pair, whole
from noneq.metrics.pairwise import on_device, squared_distances
from noneq.needs import metric
from noneq.statistics.assignment import assignment, line_transport, potentials, subsample
from noneq.traced import jit


@metric(takes=("truth", "key"))
def w1(
    samples: Any,
    reference: Any,
    *,
    max_n: int = 2000,
    domain: AbstractDomain | None = None,
    truth: Any = None,
    key: Key | None = None,
) -> Estimate:
    """Wasserstein-1 distance, exact for the points used, per time; unit of the states.

    **Equation**: W₁ = min over couplings of E|x − y|, | | Euclidean (shortest way on a torus).

    One coordinate (not on a torus): by sorting, all points, any sizes. Otherwise by linear
    assignment of equal numbers of points: both sides are subsampled to the smaller size and
    to at most ``max_n``; value and floor alike.

    The standard error is the delta method through the optimal dual potentials, for the points
    used: within 10 % away from the floor, too large by up to a factor 1.5 near it.

    Args:
        samples, reference: `Snapshots`, `Trajectories` or an array ``(n, *event_shape)``.
        max_n: largest assignment (time grows as its cube).
        domain: where distances are measured; None: of the reference.
        truth: a second, independent truth sample for the floor; None: halves of the reference.
        key: for subsampling; None: ``jax.random.key(0)``.

    Returns:
        One entry per shared time (a scalar for arrays).

    Raises:
        InvalidInput: no shared time, too few samples, different event shapes.
        WrongType: a domain or key of the wrong kind.
    """
    return _exact(1, samples, reference, max_n, domain, truth, key)


@metric(takes=("truth", "key"))
def w2(
    samples: Any,
    reference: Any,
    *,
    max_n: int = 2000,
    domain: AbstractDomain | None = None,
    truth: Any = None,
    key: Key | None = None,
) -> Estimate:
    """Wasserstein-2 distance, exact for the points used, per time; unit of the states.

    **Equation**: W₂ = (min over couplings of E|x − y|²)^½. Points used, arguments, errors and
    standard error as in `w1`.
    """
    return _exact(2, samples, reference, max_n, domain, truth, key)


def _exact(
    power: int,
    samples: Any,
    reference: Any,
    max_n: int,
    domain: AbstractDomain | None,
    truth: Any,
    key: Key | None,
) -> Estimate:
    comparison = pair(samples, reference, truth, domain)
    max_n = whole(max_n, "max_n", 2, 20_000)
    line = math.prod(comparison.event_shape) == 1 and not isinstance(comparison.domain, Torus)

    def sorted_cost(x: np.ndarray, y: np.ndarray, rng: np.random.Generator):
        del rng
        cost, f, g = line_transport(x.reshape(-1, 1), y.reshape(-1, 1), power)
        return _root(cost, _error(f, g), power)

    def assigned_cost(x: np.ndarray, y: np.ndarray, rng: np.random.Generator):
        size = min(len(x), len(y), max_n)
        a, b, scale = on_device(subsample(x, size, rng), subsample(y, size, rng))
        costs = squared_distances(a, b, comparison.domain, scale) ** (power / 2)
        column = assignment(costs)
        f, g = potentials(costs, column)
        cost = float(costs[np.arange(size), column].mean())
        value, error = _root(cost, _error(f, g), power)
        return value * scale, error * scale

    return comparison.estimate(sorted_cost if line else assigned_cost, key=key)


@metric(takes=("truth", "key"))
def sliced_w2(
    samples: Any,
    reference: Any,
    *,
    n_projections: int = 128,
    domain: AbstractDomain | None = None,
    truth: Any = None,
    key: Key | None = None,
) -> Estimate:
    """Sliced Wasserstein-2 distance, per time; unit of the states.

    **Equation**: SW₂² = mean over unit vectors θ of W₂²(θ·x, θ·y) (Bonneel et al. 2015). A pure
    shift by v gives |v|/√dim. All points are used, sizes may differ. The random directions are
    the same for all times and for the floor; the standard error (as in `w1`) holds for them
    and leaves their own scatter out.

    Args:
        samples, reference, domain, truth: as in `w1`.
        n_projections: number of directions θ.
        key: for the directions and for subsampling; None: ``jax.random.key(0)``.

    Returns:
        One entry per shared time (a scalar for arrays).

    Raises:
        InvalidInput: a torus (no straight projections there), or as `w1`.
    """
    comparison = pair(samples, reference, truth, domain)
    if isinstance(comparison.domain, Torus):
        raise InvalidInput("sliced_w2 has no projections on a torus; use w2 or energy_distance.")
    count = whole(n_projections, "n_projections", 1)
    dim = math.prod(comparison.event_shape)
    theta = generator(key).normal(size=(dim, count))
    theta /= np.linalg.norm(theta, axis=0)

    def measure(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
        del rng
        cost, f, g = line_transport(x.reshape(-1, dim) @ theta, y.reshape(-1, dim) @ theta, 2)
        return _root(cost, _error(f, g), 2)

    return comparison.estimate(measure, key=key)


@metric(takes=("truth", "key"))
def sinkhorn(
    samples: Any,
    reference: Any,
    *,
    epsilon: float = 0.05,
    relative: bool = True,
    max_n: int = 2000,
    max_iterations: int = 5000,
    domain: AbstractDomain | None = None,
    truth: Any = None,
    key: Key | None = None,
) -> Estimate:
    """Sinkhorn divergence for the squared distance, per time; squared unit of the states.

    **Equation**: S_ε = OT_ε(x, y) − ½ OT_ε(x, x) − ½ OT_ε(y, y), cost |x − y|², entropy ε·KL
    (Feydy et al. 2019, eq. 3); ≥ 0, and → W₂² for ε → 0. Standard error: delta method through
    the dual potentials, for the points used, as good as that of `w1`.

    Args:
        samples, reference, domain, truth, key: as in `w1`; sizes may differ.
        epsilon: entropic regularisation.
        relative: take ``epsilon`` in units of the mean squared distance between states of the
            reference at that time; False: in squared units of the states.
        max_n: points used of each side, a random subsample above.
        max_iterations: of the solver.

    Returns:
        One entry per shared time (a scalar for arrays).

    Raises:
        InvalidInput: epsilon not positive, or as `w1`.
        SolveFailed: not converged; raise epsilon or max_iterations.
    """
    comparison = pair(samples, reference, truth, domain)
    max_n = whole(max_n, "max_n", 2, 20_000)
    max_iterations = whole(max_iterations, "max_iterations", 10)
    if not (np.isfinite(epsilon) and epsilon > 0):
        raise InvalidInput(f"epsilon = {epsilon}; expected a positive number.")

    def measure(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
        x, y = subsample(x, max_n, rng), subsample(y, max_n, rng)
        a, b, scale = on_device(x, y)
        costs = [
            _padded(squared_distances(u, v, comparison.domain, scale), len(u.x), len(v.x))
            for u, v in ((a, b), (a, a), (b, b))
        ]
        unit = float(costs[2].sum()) / b.n**2 or 1.0
        level = epsilon * unit if relative else epsilon / scale**2
        value, f, g, converged = _divergence(
            tuple(jnp.asarray(cost, a.x.dtype) for cost in costs),
            jnp.asarray(level, a.x.dtype),
            (a.weight / a.n, b.weight / b.n),
            max_iterations,
        )
        if not (bool(converged) and np.isfinite(float(value))):
            raise SolveFailed(
                f"sinkhorn did not converge in {max_iterations} iterations at epsilon = {epsilon}; "
                "raise epsilon or max_iterations."
            )
        error = _error(np.asarray(f, np.float64)[: a.n], np.asarray(g, np.float64)[: b.n])
        return max(float(value), 0.0) * scale**2, error * scale**2

    return comparison.estimate(measure, key=key)


def _root(cost: float, error: float, power: int) -> tuple[float, float]:
    """From W^p and its error to W and its error."""
    value = max(cost, 0.0) ** (1 / power)
    return value, error / (power * value ** (power - 1)) if value > 0 else error ** (1 / power)


def _error(f: np.ndarray, g: np.ndarray) -> float:
    """Error of E f(x) + E g(y), the potentials taken as fixed."""
    return math.sqrt(f.var(ddof=1) / len(f) + g.var(ddof=1) / len(g))


def _padded(costs: np.ndarray, n: int, m: int) -> np.ndarray:
    return np.pad(costs, ((0, n - costs.shape[0]), (0, m - costs.shape[1])))


@jit
def _divergence(
    costs: tuple[Array, ...], epsilon: Array, weights: tuple[Array, Array], max_iterations: int
) -> tuple[Array, Array, Array, Array]:
    from ott.geometry.geometry import Geometry
    from ott.tools.sinkhorn_divergence import sinkhorn_divergence

    value, out = sinkhorn_divergence(
        Geometry,
        *costs,
        epsilon=epsilon,
        a=weights[0],
        b=weights[1],
        solve_kwargs={"threshold": 1e-3, "max_iterations": max_iterations},
    )
    (f, g), (fx, _), (gy, _) = out.potentials
    return value, f - fx, g - gy, jnp.all(jnp.stack([jnp.asarray(c) for c in out.converged]))

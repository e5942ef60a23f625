"""Slow protocols of least dissipation: geodesics of the friction tensor."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.kinds import checked, shown
from noneq.systems.protocols import Protocol


@checked
def slow_protocol(values: Any, friction: Any, duration: float) -> Protocol:
    """The path of one parameter that dissipates least when it is slow.

    **Equation**: λ' ∝ ζ(λ)^{−1/2}; then W − ΔF = (∫ √ζ dλ)²/τ, the squared length over the time.

    Args:
        values: ``(m,)`` the parameter from start to end, rising or falling.
        friction: ``(m,)`` ζ there: numbers, or an `Estimate` of them.
        duration: τ.

    Returns:
        A protocol without jumps, linear between 129 times.

    Raises:
        InvalidInput: fewer than two values, values that turn back, friction or a time that is not
            positive.

    Source: Crooks 2007; Sivak and Crooks 2012.
    """
    grid, zeta = _pairs(values, friction, "slow_protocol")
    if not 0 < duration < float("inf"):
        raise InvalidInput(f"slow_protocol: duration = {duration}; expected a finite number > 0.")
    share = np.linspace(0, 1, 1025)
    knots = np.abs(grid - grid[0]) / abs(grid[-1] - grid[0])
    root = np.sqrt(np.exp(np.interp(share, knots, np.log(zeta))))
    length = np.concatenate([[0.0], np.cumsum((root[1:] + root[:-1]) / 2)])
    times = np.linspace(0, 1, 129)
    path = np.interp(times, length / length[-1], share)
    chosen = grid[0] + (grid[-1] - grid[0]) * path
    return Protocol(tuple((duration * times).tolist()), tuple(chosen.tolist()))


@checked
def thermodynamic_length(values: Any, friction: Any) -> float:
    """∫ √ζ |dλ| by the trapezoidal rule: its square over τ is the least slow dissipation.

    Args:
        values, friction: as in `slow_protocol`.

    Raises:
        InvalidInput: as `slow_protocol`.

    Source: Crooks 2007.
    """
    grid, zeta = _pairs(values, friction, "thermodynamic_length")
    return float(np.trapezoid(np.sqrt(zeta), np.abs(grid - grid[0])))


def _pairs(values: Any, friction: Any, caller: str) -> tuple[np.ndarray, np.ndarray]:
    """The values and the friction there, as numbers. Raises `InvalidInput`."""
    given = friction.value if isinstance(friction, Estimate) else friction
    try:
        grid, zeta = np.asarray(values, np.float64), np.asarray(given, np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"{caller}: values = {shown(values)}, friction = {shown(friction)}; expected numbers (m,)."
        ) from error
    if grid.ndim != 1 or grid.size < 2 or zeta.shape != grid.shape:
        raise InvalidInput(
            f"{caller}: {grid.shape} values and friction of shape {zeta.shape}; expected one friction "
            "for each of at least two values."
        )
    steps = np.diff(grid)
    if not (np.isfinite(grid).all() and ((steps > 0).all() or (steps < 0).all())):
        raise InvalidInput(f"{caller}: the values must be finite and rise or fall all the way.")
    if not (np.isfinite(zeta).all() and (zeta > 0).all()):
        raise InvalidInput(f"{caller}: the friction must be finite numbers > 0.")
    return grid, zeta


@checked
def geodesic(
    metric: Callable[..., Any],
    start: Any,
    end: Any,
    *,
    points: int = 65,
) -> tuple[Float[np.ndarray, "points p"], float]:
    """The shortest path between two points of several parameters, and its length.

    **Equation**: min Σ_k (Δλ_k)ᵀ ζ(λ̄_k) Δλ_k over points with fixed ends, which spaces them evenly in length;
    λ(t) passes them at equal intervals, and W − ΔF = length²/τ.

    Args:
        metric: ζ(λ), a function in ``jax.numpy`` from ``(p,)`` to ``(p, p)``, positive definite.
        start, end: ``(p,)`` parameters.
        points: of the path, ends included.

    Returns:
        ``(points, p)`` parameters, and the thermodynamic length.

    Raises:
        InvalidInput: other shapes, or a metric that is not positive definite on the way.

    Source: Crooks 2007.
    """
    from scipy.optimize import minimize

    a, b = np.atleast_1d(np.asarray(start, float)), np.atleast_1d(np.asarray(end, float))
    if a.ndim != 1 or a.shape != b.shape or points < 3:
        raise InvalidInput(
            f"geodesic: start and end of shapes {a.shape} and {b.shape}, {points} points; expected "
            "two vectors of equal length and at least 3 points."
        )
    size = a.size
    shape = jax.eval_shape(lambda x: jnp.asarray(metric(x)), jnp.zeros(size)).shape
    if shape != (size, size):
        raise InvalidInput(f"geodesic: the metric has shape {shape}; expected ({size}, {size}).")
    first, last = jnp.asarray(a), jnp.asarray(b)

    def parts(inner: Array) -> Array:
        path = jnp.concatenate([first[None], inner.reshape(-1, size), last[None]])
        step, middle = jnp.diff(path, axis=0), (path[1:] + path[:-1]) / 2
        return jax.vmap(lambda d, x: d @ metric(x) @ d)(step, middle)

    scale = points - 1
    energy = jax.jit(jax.value_and_grad(lambda inner: scale * jnp.sum(parts(inner))))
    straight = np.linspace(a, b, points)
    begin = straight[1:-1].ravel()
    both = lambda z: [np.asarray(v, np.float64) for v in energy(jnp.asarray(z))]
    found = minimize(both, begin, jac=True, method="L-BFGS-B", options={"maxiter": 2000})
    pieces = np.asarray(parts(jnp.asarray(found.x)), np.float64)
    if not np.isfinite(pieces).all() or (pieces < -1e-9).any():
        raise InvalidInput(
            "geodesic: the metric is not positive definite on the way; friction must be positive."
        )
    path = np.concatenate([a[None], found.x.reshape(-1, size), b[None]])
    return path, float(np.sqrt(np.maximum(pieces, 0)).sum())

"""Entropic optimal transport plans, balanced or with marginals that may give way."""

import math
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq.errors import InvalidInput, SolveFailed


_THRESHOLD = 1e-3
_BLOCK = 64
"""Sizes are padded to a multiple of this, so that few shapes are compiled."""


def entropic_plan(
    costs: np.ndarray,
    *,
    epsilon: float = 1.0,
    sources: np.ndarray | None = None,
    targets: np.ndarray | None = None,
    source_hold: float = 1.0,
    target_hold: float = 1.0,
    max_iterations: int = 5000,
) -> np.ndarray:
    """The plan of least ⟨costs⟩ + epsilon KL(plan | sources × targets).

    **Equation**: plan_ij = a_i b_j e^{(f_i + g_j − c_ij)/epsilon}. A marginal with hold
    h = rho/(rho + epsilon) < 1 is not kept, but its deviation costs rho KL(marginal | given).

    Args:
        costs: (n, m).
        epsilon: entropic regularisation, in the unit of the costs.
        sources, targets: masses (n,) and (m,); None is 1/n and 1/m.
        source_hold, target_hold: h of either marginal in (0, 1]; 1 keeps it exactly.
        max_iterations: of Sinkhorn's algorithm.

    Returns:
        (n, m) masses.

    Raises:
        InvalidInput: an epsilon that is not positive.
        SolveFailed: not converged.

    Source: Cuturi 2013; Chizat et al. 2018.
    """
    if not 0 < epsilon < math.inf:
        raise InvalidInput(f"epsilon = {epsilon}; expected a positive number.")
    n, m = costs.shape
    a = np.full(n, 1 / n) if sources is None else sources
    b = np.full(m, 1 / m) if targets is None else targets
    # The least cost is taken off: it changes no plan of given masses, and float32 needs it.
    level = float(costs.min())
    rows, columns = (-size % _BLOCK for size in (n, m))
    padded = np.pad((costs - level) / epsilon, ((0, rows), (0, columns)))
    keeps = source_hold == 1 and target_hold == 1
    shift = 0.0 if keeps else level / epsilon
    plan, converged = _plan(
        jnp.asarray(padded + shift, jnp.result_type(float)),
        jnp.asarray(np.pad(a, (0, rows)), jnp.result_type(float)),
        jnp.asarray(np.pad(b, (0, columns)), jnp.result_type(float)),
        source_hold,
        target_hold,
        max_iterations,
    )
    plan = np.asarray(plan, np.float64)[:n, :m]
    if not (bool(converged) and np.isfinite(plan).all() and plan.sum() > 0):
        raise SolveFailed(
            f"the entropic plan of {n} × {m} points did not converge in {max_iterations} iterations: "
            f"the costs spread over {np.ptp(costs) / epsilon:.3g} times the regularisation. Take more "
            "noise (sigma of the bridge, or epsilon), or ExactOT() as coupling."
        )
    return plan


def drawn_pairs(
    plan: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """``count`` pairs (row, column), drawn with the masses of a plan at stratified levels."""
    total = np.cumsum(plan.ravel())
    levels = (np.arange(count) + rng.random(count)) / count * total[-1]
    flat = np.minimum(np.searchsorted(total, levels, side="right"), plan.size - 1)
    return flat // plan.shape[1], flat % plan.shape[1]


@eqx.filter_jit
def _plan(
    costs: Array, a: Array, b: Array, hold_a: float, hold_b: float, max_iterations: int
) -> tuple[Array, Any]:
    from ott.geometry.geometry import Geometry
    from ott.problems.linear.linear_problem import LinearProblem
    from ott.solvers.linear.sinkhorn import Sinkhorn

    geometry = Geometry(cost_matrix=costs, epsilon=1.0)
    problem = LinearProblem(geometry, a, b, tau_a=hold_a, tau_b=hold_b)
    out = Sinkhorn(threshold=_THRESHOLD, max_iterations=max_iterations)(problem)
    return out.matrix, out.converged

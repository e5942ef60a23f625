"""The least mean work in any number of dimensions, bounded from above by a convex layer."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array

from noneq._typing import Key
from noneq.control.protocols.convex_map import ConvexMap
from noneq.control.protocols.convex_path import ConvexPath
from noneq.control.protocols.driving import TransportDriving
from noneq.control.protocols.ends import check_gradient, duration_of, end_potentials
from noneq.errors import InvalidInput
from noneq.estimate import Estimate, sample_mean
from noneq.kinds import checked
from noneq.systems.driven import AbstractDriven


@dataclass(frozen=True)
class ConvexWork:
    """A map of little work, what it costs, and the driving along it.

    Attributes:
        work: mean work of this map on states that it was not fitted to: an upper bound of W*.
        distance: W₂ between the first equilibrium and its image.
        driving: potentials that do it, a system to simulate.
    """

    work: Estimate
    distance: float
    driving: TransportDriving


@checked
def least_work_by_map(
    system: AbstractDriven,
    *,
    units: int = 64,
    n: int = 4096,
    steps: int = 300,
    states: np.ndarray | None = None,
    key: Key,
) -> ConvexWork:
    """A driving of little mean work between both ends of a system of any dimension.

    **Equation**: min over convex ψ of E V_f(Tx) − E V_i(x) − E ln det ∂T/beta + E|Tx − x|²/τ, T = ∇ψ
    (`ConvexMap`), by L-BFGS on n states of the first equilibrium; the work is measured on fresh ones. On a
    line `least_work` is exact.

    Args:
        system: whose protocol says both ends and the time; its ``initial`` must draw from equilibrium.
        units: of the layer.
        n: states that the map is fitted to.
        steps: of L-BFGS, at most.
        states: ``(m, dim)`` states of the first equilibrium, half to fit and half to measure;
            None draws them.
        key: random key.

    Raises:
        InvalidInput: states that are no vectors, walls, a force that is no gradient, or a protocol that
            takes no time.

    Source: Aurell et al. 2011; Amos, Xu and Kolter 2017.
    """
    from scipy.optimize import minimize

    what = "least_work_by_map"
    if len(system.event_shape) != 1 or units < 2 or n < 100 or steps < 1:
        raise InvalidInput(
            f"{what}: states of shape {system.event_shape}, units = {units}, n = {n}, steps = {steps}; "
            "expected vectors, at least 2 units, 100 states and 1 step."
        )
    check_gradient(system, what)
    duration = duration_of(system, what)
    draw_key, fresh_key, map_key = jax.random.split(key, 3)
    if states is None:
        fit, fresh = (_draw(system, m, k) for m, k in ((n, draw_key), (16 * n, fresh_key)))
    else:
        fit, fresh = np.array_split(np.asarray(states, float), 2)
    begin = ConvexMap.near_identity(fit, units, key=map_key)
    vector, build = ravel_pytree(begin)
    costs = _costs(system, duration)
    value = jax.jit(jax.value_and_grad(lambda v, x: jnp.mean(costs(build(v), x))))
    some = jnp.asarray(fit, float)
    both = lambda v: [np.asarray(part, np.float64) for part in value(jnp.asarray(v, float), some)]
    found = minimize(
        both,
        np.asarray(vector, np.float64),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": steps},
    )
    image = build(jnp.asarray(found.x, float))
    rest = jnp.asarray(fresh, float)
    each = np.asarray(jax.jit(costs)(image, rest), np.float64)
    moves = np.asarray(jax.vmap(image)(rest) - rest, np.float64)
    first, _ = end_potentials(system)
    path = ConvexPath(first, image, rest, duration, float(system.beta))
    return ConvexWork(
        work=sample_mean(each, bound="upper", method="convex_map"),
        distance=float(np.sqrt((moves**2).sum(1).mean())),
        driving=TransportDriving(system, path, rest),
    )


def _draw(system: AbstractDriven, n: int, key: Key) -> np.ndarray:
    return np.asarray(jax.jit(jax.vmap(system.initial))(jax.random.split(key, n)))


def _costs(system: AbstractDriven, duration: float) -> Callable[[ConvexMap, Array], Array]:
    """Work of each state ``(n,)`` under a map."""
    first, last = end_potentials(system)

    def one(image: ConvexMap, x: Array) -> Array:
        y = image(x)
        stretch = jnp.linalg.slogdet(image.jacobian(x))[1] / system.beta
        return last(y) - first(x) - stretch + jnp.sum((y - x) ** 2) / duration

    return lambda image, states: jax.vmap(lambda x: one(image, x))(states)

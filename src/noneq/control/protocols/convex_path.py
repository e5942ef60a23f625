"""Potentials that carry a law along the gradient of a convex function, in any number of dimensions."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Scalar, ScalarLike
from noneq.control.protocols.convex_map import ConvexMap
from noneq.control.protocols.path import AbstractPath


_NEWTON = 16
_SHARES = (1.0, 0.3, 0.05)
_CLOSE = 1e-8
"""Squared distance from y at which Newton's method stops; one more step follows."""


class ConvexPath(AbstractPath):
    """V_s along a `ConvexMap`; the state that came to y is found by Newton's method.

    **Equation**: V_s(y) = V_i(x) + ln det J_s(x)/beta − φ_0(x) − s |Tx − x|²/(2τ) at the x with
    (1 − s) x + s T(x) = y, J_s = (1 − s) I + s ∂T, φ_0 = (ψ − |x|²/2)/τ.
    """

    first: Callable[[Array], Array]
    image: ConvexMap
    states: Float[Array, "n dim"]
    duration: float
    beta: float

    def _moved(self, s: Array, x: Array) -> Array:
        return (1 - s) * x + s * self.image(x)

    def _stretch(self, s: Array, x: Array) -> Array:
        return (1 - s) * jnp.eye(x.size) + s * self.image.jacobian(x)

    def _origin(self, s: Array, y: Array) -> Array:
        """x, differentiable in y by its implicit equation."""
        still = jax.lax.stop_gradient

        def improve(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
            i, x, missed = state
            step = jnp.linalg.solve(self._stretch(s, x), self._moved(s, x) - y)
            tries = x - jnp.asarray(_SHARES, x.dtype)[:, None] * step
            misses = jax.vmap(lambda z: jnp.sum((self._moved(s, z) - y) ** 2))(tries)
            best = jnp.argmin(misses)
            return i + 1, tries[best], misses[best]

        far = lambda state: (state[0] < _NEWTON) & (state[2] > _CLOSE)
        begin = (jnp.zeros((), int), still(y), jnp.full((), jnp.inf, y.dtype))
        found = still(jax.lax.while_loop(far, improve, begin)[1])
        return found - jnp.linalg.solve(still(self._stretch(s, found)), self._moved(s, found) - y)

    def potential(self, s: ScalarLike, x: Float[Array, " dim"]) -> Scalar:
        """V_s(x)."""
        s = jnp.asarray(s, x.dtype)
        origin = self._origin(s, x)
        move = self.image(origin) - origin
        phi = (self.image.height(origin) - jnp.sum(origin**2) / 2) / self.duration
        stretch = jnp.linalg.slogdet(self._stretch(s, origin))[1] / self.beta
        return self.first(origin) + stretch - phi - s * jnp.sum(move**2) / (2 * self.duration)

    @property
    def curvatures(self) -> tuple[float, float]:
        """Root mean square and maximum of the change of force over a small step, along one path."""
        found = np.asarray(_curvatures(self, self.states[:256]), float)
        return float(np.sqrt((found**2).mean(1)).max()), float(found.max())


@eqx.filter_jit
def _curvatures(path: ConvexPath, states: Array) -> Array:
    """|ΔF|/|Δx| at nine stages of each state, ``(9, n)``."""
    force = jax.grad(path.potential, argnums=1)
    way = jnp.ones(states.shape[1]) / np.sqrt(states.shape[1]) * 1e-2

    def at(s: Array, x: Array) -> Array:
        y = path._moved(s, x)
        return jnp.linalg.norm(force(s, y + way) - force(s, y - way)) / 2e-2

    stages = jnp.linspace(0.0, 1.0, 9)
    return jax.vmap(lambda s: jax.vmap(lambda x: at(s, x))(states))(stages)

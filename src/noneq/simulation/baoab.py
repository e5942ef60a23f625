"""The splitting scheme for motion with inertia."""

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import ScalarLike
from noneq.errors import InvalidInput
from noneq.simulation.solvers import AbstractSolver
from noneq.systems.base import AbstractDiffusion
from noneq.systems.underdamped import AbstractUnderdamped


class BAOAB(AbstractSolver):
    """Half a kick, half a drift, friction and noise, half a drift, half a kick.

    **Equation**: v += F h/2m; x += v h/2; v = c v + √((1 − c²) T/m) ξ with c = e^{−gamma h/m};
    x += v h/2; v += F h/2m.

    The law of positions in one bath is wrong by O(h²), and exact in a harmonic trap; h must stay
    below 2/(highest frequency).

    Source: Leimkuhler and Matthews 2013, Appl. Math. Res. Express.
    """

    needs_noise: ClassVar[bool] = True

    def check(self, system: AbstractDiffusion, t: float, states: Float[Array, "m *event"]) -> None:
        """Refuse a system without inertia."""
        _with_inertia(system)

    def step(
        self,
        system: AbstractDiffusion,
        t: ScalarLike,
        x: Float[Array, "*event"],
        h: ScalarLike,
        noise: Float[Array, "*noise"] | None,
    ) -> Float[Array, "*event"]:
        """One step; the force is taken at t and at t + h."""
        moved, (place, v) = _with_inertia(system), jnp.split(x, 2)
        bath = jnp.asarray(moved.temperatures, x.dtype) / moved.mass
        kept = jnp.exp(-moved.friction * jnp.asarray(h, x.dtype) / moved.mass)
        v = v + h / (2 * moved.mass) * moved.force(t, place)
        place = place + h / 2 * v
        kick = jnp.zeros_like(v) if noise is None else noise
        v = kept * v + jnp.sqrt((1 - kept**2) * bath) * kick
        place = place + h / 2 * v
        v = v + h / (2 * moved.mass) * moved.force(t + h, place)
        return jnp.concatenate([place, v])


def _with_inertia(system: AbstractDiffusion) -> AbstractUnderdamped:
    if not isinstance(system, AbstractUnderdamped):
        raise InvalidInput(
            f"BAOAB: {type(system).__name__} has no velocities; it takes an AbstractUnderdamped, "
            "others take EulerMaruyama() or StochasticHeun()."
        )
    return system

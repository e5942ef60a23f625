"""Motion with inertia in a potential of one's own with a parameter that is moved."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.domains import AbstractDomain, Free
from noneq.errors import InvalidInput
from noneq.systems.driven import HasProtocol, enters, initial_value
from noneq.systems.driven_langevin import takes_two
from noneq.systems.given_functions import check_shape, start_of
from noneq.systems.one_state import of_positions
from noneq.systems.own_underdamped import Underdamped
from noneq.systems.protocols import AbstractProtocol, extremes
from noneq.systems.underdamped import AbstractUnderdamped


class DrivenUnderdamped(AbstractUnderdamped, HasProtocol):
    """Motion with inertia in a potential of your own with a parameter that follows a protocol.

    **Equation**: dx = v dt, m dv = [−∂_x V(x, λ(t)) + force(t, x) − friction v] dt
    + √(2 friction temperature) dW. `noneq.thermo.work` counts every jump of λ.

    Args:
        potential: V, a function of ``(x, parameter)`` in ``jax.numpy``, x the positions ``(dim,)``; gives
            a number.
        protocol: λ(t).
        mass, friction, temperature, force, initial, shape, domain, time_step: as in `Underdamped`.

    Raises:
        InvalidInput: as in `Underdamped`, or a potential into which the parameter does not enter.
    """

    protocol: AbstractProtocol
    mass: float
    friction: float
    _potential: Callable[..., Any]
    _still: Underdamped
    _step: float | None

    def __init__(
        self,
        potential: Callable[..., Any],
        protocol: AbstractProtocol,
        *,
        mass: float = 1.0,
        friction: float = 1.0,
        temperature: float | tuple[float, ...] = 1.0,
        force: Callable[..., Any] | None = None,
        initial: Any = None,
        shape: int | tuple[int, ...] | None = None,
        domain: AbstractDomain = Free(),
        time_step: float | None = None,
    ):
        if not takes_two(potential):
            raise InvalidInput("DrivenUnderdamped: potential must take (x, parameter).")
        positions = start_of(initial, shape, "DrivenUnderdamped")[1]
        of_both = lambda x, value: jnp.asarray(potential(x, value), x.dtype)
        first = protocol.initial
        name = "DrivenUnderdamped: potential"
        check_shape(name, lambda t, x: of_both(x, first), positions, ())
        if not enters(lambda value, x: of_both(x, value), positions):
            raise InvalidInput("DrivenUnderdamped: the parameter does not enter the potential.")
        # All that does not move: starts, baths, domain, force.
        self._still = Underdamped(
            lambda x: of_both(x, initial_value(protocol)),
            mass=mass,
            friction=friction,
            temperature=temperature,
            force=force,
            initial=initial,
            shape=shape,
            domain=domain,
            time_step=time_step,
        )
        self.mass, self.friction = self._still.mass, self._still.friction
        self.protocol, self._potential, self._step = protocol, of_both, time_step

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(2 dim,): positions, then velocities."""
        return self._still.event_shape

    @property
    def domain(self) -> AbstractDomain:
        """As given."""
        return self._still.domain

    @property
    def temperatures(self) -> tuple[float, ...]:
        """kT, one for each coordinate."""
        return self._still.temperatures

    @property
    def time_step(self) -> float:
        """As given, or the shorter of those measured at the least and the largest λ."""
        return self._step or min(self.at(value).time_step for value in extremes(self.protocol))

    def at(self, value: float) -> Underdamped:
        """The system with the parameter held at a value."""
        return eqx.tree_at(
            lambda s: s._potential,
            self._still,
            lambda t, x: self._potential(x, value),
            is_leaf=callable,
        )

    def potential_at(self, parameter: ScalarLike, t: ScalarLike, x: Float[Array, "dim"]) -> Scalar:
        return self._potential(x, jnp.asarray(parameter, x.dtype))

    @of_positions
    def potential(self, t: ScalarLike, x: Float[Array, "dim"]) -> Scalar:
        """V(x, λ(t)) at positions x, after a jump at t."""
        return self._potential(x, jnp.asarray(self.protocol(t), x.dtype))

    @of_positions
    def nonconservative_force(self, t: ScalarLike, x: Float[Array, "dim"]) -> Float[Array, "dim"]:
        """As given, or zero."""
        return self._still.nonconservative_force(t, x)

    def initial(self, key: Key) -> Float[Array, "state"]:
        """As given, with velocities of Maxwell's law. Raises `MissingTrait` if none was given."""
        return self._still.initial(key)

"""Motion with inertia in a potential of your own."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.domains import AbstractDomain, Free, Product, Torus
from noneq.errors import InvalidInput
from noneq.systems.given_functions import (
    AbstractOwn,
    check_shape,
    positive_step,
    start_of,
)
from noneq.systems.one_state import of_positions
from noneq.systems.time_functions import of_time
from noneq.systems.underdamped import AbstractUnderdamped


class Underdamped(AbstractOwn, AbstractUnderdamped):
    """Motion with inertia in a potential of your own; a state is (x, v), positions first.

    **Equation**: dx = v dt, m dv = [−∇V(t, x) + force(t, x) − friction v] dt
    + √(2 friction temperature) dW.

    Args:
        potential: V, a function of ``(t, x)`` or of ``x`` alone, in ``jax.numpy``, x the positions
            ``(dim,)``; gives a number.
        mass: m, of every coordinate.
        friction: of every coordinate; 0 is Hamilton's motion.
        temperature: kT of the bath, or one for each coordinate.
        force: the part of the force that is no gradient, a function as ``potential``; None is none.
        initial: positions ``(dim,)`` at which all paths start, or a function of a random key that
            draws them; velocities are drawn from Maxwell's law.
        shape: dim, or ``(dim,)``; need not be said if ``initial`` is given.
        domain: where the positions live, `Free` or `Torus`.
        time_step: internal step of a simulation; None measures one on a few paths.

    Raises:
        InvalidInput: as in `Langevin`; a mass, friction or temperature out of range, or a domain
            with walls, at which velocities would have to be reflected.
    """

    mass: float
    friction: float
    _temperatures: tuple[float, ...]
    _potential: Callable[..., Any]
    _force: Callable[..., Any] | None
    _initial: Callable[[Key], Any] | None
    _shape: tuple[int, ...]
    _domain: AbstractDomain
    _step: float | None

    def __init__(
        self,
        potential: Callable[..., Any],
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
        if not (0 < mass < np.inf and 0 <= friction < np.inf):
            raise InvalidInput(
                f"Underdamped: mass = {mass}, friction = {friction}; expected mass > 0 and "
                "friction ≥ 0."
            )
        self.mass, self.friction = float(mass), float(friction)
        place, positions = start_of(initial, shape, "Underdamped")
        if len(positions) != 1:
            raise InvalidInput(f"Underdamped: positions of shape {positions}; expected (dim,).")
        self._temperatures = _baths(temperature, positions[0])
        self._shape = (2 * positions[0],)
        widths = np.sqrt(np.asarray(self._temperatures) / self.mass)
        self._initial = None if place is None else _with_velocities(place, widths)
        self._potential = of_time(potential, "Underdamped: potential")
        self._force = None if force is None else of_time(force, "Underdamped: force")
        self._domain, self._step = _of_states(domain, positions[0]), _step(time_step)
        check_shape("Underdamped: potential", self._potential, positions, ())
        if self._force is not None:
            check_shape("Underdamped: force", self._force, positions, positions)

    @property
    def temperatures(self) -> tuple[float, ...]:
        """kT, one for each coordinate."""
        return self._temperatures

    @of_positions
    def potential(self, t: ScalarLike, x: Float[Array, "dim"]) -> Scalar:
        """V(t, x) at positions x."""
        return self._potential(t, x)

    @of_positions
    def nonconservative_force(self, t: ScalarLike, x: Float[Array, "dim"]) -> Float[Array, "dim"]:
        """As given, or zero."""
        return jnp.zeros_like(x) if self._force is None else self._force(t, x)


def _step(time_step: float | None) -> float | None:
    return positive_step(time_step, "Underdamped")


def _baths(temperature: float | tuple[float, ...], dim: int) -> tuple[float, ...]:
    """kT of each coordinate."""
    given = np.atleast_1d(np.asarray(temperature, float))
    if given.shape not in ((1,), (dim,)) or not ((given >= 0) & np.isfinite(given)).all():
        raise InvalidInput(
            f"Underdamped: temperature = {temperature}; expected a number ≥ 0, or {dim} of them."
        )
    return tuple(np.broadcast_to(given, (dim,)).tolist())


def _of_states(domain: AbstractDomain, dim: int) -> AbstractDomain:
    """The domain of positions and velocities."""
    if isinstance(domain, Free):
        return domain
    if isinstance(domain, Torus):
        return Product((domain, Free()), (dim, dim))
    raise InvalidInput(
        f"Underdamped: domain = {type(domain).__name__}; expected Free or Torus: walls would have to "
        "reflect velocities; use a steep potential."
    )


def _with_velocities(place: Callable[[Key], Any], widths: np.ndarray) -> Callable[[Key], Array]:
    """A draw of positions with Maxwell's velocities."""

    def draw(key: Key) -> Array:
        for_place, for_velocity = jax.random.split(key)
        x = place(for_place)
        v = jnp.asarray(widths, x.dtype) * jax.random.normal(for_velocity, x.shape, x.dtype)
        return jnp.concatenate([x, v])

    return draw

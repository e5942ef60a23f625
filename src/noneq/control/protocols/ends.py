"""Both ends of a driven process: the potentials, the laws in equilibrium there, and the time between."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq.domains import Free
from noneq.errors import InvalidInput
from noneq.statistics.work.line_laws import LineLaw, boltzmann_line
from noneq.systems.driven import AbstractDriven


def duration_of(system: AbstractDriven, what: str) -> float:
    """The time that the protocol takes.

    Raises:
        InvalidInput: none.
    """
    start, end = system.protocol.span
    if not end > start:
        raise InvalidInput(f"{what}: the protocol takes no time; give it a start and a later end.")
    return float(end - start)


def end_potentials(
    system: AbstractDriven,
) -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
    """V at λ before the start and after the end, functions of one state."""
    start, end = system.protocol.span
    first, last = system.protocol.initial, system.protocol.final
    return (
        lambda x: system.potential_at(first, start, x),
        lambda x: system.potential_at(last, end, x),
    )


def check_gradient(system: AbstractDriven, what: str) -> None:
    """Refuse a system that is driven by more than its potential.

    Raises:
        InvalidInput: a force that is no gradient, or walls.
    """
    if not isinstance(system.domain, Free):
        raise InvalidInput(
            f"{what}: {type(system).__name__} lives on a {type(system.domain).__name__}; least work is "
            "known for states that are free to move."
        )
    some = jax.random.normal(jax.random.key(0), (16, *system.event_shape))
    extra = jax.vmap(lambda x: system.nonconservative_force(system.protocol.span[0], x))(some)
    if bool(jnp.any(jnp.abs(extra) > 1e-6)):
        raise InvalidInput(
            f"{what}: {type(system).__name__} has a force that is no gradient, which does work at rest; "
            "leave it out."
        )


def check_line(system: AbstractDriven, what: str) -> None:
    """Refuse all but one coordinate. Raises `InvalidInput`."""
    if system.event_shape != (1,):
        raise InvalidInput(
            f"{what}: states of shape {system.event_shape}; the exact optimum is of one coordinate "
            "(several: noneq.control.least_work_by_map)."
        )


def on_line(potential: Callable[[Array], Array]) -> Callable[[np.ndarray], np.ndarray]:
    """A potential of one state as one of many points on a line."""
    many = jax.jit(jax.vmap(lambda x: potential(x[None])))
    return lambda x: np.asarray(many(jnp.asarray(x, float)), np.float64)


def curve_on_line(
    potential: Callable[[Array], Array],
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """V, V' and V'' at many points on a line."""
    one = lambda x: potential(x[None])
    many = jax.jit(jax.vmap(lambda x: (one(x), jax.grad(one)(x), jax.grad(jax.grad(one))(x))))

    def curve(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        value, slope, bend = many(jnp.asarray(x, float))
        return np.asarray(value, float), np.asarray(slope, float), np.asarray(bend, float)

    return curve


def end_laws(system: AbstractDriven, nodes: int = 2001) -> tuple[LineLaw, LineLaw]:
    """The equilibrium laws before the start and after the end, on a line.

    Raises:
        InvalidInput: no equilibrium there.
    """
    first, last = (boltzmann_line(on_line(v), system.beta, nodes) for v in end_potentials(system))
    return first, last

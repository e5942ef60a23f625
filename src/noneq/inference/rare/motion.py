"""One step of one path, for every kind of dynamics that events are sought in."""

import math
from abc import abstractmethod
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq._typing import Key
from noneq.errors import InvalidInput, MissingTrait
from noneq.simulation.ensemble import own_solver
from noneq.simulation.gillespie import next_event
from noneq.simulation.solvers import noise_shape
from noneq.systems.base import (
    AbstractDiffusion,
    AbstractMap,
    AbstractODE,
    HasTransition,
)
from noneq.systems.jumps import AbstractJump
from noneq.systems.linear import square_root


_LONGEST = 10_000_000


class AbstractMotion(eqx.Module):
    """How a path goes on.

    Attributes:
        system: that moves.
        slack: a step that ends later than the horizon by more than this does not happen.
        noise: how many normal numbers a step takes.
    """

    system: eqx.AbstractVar[Any]
    slack: eqx.AbstractVar[float]
    noise: eqx.AbstractVar[tuple[int, ...]]

    @abstractmethod
    def step(self, t: Array, k: Array, x: Array, noise: Array, key: Key) -> tuple[Array, Array]:
        """Time and state after step number k + 1 of a path; noise is standard normal."""

    @abstractmethod
    def kick(self, t: Array, x: Array) -> tuple[Array, float]:
        """B and the length of a step, for crossings between steps; B = 0 if there are none."""

    def project(self, x: Array) -> Array:
        """The nearest state of the domain."""
        return self.system.domain.project(x)


class EqualSteps(AbstractMotion):
    """A diffusion in equal steps of its solver."""

    system: AbstractDiffusion
    solver: Any
    start: float
    length: float
    noise: tuple[int, ...] = eqx.field(static=True)

    @property
    def slack(self) -> float:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Half a step."""
        return self.length / 2

    def step(self, t: Array, k: Array, x: Array, noise: Array, key: Key) -> tuple[Array, Array]:
        x = self.solver.step(self.system, t, x, self.length, noise if self.noise else None)
        return self.start + (k + 1) * self.length, self.system.domain.project(x)

    def kick(self, t: Array, x: Array) -> tuple[Array, float]:
        return self.system.diffusion(t, x), self.length


class ExactSteps(AbstractMotion):
    """A linear system in equal steps of its exact Gaussian law."""

    system: Any
    decay: Array
    root: Array
    start: float
    length: float
    noise: tuple[int, ...] = eqx.field(static=True)

    @property
    def slack(self) -> float:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Half a step."""
        return self.length / 2

    def step(self, t: Array, k: Array, x: Array, noise: Array, key: Key) -> tuple[Array, Array]:
        moved = self.decay @ x.reshape(-1) + self.root @ noise.reshape(-1)
        return self.start + (k + 1) * self.length, moved.reshape(x.shape)

    def kick(self, t: Array, x: Array) -> tuple[Array, float]:
        return self.system.diffusion(t, x), self.length


class MapSteps(AbstractMotion):
    """A system that moves in steps of its own, of length 1."""

    system: AbstractMap
    start: float
    slack: float = 0.5
    noise: tuple[int, ...] = eqx.field(default=(), static=True)

    def step(self, t: Array, k: Array, x: Array, noise: Array, key: Key) -> tuple[Array, Array]:
        return self.start + (k + 1.0), self.system.step(t, x, key=key)

    def kick(self, t: Array, x: Array) -> tuple[Array, float]:
        return jnp.zeros((), x.dtype), 1.0


class Jumps(AbstractMotion):
    """A jump process, event by event; an event later than the horizon does not happen."""

    system: AbstractJump
    slack: float = 0.0
    noise: tuple[int, ...] = eqx.field(default=(), static=True)

    def step(self, t: Array, k: Array, x: Array, noise: Array, key: Key) -> tuple[Array, Array]:
        event = next_event(self.system, t[None], x[None], key)
        taken = event.reaction[0] < len(self.system.reverse)
        after = jnp.where(taken, self.system.after(x, event.reaction[0]), x)
        return t + event.wait[0], jnp.where(event.valid[0], after, jnp.nan)

    def kick(self, t: Array, x: Array) -> tuple[Array, float]:
        return jnp.zeros((), x.dtype), 0.0


def motion_of(
    system: Any, *, start: float, horizon: float | None, step: float | None, some: np.ndarray
) -> AbstractMotion:
    """The motion of a system.

    Args:
        system: a diffusion, a map or a jump process.
        start: time of the first states.
        horizon: span after which paths end; equal steps divide it.
        step: length of a step; None takes the system's own.
        some: a state.

    Raises:
        InvalidInput: a step where there are none to choose, or one that is not positive.
        MissingTrait: a system without dynamics.
    """
    if not isinstance(system, AbstractDiffusion):
        if step is not None:
            raise InvalidInput(
                f"step = {step:g}: {type(system).__name__} has steps of its own; leave it out."
            )
        if isinstance(system, AbstractMap):
            return MapSteps(system, float(start))  # pyright: ignore[reportCallIssue]
        if isinstance(system, AbstractJump):
            return Jumps(system)  # pyright: ignore[reportCallIssue]
        raise MissingTrait(
            f"{type(system).__name__} has no dynamics; expected a diffusion, a map, a jump process, a "
            "run of a model with a drift, or a BlackBox."
        )
    length = float(system.time_step if step is None else step)
    if not 0 < length < math.inf:
        raise InvalidInput(f"step = {length:g}; it must be > 0.")
    if horizon is not None:
        count = horizon / length
        if count > _LONGEST:
            raise InvalidInput(
                f"a horizon of {horizon:g} takes {count:.3g} steps of {length:g}; expected at most "
                f"{_LONGEST:,}: take longer steps, or a shorter time."
            )
        length = horizon / max(1, math.ceil(count - 1e-6))
    if isinstance(system, HasTransition):
        decay, added = system.transition(length)
        dtype = jnp.zeros(()).dtype
        roots = jnp.asarray(decay, dtype), jnp.asarray(square_root(added), dtype)
        return ExactSteps(system, *roots, float(start), length, some.shape)  # pyright: ignore[reportCallIssue]
    solver = own_solver(system)
    noise = noise_shape(system, start, some) if solver.needs_noise else ()
    return EqualSteps(system, solver, float(start), length, noise)  # pyright: ignore[reportCallIssue]


def is_noiseless(system: Any, t: float, states: np.ndarray) -> bool:
    """Whether copies of a path stay together for ever: a diffusion without noise."""
    if isinstance(system, AbstractODE):
        return True
    if not isinstance(system, AbstractDiffusion):
        return False
    sizes = jax.vmap(lambda x: jnp.sum(jnp.abs(system.diffusion(t, x))))(jnp.asarray(states))
    return not bool(np.any(np.asarray(sizes) > 0))

"""A system that is pushed through its own noise."""

from typing import Any

from jaxtyping import Array, Float

from noneq._typing import Key, ScalarLike
from noneq.domains import AbstractDomain
from noneq.systems.base import AbstractDiffusion


class Controlled(AbstractDiffusion):
    """A system with a control that acts where its noise acts.

    **Equation**: dX = [f(t, X) + B(t, X) u(t, X)] dt + B(t, X) dW.

    Args:
        system: without control.
        control: u, a function of ``(t, x)``; gives one number for each number of the noise: of the
            state's shape for a scalar or diagonal B, ``(m,)`` for a matrix ``(dim, m)``.
        step: internal step of a simulation; None is the system's.
    """

    system: AbstractDiffusion
    control: Any
    step: float | None
    symbols: tuple[str, ...]  # pyright: ignore

    def __init__(self, system: AbstractDiffusion, control: Any, step: float | None = None):
        self.system, self.control, self.step = system, control, step
        self.symbols = system.names  # pyright: ignore[reportIncompatibleVariableOverride]

    @property
    def event_shape(self) -> tuple[int, ...]:
        """As without control."""
        return self.system.event_shape

    @property
    def domain(self) -> AbstractDomain:
        """As without control."""
        return self.system.domain

    @property
    def time_step(self) -> float:
        """As given, or as without control."""
        return self.step or self.system.time_step

    def initial(self, key: Key) -> Float[Array, "*event"]:
        """As without control."""
        return self.system.initial(key)

    def drift(self, t: ScalarLike, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """f + B u."""
        b = self.system.diffusion(t, x)
        return self.system.drift(t, x) + pushed(b, self.control(t, x))

    def diffusion(self, t: ScalarLike, x: Float[Array, "*event"]) -> Array:
        """As without control."""
        return self.system.diffusion(t, x)


def pushed(b: Array, u: Float[Array, "*noise"]) -> Array:
    """B u for a scalar, diagonal or matrix B."""
    return b @ u if b.ndim == 2 and u.ndim == 1 else b * u


def felt(b: Array, a: Float[Array, "*event"]) -> Array:
    """Bᵀ a for a scalar, diagonal or matrix B."""
    return b.T @ a if b.ndim == 2 and a.ndim == 1 else b * a

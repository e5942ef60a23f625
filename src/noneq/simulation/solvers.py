"""Schemes that take one state one step further."""

from abc import abstractmethod
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import ScalarLike
from noneq.calculus import runge_kutta_step
from noneq.errors import InvalidInput
from noneq.kinds import AbstractChecked
from noneq.simulation.increments import AbstractIncrements, Normal
from noneq.systems.base import AbstractDiffusion


class AbstractSolver(AbstractChecked):
    """One step of size h for one state, given random increments."""

    needs_noise: ClassVar[bool]
    increments: ClassVar[AbstractIncrements] = Normal()
    """Law of the noise; normal numbers serve every scheme."""

    @abstractmethod
    def check(self, system: AbstractDiffusion, t: float, states: Float[Array, "m *event"]) -> None:
        """Refuse a system that the scheme would integrate wrongly, judged at some states.

        Raises:
            InvalidInput: naming the reason and the solver to take.
        """

    @abstractmethod
    def step(
        self,
        system: AbstractDiffusion,
        t: ScalarLike,
        x: Float[Array, "*event"],
        h: ScalarLike,
        noise: Float[Array, "*noise"] | None,
    ) -> Float[Array, "*event"]:
        """The state at t + h, before it is brought back into the domain."""


class EulerMaruyama(AbstractSolver):
    """Itô: strong order ½ (1 for additive noise), weak order 1.

    **Equation**: x + f(t, x) h + B(t, x) √h ξ.
    """

    needs_noise: ClassVar[bool] = True

    def check(self, system: AbstractDiffusion, t: float, states: Float[Array, "m *event"]) -> None:
        """Nothing to refuse."""

    def step(
        self,
        system: AbstractDiffusion,
        t: ScalarLike,
        x: Float[Array, "*event"],
        h: ScalarLike,
        noise: Float[Array, "*noise"] | None,
    ) -> Float[Array, "*event"]:
        """One Euler–Maruyama step."""
        return x + h * system.drift(t, x) + _kick(system, t, x, h, noise)


class StochasticHeun(AbstractSolver):
    """Heun's scheme, which converges to the Stratonovich solution.

    **Equation**: y = x + f h + B √h ξ; x + ½[f(t, x) + f(t+h, y)] h + ½[B(t, x) + B(t+h, y)] √h ξ.
    Order 2 without noise, strong order 1 for additive or commutative noise.

    Args:
        ito_correction: integrate f − ½ Σ_k (B_k·∇) B_k instead of f, so that the scheme solves
            the system's Itô equation; needed when B depends on the state.
    """

    needs_noise: ClassVar[bool] = True

    ito_correction: bool = False

    def check(self, system: AbstractDiffusion, t: float, states: Float[Array, "m *event"]) -> None:
        """Refuse state-dependent noise unless the Itô correction is on."""
        if self.ito_correction:
            return
        slopes = jax.vmap(jax.jacfwd(system.diffusion, argnums=1), (None, 0))(t, states)
        if np.any(np.asarray(slopes) != 0):
            raise InvalidInput(
                f"StochasticHeun: the noise of {type(system).__name__} depends on the state, where "
                "Heun gives the Stratonovich and not the Itô solution; use "
                "StochasticHeun(ito_correction=True) or EulerMaruyama()."
            )

    def step(
        self,
        system: AbstractDiffusion,
        t: ScalarLike,
        x: Float[Array, "*event"],
        h: ScalarLike,
        noise: Float[Array, "*noise"] | None,
    ) -> Float[Array, "*event"]:
        """One Heun step."""
        first = h * self._drift(system, t, x) + _kick(system, t, x, h, noise)
        y = x + first
        second = h * self._drift(system, t + h, y) + _kick(system, t + h, y, h, noise)
        return x + (first + second) / 2

    def _drift(self, system: AbstractDiffusion, t: ScalarLike, x: Float[Array, "*event"]):
        if not self.ito_correction:
            return system.drift(t, x)
        matrix = lambda x: _matrix(system.diffusion(t, x), x.size)
        slopes = jax.jacfwd(matrix)(x).reshape(x.size, -1, x.size)
        correction = jnp.einsum("ikj,jk->i", slopes, matrix(x)) / 2
        return system.drift(t, x) - correction.reshape(x.shape)


class Euler(AbstractSolver):
    """The explicit first-order step, for systems without noise.

    **Equation**: x + f(t, x) h.
    """

    needs_noise: ClassVar[bool] = False

    def check(self, system: AbstractDiffusion, t: float, states: Float[Array, "m *event"]) -> None:
        """Refuse a system with noise."""
        _refuse_noise("Euler", system, t, states)

    def step(
        self,
        system: AbstractDiffusion,
        t: ScalarLike,
        x: Float[Array, "*event"],
        h: ScalarLike,
        noise: Float[Array, "*noise"] | None,
    ) -> Float[Array, "*event"]:
        """One Euler step."""
        return x + h * system.drift(t, x)


class RungeKutta4(AbstractSolver):
    """The classical fourth-order scheme, for systems without noise."""

    needs_noise: ClassVar[bool] = False

    def check(self, system: AbstractDiffusion, t: float, states: Float[Array, "m *event"]) -> None:
        """Refuse a system with noise."""
        _refuse_noise("RungeKutta4", system, t, states)

    def step(
        self,
        system: AbstractDiffusion,
        t: ScalarLike,
        x: Float[Array, "*event"],
        h: ScalarLike,
        noise: Float[Array, "*noise"] | None,
    ) -> Float[Array, "*event"]:
        """One Runge–Kutta step."""
        return runge_kutta_step(lambda x, t: system.drift(t, x), x, t, h)[0]


def _refuse_noise(solver: str, system: AbstractDiffusion, t: float, states: Array) -> None:
    if np.any(np.asarray(jax.vmap(system.diffusion, (None, 0))(t, states)) != 0):
        raise InvalidInput(
            f"{solver}: {type(system).__name__} has noise; use EulerMaruyama() or StochasticHeun()."
        )


def _kick(system: AbstractDiffusion, t: ScalarLike, x: Array, h: ScalarLike, noise: Array | None):
    """B(t, x) √h ξ for scalar, diagonal or matrix B."""
    if noise is None:
        return jnp.zeros_like(x)
    b = system.diffusion(t, x)
    kick = b * noise if b.shape in ((), x.shape) else b @ noise
    return jnp.sqrt(h) * kick


def _matrix(b: Array, dim: int) -> Array:
    return b if b.ndim == 2 else jnp.diag(jnp.broadcast_to(b.reshape(-1), (dim,)))


def noise_shape(system: AbstractDiffusion, t: float, x: np.ndarray) -> tuple[int, ...]:
    """Shape of the random numbers that one step takes.

    Raises:
        InvalidInput: a diffusion of no admissible shape.
    """
    b = jax.eval_shape(system.diffusion, t, jnp.asarray(x))
    if b.shape in ((), x.shape):
        return x.shape
    if x.ndim == 1 and b.ndim == 2 and b.shape[0] == x.shape[0]:
        return b.shape[1:]
    raise InvalidInput(
        f"{type(system).__name__}.diffusion has shape {b.shape} for a state of shape {x.shape}; "
        "expected a scalar, the state's shape, or a matrix (dim, m)."
    )

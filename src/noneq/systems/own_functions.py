"""Systems of your own functions: a drift and a noise, or a potential.

What a task does not need can be left out: a potential alone has no initial states and cannot be
simulated without ``start=``, but its forces, its work and its Boltzmann distribution are known.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.domains import AbstractDomain, Free
from noneq.errors import InvalidInput
from noneq.systems.base import AbstractDiffusion, AbstractLangevin, AbstractODE
from noneq.systems.given_functions import (
    AbstractOwn,
    check_shape,
    positive_step,
    start_of,
)
from noneq.systems.time_functions import of_time


class Diffusion(AbstractOwn, AbstractDiffusion):
    """A system of your own drift and noise.

    **Equation**: dX = drift(t, X) dt + noise(t, X) dW, in the sense of Itô.

    Args:
        drift: a function of ``(t, x)`` or of ``x`` alone, in ``jax.numpy``; gives the velocity, an
            array or a list of numbers.
        noise: B: a function as ``drift``, or constant: a number, one number per coordinate, or a
            matrix ``(dim, m)``. B Bᵀ/2 is the diffusivity: for kT and mobility 1, √(2 kT).
        initial: a state at which all paths start, or a function of a random key that draws one.
        shape: of a state; need not be said if ``initial`` is given.
        domain: where the states live.
        time_step: internal step of a simulation; None measures one on a few paths: 0.02 over the
            largest rate of change of the drift.

    Raises:
        InvalidInput: neither ``initial`` nor ``shape``, or a function whose result has another shape
            or that JAX cannot trace.
    """

    _drift: Callable[..., Any]
    _noise: Callable[..., Any]
    _initial: Callable[[Key], Any] | None
    _shape: tuple[int, ...]
    _domain: AbstractDomain
    _step: float | None

    def __init__(
        self,
        drift: Callable[..., Any],
        noise: Any,
        *,
        initial: Any = None,
        shape: int | tuple[int, ...] | None = None,
        domain: AbstractDomain = Free(),
        time_step: float | None = None,
    ):
        self._initial, self._shape = start_of(initial, shape, "Diffusion")
        self._drift = of_time(drift, "Diffusion: drift")
        self._noise = of_time(noise, "Diffusion: noise")
        self._domain, self._step = domain, positive_step(time_step, "Diffusion")
        check_shape("Diffusion: drift", self._drift, self._shape, self._shape)
        check_shape("Diffusion: noise", self._noise, self._shape, None)

    def drift(self, t: ScalarLike, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        return self._drift(t, x)

    def diffusion(self, t: ScalarLike, x: Float[Array, "*event"]) -> Array:
        return self._noise(t, x)


class ODE(AbstractOwn, AbstractODE):
    """A system of your own velocity, without noise.

    **Equation**: dx/dt = drift(t, x).

    Args:
        drift, initial, shape, domain, time_step: as in `Diffusion`.

    Raises:
        InvalidInput: as in `Diffusion`.
    """

    _drift: Callable[..., Any]
    _initial: Callable[[Key], Any] | None
    _shape: tuple[int, ...]
    _domain: AbstractDomain
    _step: float | None

    def __init__(
        self,
        drift: Callable[..., Any],
        *,
        initial: Any = None,
        shape: int | tuple[int, ...] | None = None,
        domain: AbstractDomain = Free(),
        time_step: float | None = None,
    ):
        self._initial, self._shape = start_of(initial, shape, "ODE")
        self._drift = of_time(drift, "ODE: drift")
        self._domain, self._step = domain, positive_step(time_step, "ODE")
        check_shape("ODE: drift", self._drift, self._shape, self._shape)

    def drift(self, t: ScalarLike, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        return self._drift(t, x)


class Langevin(AbstractOwn, AbstractLangevin):
    """Overdamped motion in a potential of your own, at mobility 1.

    **Equation**: dX = [−∇V(t, X) + force(t, X)] dt + √(2/beta) dW.

    Args:
        potential: V, a function of ``(t, x)`` or of ``x`` alone, in ``jax.numpy``; gives a number.
        beta: inverse temperature 1/kT.
        force: the part of the force that is no gradient, a function as ``potential``; None is none.
        initial, shape, domain, time_step: as in `Diffusion`.

    Raises:
        InvalidInput: as in `Diffusion`; beta not positive.
    """

    beta: float
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
        beta: float = 1.0,
        force: Callable[..., Any] | None = None,
        initial: Any = None,
        shape: int | tuple[int, ...] | None = None,
        domain: AbstractDomain = Free(),
        time_step: float | None = None,
    ):
        if not 0 < beta < float("inf"):
            raise InvalidInput(f"Langevin: beta = {beta}; it must be > 0.")
        self.beta = float(beta)
        self._initial, self._shape = start_of(initial, shape, "Langevin")
        self._potential = of_time(potential, "Langevin: potential")
        self._force = None if force is None else of_time(force, "Langevin: force")
        self._domain, self._step = domain, positive_step(time_step, "Langevin")
        check_shape("Langevin: potential", self._potential, self._shape, ())
        if self._force is not None:
            check_shape("Langevin: force", self._force, self._shape, self._shape)

    def potential(self, t: ScalarLike, x: Float[Array, "*event"]) -> Scalar:
        return self._potential(t, x)

    def nonconservative_force(
        self, t: ScalarLike, x: Float[Array, "*event"]
    ) -> Float[Array, "*event"]:
        return jnp.zeros_like(x) if self._force is None else self._force(t, x)

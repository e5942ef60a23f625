"""Systems of your own functions: a drift and a noise, or a potential.

What a task does not need can be left out: a potential alone has no initial states and cannot be
simulated without ``start=``, but its forces, its work and its Boltzmann distribution are known.
"""

import inspect
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.domains import AbstractDomain, Free
from noneq.errors import InvalidInput, MissingTrait
from noneq.systems.base import AbstractDiffusion, AbstractLangevin, AbstractODE, AbstractSystem
from noneq.systems.time_steps import step_of


class AbstractOwn(AbstractSystem):
    """A system whose initial states, domain and time step are what its author gave."""

    _initial: eqx.AbstractVar[Callable[[Key], Any] | None]
    _shape: eqx.AbstractVar[tuple[int, ...]]
    _domain: eqx.AbstractVar[AbstractDomain]
    _step: eqx.AbstractVar[float | None]

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one state."""
        return self._shape

    @property
    def domain(self) -> AbstractDomain:
        """As given."""
        return self._domain

    @property
    def time_step(self) -> float:
        """As given, or measured."""
        return self._step or step_of(self)

    def initial(self, key: Key) -> Float[Array, "*event"]:
        """The state given, or a draw.

        Raises:
            MissingTrait: none was given.
        """
        if self._initial is None:
            raise MissingTrait(
                f"{type(self).__name__} has no initial states; give it initial=, or time_step= and "
                "simulate with start=."
            )
        return self._initial(key)


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
        self._initial, self._shape = initial_states(initial, shape, "Diffusion")
        self._drift = _of_time(drift, "Diffusion: drift")
        self._noise = _of_time(noise, "Diffusion: noise")
        self._domain, self._step = domain, _positive(time_step, "Diffusion")
        refuse_shape("Diffusion: drift", self._drift, self._shape, self._shape)
        refuse_shape("Diffusion: noise", self._noise, self._shape, None)

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
        self._initial, self._shape = initial_states(initial, shape, "ODE")
        self._drift = _of_time(drift, "ODE: drift")
        self._domain, self._step = domain, _positive(time_step, "ODE")
        refuse_shape("ODE: drift", self._drift, self._shape, self._shape)

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
        self._initial, self._shape = initial_states(initial, shape, "Langevin")
        self._potential = _of_time(potential, "Langevin: potential")
        self._force = None if force is None else _of_time(force, "Langevin: force")
        self._domain, self._step = domain, _positive(time_step, "Langevin")
        refuse_shape("Langevin: potential", self._potential, self._shape, ())
        if self._force is not None:
            refuse_shape("Langevin: force", self._force, self._shape, self._shape)

    def potential(self, t: ScalarLike, x: Float[Array, "*event"]) -> Scalar:
        return self._potential(t, x)

    def nonconservative_force(
        self, t: ScalarLike, x: Float[Array, "*event"]
    ) -> Float[Array, "*event"]:
        return jnp.zeros_like(x) if self._force is None else self._force(t, x)


def _of_time(given: Any, what: str) -> Callable[..., Any]:
    """A function of (t, x) that gives an array, from one of x alone, or from a constant."""
    if not callable(given):
        value = np.asarray(given)
        if value.dtype.kind not in "iuf" or not np.isfinite(value).all():
            raise InvalidInput(f"{what} = {given!r}; expected finite numbers or a function.")
        return lambda t, x: jnp.asarray(value, x.dtype)
    try:
        parameters = inspect.signature(given).parameters.values()
    except ValueError:  # built in
        parameters = ()
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = [p for p in places if p.default is p.empty]
    if len(needed) > 2:
        raise InvalidInput(f"{what} takes {len(needed)} arguments; expected (t, x) or (x).")
    if len(needed) == 1 or len(places) == 1:
        return _named(given, lambda t, x: jnp.asarray(given(x), x.dtype))
    return _named(given, lambda t, x: jnp.asarray(given(t, x), x.dtype))


def _named(given: Callable[..., Any], function: Callable[..., Any]) -> Callable[..., Any]:
    """The function under the name of the one that was given, as messages show it."""
    function.__qualname__ = function.__name__ = getattr(given, "__name__", type(given).__name__)
    return function


def initial_states(
    initial: Any, shape: int | tuple[int, ...] | None, name: str
) -> tuple[Callable[[Key], Any] | None, tuple[int, ...]]:
    """How a state is drawn, and its shape."""
    asked = (shape,) if isinstance(shape, int) else shape
    if initial is None:
        if asked is None:
            raise InvalidInput(f"{name}: give initial=, a state or a function of a key, or shape=.")
        return None, tuple(asked)
    if callable(initial):
        draw = lambda key: jnp.asarray(initial(key), float)
        found = jax.eval_shape(draw, jax.random.key(0)).shape
    else:
        state = np.asarray(initial, float)
        if not np.isfinite(state).all():
            raise InvalidInput(f"{name}: initial = {initial!r}; expected finite numbers.")
        draw, found = (lambda key: jnp.asarray(state, float)), state.shape
    if not found or (asked is not None and tuple(asked) != found):
        wanted = "expected a vector, such as [0.0]" if asked is None else f"shape= says {asked}"
        raise InvalidInput(f"{name}: initial has the shape {found}; {wanted}.")
    return draw, found


def _positive(step: float | None, name: str) -> float | None:
    if step is not None and not 0 < step < float("inf"):
        raise InvalidInput(f"{name}: time_step = {step}; it must be > 0.")
    return step


def refuse_shape(
    what: str, function: Callable[..., Any], event: tuple[int, ...], wanted: tuple[int, ...] | None
) -> None:
    """Refuse a function whose result has another shape; None stands for those of a noise."""
    state = jax.ShapeDtypeStruct(event, jnp.zeros(()).dtype)
    try:
        found = jax.eval_shape(function, jax.ShapeDtypeStruct((), state.dtype), state).shape
    except (jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError) as error:
        raise InvalidInput(
            f"{what} cannot be traced by JAX: use jax.numpy in place of numpy, and jnp.where in "
            "place of if."
        ) from error
    matrix = len(event) == 1 and len(found) == 2 and found[0] == event[0]
    fits = found in ((), event) or matrix if wanted is None else found == wanted
    if not fits:
        kinds = f"a number, {event} or ({event[0]}, m)" if wanted is None else f"the shape {wanted}"
        raise InvalidInput(
            f"{what} gives the shape {found} for a state of shape {event}; expected {kinds}."
        )

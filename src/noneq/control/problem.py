"""What a control is asked for: a system, what its paths cost, and for how long."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Scalar, ScalarLike
from noneq.control.end_region import EndRegion
from noneq.errors import InvalidInput
from noneq.kinds import shown
from noneq.simulation.learnt import MODEL_STEPS, LearntSystem
from noneq.simulation.solvers import noise_shape
from noneq.symbolic.condition import identifiers
from noneq.symbolic.expression import Expression
from noneq.systems.base import AbstractDiffusion
from noneq.traced import AbstractUntraced
from noneq.traits import AbstractModel


class ControlProblem(AbstractUntraced):
    """Steer a system at least cost, through the same channels as its noise.

    **Equation**: dX = [f(t, X) + B(t, X) u(t, X)] dt + B(t, X) dW; minimise
    E[∫_0^T (q(t, X) + ½|u|²) dt + g(X_T)], t counted from ``start``. The least cost of a path from x is
    −ln E[e^{−∫q dt − g} | X_0 = x] over paths without control, and the optimal control
    u* = Bᵀ ∇ ln E[e^{−∫q dt − g} | X_t = x]. Paths are Euler–Maruyama chains, whose weights are exact.

    Args:
        system: what is steered: any diffusion with noise, or a fitted model with a drift.
        horizon: T.
        running: q: a number, a text such as ``"x**2 + t"``, or a function of ``(t, x)``.
        final: g: a number, a text such as ``"4*(x - 1)**2"``, a function of x, or an `EndRegion`. Only
            numbers, texts and `EndRegion` can be saved.
        along: coordinates that the control may push, by name; empty for all that have noise. With
            fewer than these the least cost is not −ln E e^{−∫q − g}, and no weights certify it.
        steps: of the chain; None is the horizon over ``system.time_step``, rounded up.
        start: physical time at which the control begins.

    Raises:
        InvalidInput: no noise, or none in a direction that the control is to push; a cost that is no
            number of such states, or a horizon that is not positive.

    Source: Kappen 2005, Phys. Rev. Lett. 95, 200201.
    """

    system: AbstractDiffusion
    horizon: float
    running: Any
    final: Any
    along: tuple[str, ...]
    steps: int
    start: float
    channels: tuple[bool, ...]
    """Numbers of the noise that the control uses, where some are left out; else empty."""

    def __init__(
        self,
        system: AbstractDiffusion | AbstractModel,
        horizon: float = 1.0,
        running: Any = 0.0,
        final: Any = 0.0,
        along: tuple[str, ...] = (),
        steps: int | None = None,
        start: float = 0.0,
    ):
        if not 0 < horizon < float("inf"):
            raise InvalidInput(f"ControlProblem: horizon = {horizon}; expected a positive time.")
        if isinstance(system, AbstractModel):
            system = LearntSystem(system, float(start), horizon / MODEL_STEPS)
        if steps is None:
            steps = max(1, int(np.ceil(horizon / system.time_step - 0.01)))
        if steps < 1:
            raise InvalidInput(f"ControlProblem: steps = {steps}; expected 1 or more.")
        self.system, self.horizon, self.steps = system, float(horizon), steps
        self.running, self.final, self.start = running, final, float(start)
        self.along = tuple(along)
        self.channels = _channels(system, self.along, self.start)

    def __check_init__(self) -> None:
        state = jax.ShapeDtypeStruct(self.system.event_shape, jnp.zeros(()).dtype)
        run, end = self.running, self.final
        own = callable(end) and self.smooth  # before the annotations of `final_cost` see its shape
        costs = {
            "running": (run, lambda x: run(self.start, x)) if callable(run) else (
                run, lambda x: self.running_cost(self.start, x)
            ),
            "final": (end, end if own else self.final_cost),
        }  # fmt: skip
        for name, (given, cost) in costs.items():
            if isinstance(given, bool) or not (
                isinstance(given, int | float | str | EndRegion) or callable(given)
            ):
                raise InvalidInput(
                    f"ControlProblem: {name} = {shown(given)}; expected a number, a text such as "
                    "'x**2', or a function."
                )
            try:
                shape = _shape(cost, state)
            except jax.errors.JAXTypeError as error:
                raise InvalidInput(
                    f"ControlProblem: {name} cannot be traced by JAX; write it with jax.numpy."
                ) from error
            if shape != ():
                raise InvalidInput(
                    f"ControlProblem: {name} gives the shape {shape}; expected one number."
                )

    @property
    def step(self) -> float:
        """Time step of the chain."""
        return self.horizon / self.steps

    @property
    def times(self) -> np.ndarray:
        """Of the chain, ``(steps + 1,)``."""
        return self.start + np.linspace(0.0, self.horizon, self.steps + 1)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the coordinates of a flattened state, as texts call them."""
        return identifiers(self.system.names, int(np.prod(self.system.event_shape)))

    @property
    def control_shape(self) -> tuple[int, ...]:
        """Of u."""
        state = np.zeros(self.system.event_shape, jnp.zeros(()).dtype)
        return noise_shape(self.system, self.start, state)

    @property
    def smooth(self) -> bool:
        """Whether the final cost is finite everywhere."""
        return not isinstance(self.final, EndRegion)

    def running_cost(self, t: ScalarLike, x: Float[Array, "*event"]) -> Scalar:
        """q(t, x)."""
        if isinstance(self.running, str):
            both = jnp.concatenate([jnp.asarray(t, x.dtype)[None], x.reshape(-1)])
            return Expression(self.running, ("t", *self.names))(both)
        value = self.running(t, x) if callable(self.running) else self.running
        return jnp.asarray(value, x.dtype)

    def final_cost(self, x: Float[Array, "*event"]) -> Scalar:
        """g(x); of an `EndRegion` its smooth cost."""
        if isinstance(self.final, EndRegion):
            return self.final.smooth(x.reshape(-1), self.names)
        if isinstance(self.final, str):
            return Expression(self.final, self.names)(x.reshape(-1))
        return jnp.asarray(self.final(x) if callable(self.final) else self.final, x.dtype)

    def final_log_weight(self, x: Float[Array, "*event"]) -> Scalar:
        """−g(x); of an `EndRegion` 0 inside and −∞ outside."""
        if isinstance(self.final, EndRegion):
            return jnp.where(self.final.holds(x.reshape(-1), self.names), 0.0, -jnp.inf)
        return -self.final_cost(x)

    def allowed(self, u: Float[Array, "*noise"]) -> Float[Array, "*noise"]:
        """The control with channels that it may not use at 0."""
        return u * jnp.asarray(self.channels, u.dtype) if self.channels else u


def _shape(cost: Any, state: Any) -> tuple[int, ...]:
    return jax.eval_shape(lambda x: jnp.asarray(cost(x)), state).shape


def _channels(system: AbstractDiffusion, along: tuple[str, ...], start: float) -> tuple[bool, ...]:
    """Which numbers of the noise push the coordinates; empty for all.

    Raises:
        InvalidInput: no noise where the control is to push.
    """
    kind = type(system).__name__
    x = system.initial(jax.random.key(0))
    b = np.asarray(system.diffusion(start, x))
    if not np.any(b != 0):
        raise InvalidInput(
            f"ControlProblem: {kind} has no noise, through which a control acts; give it some, or "
            "steer it by a protocol (noneq.control.protocols)."
        )
    if not along:
        return ()
    names = system.names
    for name in along:
        if name not in names:
            raise InvalidInput(
                f"ControlProblem: there is no coordinate {name!r}; known: {', '.join(names)}."
            )
    if x.ndim != 1:
        raise InvalidInput("ControlProblem: along= is for states that are vectors; leave it out.")
    rows = b if b.ndim == 2 else np.diag(np.broadcast_to(b, x.shape))
    noisy = [name for name, row in zip(names, rows, strict=True) if np.any(row != 0)]
    for name in along:
        if name not in noisy:
            raise InvalidInput(
                f"ControlProblem: {name} of {kind} has no noise, through which a control acts; push "
                f"{', '.join(noisy)}, or give {name} some noise."
            )
    pushed = [i for i, name in enumerate(names) if name in along]
    used = np.any(rows[pushed] != 0, axis=0)
    return () if used.all() or set(along) == set(noisy) else tuple(used.tolist())

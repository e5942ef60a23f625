"""Paths of a control problem, what they cost, and their weights."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key
from noneq.control.problem import ControlProblem
from noneq.systems.controlled import pushed
from noneq.traced import jit


Control: TypeAlias = Callable[..., Any]
"""u, a function of ``(t, x)`` for one state."""


class Chain(NamedTuple):
    """Euler–Maruyama paths under a control.

    Attributes:
        end: last states ``(n, *event)``.
        running: ∫ q dt of each path, ``(n,)``.
        effort: ∫ ½|u|² dt.
        martingale: ∫ u·dW.
        states, noise, controls: at the start of every step, ``(steps, n, …)``; None if not asked for.
    """

    end: Array
    running: Array
    effort: Array
    martingale: Array
    states: Array | None
    noise: Array | None
    controls: Array | None

    def log_weight(self, problem: ControlProblem) -> Float[Array, " n"]:
        """ln(e^{−∫q − g} dP/dP^u): the same number for all paths if u is optimal.

        **Equation**: −∫q dt − g(X_T) − ∫u·dW − ½∫|u|² dt, W the noise of the controlled path; exact for
        the chain.
        """
        ends = jax.vmap(problem.final_log_weight)(self.end)
        return ends - self.running - self.martingale - self.effort

    def cost(self, problem: ControlProblem) -> Float[Array, " n"]:
        """∫(q + ½|u|²) dt + g(X_T) of each path; of an `EndRegion` with its smooth cost."""
        return self.running + self.effort + jax.vmap(problem.final_cost)(self.end)


def moved(problem: ControlProblem, t: Any, x: Array, u: Array, xi: Array) -> Array:
    """One step of the chain from a state, given control and standard normal noise."""
    system, h = problem.system, problem.step
    b = system.diffusion(t, x)
    return system.domain.project(
        x + h * (system.drift(t, x) + pushed(b, u)) + jnp.sqrt(h) * pushed(b, xi)
    )


def followed(
    problem: ControlProblem, control: Control, starts: Array, *, key: Key, keep: bool
) -> Chain:
    """Paths from given states, inside a compiled function."""
    times = jnp.asarray(problem.times[:-1], starts.dtype)
    h = problem.step
    shape = (len(starts), *problem.control_shape)

    def step(carry: Any, frame: Any) -> Any:
        x, running, effort, martingale = carry
        t, index = frame
        xi = jax.random.normal(jax.random.fold_in(key, index), shape, x.dtype)
        u = jax.vmap(lambda x: problem.allowed(control(t, x)))(x)
        q = jax.vmap(lambda x: problem.running_cost(t, x))(x)
        inner = tuple(range(1, u.ndim))
        carry = (
            jax.vmap(lambda x, u, xi: moved(problem, t, x, u, xi))(x, u, xi),
            running + h * q,
            effort + h / 2 * jnp.sum(u**2, axis=inner),
            martingale + jnp.sqrt(h) * jnp.sum(u * xi, axis=inner),
        )
        return carry, (x, xi, u) if keep else None

    zero = jnp.zeros(len(starts), starts.dtype)
    carry, kept = jax.lax.scan(step, (starts, zero, zero, zero), (times, jnp.arange(problem.steps)))
    return Chain(*carry, *(kept if keep else (None, None, None)))


@jit
def run(problem: ControlProblem, control: Control, starts: Array, key: Key, keep: bool) -> Chain:
    """Compiled `followed`."""
    return followed(problem, control, starts, key=key, keep=keep)


@jit
def starts_of(problem: ControlProblem, n: int, key: Key) -> Array:
    """n states at which paths begin."""
    return jax.vmap(problem.system.initial)(jax.random.split(key, n))


def no_control(problem: ControlProblem) -> Control:
    """u = 0."""
    shape = problem.control_shape
    return lambda t, x: jnp.zeros(shape, x.dtype)

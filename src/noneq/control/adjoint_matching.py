"""A control as a network, learnt by matching the lean adjoint along its own paths."""

from pathlib import Path
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from noneq._typing import Key, Scalar
from noneq.constant import learnable
from noneq.control.chain import followed, moved
from noneq.control.method import AbstractControlMethod
from noneq.control.model import pulled
from noneq.control.network import NetworkControl
from noneq.control.problem import ControlProblem
from noneq.data.summary import Summary
from noneq.errors import InvalidInput
from noneq.learning.loop import train
from noneq.learning.method import History, Progress
from noneq.learning.objectives import AbstractObjective
from noneq.learning.training import Training
from noneq.nets.base import AbstractNet
from noneq.nets.vectors.fields import MLP


class LeanAdjoint(AbstractObjective):
    """Mean of ½ ∫|u(t, X) + Bᵀ ã|² dt along paths of the control itself, ã held fixed.

    **Equation**: ã_T = ∇g(X_T); one step back, ã_k = (∂X_{k+1}/∂X_k)ᵀ ã_{k+1} + h ∇q(t_k, X_k) with u and
    the noise held fixed, in continuous time dã/dt = −(∂f)ᵀã − ∇q. The target of step k is −Bᵀ ã_{k+1},
    of which the optimal control of the chain is the mean.
    """

    problem: ControlProblem
    points: int

    def init(self, model: Any, *, key: Key) -> None:
        return None

    def grad(
        self, model: NetworkControl, state: PyTree, batch: PyTree, *, key: Key
    ) -> tuple[Scalar, PyTree, PyTree]:
        problem = self.problem
        path_key, some_key = jax.random.split(key)
        chain = followed(problem, model, batch["start"], key=path_key, keep=True)
        times = jnp.asarray(problem.times[:-1], chain.end.dtype)
        states: Any = chain.states
        frames = (times, states, chain.noise, chain.controls)
        targets = jax.lax.stop_gradient(_targets(problem, chain.end, frames))
        if self.points < problem.steps:  # neighbours on a path say nearly the same
            shift = jax.random.uniform(some_key, (self.points,))
            some = (jnp.arange(self.points) + shift) * (problem.steps / self.points)
            times, states, targets = (
                part[jnp.floor(some).astype(int)] for part in (times, states, targets)
            )
        free, fixed = eqx.partition(model, learnable(model))

        def loss(free: PyTree) -> Scalar:
            control = eqx.combine(free, fixed)
            at = jax.vmap(lambda t, x: problem.allowed(control(t, x)), (None, 0))
            gaps = jax.vmap(at)(times, states) - targets
            return (
                problem.horizon / 2 * jnp.mean(jnp.sum(gaps.reshape(*gaps.shape[:2], -1) ** 2, -1))
            )

        value, grads = jax.value_and_grad(loss)(jax.lax.stop_gradient(free))
        return value, grads, state


def _targets(problem: ControlProblem, end: Array, frames: tuple[Any, ...]) -> Array:
    """−Bᵀ ã_{k+1} at every step of every path, ``(steps, n, …)``."""
    h = problem.step

    def back(adjoint: Array, frame: Any) -> tuple[Array, Array]:
        t, xs, xis, us = frame

        def one(x: Array, xi: Array, u: Array, a: Array) -> tuple[Array, Array]:
            target = pulled(problem, t, x, a)
            before = jax.vjp(lambda x: moved(problem, t, x, u, xi), x)[1](a)[0]
            return before + h * jax.grad(lambda x: problem.running_cost(t, x))(x), target

        return jax.vmap(one)(xs, xis, us, adjoint)

    last = jax.vmap(jax.grad(problem.final_cost))(end)
    return jax.lax.scan(back, last, frames, reverse=True)[1]


class AdjointMatching(AbstractControlMethod):
    """Any control of any differentiable system, as a network of state and time.

    Forward process:
        the system itself, under the control learnt so far.
    Learnt object:
        u(t, x), a network of the normalised state and of time.
    Objective and weight:
        ½|u(t, X_t) + Bᵀ ã_t|² on paths of the control, uniform in time; ã is the lean adjoint
        dã/dt = −(∂f)ᵀã − ∇q, ã_T = ∇g(X_T). The only minimum is the optimal control.
    Sampling:
        Euler–Maruyama paths of dX = (f + B u) dt + B dW.
    Source and deviations:
        Domingo-Enrich et al. 2025; without its memoryless noise, which serves generative models. The
        adjoint is that of the chain, so that the control is optimal for its steps; noise that depends
        on the state is differentiated too.

    Args:
        net: a network of the state.
        points: of each path that enter the loss, spread evenly at random.
        training: settings of the gradient loop; ``batch`` paths a step, from states drawn anew.

    Raises:
        InvalidInput: a batch of 0, or no points.
    """

    source: ClassVar[str] = "domingoenrich2025adjoint"

    net: AbstractNet = MLP(width=64, depth=3)
    points: int = 16
    training: Training = Training(steps=2000, batch=128, rate=3e-3, ema=0.99)

    def __check_init__(self) -> None:
        if self.points < 1:
            raise InvalidInput(f"AdjointMatching: points = {self.points}; expected 1 or more.")
        if self.training.batch == 0:
            raise InvalidInput(
                "AdjointMatching: training.batch = 0; expected paths a step, as 128."
            )

    def untrained(self, summary: Summary, problem: ControlProblem, key: Key) -> NetworkControl:
        return NetworkControl(self.net, summary, problem, key)

    def learn(
        self,
        control: Any,
        problem: ControlProblem,
        states: Array,
        *,
        key: Key,
        progress: Progress | None,
        checkpoint: Path | None,
    ) -> tuple[NetworkControl, History]:
        return train(
            control,
            LeanAdjoint(problem, self.points),
            {"start": states},
            self.training,
            key=key,
            progress=progress,
            checkpoint=checkpoint,
        )

"""A system under a learnt control: what the methods of this room fit."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Numbers, ScalarLike
from noneq.control.feedback import AbstractControl
from noneq.control.problem import ControlProblem
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.domains import AbstractDomain
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.simulation.ensemble import simulate
from noneq.systems.controlled import Controlled, felt
from noneq.traits import AbstractModel, HasDrift, HasPaths, Time


class ControlledModel(AbstractModel, HasDrift, HasPaths):
    """A system with the control that was learnt for it.

    Attributes:
        problem: what the control was asked for.
        control: u(t, x).
    """

    event_shape: tuple[int, ...]
    domain: AbstractDomain
    problem: ControlProblem
    control: AbstractControl

    def __init__(self, problem: ControlProblem, control: AbstractControl):
        self.event_shape, self.domain = problem.system.event_shape, problem.system.domain
        self.problem, self.control = problem, control

    @property
    def system(self) -> Controlled:
        """As a system: to simulate, to intervene on, to measure."""
        problem, control = self.problem, self.control
        allowed = lambda t, x: problem.allowed(control(t, x))
        return Controlled(problem.system, allowed, problem.step)

    def drift(self, t: ScalarLike, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """f + B u."""
        return self.system.drift(t, jnp.asarray(x))

    def diffusion(self, t: ScalarLike, x: Float[Array, "*event"]) -> Array:
        """B of the system."""
        return self.problem.system.diffusion(t, x)

    @checked
    def sample(
        self, n: int, *, time: Time = None, condition: Any = None, key: Key
    ) -> Float[Array, "n *event"]:
        """n states at a time under the control; None is the end of the horizon."""
        end = self.problem.start + self.problem.horizon if time is None else float(time)
        paths = self.sample_paths(n, times=[end], condition=condition, key=key)
        return jnp.asarray(paths.values[:, -1])

    @checked
    def snapshots(
        self, n: int, *, times: Sequence[float] | np.ndarray, condition: Any = None, key: Key
    ) -> Snapshots:
        """n states at each of the times, of the same n paths."""
        return self.sample_paths(n, times=times, condition=condition, key=key).snapshots()

    @checked
    def sample_paths(
        self,
        n: int,
        *,
        times: Sequence[float] | np.ndarray,
        start: Numbers | None = None,
        condition: Any = None,
        key: Key,
    ) -> Trajectories:
        """n paths under the control, in the steps of the problem's chain.

        Raises:
            InvalidInput: a condition, or times outside the horizon.
        """
        problem, asked = self.problem, np.asarray(times, float).reshape(-1)
        first, last = problem.start, problem.start + problem.horizon
        if condition is not None:
            raise InvalidInput("a controlled system has no condition; leave condition out.")
        slack = 1e-5 * problem.horizon
        if not asked.size or not (first - slack <= asked.min() and asked.max() <= last + slack):
            raise InvalidInput(
                f"times = {times}; the control reaches from {first:g} to {last:g}: ask for times in it."
            )
        later = asked[asked > first + slack]
        frames = np.concatenate([[first], later])
        paths = simulate(self.system, frames, n=n, key=key, start=start)
        return paths if later.size < asked.size else _without_first(paths)


def _without_first(paths: Trajectories) -> Trajectories:
    return Trajectories(paths.values[:, 1:], paths.times[1:], **paths.labels())


def pulled(problem: ControlProblem, t: ScalarLike, x: Array, a: Array) -> Array:
    """−Bᵀ a: the control that goes down a slope a."""
    return problem.allowed(-felt(problem.system.diffusion(t, x), a))

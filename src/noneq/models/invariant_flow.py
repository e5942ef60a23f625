"""Flows that leave a law unchanged: a velocity beside a law, and how well they fit each other."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.domains import AbstractDomain
from noneq.errors import InvalidInput
from noneq.estimate import Estimate, sample_mean
from noneq.models.checks import check_count, check_time
from noneq.models.frame import Frame
from noneq.models.traits import AbstractModel, HasPaths, HasScore, HasVelocity
from noneq.samplers.likelihood import MOST_EXACT, exact_divergence, rademacher
from noneq.simulation import simulate
from noneq.simulation.solvers import EulerMaruyama, RungeKutta4
from noneq.systems.base import AbstractDiffusion


_STEP = 0.02
"""Of the time in which a state moves by the standard deviation of the data."""


class AbstractInvariantFlow(AbstractModel, HasVelocity, HasScore, HasPaths):
    """A law p and a velocity v with ∂_t p + div(p v) = 0, for one time div v + v·∇ log p = 0.

    Attributes:
        law: p, a model with the trait `HasScore`; samples are its samples.
        frame: the user's side.
    """

    law: eqx.AbstractVar[AbstractModel]
    frame: eqx.AbstractVar[Frame]

    @abstractmethod
    def time_score(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Scalar:
        """∂_t log p(x, t), zero for a law that stays."""

    @property
    def event_shape(self) -> tuple[int, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Shape of one state."""
        return self.frame.event_shape

    @property
    def domain(self) -> AbstractDomain:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Where states live."""
        return self.frame.domain

    def score(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Float[Array, "*event"]:
        """∇ log p of the law that the flow keeps."""
        assert isinstance(self.law, HasScore)
        return self.law.score(x, time=time, condition=condition)

    def sample(
        self, n: int, *, time: ScalarLike | None = None, condition: Any = None, key: Key
    ) -> Float[Array, "n *event"]:
        return self.law.sample(n, time=time, condition=condition, key=key)

    def snapshots(
        self, n: int, *, times: Sequence[float] | np.ndarray, condition: Any = None, key: Key
    ) -> Snapshots:
        return self.law.snapshots(n, times=times, condition=condition, key=key)

    def sample_paths(
        self,
        n: int,
        *,
        times: Sequence[float] | np.ndarray,
        start: Any = None,
        noise: float = 0.0,
        step: float | None = None,
        condition: Any = None,
        key: Key,
    ) -> Trajectories:
        """n paths of the flow on ``times``.

        **Equation**: dx = v dt, or dx = (v + noise ∇ log p) dt + √(2 noise) dW, which carries the
        same p(x, t) for every ``noise`` ≥ 0 (Euler–Maruyama; classical Runge–Kutta without noise).

        Args:
            n: number of paths.
            times: increasing, in physical time.
            start: states ``(n, *event_shape)`` at the first time; None draws them from the law.
            noise: diffusivity eta, in squared units of the states per time; the same for every
                coordinate.
            step: largest internal step; None takes a fiftieth of the time in which a state moves by
                the data's standard deviation, and a tenth of that in which noise forgets.

        Raises:
            InvalidInput: bad n, times, start, noise or step.
            SolveFailed: a path leaves all bounds.
        """
        check_count(n)
        if not 0 <= noise < float("inf"):
            raise InvalidInput(f"sample_paths: noise = {noise}; expected a finite number ≥ 0.")
        if step is not None and not 0 < step < float("inf"):
            raise InvalidInput(f"sample_paths: step = {step}; expected a positive number.")
        times = np.atleast_1d(np.asarray(times, dtype=np.float64))
        start_key, path_key = jax.random.split(key)
        moving = self._moving
        first = float(times[0]) if moving else None
        if start is None:
            start = self.sample(n, time=first, condition=condition, key=start_key)
        start = jnp.asarray(start, dtype=float)
        if start.shape != (n, *self.event_shape):
            raise InvalidInput(
                f"sample_paths: start has shape {start.shape}; expected {(n, *self.event_shape)}."
            )
        condition = self.frame.asked.check(condition)
        if step is None:
            step = float(_natural_step(self, start[:1024], first, condition, float(noise)))
        flow = Stirred(
            model=self, noise=float(noise), step=step, moving=moving, condition=condition
        )
        solver = EulerMaruyama() if noise else RungeKutta4()
        paths = simulate(flow, times, n=n, key=path_key, solver=solver, start=start)
        return Trajectories(paths.values, times, **self.frame.described())

    @property
    def _moving(self) -> bool:
        return len(self.frame.times) > 1

    def invariance_residual(
        self,
        x: Any = None,
        *,
        time: ScalarLike | None = None,
        condition: Any = None,
        n: int = 4096,
        probes: int = 8,
        key: Key,
    ) -> Estimate:
        """How far the flow is from keeping its law: 0 if exact, about 1 for an unrelated field.

        **Equation**: ⟨r²⟩/⟨(div v)² + (v·s)² + q²⟩, r = q + div v + v·s, q = ∂_t log p. In more than
        64 dimensions both squares are products of two independent Hutchinson estimates of div v,
        unbiased but possibly negative.

        Args:
            x: states ``(m, *event_shape)`` of the law at ``time``; None draws n of them.
            probes: of each estimate of div v.

        Returns:
            The ratio with its error over the states (delta method).

        Raises:
            InvalidInput: states of another shape, or fewer than 2.

        Source: Zhang and Levin 2025, eq. for the loss; deviation: divided by the size of its terms.
        """
        x, time, condition = self._states(x, time, condition, n, key)
        keys = jax.random.split(jax.random.fold_in(key, 1), x.shape[0])
        values = _residuals(self, x, time, condition, probes, keys)
        above, below = (np.asarray(a, np.float64) for a in values)
        ratio = above.mean() / below.mean() if below.mean() else np.inf
        error = np.std(above - ratio * below, ddof=1) / (np.sqrt(len(above)) * abs(below.mean()))
        return Estimate(np.asarray(ratio), np.asarray(error), np.asarray(len(above)))

    def speed(
        self,
        x: Any = None,
        *,
        time: ScalarLike | None = None,
        condition: Any = None,
        n: int = 4096,
        key: Key,
    ) -> Estimate:
        """Root of the mean squared velocity over the law, √⟨|v|²⟩, in units of the states per time.

        Args:
            x: states ``(m, *event_shape)`` of the law at ``time``; None draws n of them.
        """
        x, time, condition = self._states(x, time, condition, n, key)
        squared = sample_mean(_squared_speeds(self, x, time, condition))
        root = np.sqrt(squared.value)
        error = squared.stderr / np.maximum(2 * root, 1e-300)
        return Estimate(np.asarray(root), np.asarray(error), squared.n)

    def _states(
        self, x: Any, time: Any, condition: Any, n: int, key: Key
    ) -> tuple[Array, Any, Any]:
        time = check_time(time, self.frame.times)
        if x is None:
            check_count(n)
            x = self.sample(n, time=time, condition=condition, key=key)
        condition = self.frame.asked.check(condition)
        x, _ = self.frame.batch(x)
        if x.shape[0] < 2:
            raise InvalidInput(f"{x.shape[0]} state is too little for an error; give at least 2.")
        return x, time, condition


class Stirred(AbstractDiffusion):
    """An invariant flow as a system to simulate.

    **Equation**: dx = (v + noise s) dt + √(2 noise) dW.

    Args:
        model: the flow.
        noise: diffusivity.
        step: largest internal step.
        moving: whether the law depends on time.
        condition: of the law, or None.
    """

    model: AbstractInvariantFlow
    noise: float
    step: float = eqx.field(static=True)
    moving: bool = eqx.field(static=True)
    condition: Any = None

    @property
    def event_shape(self) -> tuple[int, ...]:
        """That of the model."""
        return self.model.event_shape

    @property
    def domain(self) -> AbstractDomain:
        """That of the model."""
        return self.model.domain

    @property
    def time_step(self) -> float:
        """``step``."""
        return self.step

    def initial(self, key: Key) -> Float[Array, "*event"]:
        """A draw of the law; of one that moves, at the first training time."""
        time = self.model.frame.times[0] if self.moving else None
        return self.model.sample(1, time=time, condition=self.condition, key=key)[0]

    def drift(self, t: ScalarLike, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        time = t if self.moving else None
        velocity = self.model.velocity(x, time=time, condition=self.condition)
        if self.noise == 0:
            return velocity
        return velocity + self.noise * self.model.score(x, time=time, condition=self.condition)

    def diffusion(self, t: ScalarLike, x: Float[Array, "*event"]) -> Array:
        return jnp.sqrt(2.0 * jnp.asarray(self.noise, x.dtype))


@eqx.filter_jit
def _natural_step(
    model: AbstractInvariantFlow, x: Array, time: Any, condition: Any, noise: Any
) -> Scalar:
    scale = model.frame.normaliser.scale.value
    size = lambda field: jnp.sqrt(jnp.mean(field.reshape(x.shape[0], -1) ** 2, axis=0) + 1e-30)
    over = lambda f: jax.vmap(lambda x: f(x, time=time, condition=condition))(x)
    turn = jnp.max(size(over(model.velocity)) / scale)
    forget = noise * jnp.max(size(over(model.score))) ** 2
    return 1.0 / jnp.maximum(turn / _STEP, 10.0 * forget)


@eqx.filter_jit
def _residuals(
    model: AbstractInvariantFlow, x: Array, time: Any, condition: Any, probes: int, keys: Array
) -> tuple[Array, Array]:
    """For every state an unbiased r², and (div v)² + (v·s)² + q²."""

    def one(args: tuple[Array, Key]) -> tuple[Scalar, Scalar]:
        x, key = args
        field = lambda y: jnp.ravel(
            model.velocity(y.reshape(x.shape), time=time, condition=condition)
        )
        velocity, push = jax.linearize(field, jnp.ravel(x))
        score = jnp.ravel(model.score(x, time=time, condition=condition))
        change = model.time_score(x, time=time, condition=condition)
        along = jnp.vdot(velocity, score)
        if velocity.size <= MOST_EXACT:
            first = second = exact_divergence(push, jnp.ravel(x))
        else:
            signs = rademacher(2 * probes, velocity.size, key=key)
            traces = jnp.sum(signs * jax.lax.map(push, signs), axis=1)
            first, second = jnp.mean(traces[:probes]), jnp.mean(traces[probes:])
        rest = along + change
        return (first + rest) * (second + rest), first * second + along**2 + change**2

    return jax.lax.map(one, (x, keys), batch_size=_together(x))


@eqx.filter_jit
def _squared_speeds(
    model: AbstractInvariantFlow, x: Array, time: Any, condition: Any
) -> Float[Array, " n"]:
    one = lambda x: jnp.sum(model.velocity(x, time=time, condition=condition) ** 2)
    return jax.lax.map(one, x, batch_size=_together(x))


def _together(x: Array) -> int:
    """States whose Jacobian products are taken at once: few of large ones."""
    return max(1, min(x.shape[0], 256, 2**18 // x[0].size))

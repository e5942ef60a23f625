"""Flows that leave a law unchanged: a velocity beside a law, and how well they fit each other."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Numbers, Scalar, ScalarLike
from noneq.data.checks import as_times
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.domains import AbstractDomain
from noneq.errors import InvalidInput
from noneq.estimate import Estimate, sample_mean
from noneq.frames.checks import check_count, check_steps, check_time
from noneq.frames.frame import Frame
from noneq.kinds import checked
from noneq.methods.invariant_flows.measures import natural_step, residual_terms, squared_speeds
from noneq.simulation import simulate
from noneq.simulation.solvers import RungeKutta4, StochasticHeun
from noneq.systems.base import AbstractDiffusion
from noneq.traits import AbstractModel, HasInvariantFlow, HasPaths, HasScore


_MOST_STEPS = 10_000_000


class AbstractInvariantFlow(AbstractModel, HasInvariantFlow, HasPaths):
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

    @checked
    def score(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Float[Array, "*event"]:
        """∇ log p of the law that the flow keeps."""
        assert isinstance(self.law, HasScore)
        return self.law.score(x, time=time, condition=condition)

    @checked
    def sample(
        self, n: int, *, time: ScalarLike | None = None, condition: Any = None, key: Key
    ) -> Float[Array, "n *event"]:
        return self.law.sample(n, time=time, condition=condition, key=key)

    @checked
    def snapshots(
        self, n: int, *, times: Sequence[float] | np.ndarray, condition: Any = None, key: Key
    ) -> Snapshots:
        return self.law.snapshots(n, times=times, condition=condition, key=key)

    @checked
    def sample_paths(
        self,
        n: int,
        *,
        times: Sequence[float] | np.ndarray,
        start: Numbers | None = None,
        noise: float = 0.0,
        step: float | None = None,
        condition: Any = None,
        key: Key,
    ) -> Trajectories:
        """n paths of the flow on ``times``.

        **Equation**: dx = v dt, or dx = (v + noise ∇ log p) dt + √(2 noise) dW, which carries the
        same p(x, t) for every ``noise`` ≥ 0 (stochastic Heun, as Euler–Maruyama would widen a law
        that turns; classical Runge–Kutta without noise).

        Args:
            n: number of paths.
            times: increasing, in physical time.
            start: states ``(n, *event_shape)`` at the first time; None draws them from the law.
            noise: diffusivity eta, in squared units of the states per time; the same for every
                coordinate.
            step: largest internal step; None takes a fiftieth of the time in which a state moves by
                the data's standard deviation, and a tenth of that in which noise forgets; of noisy
                paths at most what adds 2 % to the variance over the path (`noisy_step`).

        Raises:
            InvalidInput: bad n, times, start, noise or step, or over ten million internal steps.
            SolveFailed: a path leaves all bounds.
        """
        check_count(n)
        if not 0 <= noise < float("inf"):
            raise InvalidInput(f"sample_paths: noise = {noise}; expected a finite number ≥ 0.")
        if step is not None and not 0 < step < float("inf"):
            raise InvalidInput(f"sample_paths: step = {step}; expected a positive number.")
        times = as_times(times)
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
            length = float(np.ptp(times)) or 1.0
            step = float(natural_step(self, start[:1024], first, condition, float(noise), length))
        if times.size:
            check_steps(f"time {times[-1]:g}", np.ptp(times) / step, 0, most=_MOST_STEPS)
        flow = Stirred(
            model=self, noise=float(noise), step=step, moving=moving, condition=condition
        )
        solver = StochasticHeun() if noise else RungeKutta4()
        paths = simulate(flow, times, n=n, key=path_key, solver=solver, start=start)
        return Trajectories(paths.values, times, **self.frame.described())

    @property
    def _moving(self) -> bool:
        return len(self.frame.times) > 1

    @checked
    def invariance_residual(
        self,
        x: Numbers | None = None,
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
            time: physical time; may be left out for a law of one time.
            condition: of a conditional law, shared.
            n: states that are drawn.
            probes: of each estimate of div v.
            key: for the states and the probes.

        Returns:
            The ratio with its error over the states (delta method); 0 ± 0 for a flow at rest.

        Raises:
            InvalidInput: states of another shape, or fewer than 2.

        Where both terms vanish by themselves, as for a constant skew matrix on a score, the ratio is
        one of rounding errors and says nothing.

        Source: Zhang and Levin 2025, their loss; deviation: divided by the size of its terms.
        """
        x, time, condition = self._states(x, time, condition, n, key)
        keys = jax.random.split(jax.random.fold_in(key, 1), x.shape[0])
        values = residual_terms(self, x, time, condition, probes, keys)
        above, below = (np.asarray(a, np.float64) for a in values)
        if not above.any() and not below.any():
            # A flow at rest keeps every law.
            return Estimate(np.zeros(()), np.zeros(()), np.asarray(len(above)))
        ratio = above.mean() / below.mean()
        error = np.std(above - ratio * below, ddof=1) / (np.sqrt(len(above)) * abs(below.mean()))
        return Estimate(np.asarray(ratio), np.asarray(error), np.asarray(len(above)))

    @checked
    def speed(
        self,
        x: Numbers | None = None,
        *,
        time: ScalarLike | None = None,
        condition: Any = None,
        n: int = 4096,
        key: Key,
    ) -> Estimate:
        """Root of the mean squared velocity over the law, √⟨|v|²⟩, in units of the states per time.

        Args:
            x, time, condition, n, key: as in `invariance_residual`.

        Raises:
            InvalidInput: states of another shape, or fewer than 2.
        """
        x, time, condition = self._states(x, time, condition, n, key)
        squared = sample_mean(squared_speeds(self, x, time, condition))
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

    @checked
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

"""Models of a law of motion dX = f(X) dt + B(X) dW: they can be simulated like a system."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from noneq._typing import Key, Numbers, ScalarLike
from noneq.constant import Constant
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.data.lazy.paths import LazyPaths
from noneq.data.summary import Summary
from noneq.devices import by_all, here
from noneq.domains import AbstractDomain
from noneq.errors import InvalidInput
from noneq.frames.checks import check_count, check_solved, check_steps, check_time
from noneq.frames.frame import Frame
from noneq.kinds import checked
from noneq.traced import jit
from noneq.traits import AbstractModel, HasDrift, HasPaths


STARTS = 4096
"""Training states kept at most, from which paths start."""
_SUBSTEPS = 4
_MOST_STEPS = 10_000_000


class Record(eqx.Module):
    """What a model keeps of its training data.

    Attributes:
        starts: states of the first frame, from which paths start if none are given.
        low, high: of the data, ``(dim,)``.
        step: of the integration, in physical time.
    """

    starts: Constant
    low: Constant
    high: Constant
    step: Constant

    def __init__(self, summary: Summary):
        """Zeros of the right shapes."""
        count = min(summary.counts[0], STARTS)
        self.starts = Constant(jnp.zeros((count, *summary.event_shape)))
        self.low, self.high = (Constant(jnp.zeros(summary.dim)) for _ in range(2))
        self.step = Constant(jnp.ones(()))

    def of(self, data: Trajectories) -> "Record":
        """Filled in."""
        seen = data.values[data.observed].reshape(-1, len(self.low.value))
        starts = np.resize(data.at(data.times[0]), self.starts.value.shape)
        step = np.diff(data.times.astype(np.float64)).min() / _SUBSTEPS
        measured = (starts, seen.min(0), seen.max(0), step)
        return eqx.tree_at(
            lambda r: (r.starts.value, r.low.value, r.high.value, r.step.value),
            self,
            tuple(jnp.asarray(part, jnp.float32) for part in measured),
        )

    def since(self, paths: LazyPaths) -> "Record":
        """With the first states of all paths of a file, in place of those of a few."""
        found = paths.starts(len(self.starts.value))
        starts = np.resize(found, self.starts.value.shape)
        return eqx.tree_at(lambda r: r.starts.value, self, jnp.asarray(starts, jnp.float32))

    def inside(self, x: Float[Array, " dim"]) -> Float[Array, " dim"]:
        """The nearest state in three times the range of the data."""
        low, high = self.low.value, self.high.value
        return jnp.clip(x, 2 * low - high, 2 * high - low)


class AbstractDynamics(AbstractModel, HasDrift, HasPaths):
    """A stationary law of motion, learnt from trajectories.

    Outside three times the range of the data, drift and diffusion are those of the nearest state
    inside, so that no path runs away along a power of which the data say nothing.
    """

    frame: eqx.AbstractVar[Frame]
    record: eqx.AbstractVar[Record]

    @abstractmethod
    def field(self, x: Float[Array, " dim"]) -> Float[Array, " dim"]:
        """f at one flattened state."""

    @abstractmethod
    def root(self, x: Float[Array, " dim"]) -> Float[Array, "dim noises"]:
        """B at one flattened state."""

    @property
    def event_shape(self) -> tuple[int, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Shape of one state."""
        return self.frame.event_shape

    @property
    def domain(self) -> AbstractDomain:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Where states live."""
        return self.frame.domain

    @checked
    def drift(self, t: ScalarLike, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """f(x); the law does not depend on time."""
        x = jnp.asarray(x)
        return self.field(self._seen(x)).reshape(x.shape)

    @checked
    def diffusion(self, t: ScalarLike, x: Float[Array, "*event"]) -> Array:
        """B(x): a matrix for vectors, for particles and fields its diagonal."""
        x = jnp.asarray(x)
        root = self.root(self._seen(x))
        return root if x.ndim == 1 else jnp.diag(root).reshape(x.shape)

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
        """n paths by Euler–Maruyama steps of a quarter of the data's interval.

        Args:
            n: number of paths.
            times: increasing, any distances.
            start: states ``(n, *event_shape)`` at the first time; None draws them from the first
                training frame.

        Raises:
            InvalidInput: times that do not increase, too many steps, or a start of another shape.
        """
        check_count(n)
        clock = np.atleast_1d(np.asarray(times, np.float64))
        spans = np.diff(clock)
        if not (np.isfinite(clock).all() and (spans > 0).all()):
            raise InvalidInput("sample_paths: times must be finite and increase.")
        self.frame.asked.check(condition, int(n))
        step = float(self.record.step.value)
        counts = np.maximum(np.ceil(spans / step - 1e-3), 1.0)
        check_steps(
            f"time {clock[-1]:g} with steps of {step:g}",
            counts.sum(),
            int(n) * self.frame.dim,
            most=_MOST_STEPS,
        )
        start_key, key = jax.random.split(key)
        x = self._begin(int(n), start, start_key)
        frames = x[None]
        if spans.size:
            pace = jnp.asarray(spans / counts, jnp.float32)
            later = here(_march(self, x, pace, jnp.asarray(counts, jnp.int32), key))
            check_solved(later[-1])
            frames = jnp.concatenate([frames, later])
        return Trajectories(np.moveaxis(np.asarray(frames), 0, 1), clock, **self.frame.described())

    @checked
    def sample(
        self, n: int, *, time: ScalarLike | None = None, condition: Any = None, key: Key
    ) -> Float[Array, "n *event"]:
        check_count(n)
        self.frame.asked.check(condition, int(n))
        time, first = check_time(time, self.frame.times), self.frame.times[0]
        step = self.record.step.value
        if not (isinstance(time, Tracer) or isinstance(step, Tracer)):
            span = float(np.asarray(time)) - first
            if span < -1e-6 * max(1.0, abs(first)):
                raise InvalidInput(f"sample: paths start at time {first:g}; ask for a later time.")
            what = f"time {first + span:g} with steps of {float(step):g}"
            check_steps(what, span / float(step), int(n), most=_MOST_STEPS)
        states = here(_arrived(self, int(n), time, key))
        return check_solved(states, time=time, times=self.frame.times)

    @checked
    def snapshots(
        self, n: int, *, times: Sequence[float] | np.ndarray, condition: Any = None, key: Key
    ) -> Snapshots:
        """Marginals at the times, of paths that start in the first training frame.

        Raises:
            InvalidInput: a time before the first training frame.
        """
        check_count(n)
        times = np.atleast_1d(np.asarray(times, np.float64))
        first = self.frame.times[0]
        slack = 1e-6 * max(1.0, abs(first))
        if times[0] < first - slack:
            raise InvalidInput(f"snapshots: paths start at time {first:g}; ask for later times.")
        begin = [] if times[0] <= first + slack else [first]
        paths = self.sample_paths(n, times=np.r_[begin, times], condition=condition, key=key)
        return paths.frames(np.arange(len(begin), paths.times.size)).snapshots()

    def _seen(self, x: Array) -> Array:
        if x.shape != self.event_shape:
            raise InvalidInput(
                f"the state has shape {x.shape}; expected one state of shape {self.event_shape}. "
                "Use jax.vmap for many."
            )
        return self.record.inside(x.ravel())

    def _begin(self, n: int, start: Any, key: Key) -> Array:
        if start is not None:
            x = jnp.asarray(start, dtype=float)
            if x.shape != (n, *self.event_shape):
                raise InvalidInput(f"start has shape {x.shape}; expected {(n, *self.event_shape)}.")
            return x
        starts = self.record.starts.value
        return starts[jax.random.randint(key, (n,), 0, starts.shape[0])]


@jit
def _arrived(model: AbstractDynamics, n: int, time: Any, key: Key) -> Array:
    """States at a time, of paths that start in the first training frame."""
    start_key, key = jax.random.split(key)
    starts = model.record.starts.value
    x = starts[jax.random.randint(start_key, (n,), 0, starts.shape[0])]
    span = jnp.maximum(jnp.asarray(time, float) - model.frame.times[0], 0.0)
    count = jnp.ceil(span / model.record.step.value - 1e-3)
    pace = span / jnp.maximum(count, 1.0)
    return _march(model, x, pace[None], count.astype(jnp.int32)[None], key)[0]


@jit
def _march(model: AbstractDynamics, x: Array, steps: Array, counts: Array, key: Key) -> Array:
    """States at the end of every interval, ``(intervals, n, *event)``."""

    def move(x, h, key):
        flat = model.record.inside(x.ravel())
        root = model.root(flat)
        xi = jax.random.normal(key, (root.shape[1],))
        moved = x.ravel() + h * model.field(flat) + jnp.sqrt(h) * (root @ xi)
        return model.domain.project(moved.reshape(x.shape))

    def interval(x, frame):
        h, count, index = frame
        own = jax.random.fold_in(key, index)

        def step(i, x):
            keys = jax.random.split(jax.random.fold_in(own, i), x.shape[0])
            return jax.vmap(move, (0, None, 0))(x, h, keys)

        x = jax.lax.fori_loop(0, count, step, x)
        return x, x

    return by_all(jax.lax.scan(interval, x, (steps, counts, jnp.arange(len(steps))))[1], axis=1)

"""A model of p(x_{t+lag} | x_t, t) and the trajectories it generates."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Numbers, ScalarLike
from noneq.constant import Constant
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.data.summary import Summary
from noneq.devices import by_all, here
from noneq.domains import AbstractDomain
from noneq.errors import InvalidInput
from noneq.frames.checks import check_count, check_solved, check_steps, check_time
from noneq.frames.frame import Frame
from noneq.frames.origins import HasFrame, about_origin
from noneq.kinds import checked
from noneq.nets.past import Past
from noneq.nets.periodic import Angles
from noneq.processes.base import AbstractFlowing
from noneq.samplers.base import AbstractSampler
from noneq.traced import jit
from noneq.traits import AbstractModel, HasPaths


_MOST_STEPS = 100_000
"""Each is a whole run of the sampler: about a millisecond for small networks."""


class TransitionModel(AbstractModel, HasPaths, HasFrame):
    """Steps of one lag, each drawn from a denoiser of the normalised displacement.

    **Equation**: x_{t+lag} = project(x_t + shift + scale·y), y ~ p_theta(y | x_t, t), with a past also
    given what `Past` keeps of it.

    Attributes:
        denoiser: the learnt law of y; its condition is the normalised x_t (and the data's).
        frame: the user's side, with the normaliser of the states.
        shift, scale: mean and standard deviation of the displacements, flattened.
        starts: states of the first training frame minus the origin, from which paths start if none
            are given; with a past the first frames ``(starts, window + 1, *event)``.
        lag: physical time of one step.
        before: angles of the state one lag ago, on a torus.
        past: what is kept of the states before; None for a Markov chain.
    """

    denoiser: AbstractFlowing
    frame: Frame
    shift: Constant
    scale: Constant
    starts: Constant
    lag: Constant
    sampler: AbstractSampler
    before: Angles | None
    past: Past | None

    def __init__(
        self,
        denoiser: AbstractFlowing,
        sampler: AbstractSampler,
        summary: Summary,
        starts: int,
        before: Angles | None = None,
        past: Past | None = None,
        window: int = 0,
    ):
        self.denoiser = denoiser
        self.before, self.past = before, past
        self.sampler = sampler
        self.frame = Frame(summary)
        self.shift, self.scale = Constant(jnp.zeros(summary.dim)), Constant(jnp.ones(summary.dim))
        frames = () if past is None else (window + 1,)
        self.starts = Constant(jnp.zeros((starts, *frames, *summary.event_shape)))
        self.lag = Constant(jnp.ones(()))

    @property
    def event_shape(self) -> tuple[int, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Shape of one state."""
        return self.frame.event_shape

    @property
    def domain(self) -> AbstractDomain:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Where states live."""
        return self.frame.domain

    def seen(self, y: Float[Array, " dim"]) -> Float[Array, " features"]:
        """What the denoiser is told of the normalised state one lag ago."""
        return y if self.before is None else self.before(y, 1.0)

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
        """n paths on ``times``, whose distances must be whole multiples of the lag.

        Args:
            n: number of paths.
            times: increasing; the paths start at the first.
            start: states ``(n, *event_shape)`` at the first time; None draws them from the
                first training frame and needs times to begin there. With a past: the last frames of a
                path, ``(n, frames, *event_shape)`` one lag apart, the last at the first time; None
                takes the first frames of a training path, as many as the past needs, and goes on.
            condition: as in `sample`.

        Raises:
            InvalidInput: times off the lag's grid or more than 100,000 lags away, or a start of
                another shape.
        """
        check_count(n)
        times = np.atleast_1d(np.asarray(times, dtype=np.float64))
        lag = float(self.lag.value)
        jumps = np.diff(times) / lag
        counts = np.round(jumps).astype(int)
        if not (
            np.isfinite(jumps).all()
            and (counts > 0).all()
            and np.allclose(jumps, counts, atol=1e-3)
        ):
            raise InvalidInput(
                f"sample_paths: distances of times must be positive multiples of the lag {lag:g}."
            )
        steps, size = int(counts.sum()), n * self.frame.dim
        check_steps(f"time {times[-1]:g} with the lag {lag:g}", steps, size, most=_MOST_STEPS)
        condition = self.frame.asked.check(condition, int(n))
        start_key, key = jax.random.split(key)
        inner, origin = about_origin(self)
        marks = np.concatenate([[0], np.cumsum(counts)])
        if inner.past is None:
            begun = inner._begin(n, times[0], _minus(start, origin), start_key)[None]
            shown, memory, clock = begun, None, times[0]
        else:
            begun = jnp.moveaxis(inner._recall(n, times[0], _minus(start, origin), start_key), 1, 0)
            memory = _memories(inner, begun)
            shown = begun if start is None else begun[-1:]
            clock = times[0] + (len(shown) - 1) * lag
        more = max(int(marks[-1]) - len(shown) + 1, 0)
        path = here(_steps(inner, begun[-1], memory, jnp.asarray(clock), condition, more, key))
        frames = np.concatenate([np.asarray(shown), np.asarray(path)])[marks]
        check_solved(jnp.asarray(frames[-1]))
        frames = frames if origin is None else origin + frames.astype(np.float64)
        return Trajectories(np.moveaxis(frames, 0, 1), times, **self.frame.described())

    @checked
    def sample(
        self, n: int, *, time: ScalarLike | None = None, condition: Any = None, key: Key
    ) -> Float[Array, "n *event"]:
        time = float(np.asarray(check_time(time, self.frame.times)))
        paths = self.snapshots(n, times=[time], condition=condition, key=key)
        self.frame.warn_rounded("samples")
        return jnp.asarray(paths.values, dtype=float)

    @checked
    def snapshots(
        self, n: int, *, times: Sequence[float] | np.ndarray, condition: Any = None, key: Key
    ) -> Snapshots:
        """Marginals at the times, from paths that start in the first training frame."""
        times = np.atleast_1d(np.asarray(times, dtype=np.float64))
        first, lag = self.frame.times[0], float(self.lag.value)
        if times[0] < first - 1e-3 * lag:
            raise InvalidInput(f"snapshots: paths start at time {first:g}; ask for later times.")
        grid = first + lag * np.round((times - first) / lag)
        if not np.allclose(grid, times, atol=1e-3 * lag + 1e-6):
            raise InvalidInput(
                f"snapshots: times must be {first:g} + multiples of the lag {lag:g}."
            )
        begin = [] if abs(times[0] - first) <= 1e-3 * lag else [first]
        paths = self.sample_paths(n, times=np.r_[begin, times], condition=condition, key=key)
        return paths.frames(np.arange(len(begin), paths.times.size)).snapshots()

    def _recall(self, n: int, time: float, start: Any, key: Key) -> Array:
        """Frames ``(n, frames, *event)`` up to the moment from which steps are drawn."""
        if start is None:
            return self._begin(n, time, None, key)
        assert self.past is not None
        x, least = jnp.asarray(start, dtype=float), self.past.frames + 1
        if x.ndim == len(self.event_shape) + 1 and least == 1:
            x = x[:, None]
        fits = x.ndim == len(self.event_shape) + 2 and x.shape[2:] == self.event_shape
        if not fits or x.shape[0] != n or x.shape[1] < least:
            raise InvalidInput(
                f"start has shape {x.shape}; expected {(n, 'frames', *self.event_shape)}, the last "
                f"{least} frames or more of each path, one lag apart: this model has a past."
            )
        return x

    def _begin(self, n: int, time: float, start: Any, key: Key) -> Array:
        if start is not None:
            x = jnp.asarray(start, dtype=float)
            if x.shape != (n, *self.event_shape):
                raise InvalidInput(f"start has shape {x.shape}; expected {(n, *self.event_shape)}.")
            return x
        if abs(time - self.frame.times[0]) > 1e-6 * max(1.0, abs(self.frame.times[0])):
            raise InvalidInput(
                f"paths of the model's own start at time {self.frame.times[0]:g}; give start= for {time:g}."
            )
        return self.starts.value[jax.random.randint(key, (n,), 0, self.starts.value.shape[0])]


def _minus(states: Any, origin: np.ndarray | None) -> Any:
    """The user's states about the origin, in double precision on the host."""
    if states is None or origin is None:
        return states
    return np.asarray(states, np.float64) - origin


@jit
def _memories(model: TransitionModel, frames: Float[Array, "W n *event"]) -> Array:
    """What is kept of the paths through these frames, ``(n, rows, dim)``."""
    assert model.past is not None
    apart = jax.vmap(jax.vmap(model.domain.difference))
    moves = apart(frames[1:], frames[:-1])
    moves = moves.reshape(*moves.shape[:2], model.frame.dim)
    return jax.vmap(model.past.of, 1)(moves)


@jit
def _steps(
    model: TransitionModel, x: Array, memory: Any, time: Array, condition: Any, count: int, key: Key
):
    """``count`` steps of one lag from x ``(n, *event)``; frames ``(count, n, *event)``."""

    def step(carry, i):
        x, memory = carry
        seen = jax.vmap(lambda x: model.seen(model.frame.normaliser.forward(x)))(x)
        if model.past is not None:
            seen = jnp.concatenate([seen, jax.vmap(model.past.features)(memory)], axis=1)
        if condition is not None:
            own = jnp.broadcast_to(condition, (x.shape[0], condition.shape[-1]))
            seen = jnp.concatenate([seen, own], axis=1)
        y = model.sampler(
            model.denoiser,
            (x.shape[0], model.frame.dim),
            time=time + i * model.lag.value,
            condition=seen,
            key=jax.random.fold_in(key, i),
        )
        move = model.shift.value + model.scale.value * y
        x = jax.vmap(model.domain.project)(x + move.reshape(x.shape))
        if model.past is not None:
            memory = jax.vmap(model.past.after)(memory, move)
        return (x, memory), x

    return by_all(jax.lax.scan(step, (x, memory), jnp.arange(count))[1], axis=1)

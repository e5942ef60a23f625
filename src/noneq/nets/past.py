"""What a network is told of the past of a path: its last displacements, and exponential traces."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from noneq.constant import Constant
from noneq.data.ensembles import Trajectories
from noneq.domains import Free
from noneq.errors import InvalidInput


_REACH = 3.0
"""Of the longest trace's time, that a window of frames reaches back (5 % of it are left)."""


class Past(eqx.Module):
    """The memory of a path that moves in equal steps of displacement d.

    **Equation**: the last ``frames`` displacements d_{t−1}, d_{t−2}, …, and for each trace of time τ
    the state minus its exponential average, e ← ρ (e + d), ρ = e^{−lag/τ}: constant work a step,
    however long the memory. Both are functions of displacements, so that they mean the same anywhere
    and on a torus.

    Args:
        frames: displacements kept.
        traces: times of the averages.
        lag: length of a step.
        dim: numbers of a state.
    """

    frames: int = eqx.field(static=True)
    decay: Constant
    shift: Constant
    scale: Constant

    def __init__(self, frames: int, traces: tuple[float, ...], lag: float, dim: int):
        rows = frames + len(traces)
        self.frames = frames
        self.decay = Constant(jnp.asarray([math.exp(-lag / time) for time in traces], float))
        self.shift, self.scale = Constant(jnp.zeros((rows, dim))), Constant(jnp.ones((rows, dim)))

    @property
    def size(self) -> int:
        """Features."""
        return self.shift.value.size

    def empty(self) -> Float[Array, "rows dim"]:
        """The memory of a path that has not moved."""
        return jnp.zeros(self.shift.value.shape)

    def after(
        self, memory: Float[Array, "rows dim"], move: Float[Array, " dim"]
    ) -> Float[Array, "rows dim"]:
        """The memory after one more displacement."""
        recent = jnp.concatenate([move[None], memory])[: self.frames]
        return jnp.concatenate([recent, self.decay.value[:, None] * (memory[self.frames :] + move)])

    def of(self, moves: Float[Array, "W dim"]) -> Float[Array, "rows dim"]:
        """The memory after these displacements, the oldest first."""
        return jax.lax.scan(lambda m, d: (self.after(m, d), None), self.empty(), moves)[0]

    def features(self, memory: Float[Array, "rows dim"]) -> Float[Array, " size"]:
        """What the network is told: each number in units of its spread."""
        return ((memory - self.shift.value) / self.scale.value).reshape(-1)

    def measured(self, memories: Float[np.ndarray, "N rows dim"]) -> "Past":
        """The same with mean and spread of these memories."""
        flat = np.asarray(memories, np.float64)
        spread = flat.std(0)
        values = (flat.mean(0), np.where(spread > 0, spread, 1.0))
        return eqx.tree_at(
            lambda p: (p.shift.value, p.scale.value),
            self,
            tuple(jnp.asarray(v, float) for v in values),
        )

    def along(
        self, data: Trajectories, lag: float, window: int, path: np.ndarray, frame: np.ndarray
    ) -> tuple[Float[np.ndarray, "kept rows dim"], Bool[np.ndarray, " N"]]:
        """The memory at these paths and frames, and which of them have ``window`` frames before.

        Raises:
            InvalidInput: fewer than two have.
        """
        whole, places = windows(data, lag, window)
        place = np.full(data.values.shape[:2], -1)
        place[whole, places[:, -1]] = np.arange(len(whole))
        found = place[path, frame]
        kept = found >= 0
        if kept.sum() < 2:
            raise InvalidInput(
                f"Transition: no pair has {window} frames before it, one lag {lag:g} apart; give a "
                "smaller past, shorter traces or longer paths."
            )
        rows = found[kept]
        states = data.values[whole[rows, None], places[rows]]
        later, before = states[:, 1:], states[:, :-1]
        if isinstance(data.domain, Free):
            # In the precision of the data: far from zero float32 loses small steps.
            moves = later - before
        else:
            apart = jax.vmap(jax.vmap(data.domain.difference))
            moves = np.asarray(apart(jnp.asarray(later), jnp.asarray(before)))
        moves = moves.reshape(*moves.shape[:2], -1).astype(np.float32)
        return np.asarray(jax.jit(jax.vmap(self.of))(jnp.asarray(moves))), kept


def first_frames(
    data: Trajectories, lag: float, frames: int
) -> Float[np.ndarray, "paths frames *event"]:
    """The first frames of the paths that have them all, one lag apart.

    Raises:
        InvalidInput: no path has.
    """
    path, places = windows(data, lag, frames - 1)
    begins = places[:, 0] == 0
    if not begins.any():
        raise InvalidInput(
            f"Transition: no path has its first {frames} frames one lag {lag:g} apart, from which "
            "generated ones could go on; give a smaller past or shorter traces."
        )
    return data.values[path[begins, None], places[begins]]


def window_of(frames: int, traces: tuple[float, ...], lag: float, count: int) -> int:
    """Displacements to look back at: all frames, thrice the longest trace, a quarter of the record."""
    reach = math.ceil(_REACH * max(traces, default=0.0) / lag)
    return max(frames, min(reach, count // 4), 1)


def windows(data: Trajectories, lag: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Path ``(N,)`` and frames ``(N, count + 1)`` of all stretches one lag a step without a gap."""
    times, slack = data.times.astype(np.float64), 1e-3 * lag
    frames = np.arange(times.size)[:, None] * np.ones(count + 1, int)
    exists = np.ones(times.size, bool)
    for k in range(1, count + 1):
        wanted = times + k * lag
        frames[:, k] = np.minimum(np.searchsorted(times, wanted - slack), times.size - 1)
        exists &= np.abs(times[frames[:, k]] - wanted) <= slack
    frames = frames[exists]
    path, start = np.nonzero(data.observed[:, frames].all(-1))
    return path, frames[start]

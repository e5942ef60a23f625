"""What a path does between two records: where it starts, how far it goes, and in what time."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from noneq.data.ensembles import Trajectories
from noneq.domains import Box, Free
from noneq.errors import InvalidInput


@dataclass(frozen=True)
class Increments:
    """Displacements over one lag of frames, in float64; pairs with a missing end are left out.

    Args:
        start: states before, flattened, ``(N, dim)``; ordered by path, then by time.
        move: displacements, the shortest ones on a torus, ``(N, dim)``.
        time: times of the starts, ``(N,)``.
        dt: durations, ``(N,)``.
        path: number of the trajectory, ``(N,)``.
    """

    start: Float[np.ndarray, "N dim"]
    move: Float[np.ndarray, "N dim"]
    time: Float[np.ndarray, " N"]
    dt: Float[np.ndarray, " N"]
    path: Int[np.ndarray, " N"]

    @property
    def middle(self) -> Float[np.ndarray, "N dim"]:
        """start + move/2, where Stratonovich sums take their functions."""
        return self.start + self.move / 2

    @property
    def end(self) -> Float[np.ndarray, "N dim"]:
        """start + move: on a torus possibly outside the cell, which periodic functions allow."""
        return self.start + self.move


def increments(trajectories: Trajectories, lag: int = 1) -> Increments:
    """All displacements over ``lag`` frames of all paths.

    Args:
        trajectories: ``(n, T, *event_shape)``; gaps and uneven times are allowed.
        lag: frames from start to end, overlapping pairs for lag > 1.

    Raises:
        InvalidInput: a lag below 1, or no pair of frames so far apart is observed.
    """
    if lag < 1:
        raise InvalidInput(f"increments: lag = {lag}; expected at least 1 frame.")
    both = trajectories.observed[:, :-lag] & trajectories.observed[:, lag:]
    path, frame = np.nonzero(both)
    if not path.size:
        raise InvalidInput(
            f"increments: no path has two observed frames {lag} apart ({trajectories.times.size} "
            "times); give longer paths or fewer gaps."
        )
    start = trajectories.values[path, frame]
    end = trajectories.values[path, frame + lag]
    if isinstance(trajectories.domain, Free | Box):
        move = np.subtract(end, start, dtype=np.float64)
    else:
        short = jax.vmap(trajectories.domain.difference)
        move = np.asarray(short(jnp.asarray(end), jnp.asarray(start)), np.float64)
    times = trajectories.times.astype(np.float64)
    count = len(path)
    return Increments(
        start.astype(np.float64).reshape(count, -1),
        move.reshape(count, -1),
        times[frame],
        times[frame + lag] - times[frame],
        path,
    )


def even(dt: Float[np.ndarray, " N"], tolerance: float = 1e-3) -> bool:
    """Whether all durations are the same up to the rounding of recorded times."""
    return bool(np.ptp(dt) <= tolerance * float(np.mean(dt)))

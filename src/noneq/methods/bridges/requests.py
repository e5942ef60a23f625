"""What is asked of the paths of a transport, checked."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq._typing import Key
from noneq.data.checks import as_times
from noneq.data.ensembles import Trajectories
from noneq.errors import InvalidInput
from noneq.frames.checks import check_count, check_solved, check_time
from noneq.frames.frame import AbstractLaw


class PathRequest(NamedTuple):
    """Checked arguments of ``sample_paths``.

    Attributes:
        x: (n, *event) states where the paths begin.
        times: increasing.
        clock: times in the order of the motion.
        condition: checked.
        key: for the motion.
    """

    x: Array
    times: np.ndarray
    clock: np.ndarray
    condition: Any
    key: Key

    def paths(self, model: AbstractLaw, rest: Array | None) -> Trajectories:
        """The trajectories, from the states at all times but the first of the motion."""
        frames = np.asarray(self.x)[:, None]
        if rest is not None:
            frames = np.concatenate([frames, np.moveaxis(np.asarray(rest), 0, 1)], axis=1)
        check_solved(jnp.asarray(frames[:, -1]))
        forward = frames if self.clock[0] == self.times[0] else frames[:, ::-1]
        return Trajectories(forward, self.times, **model.frame.described())


def path_request(
    model: AbstractLaw, n: int, times: Any, start: Any, condition: Any, backward: bool, key: Key
) -> PathRequest:
    """Check what is asked, and draw the states where the paths begin if none are given.

    Raises:
        InvalidInput: n < 1, times that do not increase, or a start of another shape.
    """
    check_count(n)
    times = as_times(times)
    clock = times[::-1] if backward else times
    condition = model.frame.asked.check(condition, int(n))
    check_time(float(clock[-1]), model.frame.times)
    start_key, path_key = jax.random.split(key)
    if start is None:
        x = model.sample(n, time=float(clock[0]), condition=condition, key=start_key)
    else:
        check_time(float(clock[0]), model.frame.times)
        x = model.frame.batch(start)[0]
        if x.shape[0] != n:
            raise InvalidInput(f"start has {x.shape[0]} states; expected {n}, one for each path.")
    return PathRequest(x, times, clock, condition, path_key)

"""Paths at even steps, cut where frames are missing."""

import numpy as np
from jaxtyping import Bool, Float

from noneq.data.ensembles import Trajectories
from noneq.domains import periods_of
from noneq.errors import InvalidInput


_EVEN = 1e-3
"""Steps are even up to this share of the usual one, the rounding of recorded times."""


def even_step(data: Trajectories, name: str) -> float:
    """The interval between frames.

    Raises:
        InvalidInput: fewer than four times, or uneven ones.
    """
    times = data.times.astype(np.float64)
    steps = np.diff(times)
    if times.size < 4 or np.ptp(steps) > _EVEN * np.median(steps):
        raise InvalidInput(
            f"{name}: {times.size} times"
            + (f", steps from {steps.min():.3g} to {steps.max():.3g}" if steps.size else "")
            + "; expected frames at even steps (missing ones are a mask)."
        )
    return float((times[-1] - times[0]) / (times.size - 1))


def moves(data: Trajectories) -> tuple[Float[np.ndarray, "n S dim"], Bool[np.ndarray, "n S"]]:
    """Displacements from frame to frame, and where both frames were seen; the shortest on a torus."""
    x = data.values.astype(np.float64).reshape(*data.values.shape[:2], -1)
    periods = periods_of(data.domain, data.event_shape).ravel()
    period = np.where(periods > 0, periods, 1.0)
    move = np.diff(x, axis=1)
    move = np.where(periods > 0, move - period * np.round(move / period), move)
    both = data.observed[:, 1:] & data.observed[:, :-1]
    return np.where(both[:, :, None], move, 0.0), both


def one_coordinate(data: Trajectories, name: str) -> Float[np.ndarray, "n T"]:
    """Positions of a single free coordinate about their mean, 0 where they were not seen.

    Raises:
        InvalidInput: several coordinates, walls or periods, or no motion.
    """
    if data.event_shape != (1,) or (periods_of(data.domain, (1,)) > 0).any():
        raise InvalidInput(
            f"{name}: states of shape {data.event_shape} on {type(data.domain).__name__}; expected one "
            "free coordinate (command line: --components 1)."
        )
    x, seen = data.values[:, :, 0].astype(np.float64), data.observed
    centred = np.where(seen, x - x[seen].mean(), 0.0)
    if not centred.any():
        raise InvalidInput(f"{name}: nothing moves.")
    return centred

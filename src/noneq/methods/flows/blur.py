"""Whether a fitted law is blurred: its samples lie farther apart than the data do."""

import warnings

import jax
import numpy as np

from noneq._typing import Key
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.frames.frame import AbstractLaw


_FEWEST, _STATES, _NEIGHBOUR, _MOST = 300, 1000, 5, 1.5
_QUANTILES = (0.1, 0.5)


class Blurred(UserWarning):
    """Structure of the data is narrower than what a fit resolves."""


def blur(
    model: AbstractLaw, data: Snapshots | Trajectories, *, key: Key
) -> tuple[float, float | None]:
    """How many times farther apart samples are than the data, and the time of both.

    **Equation**: the largest ratio, over two quantiles, of the distances to the fifth neighbour
    among as many samples as states (1000 at most, of the time that has most, with their
    conditions), in normalised units. A narrow mode of a sixth of the mass or more that comes out
    r times as wide gives some r; 1 for fewer than 300 states, among which chance would decide.
    """
    from scipy.spatial import KDTree

    flat = data.snapshots()
    index = int(np.argmax(flat.counts))
    time = float(flat.times[index]) if len(flat.times) > 1 else None
    rows = np.flatnonzero(flat.time_index == index)
    if len(rows) < _FEWEST:
        return 1.0, time
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    rows = rng.permutation(rows)[:_STATES]
    condition = None if flat.condition is None else flat.condition[rows]
    samples = np.asarray(model.sample(len(rows), time=time, condition=condition, key=key))

    def distances(states: np.ndarray) -> np.ndarray:
        y = model.frame.normaliser.host(states)
        apart = KDTree(y).query(y, _NEIGHBOUR + 1)[0][:, -1]
        return np.quantile(apart, _QUANTILES)

    of_data, of_samples = distances(flat.values[rows]), distances(samples)
    resolved = of_data > 0  # repeated states have no width
    return float(np.max(of_samples[resolved] / of_data[resolved], initial=1.0)), time


def blurred(
    model: AbstractLaw, data: Snapshots | Trajectories, name: str, *, key: Key
) -> list[str]:
    """The warning there is about a blurred fit, to be kept with it; or none.

    Warns:
        Blurred: samples lie 1.5 times as far apart as the data, or more.
    """
    ratio, time = blur(model, data, key=key)
    if ratio < _MOST:
        return []
    text = (
        f"{name}: neighbouring samples{'' if time is None else f' at time {time:g}'} lie up to "
        f"{ratio:.1f} times as far apart as those of the data; narrow modes come out that much too "
        "wide. Train for longer, raise the numbers of steps (curriculum) or the width of net, or "
        "take FFJORD."
    )
    warnings.warn(text, Blurred, stacklevel=3)
    return [text]

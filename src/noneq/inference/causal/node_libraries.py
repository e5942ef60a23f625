"""Libraries in which the rate of one coordinate is expanded, to see who acts on it."""

import jax
import jax.numpy as jnp
import numpy as np

from noneq.data.ensembles import Trajectories
from noneq.domains import periods_of
from noneq.errors import InvalidInput
from noneq.statistics.increments import even
from noneq.statistics.libraries import AbstractLibrary, Polynomial, Rows, Slopes, Values


LIBRARIES = ("quadratic", "trigonometric", "differences")
_POWERS = 3


class Differences(AbstractLibrary):
    """1 and functions of x_j − x_node for each other j: sine and cosine of periodic coordinates,
    powers up to the third of others.

    Args:
        node: the coordinate that the others are compared with.
        period: of every coordinate, 0 for none.
    """

    node: int
    period: tuple[float, ...]

    def values(self, x: Rows) -> Values:
        return self._both(x)[0]

    def gradients(self, x: Rows) -> Slopes:
        values, slopes, source = self._both(x)
        found = np.zeros((*values.shape, x.shape[1]))
        at = np.arange(1, values.shape[1])
        found[:, at, source] = slopes
        found[:, at, self.node] = -slopes
        return found

    def sizes(self, dim: int) -> tuple[int, ...]:
        others = [p for j, p in enumerate(self.period) if j != self.node]
        return (1 + sum(2 if p else _POWERS for p in others),)

    def _both(self, x: Rows) -> tuple[Values, np.ndarray, list[int]]:
        """Values (N, p), slopes (N, p − 1) along x_j, and the j of each."""
        columns, slopes, source = [np.ones(len(x))], [], []
        for j, period in enumerate(self.period):
            if j == self.node:
                continue
            away = x[:, j] - x[:, self.node]
            if period:
                rate = 2 * np.pi / period
                columns += [np.sin(rate * away), np.cos(rate * away)]
                slopes += [rate * np.cos(rate * away), -rate * np.sin(rate * away)]
            else:
                columns += [away**k for k in range(1, _POWERS + 1)]
                slopes += [k * away ** (k - 1) for k in range(1, _POWERS + 1)]
            source += [j] * (2 if period else _POWERS)
        return np.stack(columns, 1), np.stack(slopes, 1), source


def libraries_of(name: str | AbstractLibrary, paths: Trajectories) -> list[AbstractLibrary]:
    """One library for all equations, or one for each.

    Raises:
        InvalidInput: an unknown name.
    """
    dim = paths.event_shape[0]
    states = paths.values[paths.observed].astype(np.float64)
    centre, scale = states.mean(0), np.where(states.std(0) > 0, states.std(0), 1.0)
    periods = periods_of(paths.domain, paths.event_shape)
    if isinstance(name, AbstractLibrary):
        return [name]
    if name == "quadratic":
        return [Polynomial(2, tuple(centre.tolist()), tuple(scale.tolist()))]
    if name == "trigonometric":
        turn = np.where(periods > 0, periods, 2 * np.pi * scale)
        return [Polynomial(1, period=tuple(turn.tolist()))]
    if name == "differences":
        return [Differences(i, tuple(periods.tolist())) for i in range(dim)]
    raise InvalidInput(
        f"library = {name!r}; expected {', '.join(LIBRARIES)}, or a library of your own such as "
        "Polynomial(3)."
    )


def smooth(paths: Trajectories, window: int) -> Trajectories:
    """Paths freed of measurement noise: a parabola through ``window`` frames about each frame.

    Raises:
        InvalidInput: an even window or one longer than the paths, uneven times, or gaps.
    """
    if window == 1:
        return paths
    frames = paths.times.size
    if window < 4 or window % 2 == 0 or window > frames:
        raise InvalidInput(
            f"window = {window} of {frames} frames; expected 1, or an odd number from 5 on that is "
            "not above the frames of a path."
        )
    if paths.mask is not None or not even(np.diff(paths.times)):
        raise InvalidInput(
            "window > 1 needs evenly spaced times without gaps; take window=1, or resample."
        )
    from scipy.signal import savgol_filter

    values = paths.values.astype(np.float64)
    periods = periods_of(paths.domain, paths.event_shape)
    for j in np.flatnonzero(periods):
        values[..., j] = np.unwrap(values[..., j], axis=1, period=periods[j])
    found = np.asarray(savgol_filter(values, window, 2, axis=1))
    if (periods > 0).any():
        found = np.asarray(jax.vmap(jax.vmap(paths.domain.project))(jnp.asarray(found)))
    return Trajectories(found, paths.times, names=paths.names, domain=paths.domain)

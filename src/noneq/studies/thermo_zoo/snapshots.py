"""What snapshots of a trap that was released tell of its entropy production, and what they cannot."""

import time as clock

import numpy as np

from noneq._typing import Key
from noneq.data.ensembles import Snapshots
from noneq.estimate import Estimate
from noneq.methods import PlugInGaussian
from noneq.runs.rows import Row
from noneq.runs.trials import keys_of
from noneq.simulation import simulate
from noneq.studies.base import AbstractCell, Outcome
from noneq.studies.thermo_zoo.cells import judged
from noneq.systems import Linear
from noneq.thermo import snapshot_rate


_START, _SPREAD = (2.0, 0.0), 3.0
_TIMES = np.linspace(0.0, 1.0, 6)


class SnapshotCell(AbstractCell):
    """The least rate of a change of law, from snapshots of independent states and a fitted transport.

    dX = −(1 + w J) X dt + √2 dW from the mean (2, 0) and the variance 3: at any time a Gaussian of
    mean m and variance s I. No dynamics with these laws dissipates less than |ṁ|² + ṡ²/(2 s); the
    turning about the mean dissipates 2 s w² more, which leaves all snapshots as they are.

    Args:
        w: rate of turning.
        n: states of a snapshot.
    """

    w: float
    n: int
    replicate: int = 0

    @property
    def case(self) -> str:
        """``release:w=…``."""
        return f"release:w={self.w:g}"

    @property
    def method_name(self) -> str:
        """``snapshots``."""
        return "snapshots"

    def __call__(self, key: Key) -> Outcome:
        """Draw snapshots of other states each, fit, average over the middles of the intervals."""
        data_key, own_key = keys_of(key)
        system = Linear(
            A=((1.0, -self.w), (self.w, 1.0)),
            start_mean=_START,
            start_covariance=((_SPREAD, 0.0), (0.0, _SPREAD)),
        )
        count = len(_TIMES)
        paths = simulate(system, _TIMES, n=self.n * count, key=data_key).values
        frames = [paths[i * self.n : (i + 1) * self.n, i] for i in range(count)]
        data = Snapshots.from_frames(frames, _TIMES)
        began = clock.monotonic()
        model = PlugInGaussian().fit(data, key=own_key).model
        middles = (_TIMES[1:] + _TIMES[:-1]) / 2
        rates = snapshot_rate(model, 20_000, times=middles, diffusivity=1.0, degree=2, key=own_key)
        seconds = clock.monotonic() - began
        error = np.sqrt((rates.stderr**2).sum()) / len(middles)
        found = Estimate(np.asarray(rates.value.mean()), np.asarray(error), np.asarray(self.n))
        least, turning = (part.mean() for part in _exact(self.w, middles))
        rows = judged(self.case, "snapshots", found, float(least), seconds, relative=True)
        return Outcome((*rows, Row(self.case, "snapshots", "not_seen", float(turning), 0.0)))


def _exact(w: float, time: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least rate, and that of turning, at these times."""
    s = 1 + (_SPREAD - 1) * np.exp(-2 * time)
    mean = np.hypot(*_START) * np.exp(-time)
    return (1 + w**2) * mean**2 + 2 * (1 - s) ** 2 / s, 2 * s * w**2


def snapshot_cells(scale: float, replicates: int) -> list[AbstractCell]:
    """A trap that turns and one that does not, with a share of 20,000 states in a snapshot."""
    n = max(1000, round(20_000 * scale))
    return [SnapshotCell(w=w, n=n, replicate=i) for w in (0.0, 2.0) for i in range(replicates)]

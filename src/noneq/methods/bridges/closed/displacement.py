"""The baseline without training: samples of two snapshots, matched and moved on straight lines."""

import time as clock
from pathlib import Path
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key
from noneq.constant import Constant
from noneq.data.summary import Summary, summarise
from noneq.errors import InvalidInput
from noneq.frames.frame import AbstractLaw, Frame
from noneq.kinds import checked
from noneq.learning.method import AbstractMethod, Data, Fit, Progress, check_init
from noneq.learning.watching import watched
from noneq.methods.bridges.closed.plug_in import moving_snapshots
from noneq.methods.bridges.pairs.couplings import AbstractCoupling, ExactOT
from noneq.methods.bridges.pairs.pools import centred, seeded
from noneq.methods.bridges.starts import places
from noneq.methods.bridges.straight import Straight


_MOST = 8192


class DisplacementModel(AbstractLaw):
    """Pairs of training states of successive snapshots; at time t they stand on their lines.

    At the time of a snapshot the draws are training states.

    Attributes:
        start, end: (N, dim) normalised, one interval behind the other.
        frame: the user's side.
        counts: pairs of each interval.
    """

    start: Constant
    end: Constant
    frame: Frame
    counts: tuple[int, ...] = eqx.field(static=True)

    def draw(self, n: int, *, time: Any, condition: Any, key: Key) -> Float[Array, "n dim"]:
        times = jnp.asarray(self.frame.times)
        which = jnp.clip(jnp.searchsorted(times, time) - 1, 0, times.size - 2)
        phase = (time - times[which]) / (times[which + 1] - times[which])
        index = places(n, self.counts, which, key=key)
        start, end = self.start.value[index], self.end.value[index]
        return start + phase * (end - start)


class DisplacementInterpolation(AbstractMethod):
    """McCann's displacement interpolation of the samples: what a trained transport has to beat.

    Forward process:
        x_t = (1 − s) x0 + s x1, pairs of exact optimal transport.
    Learnt object:
        none; the pairs are kept.
    Objective and weight:
        least mean square distance of the pairs, by linear assignment.
    Sampling:
        random pairs, moved to the time asked for.
    Source and deviations:
        McCann 1997. Whole snapshots up to 4,096 states, minibatches of as many above; 8,192 pairs of
        an interval are kept at most. Fewer samples at one end leave some of the other unpaired.

    Args:
        coupling: which states are paired; `Straight` gives the cost.

    Raises:
        InvalidInput: one time, a snapshot of one sample, or conditions.
    """

    source: ClassVar[str] = "mccann1997convexity"
    between_times: ClassVar[bool] = True

    coupling: AbstractCoupling = ExactOT(batch=4096)

    @checked
    def init(self, summary: Summary, *, key: Key) -> DisplacementModel:
        if len(summary.times) < 2:
            raise InvalidInput(
                "DisplacementInterpolation: one time is no transport; give two snapshots."
            )
        counts = tuple(
            min(a, b, _MOST) for a, b in zip(summary.counts[:-1], summary.counts[1:], strict=True)
        )
        zeros = Constant(jnp.zeros((sum(counts), summary.dim)))
        return DisplacementModel(zeros, zeros, Frame(summary), counts)  # pyright: ignore[reportCallIssue]

    @checked
    @watched
    def fit(
        self,
        data: Data,
        *,
        key: Key,
        init: DisplacementModel | None = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Fit:
        """Pair the samples; there is nothing to iterate."""
        began = clock.monotonic()
        snapshots = moving_snapshots(self, data)
        summary = summarise(snapshots)
        check_init(self, init, summary)
        model = self.init(summary, key=key) if init is None else init
        rng = seeded(key)
        normaliser, bridge = model.frame.normaliser, Straight()
        states = centred(snapshots, normaliser, None, rng)
        rows = [states[snapshots.time_index == k] for k in range(snapshots.times.size)]
        starts, ends = [], []
        for i, (count, duration) in enumerate(
            zip(model.counts, np.diff(snapshots.times), strict=True)
        ):
            cost = lambda a, b, duration=float(duration): bridge.cost(a, b, duration)
            pairs = self.coupling.pairs(rows[i], rows[i + 1], cost, count, rng)
            starts.append(rows[i][pairs.start])
            ends.append(rows[i + 1][pairs.end])
        scale = np.asarray(normaliser.scale.value, np.float64)
        found = (
            Constant(jnp.asarray(np.concatenate(part) / scale, float)) for part in (starts, ends)
        )
        model = eqx.tree_at(lambda m: (m.start, m.end), model, tuple(found))
        return Fit(model, {}, self, summary, {"seconds": clock.monotonic() - began})

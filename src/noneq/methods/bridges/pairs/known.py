"""The snapshots that one round of a transport learns from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from noneq._typing import Key
from noneq.data.lazy.drawing import drawn
from noneq.data.lazy.ensemble import LazyEnsemble
from noneq.data.readings.lineages import lineage_of, without
from noneq.data.snapshots import Snapshots
from noneq.data.summary import Summary
from noneq.errors import InvalidInput
from noneq.learning.method import as_data
from noneq.methods.bridges.pairs.pools import check_snapshots
from noneq.methods.bridges.starts import MOST


@dataclass(frozen=True)
class Known:
    """Data of one part of a fit.

    Attributes:
        data: snapshots.
        rates: of growth, one for every sample, or None.
        lineage: number of the clone of every sample, −1 for none, or None.
    """

    data: Snapshots
    rates: np.ndarray | None = None
    lineage: np.ndarray | None = None


@dataclass(frozen=True)
class Source:
    """Where the rounds of a fit take their snapshots from.

    Attributes:
        whole: what the summary is of.
        now: what the first round knows.
        pool: samples of each time that a round takes of data that stay in their file.
    """

    whole: Snapshots | LazyEnsemble
    now: Known
    pool: int = 0

    def of_round(self, index: int, *, key: Key) -> Known:
        """The same in every round; of data that stay in their file another part of them."""
        if index == 0 or not isinstance(self.whole, LazyEnsemble):
            return self.now
        return Known(_some(self.whole, self.pool, key=key))

    def check(self, summary: Summary, name: str) -> None:
        """Refuse data of which too few samples of a time are held.

        Raises:
            InvalidInput: fewer than a model keeps to start from.
        """
        least = min(min(count, MOST) for count in summary.counts)
        if isinstance(self.whole, LazyEnsemble) and self.now.data.counts.min() < least:
            raise InvalidInput(
                f"{name}: {len(summary.times)} times of states of {summary.dim} numbers are too many to "
                f"hold {least} samples of each; read the data without lazy, or convert fewer times."
            )


def sources(
    data: Any,
    name: str,
    *,
    pool: int,
    hold_out: float,
    rates: Callable[[int], np.ndarray | None],
    lineage: str | None,
    more: bool,
    split_key: Key,
    key: Key,
) -> tuple[Source, Source | None]:
    """The part to learn from, and the one that is held out, if any.

    Args:
        pool: samples of each time that are drawn for a round from data that stay in their file.
        hold_out: the share that is held out; 0 for none.
        rates, lineage: as in `noneq.methods.bridges.rounds.fit_rounds`.
        more: whether velocities or growth go with the samples.
        key: of what is drawn.

    Raises:
        InvalidInput: data that no bridge connects, or more than states of data in their file.
    """
    if isinstance(data, LazyEnsemble):
        if more or lineage is not None:
            raise InvalidInput(
                f"{name}: velocities, growth and lineage need all data in memory; read them without "
                "lazy (command line: leave out --lazy)."
            )
        parts = data.split(1 - hold_out, key=split_key) if hold_out else (data,)
        pool = max(pool, MOST)
        found = [Source(part, Known(_some(part, pool, key=key)), pool) for part in parts]
    else:
        snapshots, clones = as_data(data).snapshots(), None
        check_snapshots(snapshots, name)
        if lineage is not None:
            clones, snapshots = lineage_of(snapshots, lineage)[1], without(snapshots, lineage)
        known = Known(snapshots, rates(snapshots.n), clones)
        held = _parts(known, 1 - hold_out, split_key) if hold_out else (known,)
        found = [Source(part.data, part) for part in held]
    check_snapshots(found[0].now.data, name)
    if len(found) == 1:
        return found[0], None
    check_snapshots(found[1].now.data, f"{name}, held-out part")
    return found[0], found[1]


def _some(data: LazyEnsemble, pool: int, *, key: Key) -> Snapshots:
    return drawn(data, pool, key=key).snapshots()


def _parts(known: Known, fraction: float, key: Key) -> tuple[Known, Known]:
    """A random split inside every time; rates and clones go with their samples."""
    parts = known.data.split(fraction, key=key)
    if known.rates is None and known.lineage is None:
        return Known(parts[0]), Known(parts[1])
    # The same key splits the numbers of the samples alike.
    numbers = Snapshots(np.arange(known.data.n), known.data.times, known.data.time_index)
    rows = [part.values[:, 0].astype(int) for part in numbers.split(fraction, key=key)]
    of = lambda values, row: None if values is None else values[row]
    first, second = (
        Known(part, of(known.rates, row), of(known.lineage, row))
        for part, row in zip(parts, rows, strict=True)
    )
    return first, second

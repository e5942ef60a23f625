"""Some of the data that stay in their file, drawn at random in one pass."""

import jax
import numpy as np

from noneq._typing import Key
from noneq.data.lazy.ensemble import LazyEnsemble
from noneq.data.snapshots import Snapshots
from noneq.data.trajectories import Trajectories
from noneq.errors import InvalidInput
from noneq.kinds import as_key, checked


_NUMBERS = 2**24
"""Numbers that are held at most: 64 MB in float32."""


@checked
def drawn(data: LazyEnsemble, n: int, *, key: Key) -> Snapshots | Trajectories:
    """At most ``n`` samples of each time, or ``n`` whole trajectories, each with equal chance.

    Of trajectories of which times are held out, samples.

    Every sample gets a random number, and at each time those with the ``n`` smallest numbers are
    kept (Vitter 1985, without its skips). Data that are no larger come back whole. No more than 64 MB
    is kept: of long records fewer than ``n``.

    Args:
        data: of which some are drawn.
        n: of each time.
        key: typed random key.

    Raises:
        InvalidInput: n < 1, or no sample in this part of the data.
        DataFileError: a chunk is missing or damaged.
    """
    if n < 1:
        raise InvalidInput(f"drawn: n = {n}; expected at least 1 sample of each time.")
    size = data.times.size * int(np.prod(data.event_shape))
    most = min(n, max(2, _NUMBERS // size))
    seed = np.asarray(jax.random.key_data(as_key(key))).ravel().tolist()
    if data.kind == "trajectories" and data.holds_all_times:
        paths = data.paths
        chosen = _some(paths.numbers(), most, np.random.default_rng(seed))
        return paths.take(chosen)
    return _samples(data, most, seed)


def _some(numbers: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """Some of the numbers, in their order."""
    if len(numbers) <= most:
        return numbers
    return np.sort(rng.choice(numbers, most, replace=False))


def _samples(data: LazyEnsemble, most: int, seed: list[int]) -> Snapshots:
    """Samples whose random numbers are the smallest ones of their time."""
    limit = np.ones(data.times.size)
    held: list[tuple[np.ndarray, ...]] = []
    waiting = 0
    for i, part in enumerate(data.each()):
        place = np.searchsorted(data.times, part.times)[part.time_index]
        number = np.random.default_rng([*seed, i]).random(part.n)
        keep = number < limit[place]
        more = () if part.condition is None else (part.condition[keep],)
        held.append((number[keep], place[keep], part.values[keep], *more))
        waiting += int(keep.sum())
        if waiting > 2 * most * data.times.size:
            held, limit = _fewer(held, most, data.times.size)
            waiting = len(held[0][0])
    if not held:
        raise InvalidInput(f"{data.path.name} holds no observed state of this part.")
    [(_, place, values, *condition)], _ = _fewer(held, most, data.times.size)
    present, index = np.unique(place, return_inverse=True)
    given = condition[0] if condition else None
    return Snapshots(
        values, data.times[present], index.astype(np.int32), condition=given, **data.labels()
    )


def _fewer(
    held: list[tuple[np.ndarray, ...]], most: int, times: int
) -> tuple[list[tuple[np.ndarray, ...]], np.ndarray]:
    """The ``most`` smallest numbers of each time, in the order of the file, and the largest of them."""
    columns = [np.concatenate(column) for column in zip(*held, strict=True)]
    number, place = columns[:2]
    order = np.lexsort((number, place))
    counts = np.bincount(place, minlength=times)
    first = np.cumsum(counts) - counts
    rank = np.arange(len(order)) - first[place[order]]
    limit = np.ones(times)
    last = order[rank == most - 1]
    limit[place[last]] = number[last]
    chosen = np.sort(order[rank < most])
    return [tuple(column[chosen] for column in columns)], limit

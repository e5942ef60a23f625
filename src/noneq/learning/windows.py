"""Rows of data that stay in their file: one window of them at a time, the next one read meanwhile."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from noneq import devices
from noneq._typing import Key
from noneq.data.lazy.ensemble import LazyEnsemble
from noneq.data.snapshots import Snapshots
from noneq.errors import InvalidInput
from noneq.learning.training import Training


class Window(NamedTuple):
    """Rows that batches of some steps are drawn from.

    Args:
        rows: arrays with a common leading axis, filled up to the same length in every window.
        filled: how many of them are rows.
    """

    rows: PyTree
    filled: Array


class Windows:
    """The window of every step, a pure function of (key, step).

    Args:
        data: what is read.
        read: from states to rows.
        training: a window serves a chunk of its steps at most, fewer where its rows are used up before.
        key: of the order of the chunks.

    Raises:
        InvalidInput: a batch of the whole data set.
    """

    def __init__(
        self,
        data: LazyEnsemble,
        read: Callable[[Snapshots], PyTree],
        training: Training,
        *,
        key: Key,
    ):
        batch = training.batch
        if batch < 1:
            raise InvalidInput(
                "training.batch = 0 takes all data at once, which lazy reading is there to avoid; give "
                "a number (command line: --set training.batch=1024)."
            )
        self.identity = f"{data.fingerprint} batch {batch}"
        self.steps = int(np.clip(data.window_states // batch, 1, training.chunk))
        self._data, self._read = data, read
        self._seed = int(jax.random.key_data(key)[-1])
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="window")
        self._ahead: tuple[int, Future[Window]] | None = None
        self._now: tuple[int, Window] | None = None

    def at(self, step: int) -> tuple[Window, int]:
        """The window of a step, and the first step after it.

        Raises:
            DataFileError: a chunk is missing or damaged, or the file grew.
        """
        number = step // self.steps
        if self._now is None or self._now[0] != number:
            self._now = None
            waiting = self._ahead is not None and self._ahead[0] == number
            found = self._ahead[1].result() if waiting and self._ahead else self._rows(number)
            self._now = (number, devices.everywhere(found))
            self._ahead = (number + 1, self._pool.submit(self._rows, number + 1))
        return self._now[1], (number + 1) * self.steps

    def close(self) -> None:
        """Wait for what is being read, and read no more."""
        self._pool.shutdown(cancel_futures=True)

    def _rows(self, number: int) -> Window:
        rows = self._read(self._data.window(self._seed, number))
        count = jax.tree.leaves(rows)[0].shape[0]
        size = max(self._data.window_states, count)
        full = lambda a: np.concatenate([a, np.zeros((size - count, *a.shape[1:]), a.dtype)])
        padded = rows if size == count else jax.tree.map(full, rows)
        return Window(padded, np.asarray(count, np.int32))  # pyright: ignore[reportArgumentType]


def by_windows(
    rows: PyTree, advance: Callable[[Any, int, PyTree], tuple[Any, Array]]
) -> Callable[[Any, int], tuple[Any, Array]]:
    """From (carry, last step) to (carry, mean loss), on the rows of each step."""
    if not isinstance(rows, Windows):
        return lambda carry, end: advance(carry, end, rows)

    def go(carry: Any, end: int) -> tuple[Any, Array]:
        start, total = int(carry.step), jnp.zeros(())
        while int(carry.step) < end and not bool(carry.bad):
            before = int(carry.step)
            window, last = rows.at(before)
            carry, loss = advance(carry, min(end, last), window)
            total = total + loss * (int(carry.step) - before)
        return carry, total / max(int(carry.step) - start, 1)

    return go

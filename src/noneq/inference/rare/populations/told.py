"""Progress of a splitting."""

from collections.abc import Callable
from typing import Any


class Told:
    """How many of all repeats are done.

    Args:
        show: called with (done, total, row).
        total: repeats.
    """

    def __init__(self, show: Callable[..., Any] | None, total: int):
        self.show, self.total, self.done = show, total, 0

    def add(self, count: int, weight: float) -> None:
        """``count`` more are done; ``weight`` is the mean probability of the level."""
        self.done += count
        if self.show is not None:
            self.show(self.done, self.total, {"probability of the level": weight})

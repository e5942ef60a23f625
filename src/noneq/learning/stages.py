"""One report of progress for a fit of two stages."""

from noneq.learning.method import Progress


class Staged:
    """Steps of the second stage are counted on from those that the first reported.

    Args:
        progress: what the caller of the fit gave, or None.
    """

    def __init__(self, progress: Progress | None):
        self._progress = progress
        self._before = 0

    @property
    def first(self) -> Progress | None:
        """What the first stage reports to."""
        return None if self._progress is None else self._first

    @property
    def second(self) -> Progress | None:
        """What the second stage reports to."""
        return None if self._progress is None else self._second

    def _first(self, step: int, steps: int, row: dict[str, float]) -> None:
        assert self._progress is not None
        self._before = steps
        self._progress(step, steps, row)

    def _second(self, step: int, steps: int, row: dict[str, float]) -> None:
        assert self._progress is not None
        self._progress(self._before + step, self._before + steps, row)

"""One report of progress for a fit of two stages."""

from collections.abc import Callable

from noneq.learning.watching import Part, told


class Staged:
    """Steps of the second stage are counted on from those that the first reported.

    Args:
        progress: what the fit was given.
        first, second: what each stage learns.
    """

    def __init__(self, progress: Callable[..., None] | bool | None, first: str, second: str):
        self._of = told(progress)
        self.first = Part(self._of, first)
        self.second = Part(self._of, second, before=lambda: self.first.steps)

    def stage(self, text: str) -> None:
        """What happens between the two."""
        self._of.stage(text)

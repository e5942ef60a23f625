"""What may follow a fit from outside: loggers, and previews of the model.

A logger is anything with ``log(row, step)``: a run of Weights & Biases, for one. Nothing here
needs a logging library.
"""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from noneq.errors import InvalidInput


__all__ = ["AbstractLogger", "Preview", "TensorBoard"]


@runtime_checkable
class AbstractLogger(Protocol):
    """Takes numbers by name at a step."""

    def log(self, row: dict[str, float], step: int) -> Any:
        """Keep the numbers."""


class TensorBoard:
    """Hands every number to a ``SummaryWriter`` of TensorBoard, as ``add_scalar(name, value, step)``.

    Args:
        writer: of ``torch.utils.tensorboard``, ``tensorboardX`` or alike.
        prefix: before each name, such as ``"run 3/"``.
    """

    def __init__(self, writer: Any, prefix: str = ""):
        self.writer = writer
        self.prefix = prefix

    def log(self, row: dict[str, float], step: int) -> None:
        """One scalar for each number."""
        for name, value in row.items():
            self.writer.add_scalar(f"{self.prefix}{name}", value, step)


class Preview:
    """Calls ``function(model, step)`` with the model as it is, every so many steps of training.

    The model is that of the averaged parameters, with all that a fitted one can do; in a fit of two
    stages it is the model of the stage that runs.

    Args:
        function: draws samples, say.
        every: steps between two calls; they come at the ends of chunks of steps.

    Raises:
        InvalidInput: ``every`` below 1.
    """

    def __init__(self, function: Callable[[Any, int], Any], every: int = 500):
        if every < 1:
            raise InvalidInput(f"Preview: every = {every}; expected at least 1 step.")
        self.function = function
        self.every = every
        self._next = every

    def show(self, model: Callable[[], Any], step: int) -> None:
        """Call the function if it is time."""
        if step < self._next - self.every:  # another fit
            self._next = self.every
        if step >= self._next:
            self._next = (step // self.every + 1) * self.every
            self.function(model(), step)


def __dir__() -> list[str]:
    return __all__

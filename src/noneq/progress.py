"""What a long computation tells while it runs: a bar on a terminal or in a notebook, else lines."""

import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from noneq.plain_text import visible


_SILENT: ContextVar[bool] = ContextVar("noneq_no_bars", default=False)


class AbstractReporter(ABC):
    """What is told: called as ``reporter(done, total, row)``, the row numbers by name or a text."""

    @abstractmethod
    def __call__(self, done: int, total: int, row: Any) -> None:
        """So many steps are done."""

    @abstractmethod
    def stage(self, text: str) -> None:
        """What happens until the next step is done, such as ``compiling``."""

    @abstractmethod
    def preview(self, step: int, model: Callable[[], Any]) -> None:
        """The model as it is now can be had by calling ``model``."""


class Lines(AbstractReporter):
    """A line on stderr for each stage and each tenth.

    Args:
        what: is computed.
    """

    def __init__(self, what: str):
        self._what = what
        self._began = time.monotonic()
        self._tenth = -1

    def __call__(self, done: int, total: int, row: Any) -> None:
        tenth = 10 * done // max(total, 1)
        if tenth != self._tenth or isinstance(row, str):
            self._tenth = tenth
            self._say(f"{done}/{total} {_row(row)} ({time.monotonic() - self._began:.0f} s)")

    def stage(self, text: str) -> None:
        self._say(f"{text} …")

    def preview(self, step: int, model: Callable[[], Any]) -> None:
        """Nothing: a line shows no model."""

    def _say(self, text: str) -> None:
        sys.stderr.write(visible(" ".join(f"noneq: {self._what} {text}".split())) + "\n")


class Bar(AbstractReporter):
    """A bar of rich.

    Args:
        bars: a `rich.progress.Progress` that is shown.
        what: is computed.
    """

    def __init__(self, bars: Any, what: str):
        self._bars, self._what = bars, what
        self._task = bars.add_task(what, total=None)

    def __call__(self, done: int, total: int, row: Any) -> None:
        label = f"{self._what} {done:,}/{total:,} {_row(row)}"
        self._bars.update(self._task, completed=done, total=total, description=_line(label))

    def stage(self, text: str) -> None:
        self._bars.update(self._task, description=_line(f"{self._what}: {text} …"))

    def preview(self, step: int, model: Callable[[], Any]) -> None:
        """Nothing: a bar shows no model."""


@contextmanager
def reporter(what: str, *, always: bool = False) -> Iterator[AbstractReporter | None]:
    """A bar on a terminal or in a notebook; elsewhere lines if ``always``, else None.

    While one is shown, those that are opened inside show nothing of themselves.

    Args:
        what: is computed.
        always: wanted by name, and not only because nothing was said.
    """
    if not always and _SILENT.get():
        yield None
        return
    with silence():
        if not (sys.stderr.isatty() or "ipykernel" in sys.modules):
            yield Lines(what) if always else None
            return
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        description = TextColumn("{task.description}", markup=False)
        columns = (description, BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
            yield Bar(bars, what)


@contextmanager
def silence() -> Iterator[None]:
    """No bar is shown inside unless it is asked for."""
    token = _SILENT.set(True)
    try:
        yield
    finally:
        _SILENT.reset(token)


def _line(text: str) -> str:
    return visible(text, keep="")


def _row(row: Any) -> str:
    if isinstance(row, str):
        return row
    return " ".join(f"{name} {value:.4g}" for name, value in row.items() if name != "step")

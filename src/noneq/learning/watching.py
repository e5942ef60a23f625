"""How a fit is followed: what ``progress=`` and ``callback=`` of every ``fit`` mean."""

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from noneq.callbacks import AbstractLogger, Preview
from noneq.errors import WrongType
from noneq.kinds import shown
from noneq.progress import AbstractReporter, reporter


_F = TypeVar("_F", bound=Callable[..., Any])


class Watch(AbstractReporter):
    """Tells a bar and all callbacks.

    Args:
        show: called as show(step, steps, row), or None.
        callbacks: loggers, previews, or functions of (row, step).
    """

    def __init__(self, show: Callable[..., None] | None, callbacks: Sequence[Any] = ()):
        self._show = show
        self._loggers = [_log_of(c) for c in callbacks if not isinstance(c, Preview)]
        self._previews = [c for c in callbacks if isinstance(c, Preview)]

    def __call__(self, done: int, total: int, row: Any) -> None:
        if self._show is not None:
            self._show(done, total, row)
        numbers = {name: value for name, value in row.items() if name != "step"}
        for log in self._loggers:
            log(numbers, done)

    def stage(self, text: str) -> None:
        if isinstance(self._show, AbstractReporter):
            self._show.stage(text)

    def preview(self, step: int, model: Callable[[], Any]) -> None:
        for each in self._previews:
            each.show(model, step)


class Part(AbstractReporter):
    """One stage of a fit as a part of all of them.

    Args:
        of: what is told.
        name: of the stage.
        before: gives the steps of the stages before.
        total: steps of all stages, None for those so far.
        whole: the model of which the stage learns a part.
    """

    def __init__(
        self,
        of: AbstractReporter,
        name: str = "",
        *,
        before: Callable[[], int] = lambda: 0,
        total: int | None = None,
        whole: Callable[[Any], Any] = lambda model: model,
    ):
        self._of, self._name, self._before, self._total = of, name, before, total
        self._whole = whole
        self.steps = 0

    def __call__(self, done: int, total: int, row: Any) -> None:
        self.steps, before = total, self._before()
        self._of(before + done, self._total or before + total, row)

    def stage(self, text: str) -> None:
        self._of.stage(f"{self._name}: {text}" if self._name else text)

    def preview(self, step: int, model: Callable[[], Any]) -> None:
        self._of.preview(self._before() + step, lambda: self._whole(model()))


def told(progress: Callable[..., None] | bool | None) -> AbstractReporter:
    """What a caller gave, as something that knows of stages too."""
    if isinstance(progress, AbstractReporter):
        return progress
    return Watch(None if isinstance(progress, bool) else progress)


def watched(fit: _F) -> _F:
    """A ``fit`` whose caller may also give ``progress=`` True or False, and ``callback=``.

    The function itself gets a `Watch` as ``progress``. One that is called by another fit tells what
    that one tells.
    """

    @functools.wraps(fit)
    def call(self: Any, *args: Any, progress: Any = None, callback: Any = None, **rest: Any) -> Any:
        with watch(progress, callback, type(self).__name__) as report:
            return fit(self, *args, progress=report, **rest)

    signature = inspect.signature(fit)
    extra = inspect.Parameter(
        "callback", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Any
    )
    listed = [*signature.parameters.values(), extra]
    vars(call)["__signature__"] = signature.replace(parameters=listed)
    return call  # pyright: ignore[reportReturnType]


@contextmanager
def watch(progress: Any, callback: Any, name: str) -> Iterator[AbstractReporter]:
    """What a fit tells, given what its caller asked for.

    Args:
        progress: None for a bar where one can be seen, True, False, or a function.
        callback: as in `AbstractMethod.fit`.
        name: of the method.

    Raises:
        WrongType: a callback that takes no rows.
    """
    several = isinstance(callback, list | tuple)
    callbacks = list(callback) if several else [] if callback is None else [callback]
    if isinstance(progress, AbstractReporter) and not callbacks:
        yield progress
    elif progress is None or progress is True:
        with reporter(name, always=progress is True) as bar:
            yield Watch(bar, callbacks)
    else:
        yield Watch(progress or None, callbacks)


def _log_of(callback: Any) -> Callable[[dict[str, float], int], Any]:
    """What takes (row, step).

    Raises:
        WrongType: nothing does.
    """
    if isinstance(callback, AbstractLogger) and not inspect.isclass(callback):
        return lambda row, step: callback.log(row, step=step)
    if callable(callback) and not inspect.isclass(callback):
        return callback
    raise WrongType(
        f"callback = {shown(callback)}; expected an object with log(row, step), a function of "
        "(row, step), noneq.callbacks.Preview(function, every=500), or a list of these."
    )

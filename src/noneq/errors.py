"""Errors: each says what was given, what is expected and what to do.

``exit_code`` is what the command line returns for it.
"""

from typing import Any, ClassVar


class NoneqError(Exception):
    """Base of every error raised on purpose by this library."""

    exit_code: ClassVar[int] = 2

    def __str__(self) -> str:
        """One line, also where a value that the message shows has several."""
        return " ".join(Exception.__str__(self).split())


class InvalidInput(NoneqError, ValueError):
    """Readable input whose content, or the request made of it, is wrong."""


class WrongType(NoneqError, TypeError):
    """A value of a type that the argument does not take."""


class MissingTrait(NoneqError, TypeError):
    """A model or system lacks the capability that was asked of it."""


class DataFileError(NoneqError, OSError):
    """A file that cannot be parsed, is unsafe, or fails its checksum."""

    exit_code: ClassVar[int] = 4


class WriteFailed(NoneqError, OSError):
    """The disk refused a write (full, read-only, no permission); the old file is intact."""

    exit_code: ClassVar[int] = 3


class FitDiverged(NoneqError, ValueError):
    """Training met a non-finite number; the last finite model is kept.

    Attributes:
        step: the first step whose loss or gradient was not finite.
        leaf: path of the first bad leaf of the gradient, or ``"loss"``.
        model: the last model known to be finite, or None.
    """

    exit_code: ClassVar[int] = 5

    def __init__(self, message: str, *, step: int, leaf: str, model: Any = None):
        super().__init__(message)
        self.step = step
        self.leaf = leaf
        self.model = model


class SolveFailed(NoneqError, ValueError):
    """A simulation or an ODE/SDE solve ended with non-finite or unconverged values."""

    exit_code: ClassVar[int] = 5


class Interrupted(NoneqError, OSError):
    """The process was asked to stop; state up to here is saved.

    Attributes:
        signal: the signal's number; the exit code is 128 + signal.
    """

    def __init__(self, message: str, *, signal: int):
        super().__init__(message)
        self.signal = signal

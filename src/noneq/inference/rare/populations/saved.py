"""The file that keeps a splitting run while it is under way."""

import hashlib
import time
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import jax
import numpy as np

from noneq._typing import Key
from noneq.data.atomic import atomic_path
from noneq.errors import DataFileError, InvalidInput, WriteFailed


_EVERY = 5.0
_FORMAT = 2
"""Of the file: one of another format is as that of another run."""


class Progress:
    """Files of all workers of a run: ``state``, ``state.1``, …; None keeps nothing.

    Args:
        path: of the first file.
        settings: what must be equal for a run to go on.
        key: its random key.
    """

    def __init__(self, path: str | Path | None, settings: tuple[Any, ...], key: Key):
        self.path = None if path is None else Path(path)
        told = repr((_FORMAT, settings, np.asarray(jax.random.key_data(key)).tolist()))
        self.mark = hashlib.sha256(told.encode()).hexdigest()
        self.parts: list[Part] = []

    def part(self, i: int) -> "Part":
        """The file of worker i."""
        path = self.path
        path = path.with_name(f"{path.name}.{i}") if path is not None and i else path
        self.parts.append(Part(path, self.mark))
        return self.parts[-1]

    def close(self) -> None:
        """Remove the files: the run is done."""
        for part in self.parts:
            if part.path is not None:
                part.path.unlink(missing_ok=True)


class Part:
    """The file of one worker."""

    def __init__(self, path: Path | None, mark: str):
        self.path, self.mark, self.last = path, mark, 0.0

    def load(self, climb: Any) -> bool:
        """Fill ``climb`` with what the file holds; False if there is none.

        Raises:
            InvalidInput: a file of another run.
            DataFileError: a damaged file.
        """
        if self.path is None or not self.path.exists():
            return False
        try:
            with np.load(self.path, allow_pickle=False) as file:
                held = {name: file[name] for name in file.files}
            mark = str(held.pop("mark"))
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise DataFileError(
                f"{self.path} is no state of a splitting run; remove it."
            ) from error
        if mark != self.mark or not np.array_equal(held.pop("repeats"), climb.repeats):
            raise InvalidInput(
                f"{self.path} belongs to a run with other sets, numbers, seed or workers; remove it, or "
                "name another file."
            )
        climb.restore(held)
        return True

    def save(self, climb: Any, at_once: bool = False) -> None:
        """Write the run if the last writing is some seconds ago.

        Raises:
            WriteFailed: the disk refused.
        """
        if self.path is None or not (at_once or time.monotonic() - self.last > _EVERY):
            return
        held = climb.held() | {"mark": np.asarray(self.mark), "repeats": climb.repeats}
        try:
            with atomic_path(self.path) as part, part.open("wb") as file:
                np.savez(file, **held)
        except OSError as error:
            raise WriteFailed(f"cannot write {self.path}: {error.strerror or error}.") from error
        self.last = time.monotonic()

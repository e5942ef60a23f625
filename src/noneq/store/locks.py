"""One writer at a time in a run folder."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from noneq.errors import InvalidInput, WriteFailed


@contextmanager
def lock(folder: str | Path) -> Iterator[None]:
    """Hold the folder (made if it is not there) against other processes.

    The lock is the system's, on ``.lock``, which holds the owner's process number: a killed
    owner leaves the file but not the lock, so that the next one takes over.

    Raises:
        InvalidInput: another process holds it.
        WriteFailed: the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    folder = Path(folder)
    path = folder / ".lock"
    held = FileLock(path, timeout=0, mode=0o644)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held.acquire()
    except Timeout as error:
        raise InvalidInput(
            f"{folder} is in use by {_owner(path)}; wait for it or choose another folder."
        ) from error
    except OSError as error:
        _drop_empty(folder)
        raise WriteFailed(f"cannot write to {folder}: {error.strerror or error}.") from error
    try:
        with suppress(OSError):  # Windows lets nobody write a locked file
            path.write_text(str(os.getpid()))
        yield
    finally:
        _release(held, path)
        _drop_empty(folder)


def _drop_empty(folder: Path) -> None:
    """Remove the folder if nothing was written into it."""
    with suppress(OSError):
        folder.rmdir()


def _owner(path: Path) -> str:
    with suppress(OSError):
        if number := path.read_text():
            return f"process {number}"
    return "another process"


def _release(held: Any, path: Path) -> None:
    """Remove the file while it is ours: a later one may be somebody else's.

    Windows removes no open file. There it goes after the release, unless the next owner has it.
    """
    if os.name == "nt":
        held.release()
    try:
        with suppress(OSError):  # a disk that became read-only keeps the file; a lock it is not
            path.unlink()
    finally:
        held.release()

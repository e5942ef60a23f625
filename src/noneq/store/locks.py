"""One writer at a time in a run folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

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
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = _acquire(folder / ".lock")
    except OSError as error:
        raise WriteFailed(f"cannot write to {folder}: {error.strerror}.") from error
    if descriptor is None:
        owner = (folder / ".lock").read_text() or "?"
        raise InvalidInput(
            f"{folder} is in use by process {owner}; wait for it or choose another folder."
        )
    try:
        yield
    finally:
        (folder / ".lock").unlink(missing_ok=True)
        os.close(descriptor)
        with suppress(OSError):
            folder.rmdir()  # only if nothing was written


def _acquire(path: Path) -> int | None:
    """Descriptor of the locked file, or None if another process has it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        # The last owner may have removed the file between our open and our lock.
        with suppress(FileNotFoundError):
            if os.stat(path).st_ino == os.fstat(descriptor).st_ino:
                os.ftruncate(descriptor, 0)
                os.write(descriptor, str(os.getpid()).encode())
                return descriptor
        os.close(descriptor)

"""Writing files so that a crash at any moment leaves the old file or the new one, never half."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A temporary path in the same folder that replaces ``path`` when the block ends well.

    The file (or folder) written there is flushed to disk first; on any error it is removed and
    ``path`` stays as it was.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield temporary
        sync_all(temporary)
        if temporary.is_dir() and path.is_dir():
            _swap_folder(temporary, path)
        else:
            os.replace(temporary, path)
        sync(path.parent)
    finally:
        remove(temporary)


def sync(path: Path) -> None:
    """Flush a file, or a folder's list of entries, to disk."""
    if os.name == "nt" and path.is_dir():
        return  # Windows opens no folder, and flushes none
    # Windows flushes only what may be written.
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_all(path: Path) -> None:
    """Flush a file, or a folder with all it holds, to disk."""
    for child in path.iterdir() if path.is_dir() else ():
        sync_all(child)
    sync(path)


def remove(path: Path) -> None:
    """Delete a file or folder if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _swap_folder(new: Path, old: Path) -> None:
    aside = old.with_name(f"{new.name}.old")
    os.replace(old, aside)
    try:
        os.replace(new, old)
    except OSError:
        os.replace(aside, old)
        raise
    remove(aside)

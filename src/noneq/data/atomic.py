"""Writing files so that a crash at any moment leaves the old file or the new one, never half.

A file is replaced by one rename. A folder takes two, the old one out of the way and the new one
into place; a kill between them leaves neither under its name. `recover`, at the next reading or
writing, puts the old one back and removes what dead writers left.
"""

import os
import re
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from zlib import crc32


_FORGOTTEN = 86_400.0
"""Seconds after which the writer of a temporary file is taken for dead, if nobody can tell."""
_SWAP = 60.0
"""The same for a folder that was moved out of the way, which is put back within milliseconds."""


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A temporary path in the same folder that replaces ``path`` when the block ends well.

    The file (or folder) written there is flushed to disk first; on any error it is removed and
    ``path`` stays as it was. What earlier writers left is cleaned first (`recover`).
    """
    path = Path(path)
    recover(path)
    owner = f"{_host()}-{os.getpid()}"
    temporary = path.with_name(f".{path.name}.{owner}.{secrets.token_hex(4)}.part")
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


def recover(path: Path) -> None:
    """Undo a replacement that was killed, and remove what dead writers of this path left.

    Where the folder cannot be changed nothing happens.
    """
    with suppress(OSError):
        left = {file: _owner(file, path.name) for file in path.parent.iterdir()}
        dead = [file for file, owner in left.items() if owner and not _may_live(file, *owner)]
        aside = [file for file in dead if file.suffix == ".old"]
        if aside and not os.path.lexists(path):
            os.replace(max(aside, key=_changed), path)
        for file in dead:
            remove(file)


def _owner(file: Path, name: str) -> tuple[str, str] | None:
    """Host and process that a temporary file of the name belongs to, '' where it does not say."""
    pattern = rf"\.{re.escape(name)}\.(?:([0-9a-f]{{8}})-(\d+)\.)?[0-9a-f]{{8}}\.part(?:\.old)?"
    found = re.fullmatch(pattern, file.name)
    return (found[1] or "", found[2] or "") if found else None


def _may_live(file: Path, host: str, process: str) -> bool:
    """Whether the writer of a temporary file may still be at work."""
    if host != _host() or os.name == "nt":  # there, signal 0 is no question
        return time.time() - _changed(file) < (_SWAP if file.suffix == ".old" else _FORGOTTEN)
    try:
        os.kill(int(process), 0)
    except PermissionError:
        return True  # somebody else's
    except (ProcessLookupError, OverflowError):
        return False
    return True


def _host() -> str:
    return f"{crc32(socket.gethostname().encode()):08x}"


def _changed(file: Path) -> float:
    facts = file.lstat()
    return max(facts.st_mtime, facts.st_ctime)


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
    except BaseException:  # an interruption too: the new one will be removed
        os.replace(aside, old)
        raise
    sync(old.parent)
    remove(aside)

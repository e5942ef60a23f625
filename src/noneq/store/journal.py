"""Replacing several files of a folder at once.

New files are written to ``.saving.part``; renaming that to ``.commit.part`` is the one moment at
which they become the current ones; then they are moved into place. Readers look into
``.commit.part`` first, so that at every moment the old set or the new one is seen, complete.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from noneq.data.atomic import remove, sync, sync_all
from noneq.errors import WriteFailed


def replace_all(folder: Path, content: Mapping[str, bytes]) -> None:
    """Write all the files or, on any error or crash, none of them.

    Raises:
        WriteFailed: the disk refused; the previous files are intact.
    """
    staged, commit = folder / ".saving.part", folder / ".commit.part"
    try:
        _finish(folder)
        remove(staged)
        staged.mkdir(parents=True)
        for name, blob in content.items():
            (staged / name).write_bytes(blob)
        sync_all(staged)
        os.replace(staged, commit)
        sync(folder)
        _finish(folder)
    except OSError as error:
        raise WriteFailed(
            f"cannot save to {folder}: {error.strerror or error}; the previous content is intact."
        ) from error
    finally:
        with suppress(OSError):
            remove(staged)


def current(folder: Path, name: str) -> Path:
    """Where a file is now: in place, or in a set that was committed but not yet moved."""
    pending = folder / ".commit.part" / name
    return pending if pending.exists() else folder / name


def _finish(folder: Path) -> None:
    """Move the files of a committed set into place."""
    commit = folder / ".commit.part"
    if commit.is_dir():
        for file in commit.iterdir():
            os.replace(file, folder / file.name)
        sync(folder)
        commit.rmdir()

"""The folder that a verb writes with ``-o``: its numbers as JSON, and a page."""

from pathlib import Path
from typing import Any

from noneq.errors import WriteFailed
from noneq.store import write_text
from noneq.store.records import to_json


def folder_with(folder: Path, name: str, numbers: dict[str, Any]) -> Path:
    """Make the folder, write the numbers as ``name`` into it, and say where the page goes.

    Raises:
        WriteFailed: the disk refused.
    """
    if folder.is_file():
        raise WriteFailed(f"{folder} is a file; name a folder for report.html and {name}.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteFailed(f"cannot write to {folder}: {error.strerror or error}.") from error
    write_text(folder / name, to_json(numbers))
    return folder / "report.html"

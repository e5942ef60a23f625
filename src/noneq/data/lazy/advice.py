"""When a file is too large to be read whole, and what to do then."""

import os
from pathlib import Path

from noneq.data.lazy.chunks import ChunkedArray


_SHARE = 0.25
"""Of the memory: reading, checking and training hold several copies."""


def memory() -> float:
    """Bytes of this machine's memory; infinite where the system does not tell (Windows)."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, OSError, ValueError):
        return float("inf")


def advice(path: Path) -> str:
    """How to read a file that takes more than a quarter of the memory; empty for others."""
    try:
        inside = (path / "values" / "zarr.json").is_file()
        size = ChunkedArray(path / "values").nbytes if inside else _stored(path)
    except Exception:
        # What is wrong with the file is told where it is read.
        return ""
    if size <= _SHARE * memory():
        return ""
    how = "add --lazy to read it a few chunks at a time"
    if not inside:
        how = f"`noneq convert {path} {path.stem}.zarr`, then read that with --lazy"
    return f"{path.name} holds {size / 1e9:.3g} GB, this machine {memory() / 1e9:.3g} GB of memory: {how}"


def _stored(path: Path) -> int:
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())

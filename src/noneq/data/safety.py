"""Refusing files that are empty, of another kind, or claim far more than they hold."""

import hashlib
from pathlib import Path

from noneq.errors import DataFileError, InvalidInput


_HARMLESS = 100_000_000
"""Bytes that any machine can hold; claims below are never refused."""
_RATIO = 100
"""Largest believable ratio of numbers to stored bytes: real measurements compress 2–20 fold."""
_SEAL = b"\nnoneq sha256 "


def seal(path: Path) -> None:
    """Append the sha256 of a file to it, for formats that ignore what follows their end."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    with path.open("ab") as stream:
        stream.write(_SEAL + digest.encode())


def check_seal(path: Path) -> None:
    """Raise if a sealed file changed: some parsers hang on damaged input."""
    size = path.stat().st_size - len(_SEAL) - 64
    with path.open("rb") as stream:
        stream.seek(max(size, 0))
        end = stream.read()
        if not end.startswith(_SEAL):
            return
        stream.seek(0)
        digest, left = hashlib.sha256(), size
        while left:
            block = stream.read(min(left, 1 << 20))
            digest.update(block)
            left -= len(block)
    if digest.hexdigest().encode() != end.removeprefix(_SEAL):
        raise DataFileError(f"{path} does not match its checksum; restore it from a copy.")


def check_file(path: Path, magic: tuple[bytes, ...] = ()) -> None:
    """Raise unless ``path`` is a non-empty regular file that starts as its format does."""
    if path.is_dir():
        raise InvalidInput(f"{path} is a folder; expected a file.")
    if not path.is_file():
        raise DataFileError(f"{path} is no regular file; give a plain file.")
    with path.open("rb") as stream:
        start = stream.read(16)
    if not start:
        raise DataFileError(f"{path} is empty; write it again.")
    if magic and not start.startswith(magic):
        raise DataFileError(
            f"{path} is no {path.suffix} file (it starts with {start[:8]!r}); "
            "give its true extension or write it again."
        )


def refuse_bomb(path: Path, claimed: int, stored: int) -> None:
    """Raise if ``claimed`` bytes of numbers cannot honestly come from ``stored`` bytes."""
    if claimed > _HARMLESS and claimed > _RATIO * stored:
        raise DataFileError(
            f"{path} claims {claimed / 1e6:,.0f} MB of numbers in {stored / 1e6:,.2f} MB of file; "
            "refused as unsafe. If it is yours, write it again without compression."
        )


def refuse_name(path: Path, name: str) -> None:
    """Raise for a member name that could point outside its archive."""
    parts = name.replace("\\", "/").split("/")
    if ".." in parts or name.startswith(("/", "\\")) or ":" in parts[0] or "\0" in name:
        raise DataFileError(f"{path} holds a member named {name!r}; refused as unsafe.")

"""Refusing files that are empty, of another kind, or claim far more than they hold."""

import hashlib
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from noneq.data.hints import reason
from noneq.errors import DataFileError, InvalidInput, NoneqError


HARMLESS = 100_000_000
"""Bytes that any machine can hold; files that unpack to less are never refused for it."""
_RATIO = 100
"""Largest believable ratio of numbers to stored bytes: real measurements compress 2–20 fold."""
LONGEST_TEXT = 8_000_000
"""Bytes of the labels and settings that a file may carry; text takes ten times as much memory."""
_CODECS = (
    "zstd", "gzip", "blosc", "crc32c", "bytes", "transpose", "sharding_indexed", "vlen-utf8",
)  # fmt: skip
_SEAL = b"\nnoneq sha256 "


def seal(path: Path) -> None:
    """Append the sha256 of a file to it, for formats that ignore what follows their end."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    with path.open("ab") as stream:
        stream.write(_SEAL + digest.encode())


def check_seal(path: Path) -> bool:
    """Raise if a sealed file changed: some parsers hang on damaged input. Whether it is sealed."""
    size = path.stat().st_size - len(_SEAL) - 64
    with path.open("rb") as stream:
        stream.seek(max(size, 0))
        end = stream.read()
        if not end.startswith(_SEAL):
            return False
        stream.seek(0)
        digest, left = hashlib.sha256(), size
        while left:
            block = stream.read(min(left, 1 << 20))
            digest.update(block)
            left -= len(block)
    if digest.hexdigest().encode() != end.removeprefix(_SEAL):
        raise DataFileError(f"{path} does not match its checksum; restore it from a copy.")
    return True


def check_file(path: Path, magic: tuple[bytes, ...] = (), end: bytes = b"") -> None:
    """Raise unless ``path`` is a non-empty regular file that starts and ends as its format does."""
    if path.is_dir():
        raise InvalidInput(f"{path} is a folder; expected a file.")
    if not path.is_file():
        raise DataFileError(f"{path} is no regular file; give a plain file.")
    with path.open("rb") as stream:
        start = stream.read(16)
        stream.seek(max(0, path.stat().st_size - len(end)))
        last = stream.read()
    if not start:
        raise DataFileError(f"{path} is empty; write it again.")
    if magic and not start.startswith(magic):
        raise DataFileError(
            f"{path} is no {path.suffix} file (it starts with {start[:8]!r}); "
            "give its true extension or write it again."
        )
    if not last.endswith(end):
        raise DataFileError(f"{path} is cut: its end is missing; restore it from a copy.")


def bytes_to_unpack(path: Path, megabytes: int | float | None = None) -> int:
    """Bytes that a file or folder may unpack to.

    100 MB, or 100 times its size if that is more; ``megabytes`` takes the place of both.

    Raises:
        InvalidInput: ``megabytes`` is no positive number.
        DataFileError: a folder that holds a link.
    """
    stored = _stored(path)
    if megabytes is None:
        return max(HARMLESS, _RATIO * stored)
    if not (isinstance(megabytes, int | float) and megabytes > 0):
        raise InvalidInput(f"unpack_limit = {megabytes!r}; expected a positive number of MB.")
    return int(min(1e6 * megabytes, 2**63 - 1))


def refuse_bomb(path: Path, claimed: int, limit: int) -> None:
    """Raise if numbers of ``claimed`` bytes are more than the file may unpack to."""
    if claimed > limit:
        raise DataFileError(
            f"{path} claims {claimed / 1e6:,.0f} MB of numbers, more than the {limit / 1e6:,.0f} MB "
            "that it may unpack to (100 MB, or 100 times its size); refused as unsafe. If you trust "
            f"it, read it with unpack_limit={math.ceil(claimed / 1e6)} (command line: "
            "--unpack-limit), in MB."
        )


def refuse_long(path: Path, what: str, size: int) -> None:
    """Raise for labels or settings of so many bytes that nobody wrote them by hand."""
    if size > LONGEST_TEXT:
        raise DataFileError(
            f"{path}: {what} takes {size / 1e6:,.0f} MB, more than {LONGEST_TEXT / 1e6:.0f} MB; "
            "refused as unsafe. Remove it from the file."
        )


def _stored(path: Path) -> int:
    if not path.is_dir():
        return path.stat().st_size
    stored = 0
    for entry in path.rglob("*"):
        if entry.is_symlink():
            raise DataFileError(f"{path} holds a link {entry.name!r}; refused as unsafe.")
        stored += entry.stat().st_size
    return stored


def refuse_name(path: Path, name: str) -> None:
    """Raise for a member name that could point outside its archive."""
    parts = name.replace("\\", "/").split("/")
    if ".." in parts or name.startswith(("/", "\\")) or ":" in parts[0] or "\0" in name:
        raise DataFileError(f"{path} holds a member named {name!r}; refused as unsafe.")


def refuse_codecs(path: Path, codecs: Iterable[dict[str, Any]]) -> None:
    """Raise for codecs of zarr whose result nobody bounds."""
    for codec in codecs:
        if codec["name"] not in _CODECS:
            raise DataFileError(
                f"{path} is packed by {codec['name']!r}; write it with one of {', '.join(_CODECS)}."
            )
        settings = codec.get("configuration") or {}
        refuse_codecs(path, [*settings.get("codecs", ()), *settings.get("index_codecs", ())])


def safely(path: Path, action):
    """Run a parser; whatever it throws becomes one `DataFileError` that names the file."""
    try:
        return action()
    except DataFileError as error:
        if str(path) in str(error):
            raise
        raise DataFileError(f"{path}: {error}") from error
    except InvalidInput as error:
        if str(path) in str(error):
            raise
        raise InvalidInput(f"{path}: {error}") from error
    except NoneqError:
        raise
    except Exception as error:
        raise DataFileError(
            f"{path} cannot be read: {reason(error)}; it is damaged or of another format."
        ) from error

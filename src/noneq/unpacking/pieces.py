"""What the process says: columns in pieces, texts as places among the different ones."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeAlias

import numpy as np


Say: TypeAlias = Callable[..., None]
"""Called as say(message, body)."""
PIECE = 4_000_000
"""Bytes that are read and sent at once."""
_LONGEST_TEXT = 8_000_000
_CONDITION = "condition:"
"""How names of conditions begin in tables of our own."""


class Refused(Exception):
    """What is wrong with the file, in one sentence."""


class Unfit(Exception):
    """What was asked for that the file does not have, in one sentence."""


class Bomb(Exception):
    """The file claims more bytes, its one argument, than it may."""


def send(say: Say, column: int, at: Sequence[tuple[int, int]], piece: Any) -> None:
    """Say a piece of a column; ``at`` holds its first and its last place along each axis."""
    content = np.ascontiguousarray(piece)
    say({"column": column, "at": at, "nbytes": content.nbytes}, content.tobytes())


def coded(texts: Sequence[str], codes: dict[str, int]) -> np.ndarray:
    """Each text's place among the different ones, which are added to ``codes``."""
    places = np.array([codes.setdefault(text, len(codes)) for text in texts], np.int64)
    refuse_long("its text", sum(map(len, codes)) + len(codes))
    return places


def is_asked(name: str, texts: Collection[str]) -> bool:
    """Whether a column is one of those whose text is wanted."""
    return name in texts or name.strip().lower() in texts or name.startswith(_CONDITION)


def refuse_bomb(claimed: int, limit: int) -> None:
    """Raise if numbers of ``claimed`` bytes are more than the file may unpack to."""
    if claimed > limit:
        raise Bomb(claimed)


def refuse_long(what: str, size: int) -> None:
    """Raise for labels or settings of so many bytes that nobody wrote them by hand."""
    if size > _LONGEST_TEXT:
        raise Refused(
            f"{what} takes {size / 1e6:,.0f} MB, more than {_LONGEST_TEXT / 1e6:.0f} MB; refused "
            "as unsafe. Remove it from the file."
        )

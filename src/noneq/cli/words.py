"""Words of the form NAME=VALUE. Nothing heavy is imported here."""

from collections.abc import Sequence

from noneq.errors import InvalidInput


def assignments(settings: Sequence[str]) -> dict[str, str]:
    """``["a.b=1"]`` to ``{"a.b": "1"}``.

    Raises:
        InvalidInput: a word without "=".
    """
    pairs = [word.partition("=") for word in settings]
    for word, (name, equals, _) in zip(settings, pairs, strict=True):
        if not (name.strip() and equals):
            raise InvalidInput(f"{word!r} is no assignment; write NAME=VALUE.")
    return {name.strip(): value.strip() for name, _, value in pairs}


def typed_protocol(text: str, option: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """``0:1,1:4`` as times and values of a protocol; a time that stands twice is a jump.

    Raises:
        InvalidInput: no pairs of numbers.
    """
    try:
        pairs = [tuple(map(float, pair.split(":"))) for pair in text.split(",")]
        times, values = zip(*pairs, strict=True)
    except ValueError as error:
        raise InvalidInput(
            f"{option} {text!r}: expected TIME:VALUE,TIME:VALUE,… such as 0:1,1:4 (a time that "
            "stands twice is a jump)."
        ) from error
    return times, values

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


def choices(settings: Sequence[str]) -> dict[str, list[str]]:
    """``["a.b=1,2"]`` to ``{"a.b": ["1", "2"]}``; commas in brackets and quotes part nothing.

    Raises:
        InvalidInput: a word without "=", a name given twice, or an empty value.
    """
    found: dict[str, list[str]] = {}
    for word in settings:
        [(name, text)] = assignments([word]).items()
        if name in found:
            raise InvalidInput(
                f"--set {name} is given twice; write all values at once: {name}=A,B."
            )
        found[name] = [value.strip() for value in _parted(text)]
        if not all(found[name]):
            raise InvalidInput(f"--set {word}: a value is empty; write {name}=A,B.")
    return found


def _parted(text: str) -> list[str]:
    """Parts between commas that lie in no brackets or quotes."""
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        depth += (letter in "[({") - (letter in "])}")
        if letter == "," and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


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

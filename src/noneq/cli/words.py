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

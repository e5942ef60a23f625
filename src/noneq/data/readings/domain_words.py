"""Domains as words of a command line: ``torus:2pi``, ``box:-1:1``."""

import math
import re

import numpy as np

from noneq import domains
from noneq.domains import AbstractDomain
from noneq.errors import InvalidInput


_PI = re.compile(r"(-?)(\d*\.?\d*)\s*\*?\s*(?:pi|π)")


def domain(text: str) -> AbstractDomain:
    """A domain from words: ``free``, ``torus:2pi``, ``torus:360:-180``, ``box:-1:1``.

    Raises:
        InvalidInput: another word or numbers.
    """
    word, *numbers = text.strip().lower().split(":")
    expected = (
        "expected free, torus:PERIOD, torus:PERIOD:LOW (such as torus:2pi:-pi) or box:LOW:HIGH"
    )
    try:
        sizes = [_number(number) for number in numbers]
        if word == "free" and not sizes:
            return domains.Free()
        if word == "torus" and len(sizes) <= 2:
            return domains.Torus(*sizes)
        if word == "box" and len(sizes) == 2:
            return domains.Box(*sizes)
    except ValueError as error:
        if isinstance(error, InvalidInput):
            raise
    raise InvalidInput(f"domain {text!r}: {expected}.")


def _number(text: str) -> float:
    match = _PI.fullmatch(text.strip())
    if not match:
        return float(text)
    return float(f"{match[1]}{match[2] or 1}") * math.pi


def domain_text(given: AbstractDomain) -> str:
    """What `domain` reads; empty for domains that have no words."""
    if isinstance(given, domains.Torus) and np.ndim(given.period) == np.ndim(given.low) == 0:
        return f"torus:{given.period:.9g}" + (f":{given.low:.9g}" if given.low else "")
    if isinstance(given, domains.Box) and np.ndim(given.low) == np.ndim(given.high) == 0:
        return f"box:{given.low:.9g}:{given.high:.9g}"
    return "free" if isinstance(given, domains.Free) else ""

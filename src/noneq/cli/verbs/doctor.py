"""The verb doctor: what is installed."""

from noneq.cli import options as o
from noneq.cli.output import emit


def doctor(json: o.Json = False) -> int:
    """Say what is installed: versions, devices, caches, and what each extra would add."""
    from noneq.cli.health import health, lines

    found = health()
    emit(json, found, *lines(found))
    return 3 if found["problems"] else 0

"""Pictures of the study `dynamics`, from its rows and what its cells kept."""

from collections.abc import Mapping, Sequence
from typing import Any

from noneq.report.html import Picture


def figures(rows: Sequence[Mapping[str, Any]], cells: Sequence[Any]) -> list[Picture]:
    """All pictures of the study."""
    return []

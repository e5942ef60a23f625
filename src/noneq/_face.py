"""Lazy faces: a package shows its public names, and imports each on first use (PEP 562).

A face lists its names once, as imports under ``if TYPE_CHECKING:``, where type checkers and
editors read them too.
"""

import ast
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any


def face(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a module that shows the names listed in its file.

    Args:
        package: its ``__name__``.
        file: its ``__file__``.
    """
    homes = {
        alias.asname or alias.name: node.module or ""
        for block in ast.parse(Path(file).read_text(encoding="utf-8")).body
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(homes[name]), name)

    return find, lambda: sorted(homes)

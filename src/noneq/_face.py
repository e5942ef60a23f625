"""Lazy faces: a package shows its public names, and imports each on first use (PEP 562).

A face lists its names once, as imports under ``if TYPE_CHECKING:``, where type checkers and
editors read them too.
"""

import ast
import importlib
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


def late(module: str, name: str) -> Callable[..., Any]:
    """A function of a module that itself needs the caller's, imported when it is called."""
    return getattr(importlib.import_module(module), name)


def exported(file: str | Path) -> dict[str, str]:
    """Names that a room shows, and the module of each: its imports of the form ``a as a``.

    Read off the source, so that nothing is imported.
    """
    body = ast.parse(Path(file).read_text(encoding="utf-8")).body
    lazy = [b for b in body if isinstance(b, ast.If) and ast.unparse(b.test) == "TYPE_CHECKING"]
    return {
        alias.name: node.module or ""
        for node in [*body, *(node for block in lazy for node in block.body)]
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname == alias.name
    }


def face(
    package: str, file: str, renamed: Mapping[str, tuple[str, str, str]] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a module that shows the names listed in its file.

    Args:
        package: its ``__name__``.
        file: its ``__file__``.
        renamed: names of the last release: for each the module and the name that it stands for
            now, and what to write instead. They warn, and are not listed.
    """
    homes = exported(file)
    old = renamed or {}

    def find(name: str) -> Any:
        if name in old:
            module, new, instead = old[name]
            text = f"{package}.{name} is now {instead}; the old name goes with the next release."
            warnings.warn(text, DeprecationWarning, stacklevel=2)
            return getattr(importlib.import_module(module), new)
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(homes[name]), name)

    return find, lambda: sorted(homes)

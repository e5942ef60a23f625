"""Where the numbers of a study come from: the cell, its settings, the code and the commit.

A cell is kept under a hash of what determines it. The code of its study is part of that, so that
numbers of older code are neither taken from a folder nor kept as results.
"""

import ast
import hashlib
import inspect
import json
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from noneq.spec import to_dict
from noneq.studies.base import AbstractCell


_ROOM = "noneq.studies"
_SHARED = f"{_ROOM}.base"
"""The form of all studies: it takes no part in their numbers."""


def spec_of(cell: AbstractCell, seed: int) -> dict[str, Any]:
    """What determines a cell's outcome on one machine, up to the library below the studies."""
    code = code_of(type(cell))  # pyright: ignore[reportArgumentType]
    return {"cell": to_dict(cell), "seed": seed, "version": version("noneq"), "code": code}


def hash_of(spec: dict[str, Any]) -> str:
    """Name of a cell with this spec in a run folder and in the results."""
    return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:16]


@cache
def code_of(cell: Any) -> str:
    """Hash of the code of a kind of cell: its module and those of the studies that it imports.

    Comments, docstrings and layout do not count, nor do modules that only draw or list cells.
    """
    found: dict[str, str] = {}
    waiting = {cell.__module__: inspect.getsourcefile(cell)}
    while waiting:
        name, file = waiting.popitem()
        tree = ast.parse(Path(file).read_bytes()) if file else ast.Module([], [])
        found[name] = _code(tree)
        waiting |= {other: path for other, path in _imports(tree).items() if other not in found}
    text = json.dumps(found, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _imports(tree: ast.Module) -> dict[str, str]:
    """Modules of this room that a module imports, and their files."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names = {node.module for node in found}
    names |= {f"{node.module}.{part.name}" for node in found for part in node.names}
    room = Path(__file__).parent
    files = {
        name: room.joinpath(*name.removeprefix(f"{_ROOM}.").split(".")).with_suffix(".py")
        for name in names
        if name and name.startswith(f"{_ROOM}.") and name != _SHARED
    }
    return {name: str(file) for name, file in files.items() if file.exists()}


def _code(tree: ast.Module) -> str:
    """The statements of a module, without texts that stand alone (docstrings)."""
    for node in ast.walk(tree):
        body = node.body if isinstance(node, _BLOCKS) else []
        kept = [part for part in body if not _is_text(part)]
        body[:] = kept or [ast.Pass()] if body else []
    return ast.unparse(tree)


_BLOCKS = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _is_text(node: ast.stmt) -> bool:
    constant = node.value if isinstance(node, ast.Expr) else None
    return isinstance(constant, ast.Constant) and isinstance(constant.value, str)


@cache
def commit() -> str:
    """The commit of the library, with ``-dirty`` if its source was changed since; '' if unknown."""
    here = Path(__file__)
    git = lambda *words: subprocess.run(
        ["git", "-C", str(here.parent), *words], capture_output=True, text=True, check=True
    ).stdout.strip()
    try:
        git("ls-files", "--error-unmatch", here.name)  # not a checkout around an installed copy
        changed = git("status", "--porcelain", "--", str(here.parents[1]))
        return git("rev-parse", "--short=12", "HEAD") + ("-dirty" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return ""

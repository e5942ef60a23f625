"""What the shell offers after a tab: names read off the sources, so that nothing heavy is imported."""

import ast
from pathlib import Path

import noneq
from noneq._face import exported


_SOURCE = Path(noneq.__file__).parent


def methods(incomplete: str) -> list[str]:
    """Names of methods: classes that cite a source."""
    rooms = exported(_SOURCE / "methods" / "__init__.py")
    citing = {name for module in set(rooms.values()) for name in _citing(module)}
    return _beginning(incomplete, citing & rooms.keys())


def systems(incomplete: str) -> list[str]:
    """Names of systems and their parts."""
    names = exported(_SOURCE / "systems" / "__init__.py")
    return _beginning(incomplete, {n for n in names if n[0].isupper()})


def studies(incomplete: str) -> list[str]:
    """Names of studies: their folders."""
    folders = {path.parent.name for path in (_SOURCE / "studies").glob("*/study.py")}
    return _beginning(incomplete, folders)


def _beginning(incomplete: str, names: set[str]) -> list[str]:
    """Those that begin so, in any case of letters."""
    concrete = (name for name in names if not name.startswith(("Abstract", "Has")))
    return sorted(name for name in concrete if name.lower().startswith(incomplete.lower()))


def _citing(module: str) -> list[str]:
    """Classes of a module with a class variable ``source``."""
    path = _SOURCE.joinpath(*module.split(".")[1:]).with_suffix(".py")
    return [
        node.name
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
        for line in node.body
        if isinstance(line, ast.AnnAssign)
        and ast.unparse(line.target) == "source"
        and "ClassVar" in ast.unparse(line.annotation)
    ]

"""Rules of the house, read off the source: import order, length, forbidden calls, class rules."""

import ast
import importlib
import inspect
import pkgutil
import re
import warnings
from pathlib import Path

import equinox as eqx
import pytest

import noneq
from noneq.methods import AbstractMethod
from noneq.spec.names import ROOMS, modules, public


SOURCE = Path(noneq.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text()) for path in FILES}
NAMES = {path: str(path.relative_to(SOURCE)) for path in FILES}

CORE = ("_typing", "cache", "errors", "estimate", "domains", "data", "spec", "store")
PHYSICS = ("systems", "nets", "processes", "pde", "simulation", "checkpoints", "training")
RESULTS = ("samplers", "models", "metrics", "thermo", "inference", "methods")
ORDER = (*CORE, *PHYSICS, *RESULTS, "studies", "report", "cli", "__main__")
SIDE_BY_SIDE = {"metrics", "thermo", "inference"}
HEAVY = {
    "ott", "xarray", "sympy", "sklearn", "zarr", "h5py", "h5netcdf", "pyarrow", "torch", "pandas",
    "matplotlib.pyplot", "matplotlib",
}  # fmt: skip
HEADINGS = (
    "Forward process:",
    "Learnt object:",
    "Objective and weight:",
    "Sampling:",
    "Source and deviations:",
)


def imported(node):
    """Full names of the modules an import statement reaches."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def imports(tree):
    return [name for node in ast.walk(tree) for name in imported(node)]


def room_of(path):
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=NAMES.values())
def test_rooms_import_only_leftwards(path):
    room = room_of(path)
    if room == "__init__":
        return
    assert room in ORDER, f"{room} has no place in the order of rooms"
    for name in imports(TREES[path]):
        parts = name.split(".")
        if parts[0] != "noneq" or len(parts) < 2 or parts[1] == room or parts[1] not in ORDER:
            continue
        assert ORDER.index(parts[1]) < ORDER.index(room), f"{room} imports {name}, to its right"
        if room in SIDE_BY_SIDE:
            assert parts[1] not in SIDE_BY_SIDE, f"{room} imports {name} beside it"
            if parts[1] == "models":
                assert parts[2] == "traits" or parts[2].startswith(("Has", "Abstract")), name


def test_recipes_do_not_import_each_other():
    recipes = {cls.__module__ for cls in modules("methods", AbstractMethod).values()}
    # The default of a field ``score`` of others.
    recipes -= {"noneq.methods.denoising.free"}
    for path, tree in TREES.items():
        if path.parent.name != "methods" or path.name == "__init__.py":
            continue
        for name in imports(tree):
            assert name.rpartition(".")[0] not in recipes, f"{path.name} imports {name}"


def eager(tree):
    """Import statements that run when the module is imported."""
    todo = list(tree.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        yield node
        todo += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]


@pytest.mark.parametrize("path", FILES, ids=NAMES.values())
def test_no_heavy_import_before_it_is_needed(path):
    for node in eager(TREES[path]):
        for name in imported(node):
            heads = {name, name.split(".")[0]}
            assert not heads & HEAVY, f"line {node.lineno}: import {name} inside the function"


@pytest.mark.parametrize("path", FILES, ids=NAMES.values())
def test_length(path):
    lines = len(path.read_text().splitlines())
    assert lines <= 500, f"{lines} lines; cut the file in two"
    if lines > 300:
        warnings.warn(f"{NAMES[path]} has {lines} lines (aim: 300)", stacklevel=1)


def faults(tree):
    """Calls and imports that the house does not use."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in {"print", "hasattr", "eval", "exec", "super", "yaml.load"}:
                yield f"line {node.lineno}: {called}()"
            for word in node.keywords:
                if word.arg == "allow_pickle" and ast.unparse(word.value) != "False":
                    yield f"line {node.lineno}: allow_pickle={ast.unparse(word.value)}"
        for name in imported(node):
            if name.split(".")[0] in {"pickle", "cPickle", "dill", "cloudpickle", "joblib"}:
                yield f"line {node.lineno}: import {name}"
            if name == "__future__.annotations":
                yield f"line {node.lineno}: annotations must stay objects"


@pytest.mark.parametrize("path", FILES, ids=NAMES.values())
def test_no_forbidden_call(path):
    # An exception hands its message to the standard library's class; no other class has super().
    mine = path.name == "errors.py"
    assert [f for f in faults(TREES[path]) if not (mine and f.endswith("super()"))] == []


@pytest.mark.parametrize(
    "text",
    [
        "print(1)",
        "np.load(f, allow_pickle=True)",
        "import pickle",
        "from pickle import load",
        "class A(B):\n    def f(self):\n        super().f()",
        "from __future__ import annotations",
        "hasattr(a, 'b')",
    ],
)
def test_the_rules_bite(text):
    assert list(faults(ast.parse(text)))


def library_classes():
    for info in pkgutil.walk_packages(noneq.__path__, "noneq."):
        if info.name.endswith("__main__"):
            continue
        module = importlib.import_module(info.name)
        for cls in vars(module).values():
            if inspect.isclass(cls) and cls.__module__ == info.name:
                yield cls


CLASSES = sorted(set(library_classes()), key=lambda cls: (cls.__module__, cls.__qualname__))


def is_abstract(cls):
    return cls.__name__.lstrip("_").startswith(("Abstract", "Has"))


def overridden(cls):
    """Implemented methods of bases that the class defines again."""
    for name, own in vars(cls).items():
        if not (inspect.isroutine(own) or isinstance(own, property)):
            continue
        if name.startswith("__") and name != "__call__":
            continue
        for base in cls.__mro__[1:]:
            if base.__module__.startswith("noneq") and name in vars(base):
                theirs = vars(base)[name]
                if not getattr(theirs, "__isabstractmethod__", False):
                    yield f"{cls.__name__}.{name} overrides {base.__name__}.{name}"


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_classes_are_abstract_or_final(cls):
    if issubclass(cls, Exception):
        return
    for base in cls.__mro__[1:]:
        if base.__module__.startswith("noneq"):
            assert is_abstract(base), f"{cls.__name__} derives from the final {base.__name__}"
    if inspect.isabstract(cls):
        assert is_abstract(cls), f"{cls.__name__} leaves methods abstract: name it Abstract…"
    assert list(overridden(cls)) == []


def test_the_class_rule_bites():
    class AbstractThing(eqx.Module):
        def f(self):
            return 1

    class Thing(AbstractThing):
        def f(self):
            return 2

    AbstractThing.__module__ = Thing.__module__ = "noneq.test"
    assert list(overridden(Thing))


PUBLIC = sorted(
    {(room, name) for room in ROOMS for name in public(room)}
    | {("models", name) for name in public("models")}
)


@pytest.mark.parametrize(("room", "name"), PUBLIC, ids=[".".join(pair) for pair in PUBLIC])
def test_public_things_are_documented(room, name):
    thing = public(room)[name]
    own = vars(thing).get("__doc__") if inspect.isclass(thing) else thing.__doc__
    text = inspect.cleandoc(own or "")
    assert len(text.split()) >= 3
    assert not text.startswith(f"{name}("), "a dataclass's made-up docstring"


METHODS = modules("methods", AbstractMethod)


@pytest.mark.parametrize("name", METHODS)
def test_methods_say_what_they_are_and_whom_to_cite(name):
    cls = METHODS[name]
    places = [cls.__doc__.find(heading) for heading in HEADINGS]
    assert -1 not in places, f"missing: {HEADINGS[places.index(-1)]}"
    assert places == sorted(places)
    keys = re.findall(r"@\w+\{([^,]+),", (SOURCE / "report" / "references.bib").read_text())
    assert cls.source in keys

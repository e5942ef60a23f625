"""Rules of the house, read off the source: import order, length, forbidden calls, class rules."""

import ast
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import equinox as eqx
import pytest

import noneq
from noneq.methods import AbstractMethod
from noneq.needs import needs_of
from noneq.spec.names import modules, public


SOURCE = Path(noneq.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text()) for path in FILES}
NAMES = {path: str(path.relative_to(SOURCE)) for path in FILES}

FOUNDATION = (
    "_typing", "_face", "errors", "annotations", "kinds", "devices", "unpacking", "plain_text", "display",
    "progress", "estimate", "needs", "traced", "domains", "constant", "cache", "calculus", "callbacks",
)  # fmt: skip
LEARNT = ("data", "spec", "traits", "nets", "frames", "processes", "symbolic")
WORLD = ("systems", "pde", "simulation", "samplers")
WORK = ("learning", "training", "store", "statistics")
RESULTS = ("metrics", "thermo", "inference", "control", "methods", "models")
ORDER = (
    *FOUNDATION, *LEARNT, *WORLD, *WORK, *RESULTS, "runs", "report", "plot", "sklearn", "studies",
    "cli", "__main__",
)  # fmt: skip
SIDE_BY_SIDE = {"metrics", "thermo", "inference", "control"}
TRAITS_ONLY = {*SIDE_BY_SIDE, "report"}
"""Rooms that know what a model can do, never which model it is."""
BORROWS = {
    "invariant_flows": {"denoising"},
    "latent_cycles": {"units"},
    "memories": {"units"},
}
"""Families that may use the parts of others, never their recipes; no circle."""
IMPORTERS = {"spec/names.py", "_face.py", "__init__.py"}
"""Files that import modules by name: specs, and the lazy faces."""
HEAVY = {
    "ott", "xarray", "sympy", "sklearn", "zarr", "h5py", "h5netcdf", "pyarrow", "torch", "pandas",
    "matplotlib.pyplot", "matplotlib", "anndata", "chemfiles",
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


def arrows(trees):
    """(file, room, full name of what it imports from noneq) of every import."""
    for path, tree in trees.items():
        for name in imports(tree):
            parts = name.split(".")
            if parts[0] == "noneq" and len(parts) > 1:
                yield path, room_of(path), name


def wrong_ways(trees):
    """Imports to the right, beside, or of models where only traits may be known."""
    for path, room, name in arrows(trees):
        target = name.split(".")[1]
        if room == "__init__" or target == room or target not in ORDER:
            continue
        assert room in ORDER, f"{room} has no place in the order of rooms"
        if ORDER.index(target) > ORDER.index(room):
            yield f"{path.name}: {room} imports {name}, to its right"
        if room in SIDE_BY_SIDE and target in SIDE_BY_SIDE:
            yield f"{path.name}: {room} imports {name} beside it"
        if room in TRAITS_ONLY and target in ("methods", "models"):
            yield f"{path.name}: {room} knows traits only, not {name}"


def test_rooms_import_only_leftwards():
    assert list(wrong_ways(TREES)) == []


def family_of(module):
    """The family of a module below noneq.methods, or None."""
    parts = module.split(".")
    return parts[2] if parts[:2] == ["noneq", "methods"] and len(parts) > 3 else None


def loans(trees):
    """(family, family it imports from, full name) where they differ."""
    for path, room, name in arrows(trees):
        parts = path.relative_to(SOURCE).parts
        if room == "methods" and len(parts) > 2 and family_of(name) not in (None, parts[1]):
            yield parts[1], family_of(name), name


def test_families_borrow_what_the_table_allows():
    for family, lender, name in loans(TREES):
        assert lender in BORROWS.get(family, ()), f"{family} imports {name}"
    done = set()
    while len(done) < len(BORROWS):
        free = {f for f, lenders in BORROWS.items() if not lenders & (BORROWS.keys() - done)} - done
        assert free, "families borrow in a circle"
        done |= free


def of_recipes(trees, recipes):
    """Imports of one recipe by the file of another."""
    files = {cls.__module__ for cls in recipes.values()}
    for path, _, name in arrows(trees):
        own = ".".join(("noneq", *path.relative_to(SOURCE).with_suffix("").parts))
        module, _, thing = name.rpartition(".")
        if own in files and module != own and thing in recipes:
            yield f"{path.name} imports {name}"


def test_recipes_do_not_import_each_other():
    recipes = modules("methods", AbstractMethod)
    # The default score of flows that are given none.
    allowed = {"ScoreMatching"}
    assert list(of_recipes(TREES, {k: v for k, v in recipes.items() if k not in allowed})) == []


def module_of(path):
    parts = ("noneq", *path.relative_to(SOURCE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def circle(trees):
    """Modules that import each other in a circle, also inside functions; empty if none do."""
    own = {module_of(path): path for path in trees}
    left = {}
    for module, path in own.items():
        found = {n if n in own else n.rpartition(".")[0] for n in imports(trees[path])}
        left[module] = found & own.keys() - {module}
    while free := {module for module, needs in left.items() if not needs & left.keys()}:
        left = {module: needs for module, needs in left.items() if module not in free}
    return left


def test_no_import_circle_inside_or_between_rooms():
    assert circle(TREES) == {}


def test_modules_are_imported_by_name_in_one_place():
    users = {NAMES[path] for path, tree in TREES.items() if "import_module(" in ast.unparse(tree)}
    assert users <= IMPORTERS


def dummy(place, text):
    return {SOURCE / place: ast.parse(text)}


def test_the_rules_of_rooms_bite():
    assert list(wrong_ways(dummy("data/a.py", "from noneq.nets import MLP")))
    assert list(wrong_ways(dummy("metrics/a.py", "from noneq.thermo import work")))
    assert list(wrong_ways(dummy("report/a.py", "from noneq.models import DenoisingModel")))
    assert not list(wrong_ways(dummy("report/a.py", "from noneq.traits import HasScore")))
    assert list(loans(dummy("methods/units/a.py", "from noneq.methods.flows.ffjord import A")))
    recipes = modules("methods", AbstractMethod)
    stolen = "from noneq.methods.flows.ffjord import FFJORD"
    assert list(of_recipes(dummy("methods/flows/flow_pp.py", stolen), recipes))
    late = "def f():\n    from noneq.data.a import A"
    pair = dummy("data/a.py", "import noneq.data.b") | dummy("data/b.py", late)
    assert set(circle(pair)) == {"noneq.data.a", "noneq.data.b"}


def undeclared(functions):
    """Names of functions that do not say what they need."""
    return [name for name, function in functions.items() if needs_of(function) is None]


def functions_of(room):
    return {name: f for name, f in public(room).items() if inspect.isfunction(f)}


def test_metrics_and_observables_say_what_they_need():
    for room in ("metrics", "thermo", "inference"):
        assert len(functions_of(room)) > 5
        assert undeclared(functions_of(room)) == [], room
    assert undeclared({"secret": lambda paths: 0.0}) == ["secret"]


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


def test_no_heavy_import_before_it_is_needed():
    for path, tree in TREES.items():
        for node in eager(tree):
            for name in imported(node):
                heads = {name, name.split(".")[0]}
                assert not heads & HEAVY, f"{NAMES[path]}:{node.lineno} imports {name} too early"


LONG = {"studies/prinz/cells.py", "studies/prinz/pictures.py", "traits.py"}
"""Files over 300 lines, each with a reason: the cells and the pictures of one study,
and the list of all traits."""


def test_length():
    lines = {NAMES[path]: len(path.read_text().splitlines()) for path in FILES}
    assert {name for name, count in lines.items() if count > 300} <= LONG
    assert max(lines.values()) <= 500


def test_folders_are_short():
    """At most 18 files, but for lists of equals."""
    equals = ("cli", "data/formats", "systems", "studies")
    for folder in {path.parent for path in FILES}:
        name = folder.relative_to(SOURCE).as_posix()
        if name != "." and not name.startswith(equals):
            count = len([path for path in folder.glob("*.py") if path.name != "__init__.py"])
            assert count <= 18, f"{name} holds {count} files"


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


def test_no_forbidden_call():
    # An exception hands its message to the standard library's class; no other class has super().
    for path, tree in TREES.items():
        mine = path.name == "errors.py"
        found = [f for f in faults(tree) if not (mine and f.endswith("super()"))]
        assert found == [], NAMES[path]


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


def test_classes_are_abstract_or_final():
    for cls in CLASSES:
        if issubclass(cls, Exception):
            continue
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


METHODS = modules("methods", AbstractMethod)


def test_methods_say_what_they_are_and_whom_to_cite():
    text = (SOURCE / "report" / "references.bib").read_text()
    keys = re.findall(r"@\w+\{([^,]+),", text)
    for entry in re.split(r"(?m)^(?=@)", text):
        assert entry.count("{") == entry.count("}"), f"an open brace: {entry[:60]}"
    for name, cls in METHODS.items():
        places = [cls.__doc__.find(heading) for heading in HEADINGS]
        assert -1 not in places, f"{name} misses: {HEADINGS[places.index(-1)]}"
        assert places == sorted(places), name
        assert cls.source in keys, name

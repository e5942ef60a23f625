"""`import noneq` is light: no JAX, a fraction of a second."""

import subprocess
import sys
import time

import pytest

import noneq


LIMIT = 0.6
"""Seconds. An idle machine takes under 0.3; a loaded one is given twice that."""


def run(code: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )


def seconds(code: str) -> float:
    start = time.perf_counter()
    run(code)
    return time.perf_counter() - start


def test_import_loads_nothing_heavy():
    loaded = run("import sys, noneq; print(*sys.modules)").stdout.split()
    assert "noneq" in loaded
    assert not {"jax", "numpy", "equinox", "matplotlib", "xarray"} & set(loaded)


def test_import_is_fast(record_property):
    bare = min(seconds("pass") for _ in range(3))
    best = min(seconds("import noneq") for _ in range(3))
    record_property("import_seconds", best - bare)
    assert best - bare < LIMIT


def test_every_public_name_resolves():
    for name in dir(noneq):
        assert getattr(noneq, name) is not None


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'simulat'"):
        _ = noneq.simulat


def test_a_renamed_thing_warns_and_is_the_new_one(monkeypatch):
    monkeypatch.setitem(noneq._RENAMED, "Settings", "Training")
    with pytest.warns(DeprecationWarning, match=r"noneq\.Settings is now noneq\.Training"):
        assert noneq.Settings is noneq.Training


def test_no_module_computes_at_import():
    """A JAX backend has threads, so that a later fork dead-locks; and it costs seconds."""
    code = """
import importlib, pkgutil
import noneq
for module in pkgutil.walk_packages(noneq.__path__, "noneq."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
for room in noneq._ROOMS:
    for name in dir(getattr(noneq, room)):
        getattr(getattr(noneq, room), name)
from jax._src import xla_bridge
print(len(xla_bridge._backends))
"""
    assert run(code).stdout == "0\n"

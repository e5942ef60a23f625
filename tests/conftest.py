"""Shared fixtures: order-independent seeds, and how quickly programs are compiled."""

import gc
import os
from collections import Counter
from pathlib import Path
from zlib import crc32


os.environ.setdefault("MPLBACKEND", "agg")
# One thread each: those of both workers would wait for each other's cores.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import jax
import numpy as np
import pytest

import programs


_MAPS = Path("/proc/self/maps")
_MOST_MAPS = 25_000
"""Linux gives a process 65,530 memory maps; compiled programs take some each, and more crashes."""


def pytest_addoption(parser, pluginmanager):
    parser.addoption("--seed", type=int, default=0, help="base seed of every test")
    pluginmanager.register(programs, "programs")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Of a sweep over cases the gate keeps the first few; the others are slow."""
    seen = Counter()
    for item in items:
        if sweep := item.get_closest_marker("sweep"):
            name = item.nodeid.split("[")[0]
            seen[name] += 1
            if seen[name] > sweep.args[0]:
                item.add_marker("slow")


def pytest_collection_finish():
    """Modules and tests stay: the garbage collector need not walk them again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Most programs of a test run for less time than their optimisation takes."""
    name, plain = "jax_disable_most_optimizations", item.get_closest_marker("optimised") is None
    if jax.config.values[name] and not plain:
        # JAX would take programs of earlier tests, whose compilation was another.
        jax.clear_caches()
    jax.config.update(name, plain)


@pytest.fixture(scope="module", autouse=True)
def forget_compiled_programs():
    """Drop compiled programs between modules before a process has too many."""
    yield
    if _MAPS.exists() and _MAPS.read_bytes().count(b"\n") > _MOST_MAPS:
        jax.clear_caches()


@pytest.fixture
def key(request):
    """A typed key that depends on the test's name and --seed, not on the order of tests."""
    seed = request.config.getoption("--seed")
    return jax.random.fold_in(jax.random.key(seed), crc32(request.node.nodeid.encode()))


@pytest.fixture
def rng(request):
    """A NumPy generator that depends on the test's name and --seed."""
    seed = request.config.getoption("--seed")
    return np.random.default_rng([seed, crc32(request.node.nodeid.encode())])

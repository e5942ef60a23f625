"""Shared fixtures: order-independent seeds and a persistent compilation cache."""

import os
from pathlib import Path
from zlib import crc32


os.environ.setdefault("MPLBACKEND", "agg")

import jax
import jaxlib
import numpy as np
import pytest


# One cache for each worker: JAX does not write its entries atomically, and reading half of one
# crashes the process.
_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
_CACHE = Path(__file__).parents[1] / ".cache" / f"jax-{jaxlib.__version__}" / _WORKER
jax.config.update("jax_compilation_cache_dir", str(_CACHE))
# Programs that tests start use it too, not the user's own.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_CACHE))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


_MAPS = Path("/proc/self/maps")
_MOST_MAPS = 25_000
"""Linux gives a process 65,530 memory maps; compiled programs take some each, and more crashes."""


_CONTRACTS = ("cli", "laws", "nets", "report", "store")
"""Rooms that test contracts, not numbers: many small programs, compiled without optimisation."""


@pytest.fixture(scope="module", autouse=True)
def compile_quickly(request):
    """Programs of `_CONTRACTS` are compiled far more often than they run."""
    name = "jax_disable_most_optimizations"
    before = jax.config.values[name]
    jax.config.update(name, before or request.path.parent.name in _CONTRACTS)
    yield
    jax.config.update(name, before)


@pytest.fixture(scope="module", autouse=True)
def forget_compiled_programs():
    """Drop compiled programs between modules before a process has too many."""
    yield
    if _MAPS.exists() and _MAPS.read_bytes().count(b"\n") > _MOST_MAPS:
        jax.clear_caches()


def pytest_addoption(parser):
    parser.addoption("--seed", type=int, default=0, help="base seed of every test")


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

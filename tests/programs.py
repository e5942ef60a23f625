"""Compiled programs of a test run: one folder for all workers, a count, and a budget for the gate.

The folder saves the second worker what the first has compiled, and the next run everything. JAX's
own bound on a folder reads the whole folder at every write; here a program is instead written
beside its place and moved there, so that nobody reads half of it.

Programs that are not to be optimised are made by XLA's former code generator, on one thread: half
the time for the many small ones. Those of tests marked as `optimised` are made as users' are.
"""

import os
import tomllib
from collections import defaultdict
from pathlib import Path

import jax
import jaxlib
from jax._src import compiler
from jax._src.lru_cache import LRUCache


HERE = Path(__file__).parent
FOLDER = HERE.parent / ".cache" / f"jax-{jaxlib.__version__}"
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
PLAIN = {"xla_cpu_use_fusion_emitters": False, "xla_cpu_parallel_codegen_split_count": 1}
ROOM = 1.05
"""A run may have five per cent more programs than the kept number."""

asked: defaultdict[str, set[str]] = defaultdict(set)
"""Names of the distinct programs that each test module asked for, first come."""
module = "collection"


def pytest_configure(config):
    jax.config.update("jax_compilation_cache_dir", str(FOLDER / "shared"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    # Otherwise the folder's path is part of a program's name.
    jax.config.update("jax_persistent_cache_enable_xla_caches", "none")
    # Programs that tests start write in JAX's way: each worker has a folder for them.
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(FOLDER / f"started-{WORKER}"))
    read = LRUCache.get

    def get(self, key):
        if not any(key in names for names in asked.values()):
            asked[module].add(key)
        return read(self, key)

    def put(self, key, value):
        place = self.path / f"{key}-cache"
        part = place.with_suffix(f".{os.getpid()}")
        part.write_bytes(value)
        part.replace(place)

    LRUCache.get, LRUCache.put = get, put
    options = compiler.get_compile_options

    def plain_or_not(*args, **kwargs):
        found = options(*args, **kwargs)
        if jax.config.values["jax_disable_most_optimizations"]:
            found.env_option_overrides = [*found.env_option_overrides, *PLAIN.items()]
        return found

    compiler.get_compile_options = plain_or_not


def pytest_runtest_logstart(nodeid):
    global module
    module = nodeid.split("::")[0]


def pytest_addoption(parser):
    parser.addoption(
        "--budget",
        help="fail when the run asks for more compiled programs than tests/budget.toml keeps "
        "under this name",
    )


def merge(found):
    for name, keys in found.items():
        known = set().union(*asked.values())
        asked[name] |= set(keys) - known


def pytest_testnodedown(node):
    merge(getattr(node, "workeroutput", {}).get("programs", {}))


def pytest_sessionfinish(session):
    config = session.config
    if output := getattr(config, "workeroutput", None):
        output["programs"] = {name: sorted(keys) for name, keys in asked.items()}
        return
    name = config.getoption("--budget")
    if name and count() > ROOM * kept(name) and session.exitstatus == 0:
        session.exitstatus = 1


def pytest_terminal_summary(terminalreporter, config):
    name = config.getoption("--budget")
    terminalreporter.write_line(f"{count()} compiled programs")
    if not name or count() <= ROOM * kept(name):
        return
    terminalreporter.write_line(
        f"The budget is {kept(name)} and five per cent (tests/budget.toml). Share shapes between "
        "tests, make settings traced, or mark tests as slow. Most programs come from:",
        red=True,
    )
    for path, keys in sorted(asked.items(), key=lambda item: -len(item[1]))[:10]:
        terminalreporter.write_line(f"  {len(keys):5d} {path}")


def count():
    return sum(len(keys) for keys in asked.values())


def kept(name):
    return tomllib.loads((HERE / "budget.toml").read_text())[name]

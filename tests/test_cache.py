"""Compiled programs on disk: used again, the user's own, bounded, and never an error."""

import os
import stat
import subprocess
import sys

import jax
import pytest

from noneq import cache
from noneq.cli import main


COUNT = """
import jax, jax.numpy as jnp, noneq as nq
seen = []
jax.monitoring.register_event_listener(lambda event, **_: seen.append(event.split("/")[-1]))
assert jax.config.jax_compilation_cache_dir is None
folder = nq.enable_cache()
assert str(folder) == jax.config.jax_compilation_cache_dir
jax.jit(lambda x: jnp.tanh(x @ x).sum())(jnp.ones((8, 8)))
print(seen.count("cache_hits"), seen.count("cache_misses"), folder, end="")
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A cache folder of the user's, and no setting of JAX."""
    free = {name: value for name, value in os.environ.items() if "COMPILATION_CACHE" not in name}
    monkeypatch.setattr(os, "environ", free | {"XDG_CACHE_HOME": str(tmp_path / "home")})
    return tmp_path / "home"


@pytest.fixture
def no_folder():
    """JAX without a cache folder."""
    before = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", None)
    yield
    jax.config.update("jax_compilation_cache_dir", before)


def test_a_second_process_compiles_nothing(home):
    # A number of the user's own stays: here even the smallest program is kept.
    environment = os.environ | {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    counts = []
    for _ in range(2):
        command = [sys.executable, "-c", COUNT]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=120, check=True
        )
        assert done.stderr == ""
        hits, misses, folder = done.stdout.split(" ", 2)
        assert folder.startswith(str(home / "noneq"))
        counts.append((int(hits), int(misses)))
    (before, compiled), (hits, misses) = counts
    assert before < compiled
    assert (hits, misses) == (before + compiled, 0)


def test_the_command_line_keeps_programs_in_a_private_bounded_folder(home, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["noneq", "--version"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    folder = os.environ["JAX_COMPILATION_CACHE_DIR"]
    assert folder.startswith(str(home / "noneq"))
    assert int(os.environ["JAX_COMPILATION_CACHE_MAX_SIZE"]) == 64_000_000
    if os.name == "posix":
        for path in (home / "noneq", folder):
            assert stat.S_IMODE(os.stat(path).st_mode) == 0o700


@pytest.mark.parametrize("name", ["JAX_COMPILATION_CACHE_DIR", "JAX_ENABLE_COMPILATION_CACHE"])
def test_variables_of_the_user_win(home, name):
    os.environ[name] = "0"
    assert cache.environment() == {}
    assert not home.exists()


def test_settings_of_the_user_win(home, no_folder):
    jax.config.update("jax_compilation_cache_dir", "mine")
    before = dict(jax.config.values)
    assert str(cache.enable_cache()) == "mine"
    jax.config.update("jax_enable_compilation_cache", False)
    assert cache.enable_cache() is None
    jax.config.update("jax_enable_compilation_cache", True)
    assert dict(jax.config.values) == before
    assert not home.exists()


def test_a_folder_that_cannot_be_written_is_no_error(home, no_folder):
    home.write_text("a file")
    assert cache.environment() == {}
    with pytest.warns(UserWarning, match="compiled programs are not kept"):
        assert cache.enable_cache() is None
    assert jax.config.jax_compilation_cache_dir is None


def test_half_written_and_forgotten_programs_go(home):
    folder = home / "noneq" / "jaxlib-0.1-old"
    folder.mkdir(parents=True)
    os.utime(folder, (0, 0))
    recent = home / "noneq" / "jaxlib-0.2-recent"
    recent.mkdir()
    path = cache.environment()["JAX_COMPILATION_CACHE_DIR"]
    assert not folder.exists()
    assert recent.exists()
    for name in ("a-cache", "b-cache", "b-atime"):
        (home / "noneq" / path / name).write_bytes(b"12345678")
    cache.environment()
    assert {"b-cache", "b-atime"} <= set(os.listdir(path))
    assert "a-cache" not in os.listdir(path)

"""Samples do not depend on the number of devices that compute them."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest


RUNS = Path(__file__).parents[1] / "store" / "runs"
DRAW = """
import sys, jax, numpy as np, noneq as nq
assert jax.device_count() == int(sys.argv[1])
found = {}
for name in sys.argv[3:]:
    # 101 samples divide by no number of devices.
    found[name] = nq.runs.sample(f"{sys.argv[2]}/{name}", 101, seed=3).values
np.savez(f"{sys.argv[1]}.npz", **found)
"""
NAMES = ("edm", "transition", "score_adaptive")
"""Fixed steps, whole paths, steps that follow the error."""


@pytest.mark.multi
def test_samples_are_those_of_one_device(tmp_path):
    drawn = []
    for count in (1, 2, 4):
        flags = f"--xla_force_host_platform_device_count={count}"
        own = {"XLA_FLAGS": flags, "NPROC": "8", "JAX_PLATFORMS": "cpu"}
        done = subprocess.run(
            [sys.executable, "-c", DRAW, str(count), str(RUNS), *NAMES],
            cwd=tmp_path, env=os.environ | own, capture_output=True, text=True, timeout=280,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        drawn.append(np.load(tmp_path / f"{count}.npz"))
    one, *others = drawn
    for name in NAMES:
        assert one[name].std() > 0.1
        for other in others:
            np.testing.assert_allclose(other[name], one[name], rtol=1e-5, atol=1e-5)


SHARE = """
import jax, jax.numpy as jnp
from noneq.devices import by_all

def draw(key):
    x = jax.random.normal(key, (102, 7))
    x = jax.lax.fori_loop(0, 5, lambda i, x: jnp.tanh(x), x)
    return by_all(x)

program = jax.jit(draw).lower(jax.random.key(0)).compile().as_text()
body = [line for line in program.splitlines() if "tanh" in line]
shapes = ("f32[51,7]", "f32[102,7]")
print(jax.device_count(), *(sum(shape in line for line in body) for shape in shapes))
"""


@pytest.mark.multi
def test_each_device_computes_its_share_alone():
    """The work before the end is done on half of the members by each of two devices."""
    own = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "NPROC": "8"}
    done = subprocess.run(
        [sys.executable, "-c", SHARE], env=os.environ | own | {"JAX_PLATFORMS": "cpu"},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    count, shares, wholes = map(int, done.stdout.split())
    assert count == 2
    assert shares > 0
    assert wholes == 0

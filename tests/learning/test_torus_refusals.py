"""Methods that take angles for numbers on a line refuse a torus, by name."""

import jax
import numpy as np
import pytest

import noneq as nq
from noneq.domains import Free, Product, Torus
from noneq.errors import InvalidInput
from noneq.learning.method import AbstractMethod
from noneq.spec.names import modules


METHODS = modules("methods", AbstractMethod)
RIGHT = {
    "DriftRegression",
    "EDM",
    "FlowMatching",
    "PairDrift",
    "ScoreMatching",
    "SkewFlow",
    "SparseDrift",
    "Transition",
}
"""`SkewFlow` has constant operators; the one that sees states refuses by itself."""
ANGLES = np.random.default_rng(0).uniform(0, 1, (24, 2)).astype(np.float32)


def started(*_):
    raise AssertionError("training began")


def test_who_takes_a_torus():
    assert {name for name, cls in METHODS.items() if cls.takes_torus} == RIGHT


PATHS = {"GeneralisedLangevin", "NeuralDrift", "OnsagerDynamics"}
"""Learn from paths alone; their own words say what they ask for."""


@pytest.mark.parametrize("name", sorted(PATHS))
def test_methods_of_paths_refuse_a_torus(name):
    paths = nq.Trajectories(
        np.tile(ANGLES[None, :, :1], (4, 1, 1)), np.arange(24.0), domain=Torus(1.0)
    )
    with pytest.raises(InvalidInput, match=f"{name}: .*(period|torus)"):
        METHODS[name]().fit(paths, key=jax.random.key(0), progress=started)


@pytest.mark.parametrize("name", sorted(METHODS.keys() - RIGHT - PATHS))
def test_the_others_refuse_by_name(name):
    for domain in (Torus(1.0), Product((Torus(1.0), Free()), (1, 1))):
        data = nq.Snapshots(ANGLES, domain=domain)
        with pytest.raises(InvalidInput, match=f"^{name}: .*periodic.* Transition") as caught:
            METHODS[name]().fit(data, key=jax.random.key(0), progress=started)
        assert "\n" not in str(caught.value)

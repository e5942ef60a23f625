"""Fits give the loss histories that they gave before settings were traced."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest
from examples import bits, paths, tiny

from noneq import methods


REFERENCE = json.loads(Path(__file__).with_name("reference_losses.json").read_text())
OPTIMISED = "jax_disable_most_optimizations"


@pytest.fixture(autouse=True, scope="module")
def optimised(compile_quickly):
    """As the histories were made; rounding differs without."""
    before = jax.config.values[OPTIMISED]
    # Programs of earlier modules would be taken, whose compilation was another.
    jax.clear_caches()
    jax.config.update(OPTIMISED, False)
    yield
    jax.config.update(OPTIMISED, before)


@pytest.mark.parametrize("name", REFERENCE)
def test_losses_are_those_of_before(name):
    data = bits() if name == "RBM" else paths()
    fit = tiny(getattr(methods, name), training__steps=40).fit(data, key=jax.random.key(3))
    np.testing.assert_allclose(fit.history["loss"], REFERENCE[name], rtol=1e-6)

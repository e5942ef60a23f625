"""Fits give the loss histories that they gave before settings were traced."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest
from examples import bits, paths, tiny

from noneq import methods


REFERENCE = json.loads(Path(__file__).with_name("reference_losses.json").read_text())
pytestmark = pytest.mark.optimised  # as the histories were made; rounding differs without


# Of these the gate keeps the cheapest one on real states and the one on bits.
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (name in ("FFJORD", "StreamFlow")))
        for name in REFERENCE
    ],
)
def test_losses_are_those_of_before(name):
    data = bits() if name == "RBM" else paths()
    fit = tiny(getattr(methods, name), training__steps=40).fit(data, key=jax.random.key(3))
    np.testing.assert_allclose(fit.history["loss"], REFERENCE[name], rtol=1e-6)

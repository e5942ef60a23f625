"""Numbers that NumPy would refuse in its own words are named by the function that was given them."""

import numpy as np
import pytest

import noneq as nq
from driven_laws import Trapped
from noneq import inference
from noneq.errors import InvalidInput


def test_what_was_given_is_named(rng):
    states = rng.normal(size=(40, 2))
    paths = nq.Trajectories(rng.normal(size=(4, 60, 1)), np.arange(60.0))
    for wrong in ({"seed": -1}, {"blocks": 0}, {"bootstrap": -1}):
        with pytest.raises(
            InvalidInput, match=f"{next(iter(wrong))} = {next(iter(wrong.values()))}"
        ):
            inference.causal_graph(paths, **wrong)
    with pytest.raises(InvalidInput, match="seed = -1"):
        inference.cluster_regions(states, 2, seed=-1)
    with pytest.raises(InvalidInput, match=r"states of shape \(40,\)"):
        inference.nearest_regions(states[:, 0], list("ab" * 20))
    with pytest.raises(InvalidInput, match="degree = 0"):
        inference.helmholtz_split(lambda x: -x, states, degree=0)
    with pytest.raises(InvalidInput, match="localisation = "):
        inference.residual_checks(Trapped.of(0.0), paths, localisation=np.full(3, 0.1))

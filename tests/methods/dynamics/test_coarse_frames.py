"""Frames too far apart to see a motion are said to be so."""

import warnings

import jax
import numpy as np
import pytest

import noneq as nq
from noneq.methods import DriftRegression, Polynomials
from noneq.systems import Linear


@pytest.mark.parametrize(("dt", "told"), [(0.02, False), (1.5, True)])
def test_a_relaxation_between_frames_is_warned_of(dt, told):
    """A trap of rate 2: e^{−3} is left after 1.5, and no fit of the frames sees more than 1/1.5."""
    trap = Linear(A=((2.0,),), D=((1.0,),))
    data = nq.simulate(trap, np.arange(0, 60 * dt, dt), n=20, key=jax.random.key(0))
    method = DriftRegression(library=Polynomials(1))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit = method.fit(data, key=jax.random.key(0), progress=False)
    assert any("record at intervals below" in str(w.message) for w in caught) == told
    assert ("warnings" in fit.meta) == told

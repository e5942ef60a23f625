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


def test_the_diffusivity_is_freed_of_the_relaxation_between_frames():
    """Residuals of a trap of rate 2 over dt = 0.1 know only (1 − e^{−4 dt})/(4 dt) = 82 % of 2D."""
    trap = Linear(A=((2.0, 1.0), (-1.0, 2.0)), D=((1.0, 0.0), (0.0, 0.5)))
    data = nq.simulate(trap, np.arange(0, 10, 0.1), n=400, key=jax.random.key(1))
    fit = DriftRegression(library=Polynomials(1)).fit(data, key=jax.random.key(0), progress=False)
    np.testing.assert_allclose(np.diag(fit.model.diffusivity), [1.0, 0.5], rtol=0.05)

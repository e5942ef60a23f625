"""Friction kernels from positions: the likelihood, the parameters, and the paths that come of them."""

import dataclasses

import jax
import numpy as np
import pytest
from scipy.linalg import expm
from scipy.stats import multivariate_normal

import noneq as nq
from noneq.errors import InvalidInput, WrongType
from noneq.methods import GeneralisedLangevin
from noneq.methods.dynamics.memory.likelihood import log_likelihood, positions
from noneq.models import MemoryModel
from noneq.report.paths.kernels import kernel_pictures
from noneq.systems import MemoryLangevin as Truth, PronyLangevin
from noneq.thermo.exact import memory_correlation


KEY = jax.random.key(5)
TIMES = np.arange(0, 100, 0.1)
TWO = PronyLangevin(friction=0.1, strengths=(1, 2), times=(0.5, 1), frequencies=(0, 2))


@pytest.fixture(scope="module")
def fit():
    data = nq.simulate(Truth(), TIMES, n=4, key=KEY).select(1)
    return GeneralisedLangevin(modes=1, oscillations=False).fit(data, key=KEY)


def test_one_term_is_the_system_with_one_memory_time():
    for ours, theirs in zip(PronyLangevin().matrices(), Truth().matrices(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_bath_and_friction_obey_the_fluctuation_dissipation_theorem():
    """The bath by itself (v held at 0) has the correlation kT K, an impulse of v the response −K."""
    A, _ = TWO.matrices()
    P = TWO.stationary_covariance()
    np.testing.assert_allclose(P, np.diag([1, 1, 1, 2, 2]), atol=1e-12)
    for t in (0.0, 0.3, 1.0, 3.0):
        step = expm(-A[2:, 2:] * t)
        force = np.asarray([1.0, 1.0, 0.0])
        assert force @ step @ P[2:, 2:] @ force == pytest.approx(TWO.kernel(t)[0])
        assert force @ step @ A[2:, 1] == pytest.approx(TWO.kernel(t)[0])


@pytest.mark.parametrize("share", [1.0, 0.7])
@pytest.mark.parametrize("even", [True, False])
def test_the_filter_is_the_gaussian_of_all_positions(share, even, rng):
    steps = np.full(29, 0.2) if even else np.tile([0.1, 0.3, 0.2], 10)[:29]
    times = np.concatenate([[0.0], np.cumsum(steps)])
    A, P = TWO.matrices()[0], TWO.stationary_covariance()
    whole = np.asarray([[(expm(-A * abs(s - t)) @ P)[0, 0] for t in times] for s in times])
    whole += 0.05**2 * np.eye(30)
    y = rng.multivariate_normal(np.zeros(30), whole, size=3)
    seen = rng.random(y.shape) < share
    direct = sum(
        multivariate_normal(np.zeros(m.sum()), whole[np.ix_(m, m)]).logpdf(x[m])
        for x, m in zip(y, seen, strict=True)
    )
    found = log_likelihood(TWO, positions(y, seen, times), 0.05)
    assert found == pytest.approx(direct, rel=1e-9)


def test_parameters_and_kernel_agree_with_the_truth(fit):
    """w0 = 1, γ = 1, τ = 0.5 within 4 standard errors; errors of a few per cent."""
    found = fit.model.parameters()
    for name, truth in {"frequency": 1.0, "temperature": 1.0, "time_0": 0.5}.items():
        assert abs(found[name].z(truth)) < 4
        assert found[name].stderr < 0.15 * truth
    times = np.asarray([0.0, 0.1, 0.5, 1.0])
    kernel = fit.model.kernel(times)
    assert np.abs(kernel.z(2 * np.exp(-2 * times))).max() < 4
    assert kernel.stderr[0] < 0.4


def test_memory_is_preferred_to_friction_that_forgets(fit):
    assert len(fit.model.system.strengths) == 1
    assert fit.history["bic"][1] < fit.history["bic"][0] - 100


def test_velocities_of_the_fitted_motion_correlate_as_they_should(fit):
    lags = np.asarray([0.5, 1.0, 2.0, 4.0])
    found = fit.model.system
    decay = [expm(-found.matrices()[0] * t) @ found.stationary_covariance() for t in lags]
    error = [
        abs(c[1, 1] - v) for c, v in zip(decay, memory_correlation(lags)[:, 1, 1], strict=True)
    ]
    assert max(error) < 0.12
    paths = fit.model.sample_paths(400, times=np.arange(0, 2, 0.5), key=KEY).values[:, :, 0]
    spread = paths.var()
    assert spread == pytest.approx(found.stationary_covariance()[0, 0], rel=0.15)
    held = fit.model.sample_paths(4, times=[0.0, 1.0], start=np.ones((4, 1)), key=KEY)
    np.testing.assert_allclose(held.values[:, 0], 1.0, atol=1e-6)


def test_the_law_the_kernel_and_the_number_of_terms_are_said(fit):
    law, kernel, _, terms = fit.meta["equations"]
    assert "∫ K(t − s) v(s) ds" in law
    assert kernel.startswith("K(t) = (")
    assert "±" in kernel
    assert "terms of K: 1 by BIC" in terms


def test_the_page_shows_the_kernel(fit):
    (picture,) = kernel_pictures(fit)
    assert picture.title == "Memory kernel."
    assert b"svg" in picture.data
    forgets = MemoryModel(fit.summary, 0)
    assert kernel_pictures(dataclasses.replace(fit, model=forgets)) == []


def test_a_saved_fit_is_the_same_fit(fit, tmp_path):
    nq.save(fit, tmp_path / "run")
    back = nq.load(tmp_path / "run").model
    np.testing.assert_array_equal(back.kernel([0.5]).value, fit.model.kernel([0.5]).value)
    np.testing.assert_array_equal(back.sample(4, key=KEY), fit.model.sample(4, key=KEY))


def test_what_cannot_be_fitted_is_refused(rng):
    method = GeneralisedLangevin()
    with pytest.raises(WrongType, match="Trajectories"):
        method.fit(rng.normal(size=(80, 1)), key=KEY)
    with pytest.raises(InvalidInput, match="one coordinate"):
        method.fit(nq.Trajectories(rng.normal(size=(2, 80, 2)), np.arange(80.0)), key=KEY)
    with pytest.raises(InvalidInput, match="observations"):
        method.fit(nq.Trajectories(rng.normal(size=(2, 8, 1)), np.arange(8.0)), key=KEY)
    with pytest.raises(InvalidInput, match="passivity"):
        PronyLangevin(strengths=(-1.0,))

"""Regression of increments against known drifts, and against arithmetic by hand."""

import jax.numpy as jnp
import numpy as np
import pytest

from noneq.data.ensembles import Trajectories
from noneq.domains import Torus
from noneq.errors import InvalidInput
from noneq.statistics.diffusivity import diffusivity_field
from noneq.statistics.gram import solve
from noneq.statistics.increment_blocks import block_count, increment_blocks
from noneq.statistics.increment_sums import increment_sums
from noneq.statistics.increments import increments
from noneq.statistics.jackknife import jackknife
from noneq.statistics.libraries import Functions, Polynomial, Radial
from noneq.statistics.regression import regress
from steady_paths import linear_paths


TRAP = np.array([[1.0, -2.0], [2.0, 1.0]])
LINEAR = Polynomial(1)


@pytest.mark.parametrize(
    "library",
    [
        Polynomial(3, (0.5, 0.0, 1.0), (2.0, 1.0, 0.3), (0.0, 3.0, 0.0)),
        Polynomial(4),
        Radial(((0.0, 0.0, 0.0), (1.0, 0.5, 0.0)), 0.7),
        Functions((lambda x: x[0] * jnp.sin(x[1]), lambda x: x[2] ** 2)),
    ],
)
def test_gradients_are_the_slopes_of_the_values(library, rng):
    x, h = rng.standard_normal((5, 3)), 1e-2 if isinstance(library, Functions) else 1e-5
    slopes = library.gradients(x)
    assert slopes.shape == (5, library.sizes(3)[-1], 3)
    for i, away in enumerate(np.eye(3) * h):
        rise = (library.values(x + away) - library.values(x - away)) / (2 * h)
        np.testing.assert_allclose(slopes[:, :, i], rise, atol=1e-3 if h > 1e-4 else 1e-7)


def test_terms_are_nested_and_periodic():
    assert Polynomial(3).sizes(2) == (1, 3, 6, 10)
    assert Polynomial(3, period=(1.0,)).sizes(1) == (1, 3, 5, 7)
    # Degree 2 of one harmonic and one free coordinate: 1, z, cos, sin, z², z cos, z sin, cos 2, sin 2.
    assert Polynomial(2, period=(0.0, 4.0)).sizes(2) == (1, 4, 9)
    x = np.random.default_rng(0).uniform(0, 4, (7, 2))
    library = Polynomial(2, period=(0.0, 4.0))
    np.testing.assert_allclose(library.values(x), library.values(x + [0.0, 4.0]), atol=1e-12)


@pytest.mark.parametrize("n", [3, 90])
def test_blocks_hold_every_increment_once(n, rng):
    mask = rng.random((n, 40)) > 0.2
    mask[:, 0] = True
    mask[0] = True
    paths = Trajectories(
        rng.uniform(0, 1, (n, 40, 1)),
        np.cumsum(rng.uniform(1, 2, 40)),
        mask=mask,
        domain=Torus(1.0),
    )
    for lag in (1, 3):
        whole = increments(paths, lag)
        pieces = list(increment_blocks(paths, lag, 16, rows=50))
        assert max(k for k, _ in pieces) + 1 <= block_count(paths, lag, 16)
        assert max(len(p.dt) for _, p in pieces) <= 50
        key = lambda p: np.concatenate([p.path[:, None], p.time[:, None], p.start, p.move], 1)
        found = np.concatenate([key(p) for _, p in pieces])
        found = found[np.lexsort((found[:, 1], found[:, 0]))]
        np.testing.assert_allclose(found, key(whole), atol=1e-6)
        sums = increment_sums(paths, Polynomial(1, period=(1.0,)), lag=lag, blocks=16)
        assert sums.time.sum() == pytest.approx(whole.dt.sum())
        assert sums.square.sum() == pytest.approx((whole.move[:, 0] ** 2 / whole.dt).sum())


def test_jackknife_takes_the_bias_of_a_square_off(rng):
    """E[mean²] = μ² + var/n: the jackknife of a quadratic statistic is unbiased exactly."""
    x = rng.standard_normal(20)
    value, bias, stderr = jackknife(lambda total, count: (total / count) ** 2, [x, np.ones(20)])
    assert float(bias) == pytest.approx(x.var(ddof=1) / 20)
    assert float(value) == pytest.approx(x.mean() ** 2 - x.var(ddof=1) / 20)
    _, _, of_mean = jackknife(lambda total, count: total / count, [x, np.ones(20)])
    assert float(of_mean) == pytest.approx(x.std(ddof=1) / np.sqrt(20))
    assert stderr > 0


def test_a_singular_gram_matrix_is_solved_in_what_the_data_see(rng):
    b = rng.standard_normal((50, 2))
    doubled = np.concatenate([b, b[:, :1]], 1)
    right = doubled.T @ b
    found = doubled @ solve(doubled.T @ doubled, right)
    np.testing.assert_allclose(found, b, atol=1e-8)


@pytest.fixture(scope="module")
def trap():
    rng = np.random.default_rng(5)
    return linear_paths(
        TRAP, np.diag([1.0, 0.5]), n=100, frames=1000, dt=0.01, rng=rng, exact=False
    )


@pytest.mark.stat
def test_drift_by_ito_and_stratonovich_sums(trap):
    """Eight coefficients within five errors each; the twin without the correction D⟨∇b⟩ fails."""
    ito = regress(trap, LINEAR)
    np.testing.assert_allclose(ito.diffusivity, np.diag([1.0, 0.5]), atol=0.02)
    for kind in ("homogeneous", "sandwich"):
        z = (ito.coefficients[1:].T + TRAP) / ito.stderr(kind)[1:].T
        assert np.abs(z).max() < 5
        assert np.abs(ito.coefficients[0] / ito.stderr(kind)[0]).max() < 5
    ratio = ito.stderr("sandwich") / ito.stderr("homogeneous")
    assert ratio.min() > 0.6
    assert ratio.max() < 1.6
    strato = regress(trap, LINEAR, convention="stratonovich")
    # Of order dt = 0.01 times the rates.
    np.testing.assert_allclose(strato.coefficients, ito.coefficients, atol=0.06)
    velocity = regress(trap, LINEAR, convention="velocity")
    assert np.abs(velocity.coefficients[1:].T + TRAP).max() > 0.5
    assert strato.condition < 10
    x = np.array([[1.0, 0.0]])
    np.testing.assert_allclose(ito(x), [ito.coefficients[0] + ito.coefficients[1]])


@pytest.mark.stat
def test_uneven_times_gaps_and_weights(trap, rng):
    keep = np.sort(rng.choice(1000, 700, replace=False))
    mask = rng.random((100, 1000)) > 0.1
    mask[:, 0] = mask[0] = True
    gappy = Trajectories(trap.values, trap.times, mask=mask).frames(keep)
    fit = regress(gappy, LINEAR)
    assert np.abs((fit.coefficients[1:].T + TRAP) / fit.stderr()[1:].T).max() < 5
    half = np.repeat([1.0, 0.0], 50)
    np.testing.assert_allclose(
        regress(trap, LINEAR, weights=half).coefficients,
        regress(trap.take(np.arange(50)), LINEAR).coefficients,
        atol=1e-10,
    )


@pytest.mark.stat
def test_measurement_noise_and_motion_blur(rng):
    """Noise of one rms step; frames that average over the whole interval. Uncorrected D is the twin."""
    D, dt, fine, noise = 0.7, 0.02, 10, 0.15
    paths = linear_paths([[1.0]], [[D]], n=200, frames=4000, dt=dt / fine, rng=rng)
    blurred = paths.values.reshape(200, 400, fine, 1).mean(2)
    blurred = blurred + noise * rng.standard_normal(blurred.shape)
    record = Trajectories(blurred, np.arange(400) * dt)
    fit = regress(record, LINEAR, convention="stratonovich", localisation=True, exposure=0.99)
    assert fit.diffusivity.item() == pytest.approx(D, rel=0.05)
    assert fit.localisation.item() == pytest.approx(noise**2, rel=0.03)
    assert fit.coefficients[1].item() == pytest.approx(-1.0, abs=5 * fit.stderr()[1].item() + 0.05)
    assert regress(record, LINEAR).diffusivity.item() > 1.5 * D
    clean = Trajectories(paths.values.reshape(200, 400, fine, 1).mean(2), np.arange(400) * dt)
    assert regress(clean, LINEAR, exposure=0.99).diffusivity.item() == pytest.approx(D, rel=0.03)
    assert regress(clean, LINEAR).diffusivity.item() < 0.75 * D


@pytest.mark.stat
def test_diffusivity_that_depends_on_the_state(rng):
    """dX = (−X + 0.3) dt + √(2(1 + 0.4 X)) dW, Itô."""
    x, found = np.zeros((200, 1)), []
    for t in range(1300):
        if t >= 300:
            found.append(x)
        wide = np.maximum(1 + 0.4 * x, 0.05)
        x = x + (0.3 - x) * 0.005 + np.sqrt(2 * wide * 0.005) * rng.standard_normal(x.shape)
    paths = Trajectories(np.stack(found, 1), np.arange(1000) * 0.005)
    velocity = regress(paths, Polynomial(2), convention="velocity")
    field = diffusivity_field(paths, LINEAR, velocity)
    np.testing.assert_allclose(field.coefficients.ravel(), [1.0, 0.4], atol=0.03)
    assert field(np.array([[-50.0]])).item() > 0


def test_what_cannot_be_fitted_is_named(trap):
    with pytest.raises(InvalidInput, match="smaller library"):
        regress(trap.frames(slice(0, 2)).take(np.arange(3)), LINEAR)
    with pytest.raises(InvalidInput, match="stratonovich"):
        regress(trap, LINEAR, localisation=True)
    with pytest.raises(InvalidInput, match="exposure"):
        regress(trap, LINEAR, exposure=2.0)
    uneven = Trajectories(trap.values[:, :4], [0.0, 1.0, 3.0, 4.0])
    with pytest.raises(InvalidInput, match="evenly"):
        regress(uneven, LINEAR, convention="velocity", localisation=True)
    with pytest.raises(InvalidInput, match="period"):
        regress(trap, Polynomial(1, period=(1.0,)))
    copies = Functions((lambda x: x[0], lambda x: 2 * x[0]))
    with pytest.warns(UserWarning, match="condition number"):
        regress(trap.frames(slice(0, 20)), copies)

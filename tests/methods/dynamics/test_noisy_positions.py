"""Laws of motion from positions recorded with noise: the Gaussian filter and what is fitted with it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm

import noneq as nq
from noneq.data.summary import summarise
from noneq.errors import InvalidInput
from noneq.methods import DriftRegression, Polynomials, SparseDrift
from noneq.methods.dynamics.ascent import starting_point
from noneq.methods.dynamics.gaussian_filter import Law, Parameters, cubature, moved, scores
from noneq.methods.dynamics.segments import segments
from noneq.studies.dynamics.forces import ForceCell
from noneq.studies.running import cell_key


KEY = jax.random.key(3)


def recorded(drift, noise, dt, frames, n, sigma, seed, sub=20):
    """Positions (the first coordinate of pairs (x, v) if noise is (0, b)) with errors sigma."""
    rng, h = np.random.default_rng(seed), dt / sub
    x = rng.normal(size=(n, np.size(noise))) * 0.7
    path = []
    for _ in range(frames):
        path.append(x)
        for _ in range(sub):
            x = x + h * drift(x) + np.sqrt(h) * np.asarray(noise) * rng.normal(size=x.shape)
    values = np.stack(path, 1)
    return values + sigma * rng.normal(size=values.shape)


def test_the_cubature_integrates_polynomials_of_degree_five():
    for dim in (1, 2, 3, 4):
        x, w = cubature(dim)
        assert w @ x[:, 0] ** 4 == pytest.approx(3.0)
        assert w.sum() == pytest.approx(1.0)
        if dim > 1:
            assert w @ (x[:, 0] ** 2 * x[:, 1] ** 2) == pytest.approx(1.0)
    x, w = cubature(6)
    np.testing.assert_allclose(np.einsum("k,ki,kj->ij", w, x, x), np.eye(6), atol=1e-12)


def kalman(values, seen, dt, slope, spread, noise):
    """log p of a linear motion (without 2π), by matrix exponentials."""
    F = expm(slope * dt)
    big = expm(dt * np.block([[-slope, spread], [np.zeros_like(slope), slope.T]]))
    Q = F @ big[:2, 2:]
    m, P, total = values[0], noise * np.eye(2), 0.0
    for y, there in zip(values[1:], seen[1:], strict=True):
        m, P = F @ m, F @ P @ F.T + Q
        if there:
            S = P + noise * np.eye(2)
            v, gain = y - m, P @ np.linalg.inv(S)
            total -= 0.5 * (v @ np.linalg.solve(S, v) + np.linalg.slogdet(S)[1])
            m, P = m + gain @ v, P - gain @ P
    return total


def test_the_likelihood_of_a_linear_motion_and_its_gradient_are_those_of_kalman():
    rng, dt, slope = np.random.default_rng(1), 0.1, np.array([[-1.0, 0.8], [-0.5, -1.2]])
    values, seen = rng.normal(size=(2, 12, 2)).cumsum(1), rng.random((2, 12)) > 0.2
    seen[0, 0], seen[1] = True, True
    data = nq.Trajectories(values, dt * np.arange(12), mask=seen)
    basis, noise = Polynomials(1).basis(summarise(data)), 0.3
    size = basis.units()
    theta = np.zeros((3, 2))
    theta[1:] = slope.T / size[1:, None]
    zero = np.zeros(2)
    law = Law(basis, (), zero, zero, zero, True, 1, 8)
    root = np.diag(np.log([0.9, 0.6]))
    with jax.enable_x64(True):
        law = jax.tree.map(lambda a: jnp.asarray(a, float) if isinstance(a, np.ndarray) else a, law)
        point = Parameters(*map(jnp.asarray, (theta, root, np.full(2, np.log(noise)))))
        found = scores(law, point, segments(data, 6, 1))
        value, gradient = float(found.value.sum()), np.asarray(found.gradient).sum(0)
    one = lambda a, x, s: kalman(x, s, dt, a, np.diag([0.81, 0.36]), noise**2)
    exact = lambda a: sum(one(a, x, s) for x, s in zip(values, seen, strict=True))
    assert value == pytest.approx(exact(slope), rel=1e-4)
    # Far too fast a drift is no place to start from: less likely than none, or not even finite.
    with jax.enable_x64(True):
        still = scores(law, point._replace(theta=0 * point.theta), segments(data, 6, 1))
        least = float(still.value.sum())
        for factor in (8.0, 60.0):
            stiff = point._replace(theta=-factor * point.theta)
            now, start = starting_point(law, stiff, segments(data, 6, 1))
            reached = float(scores(law, start, segments(data, 6, 1)).value.sum())
            assert float(now.value.sum()) == pytest.approx(reached)
            assert reached >= least
            assert not float(scores(law, stiff, segments(data, 6, 1)).value.sum()) > least
    nudge = np.array([[0.0, 1e-4], [0.0, 0.0]])
    rate = (exact(slope + nudge) - exact(slope - nudge)) / 2e-4
    assert gradient.reshape(-1)[2 * 2 + 0] / size[2] == pytest.approx(rate, rel=2e-3)


def test_friction_of_noisy_positions():
    drift = lambda x: np.stack([x[:, 1], -x[:, 0] - 0.8 * x[:, 1]], 1)
    values = recorded(drift, [0.0, 1.0], 0.05, 300, 20, [0.05, 0.0], 7)[..., :1]
    paths = nq.Trajectories(values, 0.05 * np.arange(300), names=("x",))
    method = DriftRegression(library=Polynomials(1), order=2, localisation=True)
    model = method.fit(paths, key=KEY).model
    terms = {t.code: t for t in model.law.terms[0]}
    assert abs(terms["v_x"].value + 0.8) < 3.5 * terms["v_x"].stderr
    assert terms["v_x"].stderr < 0.15
    assert model.diffusivity[0, 0] == pytest.approx(0.5, rel=0.1)
    assert float(model.localisation.value[0]) == pytest.approx(0.05, rel=0.05)
    # Moments take the whole motion of these paths for noise.
    rough = DriftRegression(
        library=Polynomials(1), order=2, localisation=True, convention="stratonovich"
    )
    with pytest.raises(InvalidInput, match="diffusivity is not positive"):
        rough.fit(paths, key=KEY)


def test_a_double_well_under_noise_of_one_step():
    values = recorded(lambda x: x - x**3, [0.7], 0.05, 400, 40, 0.15, 5, sub=5)
    seen = np.random.default_rng(0).random(values.shape[:2]) > 0.1
    paths = nq.Trajectories(values, 0.05 * np.arange(400), names=("x",), mask=seen)
    model = SparseDrift(library=Polynomials(3), localisation=True).fit(paths, key=KEY).model
    terms = {t.code: t for t in model.law.terms[0]}
    assert terms.keys() == {"x", "x**3"}
    for code, truth in (("x", 1.0), ("x**3", -1.0)):
        assert abs(terms[code].value - truth) < 3.5 * terms[code].stderr
        assert terms[code].stderr < 0.2
    assert model.diffusivity[0, 0] == pytest.approx(0.245, rel=0.1)
    assert float(model.localisation.value[0]) == pytest.approx(0.15, rel=0.05)


def test_a_drift_that_bends_within_the_noise_is_told():
    values = recorded(lambda x: x - x**3, [0.7], 0.25, 400, 4, 0.35, 5)
    paths = nq.Trajectories(values, 0.25 * np.arange(400), names=("x",))
    method = DriftRegression(library=Polynomials(3), localisation=True)
    with pytest.warns(UserWarning, match="drift bends by"):
        method.fit(paths, key=KEY)


def test_the_noise_of_inertial_motion_is_exact_in_one_step():
    data = nq.Trajectories(np.zeros((1, 3, 2)), np.arange(3.0))
    zero, root = np.zeros(1), jnp.log(jnp.array([[0.7]]))
    law = Law(Polynomials(1).basis(summarise(data)), (), zero, zero, zero, False, 2, 1)
    start, dt = jnp.array([[0.3, 0.1], [0.1, 0.2]]), 0.5
    point = Parameters(jnp.zeros((3, 1)), root, jnp.zeros(1))
    mean, cov = moved(law, point, jnp.array([1.0, 2.0]), start, jnp.asarray(dt))
    F = np.array([[1.0, dt], [0.0, 1.0]])
    Q = 0.49 * np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]])
    np.testing.assert_allclose(mean, [2.0, 2.0], rtol=1e-6)
    # Half of the kicks before and half after would make the noise of x half as large again.
    np.testing.assert_allclose(cov, F @ start @ F.T + Q, rtol=1e-5)


@pytest.mark.slow
def test_friction_of_clean_positions_far_apart():
    drift = lambda x: np.stack([x[:, 1], -x[:, 0] - 0.8 * x[:, 1]], 1)
    values = recorded(drift, [0.0, 1.0], 0.4, 300, 20, [0.0, 0.0], 8, sub=80)[..., :1]
    paths = nq.Trajectories(values, 0.4 * np.arange(300), names=("x",))
    library = Polynomials(1)
    # Noise that is looked for and not there changes nothing.
    for noisy in (False, True):
        model = (
            DriftRegression(library=library, order=2, localisation=noisy).fit(paths, key=KEY).model
        )
        terms = {t.code: t for t in model.law.terms[0]}
        assert abs(terms["v_x"].value + 0.8) < 3.5 * terms["v_x"].stderr
        assert abs(terms["x"].value + 1.0) < 3.5 * terms["x"].stderr
        assert model.diffusivity[0, 0] == pytest.approx(0.5, rel=0.08)
    moments = DriftRegression(library=library, order=2, convention="stratonovich")
    rough = {t.code: t for t in moments.fit(paths, key=KEY).model.law.terms[0]}
    assert abs(rough["v_x"].value + 0.8) > 4 * rough["v_x"].stderr


@pytest.mark.slow
@pytest.mark.parametrize("replicate", [14, 19])
def test_moments_that_are_far_too_fast_do_not_lead_astray(replicate):
    """Records of the study whose moments begin beside a stiff maximum, of drift error 20 and 8."""
    cell = ForceCell(record="noisy", replicate=replicate)
    (error,) = (row.value for row in cell(cell_key(cell, 0)).rows)
    assert error < 0.2

"""Potential, mobility and circulation: the form keeps its law, the fit finds the dissipation."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.data.summary import summarise
from noneq.errors import InvalidInput, WrongType
from noneq.methods import OnsagerDynamics
from noneq.systems import DissipativeWell, Linear


KEY = jax.random.key(3)
SMALL = {"potential": 2, "mobility": 0, "curl": 0}


@pytest.fixture(scope="module")
def data():
    """The rotational trap: V = |x|²/2, W = 2 J, which dissipates 8 nats per unit time."""
    return nq.simulate(Linear(), np.arange(0, 4, 0.01), n=50, key=KEY)


@pytest.fixture(scope="module")
def fit(data):
    return OnsagerDynamics(**SMALL).fit(data, key=KEY)


def fields(data, *, complete):
    """Random coefficients of V, L and W."""
    model = OnsagerDynamics(complete=complete, potential=3).init(summarise(data), key=KEY)
    found = model.fields
    places = (found.potential, found.factor, found.curl)
    keys = jax.random.split(KEY, 3)
    some = [v + 0.5 * jax.random.normal(k, v.shape) for k, v in zip(keys, places, strict=True)]
    return eqx.tree_at(lambda f: (f.potential, f.factor, f.curl), found, tuple(some))


@pytest.mark.parametrize("complete", [True, False])
def test_the_law_stays_only_with_the_divergence_of_the_circulation(data, complete):
    """div(p (f − ε div M + M ∇V)) / p of the drift itself; p = e^{−V/ε}."""
    f = fields(data, complete=complete)

    def flow(x):
        spread = jnp.einsum("ijj->i", jax.jacfwd(f.mobility)(x))
        return f.drift(x) - spread + f.mobility(x) @ jax.grad(f.energy)(x)

    def residual(x):
        return jnp.trace(jax.jacfwd(flow)(x)) - flow(x) @ jax.grad(f.energy)(x)

    states = jnp.asarray(data.values[:20, 0])
    found = jax.jit(jax.vmap(residual))(states)
    size = jnp.abs(jax.vmap(flow)(states)).max()
    assert (jnp.abs(found).max() < 1e-3 * size) == complete
    np.testing.assert_allclose(
        jax.vmap(flow)(states), jax.vmap(f.velocity)(states), rtol=1e-3, atol=1e-3
    )


@pytest.mark.slow
def test_the_well_keeps_its_law_and_dissipates_as_computed():
    system = DissipativeWell()
    assert system.entropy_production_rate() == pytest.approx(15.4437, abs=2e-4)
    assert DissipativeWell(curl=0.0).entropy_production_rate() == 0.0

    def residual(x):
        v = system.velocity(x)
        return jnp.trace(jax.jacfwd(system.velocity)(x)) + v @ jax.grad(system.log_density)(x)

    states = jax.random.normal(KEY, (20, 2))
    assert jnp.abs(jax.vmap(residual)(states)).max() < 1e-3


def test_the_rotational_trap_is_taken_apart(fit):
    """EP = 8, V = |x|²/2, W = 2 J, M = 1."""
    rate = fit.model.entropy_production_rate()
    assert abs(rate.value - 8) < 4 * rate.stderr
    assert rate.stderr < 1.0
    f, x = fit.model.fields, jnp.asarray([0.7, -0.4])
    np.testing.assert_allclose(f.mobility(x), np.eye(2), atol=0.05)
    np.testing.assert_allclose(f.circulation(x), [[0, -2], [2, 0]], atol=0.5)
    np.testing.assert_allclose(fit.model.score(x), -x, atol=0.3)


def test_the_error_of_the_step_is_taken_off():
    """Euler steps of 0.05 see 7.58 in place of 8, order 3 7.9; the noise of both is the same."""
    coarse = nq.simulate(Linear(), np.arange(0, 10, 0.05), n=200, key=KEY)
    first, third = (
        OnsagerDynamics(**SMALL, order=order).fit(coarse, key=KEY).model.entropy_production_rate()
        for order in (1, 3)
    )
    assert 1.02 < third.value / first.value < 1.08


def test_the_law_ends_beyond_the_data(fit):
    """A potential that falls far out, as one of a degree that is too high may."""
    down = jnp.full_like(fit.model.fields.potential, -1.0)
    f = eqx.tree_at(lambda f: f.potential, fit.model.fields, down)
    edge = f.edge.value * f.scale.value
    energy = eqx.filter_jit(f.energy)
    assert energy(f.centre.value + 1.2 * edge) < energy(f.centre.value)
    assert energy(f.centre.value + 20 * edge) > 1e3


def test_coarse_steps_are_warned_of(data):
    coarse = data.frames(slice(0, None, 60))
    with pytest.warns(UserWarning, match="record at intervals below"):
        OnsagerDynamics(**SMALL, order=1).fit(coarse, key=KEY)


@pytest.mark.slow
def test_the_error_of_the_dissipation_is_honest():
    """Twenty records: the distances from 8 are as large as their errors say."""
    z = []
    for i in range(20):
        paths = nq.simulate(Linear(), np.arange(0, 4, 0.01), n=50, key=jax.random.key(100 + i))
        rate = OnsagerDynamics(**SMALL).fit(paths, key=KEY).model.entropy_production_rate()
        z.append((rate.value - 8) / rate.stderr)
    assert 0.6 < np.std(z) < 1.6
    assert abs(np.mean(z)) < 1.0


def test_draws_follow_the_stationary_law(fit):
    x = fit.model.sample(4000, key=KEY)
    np.testing.assert_allclose(np.cov(np.asarray(x).T), np.eye(2), atol=0.25)
    paths = fit.model.sample_paths(4, times=[0.0, 0.1], start=np.ones((4, 2)), key=KEY)
    np.testing.assert_allclose(paths.values[:, 0], 1.0)


def test_a_saved_fit_is_the_same_fit(fit, tmp_path):
    nq.save(fit, tmp_path / "run")
    back = nq.load(tmp_path / "run").model
    np.testing.assert_array_equal(back.sample(4, key=KEY), fit.model.sample(4, key=KEY))
    assert back.entropy_production_rate().value == fit.model.entropy_production_rate().value


def test_what_cannot_be_fitted_is_refused(data, rng):
    with pytest.raises(WrongType, match="Trajectories"):
        OnsagerDynamics().fit(rng.normal(size=(80, 2)), key=KEY)
    with pytest.raises(InvalidInput, match="coefficients"):
        OnsagerDynamics().fit(data.frames(slice(0, 4)).take(np.arange(3)), key=KEY)
    with pytest.raises(InvalidInput, match="potential = 1"):
        OnsagerDynamics(potential=1)
    with pytest.raises(InvalidInput, match="set order = 1"):
        OnsagerDynamics(**SMALL).fit(data.frames(slice(0, 2)), key=KEY)
    with pytest.raises(InvalidInput, match="order = 4"):
        OnsagerDynamics(order=4)

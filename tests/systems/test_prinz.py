"""The rotating wells: potential, gradient, exact entropy production."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.errors import InvalidInput
from noneq.simulation import simulate
from noneq.systems import HasEntropyProduction, Prinz
from noneq.systems.rotating_frame import mean_power


def printed(t, x, y):
    """The source's formula with atan2, and the square of the parent system."""
    return np.cos(5 * np.arctan2(y, x) - np.pi * t / 2) + 10 * (np.hypot(x, y) - 0.5) ** 2


def test_potential_is_the_printed_one(rng):
    x = rng.uniform(-1, 1, (50, 2))
    t = rng.uniform(0, 20, 50)
    ours = jax.vmap(Prinz().potential)(jnp.asarray(t), jnp.asarray(x))
    np.testing.assert_allclose(ours, printed(t, *x.T), atol=2e-4)


def test_quintuple_is_deeptimes(rng):
    x = rng.uniform(-2.5, 2.5, (50, 2))
    t = rng.uniform(0, 3, 50)
    r, angle = np.hypot(*x.T), np.arctan2(x[:, 1], x[:, 0])
    ring = 1.5 + 0.5 * np.sin(2 * np.pi * t)
    truth = np.cos(5 * angle - np.pi / 2 * t) + 10 * (r - ring) ** 2
    system = Prinz.quintuple()
    ours = jax.vmap(system.potential)(jnp.asarray(t), jnp.asarray(x))
    np.testing.assert_allclose(ours, truth, atol=1e-3)
    assert (system.beta, system.half_width) == (5.0, 2.5)


def test_literal_is_a_cone_and_warns():
    with pytest.warns(UserWarning, match="cone"):
        system = Prinz.literal()
    x = jnp.array([0.3, -0.4])
    # At r = 1/2 the cone is cut at zero: only the cosine is left.
    angle = np.arctan2(-0.4, 0.3)
    np.testing.assert_allclose(system.potential(0.0, x), np.cos(5 * angle), atol=1e-5)
    assert system.time_step < 1e-5


@pytest.mark.parametrize("point", [(0.0, 0.0), (1e-5, 0.0), (1e-7, -1e-7), (0.01, 0.02)])
def test_drift_is_finite_at_the_core(point):
    drift = jax.jit(Prinz().drift)(0.3, jnp.array(point))
    assert np.isfinite(drift).all()


def test_wells_turn_counter_clockwise_at_the_stated_rate():
    system = Prinz(drive=4.0)
    turn = 4.0 * np.pi / 2 / 5 * 0.7
    x = jnp.array([0.1, 0.45])
    rotation = jnp.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    np.testing.assert_allclose(
        system.potential(0.7, rotation @ x), system.potential(0.0, x), atol=1e-5
    )


def test_exact_entropy_production_is_the_published():
    """Against finite-volume values obtained independently."""
    rates = [Prinz(drive=d).entropy_production_rate() for d in (1.0, 10.0, 40.0)]
    np.testing.assert_allclose(rates, [0.25803, 25.8, 382.6], rtol=1e-3)


@pytest.mark.parametrize(("beta", "power"), [(10.0, 0.222249), (5.0, 0.221824)])
def test_exact_power_of_the_wide_ring(beta, power):
    options = {"wells": 5, "frequency": np.pi / 2, "radius": 1.5, "stiffness": 10.0}
    np.testing.assert_allclose(mean_power(beta=beta, **options), power, rtol=1e-4)


def test_no_rotation_no_dissipation():
    assert abs(Prinz(drive=0.0).entropy_production_rate()) < 1e-12
    assert isinstance(Prinz(), HasEntropyProduction)


def test_entropy_production_of_a_breathing_ring_is_refused():
    with pytest.raises(InvalidInput, match="breathing"):
        Prinz.quintuple().entropy_production_rate()


def test_a_ring_outside_its_walls_is_refused():
    with pytest.raises(InvalidInput, match="half_width"):
        Prinz(radius=1.5, beta=5.0)
    with pytest.raises(InvalidInput, match="half_width"):
        Prinz(radius=0.8, breathing=0.3)
    assert Prinz(radius=1.5, beta=5.0, half_width=2.5).domain.high == 2.5


def test_the_exact_value_knows_no_walls_and_refuses_them():
    with pytest.raises(InvalidInput, match="walls"):
        Prinz(beta=1.0).entropy_production_rate()


def test_default_steps_are_fine_enough():
    assert 0.02 / Prinz().time_step >= 20
    assert np.isfinite(simulate(Prinz(), [0.0, 0.02], n=50, key=jax.random.key(0)).values).all()


@pytest.mark.parametrize(
    "field",
    [{"beta": 0.0}, {"beta": np.nan}, {"exponent": 3}, {"wells": 0}, {"drive": np.inf}],
)
def test_bad_fields_are_refused(field):
    with pytest.raises(InvalidInput, match=next(iter(field))):
        Prinz(**field)

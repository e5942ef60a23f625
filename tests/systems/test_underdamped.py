"""Motion with inertia: your own potential, heat between two baths, and who may simulate it."""

import jax.numpy as jnp
import numpy as np
import pytest

from noneq.domains import Box, Torus
from noneq.errors import InvalidInput
from noneq.simulation import BAOAB, EulerMaruyama, simulate
from noneq.systems import DoubleWell, Underdamped, UnderdampedPair
from noneq.thermo import entropy_production_rate


def test_heat_between_two_baths(key):
    """The measured rate is 2/9; on the same paths the wrong bath is told from the right one."""
    system = UnderdampedPair()
    data = simulate(system, np.arange(101) * 0.2, n=300, key=key)
    found = entropy_production_rate(data, system)
    assert abs(found.value - system.entropy_production_rate()) < 5 * found.stderr
    assert found.value > 10 * found.stderr
    spread = np.cov(data.at(20.0).T) - system.stationary_covariance()
    assert np.abs(spread).max() < 5 * 3 * np.sqrt(2 / 300)
    with pytest.raises(InvalidInput, match="not of UnderdampedPair"):
        entropy_production_rate(data, UnderdampedPair(hot=2.0))


def test_euler_solves_the_same_equation(key):
    system = UnderdampedPair()
    data = simulate(system, [0.0, 2.0], n=4000, key=key, solver=EulerMaruyama(), substeps=80)
    expected = system.stationary_covariance()
    widths = np.sqrt(np.diag(expected))
    off = (np.cov(data.at(2.0).T) - expected) / np.outer(widths, widths)
    assert np.abs(off).max() < 5 * np.sqrt(2 / 4000) + 0.03


def test_your_own_potential_on_a_circle(key):
    """A pendulum in a bath that is driven around."""
    system = Underdamped(
        lambda x: 1 - jnp.cos(x[0]),
        force=lambda x: jnp.array([0.5]),
        mass=2.0,
        temperature=0.7,
        initial=[1.0],
        domain=Torus(),
        time_step=0.05,
    )
    assert system.event_shape == (2,)
    assert system.names == ("x", "v")
    assert system.parity == (1, -1)
    x = jnp.array([1.0, -0.4])
    np.testing.assert_allclose(system.force(0.0, x[:1]), [0.5 - np.sin(1.0)], rtol=1e-6)
    np.testing.assert_allclose(
        system.drift(0.0, x), [-0.4, (0.5 - np.sin(1.0) + 0.4) / 2], rtol=1e-6
    )
    np.testing.assert_allclose(system.diffusion(0.0, x), [[0.0], [np.sqrt(1.4) / 2]], rtol=1e-6)
    data = simulate(system, [0.0, 30.0], n=2000, key=key)
    assert (data.values[:, 0, 0] == 1.0).all()
    assert abs(data.values[:, 0, 1].var() / 0.35 - 1) < 5 * np.sqrt(2 / 2000)
    assert ((data.values[:, 1, 0] >= 0) & (data.values[:, 1, 0] < 2 * np.pi)).all()
    assert data.values[:, 1, 1].mean() > 0.1


def test_without_friction_energy_stays(key):
    system = Underdamped(lambda x: x[0] ** 4 / 4, friction=0.0, temperature=0.0, initial=[1.0])
    data = simulate(system, [0.0, 1.0, 5.0], n=2, key=key)
    x, v = data.values[0].T
    np.testing.assert_allclose(v**2 / 2 + x**4 / 4, 0.25, rtol=1e-3)
    with pytest.raises(InvalidInput, match="temperature 0"):
        entropy_production_rate(data, system)


def test_refusals(key):
    with pytest.raises(InvalidInput, match="DoubleWell has no velocities"):
        simulate(DoubleWell(), [0.0, 0.1], n=2, key=key, solver=BAOAB())
    with pytest.raises(InvalidInput, match="walls"):
        Underdamped(lambda x: x[0], shape=1, domain=Box(0.0, 1.0))
    with pytest.raises(InvalidInput, match="temperature"):
        Underdamped(lambda x: x[0], shape=1, temperature=(1.0, 2.0))
    with pytest.raises(InvalidInput, match="mass"):
        Underdamped(lambda x: x[0], shape=1, mass=0.0)
    with pytest.raises(InvalidInput, match="positions of shape"):
        UnderdampedPair().force(0.0, np.zeros(4, np.float32))

"""Lorenz, Rössler and the double pendulum: what they say of themselves is true."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.errors import InvalidInput
from noneq.estimate import sample_mean
from noneq.simulation import simulate
from noneq.systems import DoublePendulum, Lorenz, Rossler


MOST = 5.0
"""z-scores beyond this are false alarms in 6e-7 of all cases."""


def divergence(system, x):
    return jnp.trace(jax.jacfwd(lambda x: system.drift(0.0, x))(x))


def balances(system, key):
    """z-scores of ⟨xy⟩ − (8/3)⟨z⟩ and ⟨xy⟩ − ⟨x²⟩, time derivatives of moments on the attractor."""
    paths = simulate(system, np.linspace(0.0, 60.0, 601), n=256, key=key)
    x, y, z = np.moveaxis(paths.values[:, 300:].astype(np.float64), -1, 0)
    return sample_mean(np.stack([x * y - 8 / 3 * z, x * y - x**2], -1).mean(1)).z(0.0)


def test_lorenz_keeps_the_balance_of_its_moments(key):
    assert np.abs(balances(Lorenz(), key)).max() < MOST
    assert np.abs(balances(Lorenz(beta=2.6), key)).max() > MOST


def test_volumes_shrink_and_fixed_points_rest(rng):
    lorenz = Lorenz()
    side = np.sqrt(8 / 3 * 27)
    for point in ((side, side, 27.0), (-side, -side, 27.0), (0.0, 0.0, 0.0)):
        np.testing.assert_allclose(lorenz.drift(0.0, jnp.asarray(point)), 0.0, atol=1e-4)
    inner = (5.7 - np.sqrt(5.7**2 - 4 * 0.2 * 0.2)) / 2
    point = jnp.asarray((inner, -inner / 0.2, inner / 0.2))
    np.testing.assert_allclose(Rossler().drift(0.0, point), 0.0, atol=1e-5)
    for x in rng.normal(size=(4, 3)):
        np.testing.assert_allclose(divergence(lorenz, jnp.asarray(x)), -41 / 3, rtol=1e-5)
        expected = 0.2 + x[0] - 5.7
        np.testing.assert_allclose(divergence(Rossler(), jnp.asarray(x)), expected, rtol=1e-4)
    pendulum = DoublePendulum(m2=2.0, l1=0.7)
    x = jnp.asarray(rng.normal(size=(4, 4)), jnp.float32)
    spread = jax.jit(jax.vmap(lambda x: divergence(pendulum, x)))(x)
    np.testing.assert_allclose(spread, 0.0, atol=1e-4)


@pytest.mark.parametrize("system", [Lorenz(), Rossler()], ids=repr)
def test_starts_reach_the_attractor(system, key):
    values = simulate(system, [0.0, 40.0, 41.0], n=4000, key=key).values
    assert np.abs(values[:, 1:]).max() < 50


def test_pendulum_conserves_its_energy(key):
    pendulum = DoublePendulum(m2=0.5, l2=1.5)
    paths = simulate(pendulum, [0.0, 20.0], n=500, key=key)
    energy = jax.jit(jax.vmap(jax.vmap(pendulum.energy)))(jnp.asarray(paths.values))
    assert float(jnp.std(energy[:, 0])) > 1
    np.testing.assert_allclose(energy[:, 1], energy[:, 0], atol=2e-3)
    assert jax.vmap(pendulum.domain.contains)(jnp.asarray(paths.values[:, 1])).all()


def virials(pendulum, beta, states):
    """⟨p ∂H/∂p⟩ − 1/beta and ⟨(∂H/∂θ)²⟩ − ⟨∂²H/∂θ²⟩/beta, zero for the Boltzmann law."""
    gradient = jax.jit(jax.vmap(jax.grad(pendulum.energy)))(states)
    curvature = jax.vmap(lambda x: jnp.diagonal(jax.hessian(pendulum.energy)(x))[:2])
    curvature = jax.jit(curvature)(states)
    kinetic = states[:, 2:] * gradient[:, 2:] - 1 / beta
    angles = gradient[:, :2] ** 2 - curvature / beta
    return sample_mean(np.concatenate([kinetic, angles], axis=1)).z(0.0)


@pytest.mark.sweep(1)
@pytest.mark.parametrize("time", [0.01, 5.0])
def test_pendulum_keeps_its_boltzmann_law(time, key):
    pendulum = DoublePendulum(beta=0.8, m2=0.5, l2=1.5)
    states = jnp.asarray(simulate(pendulum, [0.0, time], n=10_000, key=key).values[:, 1])
    assert np.abs(virials(pendulum, 0.8, states)).max() < MOST
    assert np.abs(virials(DoublePendulum(0.8, m2=0.5, l2=1.3), 0.75, states)).max() > MOST


def test_pendulum_density_is_normalised():
    pendulum = DoublePendulum(m2=0.5, l2=1.5)
    angle = np.arange(24) * 2 * np.pi / 24
    momentum = np.linspace(-12.0, 12.0, 49)
    grid = np.stack(np.meshgrid(angle, angle, momentum, momentum, indexing="ij"), -1)
    density = jax.jit(jax.vmap(pendulum.log_density))(jnp.asarray(grid.reshape(-1, 4), jnp.float32))
    total = np.exp(np.asarray(density, np.float64)).sum() * (angle[1] * 0.5) ** 2
    np.testing.assert_allclose(total, 1.0, atol=1e-3)


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: Lorenz(rho=-1.0), "rho"),
        (lambda: Rossler(c=float("nan")), "c"),
        (lambda: DoublePendulum(m1=0.0), "m1"),
        (lambda: DoublePendulum(gravity=-1.0), "gravity"),
    ],
)
def test_parameters_that_make_no_sense(make, word):
    with pytest.raises(InvalidInput, match=f"{word} = .*; expected"):
        make()

"""Helmholtz kernels on the torus in double precision, against plain sums of modes."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.processes.torus.torus_kernel import density, velocity


MOST = {1: 0.75, 2: 0.645, 3: 0.595}
DENSITY = jax.jit(jax.vmap(density, (0, None, None)), static_argnums=2)
VELOCITY = jax.jit(jax.vmap(velocity, (0, None, None)), static_argnums=2)
CASES = [(1, 0.02), (1, 0.3), (1, 6.0), (2, 0.15), (2, 1.0), (2, 12.0), (3, 0.7), (3, 4.0)]


def modes(z, t, cutoff):
    """Density and velocity by all modes with t |n| below 34."""
    dim, most = len(z), int(34 / t) + 1
    n = np.asarray(list(itertools.product(range(-most, most + 1), repeat=dim)), float)
    square = (n**2).sum(1)
    psi = np.sqrt(np.maximum(square - cutoff**2, 0))
    decay = np.where(square == 0, 1.0, np.exp(-psi * t))
    current = (psi / np.maximum(square, 1) * decay * np.sin(n @ z)) @ n
    p = decay @ np.cos(n @ z)
    return p / (2 * np.pi) ** dim, current / p


@pytest.mark.sweep(6)
@pytest.mark.parametrize(("dim", "t"), CASES)
@pytest.mark.parametrize("share", [0.0, 0.6, 1.0])
def test_kernel_and_velocity_are_the_sums(dim, t, share, rng):
    cutoff = share * MOST[dim]
    for z in rng.uniform(-np.pi, np.pi, (2, dim)):
        p, u = modes(z, t, cutoff)
        assert float(density(jnp.asarray(z), t, cutoff)) == pytest.approx(p, rel=1e-8)
        found = velocity(jnp.asarray(z), t, cutoff)
        np.testing.assert_allclose(found, u, rtol=0, atol=1e-7 * abs(u).max())


@pytest.mark.parametrize("t", [1e-3, 0.01, 0.1])
def test_without_cutoff_it_is_poisson(t):
    z = np.linspace(-3, 3, 50)
    closed = np.sinh(t) / (np.cosh(t) - np.cos(z)) / (2 * np.pi)
    np.testing.assert_allclose(DENSITY(z[:, None], t, 0.0), closed, rtol=1e-9)


@pytest.mark.parametrize(("dim", "t"), [(1, 0.2), (1, 2.0), (2, 0.3), (2, 3.0)])
def test_mass_is_one(dim, t):
    # The trapezoidal rule is exact for the modes it resolves.
    side = -np.pi + 2 * np.pi / 128 * np.arange(128)
    z = np.stack(np.meshgrid(*[side] * dim), -1).reshape(-1, dim)
    total = DENSITY(z, t, 0.6).sum() * (2 * np.pi / 128) ** dim
    assert float(total) == pytest.approx(1, abs=1e-6)


def residual(z, t, cutoff, other):
    """∂p/∂t + div(p u), relative to the largest ∂p/∂t; u with another cutoff."""

    @jax.jit
    @jax.vmap
    def terms(z):
        current = lambda z: density(z, t, cutoff) * velocity(z, t, other)
        return jax.grad(density, 1)(z, t, cutoff), jnp.trace(jax.jacfwd(current)(z))

    late, spread = terms(z)
    return float(jnp.abs(late + spread).max() / jnp.abs(late).max())


@pytest.mark.sweep(1)
@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("t", [0.0016, 0.1, 1.0, 5.0])
def test_velocity_carries_the_density(dim, t, rng):
    z = jnp.asarray(rng.uniform(-np.pi, np.pi, (10, dim)))
    assert residual(z, t, 0.55, 0.55) < 1e-6
    # The broken twin leaves the cutoff out of the velocity.
    assert residual(z, t, 0.55, 0.0) > 1e-2


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_kernel_is_positive_and_near_poisson_up_to_the_named_cutoff(dim):
    side = np.linspace(0, np.pi, {1: 65, 2: 17, 3: 7}[dim])
    z = np.stack(np.meshgrid(*[side] * dim), -1).reshape(-1, dim)
    least, most, over = np.inf, 0.0, np.inf
    for t in np.geomspace(1e-3, 20, 24):
        plain = DENSITY(z, t, 0.0)
        ratio = DENSITY(z, t, MOST[dim]) / plain
        least, most = min(least, float(ratio.min())), max(most, float(ratio.max()))
        over = min(over, float((DENSITY(z, t, MOST[dim] + 0.01) / plain).min()))
    assert least > 0
    assert over < 0
    assert 1.2 < most < 1.27

"""Kernels of scale mixtures in float64: mass, density-flow identity, closed forms and limits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from noneq.processes import Fixed, InverseGamma, InverseGaussian, Stable
from noneq.processes.mixtures.bessel import log_bessel_ke
from noneq.processes.mixtures.subordinators import mills


LAWS = {
    "heat": Fixed(),
    "Poisson": InverseGamma(1.0),
    "PFGM++ 3.5": InverseGamma(3.5),
    "PFGM++ 128": InverseGamma(128.0),
    "Yukawa .1": InverseGaussian(0.1),
    "Yukawa 1": InverseGaussian(1.0),
    "Yukawa 4": InverseGaussian(4.0),
    "fractional .5": Stable(0.5),
    "fractional 1.5": Stable(1.5),
    "fractional 1.95": Stable(1.95),
}
DIMS = (1, 2, 3)


@pytest.mark.sweep(3)
@pytest.mark.parametrize("name", LAWS)
def test_mass_of_the_kernel_is_one(name):
    law = LAWS[name]
    for dim in (*DIMS, 64):
        for sigma in (0.01, 1.0, 80.0):
            v = jnp.linspace(jnp.log(sigma) - 25, jnp.log(sigma) + 32, 3000)
            area = 2 * np.pi ** (dim / 2) / special.gamma(dim / 2)
            log = lambda v, dim=dim, s=sigma: law.log_kernel(jnp.exp(2 * v), dim, s) + dim * v
            mass = np.trapezoid(area * np.exp(jax.jit(jax.vmap(log))(v)), v)
            assert mass == pytest.approx(1, abs=1e-6)


def residuals(law, dim, rate, source=None):
    """∂_sigma p + div(p u) − R over the size of its parts, u = c(r) x, at three radii."""

    def one(r):
        p = lambda r, sigma: jnp.exp(law.log_kernel(r**2, dim, sigma))
        change = jax.grad(p, 1)(r, 0.8)
        divergence = jax.grad(lambda r: r**dim * p(r, 0.8) * rate(r**2, dim, 0.8))(r)
        divergence = divergence / r ** (dim - 1)
        born = 0.0 if source is None else source(r**2, dim, 0.8) * p(r, 0.8)
        return (change + divergence - born) / (jnp.abs(change) + jnp.abs(divergence))

    return np.abs(jax.jit(jax.vmap(one))(jnp.asarray([0.3, 1.0, 4.0])))


@pytest.mark.sweep(2)
@pytest.mark.parametrize("name", LAWS)
def test_density_flow_identity(name):
    law = LAWS[name]
    for dim in DIMS:
        assert residuals(law, dim, law.rate).max() < 1e-6
    # A velocity that is 1 % too large is found.
    wrong = lambda squared, dim, sigma: 1.01 * law.rate(squared, dim, sigma)
    assert residuals(law, 2, wrong).min() > 1e-3


@pytest.mark.sweep(1)
@pytest.mark.parametrize("mass", [0.3, 1.0, 4.0])
def test_the_literal_yukawa_flow_balances_with_its_births_only(mass):
    law = InverseGaussian(mass)
    straight = lambda squared, dim, sigma: law.stretch(law.height(sigma)) / law.height(sigma)
    for dim in DIMS:
        assert residuals(law, dim, straight, law.growth).max() < 1e-6
        assert residuals(law, dim, straight).min() > 1e-3


def test_yukawa_kernel_and_velocity_are_the_closed_forms():
    law, m = InverseGaussian(1.3), 1.3
    z, r = (a.ravel() for a in np.meshgrid([0.01, 0.3, 2.0, 50.0], [0.001, 0.5, 3.0, 40.0]))
    rho, sigma = np.hypot(r, z), np.asarray(jax.vmap(law.level)(z))
    np.testing.assert_allclose(jax.vmap(law.height)(sigma), z, rtol=1e-12)
    closed = (1 / z + m * rho / (rho + z)) / (1 + m * rho) * np.asarray(jax.vmap(law.stretch)(z))
    found = jax.jit(jax.vmap(lambda q, s: law.rate(q, 2, s)))(r * r, sigma)
    np.testing.assert_allclose(found, closed, rtol=1e-8)
    for dim in DIMS:
        half = (dim + 1) / 2
        log = np.log(2 * z) + half * np.log(m / (2 * np.pi * rho)) + m * (z - rho)
        log += np.log(special.kve(half, m * rho))
        found = jax.jit(jax.vmap(lambda q, s, dim=dim: law.log_kernel(q, dim, s)))(r * r, sigma)
        np.testing.assert_allclose(found, log, atol=1e-6)


def test_limits_of_yukawa():
    """m → 0 is Poisson, m z → ∞ is heat, to 1e-3."""
    squared = jnp.asarray([0.01, 0.5, 2.0, 9.0])
    for dim in DIMS:
        light, heavy = InverseGaussian(1e-4), InverseGaussian(1e6)
        for law, limit in ((light, InverseGamma(1.0)), (heavy, Fixed())):
            kernel = jax.jit(jax.vmap(lambda s, law=law, dim=dim: law.log_kernel(s, dim, 1.0)))(
                squared
            )
            wanted = jax.vmap(lambda s, law=limit, dim=dim: law.log_kernel(s, dim, 1.0))(squared)
            np.testing.assert_allclose(kernel, wanted, atol=1e-3)
            rate = jax.jit(jax.vmap(lambda s, law=law, dim=dim: law.rate(s, dim, 1.0)))(squared)
            np.testing.assert_allclose(rate, 1.0, rtol=1e-3)


def test_fractional_with_exponent_one_is_the_cauchy_law():
    for squared in (0.0, 1.0, 1e4):
        fractional = Stable(1.0).log_kernel(squared, 2, 1.0)
        cauchy = InverseGamma(1.0).log_kernel(squared, 2, 1 / np.sqrt(2))
        assert float(fractional) == pytest.approx(float(cauchy), abs=1e-7)


def test_bessel_and_mills():
    scaled = jax.jit(log_bessel_ke, static_argnums=0)
    for order in (0.5, 1.0, 1.5, 2.0, 10.5, 32.5):
        for x in (0.03, 0.5, 3.0, 100.0, 1e5):
            value = float(scaled(order, x))
            assert value == pytest.approx(np.log(special.kve(order, x)), abs=1e-6)
    a = np.linspace(0.0, 30.0, 301)
    wanted = np.sqrt(np.pi / 2) * special.erfcx(a / np.sqrt(2))
    np.testing.assert_allclose(mills(jnp.asarray(a)), wanted, rtol=1e-7)


@pytest.mark.sweep(1)
@pytest.mark.parametrize("mass", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("dim", [1, 2, 5])
def test_the_velocity_is_the_mean_over_the_operational_time(mass, dim):
    """z-score of 2e5 draws below 5 (once in 2 million): binned by |x − y|, against c(r)."""
    law, sigma = InverseGaussian(mass), 0.7
    z = float(law.height(sigma))
    time_key, noise_key = jax.random.split(jax.random.key(3))
    draw = jax.jit(jax.vmap(lambda k: law.draw(sigma, key=k)))
    s = draw(jax.random.split(time_key, 200_000))
    squared = s * jnp.sum(jax.random.normal(noise_key, (200_000, dim)) ** 2, axis=1)
    latent = (1 - mass * jnp.sqrt(s) * mills((mass * s + z) / jnp.sqrt(s))) / z * law.stretch(z)
    gap = np.asarray(latent - jax.jit(jax.vmap(lambda q: law.rate(q, dim, sigma)))(squared))
    order = np.argsort(squared)
    for part in np.array_split(gap[order], 8):
        assert abs(part.mean()) < 5 * part.std() / np.sqrt(part.size)
    biased = gap + 0.05 * np.asarray(latent)
    assert abs(biased.mean()) > 5 * biased.std() / np.sqrt(biased.size)

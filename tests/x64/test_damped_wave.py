"""The telegraph kernels in double precision: the walk's formulas, and the tables against transforms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from noneq.processes import Karras, Telegraph
from noneq.processes.waves import damped_wave, kac_walk
from noneq.processes.waves.radial import radial_kernel


TIMES = (0.05, 3.0, 900.0)
SETTINGS = {2: 0.4, 3: 0.7}
LEVELS = (0.06, 0.77, 1.3, 2.9)


def spectrum(k, t):
    """T(k, t) and ∂T/∂t of p_tt + 2 p_t = ∇²p with complex roots, written out."""
    q = np.sqrt(k**2 - 1 + 0j)
    q = np.where(abs(q) < 1e-9, 1e-9, q)
    value = np.exp(-t) * (np.cos(q * t) + np.sin(q * t) / q)
    return value.real, (-np.exp(-t) * np.sin(q * t) * (q + 1 / q)).real


def direct(dim, blur, level, r):
    """Density and outward current/density per unit time, at the radii r, by transforms."""
    t = kac_walk.walk_time(np.array(level), np)
    k = np.linspace(0, 9 / blur, 2 * int(9 / blur * (r[-1] + 1) / 0.1) + 1)
    bell = np.exp(-((blur * k) ** 2) / 2)
    value, late = spectrum(k, t)
    # The normal part is known; the rest has a smooth transform at k = 0.
    s2 = level**2 + blur**2
    normal = np.exp(-(r**2) / 2 / s2) / (2 * np.pi * s2) ** (dim / 2)
    p = normal + (bell * value - np.exp(-s2 * k**2 / 2)) @ radial_kernel(k, r, dim)
    # The current through a sphere is minus the rate of the mass inside, a transform in dim + 2.
    inside = (bell * late / np.maximum(k, 1e-9) ** 2) @ radial_kernel(k, r, dim + 2)
    return p, -2 * np.pi * r * inside / p


@pytest.mark.parametrize("t", TIMES)
def test_walk_has_its_mass_and_variance(t):
    nodes, weights = np.polynomial.legendre.leggauss(400)
    z, w = t * nodes, t * weights
    density = np.exp(jax.vmap(kac_walk.log_inside, (0, None))(z, t))
    front = np.exp(-t)
    assert w @ density + front == pytest.approx(1, abs=1e-10)
    variance = t - (1 - np.exp(-2 * t)) / 2
    assert w @ (density * z**2) + front * t**2 == pytest.approx(variance, rel=1e-9)
    level = np.sqrt(variance)
    assert float(kac_walk.walk_time(level)) == pytest.approx(t, rel=1e-9)
    slope = jax.grad(kac_walk.walk_time)(level)
    assert float(slope) == pytest.approx(float(kac_walk.stretch(t, level)), rel=1e-9)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("blur", [0.1, 1.0])
def test_blurred_walk_is_the_transform(level, blur):
    r = np.linspace(0.01, 4 * np.hypot(level, blur), 60)
    p, velocity = direct(1, blur, level, r)
    t = kac_walk.walk_time(jnp.asarray(level))
    found = jax.jit(jax.vmap(lambda z: kac_walk.blurred(z, t, level, blur)))(jnp.asarray(r))
    np.testing.assert_allclose(np.exp(found.away), p, rtol=0, atol=1e-9 * p.max())
    seen = p > 1e-5 * p.max()
    np.testing.assert_allclose(found.velocity[seen], velocity[seen], rtol=1e-5, atol=1e-7)


@pytest.mark.sweep(1)
@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("level", LEVELS)
def test_table_is_the_transform(dim, level):
    blur = SETTINGS[dim]
    process = Telegraph(1.0, 1.0, blur)
    tau = process.schedule.tau(level)
    s = np.hypot(level, blur)
    r = np.linspace(0.013, 6, 200) * s
    x = jnp.zeros((200, dim)).at[:, 0].set(r)
    y = jnp.zeros(dim)
    p, velocity = direct(dim, blur, level, r)
    log_kernel = jax.jit(jax.vmap(lambda x: process.log_kernel(x, y, tau)))
    found = np.exp(log_kernel(x))
    # The error of the table.
    np.testing.assert_allclose(found, p, rtol=0, atol=4e-6 * p.max())
    surface = 2 * np.pi ** (dim / 2) / special.gamma(dim / 2)
    fine = np.linspace(0, 9, 3001) * s
    fine_x = jnp.zeros((3001, dim)).at[:, 0].set(fine)
    mass = np.exp(log_kernel(fine_x))
    total = np.trapezoid(mass * fine ** (dim - 1), fine) * surface
    assert total == pytest.approx(1, abs=1e-6)
    flow = jax.jit(jax.vmap(lambda x: process.conditional_velocity(x, y, tau)))(x)[:, 0]
    time = float(kac_walk.stretch(kac_walk.walk_time(level), level))
    clock = time * float(process.schedule.rates(tau)[3])
    seen = p > 1e-3 * p.max()
    size = abs(clock * velocity[seen]).max()
    np.testing.assert_allclose(flow[seen], clock * velocity[seen], rtol=0, atol=3e-4 * size)


def residual(process, dim, tau, x, flow):
    """∂p/∂tau + div(p u), relative to the largest ∂p/∂tau."""
    y = jnp.zeros(dim)
    p = lambda x, tau: jnp.exp(process.log_kernel(x, y, tau))

    @jax.jit
    @jax.vmap
    def terms(x):
        current = lambda x: p(x, tau) * flow(x, y, tau)
        return jax.grad(p, 1)(x, tau), jnp.trace(jax.jacfwd(current)(x))

    late, spread = terms(x)
    return float(jnp.abs(late + spread).max() / jnp.abs(late).max())


@pytest.mark.sweep(1)
@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("level", [0.1, 0.8, 5.0])
def test_velocity_carries_the_density(dim, level, rng):
    process = Telegraph(1.0, 1.0, SETTINGS.get(dim, 0.2))
    tau = process.schedule.tau(level)
    x = jnp.asarray(rng.normal(size=(40, dim)) * np.hypot(level, process.blur))
    assert residual(process, dim, tau, x, process.conditional_velocity) < 1e-6
    # The broken twin has the velocity of heat.
    heat = lambda x, y, tau: process.rate(0.0, dim, tau) * (x - y)
    assert residual(process, dim, tau, x, heat) > 1e-2


@pytest.mark.sweep(1)
@pytest.mark.parametrize(("dim", "bad", "good"), [(2, 0.31, 0.32), (3, 0.6, 0.61)])
def test_density_is_positive_from_the_named_blur_on(dim, bad, good):
    levels = np.geomspace(0.4, 2.0, 12)
    least = lambda blur: min(
        (p := direct(dim, blur, level, np.linspace(1e-3, 3 * np.hypot(level, blur), 90))[0]).min()
        / p.max()
        for level in levels
    )
    assert least(bad) < -1e-3
    assert least(good) > 0
    # A table at the limit is finite.
    table = damped_wave.wave_table(good, dim, np.log(0.01), np.log(30.0))
    assert np.isfinite(table.values).all()


@pytest.mark.sweep(1)
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_perturbed_velocity_is_the_conditional_one(dim, key):
    process = Telegraph(2.0, 1.5, {1: 0.0, 2: 0.3, 3: 0.5}[dim], Karras(sigma_max=20.0))
    y = jnp.full(dim, 0.3)
    for level in (0.01, 0.5, 15.0):
        tau = process.schedule.tau(level)
        for one in jax.random.split(key, 8):
            noised = process.perturb(y, tau, key=one)
            again = process.conditional_velocity(noised.x, y, tau)
            scale = float(jnp.abs(noised.velocity).max())
            np.testing.assert_allclose(noised.velocity, again, rtol=0, atol=1e-5 * scale)

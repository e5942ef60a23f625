"""Kernels from the spectrum agree with their closed forms in 1, 2 and 3 dimensions."""

import math

import numpy as np
import pytest
from scipy import special

from noneq.errors import InvalidInput
from noneq.pde import PDE, spectrum, zoo
from noneq.processes.waves.radial import radial_density


R = np.linspace(0.05, 4.0, 40)


def heat(r, t, dim):
    return (4 * np.pi * t) ** (-dim / 2) * np.exp(-(r**2) / (4 * t))


def poisson(r, t, dim):
    scale = special.gamma((dim + 1) / 2) * np.pi ** (-(dim + 1) / 2)
    return scale * t / (t**2 + r**2) ** ((dim + 1) / 2)


def yukawa(r, z, dim, m=1.0):
    """Normalised: the mass exp(-m z) that is left is divided out."""
    half, rho = (dim + 1) / 2, np.sqrt(r**2 + z**2)
    bessel = special.kv(half, m * rho)
    return 2 * np.exp(m * z) * (2 * np.pi) ** -half * m**half * z * rho**-half * bessel


def agrees(name, dim, closed, t, mass=1.0):
    k = np.linspace(0.0, 40.0 / t, 20001)
    found = radial_density(spectrum(zoo(dim)[name], k, t), k, R, dim) / mass
    return np.allclose(found, closed(R, t, dim), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("dim", [1, 2, 3, 4, 5])
def test_closed_forms(dim):
    assert agrees("diffusion", dim, heat, 0.4)
    assert agrees("poisson", dim, poisson, 0.8)
    assert agrees("yukawa", dim, yukawa, 0.8, math.exp(-0.8))
    assert not agrees("yukawa", dim, poisson, 0.8, math.exp(-0.8))
    assert not agrees("fractional", dim, poisson, 0.8)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_yukawa_goes_to_poisson_and_to_heat(dim):
    k = np.linspace(0, 8, 50)
    light = spectrum(PDE("u_tt + lap(u) - m**2*u", dim=dim, m=1e-4), k, 1.0)
    np.testing.assert_allclose(light, spectrum(zoo(dim)["poisson"], k, 1.0), atol=1e-3)
    heavy = spectrum(PDE("u_tt + lap(u) - m**2*u", dim=dim, m=300.0), k, 600.0 / 300.0)
    still = np.exp(-300.0 * 2.0)
    np.testing.assert_allclose(heavy / still, np.exp(-(k**2) / 300.0), atol=1e-3)


def test_telegraph_spectrum_is_the_telegraph_walk():
    # P(no flip) 2 cosh-like: characteristic function of a walk of speed 1 and flip rate eps
    eps, t = 0.8, 1.3
    pde = PDE("u_tt + 2*eps*u_t - lap(u)", dim=1, eps=eps)
    rng = np.random.default_rng(0)
    n, x = 400_000, np.zeros(400_000)
    left, sign = np.full(n, t), rng.choice([-1.0, 1.0], n)
    while np.any(left > 0):
        step = np.minimum(rng.exponential(1 / eps, n), left)
        x, left, sign = x + sign * step, left - step, -sign
    for k in (0.5, 1.0, 3.0):
        values = np.cos(k * x)
        error = values.std() / math.sqrt(n)
        assert abs(values.mean() - spectrum(pde, k, t).item()) < 5 * error


def test_densities_start_at_rest():
    k = np.linspace(0.1, 5, 20)
    for name in ("wave", "dissipative_wave", "klein_gordon"):
        pde = zoo()[name]
        np.testing.assert_allclose(spectrum(pde, k, 0.0), 1.0, atol=1e-9)
        np.testing.assert_allclose(spectrum(pde, k, 1e-4), 1.0, atol=1e-6)
    np.testing.assert_allclose(spectrum(zoo()["wave"], k, 2.0), np.cos(2 * k), atol=1e-9)


def test_equal_roots_are_regular():
    near = spectrum(zoo()["dissipative_wave"], np.array([1 - 1e-6, 1.0, 1 + 1e-6]), 3.0)
    np.testing.assert_allclose(near, math.exp(-3) * (1 + 3), rtol=1e-5)


def test_lists_are_arrays():
    heat = zoo()["diffusion"]
    np.testing.assert_array_equal(spectrum(heat, [0.5, 1.0], [2]), spectrum(heat, (0.5, 1.0), 2.0))


def test_bad_requests():
    with pytest.raises(InvalidInput, match="not linear"):
        spectrum(zoo()["schrodinger"], 1.0, 1.0)
    with pytest.raises(InvalidInput, match="from 0 on"):
        spectrum(zoo()["wave"], 1.0, -1.0)
    with pytest.raises(InvalidInput, match="equally spaced"):
        radial_density(np.ones(3), np.array([0.0, 1.0, 3.0]), R, 2)
    with pytest.raises(InvalidInput, match="odd number"):
        radial_density(np.ones(4), np.arange(4.0), R, 2)
    with pytest.raises(InvalidInput, match="dim is 0"):
        radial_density(np.ones(3), np.arange(3.0), R, 0)

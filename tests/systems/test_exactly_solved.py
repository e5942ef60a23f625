"""Linear, double well, swirl and ring: what they say of themselves is true."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm

from noneq.errors import InvalidInput
from noneq.simulation import simulate
from noneq.systems import DoubleWell, DrivenRing, Linear, Swirl


A = ((1.0, -0.8), (0.4, 0.7))
D = ((0.5, 0.2), (0.2, 0.9))


def fokker_planck_residual(system, x):
    """div(f p − D ∇p)/p for a constant scalar D, from the stated log density."""
    noise = float(system.diffusion(0.0, x)) ** 2 / 2
    flux = lambda x: system.drift(0.0, x) - noise * jax.grad(system.log_density)(x)
    score = jax.grad(system.log_density)(x)
    return jnp.trace(jax.jacfwd(flux)(x)) + flux(x) @ score


@pytest.mark.parametrize("system", [Swirl(q=2.0), DoubleWell(), Linear()], ids=repr)
def test_the_stated_density_is_stationary(system, rng):
    for x in rng.uniform(-1.2, 1.2, (5, *system.event_shape)).astype(np.float32):
        assert abs(fokker_planck_residual(system, jnp.asarray(x))) < 2e-3


@pytest.mark.parametrize(
    ("system", "half_width"), [(Swirl(q=2.0), 3.0), (DoubleWell(), 3.0), (Linear(), 7.0)], ids=repr
)
def test_densities_are_normalised(system, half_width):
    axis = np.linspace(-half_width, half_width, 400)
    grid = np.stack(np.meshgrid(*[axis] * system.event_shape[0]), -1)
    grid = jnp.asarray(grid.reshape(-1, *system.event_shape), jnp.float32)
    cell = (axis[1] - axis[0]) ** system.event_shape[0]
    total = np.exp(np.asarray(jax.vmap(system.log_density)(grid), np.float64)).sum() * cell
    np.testing.assert_allclose(total, 1.0, atol=1e-4)


def test_ring_density_is_normalised_and_carries_the_current():
    """J = f p − D p' is the same everywhere and equals ``current``."""
    ring = DrivenRing(force=3.0, amplitude=2.0, beta=0.8)
    grid = np.arange(512) * 2 * np.pi / 512
    log_p = jax.vmap(ring.log_density)(jnp.asarray(grid[:, None], jnp.float32))
    p = np.exp(np.asarray(log_p, np.float64))
    np.testing.assert_allclose(p.mean() * 2 * np.pi, 1.0, atol=1e-5)
    slope = (np.roll(p, -1) - np.roll(p, 1)) / (2 * grid[1])
    flux = (3.0 + 2.0 * np.sin(grid)) * p - slope / 0.8
    np.testing.assert_allclose(flux, ring.current(), rtol=3e-3)


@pytest.mark.parametrize(("force", "beta"), [(-3.0, 2.0), (0.0, 2.0), (1.5, 200.0), (-0.4, 30.0)])
def test_ring_density_carries_one_current(force, beta):
    ring = DrivenRing(force=force, beta=beta)
    x = np.linspace(0, 2 * np.pi, 4096, endpoint=False)
    p = np.exp(np.asarray(jax.vmap(ring.log_density)(x[:, None]), np.float64))
    np.testing.assert_allclose(p.mean() * 2 * np.pi, 1, rtol=1e-4)
    # The mean force over the steady law is 2π J, as the current is the same everywhere.
    mean = np.average(force + np.sin(x), weights=p)
    np.testing.assert_allclose(mean, 2 * np.pi * ring.current(), atol=2e-4 * max(1, abs(force)))


def test_linear_transition_solves_its_equations():
    """dS/dt = −A S − S A^T + 2D by central differences, and the limits."""
    system = Linear(A=A, D=D)
    a, d = np.array(A), np.array(D)
    decay, s = system.transition(0.6)
    np.testing.assert_allclose(decay, expm(-0.6 * a), rtol=1e-10)
    slope = (system.transition(0.6 + 1e-5)[1] - system.transition(0.6 - 1e-5)[1]) / 2e-5
    np.testing.assert_allclose(slope, -a @ s - s @ a.T + 2 * d, rtol=1e-6)
    np.testing.assert_allclose(
        system.transition(60.0)[1], system.stationary_covariance(), rtol=1e-10
    )


def test_linear_noise_has_the_stated_diffusivity():
    for given in (D, ((0.3, 0.0), (0.0, 2.0)), ((0.7, 0.0), (0.0, 0.7))):
        b = np.asarray(Linear(A=A, D=given).diffusion(0.0, jnp.zeros(2)))
        matrix = b if b.ndim == 2 else np.diag(np.broadcast_to(b, 2))
        np.testing.assert_allclose(matrix @ matrix.T / 2, given, rtol=1e-5)


def test_linear_starts_from_what_is_asked(key):
    mean, covariance = (3.0, -1.0), ((0.5, 0.3), (0.3, 0.4))
    system = Linear(A=A, D=D, start_mean=mean, start_covariance=covariance)
    x = simulate(system, [0.0], n=20_000, key=key).at(0.0)
    stderr = np.sqrt(0.5 / 20_000)
    np.testing.assert_allclose(x.mean(0), mean, atol=5 * stderr)
    np.testing.assert_allclose(np.cov(x.T), covariance, atol=5 * stderr)


def test_swirl_starts_in_its_stationary_law(key):
    x = simulate(Swirl(beta=2.0), [0.0], n=20_000, key=key).at(0.0).astype(np.float64)
    axis = np.linspace(-3, 3, 2001)
    weight = np.exp(-2.0 * (axis**2 - 1) ** 2)
    second, fourth = (np.sum(weight * axis**k) / weight.sum() for k in (2, 4))
    z = (np.mean(x[:, 0] ** 2) - second) / np.sqrt((fourth - second**2) / len(x))
    assert abs(z) < 5
    assert abs(np.mean(x[:, 1] ** 2) - 0.25) < 5 * 0.25 * np.sqrt(2 / len(x))


def test_linear_takes_arrays_and_stays_comparable():
    assert Linear(A=np.array(A), D=np.array(D)) == Linear(A=A, D=D)
    assert hash(Linear(A=np.array(A), D=np.array(D))) == hash(Linear(A=A, D=D))


@pytest.mark.parametrize(
    ("build", "match"),
    [
        (lambda: Linear(A=((1.0, 2.0),)), "square"),
        (lambda: Linear(A=((1.0,),), D=((1.0, 0.0), (0.0, 1.0))), "D has shape"),
        (lambda: Linear(D=((1.0, 2.0), (2.0, 1.0))), "semi-definite"),
        (lambda: Linear(D=((1.0, 0.2), (0.0, 1.0))), "symmetric"),
        (lambda: Linear(A=((-1.0,),), D=((1.0,),)), "start_covariance"),
        (lambda: Linear(start_mean=(1.0,)), "start_mean"),
        (lambda: DoubleWell(beta=-1.0), "beta"),
        (lambda: Swirl(beta=0.0), "beta"),
        (lambda: DrivenRing(beta=0.0), "beta"),
    ],
)
def test_bad_fields_are_refused(build, match):
    with pytest.raises(InvalidInput, match=match):
        build()

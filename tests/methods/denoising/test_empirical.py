"""The exact denoiser of a finite data set against sums written out with NumPy in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.errors import InvalidInput
from noneq.models import EmpiricalDenoiser
from noneq.processes import VE, VP, Cosine, Gaussian, Karras, Reflected


POINTS = np.asarray([[-0.7, 0.2], [0.5, 0.9], [0.6, -0.8], [0.5, 0.9]])
TAUS = (0.3, 0.6, 0.9)
PROCESSES = {
    "Karras": Gaussian(Karras(sigma_max=20.0)),
    "VP": Gaussian(VP()),
    "Cosine": Gaussian(Cosine()),
    "Reflected": Reflected(VE(0.01, 3.0)),
}


def kernels(process, x, tau):
    """k_tau(x | y) for every y, and its gradient in x: ``(n,)`` and ``(n, 2)``."""
    alpha, sigma = (float(value) for value in process.schedule(tau))
    if isinstance(process, Gaussian):
        away = x - alpha * POINTS
        value = np.exp(-(away**2).sum(1) / (2 * sigma**2)) / (2 * np.pi * sigma**2)
        return value, -away / sigma**2 * value[:, None]
    shift = 4.0 * np.arange(-30, 31)[:, None, None]
    away = np.concatenate([x - POINTS + shift, x + POINTS - 2 + shift])
    bells = np.exp(-(away**2) / (2 * sigma**2)) / np.sqrt(2 * np.pi * sigma**2)
    each, slope = bells.sum(0), (-away / sigma**2 * bells).sum(0)
    return each.prod(1), slope * each[:, ::-1]


@pytest.mark.sweep(2)
@pytest.mark.parametrize("name", PROCESSES)
def test_density_score_and_denoiser_are_the_direct_sums(name, rng):
    process = PROCESSES[name]
    oracle = EmpiricalDenoiser(jnp.asarray(POINTS, jnp.float32), process)
    call = lambda x, tau: (
        oracle.log_prob(x, tau),
        oracle.denoise(x, tau),
        oracle.noisy_score(x, tau),
        oracle.noisy_velocity(x, tau),
    )
    call, others = jax.jit(call), []
    for tau in TAUS:
        x = rng.uniform(-0.95, 0.95, 2)
        value, slope = kernels(process, x, tau)
        score = slope.sum(0) / value.sum()
        log_prob, clean, found, velocity = call(jnp.asarray(x, jnp.float32), tau)
        assert float(log_prob) == pytest.approx(np.log(value.mean()), abs=1e-4)
        np.testing.assert_allclose(clean, value @ POINTS / value.sum(), atol=2e-5)
        size = 1 + np.abs(score).max()
        np.testing.assert_allclose(found, score, atol=2e-4 * size)
        a, g2 = (
            float(f(tau)) for f in (process.schedule.drift, process.schedule.diffusion_squared)
        )
        flow = a * x - 0.5 * g2 * score
        np.testing.assert_allclose(velocity, flow, atol=5e-4 * (1 + np.abs(flow).max()))
        fewer = EmpiricalDenoiser(oracle.points.value[:3], process)
        others.append(abs(float(fewer.log_prob(jnp.asarray(x, jnp.float32), tau) - log_prob)))
    # The broken twin leaves a repeated point out.
    assert max(others) > 1e-3


def test_tweedie_holds_for_gaussian_noise(rng):
    process = PROCESSES["VP"]
    oracle = EmpiricalDenoiser(jnp.asarray(POINTS, jnp.float32), process)
    x = jnp.asarray(rng.normal(size=2), jnp.float32)
    alpha, sigma = process.schedule(0.4)
    tweedie = (x + sigma**2 * oracle.noisy_score(x, 0.4)) / alpha
    np.testing.assert_allclose(oracle.denoise(x, 0.4), tweedie, atol=1e-4)


def test_between_walls_nothing_crosses():
    oracle = EmpiricalDenoiser(jnp.asarray(POINTS, jnp.float32), PROCESSES["Reflected"])
    for wall in (-1.0, 1.0):
        score = oracle.noisy_score(jnp.asarray([wall, wall]), 0.9)
        np.testing.assert_allclose(score, 0.0, atol=1e-4)


def test_states_of_any_shape():
    fields = jnp.asarray(np.random.default_rng(0).normal(size=(5, 2, 3, 3)), jnp.float32)
    oracle = EmpiricalDenoiser(fields, Gaussian(Karras()))
    # Hardly any noise: the nearest point itself.
    np.testing.assert_allclose(oracle.denoise(fields[3] + 1e-3, 0.0), fields[3], atol=1e-6)
    assert oracle.noisy_score(fields[0], 0.5).shape == (2, 3, 3)


def test_no_points_are_refused():
    with pytest.raises(InvalidInput, match="n ≥ 1"):
        EmpiricalDenoiser(jnp.zeros((0, 2)), Gaussian())

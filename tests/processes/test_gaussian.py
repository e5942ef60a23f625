"""The Gaussian family: schedules, perturbation, targets and weights against their formulas."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.errors import InvalidInput
from noneq.processes import (
    VE,
    VP,
    Cosine,
    Data,
    Gaussian,
    Karras,
    Likelihood,
    LogNormal,
    Noise,
    Preconditioned,
    Score,
    Straight,
    SubVP,
    UnitVelocity,
    V,
    Velocity,
)


SCHEDULES = [VP(), SubVP(), VE(), Karras(), Cosine(), Straight()]
TARGETS = [Noise(), Data(), Score(), V(), Velocity(), Preconditioned()]
name = lambda value: type(value).__name__


@pytest.mark.parametrize("schedule", SCHEDULES, ids=name)
def test_tau_inverts_the_noise_to_signal_ratio(schedule):
    tau = np.linspace(0.05, 0.95, 7)
    alpha, sigma = jax.vmap(schedule)(jnp.asarray(tau))
    np.testing.assert_allclose(jax.vmap(schedule.tau)(sigma / alpha), tau, rtol=2e-4)


def test_vp_rates_equal_the_published_sde():
    schedule = VP(0.1, 20.0)
    tau = jnp.asarray(0.37)
    beta = 0.1 + 0.37 * 19.9
    np.testing.assert_allclose(schedule.drift(tau), -beta / 2, rtol=1e-5)
    np.testing.assert_allclose(schedule.diffusion_squared(tau), beta, rtol=1e-4)


def test_sub_vp_diffusion_equals_the_published_one():
    tau, b0, b1 = 0.4, 0.1, 20.0
    expected = (b0 + tau * (b1 - b0)) * (1 - np.exp(-2 * b0 * tau - (b1 - b0) * tau**2))
    np.testing.assert_allclose(SubVP().diffusion_squared(tau), expected, rtol=1e-4)


def test_ve_diffusion_equals_the_published_one():
    low, high, tau = 0.01, 50.0, 0.6
    sigma = low * (high / low) ** tau
    expected = 2 * sigma**2 * np.log(high / low)
    np.testing.assert_allclose(VE(low, high).diffusion_squared(tau), expected, rtol=1e-4)


def test_karras_levels_are_edms():
    i = np.arange(18)
    levels = (80 ** (1 / 7) + i / 17 * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7
    sigma = jax.vmap(Karras())(jnp.asarray(1 - i / 17))[1]
    np.testing.assert_allclose(sigma, levels, rtol=1e-4)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=name)
def test_perturbation_has_the_stated_moments_and_derivative(schedule, key):
    process, y, tau = Gaussian(schedule), jnp.asarray([0.7, -1.2]), 0.6
    alpha, sigma = schedule(tau)
    keys = jax.random.split(key, 40_000)
    x = jax.vmap(lambda k: process.perturb(y, tau, key=k).x)(keys)
    # 4 z-scores, |z| < 5: false alarm 2e-6.
    z_mean = (x.mean(0) - alpha * y) / (sigma / 200)
    z_var = (x.var(0) / sigma**2 - 1) / np.sqrt(2 / 40_000)
    assert np.abs(z_mean).max() < 5
    assert np.abs(z_var).max() < 5
    # The velocity is the derivative of x at a fixed draw; the score that of the kernel.
    h = 1e-2
    at = lambda tau: process.perturb(y, tau, key=keys[0])
    slope = (at(tau + h).x - at(tau - h).x) / (2 * h)
    np.testing.assert_allclose(at(tau).velocity, slope, rtol=2e-2, atol=2e-3)
    np.testing.assert_allclose(
        at(tau).score, -(at(tau).x - alpha * y) / sigma**2, rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize("target", TARGETS, ids=name)
@pytest.mark.parametrize("schedule", [VP(), VE(), Straight()], ids=name)
def test_every_target_reads_the_true_output_as_the_clean_state(target, schedule):
    y, xi, std = 0.8, -0.3, 0.5
    alpha, sigma, d_alpha, d_sigma = schedule.rates(0.4)
    x = alpha * y + sigma * xi
    skip, out, inside = target(alpha, sigma, d_alpha, d_sigma, jnp.asarray(std))
    truth = {
        "Noise": xi,
        "Data": y,
        "Score": -xi / sigma,
        "V": alpha * xi - sigma * y,
        "Velocity": d_alpha * y + d_sigma * xi,
        "Preconditioned": (y - skip * x) / out,
    }[name(target)]
    np.testing.assert_allclose(skip * x + out * truth, y, rtol=1e-4)
    np.testing.assert_allclose(inside, 1 / np.sqrt(alpha**2 * std**2 + sigma**2), rtol=1e-5)


def test_preconditioning_is_edms():
    sigma, sd = 0.7, 0.4
    skip, out, inside = Preconditioned()(*map(jnp.asarray, (1.0, sigma, 0.0, 1.0, sd)))
    np.testing.assert_allclose(skip, sd**2 / (sigma**2 + sd**2), rtol=1e-5)
    np.testing.assert_allclose(out, sigma * sd / np.sqrt(sigma**2 + sd**2), rtol=1e-5)
    np.testing.assert_allclose(inside, 1 / np.sqrt(sigma**2 + sd**2), rtol=1e-5)


def test_weights_are_the_published_ones_on_the_noise_error():
    sd, tau = jnp.asarray(0.4), jnp.asarray(0.5)
    sigma = Karras()(tau)[1]
    # EDM: (sigma² + sd²)/(sigma sd)² on the denoiser, whose error is sigma times the noise's.
    edm = (sigma**2 + sd**2) / (sigma * sd) ** 2 * sigma**2
    np.testing.assert_allclose(LogNormal()(tau, Karras(), sd), edm, rtol=1e-4)
    beta, variance = 0.1 + 0.5 * 19.9, VP()(tau)[1] ** 2
    np.testing.assert_allclose(Likelihood()(tau, VP(), sd), beta / variance, rtol=1e-4)
    # Straight path: xi − y off by e/(1 − tau) when the noise estimate is off by e.
    np.testing.assert_allclose(UnitVelocity()(tau, Straight(), sd), 1 / (1 - tau) ** 2, rtol=1e-4)


def test_log_normal_draws_have_edms_law(key):
    std, n = 0.5, 20_000
    tau = LogNormal().draw(n, Karras(), jnp.asarray(std), key=key)
    log_sigma = np.log(jax.vmap(Karras())(tau)[1])
    # Stratified draws: far below 5 standard errors of independent ones.
    assert abs(log_sigma.mean() + 1.2) < 5 * 1.2 / np.sqrt(n)
    assert abs(log_sigma.std() - 1.2) < 5 * 1.2 / np.sqrt(2 * n)


@pytest.mark.parametrize(
    "bad",
    [
        lambda: VE(1.0, 0.5),
        lambda: VP(0.0, 1.0),
        lambda: Karras(rho=0.0),
        lambda: LogNormal(spread=0.0),
    ],
)
def test_impossible_settings_are_refused(bad):
    with pytest.raises(InvalidInput):
        bad()


def test_a_target_that_divides_by_alpha_is_refused_where_alpha_vanishes():
    from noneq.methods import ScoreMatching

    with pytest.raises(InvalidInput, match="divides by alpha"):
        ScoreMatching(process=Gaussian(Straight()), target=Noise())
    assert isinstance(ScoreMatching(process=Gaussian(VP()), target=Noise()), eqx.Module)

"""Telegraph in single precision: draws against exact quantiles, fronts, prior, oracle, refusals."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from noneq.errors import InvalidInput
from noneq.models import EmpiricalDenoiser
from noneq.processes import VE, VP, Karras, Telegraph
from noneq.processes.waves.radial import radial_kernel
from noneq.samplers import Heun
from noneq.traits import HasNoisyVelocity


DRAWS = 100_000
SHARES = np.arange(1, 10) / 10
LIMIT = 3.9
"""Nine z-scores beyond it: false alarm 1e-3; the seed is fixed."""
PLACES = np.asarray([[0.4, 0.4], [-1.6, -1.6]])


def time_of(sigma, damping, speed):
    """The clock, by bisection on the variance of the walk."""
    low, high = 0.0, 1e5
    for _ in range(200):
        x = (low + high) / 2
        short = (speed / damping) ** 2 * (x - (1 - np.exp(-2 * x)) / 2) < sigma**2
        low, high = (x, high) if short else (low, x)
    return low / damping


def mass_within(process, dim, sigma, r):
    """P(|x − y| < r) by the transform of the ball."""
    rate, c, blur = process.damping, process.speed, process.blur
    t = time_of(sigma, rate, c)
    k = np.linspace(0, 8 / blur, 8001)
    q = np.sqrt((c * k) ** 2 - rate**2 + 0j)
    q = np.where(abs(q) < 1e-9, 1e-9, q)
    value = (np.exp(-rate * t) * (np.cos(q * t) + rate * np.sin(q * t) / q)).real
    s2 = sigma**2 + blur**2
    rest = np.exp(-((blur * k) ** 2) / 2) * value - np.exp(-s2 * k**2 / 2)
    ball = 2 * np.pi * 2 * np.pi ** (dim / 2) / special.gamma(dim / 2) * r**dim
    change = (rest / np.maximum(k, 1e-9) ** 2) @ radial_kernel(k, r, dim + 2)
    return special.gammainc(dim / 2, r**2 / 2 / s2) + ball * change


def draws(process, dim, sigma, key, n=DRAWS):
    """Displacements and velocities."""
    tau = process.schedule.tau(sigma)
    y = jnp.full(dim, 0.25)
    one = jax.jit(jax.vmap(lambda key: process.perturb(y, tau, key=key)[:2]))
    x, velocity = one(jax.random.split(key, n))
    return np.asarray(x - y, float), np.asarray(velocity, float)


def z_scores(radii, process, dim, sigma):
    """Of the share of draws below the exact deciles."""
    grid = np.linspace(1e-3, 6 * np.hypot(sigma, process.blur), 600)
    deciles = np.interp(SHARES, mass_within(process, dim, sigma, grid), grid)
    found = (radii[:, None] < deciles).mean(0)
    return (found - SHARES) / np.sqrt(SHARES * (1 - SHARES) / len(radii))


@pytest.mark.sweep(1)
@pytest.mark.parametrize(
    ("dim", "sigma"), [(1, 0.15), (2, 0.6), pytest.param(3, 0.15, marks=pytest.mark.slow)]
)
def test_draws_have_the_exact_quantiles(dim, sigma, key):
    process = Telegraph(2.0, 1.5, {1: 0.2, 2: 0.3, 3: 0.5}[dim], Karras(sigma_max=20.0))
    away, _ = draws(process, dim, sigma, key)
    radii = np.linalg.norm(away, axis=-1)
    assert np.abs(z_scores(radii, process, dim, sigma)).max() < LIMIT
    # The broken twins have half the damping, and one part in fifty too much noise.
    other = Telegraph(1.0, 1.5, 0.6 if dim == 2 else 1.0, Karras(sigma_max=40.0))
    assert np.abs(z_scores(radii, other, dim, sigma)).max() > 2 * LIMIT
    assert np.abs(z_scores(1.02 * radii, process, dim, sigma)).max() > 1.5 * LIMIT


def test_without_blur_some_walks_never_turn(key):
    process = Telegraph(2.0, 1.5)
    sigma = 0.4
    t = time_of(sigma, 2.0, 1.5)
    away, velocity = draws(process, 1, sigma, key)
    front = np.abs(away) > 1.5 * t * (1 - 1e-5)
    share = np.exp(-2.0 * t)
    assert abs(front.mean() - share) < LIMIT * np.sqrt(share * (1 - share) / DRAWS)
    assert np.abs(away).max() < 1.5 * t * (1 + 1e-5)
    # dt/dtau: the fronts run at c.
    clock = np.abs(velocity[front]).max() / 1.5
    assert np.ptp(np.abs(velocity[front])) < 1e-4 * clock
    tau = process.schedule.tau(sigma)
    later = float(process.schedule.rates(tau)[3]) * (
        (time_of(sigma + 1e-4, 2.0, 1.5) - time_of(sigma - 1e-4, 2.0, 1.5)) / 2e-4
    )
    assert clock == pytest.approx(later, rel=1e-3)
    assert (np.sign(velocity) == np.sign(away)).all()


def test_velocity_is_the_mean_of_walks_that_turn(rng):
    """Against walks simulated turn by turn."""
    t, n = 1.3, 200_000
    place, left, side = np.zeros(n), np.full(n, t), rng.choice([-1.0, 1.0], n)
    turned = np.zeros(n, bool)
    while (left > 0).any():
        run = np.minimum(rng.exponential(size=n), left)
        place += side * run
        left -= run
        side = np.where(left > 0, -side, side)
        turned |= left > 0
    process = Telegraph(1.0)
    sigma = np.sqrt(t - (1 - np.exp(-2 * t)) / 2)
    tau = process.schedule.tau(sigma)
    slope = float(process.schedule.rates(tau)[3]) * 2 * sigma / (1 - np.exp(-2 * t))
    flow = jax.jit(jax.vmap(lambda x: process.conditional_velocity(x, jnp.zeros(1), tau)))
    mean = np.asarray(flow(jnp.asarray(place[:, None], jnp.float32)))[:, 0] / slope
    np.testing.assert_allclose(mean[~turned], side[~turned], atol=1e-3)
    bins = np.digitize(place, np.linspace(-t, t, 11))
    for i in range(1, 11):
        inside = turned & (bins == i)
        gap = (side - mean)[inside]
        assert abs(gap.mean()) < 4.5 * gap.std() / np.sqrt(inside.sum())
        # The broken twin is heat's velocity z/2t.
        if i in (1, 10):
            wrong = (side - place / t / 2)[inside]
            assert abs(wrong.mean()) > 9 * wrong.std() / np.sqrt(inside.sum())


def test_prior_is_the_last_law(key):
    process = Telegraph(1.0, 1.0, 0.4, Karras(sigma_max=21.0))
    prior = process.prior(1.0)
    assert float(prior.scale) == pytest.approx(np.sqrt(441 + 0.16 + 1), rel=1e-5)
    r = np.linspace(0.1, 80, 400)
    exact = mass_within(process, 2, 21.0, r)
    normal = 1 - np.exp(-(r**2) / 2 / (441 + 0.16))
    assert np.abs(exact - normal).max() < 1e-3
    assert prior.sample((7, 2), key=key).shape == (7, 2)


class Hurried(HasNoisyVelocity):
    """The broken twin: nine tenths of the velocity."""

    inner: EmpiricalDenoiser

    @property
    def process(self):
        return self.inner.process

    @property
    def prior(self):
        return self.inner.prior

    def noisy_velocity(self, x, tau, *, time=None, condition=None):
        return 0.9 * self.inner.noisy_velocity(x, tau, time=time, condition=condition)


@pytest.mark.slow
def test_oracle_gives_the_weights_back(key):
    process = Telegraph(4.0, 1.0, 0.1)
    points = jnp.asarray(PLACES[[0, 0, 0, 0, 1]], jnp.float32)
    oracle = EmpiricalDenoiser(points, process)
    n = 4000
    draw = eqx.filter_jit(
        lambda model: Heun(100)(model, (n, 2), time=None, condition=None, key=key)
    )
    x = np.asarray(draw(oracle))
    away = np.linalg.norm(x[:, None] - PLACES, axis=-1)
    share = (away.argmin(1) == 0).mean()
    assert abs(share - 0.8) < 4 * np.sqrt(0.16 / n)
    # Points are blurred by 0.1.
    spread = (away.min(1) ** 2).mean() / 2
    assert spread == pytest.approx(0.01, rel=4 * np.sqrt(1 / n) + 0.01)
    worse = np.linalg.norm(np.asarray(draw(Hurried(oracle)))[:, None] - PLACES, axis=-1)
    assert (worse.min(1) ** 2).mean() / 2 > 0.015


@pytest.mark.sweep(1)
@pytest.mark.parametrize(("dim", "blur"), [(1, 0.0), (1, 0.2), (2, 0.2), (3, 0.4)])
def test_compiled_and_plain_agree(dim, blur, key):
    process = Telegraph(2.0, 1.0, blur)
    tau = jnp.linspace(0.0, 1.0, 512)
    y = jax.random.normal(key, (512, dim))
    keys = jax.random.split(jax.random.fold_in(key, 1), 512)

    def all_of(y, tau, key):
        x, velocity, _, _ = process.perturb(y, tau, key=key)
        flow = process.conditional_velocity(x, y, tau)
        density = process.log_kernel(x, y, tau) if blur else jnp.zeros(())
        return (x - y, velocity, flow, density), process.schedule.rates(tau)[3]

    plain, size = jax.vmap(all_of)(y, tau, keys)
    compiled, _ = jax.jit(jax.vmap(all_of))(y, tau, keys)
    for a, b, unit in zip(plain, compiled, (1, size, size, 1), strict=True):
        assert np.isfinite(np.asarray(b)).all()
        error = np.abs(np.asarray(a - b)).reshape(512, -1).max(1)
        scale = unit + np.abs(np.asarray(a)).reshape(512, -1).max(1)
        # x − y says only to 1e-7/sigma whether a walk without blur has turned.
        safe = np.arange(512) > (128 if dim == 1 else 0)
        assert (error < 2e-3 * scale)[safe].all()


def test_refusals():
    with pytest.raises(InvalidInput, match="positive damping"):
        Telegraph(0.0)
    with pytest.raises(InvalidInput, match="blur ≥ 0"):
        Telegraph(1.0, blur=-0.1)
    with pytest.raises(InvalidInput, match="shrinks the state"):
        Telegraph(1.0, schedule=VP())
    with pytest.raises(InvalidInput, match="needs 21 speed/damping = 42"):
        Telegraph(0.5, schedule=VE(0.01, 30.0))
    y = jnp.zeros(2)
    key = jax.random.key(0)
    with pytest.raises(InvalidInput, match=r"0\.32 speed/damping = 0\.16"):
        Telegraph(2.0, blur=0.1).perturb(y, 0.5, key=key)
    with pytest.raises(InvalidInput, match=r"0\.61 speed/damping"):
        jax.jit(Telegraph(1.0, blur=0.5).log_kernel)(jnp.zeros(3), jnp.zeros(3), 0.5)
    with pytest.raises(InvalidInput, match="ScaleMixture"):
        Telegraph(1.0, blur=1.0).conditional_velocity(jnp.zeros(4), jnp.zeros(4), 0.5)
    with pytest.raises(InvalidInput, match="two points of mass"):
        Telegraph(1.0).log_kernel(jnp.zeros(1), jnp.zeros(1), 0.5)

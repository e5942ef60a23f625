"""Helmholtz on a torus in single precision: draws, oracle, ends of the clock, refusals."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.errors import InvalidInput
from noneq.models import EmpiricalDenoiser
from noneq.processes import VP, Helmholtz, Karras
from noneq.samplers import Heun
from noneq.traits import HasNoisyVelocity


BOX = 8.0
DRAWS = 100_000
SHARES = np.arange(1, 10) / 10
LIMIT = 3.9
"""Nine z-scores beyond it: false alarm 1e-3; the seed is fixed."""
PLACES = np.asarray([[1.0, 1.0], [-1.0, -1.0]])


def rate(process, n):
    """√(k² − k0²) of the mode n, written out."""
    k = 2 * np.pi / process.box * np.asarray(n, float)
    return np.sqrt((k**2).sum(-1) - process.cutoff**2)


def draws(process, dim, t, key, n=DRAWS):
    tau = process.schedule.tau(t)
    y = jnp.full(dim, 3.5)
    one = jax.jit(jax.vmap(lambda key: process.perturb(y, tau, key=key)[:2]))
    x, velocity = one(jax.random.split(key, n))
    assert np.abs(np.asarray(x)).max() <= process.box / 2
    return np.asarray(process.project(x - y), float), np.asarray(velocity, float)


def z_scores(z, process, t):
    """Of the share of draws below the exact deciles, in one dimension."""
    n = np.arange(1, 2000)[:, None]
    psi = rate(process, n)[:, None]
    grid = np.linspace(-process.box / 2, process.box / 2, 4001)
    waves = 2 * np.exp(-psi * t) * np.sin(2 * np.pi * n * grid / process.box) / (2 * np.pi * n)
    below = 0.5 + grid / process.box + waves.sum(0)
    deciles = np.interp(SHARES, below, grid)
    found = (z < deciles).mean(0)
    return (found - SHARES) / np.sqrt(SHARES * (1 - SHARES) / len(z))


@pytest.mark.sweep(1)
@pytest.mark.parametrize("t", [0.1, 1.0])
def test_draws_have_the_exact_quantiles(t, key):
    process = Helmholtz(0.55, BOX)
    z, _ = draws(process, 1, t, key)
    assert np.abs(z_scores(z, process, t)).max() < LIMIT
    if t > 0.5:
        # The broken twin accepts every proposal: Poisson's kernel.
        twin, _ = draws(Helmholtz(0.0, BOX), 1, t, key)
        assert np.abs(z_scores(twin, process, t)).max() > 2 * LIMIT


@pytest.mark.slow
@pytest.mark.parametrize("dim", [2, 3])
def test_draws_have_the_modes(dim, key):
    process, t = Helmholtz(0.45, BOX), 1.5
    z, velocity = draws(process, dim, t, key)
    for n in np.asarray([[1, 0, 0], [1, 1, 0], [2, 1, 0], [1, -1, 1]])[:, :dim]:
        phase = 2 * np.pi / BOX * z @ n
        expected = np.exp(-rate(process, n) * t)
        error = np.cos(phase).std() / np.sqrt(DRAWS)
        assert abs(np.cos(phase).mean() - expected) < LIMIT * error
        # d/dt E cos k·z = −E u·k sin k·z, with dt/dtau for the clock.
        flow = -(velocity @ n) * 2 * np.pi / BOX * np.sin(phase)
        clock = float(process.schedule.rates(process.schedule.tau(t))[3])
        late = -clock * rate(process, n) * expected
        assert abs(flow.mean() - late) < LIMIT * flow.std() / np.sqrt(DRAWS)
    # The broken twin has no cutoff.
    plain = np.exp(-np.linalg.norm(2 * np.pi / BOX * np.eye(dim)[0]) * t)
    found = np.cos(2 * np.pi / BOX * z[:, 0])
    assert abs(found.mean() - plain) > 5 * LIMIT * found.std() / np.sqrt(DRAWS)


def test_the_end_is_the_uniform_prior(key):
    process = Helmholtz(0.45, BOX)
    prior = process.prior(1.0)
    x = process.project(8 * jax.random.normal(key, (256, 2)))
    assert np.abs(np.asarray(x)).max() <= 4
    last = jax.vmap(process.log_kernel, (0, None, None))(x, jnp.asarray([3.0, 1.0]), 1.0)
    np.testing.assert_allclose(last, -2 * np.log(8), atol=1e-3)
    assert float(prior.log_prob(x[0])) == pytest.approx(-2 * np.log(8))
    assert float(prior.log_prob(jnp.asarray([0.0, 4.1]))) == -np.inf
    cloud = np.asarray(prior.sample((20_000, 2), key=key))
    assert np.abs(cloud).max() <= 4
    assert (np.abs(cloud.mean(0)) < 5 * np.sqrt(16 / 3 / 20_000)).all()
    assert (np.abs((cloud**2).mean(0) - 16 / 3) < 5 * 16 * np.sqrt(4 / 45 / 20_000)).all()


class Hurried(HasNoisyVelocity):
    """The broken twin: four fifths of the velocity."""

    inner: EmpiricalDenoiser

    @property
    def process(self):
        return self.inner.process

    @property
    def prior(self):
        return self.inner.prior

    def noisy_velocity(self, x, tau, *, time=None, condition=None):
        return 0.8 * self.inner.noisy_velocity(x, tau, time=time, condition=condition)


@pytest.mark.slow
def test_oracle_gives_the_weights_back(key):
    points = jnp.asarray(PLACES[[0, 0, 0, 0, 1]], jnp.float32)
    oracle = EmpiricalDenoiser(points, Helmholtz(0.45, BOX))
    n = 2000
    draw = eqx.filter_jit(lambda model: Heun(40)(model, (n, 2), time=None, condition=None, key=key))
    away = np.linalg.norm(np.asarray(draw(oracle))[:, None] - PLACES, axis=-1)
    share = (away.argmin(1) == 0).mean()
    assert abs(share - 0.8) < 4 * np.sqrt(0.16 / n)
    # At the last level 0.002 the points are Poisson's kernel: P(|z| > r) = t/√(t² + r²).
    beyond = lambda away: (away.min(1) > 0.02).mean()
    exact = 1 / np.sqrt(1 + 10**2)
    assert abs(beyond(away) - exact) < 4 * np.sqrt(exact * (1 - exact) / n)
    worse = np.linalg.norm(np.asarray(draw(Hurried(oracle)))[:, None] - PLACES, axis=-1)
    assert beyond(worse) > 2 * exact


@pytest.mark.sweep(1)
@pytest.mark.parametrize(
    ("dim", "cutoff"), [(1, 0.58), pytest.param(3, 0.46, marks=pytest.mark.slow)]
)
def test_compiled_and_plain_agree_and_are_finite(dim, cutoff, key):
    process = Helmholtz(cutoff, BOX)
    tau = jnp.linspace(0.0, 1.0, 512)
    y = process.project(4 * jax.random.normal(key, (512, dim)))
    x = process.project(4 * jax.random.normal(jax.random.fold_in(key, 1), (512, dim)))

    def both(x, y, tau):
        return process.conditional_velocity(x, y, tau), process.log_kernel(x, y, tau)

    plain, compiled = jax.vmap(both)(x, y, tau), jax.jit(jax.vmap(both))(x, y, tau)
    for a, b in zip(plain, compiled, strict=True):
        assert np.isfinite(np.asarray(b)).all()
        scale = np.abs(np.asarray(a)).reshape(512, -1).max(1)
        # Far from y at the first levels the kernel is a small difference: 1e-7 of the mean.
        error = np.abs(np.asarray(a - b)).reshape(512, -1).max(1) / (1e-3 + scale)
        assert (error[64:] < 5e-3).all()
        assert (error < 5e-2).all()


def test_refusals():
    with pytest.raises(InvalidInput, match=r"cutoff < 2 pi/box = 0\.7854"):
        Helmholtz(0.8, BOX)
    with pytest.raises(InvalidInput, match="positive box"):
        Helmholtz(0.1, 0.0)
    with pytest.raises(InvalidInput, match="Set sigma_max to 12.6 or more"):
        Helmholtz(0.37, BOX, Karras(sigma_max=10.0))
    with pytest.raises(InvalidInput, match="shrinks the state"):
        Helmholtz(0.1, BOX, VP())
    key = jax.random.key(0)
    near = Helmholtz(0.55, BOX)
    near.perturb(jnp.zeros(1), 0.5, key=key)
    with pytest.raises(InvalidInput, match=r"2 pi = 0\.7003; in 2 dimensions"):
        near.perturb(jnp.zeros(2), 0.5, key=key)
    with pytest.raises(InvalidInput, match="at most 0.595"):
        near.log_kernel(jnp.zeros(3), jnp.zeros(3), 0.5)
    with pytest.raises(InvalidInput, match="ScaleMixture"):
        near.conditional_velocity(jnp.zeros(4), jnp.zeros(4), 0.5)

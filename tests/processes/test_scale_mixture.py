"""Scale mixtures in single precision: draws against exact quantiles, oracles, refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from noneq.errors import InvalidInput
from noneq.methods import ScoreMatching
from noneq.models import EmpiricalDenoiser
from noneq.processes import (
    VP,
    Fixed,
    InverseGamma,
    InverseGaussian,
    ScaleMixture,
    Screened,
    Stable,
)
from noneq.samplers import Heun, StraightHeun


LAWS = {
    "heat": Fixed(),
    "Poisson": InverseGamma(1.0),
    "PFGM++": InverseGamma(8.0),
    "Yukawa": InverseGaussian(1.0),
    "fractional": Stable(1.5),
}
POINTS = jnp.asarray([[0.4, 0.0]] * 4 + [[-1.6, 0.0]])
DRAWS = 400_000


def share_below(law, dim, sigma, key, *, stretch=1.0):
    """z-scores of the shares of draws below the exact deciles of |x − y|."""
    process = ScaleMixture(law=law)
    tau, y = process.schedule.tau(sigma), jnp.full(dim, 0.3)
    move = jax.jit(jax.vmap(lambda key: jnp.linalg.norm(process.perturb(y, tau, key=key).x - y)))
    drawn = stretch * np.asarray(move(jax.random.split(key, DRAWS)), np.float64)
    r = np.geomspace(1e-5, 1e8, 60_001) * sigma
    log_p = jax.jit(jax.vmap(lambda q: law.log_kernel(q, dim, sigma)))(r**2)
    area = 2 * np.pi ** (dim / 2) / special.gamma(dim / 2)
    shell = area * np.exp(np.asarray(log_p, np.float64) + dim * np.log(r))
    below = np.cumsum(shell) * np.log(r[1] / r[0])
    assert below[-1] == pytest.approx(1, abs=2e-4)
    levels = np.arange(1, 10) / 10
    edges = np.interp(levels, below / below[-1], r)
    found = (drawn[:, None] < edges).mean(0)
    return (found - levels) / np.sqrt(levels * (1 - levels) / DRAWS)


@pytest.mark.sweep(2)
@pytest.mark.parametrize("dim", [pytest.param(1, marks=pytest.mark.slow), 5])
@pytest.mark.parametrize("name", LAWS)
def test_draws_have_the_exact_quantiles(name, dim, key):
    """All nine of a law within 4.4 standard errors: false alarm 1e-4 a case."""
    assert np.abs(share_below(LAWS[name], dim, 0.7, key)).max() < 4.4
    # Radii that are 1 % too large are found.
    assert np.abs(share_below(LAWS[name], dim, 0.7, key, stretch=1.01)).max() > 4.4


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Yukawa", "PFGM++"])
def test_the_oracle_is_sampled_back(name, key):
    """Charges .8 and .2: z-score of 4,000 draws below 5, from both samplers."""
    oracle = EmpiricalDenoiser(POINTS, ScaleMixture(law=LAWS[name]))
    for sampler in (StraightHeun(steps=48), Heun(steps=64)):
        draw = jax.jit(
            lambda key, s=sampler: s(oracle, (4000, 2), time=None, condition=None, key=key)
        )
        x = np.asarray(draw(key))
        share = (x[:, 0] < -0.6).mean()
        assert abs(share - 0.2) < 5 * np.sqrt(0.16 / 4000)
        nearest = np.min(np.linalg.norm(x[:, None] - np.asarray(POINTS), axis=2), axis=1)
        assert np.median(nearest) < 0.02


def test_a_far_state_comes_home_on_straight_lines_only():
    """One charge: steps in sigma are exact, steps in tau leave a part of the way behind."""
    oracle = EmpiricalDenoiser(jnp.zeros((1, 2)), ScaleMixture(law=InverseGamma(1.0)))
    key = jax.random.key(3)
    ask = {"time": None, "condition": None, "key": key}
    start = np.linalg.norm(oracle.prior.sample((4000, 2), key=key), axis=1)
    home = np.linalg.norm(StraightHeun(steps=8)(oracle, (4000, 2), **ask), axis=1)
    assert start.max() > 1e4
    assert home.max() < 1e-5 * start.max()
    assert np.linalg.norm(Heun(steps=8)(oracle, (4000, 2), **ask), axis=1).max() > 0.1


@pytest.mark.parametrize("dim", [2, 64])
def test_the_denoiser_of_pfgm_pp_is_the_papers(dim, rng):
    """w_i ∝ (|x − y_i|² + D sigma²)^{−(N + D)/2}; dx/dsigma = (x − D)/sigma."""
    dof, sigma = 6.0, 0.8
    process = ScaleMixture(law=InverseGamma(dof))
    points = rng.normal(size=(7, dim))
    x = points[0] + 0.5 * rng.normal(size=dim)
    log_w = -(dim + dof) / 2 * np.log(((x - points) ** 2).sum(1) + dof * sigma**2)
    w = np.exp(log_w - log_w.max())
    clean = w @ points / w.sum()
    oracle = EmpiricalDenoiser(jnp.asarray(points, jnp.float32), process)
    tau = process.schedule.tau(sigma)
    np.testing.assert_allclose(oracle.denoise(jnp.asarray(x), tau), clean, atol=2e-3)
    velocity = oracle.noisy_velocity(jnp.asarray(x), tau) / process.schedule.rates(tau)[3]
    np.testing.assert_allclose(velocity, (x - clean) / sigma, atol=5e-3)


@pytest.mark.sweep(2)
@pytest.mark.parametrize("name", LAWS)
def test_compiled_batches_are_the_plain_ones(name):
    """XLA once mistook a fused sum for another: 600 states at once, in and out of a scan."""
    process = ScaleMixture(law=LAWS[name])
    x = 3 * jax.random.normal(jax.random.key(1), (600, 2))
    tau = process.schedule.tau(5.0)
    line = jax.vmap(lambda x: process.conditional_velocity(x, jnp.zeros(2), tau))
    plain = np.asarray(line(x))
    compiled = np.asarray(jax.jit(line)(x))
    scanned = np.asarray(jax.lax.scan(lambda c, x: (c, line(x)), 0, x[None])[1][0])
    np.testing.assert_allclose(compiled, plain, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(scanned, plain, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: InverseGamma(0.0), "dof = 0"),
        (lambda: InverseGaussian(-1.0), "mass = -1"),
        (lambda: InverseGaussian(float("inf")), "mass = inf"),
        (lambda: Stable(2.0), r"Fixed\(\)"),
        (lambda: Stable(0.3), "exponent = 0.3"),
        (lambda: ScaleMixture(schedule=VP()), "VP shrinks"),
        (lambda: ScoreMatching(process=Screened()), "births"),
    ],
)
def test_refusals(make, says):
    with pytest.raises(InvalidInput, match=says):
        make()

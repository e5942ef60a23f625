"""ReflectedDiffusion: a law that crowds a wall, likelihoods in the box, and what it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.errors import InvalidInput
from noneq.learning.loop import Training
from noneq.methods import ReflectedDiffusion
from noneq.nets import MLP
from noneq.samplers import ReverseSDE
from noneq.spec import make


SMALL = {
    "net": MLP(64, 2),
    "training": Training(steps=1500, batch=512),
    "sampler": ReverseSDE(steps=200),
}
BOX = nq.Box((2.0, -1.0), (6.0, 0.0))
RATE = 2.0


def against_the_wall(n, rng):
    """x0 exponential from the lower wall, cut at the upper one; x1 uniform. In BOX."""
    u = rng.uniform(size=n)
    x0 = 2 - np.log1p(-u * -np.expm1(-4 * RATE)) / RATE
    return np.stack([x0, rng.uniform(-1, 0, n)], 1).astype(np.float32)


def true_log_prob(x):
    return np.log(RATE) - RATE * (x[:, 0] - 2) - np.log(-np.expm1(-4 * RATE))


@pytest.fixture(scope="module")
def fitted():
    data = nq.Snapshots(against_the_wall(20_000, np.random.default_rng(0)), domain=BOX)
    return ReflectedDiffusion(**SMALL).fit(data, key=jax.random.key(0))


@pytest.mark.optimised
def test_samples_stay_inside_and_follow_the_law(fitted, key):
    n = 8000
    x = np.asarray(fitted.model.sample(n, key=key))
    assert np.asarray(jax.vmap(BOX.contains)(jnp.asarray(x))).all()
    # An exponential against a wall: mean 1/RATE, and a third of the mass within 0.2 of it.
    assert abs(x[:, 0].mean() - 2 - 1 / RATE) < 0.02 + 5 * 0.5 / np.sqrt(n)
    near = (x[:, 0] < 2.2).mean()
    assert abs(near - -np.expm1(-0.4)) < 0.03 + 5 * 0.47 / np.sqrt(n)
    assert abs(x[:, 1].mean() + 0.5) < 0.01 + 5 * 0.29 / np.sqrt(n)


def test_density_is_right_and_integrates_to_one(fitted):
    points = 80
    x0 = 2 + 4 * (np.arange(points) + 0.5) / points
    x1 = -1 + (np.arange(points) + 0.5) / points
    grid = np.stack(np.meshgrid(x0, x1, indexing="ij"), -1).reshape(-1, 2)
    log_prob = np.asarray(jax.jit(jax.vmap(fitted.model.log_prob))(jnp.asarray(grid, float)), float)
    density = np.exp(log_prob)
    assert abs(density.sum() * 4 / points**2 - 1) < 2e-3
    truth = true_log_prob(grid)
    # Kullback–Leibler divergence from the truth in nats; a missing Jacobian alone is ln 4.
    assert 0 <= (np.exp(truth) * (truth - log_prob)).sum() * 4 / points**2 + 2e-3 < 0.05


def test_score_points_to_the_wall(fitted):
    score = fitted.model.noisy_score(jnp.asarray([3.0, -0.5]), 0.5)
    assert abs(float(score[0]) + RATE) < 0.5
    assert abs(float(score[1])) < 1.0
    edge = fitted.model.noisy_score(jnp.asarray([2.0, 0.0]), 0.5)
    np.testing.assert_allclose(edge, 0.0, atol=1e-5)


def test_a_box_may_come_with_the_method(rng):
    x = against_the_wall(300, rng)
    table = '{kind = "Box", low = [2.0, -1.0], high = [6.0, 0.0]}'
    settings = {"domain": table, "training.steps": "3", "training.batch": "8", "net.width": "8"}
    method = make(ReflectedDiffusion, settings)
    fit = method.fit(x, key=jax.random.key(0))
    assert fit.summary.domain == fit.model.domain == BOX
    assert fit.summary.shift == (4.0, -0.5)
    from noneq.data.summary import summarise

    bare = method.init(summarise(nq.Snapshots(x)), key=jax.random.key(0))
    np.testing.assert_allclose(bare.frame.normaliser.scale.value, [2.0, 0.5])
    np.testing.assert_allclose(bare.denoiser.std.value, fit.summary.std, rtol=1e-5)


@pytest.mark.slow
def test_fields_in_a_box(key):
    rng = np.random.default_rng(0)
    data = nq.Snapshots(rng.uniform(size=(50, 2, 3, 3)), domain=nq.Box((0.0, -1.0), (1.0, 1.0)))
    method = ReflectedDiffusion(
        net=MLP(8, 1), training=Training(steps=3, batch=8), sampler=ReverseSDE(steps=20)
    )
    x = np.asarray(method.fit(data, key=key).model.sample(5, key=key))
    assert x.shape == (5, 2, 3, 3)
    assert x[:, 0].min() >= 0
    assert np.abs(x).max() <= 1


def test_bad_input_is_explained(rng, key):
    x = against_the_wall(100, rng)
    with pytest.raises(InvalidInput, match=r"domain is Free, which has no walls; give a box"):
        ReflectedDiffusion().fit(x, key=key)
    with pytest.raises(InvalidInput, match="domain is Torus"):
        ReflectedDiffusion().fit(nq.Snapshots(np.mod(x, 10.0), domain=nq.Torus(10.0)), key=key)
    x[7] = (6.5, -0.5)
    with pytest.raises(InvalidInput, match=r"1 of 100 states lie outside .* at \(6.5, -0.5\)"):
        ReflectedDiffusion().fit(nq.Snapshots(x, domain=BOX), key=key)
    with pytest.raises(InvalidInput, match="domain is Free"):
        ReflectedDiffusion(domain=nq.Free())
    with pytest.raises(InvalidInput, match="drop_condition = 1"):
        ReflectedDiffusion(drop_condition=1.0)

"""FlowPP on laws known in closed form: density, samples, discrete data, conditions, bad input."""

import dataclasses
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.errors import InvalidInput, WrongType
from noneq.learning.loop import Training
from noneq.methods import FlowPP
from noneq.nets import MLP


SMALL = {"net": MLP(32, 1), "couplings": 4, "components": 4}
METHOD = FlowPP(**SMALL, training=Training(steps=800, batch=512))
CENTRE, WIDTH = np.asarray([2.0, 1.0]), np.asarray([0.5, 0.8])


def two_lumps(n, rng):
    side = rng.integers(0, 2, n) * 2 - 1
    return (side[:, None] * CENTRE + rng.normal(size=(n, 2)) * WIDTH).astype(np.float32)


def true_log_prob(x):
    lump = lambda side: -0.5 * (((x - side * CENTRE) / WIDTH) ** 2).sum(1)
    return np.logaddexp(lump(1), lump(-1)) - np.log(4 * np.pi * WIDTH.prod())


def log_prob(model, x, **given):
    one = lambda x: model.log_prob(x, **given)
    return np.asarray(jax.jit(jax.vmap(one))(jnp.asarray(x, jnp.float32)), np.float64)


@pytest.fixture(scope="module")
def fitted():
    data = two_lumps(20_000, np.random.default_rng(0))
    return METHOD.fit(data, key=jax.random.key(0)).model


@pytest.mark.slow
def test_training_reaches_the_entropy_of_the_law(fitted, rng):
    x = two_lumps(20_000, rng)
    gap = true_log_prob(x) - log_prob(fitted, x)
    # The KL divergence: not below 0 by more than 5 s.e., and small after 800 steps.
    stderr = gap.std() / np.sqrt(x.shape[0])
    assert -5 * stderr < gap.mean() < 0.03 + 5 * stderr
    untrained = dataclasses.replace(METHOD, training=Training(steps=1, batch=8))
    start = untrained.fit(x, key=jax.random.key(0)).model
    assert (true_log_prob(x) - log_prob(start, x)).mean() > 0.1


@pytest.mark.slow
def test_the_density_integrates_to_one(fitted):
    axes = np.linspace(-6, 6, 241), np.linspace(-7, 7, 241)
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
    mass = np.exp(log_prob(fitted, grid)).sum() * (12 / 240) * (14 / 240)
    assert abs(mass - 1) <= 2e-3


@pytest.mark.slow
def test_samples_follow_the_density(fitted, key):
    x, values = fitted.sample_with_log_prob(20_000, key=key)
    np.testing.assert_allclose(values, log_prob(fitted, x), atol=2e-3)
    # E_p[q/p] = 1 for any normalised q inside p's support; here q is the true law.
    ratio = np.exp(np.minimum(true_log_prob(np.asarray(x)) - np.asarray(values), 20))
    assert abs(ratio.mean() - 1) < 5.1 * ratio.std() / np.sqrt(ratio.size) + 2e-3
    # The broken twin: without the Jacobian of the normalisation.
    broken = ratio * float(np.exp(fitted.frame.normaliser.log_scale))
    assert abs(broken.mean() - 1) > 5.1 * broken.std() / np.sqrt(ratio.size) + 2e-3


@pytest.mark.slow
def test_score_and_jacobian_are_autodiffs(fitted):
    x = jnp.asarray([[2.0, 1.0], [0.0, 0.0], [-3.0, 0.5], [50.0, -50.0]])
    scores = np.asarray(jax.vmap(fitted.score)(x))
    assert np.isfinite(scores).all()
    truth = np.asarray(jax.vmap(jax.grad(fitted.log_prob))(x))
    np.testing.assert_allclose(scores, truth, rtol=1e-4, atol=1e-4)
    flow = fitted.density.flow
    for y in x[:3]:
        _, log_det = flow.forward(y, None, None)
        jacobian = jax.jacfwd(lambda y: flow.forward(y, None, None)[0])(y)
        assert float(log_det) == pytest.approx(float(jnp.linalg.slogdet(jacobian)[1]), abs=1e-4)
        back = flow.inverse(flow.forward(y, None, None)[0], None, None)
        np.testing.assert_allclose(back, y, atol=2e-4)


TABLE = np.asarray([[4, 1, 0.5, 0.5], [1, 6, 1, 0.5], [0.5, 1, 8, 2], [0.5, 0.5, 2, 11]])
TABLE = TABLE / TABLE.sum()
CELLS = np.stack(np.meshgrid(np.arange(4), np.arange(4), indexing="ij"), -1).reshape(-1, 2)
ENTROPY = -(TABLE * np.log(TABLE)).sum()


@cache
def spread(variational):
    """Fitted to draws from TABLE, with uniform or with learnt noise in the cells."""
    rng = np.random.default_rng(0)
    x = CELLS[rng.choice(16, 20_000, p=TABLE.ravel())].astype(np.float32)
    method = dataclasses.replace(METHOD, dequantise=1.0, variational=variational)
    return method.fit(x, key=jax.random.key(0)).model


@pytest.fixture(
    params=[False, pytest.param(True, marks=pytest.mark.slow)], ids=["uniform", "variational"]
)
def discrete(request):
    return spread(request.param)


@pytest.mark.slow
def test_the_mass_is_bounded_from_below(discrete, key):
    cells = CELLS.astype(np.float32)
    bound = discrete.log_mass_estimate(cells, key=key, draws=1000)
    assert bound.bound == "lower"
    # Each cell's mass by quadrature of the density.
    nodes = (np.arange(24) + 0.5) / 24 - 0.5
    inside = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), -1).reshape(-1, 2)
    density = np.exp(log_prob(discrete, (cells[:, None] + inside).reshape(-1, 2)))
    mass = density.reshape(16, -1).mean(1)
    assert mass.sum() <= 1 + 2e-3
    # 16 one-sided z-scores: false alarm 1e-6 at 5.5.
    assert np.all((bound.value - np.log(mass)) / bound.stderr < 5.5)
    # In the mean over the data it lies below minus the entropy, and not far.
    weights = TABLE.ravel()
    mean = weights @ bound.value
    stderr = np.sqrt(weights**2 @ bound.stderr**2)
    assert mean < -ENTROPY + 5 * stderr
    assert mean > -ENTROPY - 0.15
    noise = discrete.density.noise
    if noise.flow is not None:
        # The broken twin takes learnt noise for uniform noise.
        y = jax.vmap(discrete.frame.normaliser.forward)(jnp.asarray(cells))
        log_q = lambda y, key: noise.draw(y, None, None, key=key)[1]
        draws = jax.vmap(jax.vmap(log_q, (None, 0)), (0, None))(y, jax.random.split(key, 1000))
        broken = mean + weights @ np.asarray(draws + jnp.log(noise.width.value).sum()).mean(1)
        assert broken > -ENTROPY + 5 * stderr


@pytest.mark.slow
def test_learnt_noise_is_better_than_uniform_noise(key):
    """Uniform noise asks the flow for a density with sharp edges, which it has not."""
    weights, cells = TABLE.ravel(), CELLS.astype(np.float32)
    learnt, uniform = (
        spread(v).log_mass_estimate(cells, key=key, draws=1000) for v in (True, False)
    )
    gain = weights @ (learnt.value - uniform.value)
    assert gain > 5.1 * np.sqrt(weights**2 @ (learnt.stderr**2 + uniform.stderr**2))


@pytest.fixture(scope="module", params=["category", "quantity"])
def told(request):
    """x ~ N(m, 1) with m = 2 time + 3 condition, a whole number or a real one."""
    rng = np.random.default_rng(0)
    frames, conditions = [], []
    for time in (0.0, 1.0):
        whole = request.param == "category"
        condition = rng.integers(0, 2, 6000) if whole else rng.uniform(0, 1, 6000)
        frames.append((rng.normal(size=6000) + 2 * time + 3 * condition)[:, None])
        conditions.append(condition)
    data = nq.Snapshots.from_frames(frames, [0.0, 1.0], condition=np.concatenate(conditions))
    return METHOD.fit(data, key=jax.random.key(0)).model


@pytest.mark.slow
@pytest.mark.parametrize(("time", "condition"), [(0.0, 0), (1.0, 0), (0.0, 1), (1.0, 1)])
def test_time_and_conditions_move_the_law(told, time, condition, key):
    mean, condition = 2 * time + 3 * condition, [condition]
    x = np.asarray(told.sample(4000, time=time, condition=condition, key=key))
    # 0.15 for a short fit of a small net; another time or condition is off by 1 and more.
    assert abs(x.mean() - mean) < 0.15 + 5 / np.sqrt(4000)
    assert abs(x.std() - 1) < 0.15 + 5 / np.sqrt(8000)
    at_mean, beside = log_prob(told, [[mean], [mean + 2]], time=time, condition=condition)
    assert at_mean == pytest.approx(-0.919, abs=0.25)
    assert at_mean - beside == pytest.approx(2, abs=0.7)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"couplings": 0}, "couplings = 0"),
        ({"components": 0}, "components = 0"),
        ({"drop_condition": 1.0}, "drop_condition = 1"),
        ({"dequantise": -1.0}, "dequantise = -1"),
        ({"dequantise": float("nan")}, "dequantise = nan"),
        ({"variational": True}, "variational = True is for discrete data"),
        ({"variational": True, "dequantise": 0.0}, "variational = True is for discrete data"),
    ],
)
def test_bad_settings_are_refused(settings, text):
    with pytest.raises(InvalidInput, match=text):
        FlowPP(**settings)


def test_bad_data_and_requests_are_refused(fitted, key):
    cells = np.tile(CELLS, (20, 1)).astype(np.float32)
    with pytest.raises(InvalidInput, match="discrete .*dequantise=1"):
        METHOD.fit(cells, key=key)
    flat = np.stack([np.arange(50) / 7, np.full(50, 3.3)], 1)
    with pytest.raises(InvalidInput, match="coordinate 1 .* constant"):
        METHOD.fit(flat, key=key)
    with pytest.raises(InvalidInput, match="fitted to continuous data"):
        fitted.log_mass_estimate(np.zeros(2), key=key)
    with pytest.raises(InvalidInput, match="without conditions"):
        fitted.sample(3, condition=[1.0], key=key)


@pytest.mark.slow
def test_wrong_conditions_are_refused(told, key):
    with pytest.raises(InvalidInput, match="needs condition="):
        told.sample(3, time=0.0, key=key)
    with pytest.raises(WrongType, match="number"):
        told.sample(3, time=0.0, condition=["red"], key=key)
    with pytest.raises(InvalidInput, match="say which with time="):
        told.sample(3, condition=[1], key=key)


@pytest.mark.slow
def test_too_few_draws_are_refused(discrete, key):
    with pytest.raises(InvalidInput, match="draws = 1"):
        discrete.log_mass_estimate(CELLS[0], key=key, draws=1)

"""Layers of hidden bits against counting all of their states, in float64."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.data.ensembles import Snapshots
from noneq.data.summary import summarise
from noneq.domains import Discrete
from noneq.methods.latent_cycles.binary import BinaryLatentCycle, BitsLikelihood
from noneq.methods.latent_cycles.binary_chain import BinaryChain, BinaryKernels
from noneq.methods.units.units import BernoulliUnits


HIDDEN, DIM, CHAINS = 3, 4, 400
KEY = jax.random.key(11)
EVERY_Z = np.array(list(itertools.product((0.0, 1.0), repeat=HIDDEN)))
EVERY_X = np.array(list(itertools.product((0.0, 1.0), repeat=DIM)))
SHAPES = {"bias": (DIM,), "writing": (HIDDEN, DIM), "offset": (HIDDEN,), "reading": (HIDDEN, DIM)}


def numbers(seed=0, spread=1.0):
    rng = np.random.default_rng(seed)
    return {name: spread * rng.normal(size=shape) for name, shape in SHAPES.items()}


def kernels(p):
    return BinaryKernels(**{n: jnp.asarray(v) for n, v in p.items()}, visible=BernoulliUnits())


def bernoulli(bits, odds):
    """Probability of every row of bits under every row of log-odds, (bits, odds)."""
    on = 1 / (1 + np.exp(-odds))
    return np.prod(np.where(bits[:, None] > 0, on, 1 - on), -1)


def written(p, x):
    """p(x | z), (n, 8)."""
    return bernoulli(x, p["bias"] + EVERY_Z @ p["writing"])


def read(p, x):
    """q(z | x), (8, n)."""
    return bernoulli(EVERY_Z, p["offset"] + x @ p["reading"].T)


def cost(p, data, chains):
    """Minus the mean log-likelihood with the chains held fixed."""
    return -np.mean(np.log(written(p, data) @ read(p, chains).mean(1)))


def differences(function, p, h=1e-3):
    out = {}
    for name, leaf in p.items():
        out[name] = np.zeros(leaf.shape)
        for index in np.ndindex(leaf.shape):
            shift = np.zeros(leaf.shape)
            shift[index] = h
            at = lambda k, name=name, leaf=leaf, shift=shift: function(p | {name: leaf + k * shift})
            out[name][index] = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h)
    return out


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(4)
    p = numbers()
    data = rng.integers(0, 2, (10, DIM)).astype(float)
    chains = (rng.random((CHAINS, DIM)) < [0.8, 0.5, 0.3, 0.6]).astype(float)
    model = kernels(p)
    batch = {"phi": jnp.asarray(data), "base": jnp.zeros(len(data))}
    return model, p, data, chains, batch


def gradients(model, chains, batch, objective, n):
    """Losses and gradients of many draws, flat."""

    def one(key):
        value, grads, _ = objective.grad(model, jnp.asarray(chains), batch, key=key)
        return value, jnp.concatenate([getattr(grads, name).ravel() for name in SHAPES])

    value, grads = jax.jit(lambda keys: jax.lax.map(one, keys))(jax.random.split(KEY, n))
    return np.asarray(value), np.asarray(grads)


def z_scores(found, exact):
    return (found.mean(0) - exact) / (found.std(0, ddof=1) / np.sqrt(len(found)))


@pytest.mark.slow
def test_the_gradient_is_the_two_step_one(case):
    """31 entries, |z| < 5: false alarms 2e-5; the bias of ratios, O(1/draws), is a third of that."""
    model, p, data, chains, batch = case
    exact = differences(lambda p: cost(p, data, chains), p)
    exact = np.concatenate([exact[name].ravel() for name in SHAPES])
    many = np.tile(chains, (4, 1))
    value, grads = gradients(model, many, batch, BitsLikelihood(len(many), 200, 0.0), 60)
    assert np.abs(grads.mean(0) - exact).max() < 3e-3
    assert np.abs(z_scores(grads, exact)).max() < 5
    assert value.mean() == pytest.approx(cost(p, data, chains), abs=5e-3)
    cosine = grads.mean(0) @ exact / np.linalg.norm(grads.mean(0)) / np.linalg.norm(exact)
    assert cosine > 0.9999


def test_a_broken_twin_is_caught(case):
    """Chains that are not those of the objective: another pi, another gradient."""
    model, p, data, chains, batch = case
    exact = differences(lambda p: cost(p, data, chains), p)
    exact = np.concatenate([exact[name].ravel() for name in SHAPES])
    _, grads = gradients(model, 1 - chains, batch, BitsLikelihood(CHAINS, 400, 0.0), 50)
    assert np.abs(z_scores(grads, exact)).max() > 20


def test_weight_decay(case):
    model, p, data, chains, batch = case
    plain, heavy = (
        gradients(model, chains, batch, BitsLikelihood(CHAINS, 4, decay), 1)[1][0]
        for decay in (0.0, 0.5)
    )
    expected = {name: 0.5 * p[name] * (name in ("writing", "reading")) for name in SHAPES}
    expected = np.concatenate([expected[name].ravel() for name in SHAPES])
    np.testing.assert_allclose(heavy - plain, expected, atol=1e-12)


def steady(p):
    """Stationary law of the visible states, exact."""
    matrix = read(p, EVERY_X).T @ written(p, EVERY_X).T
    values, vectors = np.linalg.eig(matrix.T)
    law = np.real(vectors[:, np.argmax(np.real(values))])
    return law / law.sum()


@pytest.fixture(scope="module")
def settled():
    """A model around given kernels, with states of its chain."""
    p = numbers(3)
    data = Snapshots(np.arange(16 * DIM).reshape(16, DIM) % 2 * 1.0, domain=Discrete(2))
    model = BinaryChain(kernels(p), summarise(data), 4096, 30)
    states = jnp.asarray(EVERY_X)[np.random.default_rng(0).choice(16, 4096, p=steady(p))]
    return p, eqx.tree_at(lambda m: m.fantasies.value, model, states)


def test_draws_and_paths_follow_the_steady_state(settled):
    p, model = settled
    paths = np.asarray(model.sample_paths(20_000, times=[0.0, 2.0], key=KEY).values)
    for values in (np.asarray(model.sample(20_000, key=KEY)), paths[:, 1]):
        counts = np.bincount(values.astype(int) @ [8, 4, 2, 1], minlength=16)
        expected = 20_000 * steady(p)
        chi = np.sum((counts - expected) ** 2 / expected)
        assert chi < 45  # 15 degrees of freedom: chance 8e-5


@pytest.mark.slow
def test_the_likelihood_is_bounded_from_below_and_close(settled):
    """Exact but for the 4,096 states that stand for the steady state, 2 % of each probability."""
    p, model = settled
    exact = np.log(steady(p))
    held = np.log(written(p, EVERY_X) @ read(p, np.asarray(model.fantasies.value)).mean(1))
    estimate = model.log_prob_estimate(EVERY_X, draws=1000, key=KEY)
    assert estimate.bound == "lower"
    assert (np.abs(estimate.value - held) < 5 * estimate.stderr + 1e-6).all()
    assert np.abs(estimate.value - exact).max() < 0.1
    few = [
        model.log_prob_estimate(EVERY_X, draws=8, key=k).value for k in jax.random.split(KEY, 50)
    ]
    assert (np.mean(few, axis=0) < held + 5 * np.std(few, axis=0) / np.sqrt(20)).all()


@pytest.mark.slow
def test_training_lowers_the_divergence():
    """A law of 4 bits that the chain can show: two pairs of equal bits."""
    values = np.array([[0, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [1, 1, 1, 1]], float)
    data = Snapshots(np.tile(values, (8, 1)), domain=Discrete(2))
    method = BinaryLatentCycle(hidden=4, chains=128)
    start, end = (
        BinaryLatentCycle(
            hidden=4, chains=128, training=type(method.training)(steps=n, batch=0, rate=0.02)
        )
        .fit(data, key=KEY)
        .model.kernels
        for n in (1, 600)
    )
    before, after = (divergence(k, values) for k in (start, end))
    assert before > 1.0
    assert after < 0.5 * before


def divergence(model, values):
    """KL(data ‖ model), exact, with any number of hidden bits."""
    p = {name: np.asarray(getattr(model, name), float) for name in SHAPES}
    z = np.array(list(itertools.product((0.0, 1.0), repeat=len(p["offset"]))))
    given = bernoulli(EVERY_X, p["bias"] + z @ p["writing"])
    matrix = given @ bernoulli(z, p["offset"] + EVERY_X @ p["reading"].T)
    law = np.linalg.matrix_power(matrix, 4096)[:, 0]
    index = values.astype(int) @ [8, 4, 2, 1]
    return float(-np.log(len(values)) - np.mean(np.log(law[index])))

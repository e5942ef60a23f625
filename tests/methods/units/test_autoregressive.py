"""Autoregressive: exact normalisation, masks, draws, laws that need them, bad input."""

import itertools
from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.constant import learnable
from noneq.domains import Discrete
from noneq.errors import InvalidInput
from noneq.learning.loop import Training
from noneq.methods import Autoregressive
from noneq.methods.units.masked_net import MaskedNetwork, random_order
from noneq.methods.units.units import BernoulliUnits, CategoricalUnits, GaussianUnits


KEY = jax.random.key(5)
SHORT = Training(steps=600, batch=0, rate=0.01, ema=0.9)
BITS = np.asarray(list(itertools.product((0.0, 1.0), repeat=6)), np.float32)


def parity(n, seed=0):
    """Six bits, five of them free; the last is their parity, mostly."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 2, (n, 6))
    x[:, 5] = (x[:, :5].sum(1) + (rng.random(n) < 0.05)) % 2
    return nq.Snapshots(x.astype(np.float32), domain=Discrete(2))


def parity_law():
    odd = (BITS[:, :5].sum(1) % 2) != BITS[:, 5]
    return np.where(odd, 0.05, 0.95) / 32


def log_probs(model, x, **given):
    given = {name: jnp.asarray(value, float) for name, value in given.items()}
    return np.asarray(_log_probs(model, jnp.asarray(x), given), np.float64)


@eqx.filter_jit
def _log_probs(model, x, given):
    return jax.vmap(lambda x: model.log_prob(x, **given))(x)


@cache
def fitted():
    method = Autoregressive(width=64, ordering=3, training=SHORT)
    return method.fit(parity(4000), key=KEY).model


def network(order, inputs, outputs, width=24):
    """A network whose weights are all of order one."""
    sizes = {"width": width, "depth": 3, "clock": None, "label": None}
    net = MaskedNetwork(order, inputs, outputs, **sizes, key=KEY)
    free, fixed = eqx.partition(net, learnable(net))
    return eqx.combine(jax.tree.map(lambda w: w + 0.3, free), fixed)


def leaks(net, order, inputs, outputs):
    """Whether an output feels its own coordinate or a later one."""
    dim = len(order)
    x = jax.random.normal(KEY, (dim * inputs,))
    slopes = np.asarray(jax.jacobian(net)(x)).reshape(dim, outputs, dim, inputs)
    felt = np.abs(slopes).sum((1, 3))[np.ix_(order, order)]
    assert (felt[np.tril_indices(dim, -1)] > 0).all(), "earlier coordinates are all felt"
    return bool((felt[np.triu_indices(dim)] > 0).any())


@pytest.mark.sweep(1)
@pytest.mark.parametrize(("sizes", "seed"), [((1, 1), None), ((3, 3), 0), ((1, 6), 1)])
def test_outputs_see_only_what_comes_before(sizes, seed):
    order = random_order(5, seed)
    assert sorted(order) == list(range(5))
    assert not leaks(network(order, *sizes), order, *sizes)


@pytest.mark.parametrize("layer", ["first", "last", "direct"])
def test_a_mask_off_by_one_is_caught(layer):
    order = random_order(5, None)
    net = network(order, 1, 1)
    where = lambda net: vars(net)[layer].mask.value
    axis = 1 if layer != "first" else 0
    shift = 1 if layer == "first" else -1
    shifted = np.roll(np.asarray(where(net)), shift, axis=axis)
    if layer == "first":
        shifted = np.maximum(shifted, np.asarray(where(net)))
    else:
        shifted[:, -1] = 1
    assert leaks(eqx.tree_at(where, net, jnp.asarray(shifted)), order, 1, 1)


@pytest.mark.slow
def test_one_coordinate_and_narrow_networks():
    for dim, width in ((1, 4), (6, 2)):
        order = random_order(dim, 0)
        net = MaskedNetwork(order, 1, 2, width=width, depth=1, clock=None, label=None, key=KEY)
        slopes = np.asarray(jax.jacobian(net)(jnp.ones(dim))).reshape(dim, 2, dim)
        felt = np.abs(slopes).sum(1)[np.ix_(order, order)]
        assert (felt[np.triu_indices(dim)] == 0).all()


@pytest.mark.slow
def test_probabilities_sum_to_one_and_fit_the_parity():
    values = log_probs(fitted(), BITS)
    assert np.exp(values).sum() == pytest.approx(1, abs=1e-5)
    law = parity_law()
    kl = float((law * (np.log(law) - values)).sum())
    # Independent bits are at ln 2 − H(.05) = .495 from this law.
    assert kl < 0.05
    assert np.isneginf(log_probs(fitted(), BITS[:1] + 0.5))


@pytest.mark.slow
def test_draws_have_the_probabilities():
    n = 20_000
    x = np.asarray(fitted().sample(n, key=KEY))
    found = np.bincount((x @ 2 ** np.arange(5, -1, -1)).astype(int), minlength=64)
    p = np.exp(log_probs(fitted(), BITS))
    chi2 = ((found - n * p) ** 2 / (n * p)).sum()
    # 63 degrees of freedom: 5 sigma is 63 + 5 sqrt(126) = 119.
    assert chi2 < 119
    independent = np.full(64, 1 / 64)
    assert ((found - n * independent) ** 2 / (n * independent)).sum() > 1000


@pytest.mark.slow
def test_letters():
    rng, levels = np.random.default_rng(0), 3
    x = rng.integers(0, levels, (2000, 3))
    x[:, 0] = (x[:, 1] + x[:, 2]) % levels
    data = nq.Snapshots(x.astype(np.float32) * 2 - 1)
    method = Autoregressive(CategoricalUnits(levels), width=48, training=SHORT)
    model = method.fit(data, key=KEY).model
    every = np.asarray(list(itertools.product((-1.0, 1.0, 3.0), repeat=3)), np.float32)
    values = log_probs(model, every)
    assert np.exp(values).sum() == pytest.approx(1, abs=1e-5)
    assert -log_probs(model, data.values[:500]).mean() < np.log(9) + 0.06
    assert set(np.unique(np.asarray(model.sample(64, key=KEY)))) <= {-1.0, 1.0, 3.0}


def ring(n, seed=0):
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, n)
    radius = 3 + 0.3 * rng.normal(size=n)
    return (radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1) + 10).astype(np.float32)


@pytest.mark.slow
def test_real_numbers():
    training = Training(steps=800, batch=512, rate=0.005, ema=0.98)
    method = Autoregressive(GaussianUnits(), width=64, training=training)
    model = method.fit(ring(4000), key=KEY).model
    axis = np.linspace(4, 16, 161, dtype=np.float32)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    mass = np.exp(log_probs(model, grid)).sum() * (axis[1] - axis[0]) ** 2
    assert mass == pytest.approx(1, abs=0.01)
    entropy = np.log(2 * np.pi * 3) + 0.5 * np.log(2 * np.pi * np.e * 0.09)
    found = -log_probs(model, ring(4000, 1)).mean()
    # A Gaussian of the same covariance needs 4.38 nats.
    assert entropy - 0.05 < found < entropy + 0.15
    radius = np.linalg.norm(np.asarray(model.sample(2000, key=KEY)) - 10, axis=1)
    assert abs(radius.mean() - 3) < 0.1


def moving(n, seed=0):
    """Two bits that agree at time 0 and disagree at time 1; the condition flips that.

    A third one is constant.
    """
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 2, (n, 3))
    late, flip = rng.integers(0, 2, n), rng.integers(0, 2, n)
    x[:, 1] = (x[:, 0] + late + flip) % 2
    x[:, 2] = 1
    return nq.Snapshots(
        x.astype(np.float32), [0.0, 1.0], late, condition=flip[:, None], domain=Discrete(2)
    )


@pytest.mark.slow
def test_time_and_condition_are_inputs_and_a_run_is_saved(tmp_path):
    method = Autoregressive(width=32, training=SHORT)
    fit = method.fit(moving(800), key=KEY)
    for late, flip in itertools.product((0, 1), repeat=2):
        given = {"time": float(late), "condition": [flip]}
        x = np.asarray(fit.model.sample(200, **given, key=KEY))
        assert np.mean((x[:, 0] == x[:, 1]) == (late == flip)) > 0.95
        assert np.exp(log_probs(fit.model, BITS[:8, 3:], **given)).sum() == pytest.approx(1, 1e-5)
    nq.save(fit, tmp_path / "run")
    back = nq.load(tmp_path / "run").model
    given = {"time": 0.0, "condition": [[0], [1], [1], [0]], "key": KEY}
    np.testing.assert_array_equal(back.sample(4, **given), fit.model.sample(4, **given))
    nll = nq.metrics.nll(back, moving(400, seed=1))
    assert (np.abs(nll.value - np.log(2)) < 0.1).all()
    assert nll.bound == "none"


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Autoregressive(width=0), "width = 0; expected 1"),
        (lambda: Autoregressive(depth=0), "depth = 0; expected 1"),
        (lambda: Autoregressive(mixture=0), "mixture = 0; expected 1"),
        (lambda: Autoregressive(ordering=-1), "ordering = -1; expected a seed"),
        (lambda: Autoregressive(dequantise=1.0), "BernoulliUnits take the levels as they are"),
        (lambda: Autoregressive(drop_condition=1.0), "drop_condition = 1.0; expected a fraction"),
        (lambda: Autoregressive().fit(ring(8), key=KEY), "binarise them first"),
        (
            lambda: Autoregressive(GaussianUnits()).fit(parity(8), key=KEY),
            r"visible=BernoulliUnits\(\)",
        ),
        (
            lambda: Autoregressive(GaussianUnits()).fit(np.round(ring(200)), key=KEY),
            "dequantise=1",
        ),
    ],
)
def test_bad_input_is_refused(make, match):
    with pytest.raises(InvalidInput, match=match):
        make()


def test_defaults_are_for_bits():
    assert Autoregressive().visible == BernoulliUnits()

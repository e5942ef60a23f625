"""MixtureEM: its likelihood never falls, known mixtures come back, a peer agrees, bad input."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.domains import Discrete
from noneq.errors import InvalidInput
from noneq.methods import MixtureEM
from noneq.methods.units.units import CategoricalUnits, GaussianUnits
from noneq.systems import BarsAndStripes


KEY = jax.random.key(2)
CHANCES = np.asarray(
    [[0.9, 0.9, 0.1, 0.1, 0.5], [0.1, 0.8, 0.9, 0.1, 0.9], [0.1, 0.1, 0.2, 0.9, 0.1]]
)
SHARES = np.asarray([0.5, 0.3, 0.2])


def bits(n, seed=0):
    rng = np.random.default_rng(seed)
    chance = CHANCES[rng.choice(3, n, p=SHARES)]
    return nq.Snapshots((rng.random(chance.shape) < chance).astype(np.float32), domain=Discrete(2))


def letters(n, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 3, (n, 3))
    x[:, 1] = np.where(rng.random(n) < 0.9, x[:, 0], x[:, 1])
    return nq.Snapshots(x.astype(np.float32), domain=Discrete(3))


def lumps(n, seed=0):
    """Three Gaussians far from the origin, one of them narrow."""
    rng = np.random.default_rng(seed)
    which = rng.choice(3, n, p=SHARES)
    centre = np.asarray([[0, 0], [4, 1], [1, 5]])[which] * [1.0, 10.0] + [100.0, 0.0]
    width = np.asarray([[1, 1], [0.1, 0.5], [0.5, 2]])[which] * [1.0, 10.0]
    return nq.Snapshots((centre + width * rng.normal(size=(n, 2))).astype(np.float32))


def log_probs(model, x):
    return np.asarray(jax.jit(jax.vmap(model.log_prob))(jnp.asarray(x)), np.float64)


def raised(method, model, data):
    """What EM raises, per state: likelihood, and that of the pseudo-counts."""
    c, a = model.components, method.smoothing
    y = jnp.asarray(model.frame.normaliser.host(data.values))
    x = c.visible.read(y, model.domain)
    mean, variance = x.mean(0), x.var(0)
    if c.scale is None:
        mean = jax.vmap(c.visible.features)(x).mean(0)
        pseudo = c.natural @ mean - jax.vmap(c.visible.log_partition)(c.natural)
    else:
        square = ((mean - c.scale * c.natural) ** 2 + variance) / c.scale**2
        pseudo = -jnp.sum(square / 2 + jnp.log(c.scale), axis=1)
    return log_probs(model, data.values).mean() + a * float((pseudo + c.log_weight).sum()) / data.n


@pytest.mark.sweep(1)
@pytest.mark.parametrize(
    ("method", "data"),
    [
        (MixtureEM(4, smoothing=2.0), bits(60)),
        (MixtureEM(4, CategoricalUnits(3), smoothing=2.0), letters(60)),
        (MixtureEM(4, GaussianUnits(), smoothing=2.0), lumps(60)),
    ],
    ids=["bits", "letters", "real"],
)
def test_every_step_raises_the_likelihood(method, data):
    one = dataclasses.replace(method, steps=1)
    model = one.fit(data, key=KEY).model
    values = [raised(method, model, data)]
    for _ in range(12):
        model = one.fit(data, key=KEY, init=model).model
        values.append(raised(method, model, data))
    assert (np.diff(values) > -2e-6).all()
    assert values[-1] > values[0] + 1e-3
    # A broken twin: most of the weight given to the first component.
    worse = jnp.log(jnp.asarray([0.7, 0.1, 0.1, 0.1]))
    spoilt = eqx.tree_at(lambda m: m.components.log_weight, model, worse)
    assert raised(method, spoilt, data) < values[-1] - 1e-3


@pytest.mark.slow
def test_the_history_is_the_likelihood_of_the_best_start():
    method = MixtureEM(3, smoothing=1e-5, restarts=3, steps=40)
    fit = method.fit(bits(500), key=KEY)
    loss = np.asarray(fit.history["loss"])
    assert len(loss) == len(fit.history["step"]) == 41
    assert (np.diff(loss) < 1e-5).all()
    assert loss[-1] == pytest.approx(-log_probs(fit.model, bits(500).values).mean(), abs=1e-5)
    alone = dataclasses.replace(method, restarts=1)
    each = [alone.fit(bits(500), key=jax.random.key(i)).history["loss"][-1] for i in range(3)]
    assert loss[-1] <= min(each) + 0.02


def test_a_known_mixture_comes_back():
    model = MixtureEM(3, restarts=4).fit(bits(8000), key=KEY).model
    means = np.asarray(model.state_means())
    assert means.shape == (3, 5)
    distance = np.abs(means[:, None] - CHANCES).max(-1)
    order = distance.argmin(1)
    assert sorted(order) == [0, 1, 2]
    assert distance.min(1).max() < 0.06
    weights = np.exp(np.asarray(model.components.log_weight))
    np.testing.assert_allclose(weights, SHARES[order], atol=0.05)
    shares = np.asarray(jax.vmap(model.responsibilities)(jnp.asarray(bits(500).values)))
    np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-5)
    np.testing.assert_allclose(shares.mean(0), weights, atol=0.07)


def test_probabilities_sum_to_one_and_draws_follow_them():
    model = MixtureEM(4, CategoricalUnits(3)).fit(letters(600), key=KEY).model
    every = np.indices((3,) * 3).reshape(3, -1).T.astype(np.float32)
    p = np.exp(log_probs(model, every))
    assert p.sum() == pytest.approx(1, abs=1e-5)
    n = 20_000
    x = np.asarray(model.sample(n, key=KEY)).astype(int)
    found = np.bincount(x @ [9, 3, 1], minlength=27)
    # 26 degrees of freedom: 5 sigma is 26 + 5 sqrt(52) = 62.
    assert ((found - n * p) ** 2 / (n * p)).sum() < 62
    marginals = np.stack([np.bincount(column, minlength=3) for column in x.T]) / n
    product = np.prod(marginals[np.arange(3), every.astype(int)], axis=1)
    assert ((found - n * product) ** 2 / (n * product)).sum() > 1000
    assert np.isneginf(model.log_prob(jnp.asarray([0.5, 0, 0])))


@pytest.mark.sweep(1)
@pytest.mark.parametrize(("components", "most"), [(10, 0.9), (14, 0.1)])
def test_bars_and_stripes(components, most):
    system = BarsAndStripes(3)
    patterns = system.patterns()
    kl = []
    for seed in range(5):
        rows = patterns[np.random.default_rng(seed).integers(0, 14, 700)]
        method = MixtureEM(components, smoothing=0.01)
        fit = method.fit(nq.Snapshots(rows, domain=system.domain), key=jax.random.key(seed))
        kl.append(-log_probs(fit.model, patterns).mean() - np.log(14))
    assert np.median(kl) < most
    assert fit.model.state_means().shape == (components, 1, 3, 3)


def test_gaussians_agree_with_a_peer():
    peer = pytest.importorskip("sklearn.mixture")
    data, fresh = lumps(3000), lumps(3000, seed=1)
    method = MixtureEM(3, GaussianUnits(), restarts=4, smoothing=1e-4)
    model = method.fit(data, key=KEY).model
    settings = {"covariance_type": "diag", "n_init": 4, "max_iter": 200, "tol": 1e-7}
    other = peer.GaussianMixture(3, random_state=0, **settings).fit(data.values.astype(np.float64))
    ours = log_probs(model, fresh.values)
    np.testing.assert_allclose(ours.mean(), other.score(fresh.values.astype(float)), atol=1e-3)
    order = [int(np.abs(other.means_ - m).sum(1).argmin()) for m in np.asarray(model.state_means())]
    assert sorted(order) == [0, 1, 2]
    np.testing.assert_allclose(model.state_means(), other.means_[order], rtol=1e-3, atol=0.02)
    x = np.asarray(model.sample(20_000, key=KEY), np.float64)
    theirs, _ = other.sample(20_000)
    np.testing.assert_allclose(x.mean(0), theirs.mean(0), rtol=0.03)
    np.testing.assert_allclose(x.std(0), theirs.std(0), rtol=0.03)


@pytest.mark.slow
def test_constant_pixels_and_a_saved_run(tmp_path):
    values = np.asarray(bits(100).values)
    values[:, 1], values[:, 2] = 1.0, 0.0
    fit = MixtureEM(5).fit(nq.Snapshots(values, domain=Discrete(2)), key=KEY)
    assert np.isfinite(log_probs(fit.model, 1 - values)).all()
    x = np.asarray(fit.model.sample(50, key=KEY))
    assert x[:, 1].mean() > 0.9
    assert x[:, 2].mean() < 0.1
    nq.save(fit, tmp_path / "run")
    back = nq.load(tmp_path / "run").model
    np.testing.assert_array_equal(back.sample(8, key=KEY), fit.model.sample(8, key=KEY))
    constant = np.asarray(lumps(50).values)
    constant[:, 0] = 3.0
    model = MixtureEM(2, GaussianUnits()).fit(constant, key=KEY).model
    assert np.isfinite(log_probs(model, constant)).all()
    assert np.isfinite(log_probs(model, constant + 1)).all()


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: MixtureEM(0), "components = 0; expected 1"),
        (lambda: MixtureEM(steps=0), "steps = 0; expected 1"),
        (lambda: MixtureEM(restarts=0), "restarts = 0; expected 1"),
        (lambda: MixtureEM(smoothing=0.0), "smoothing = 0.0; expected > 0"),
        (lambda: MixtureEM().fit(lumps(9), key=KEY), "binarise them first"),
        (
            lambda: MixtureEM().fit(
                nq.Snapshots(bits(9).values, [0.0, 1.0], np.arange(9) % 2), key=KEY
            ),
            "without physical time",
        ),
        (
            lambda: MixtureEM().fit(
                nq.Snapshots(bits(9).values, condition=np.arange(9.0)[:, None]), key=KEY
            ),
            "takes no conditions",
        ),
    ],
)
def test_bad_input_is_refused(make, match):
    with pytest.raises(InvalidInput, match=match):
        make()


def test_real_units_refuse_levels():
    bits = nq.Snapshots(np.eye(4, dtype=np.float32), domain=nq.Discrete(2))
    with pytest.raises(InvalidInput, match="CategoricalUnits"):
        MixtureEM(visible=GaussianUnits()).fit(bits, key=jax.random.key(0))

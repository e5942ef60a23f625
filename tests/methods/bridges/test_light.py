"""Light Schrödinger bridges against exact entropic plans."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.errors import InvalidInput
from noneq.methods import ExactOT, Independent, LightSB, LightSBM, Straight
from noneq.methods.bridges.light.potentials import Potential
from noneq.methods.bridges.light.recipe import LightLoss, LightMatchingLoss
from noneq.statistics.mixture_pairs import random_pair
from noneq.training import Training


KEY = jax.random.key(2)
EPSILON = 0.5
WEIGHTS = np.array([0.3, 0.7])
MEANS = np.array([[2.0, -1.0], [-1.0, 0.5]])
VARIANCES = np.array([[0.4, 1.5], [0.9, 0.2]])


def of_mixture():
    """The potential whose phi is the mixture of WEIGHTS, MEANS and VARIANCES."""
    C = 1 / (1 / EPSILON + 1 / VARIANCES)
    r = C / VARIANCES * MEANS
    log_alpha = np.log(WEIGHTS) + 0.5 * (
        np.log(C / VARIANCES) - MEANS**2 / VARIANCES + r**2 / C
    ).sum(1)
    found = Potential(np.array([EPSILON]), 2, 2)
    values = (log_alpha[None], r[None], np.log(C / EPSILON)[None])
    return eqx.tree_at(
        lambda p: (p.log_alpha, p.r, p.log_S), found, tuple(jnp.asarray(v, float) for v in values)
    )


@pytest.mark.parametrize("t", [0.0, 0.4, 0.95])
def test_the_drift_is_the_gradient_of_the_potential_carried_back(t):
    """epsilon ∇ log Σ w_k N(x; mu_k, Sigma_k + (1 − t) epsilon)."""
    x = jnp.asarray([0.7, -0.4])

    def log_h(x):
        variance = VARIANCES + (1 - t) * EPSILON
        each = jax.scipy.stats.norm.logpdf(x, MEANS, np.sqrt(variance)).sum(1)
        return jax.nn.logsumexp(each, b=WEIGHTS)

    expected = EPSILON * jax.grad(log_h)(x)
    np.testing.assert_allclose(of_mixture().pull(x, 0, 1 - t), expected, rtol=1e-4)


def test_the_plan_is_the_exact_one():
    """pi(y | x) = Σ gamma_k N(y; C_k(x/epsilon + mu_k/Sigma_k), C_k)."""
    x = np.array([0.7, -0.4])
    future = of_mixture().future(jnp.asarray(x, float), 0)
    C = 1 / (1 / EPSILON + 1 / VARIANCES)
    np.testing.assert_allclose(future.variance, C, rtol=1e-5)
    np.testing.assert_allclose(future.mean, C * (x / EPSILON + MEANS / VARIANCES), rtol=1e-5)
    spread = VARIANCES + EPSILON
    gamma = WEIGHTS * np.exp(-((x - MEANS) ** 2 / spread + np.log(spread)).sum(1) / 2)
    np.testing.assert_allclose(jax.nn.softmax(future.log_weight), gamma / gamma.sum(), rtol=1e-4)


def test_products_of_matrices_give_the_same_likelihood():
    """Of several intervals at once, each row its own; far states and narrow components too."""
    keys = jax.random.split(KEY, 5)
    potential = Potential(np.array([0.5, 0.05]), 3, 4)
    parts = [
        scale * jax.random.normal(k, potential.r.shape) for scale, k in ((3, keys[0]), (1, keys[1]))
    ]
    potential = eqx.tree_at(lambda p: (p.r, p.log_S), potential, (5 + parts[0], parts[1] - 2))
    x = 5 + 4 * jax.random.normal(keys[2], (6, 4))
    which = jnp.asarray([0, 1, 1, 0, 1, 0])
    ends = jax.vmap(potential.log_end)(x, which)
    np.testing.assert_allclose(potential.log_ends(x, which), ends, rtol=1e-4)
    masses = [
        jax.nn.logsumexp(potential.future(*row).log_weight) for row in zip(x, which, strict=True)
    ]
    np.testing.assert_allclose(potential.log_masses(x, which), jnp.stack(masses), rtol=1e-4)


def test_components_with_axes_of_their_own_give_the_exact_plan_and_drift():
    """Against the plan of a mixture with full covariances; the Cayley turn is not the identity."""
    pair = random_pair(2, EPSILON, rng=np.random.default_rng(3), components=3, radius=1.0)
    precisions = np.linalg.inv(pair.covariances)
    C = np.linalg.inv(np.eye(2) / EPSILON + precisions)
    r = np.einsum("kij,kjl,kl->ki", C, precisions, pair.means)
    log_alpha = np.log(pair.weights) + 0.5 * (
        np.linalg.slogdet(C @ precisions)[1]
        - np.einsum("ki,kij,kj->k", pair.means, precisions, pair.means)
        + np.einsum("ki,kij,kj->k", r, np.linalg.inv(C), r)
    )
    values, axes = np.linalg.eigh(C / EPSILON)
    turn = np.array([[0.0, 0.4], [-0.1, 0.0]])
    W = turn - turn.T
    begin = axes @ np.linalg.inv(np.linalg.solve(np.eye(2) + W, np.eye(2) - W))
    potential = eqx.tree_at(
        lambda p: (p.log_alpha, p.r, p.log_S, p.begin.value, p.turn),
        Potential(np.array([EPSILON]), 3, 2, full=True),
        tuple(
            jnp.asarray(part[None], float)
            for part in (log_alpha, r, np.log(values), begin, np.repeat(turn[None], 3, 0))
        ),
    )
    x = np.array([0.7, -0.4])
    future = potential.future(jnp.asarray(x, float), 0)
    shares, means, covariances = pair.plan(x[None])
    np.testing.assert_allclose(jax.nn.softmax(future.log_weight), shares[0], rtol=1e-4)
    np.testing.assert_allclose(future.mean, means[0], rtol=1e-4, atol=1e-4)
    found = np.einsum("kab,kb,kcb->kac", future.axes, future.variance, future.axes)
    np.testing.assert_allclose(found, covariances, atol=1e-5)
    for t in (0.0, 0.6):
        pull = potential.pull(jnp.asarray(x, float), 0, 1 - t)
        np.testing.assert_allclose(pull, pair.drift(t, x[None])[0], rtol=1e-3, atol=1e-3)


def slopes(loss, slope, n=40_000):
    """z-scores of the gradient in r and log S of a potential of one component, unit Gaussians.

    Independent pairs between N(∓0.1, 1), epsilon = 1; the exact slope is (√5 − 1)/2.
    """
    rng = np.random.default_rng(0)
    rows = {
        "start": jnp.asarray(rng.normal(-0.1, 1, (n, 1)), float),
        "end": jnp.asarray(rng.normal(0.1, 1, (n, 1)), float),
        "which": jnp.zeros(n, int),
    }
    start = Potential(np.ones(1), 1, 1)
    values = (jnp.full((1, 1, 1), 0.1 + 0.1 * slope), jnp.full((1, 1, 1), np.log(slope)))
    potential = eqx.tree_at(lambda p: (p.r, p.log_S), start, values)

    @jax.jit
    def parts(rows, keys):
        one = lambda row, key: jax.grad(
            lambda v: loss.loss(
                eqx.tree_at(lambda p: (p.r, p.log_S), potential, v),
                jax.tree.map(lambda a: a[None], row),
                key=key,
            )
        )(values)
        return [g.ravel() for g in jax.vmap(one)(rows, keys)]

    found = np.asarray(parts(rows, jax.random.split(KEY, n)), float)
    return found.mean(1) / (found.std(1) / np.sqrt(n))


@pytest.mark.parametrize("loss", [LightLoss(), LightMatchingLoss()])
def test_the_exact_potential_is_stationary(loss):
    """For both losses on independent pairs; z-scores of false-alarm rate 1e-6."""
    exact = (np.sqrt(5) - 1) / 2
    assert np.abs(slopes(loss, exact)).max() < 4.9
    assert np.abs(slopes(loss, 0.8 * exact)).max() > 4.9


def two_intervals(n=400):
    rng = np.random.default_rng(0)
    frames = [rng.normal(size=(n, 2)) + shift for shift in (0.0, 3.0, 1.0)]
    return nq.Snapshots.from_frames(frames, [0.0, 1.0, 3.0])


@pytest.mark.parametrize("cls", [LightSB, LightSBM])
def test_paths_pass_through_all_snapshots(cls):
    recipe = cls(components=4, pool=1000, training=Training(steps=600, batch=128, rate=1e-2))
    model = recipe.fit(two_intervals(), key=KEY).model
    paths = model.sample_paths(400, times=[0.0, 0.5, 2.0, 3.0], key=KEY)
    means = paths.values.mean(0)
    np.testing.assert_allclose(means[:, 0], [0.0, 1.5, 2.0, 1.0], atol=0.35)
    x = model.sample(400, time=1.0, key=KEY)
    np.testing.assert_allclose(x.mean(0), 3.0, atol=0.3)
    # Small steps of the SDE, of which the paths are exact draws.
    start = np.zeros((400, 2), np.float32)
    exact = model.sample_paths(400, times=[0.0, 0.1], start=start, key=KEY).values[:, 1]
    drift = np.asarray(model.drift(0.05, jnp.asarray(exact.mean(0))))
    sigma = float(model.sigma.value)
    error = sigma * np.sqrt(0.1 / 400)
    np.testing.assert_allclose(exact.mean(0), 0.1 * drift, atol=4.9 * error)
    np.testing.assert_allclose(exact.std(0), sigma * np.sqrt(0.1), rtol=0.2)


def test_what_is_refused():
    with pytest.raises(InvalidInput, match="components"):
        LightSB(components=0)
    with pytest.raises(InvalidInput, match="positive noise"):
        LightSBM(sigma=0.0)
    assert isinstance(LightSB().coupling, Independent)
    assert isinstance(LightSBM().coupling, ExactOT)
    assert not Straight.stochastic

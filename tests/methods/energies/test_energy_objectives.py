"""Objectives of energies at the true energy of a Gaussian, with broken twins; moves of their chains."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.methods import (
    DenoisingScoreMatching,
    PersistentLangevin,
    SlicedScoreMatching,
)
from noneq.methods.energies.energy_model import TiltedEnergy
from noneq.methods.energies.langevin_moves import langevin_move, moved, walker
from noneq.methods.energies.objectives import AbstractScoreObjective, Rows
from noneq.nets.base import AbstractNetwork


KEY = jax.random.key(5)
FALSE_ALARM = 4.5
"""z-scores: about 7e-6 each."""


class Quadratic(AbstractNetwork):
    """f = aᵀy + y·B y/2 − |y|²/2: E is that of a Gaussian of precision B."""

    a: jax.Array
    b: jax.Array

    def __call__(self, x, level=None, time=None, condition=None):
        return (self.a @ x + x @ self.b @ x / 2 - jnp.sum(x**2) / 2)[None]


PRECISION = jnp.asarray([[2.0, 0.6], [0.6, 1.2]])
MEAN = jnp.asarray([0.4, -0.3])


def gaussian(precision=PRECISION):
    return TiltedEnergy(Quadratic(-precision @ MEAN, precision), 2, 0)


def rows(n, key, precision=PRECISION):
    root = jnp.linalg.cholesky(jnp.linalg.inv(precision))
    y = MEAN + jax.random.normal(key, (n, 2)) @ root.T
    return Rows(y, jnp.zeros(n), None)


def z_scores(rule, model, precision=PRECISION, batches=64, size=256):
    """Mean gradient over independent batches, in standard errors."""

    def one(key):
        data_key, key = jax.random.split(key)
        data = rows(size, data_key, precision)
        state = rule.init(model, key=key)
        grads = rule.direction(model, state, data, key=key)[1]
        # E of a Gaussian knows only the symmetric part of B.
        b = grads.net.b + grads.net.b.T
        return jnp.concatenate([grads.net.a, b.ravel()])

    found = np.asarray(jax.jit(jax.vmap(one))(jax.random.split(KEY, batches)), np.float64)
    return found.mean(0) / (found.std(0, ddof=1) / np.sqrt(batches))


class WrongSign(AbstractScoreObjective):
    """Sliced score matching with the sign of its trace reversed."""

    def loss(self, model, y, time, condition, *, key):
        square = jnp.sum(model.score(y, time, condition) ** 2)
        return square - SlicedScoreMatching().loss(model, y, time, condition, key=key)


class NoHalf(AbstractScoreObjective):
    """Sliced score matching without the ½ of |s|²."""

    def loss(self, model, y, time, condition, *, key):
        square = jnp.sum(model.score(y, time, condition) ** 2)
        return square / 2 + SlicedScoreMatching().loss(model, y, time, condition, key=key)


class OneSided(AbstractScoreObjective):
    """Denoising score matching with the noise's sign forgotten in the target."""

    def loss(self, model, y, time, condition, *, key):
        xi = jax.random.normal(key, y.shape)
        return jnp.sum((0.5 * model.score(y + 0.5 * xi, time, condition) - xi) ** 2) / 2


NOISED = jnp.linalg.inv(jnp.linalg.inv(PRECISION) + 0.25 * jnp.eye(2))


@pytest.mark.sweep(2)
@pytest.mark.parametrize(
    ("rule", "precision"),
    [
        (PersistentLangevin(chains=256, steps=2, restart=0.5), PRECISION),
        (SlicedScoreMatching(), PRECISION),
        (SlicedScoreMatching(projections=3), PRECISION),
        (DenoisingScoreMatching(sigma=0.5), NOISED),
    ],
    ids=["persistent", "sliced", "sliced3", "denoising"],
)
def test_gradient_vanishes_at_the_truth(rule, precision):
    """For denoising the truth is the law of the noised data."""
    assert np.abs(z_scores(rule, gaussian(precision))).max() < FALSE_ALARM


@pytest.mark.sweep(2)
@pytest.mark.parametrize(
    ("rule", "precision"),
    [
        (WrongSign(), PRECISION),
        (NoHalf(), PRECISION),
        (OneSided(), NOISED),
        (DenoisingScoreMatching(sigma=0.5), PRECISION),
        (PersistentLangevin(chains=256, steps=2), 1.3 * PRECISION),
    ],
    ids=["sign", "half", "target", "not noised", "wrong energy"],
)
def test_broken_twins_are_caught(rule, precision):
    assert np.abs(z_scores(rule, gaussian(precision))).max() > 10


@pytest.mark.parametrize(
    ("rule", "truth"), [(SlicedScoreMatching(), PRECISION), (DenoisingScoreMatching(0.5), NOISED)]
)
def test_loss_is_least_at_the_truth(rule, truth):
    """Along a line of precisions c·P the score losses turn at c = 1."""
    data = rows(20_000, KEY)
    find = jax.jit(lambda c: rule.direction(gaussian(c * truth), None, data, key=KEY)[0])
    loss = [float(find(c)) for c in (0.8, 1.0, 1.25)]
    assert loss[1] < min(loss[0], loss[2]) - 0.01


def test_moves_keep_a_gaussian():
    """Moments after many moves from exact draws, large steps included; unadjusted ones fail."""
    start = rows(20_000, KEY).y
    model = gaussian()
    tilt = lambda y: model.tilt(y, None, None)

    def moments(y):
        each = np.stack([y[:, 0], y[:, 1], y[:, 0] ** 2, y[:, 1] ** 2, y[:, 0] * y[:, 1]], 1)
        cov = np.linalg.inv(PRECISION)
        m = np.asarray(MEAN)
        truth = [*m, *(np.diag(cov) + m**2), cov[0, 1] + m[0] * m[1]]
        return (each.mean(0) - truth) / (each.std(0) / np.sqrt(len(each)))

    def after(move):
        keys = jax.random.split(jax.random.key(1), len(start))
        return np.asarray(jax.jit(jax.vmap(move))(start, keys), np.float64)

    exact = lambda y, key: moved(tilt, walker(tilt, y), 1.0, 2.0, 6, key=key).y
    assert np.abs(moments(after(exact))).max() < FALSE_ALARM

    def unadjusted(y, key):
        step = lambda y, k: (y + 0.5 * model.score(y, None, None) + jax.random.normal(k, (2,)), 0)
        return jax.lax.scan(step, y, jax.random.split(key, 6))[0]

    assert np.abs(moments(after(unadjusted))).max() > 10


def test_a_proposal_of_infinite_energy_is_refused():
    walled = lambda y: jnp.where(y[0] > 0, 0.0, jnp.inf)
    y = jnp.asarray([0.1, 0.0])
    move = lambda key: langevin_move(walled, walker(walled, y), 1.0, 1.0, key=key).y
    assert (np.asarray(jax.vmap(move)(jax.random.split(KEY, 200)))[:, 0] > 0).all()

"""EnergyBased: normalisation and draws against quadrature, fits."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.data.summary import summarise
from noneq.errors import InvalidInput
from noneq.learning.loop import Training
from noneq.methods import (
    DenoisingScoreMatching,
    EnergyBased,
    PersistentLangevin,
    SlicedScoreMatching,
)
from noneq.methods.energies.energy_model import EnergyModel, TiltedEnergy
from noneq.methods.energies.langevin_moves import langevin_move, walker
from noneq.nets.base import AbstractNetwork
from noneq.nets.vectors.fields import MLP
from noneq.samplers import AnnealedLevels


KEY = jax.random.key(5)
FALSE_ALARM = 4.5
"""z-scores: about 7e-6 each."""


class Bimodal(AbstractNetwork):
    """Two narrow wells of weights .8 and .2, far apart; the time moves weight between them."""

    scale: jax.Array

    def __call__(self, x, level=None, time=None, condition=None):
        time = 0.0 if time is None else time
        centre = jnp.zeros_like(x).at[0].set(1.5)
        share = jnp.asarray([0.8, 0.2]) + jnp.asarray([-0.6, 0.6]) * time
        square = jnp.stack([jnp.sum((x - centre) ** 2), jnp.sum((x + centre) ** 2)])
        log_p = jax.nn.logsumexp(jnp.log(share) - square / (2 * 0.2**2))
        return (-log_p * self.scale - jnp.sum(x**2) / 2)[None]


def bimodal(times=(0.0,)):
    """A model of the bimodal energy, in units that are not those of the normalised states."""
    rng = np.random.default_rng(0)
    data = nq.Trajectories(
        (3.0 + 2.0 * rng.normal(size=(50, len(times), 2))).astype(np.float32), times
    )
    if len(times) == 1:
        data = data.snapshots()
    energy = TiltedEnergy(Bimodal(jnp.asarray(1.0)), 2, 0)
    return EnergyModel(energy, summarise(data), annealing=AnnealedLevels())


def quadrature(model, time=None):
    """log Z and the share of the right-hand well, on a fine grid of states."""
    shift, scale = (np.asarray(c.value) for c in units(model))
    axis = (np.arange(200) + 0.5) / 200 * 8 - 4
    y = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    energy = jax.jit(jax.vmap(lambda x: model.energy(x, time=time)))
    values = np.asarray(energy(jnp.asarray(y * scale + shift, dtype=float)), np.float64)
    weight = np.exp(-values) * 0.04**2 * np.prod(scale)
    return np.log(weight.sum()), weight[y[:, 0] > 0].sum() / weight.sum()


def units(model):
    return model.frame.normaliser.shift, model.frame.normaliser.scale


@pytest.mark.slow
def test_log_partition_against_quadrature():
    model = bimodal()
    truth, _ = quadrature(model)
    estimates = [model.log_partition(key=key) for key in jax.random.split(KEY, 5)]
    z = np.asarray([e.z(truth) for e in estimates])
    assert np.abs(z).max() < FALSE_ALARM
    assert np.abs(z.sum()) < FALSE_ALARM * np.sqrt(z.size)
    assert estimates[0].stderr < 0.1
    x = model.sample(4, key=KEY)
    found = model.log_prob_estimate(x, key=KEY)
    np.testing.assert_allclose(
        found.value,
        -np.asarray(jax.jit(jax.vmap(model.energy))(x)) - model.log_partition(key=KEY).value,
        rtol=1e-4,
    )
    assert found.bound == "upper"
    assert model.log_prob_estimate(x[0], key=KEY).value.shape == ()
    # The score is that of the energy, in the data's units.
    slope = -jax.jit(jax.vmap(jax.grad(model.energy)))(x)
    np.testing.assert_allclose(jax.jit(jax.vmap(model.score))(x), slope, rtol=1e-4, atol=1e-4)


def placed(model, x):
    """States in the units of the wells."""
    shift, scale = (np.asarray(c.value) for c in units(model))
    return (np.asarray(x) - shift) / scale


@pytest.mark.slow
def test_draws_have_the_weights_and_shape_of_the_wells():
    """Shares over independent populations; plain Langevin chains miss them by far."""
    model = bimodal()
    _, share = quadrature(model)
    y = [placed(model, model.sample(512, key=k)) for k in jax.random.split(KEY, 12)]
    shares = np.asarray([(part[:, 0] > 0).mean() for part in y])
    z = (shares.mean() - share) / (shares.std(ddof=1) / np.sqrt(len(shares)))
    assert abs(z) < FALSE_ALARM
    assert shares.std(ddof=1) < 0.08
    # Each well is a Gaussian of width .2: chi² of quantile bins, with room for common ancestors.
    spread = np.concatenate(y)[:, 1] / 0.2
    edges = [-1.2816, -0.6745, 0.0, 0.6745, 1.2816]
    counts = np.bincount(np.digitize(spread, edges), minlength=6) / spread.size
    expected = np.asarray([0.1, 0.15, 0.25, 0.25, 0.15, 0.1])
    chi2 = spread.size * ((counts - expected) ** 2 / expected).sum()
    assert chi2 < 60, chi2

    tilt = lambda y: model.potential.tilt(y, None, None)

    def plain(key):
        start_key, key = jax.random.split(key)
        step = lambda w, k: (langevin_move(tilt, w, 1.0, 1.0, key=k), 0)
        start = walker(tilt, jax.random.normal(start_key, (2,)))
        return jax.lax.scan(step, start, jax.random.split(key, 200))[0].y

    stuck = np.asarray(jax.jit(jax.vmap(plain))(jax.random.split(KEY, 2000)))
    wrong = (stuck[:, 0] > 0).mean()
    assert abs(wrong - share) > 10 * np.sqrt(share * (1 - share) / 2000)


@pytest.mark.slow
def test_each_time_has_its_own_law():
    model = bimodal((0.0, 1.0))
    for time in (0.0, 1.0):
        truth, share = quadrature(model, time)
        assert abs(model.log_partition(time=time, key=KEY).z(truth)) < FALSE_ALARM
        found = (placed(model, model.sample(2048, time=time, key=KEY))[:, 0] > 0).mean()
        assert found == pytest.approx(share, abs=0.1)


def two_wells(n, seed, share=0.7):
    """Two Gaussians on a line and their log density."""
    rng = np.random.default_rng(seed)
    right = rng.random(n) < share
    x = np.where(right, 2.0, -1.0) + 0.5 * rng.normal(size=n)
    return x[:, None].astype(np.float32)


def log_density(x, share=0.7):
    bell = lambda m: np.exp(-((x - m) ** 2) / 0.5) / np.sqrt(0.5 * np.pi)
    return np.log(share * bell(2.0) + (1 - share) * bell(-1.0))


SMALL = {"net": MLP(width=32, depth=2), "annealing": AnnealedLevels(levels=32, particles=256)}


@pytest.mark.sweep(1)
@pytest.mark.parametrize(
    ("objective", "error"),
    [
        (PersistentLangevin(chains=128, steps=3), 0.13),
        (DenoisingScoreMatching(sigma=0.1), 0.15),
        (SlicedScoreMatching(), 0.15),
    ],
    ids=["persistent", "denoising", "sliced"],
)
def test_a_fit_recovers_the_log_density(objective, error):
    """Root mean square error over held-out states; N(0, 1) would be wrong by about .7 nats."""
    training = Training(steps=800, batch=256, rate=5e-3)
    fit = EnergyBased(objective=objective, training=training, **SMALL).fit(
        two_wells(4000, 0), key=KEY
    )
    x = two_wells(2000, 1)
    found = fit.model.log_prob_estimate(x, key=KEY)
    gap = found.value - log_density(x[:, 0].astype(float))
    assert np.sqrt(np.mean(gap**2)) < error + 2 * found.stderr[0]


@pytest.mark.slow
def test_time_and_conditions_reach_chains_and_draws():
    """Four Gaussians: the mean depends on time and category; every law is met."""
    rng = np.random.default_rng(0)
    n = 4000
    time_index = rng.integers(0, 2, n)
    c = rng.integers(0, 2, n)
    mean = 2.0 * time_index - 3.0 * c
    values = (mean + 0.5 * rng.normal(size=n))[:, None].astype(np.float32)
    order = np.argsort(time_index, kind="stable")
    data = nq.Snapshots(
        values[order], [0.0, 1.0], time_index[order], condition=c[order, None].astype(np.float32)
    )
    method = EnergyBased(
        objective=PersistentLangevin(chains=128, steps=3),
        training=Training(steps=1000, batch=256, rate=5e-3),
        time_band=1.0,
        **SMALL,
    )
    model = method.fit(data, key=KEY).model
    for time in (0.0, 1.0):
        for label in (0.0, 1.0):
            x = np.asarray(model.sample(256, time=time, condition=[label], key=KEY))
            # A short training leaves thin tails; the quartiles are those of the right law.
            low, middle, high = np.quantile(x, [0.25, 0.5, 0.75])
            assert middle == pytest.approx(2 * time - 3 * label, abs=0.3)
            assert high - low == pytest.approx(0.674, abs=0.25)
    own = np.asarray([[0.0], [1.0]] * 8)
    x = np.asarray(model.sample(16, time=0.0, condition=own, key=KEY))
    assert x[::2].mean() - x[1::2].mean() == pytest.approx(3.0, abs=0.8)
    found = model.log_prob_estimate(x, time=0.0, condition=own, key=KEY)
    assert (np.ptp(found.stderr[::2]), np.ptp(found.stderr[1::2])) == (0.0, 0.0)
    assert found.value.mean() == pytest.approx(-0.726, abs=0.5)


def test_refusals():
    with pytest.raises(InvalidInput, match="patience"):
        EnergyBased(training=Training(patience=3))
    EnergyBased(objective=SlicedScoreMatching(), training=Training(patience=3))
    data = nq.Snapshots(two_wells(100, 0), domain=nq.Box(-5.0, 5.0))
    with pytest.raises(InvalidInput, match="ReflectedDiffusion"):
        EnergyBased().fit(data, key=KEY)
    with pytest.raises(InvalidInput, match="dequantise=1"):
        EnergyBased().fit(np.arange(400.0).reshape(-1, 1) % 4, key=KEY)
    for wrong in (
        lambda: PersistentLangevin(chains=0),
        lambda: PersistentLangevin(step_size=0.0),
        lambda: PersistentLangevin(restart=1.5),
        lambda: DenoisingScoreMatching(sigma=-1.0),
        lambda: SlicedScoreMatching(projections=0),
        lambda: AnnealedLevels(levels=1),
        lambda: AnnealedLevels(step_size=float("inf")),
    ):
        with pytest.raises(InvalidInput, match="expected"):
            wrong()


def test_energy_confines_whatever_the_network():
    """Far out the quadratic term wins over a network of large weights."""
    net = MLP(width=16, depth=2).init((2,), 1, noise=False, clock=None, label=None, key=KEY)
    wild = jax.tree.map(lambda a: 3.0 * a if eqx.is_inexact_array(a) else a, net)
    energy = TiltedEnergy(wild, 2, 0)
    far = 1e4 * jnp.stack([jnp.asarray([np.cos(a), np.sin(a)]) for a in np.linspace(0, 6.28, 32)])
    assert (jax.vmap(lambda y: energy(y, None, None))(far) > 1e6).all()

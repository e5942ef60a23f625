"""The Boltzmann law of a true potential: density, score and samples against quadrature."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.errors import InvalidInput, MissingTrait
from noneq.methods import OracleBoltzmann
from noneq.systems import DoubleWell, Prinz
from noneq.traits import HasEnergy, HasLogProb, HasScore


BETA, TIME = 10.0, 3.7


def exact_cells(bins, drive=1.0, time=TIME, fine=8):
    """Probability of each cell, by quadrature written out apart from the library."""
    axis = (np.arange(bins * fine) + 0.5) / (bins * fine) * 2 - 1
    x, y = np.meshgrid(axis, axis, indexing="ij")
    r = np.hypot(x, y)
    v = np.cos(5 * np.arctan2(y, x) - drive * np.pi / 2 * time) + 10 * (r - 0.5) ** 2
    weight = np.exp(-BETA * v).reshape(bins, fine, bins, fine).sum((1, 3))
    return weight / weight.sum()


def cell_counts(x, bins):
    return np.histogram2d(x[:, 0], x[:, 1], bins=bins, range=[[-1, 1]] * 2)[0]


def jsd(p, q):
    """Bits, between two histograms."""
    p, q = p.ravel() / p.sum(), q.ravel() / q.sum()
    m = (p + q) / 2
    bits = lambda a: np.sum(a[a > 0] * np.log2(a[a > 0] / m[a > 0]))
    return (bits(p) + bits(q)) / 2


def chi_square_z(counts, probability):
    """(chi² − degrees)/√(2 degrees) over cells expecting at least 10."""
    expected = counts.sum() * probability
    keep = expected >= 10
    observed = np.append(counts[keep], counts[~keep].sum())
    wanted = np.append(expected[keep], expected[~keep].sum())
    degrees = wanted.size - 1
    return (np.sum((observed - wanted) ** 2 / wanted) - degrees) / np.sqrt(2 * degrees)


def oracle(system=None, times=(0.0, 20.0), **fields):
    system = Prinz() if system is None else system
    rows = np.linspace(-0.5, 0.5, 2 * len(times) * system.event_shape[0])
    frames = rows.reshape(len(times), 2, -1)
    data = nq.Snapshots.from_frames(list(frames), times)
    return OracleBoltzmann(system=system, **fields).fit(data, key=jax.random.key(0))


@pytest.fixture(scope="module")
def model():
    return oracle().model


def test_learns_nothing_and_gives_the_equilibrium_traits(model):
    assert oracle().history == {}
    assert all(isinstance(model, trait) for trait in (HasEnergy, HasScore, HasLogProb))


def test_samples_follow_the_exact_law_and_a_forgotten_temperature_does_not(model, key):
    x = np.asarray(model.sample(20_000, time=TIME, key=key))
    # false-alarm rate about 1e-6 for a normal z; n = 20,000 sees a relative error of 3 %
    assert abs(chi_square_z(cell_counts(x, 16), exact_cells(16))) < 5
    hot = eqx.tree_at(lambda m: m.beta, model, 1.0)
    x = np.asarray(hot.sample(20_000, time=TIME, key=key))
    assert chi_square_z(cell_counts(x, 16), exact_cells(16)) > 50


def test_divergence_of_samples_sits_on_the_sampling_floor(model, key, rng):
    exact = exact_cells(32)
    floor = [jsd(rng.multinomial(4000, exact.ravel()).reshape(32, 32), exact) for _ in range(50)]
    x = np.asarray(model.sample(4000, time=TIME, key=key))
    value = jsd(cell_counts(x, 32), exact)
    assert abs(value - np.mean(floor)) / np.std(floor) < 5
    assert 0.007 < value < 0.0095


def test_log_prob_is_exact_normalised_and_its_gradient_is_the_score(model, rng):
    bins = 256
    axis = (np.arange(bins) + 0.5) / bins * 2 - 1
    points = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2).astype("f4")
    log_prob = eqx.filter_jit(jax.vmap(lambda x: model.log_prob(x, time=TIME)))
    density = np.exp(np.asarray(log_prob(jnp.asarray(points)), np.float64)).reshape(bins, bins)
    assert abs(density.sum() * (2 / bins) ** 2 - 1) < 1e-3
    exact = exact_cells(bins, fine=1) * (bins / 2) ** 2
    np.testing.assert_allclose(density, exact, rtol=2e-3, atol=1e-6)

    x = jnp.asarray(rng.uniform(-0.9, 0.9, (32, 2)), dtype=float)
    score = eqx.filter_jit(jax.vmap(lambda x: model.score(x, time=TIME)))(x)
    slope = eqx.filter_jit(jax.vmap(jax.grad(lambda x: model.log_prob(x, time=TIME))))(x)
    np.testing.assert_allclose(slope, score, rtol=1e-4, atol=1e-3)
    step = 1e-3
    force = [
        (
            np.asarray(model.energy(x[0] - step * e, time=TIME), float)
            - float(model.energy(x[0] + step * e, time=TIME))
        )
        / (2 * step)
        for e in jnp.eye(2)
    ]
    np.testing.assert_allclose(score[0], BETA * np.array(force), rtol=0.02, atol=0.2)


def test_box_ends_the_law(model):
    assert model.log_prob(jnp.array([1.01, 0.0]), time=TIME) == -np.inf


def test_snapshots_carry_times_and_labels(model, key):
    snaps = model.snapshots(7, times=[0.5, 2.0], key=key)
    assert snaps.values.shape == (14, 2)
    np.testing.assert_array_equal(snaps.times, [0.5, 2.0])
    assert not np.array_equal(snaps.at(0.5), snaps.at(2.0))


@pytest.mark.optimised
@pytest.mark.stat
@pytest.mark.parametrize(("drive", "low", "high"), [(1.0, 0.0, 0.03), (20.0, 0.15, 0.2)])
def test_equilibrium_fails_only_when_driven(key, drive, low, high):
    """JSD of the true law against Boltzmann: 0.165 at drive 20 (exact), on the floor at 1."""
    run_key, sample_key = jax.random.split(key)
    system = Prinz(drive=drive)
    truth = nq.simulate(system, np.array([0.0, 1.0]), n=4000, key=run_key)
    x = oracle(system).model.sample(4000, time=1.0, key=sample_key)
    value = jsd(cell_counts(np.asarray(x), 32), cell_counts(truth.at(1.0), 32))
    assert low < value < high


def test_refusals(model, key):
    with pytest.raises(MissingTrait, match="potential"):
        OracleBoltzmann(system=nq.systems.EightGaussians())
    with pytest.raises(InvalidInput, match="box=Box"):
        OracleBoltzmann(system=DoubleWell())
    with pytest.raises(InvalidInput, match="shape"):
        OracleBoltzmann().fit(nq.Snapshots(np.zeros((4, 3))), key=key)
    with pytest.raises(InvalidInput, match="time="):
        model.sample(3, key=key)
    with pytest.raises(InvalidInput, match="condition"):
        model.sample(3, time=0.0, condition=[1.0], key=key)


def test_data_of_another_system_are_refused(rng):
    elsewhere = nq.Snapshots(rng.normal(size=(200, 2)))
    with pytest.raises(InvalidInput, match="that very system"):
        OracleBoltzmann().fit(elsewhere, key=jax.random.key(0))
    inside = nq.Snapshots(rng.uniform(-1, 1, size=(200, 2)))
    assert OracleBoltzmann().fit(inside, key=jax.random.key(0)).model.event_shape == (2,)

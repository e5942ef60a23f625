"""Static energies from histograms, and the field that they are distilled into."""

import equinox as eqx
import jax
import numpy as np
import pytest
from scipy.special import digamma
from scipy.stats import poisson

import noneq as nq
from noneq.errors import InvalidInput
from noneq.methods import BoltzmannField, OracleBoltzmann
from noneq.methods.energies.boltzmann_field import _EMPTY_WEIGHT, static_energies
from noneq.nets import MLP
from noneq.systems import DoubleWell


QUICK = nq.Training(steps=1500, batch=256, rate=5e-3, ema=0.99)


def quick(**fields):
    return BoltzmannField(net=MLP(width=32, depth=2), training=QUICK, **fields)


def test_static_energies_of_a_counted_histogram(key):
    first = [0.1] * 5 + [0.6] * 3
    second = [0.9]
    data = nq.Snapshots.from_frames([np.array(first)[:, None], np.array(second)[:, None]], [0, 2])
    rows = static_energies(data, np.zeros(1), np.ones(1), 4, 0.01, key=key)
    order = np.lexsort((rows["place"][:, 0], rows["time"]))
    rows = {name: column[order] for name, column in rows.items()}
    np.testing.assert_allclose(rows["time"], [0] * 4 + [2] * 4)
    np.testing.assert_allclose(rows["place"][:4, 0], [-0.75, -0.25, 0.25, 0.75])
    log_count = [digamma(5), np.log(0.01), digamma(3), np.log(0.01)]
    np.testing.assert_allclose(rows["energy"][:4], np.log(8 / 4) - log_count, rtol=1e-5)
    np.testing.assert_allclose(rows["energy"][7], np.log(1 / 4) - digamma(1), rtol=1e-5)
    np.testing.assert_allclose(rows["weight"][0] / rows["weight"][2], 5 / 3, rtol=1e-5)
    np.testing.assert_allclose(rows["weight"].mean(), 1, rtol=1e-5)


def test_many_unvisited_cells_are_thinned_at_equal_total_weight(key, rng):
    frames = [rng.uniform(0, 1, (2, 3)) for _ in range(300)]
    data = nq.Snapshots.from_frames(frames, np.arange(300.0))
    rows = static_energies(data, np.zeros(3), np.ones(3), 16, 0.01, key=key)
    assert rows["time"].size < 300 * 16**3 / 3
    empty = rows["energy"] > np.log(2 / 16**3) - digamma(1) + 1e-3
    share = rows["weight"][empty].sum() / rows["weight"][~empty].sum()
    expected = _EMPTY_WEIGHT * (300 * 16**3 - 600) / 600
    assert share == pytest.approx(expected, rel=1e-2)


def regression_density(mean, log_count, empty=0.001):
    """Where weighted least squares ends for Poisson counts of this mean."""
    n = np.arange(1, 200)
    p = poisson.pmf(n, mean)
    nothing = np.exp(-mean) * _EMPTY_WEIGHT
    top = np.sum(p * n * log_count(n)) + nothing * np.log(empty)
    return np.exp(top / (np.sum(p * n) + nothing))


@pytest.mark.parametrize("mean", [0.5, 1.0, 3.0, 10.0, 50.0])
def test_thin_cells_are_not_overestimated(mean):
    ours = regression_density(mean, digamma) / mean
    logarithm = regression_density(mean, np.log) / mean
    assert abs(ours - 1) < 0.25
    assert abs(ours - 1) < abs(logarithm - 1) or mean < 1


def test_energy_of_a_static_double_well_is_its_potential(key):
    """In units of kT, up to a constant; the model's own beta is the system's."""
    system, box = DoubleWell(beta=3.0), nq.Box(-2.0, 2.0)
    draw, fit_key = jax.random.split(key)
    summary_of = nq.Snapshots(np.zeros((2, 1)), domain=box)
    oracle = OracleBoltzmann(system=system, box=box).fit(summary_of, key=key).model
    data = nq.Snapshots(np.asarray(oracle.sample(20_000, key=draw)), domain=box)
    model = quick(beta=3.0).fit(data, key=fit_key).model

    x = np.linspace(-1.9, 1.9, 381, dtype="f4")[:, None]
    learned = np.asarray(eqx.filter_jit(jax.vmap(model.energy))(x), float)
    truth = (x[:, 0].astype(float) ** 2 - 1) ** 2
    density = np.exp(-3 * truth) / np.exp(-3 * truth).sum()
    gap = learned - truth
    gap -= np.sum(density * gap)
    # 20,000 samples in 64 cells: relative error of a cell's density about 6 %
    assert 3 * np.sqrt(np.sum(density * gap**2)) < 0.12
    forgotten = 3 * learned - truth
    forgotten -= np.sum(density * forgotten)
    assert 3 * np.sqrt(np.sum(density * forgotten**2)) > 0.5

    log_prob = np.asarray(eqx.filter_jit(jax.vmap(model.log_prob))(x), float)
    fitted = np.exp(log_prob) / np.exp(log_prob).sum()
    middle = (fitted + density) / 2
    bits = lambda a: np.sum(a * np.log2(a / middle))
    assert (bits(fitted) + bits(density)) / 2 < 2e-3


def test_field_follows_time_in_free_space(key, rng):
    frames = [rng.normal(centre, 0.3, (2000, 1)) for centre in (-1.0, 0.0, 2.0)]
    data = nq.Snapshots.from_frames(frames, [0.0, 1.0, 2.0], names=["q"])
    model = quick().fit(data, key=key).model
    snaps = model.snapshots(2000, times=[0.0, 1.0, 2.0], key=key)
    assert snaps.names == ("q",)
    for time, centre in zip((0.0, 1.0, 2.0), (-1.0, 0.0, 2.0), strict=True):
        x = snaps.at(time)
        assert abs(x.mean() - centre) < 0.06
        assert abs(x.std() - 0.3) < 0.06


def test_refuses_what_a_grid_cannot_hold(key, rng):
    with pytest.raises(InvalidInput, match="--components") as caught:
        BoltzmannField().fit(nq.Snapshots(rng.normal(size=(20, 4))), key=key)
    assert "energy" in str(caught.value)
    data = nq.Snapshots(rng.normal(size=(20, 2)), condition=rng.normal(size=(20, 1)))
    with pytest.raises(InvalidInput, match="condition"):
        BoltzmannField().fit(data, key=key)
    with pytest.raises(InvalidInput, match="cells"):
        BoltzmannField(cells=1)
    with pytest.raises(InvalidInput, match="beta"):
        BoltzmannField(beta=0.0)

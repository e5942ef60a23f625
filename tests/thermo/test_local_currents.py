"""Currents in cells, landscape and flux, housekeeping and excess against closed forms."""

import jax
import numpy as np
import pytest

import noneq as nq
from noneq.errors import InvalidInput
from noneq.simulation import simulate
from noneq.systems import DrivenRing, Linear, Swirl
from noneq.systems.linear import gaussian_step, square_root
from noneq.thermo import (
    currents,
    housekeeping_excess,
    landscape_flux,
    local_entropy_production,
)


@pytest.fixture(scope="module")
def swirl():
    return simulate(Swirl(), np.arange(0, 3, 0.005), n=100, key=jax.random.key(0))


def exact_flux(states):
    """v = −J∇U of the swirl with q = 1."""
    x, y = np.moveaxis(states, -1, 0)
    return np.stack([2 * y, -4 * x * (x**2 - 1)], -1)


@pytest.mark.stat
def test_velocity_density_and_map_of_the_swirl(swirl):
    found = currents(swirl, bins=24)
    states = np.stack(np.meshgrid(*found.centres, indexing="ij"), -1)
    often = found.visits > 300
    error = found.velocity.stderr[often]
    z = (found.velocity.value - exact_flux(states))[often] / error
    assert 0.8 < np.sqrt(np.mean(z**2)) < 1.35
    mirrored = (found.velocity.value + exact_flux(states))[often] / error
    assert np.sqrt(np.mean(mirrored**2)) > 2
    assert found.diffusivity[often].mean(0) == pytest.approx(np.eye(2) / 2, abs=0.02)
    truth = Swirl().entropy_production_rate()
    assert 0.6 * truth < float(found.total.value) < truth + 4 * float(found.total.stderr)
    assert np.isfinite(found.entropy_production.value).all()
    early, late = local_entropy_production(swirl, bins=12, windows=2)
    assert float(early.total.value) == pytest.approx(float(late.total.value), rel=0.6)


@pytest.mark.stat
def test_the_current_around_a_ring(key):
    ring = DrivenRing(force=2.0, amplitude=1.0)
    data = simulate(ring, np.arange(0, 14, 0.02), n=40, key=key).frames(slice(150, None))
    found = currents(data, bins=20)
    z = (found.current.value[:, 0] - ring.current()) / found.current.stderr[:, 0]
    assert abs(np.mean(z)) < 4
    assert float(found.density.value.sum() * 2 * np.pi / 20) == pytest.approx(1.0, abs=1e-9)
    assert abs(found.total.z(ring.entropy_production_rate())) < 5


@pytest.mark.stat
def test_landscape_and_flux_of_the_swirl(swirl):
    found = landscape_flux(swirl)
    z = (found.flux - exact_flux(found.states)) / found.flux_stderr
    assert np.sqrt(np.mean(z**2)) < 2
    x, y = found.states.T
    slope = -np.stack([4 * x * (x**2 - 1), 2 * y], 1)
    assert np.mean((found.slope - slope) ** 2) < 0.05 * np.mean(slope**2)
    assert found.split.share == pytest.approx(0.5, abs=0.08)
    assert abs(found.cosine) < 0.1


@pytest.mark.stat
def test_relaxation_is_excess_and_rotation_is_housekeeping(rng):
    """N(0, 4) relaxing to N(0, 1) while it turns: excess 2 (1/s − 1)² s, housekeeping 2 w² s."""
    growth, added = gaussian_step(-np.array([[1.0, -2.0], [2.0, 1.0]]), 2 * np.eye(2), 0.01)
    record, x = np.empty((800, 61, 2)), 2 * rng.normal(size=(800, 2))
    for k in range(61):
        record[:, k] = x
        x = x @ growth.T + rng.normal(size=x.shape) @ square_root(added)
    found = housekeeping_excess(nq.Trajectories(record, np.arange(61) * 0.01), windows=3)
    s = 1 + 3 * np.exp(-2 * found.total.times)
    assert np.abs(found.excess.z(2 * (1 / s - 1) ** 2 * s)).max() < 5
    assert np.abs(found.housekeeping.z(8 * s)).max() < 5
    assert found.excess.value + found.housekeeping.value == pytest.approx(found.total.value)
    assert "Hatano" in found.notes[0]


def test_chains_and_refusals():
    rates = [[-4, 3, 1], [1, -4, 3], [3, 1, -4]]
    assert currents(rates)[0, 1] == pytest.approx(2 / 3)
    data = simulate(Linear(), np.arange(0, 2, 0.05), n=10, key=jax.random.key(1))
    with pytest.raises(InvalidInput, match="one or two different"):
        currents(data, coordinates=(0, 0))
    with pytest.raises(InvalidInput, match="cells"):
        currents(data, bins=1000)
    with pytest.raises(InvalidInput, match="windows"):
        local_entropy_production(data, windows=100)
    with pytest.raises(InvalidInput, match="limits"):
        currents(data, limits=[[1.0, 0.0]])

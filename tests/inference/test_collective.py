"""Measures of particles on gases whose values are known exactly.

Statistical tests take |z| < 5 per number (false alarms of 5e-6 each with 64 trajectories), and
each has a twin in which the physics is broken and which must be far outside.
"""

import jax
import numpy as np
import pytest

from noneq.data.ensembles import Trajectories
from noneq.domains import Free, Product, Torus
from noneq.errors import InvalidInput
from noneq.inference import (
    cluster_tracks,
    clustering,
    contact_rate,
    mean_squared_displacement,
    pair_correlation,
    phase_shuffled,
    polarisation,
)


MOST = 5.0


def headings(rng, *shape):
    angle = 2 * np.pi * rng.random(shape)
    return np.stack([np.cos(angle), np.sin(angle)], -1)


def dimers(rng, n, frames, pairs, box, length):
    """Pairs of that length at most, everything else independent and uniform."""
    first = box * rng.random((n, frames, pairs, 2))
    bond = length * np.sqrt(rng.random((n, frames, pairs, 1))) * headings(rng, n, frames, pairs)
    return np.concatenate([first, first + bond], 2)


def test_polarisation_of_random_headings_and_of_a_flock(rng):
    n, particles = 400, 50
    states = np.concatenate([rng.random((n, 3, particles, 2)), headings(rng, n, 3, particles)], -1)
    order = polarisation(states, dim=2)
    np.testing.assert_array_equal(order.times, [0, 1, 2])
    # The mean of |sum of unit vectors| is √(πN)/2 up to 1/(16 N) of it.
    assert np.abs(order.z(np.sqrt(np.pi / (4 * particles)))).max() < MOST
    twin = states.copy()
    twin[..., 2] += 0.3
    assert polarisation(twin, dim=2).z(np.sqrt(np.pi / (4 * particles))).min() > 10
    flock = np.broadcast_to([0.1, 0.2, 3.0, 4.0], (2, 3, 5, 4))
    np.testing.assert_allclose(polarisation(flock, dim=2).value, 1.0)
    still = np.zeros((2, 1, 5, 4))
    np.testing.assert_allclose(polarisation(still, dim=2).value, 0.0)


def test_polarisation_from_displacements_across_the_border(rng):
    start, drift = 5 * rng.random((3, 1, 20, 2)), np.asarray([0.4, -0.3])
    paths = (start + drift * np.arange(9)[:, None, None]) % 5
    np.testing.assert_allclose(polarisation(paths, box=5.0).value, np.ones(8), atol=1e-12)
    assert polarisation(paths).value.min() < 0.999  # jumps at the border are no flights


def test_polarisation_of_one_trajectory_has_an_honest_error(rng):
    # Headings with a bias: the error of one trajectory against the spread of many.
    states = headings(rng, 400, 1, 80) + [0.6, 0.0]
    states = np.concatenate([states, states], -1)
    single = [polarisation(state[None], dim=2) for state in states[:100]]
    claimed = np.mean([one.stderr[0] for one in single])
    spread = polarisation(states, dim=2).stderr[0] * np.sqrt(400)
    assert 0.8 < claimed / spread < 1.25


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_pair_correlation_of_an_ideal_gas_is_one(dim, rng):
    gas = 3.0 * rng.random((64, 4, 30, dim))
    edges = np.linspace(0.0, 1.5, 9)
    g = pair_correlation(gas, edges, box=3.0)
    assert np.abs(g.z(1.0)).max() < MOST
    # The broken twin: a density that is not even.
    twin = gas**2 / 3.0
    assert pair_correlation(twin, edges, box=3.0).z(1.0).max() > 8


def test_pair_correlation_sees_pairs(rng):
    gas = dimers(rng, 32, 3, 15, 4.0, 0.3)
    g = pair_correlation(gas, [0.0, 0.3, 0.6, 2.0], box=4.0)
    share = np.pi * 0.3**2 / 16
    assert np.abs(g.z([(1 / share + 28) / 29, 28 / 29, 28 / 29])).max() < MOST
    assert g.z(1.0)[0] > 20


def test_clustering_of_ideal_gas_and_of_pairs(rng):
    gas = 4.0 * rng.random((64, 3, 30, 2))
    assert abs(clustering(gas, 0.4, box=4.0).z(0.0)) < MOST
    share = np.pi * 0.4**2 / 16
    bound = clustering(dimers(rng, 64, 3, 15, 4.0, 0.3), 0.4, box=4.0)
    assert abs(bound.z((1 + 28 * share) / (29 * share) - 1)) < MOST
    assert bound.z(0.0) > 20
    grid = np.stack(np.meshgrid(*[np.arange(5) * 0.8] * 2), -1).reshape(1, 1, 25, 2)
    np.testing.assert_allclose(clustering(np.repeat(grid, 2, 0), 0.7, box=4.0).value, -1.0)


def test_errors_of_one_trajectory_from_blocks_of_frames(rng):
    z = [float(clustering(4 * rng.random((1, 40, 20, 2)), 0.5, box=4.0).z(0.0)) for _ in range(100)]
    # Ten blocks: Student's t with nine degrees of freedom, whose spread is 1.13.
    assert 0.85 < np.std(z) < 1.5
    with pytest.raises(InvalidInput, match="no error"):
        clustering(rng.random((1, 1, 20, 2)), 0.3, box=1.0)


def test_free_diffusion(rng):
    steps = np.sqrt(2 * 0.5 * 0.1) * rng.normal(size=(60, 30, 10, 2))
    paths = np.cumsum(steps, 1) % 3.0
    data = Trajectories(paths, 0.1 * np.arange(30), domain=Torus(3.0))
    spread = mean_squared_displacement(data, [1, 2, 5, 10, 20])
    truth = 2 * 2 * 0.5 * spread.times
    np.testing.assert_allclose(spread.times, [0.1, 0.2, 0.5, 1.0, 2.0])
    assert np.abs(spread.z(truth)).max() < MOST
    # The broken twin: jumps at the border taken for motion.
    assert np.abs(mean_squared_displacement(paths, [1, 2, 5, 10, 20]).z(truth)).max() > 20
    one = mean_squared_displacement(data.take(np.asarray([0])), [1])
    assert 0 < one.stderr[0] < one.value[0]


def test_ballistic_motion_and_gaps(rng):
    velocity = 0.3 * headings(rng, 2, 1, 8)
    paths = (rng.random((2, 1, 8, 2)) + velocity * np.arange(12)[:, None, None]) % 1.0
    spread = mean_squared_displacement(paths, box=1.0)
    np.testing.assert_allclose(spread.value, 0.09 * np.arange(1, 7) ** 2, rtol=1e-9)
    # Absent for a frame, late, and gone early.
    paths[0, 5, 0], paths[0, :3, 1], paths[1, 9:, 2] = np.nan, np.nan, np.nan
    holes = mean_squared_displacement(paths, [1], box=1.0)
    np.testing.assert_allclose(holes.value, 0.09, rtol=1e-9)


def meeting(speed, dt, radius, density):
    """New contacts per particle and time of ideal ballistic particles seen every dt."""
    phi = np.linspace(0, np.pi, 4001)
    move = 2 * speed * np.sin(phi / 2) * dt
    half = np.clip(move / (2 * radius), 0, 1)
    lens = 2 * radius**2 * np.arccos(half) - move / 2 * np.sqrt(4 * radius**2 - move**2)
    return density * np.trapezoid(np.pi * radius**2 - lens, phi) / np.pi / dt


def test_contact_rate_of_ideal_ballistic_particles(rng):
    particles, box, radius, dt = 60, 6.0, 0.3, 0.05
    start = box * rng.random((40, 1, particles, 2))
    flight = headings(rng, 40, 1, particles) * dt * np.arange(41)[:, None, None]
    data = Trajectories((start + flight) % box, dt * np.arange(41), domain=Torus(box))
    rate = contact_rate(data, radius)
    truth = meeting(1.0, dt, radius, (particles - 1) / box**2)
    # Kinetic theory: 2 radius ρ ⟨relative speed⟩, the latter 4/π.
    theory = 2 * radius * (particles - 1) / box**2 * 4 / np.pi
    np.testing.assert_allclose(truth, theory, rtol=5e-3)
    assert abs(rate.z(truth)) < MOST
    assert abs(contact_rate(data, 1.2 * radius).z(truth)) > 10
    together = (start + flight[:, :, :1]) % box
    assert contact_rate(together, radius, box=box).value < 1e-12


def test_appearing_is_no_contact():
    paths = np.zeros((2, 4, 2, 2))
    paths[:, :2, 1] = np.nan
    assert contact_rate(paths, 0.5).value == 0
    paths[:, :2, 1] = 3.0
    # One new pair; two particles seen in three intervals.
    np.testing.assert_allclose(contact_rate(paths, 0.5).value, 2 / (2 * 3))


def test_clusters_are_followed(rng):
    # Five particles at 0 and three at 5 that come nearer, merge at frame 3 and part again.
    x = np.concatenate([np.zeros(5), np.full(3, 5.0)]) + 0.01 * np.arange(8)
    paths = np.zeros((6, 9, 2))
    for k, gap in enumerate([0.0, 0.0, 0.0, -4.5, 0.0, 0.0]):
        paths[k, :8, 0] = x + gap * (x > 2)
    paths[..., 8, 0] = 7.5  # alone
    found = cluster_tracks(np.stack([paths, paths]), 0.6, box=20.0)
    first = found.labels[0]
    assert (first[:, :5] == first[0, 0]).all()  # the larger one goes on through the merger
    assert (first[3, 5:8] == first[0, 0]).all()
    assert len({first[2, 5], first[3, 5], first[4, 5]}) == 3
    assert (first[:, 8] == -1).all()
    np.testing.assert_allclose(found.number.value, 11 / 6)
    np.testing.assert_allclose(found.size.value, 48 / 11)
    np.testing.assert_allclose(found.lifetime.value, (5 + 2 + 1) / 3)
    assert found.lifetime.bound == "lower"
    wide = cluster_tracks(rng.random((2, 3, 40, 2)), 0.5, box=1.0)
    np.testing.assert_allclose(wide.size.value, 40)
    none = cluster_tracks(paths[None] * [1.0, 0.0], 1e-9)
    assert none.number.value == 0
    assert np.isnan(none.size.value)


def test_clusters_touch_across_the_border():
    paths = np.zeros((2, 2, 2, 2))
    paths[..., 1, 0] = 9.8
    assert cluster_tracks(paths, 0.5, box=10.0).number.value == 1
    assert cluster_tracks(paths, 0.5).number.value == 0


def test_the_domain_tells_positions_from_velocities(rng):
    states = np.concatenate([2 * rng.random((3, 4, 10, 2)), headings(rng, 3, 4, 10)], -1)
    data = Trajectories(states, np.arange(4), domain=Product((Torus(2.0), Free()), (2, 2)))
    same = lambda a, b: np.testing.assert_array_equal(a.value, b.value)
    same(polarisation(data), polarisation(states, dim=2))
    same(clustering(data, 0.5), clustering(states[..., :2], 0.5, box=2.0))
    mask = np.ones((3, 4), bool)
    mask[0, 1] = False
    masked = Trajectories(states, np.arange(4), mask=mask, domain=data.domain)
    order = polarisation(masked)
    np.testing.assert_allclose(order.value[1], polarisation(states[1:], dim=2).value[1])


@pytest.mark.parametrize(
    ("measure", "wrong", "match"),
    [
        (polarisation, {"data": np.zeros((2, 3, 4))}, "shape"),
        (polarisation, {"data": np.zeros((2, 1, 4, 2))}, "dim="),
        (polarisation, {"data": np.zeros((2, 3, 4, 2)), "dim": 3}, "dim = 3"),
        (clustering, {"data": np.zeros((2, 3, 4, 2)), "radius": 0.1}, "periodic box"),
        (clustering, {"data": np.zeros((2, 3, 4, 2)), "radius": 0.6, "box": 1.0}, "half the box"),
        (
            clustering,
            {"data": np.full((2, 3, 4, 2), np.inf), "radius": 0.1, "box": 1.0},
            "infinite",
        ),
        (contact_rate, {"data": np.zeros((2, 1, 4, 2)), "radius": 0.1}, "between frames"),
        (contact_rate, {"data": np.zeros((2, 3, 4, 2)), "radius": -0.1}, "> 0"),
        (cluster_tracks, {"data": np.zeros((2, 3, 4, 2)), "radius": 0.1, "least": 0}, "least"),
        (mean_squared_displacement, {"data": np.zeros((2, 3, 4, 2)), "lags": [3]}, "lags"),
    ],
)
def test_refusals(measure, wrong, match):
    with pytest.raises(InvalidInput, match=match):
        measure(**wrong)


@pytest.mark.parametrize("grid", [(33,), (16, 16), (15, 20), (6, 5, 8)])
def test_phase_shuffling_keeps_spectra_and_breaks_phases(grid, key, rng):
    fields = 1.0 * (rng.random((200, 1, *grid)) < 0.05)
    fields = np.concatenate(
        [fields, np.roll(fields, 1, -1) + 0.1 * rng.normal(size=fields.shape)], 1
    )
    shuffled = phase_shuffled(fields, key=key)
    axes = tuple(range(2, fields.ndim))
    before, after = (np.fft.fftn(f, axes=axes) for f in (fields, shuffled))
    np.testing.assert_allclose(np.abs(after), np.abs(before), atol=1e-9)
    cross = lambda f: f[:, 0] * f[:, 1].conj()
    np.testing.assert_allclose(cross(after), cross(before), atol=1e-8)
    np.testing.assert_allclose(shuffled.mean(axes), fields.mean(axes), atol=1e-12)
    third = lambda f: (
        (f[:, 0] - f[:, 0].mean(tuple(range(1, f.ndim - 1)), keepdims=True)) ** 3
    ).mean(tuple(range(1, f.ndim - 1)))
    z = lambda x: x.mean() / (x.std() / np.sqrt(len(x)))
    assert abs(z(third(shuffled))) < MOST  # random phases have no third moment
    assert z(third(fields)) > 20
    again = phase_shuffled(fields, key=jax.random.key(1))
    assert np.abs(again - shuffled).max() > 0.01
    assert phase_shuffled(fields.astype(np.float32), key=key).dtype == np.float32

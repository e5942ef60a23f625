"""Blobs that move in a known way are found and followed."""

import numpy as np
import pytest

from noneq.data.ensembles import Trajectories
from noneq.errors import InvalidInput
from noneq.inference import field_tracks, mean_squared_displacement, polarisation


SHAPE = (48, 32)


def spots(centres, width=2.0):
    """Periodic Gaussian spots at (rows, columns)."""
    place = np.stack(np.meshgrid(*[np.arange(s) for s in SHAPE], indexing="ij"), -1)
    gap = place - np.asarray(centres, float)[:, None, None]
    gap -= np.asarray(SHAPE) * np.round(gap / SHAPE)
    return np.exp(-np.sum(gap**2, -1) / (2 * width**2)).sum(0)


def test_a_blob_that_crosses_the_border_is_one_track_of_its_velocity():
    velocity = np.asarray([1.3, -0.9])
    films = [[spots([s + k * velocity]) for k in range(60)] for s in ((10.0, 3.0), (40.0, 30.0))]
    times = 0.5 * np.arange(60)
    found = field_tracks(Trajectories(np.asarray(films)[:, :, None], times), 0.2, distance=3.0)
    assert found.positions.shape == (2, 60, 1, 2)
    assert found.present.all()
    step = np.diff(found.positions[:, :, 0], axis=1)
    step -= np.asarray(SHAPE) * np.round(step / SHAPE)
    np.testing.assert_allclose(step, np.broadcast_to(velocity, step.shape), atol=0.1)
    np.testing.assert_allclose(step.mean((0, 1)), velocity, atol=2e-3)
    np.testing.assert_allclose(found.positions[0, 0, 0], [10.0, 3.0], atol=0.05)
    spread = mean_squared_displacement(found, [1, 10, 40])
    np.testing.assert_allclose(
        spread.value, (velocity @ velocity) * np.asarray([1, 100, 1600]), rtol=0.01
    )
    np.testing.assert_allclose(spread.times, [0.5, 5.0, 20.0])
    np.testing.assert_allclose(polarisation(found).value, 1.0)
    # Without the wrap it breaks at the borders.
    torn = field_tracks(np.asarray(films)[:, :, None], 0.2, distance=3.0, periodic=False)
    assert torn.positions.shape[2] > 2
    assert torn.box is None


def test_two_blobs_pass_each_other_with_their_names():
    film = [spots([(10, 4 + 0.6 * k), (22, 28 - 0.6 * k)]) for k in range(40)]
    found = field_tracks(np.asarray(film)[None, :, None], 0.3, distance=2.0)
    assert found.positions.shape == (1, 40, 2, 2)
    np.testing.assert_allclose(found.positions[0, :, 0, 0], 10, atol=1e-3)
    np.testing.assert_allclose(found.positions[0, :, 1, 0], 22, atol=1e-3)
    np.testing.assert_array_equal(found.numbers, np.full((1, 40), 2))


def test_births_deaths_and_jumps():
    film = [spots([(10, 10)])] * 3 + [spots([(10, 10), (30, 20)])] * 2 + [spots([(30, 20)])] * 2
    film += [spots([(40, 5)])]
    found = field_tracks(np.asarray(film)[None, :, None], 0.3, distance=2.0)
    np.testing.assert_array_equal(
        found.present[0].T,
        [[1, 1, 1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0, 0, 1]],
    )
    assert np.isnan(found.positions[0, 6, 0]).all()
    assert (found.masses[0][found.present[0]] > 0).all()
    # What may jump far is one track.
    far = field_tracks(np.asarray(film)[None, 6:, None], 0.3, distance=30.0)
    assert far.positions.shape[2] == 1


def test_corners_channels_and_small_blobs():
    fields = np.zeros((1, 1, 2, *SHAPE))
    fields[0, 0, 1, [0, 0, -1, -1], [0, -1, 0, -1]] = 1.0
    fields[0, 0, 1, 20, 20] = 2.0
    found = field_tracks(fields, 0.5, distance=1.0, channel=1)
    assert found.numbers[0, 0] == 2
    centre = found.positions[0, 0, np.argmax(found.masses[0, 0])]  # four corners of mass 1/2
    np.testing.assert_allclose(centre, [47.5, 31.5])
    assert field_tracks(fields, 0.5, distance=1.0, channel=1, least=2).numbers[0, 0] == 1
    assert field_tracks(fields, 0.5, distance=1.0, channel=1, periodic=False).numbers[0, 0] == 5
    assert field_tracks(fields, 0.5, distance=1.0).positions.shape == (1, 1, 0, 2)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"fields": np.zeros((2, 3, 4, 4))}, "channels, h, w"),
        ({"fields": np.full((1, 1, 1, 4, 4), np.nan)}, "NaN"),
        ({"channel": 1}, "channel = 1"),
        ({"distance": 0.0}, "distance"),
        ({"least": 0}, "least"),
    ],
)
def test_track_refusals(wrong, match):
    good = {"fields": np.zeros((1, 2, 1, 4, 4)), "threshold": 0.5, "distance": 1.0}
    with pytest.raises(InvalidInput, match=match):
        field_tracks(**(good | wrong))

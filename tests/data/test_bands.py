"""The measured band sees how fast a pattern turns, and nothing where nothing moves."""

import numpy as np
import pytest

import noneq as nq
from noneq.data import bands
from noneq.data.bands import time_band


def turning(frequency, fold, n=1000, frames=401, span=8.0, seed=0):
    """A ring with ``fold`` clumps, turning so that the pattern repeats ``frequency`` per time."""
    rng = np.random.default_rng(seed)
    times = np.linspace(0, span, frames)
    offsets = rng.integers(0, fold, (n, 1)) * 2 * np.pi / fold + 0.15 * rng.normal(size=(n, frames))
    angle = offsets + 2 * np.pi * frequency / fold * times
    x = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return nq.Trajectories(x + 0.05 * rng.normal(size=x.shape), times)


@pytest.mark.parametrize("frequency", [0.5, 2.0, 5.0])
@pytest.mark.parametrize("fold", [2, 5])
def test_the_band_reaches_the_frequency_of_a_turning_pattern(frequency, fold):
    band = time_band(turning(frequency, fold))
    assert frequency <= band <= 4.5 * frequency


def test_it_stops_at_nyquist():
    data = turning(30.0, 5, frames=81)
    assert time_band(data) <= 0.5 / (8.0 / 80) + 1e-9


def test_a_law_that_does_not_change_has_the_lowest_band():
    rng = np.random.default_rng(0)
    frames = rng.normal(size=(50, 500, 2))
    assert time_band(nq.Snapshots.from_frames(list(frames), np.arange(50.0))) <= 3 / 49
    assert time_band(nq.Snapshots(frames[0])) == 0.0


def test_moments_would_not_see_it_but_cells_do():
    data = turning(2.0, 5)
    means, variances = data.values.mean(0), data.values.var(0)
    # First and second moments of the five-fold pattern stand still to sampling error …
    assert np.abs(means).max() < 0.2
    assert np.ptp(variances) < 0.2
    # … yet the pattern turns twice per unit time.
    assert time_band(data) >= 2.0


def test_uneven_times_and_many_coordinates_are_fine():
    data = turning(1.0, 5)
    keep = np.sort(np.random.default_rng(1).choice(401, 200, replace=False))
    extra = 1e-3 * np.random.default_rng(2).normal(size=(*data.values.shape[:2], 4))
    wide = nq.Trajectories(np.concatenate([data.values, extra], axis=2), data.times)
    assert 1.0 <= time_band(data.frames(keep)) <= 5
    assert time_band(wide) > 0


@pytest.mark.parametrize("length", [10, 11])
def test_the_fast_spectrum_of_even_times_is_that_of_the_sum(length):
    loads = np.random.default_rng(0).normal(size=(length, 3))
    phase, count = np.linspace(0, 1, length), (length - 1) // 2
    waves = np.exp(-2j * np.pi * np.arange(1, count + 1)[:, None] * phase)
    slow = (np.abs(waves @ loads) ** 2).sum(1)
    assert np.allclose(bands._power(loads, phase, count), slow, rtol=1e-12)

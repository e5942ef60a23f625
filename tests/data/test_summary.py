"""What float32 cannot hold is refused before a network is built from it."""

import numpy as np
import pytest

import noneq as nq
from noneq.data import Snapshots
from noneq.data.inspection import inspection
from noneq.data.summary import summarise
from noneq.errors import InvalidInput
from noneq.nets.inputs import Clock


def frames(rng, times, scale=1.0) -> Snapshots:
    return Snapshots.from_frames([scale * rng.normal(size=(50, 2)) for _ in times], times)


@pytest.mark.parametrize("scale", [1e-200, 1e-40, 1e38, 1e200])
def test_values_beyond_float32_are_refused(rng, scale):
    data = frames(rng, [0.0, 1.0], scale)
    with pytest.raises(InvalidInput, match="another unit"):
        summarise(data)
    assert "another unit" in inspection(data).problem


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_large_and_small_units_are_fine(rng, scale):
    assert np.allclose(np.divide(summarise(frames(rng, [0.0, 1.0], scale)).scale, scale), 1, 0.3)
    # What never changes stays where it is.
    assert max(summarise(Snapshots(np.zeros((4, 2)))).scale) < 1e-6


def test_dates_are_refused_where_float32_cannot_tell_them_apart(rng):
    days = 2_459_000.5 + np.array([0.0, 0.25, 0.5])
    with pytest.raises(InvalidInput, match="Subtract the first time"):
        summarise(frames(rng, days))
    assert summarise(frames(rng, days - days[0])).span == 0.5
    assert summarise(frames(rng, [2019.0, 2020.0, 2021.0])).span == 2.0


def test_networks_that_no_compiler_takes_are_refused(rng):
    for wrong in ({"width": 0}, {"width": 10**9}, {"depth": 0}, {"depth": 10**6}):
        with pytest.raises(InvalidInput, match="expected a width of 1 to"):
            nq.nets.MLP(**wrong)
    with pytest.raises(InvalidInput, match="lower band"):
        Clock(summarise(frames(rng, [0.0, 1.0])), 1e9)

"""Extremes: block maxima of a linear process, return times, and intervals that hold the truth."""

import numpy as np
import pytest

import noneq as nq
from noneq.errors import InvalidInput
from noneq.inference import block_maxima, extreme_law, return_time
from noneq.systems import Linear


SURE = 4.9


@pytest.fixture(scope="module")
def maxima():
    """Of an Ornstein–Uhlenbeck process from 0 over a time of 10; exact.md of the literature."""
    system = Linear(A=((1.0,),), D=((1.0,),))
    times = np.arange(0, 10.001, 0.05)
    paths = nq.simulate(system, times, n=3000, start=np.zeros((3000, 1)), seed=3)
    return block_maxima(paths, 10.0, noise=np.sqrt(2.0)), block_maxima(paths, 10.0)


@pytest.mark.parametrize(("level", "p"), [(2.0, 0.617280), (3.0, 0.101610)])
def test_return_times_of_a_linear_process(maxima, level, p):
    exact = -10 / np.log1p(-p)
    assert abs(return_time(maxima[0], level, 10.0).z(exact)) < SURE
    # The frames alone miss what lies between them.
    assert return_time(maxima[1], level, 10.0).z(exact) > SURE


def test_levels_that_no_block_reaches(maxima):
    found = return_time(maxima[0], 7.0, 10.0)
    assert found.bound == "lower"
    assert float(found.value) == pytest.approx(-10 / np.log1p(-3 / 3000))


def test_blocks_of_one_series():
    x = np.array([0.0, 3, 1, 0, 2, 5, 1, 0, 0, 4])[None, :, None]
    series = nq.Trajectories(x, np.arange(10.0))
    np.testing.assert_array_equal(block_maxima(series, 3.0), [3, 5, 4])
    np.testing.assert_array_equal(block_maxima(series, 3.0, of=lambda x: -x[0]), [0, 0, 0])
    with pytest.raises(InvalidInput, match="within the record"):
        block_maxima(series, 10.0)


@pytest.mark.slow
def test_intervals_of_extreme_values_hold_the_truth():
    rng, truth, inside = np.random.default_rng(5), np.array([1.0, 0.5, 0.2]), []
    levels = []
    for _ in range(20):
        u = -np.log(rng.random(300))
        law = extreme_law(truth[0] + truth[1] * (u ** -truth[2] - 1) / truth[2], block=2.0)
        inside.append((law.intervals[:, 0] < truth) & (truth < law.intervals[:, 1]))
        _, low, high = law.return_level(200.0)
        levels.append(low < truth[0] + truth[1] * (100 ** truth[2] - 1) / truth[2] < high)
        assert float(law.return_time(law.return_level(200.0)[0])) == pytest.approx(200.0)
    # 60 intervals of 95 %: fewer than 48 have a chance of 1e-6 or less; so have fewer than 13 of 20.
    assert np.sum(inside) >= 48
    assert np.sum(levels) >= 13


def test_what_is_no_sample_of_maxima():
    with pytest.raises(InvalidInput, match="at least 20"):
        extreme_law(np.ones(5))
    with pytest.raises(InvalidInput, match="the same"):
        extreme_law(np.ones(50))
    with pytest.raises(InvalidInput, match="every block"):
        return_time(np.ones(50), 0.0, 1.0)

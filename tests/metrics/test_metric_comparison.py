"""Matching of times, floors, random numbers and refusals shared by all metrics."""

import re

import jax
import numpy as np
import pytest

import noneq as nq
from noneq.errors import InvalidInput, WrongType
from noneq.estimate import Estimate
from noneq.metrics import (
    energy_distance,
    excess,
    jensen_shannon,
    mmd,
    sinkhorn,
    sliced_w2,
    transition_jensen_shannon,
    w1,
    w2,
)
from noneq.metrics.comparison import pair


METRICS = [jensen_shannon, w1, w2, sliced_w2, sinkhorn, mmd, energy_distance]


def _sizes(x, y, rng):
    """A measure that reports what it was given: the two sizes as one number."""
    return 1e4 * len(x) + len(y), 0.0


def _paths(rng, n=20, times=(0.0, 1.0, 2.0), dim=2):
    return nq.Trajectories(rng.normal(size=(n, len(times), dim)), times)


def test_floor_has_the_compared_sizes(rng):
    x, y, z = rng.normal(size=(30, 2)), rng.normal(size=(50, 2)), rng.normal(size=(90, 2))
    with_truth = pair(x, y, z).estimate(_sizes, key=None)
    assert (with_truth.value, with_truth.floor) == (30 * 1e4 + 50, 30 * 1e4 + 50)
    assert with_truth.floor_kind == "truth"
    halves = pair(x, y).estimate(_sizes, key=None)
    assert halves.floor == 25 * 1e4 + 25
    assert halves.floor_kind == "halves"
    assert pair(x[:10], y).estimate(_sizes, key=None).floor == 10 * 1e4 + 40


def test_a_floor_draws_every_state_of_the_truth_at_most_once(rng):
    seen = []

    def measure(x, y, rng):
        seen.append(x.ravel())
        return 0.0, 0.0

    truth = np.arange(100.0)
    pair(rng.normal(size=60), rng.normal(size=30), truth).estimate(measure, key=None)
    drawn = seen[1]
    assert drawn.size == 60
    # With repetition, 60 of 100 all differ at a chance of 1e-10.
    assert np.unique(drawn).size == 60
    # And it is a random choice, not the first ones.
    assert drawn.max() > 60


def test_halves_are_disjoint(rng):
    seen = []

    def measure(x, y, rng):
        seen.append((x.ravel(), y.ravel()))
        return 0.0, 0.0

    reference = np.arange(41.0)
    pair(rng.normal(size=5), reference).estimate(measure, key=None)
    first, second = seen[1]
    assert np.array_equal(np.sort(np.concatenate([first, second])), reference)
    assert not np.array_equal(np.sort(first), np.arange(20.0))


def test_only_shared_times_are_compared(rng):
    few = _paths(rng, times=(1.0, 2.0 + 1e-7))
    many = _paths(rng, times=(0.0, 1.0, 1.5, 2.0))
    for metric in (jensen_shannon, w2):
        result = metric(few, many)
        np.testing.assert_array_equal(result.times, few.times)
        alone = metric(few.at(1.0), many.at(1.0), key=jax.random.key(0), domain=nq.Box(-9.0, 9.0))
        both = metric(few, many, key=jax.random.key(0), domain=nq.Box(-9.0, 9.0))
        np.testing.assert_array_equal(both.value[0], alone.value)
        np.testing.assert_array_equal(both.floor[0], alone.floor)


def test_times_are_matched_relative_to_their_span(rng):
    tiny = 1e-9 * np.arange(4)
    x, y = _paths(rng, times=tiny), _paths(rng, times=tiny[1:3] + 3e-16)
    assert jensen_shannon(x, y).times.tolist() == tiny[1:3].tolist()
    with pytest.raises(InvalidInput, match="no shared time.*samples at .*reference at"):
        jensen_shannon(x, _paths(rng, times=tiny[1:3] + 3e-10))


def test_plain_arrays_give_a_scalar(rng):
    result = w2(rng.normal(size=(20, 2)), rng.normal(size=(20, 2)))
    assert result.value.shape == ()
    assert result.times is None
    snapshot = nq.Snapshots(rng.normal(size=(20, 2)), (3.0,))
    assert w2(snapshot, snapshot).times.tolist() == [3.0]
    assert w2(rng.normal(size=(20, 2)), snapshot).value.shape == ()


def test_missing_observations_are_left_out(rng):
    values = rng.normal(size=(20, 2, 1))
    mask = np.ones((20, 2), bool)
    mask[:9, 1] = False
    gappy = nq.Trajectories(values, (0.0, 1.0), mask=mask)
    result = jensen_shannon(gappy, _paths(rng, times=(0.0, 1.0), dim=1))
    assert result.n.tolist() == [20, 11]


def test_key_decides_the_random_part(rng):
    x, y = rng.normal(size=(40, 2)), rng.normal(size=(40, 2))
    a, b, c = (w2(x, y, key=jax.random.key(k)) for k in (1, 1, 2))
    assert a.floor == b.floor
    assert a.floor != c.floor
    assert w2(x, y).floor == w2(x, y, key=jax.random.key(0)).floor
    assert w2(x, y, key=3).floor == w2(x, y, key=jax.random.key(3)).floor, "a seed is a key"
    with pytest.raises(TypeError, match="key"):
        w2(x, y, key="3")


def test_excess_subtracts_the_floor():
    one = lambda number: np.asarray([number])
    estimate = Estimate(
        one(2.0), one(0.3), one(9), floor=one(0.5), floor_stderr=one(0.4), floor_kind="truth"
    )
    result = excess(estimate)
    assert result.value.tolist() == [1.5]
    np.testing.assert_allclose(result.stderr, [0.5])
    assert result.floor is None
    with pytest.raises(InvalidInput, match="no floor"):
        excess(result)


def test_mean_and_selection_carry_the_error_of_the_floor(rng):
    result = jensen_shannon(_paths(rng, n=50), _paths(rng, n=50))
    combined = np.sqrt(np.sum(result.floor_stderr**2)) / 3
    np.testing.assert_allclose(result.mean().floor_stderr, combined)
    assert result.where(lambda t: t > 0.5).floor_stderr.shape == (2,)


@pytest.mark.parametrize("metric", METRICS)
def test_bad_input_is_one_line_that_names_the_fault(metric, rng):
    x, y = rng.normal(size=(10, 2)), rng.normal(size=(12, 2))
    cases = [
        ((x[:1], y), {}, "samples has 1 states"),
        ((x, y[:3]), {}, "reference has 3 states"),
        ((x, y[:, :1]), {}, r"\(2,\), reference \(1,\)"),
        ((x * np.nan, y), {}, "NaN"),
        ((x, y), {"truth": y[:9]}, "truth has 9 states"),
        ((x, _paths(rng)), {}, "3 times"),
        ((x, y), {"domain": nq.Box((0.0,) * 3, (1.0,) * 3)}, "corners"),
    ]
    for data, settings, message in cases:
        with pytest.raises(InvalidInput, match=message) as caught:
            metric(*data, **settings)
        assert "\n" not in str(caught.value)
    with pytest.raises((WrongType, TypeError)):
        metric(x, y, domain="box")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: jensen_shannon(x, x, bins=1), "bins = 1"),
        (
            lambda x: jensen_shannon(np.zeros((9, 4)), np.zeros((9, 4))),
            "sliced_w2 or mmd.*components 3",
        ),
        (lambda x: w2(x, x, max_n=1), "max_n = 1"),
        (lambda x: sliced_w2(x, x, n_projections=0), "n_projections = 0"),
        (lambda x: sliced_w2(x, x, domain=nq.Torus()), "torus"),
        (lambda x: sinkhorn(x, x, epsilon=0.0), "epsilon = 0"),
        (lambda x: mmd(x, x, bandwidth=-1.0), "bandwidth = -1"),
        (lambda x: mmd(x, x, bandwidth=(1.0, float("nan"))), "bandwidth"),
    ],
)
def test_bad_settings_are_refused(call, message, rng):
    with pytest.raises(InvalidInput, match=re.compile(message)):
        call(rng.normal(size=(10, 2)))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("scale", [1e-25, 1.0, 1e25])
def test_constant_coordinates_and_extreme_scales_stay_finite(metric, scale, rng):
    x = np.stack([rng.normal(size=20), np.full(20, 3.0)], axis=1) * scale
    for data in (x, np.full((20, 2), 3.0 * scale)):
        result = metric(data, data)
        numbers = (result.value, result.stderr, result.floor, result.floor_stderr)
        assert np.isfinite(numbers).all()
        assert abs(result.value) <= 0.2 * max(1.0, scale, scale**2)
    two = w2(x, x + [scale, 0.0])
    np.testing.assert_allclose(two.value, scale, rtol=1e-5)


@pytest.mark.parametrize("scale", [1e-34, 1e-30, 1e30, 1e34])
def test_a_kernel_of_another_scale_than_the_data_is_no_nan(scale, rng):
    """So wide that all states agree, or so narrow that none do; both laws then look alike."""
    x, y = rng.normal(size=(2, 20, 2)) * scale
    for width in (1.0, 1e-40, 1e40):
        found = mmd(x, y, bandwidth=width)
        assert abs(found.value) < 1e-6
        assert np.isfinite([found.stderr, found.floor, found.floor_stderr]).all()
    half = mmd(x, y + scale, bandwidth=[scale, 1e5 * scale])
    plain = mmd(x / scale, y / scale + 1.0, bandwidth=[1.0, 1e5])
    assert half.value == pytest.approx(plain.value, rel=1e-4)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("scale", [1e-300, 1e-45, 1e38, 1e300])
def test_a_unit_that_float32_cannot_hold_is_refused(metric, scale, rng):
    x = rng.normal(size=(20, 2)) * scale
    with pytest.raises(InvalidInput, match="in another unit"):
        metric(x, x)


def test_a_floor_is_printed_with_its_error(rng):
    """The unbiased floor of equal laws is negative about as often as not."""
    x = rng.normal(size=(20, 20, 2))
    found = [energy_distance(a, b) for a, b in zip(x[:10], x[10:], strict=True)]
    assert 0 < sum(float(f.floor) < 0 for f in found) < 10
    assert re.search(r"\(floor -?[\d.e-]+ ± [\d.e-]+\)", str(found[0]))


def test_transitions_need_paths(rng):
    paths = _paths(rng)
    with pytest.raises(TypeError):
        transition_jensen_shannon(paths.snapshots(), paths, lag=1.0)

"""Properties that hold for any samples."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays

import noneq as nq
from noneq.metrics import (
    energy_distance,
    jensen_shannon,
    mmd,
    sinkhorn,
    sliced_w2,
    transition_jensen_shannon,
    w1,
    w2,
)


BOX = nq.Box(-8.0, 8.0)
# Dyadic numbers, so that shifts and scales are exact and no state changes its cell by rounding.
numbers = st.integers(-512, 512).map(lambda k: k / 64)
clouds = arrays(np.float64, (12, 2), elements=numbers)
paths = arrays(np.float64, (12, 3, 1), elements=numbers)
check = settings(max_examples=25, deadline=None, derandomize=True)

METRICS = {
    "jensen_shannon": lambda x, y: jensen_shannon(x, y, bins=4, domain=BOX),
    "w1": w1,
    "w2": w2,
    "sliced_w2": lambda x, y: sliced_w2(x, y, n_projections=8),
    "sinkhorn": lambda x, y: sinkhorn(x, y, epsilon=0.5),
    "mmd": lambda x, y: mmd(x, y, bandwidth=1.0),
    "energy_distance": energy_distance,
}


def value(name, x, y):
    return float(METRICS[name](x, y).value)


def close(a, b, size=8.0):
    return abs(a - b) <= 2e-3 * size


@check
@given(clouds, clouds, st.permutations(range(12)), st.sampled_from(sorted(METRICS)))
def test_order_of_the_samples_does_not_matter(x, y, order, name):
    assert close(value(name, x[order], y), value(name, x, y))
    assert close(value(name, x, y[order]), value(name, x, y))


@check
@given(clouds, clouds, st.sampled_from(sorted(METRICS)))
def test_symmetric(x, y, name):
    # ε of the Sinkhorn divergence follows the reference.
    if name == "sinkhorn":
        forth, back = (sinkhorn(a, b, epsilon=5.0, relative=False) for a, b in ((x, y), (y, x)))
        assert close(float(forth.value), float(back.value))
    else:
        assert close(value(name, x, y), value(name, y, x))


@check
@given(clouds, clouds)
def test_jensen_shannon_lies_between_0_and_1_bit(x, y):
    for bins in (2, 4, 32):
        result = jensen_shannon(x, y, bins=bins)
        assert 0 <= result.value <= 1
        assert result.stderr >= 0
    assert value("jensen_shannon", x, x) == 0


@check
@given(clouds, st.sampled_from(["w1", "w2", "sliced_w2", "sinkhorn"]))
def test_distance_to_itself_vanishes(x, name):
    assert 0 <= value(name, x, x) < 0.02


@check
@given(clouds, clouds, st.tuples(numbers, numbers), st.sampled_from(sorted(METRICS)))
def test_common_shift_changes_nothing(x, y, shift, name):
    if name == "jensen_shannon":
        moved = nq.Box(tuple(-8.0 + s for s in shift), tuple(8.0 + s for s in shift))
        result = jensen_shannon(x + shift, y + shift, bins=4, domain=moved).value
        assert result == value(name, x, y)
    else:
        assert close(value(name, x + shift, y + shift), value(name, x, y))


@check
@given(clouds, clouds, st.floats(0, 6.3), st.sampled_from(["w1", "w2", "mmd", "energy_distance"]))
def test_common_rotation_changes_nothing(x, y, angle, name):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    assert close(value(name, x @ turn, y @ turn), value(name, x, y))


@check
@given(
    clouds,
    clouds,
    st.sampled_from([0.25, 2.0, 1024.0]),
    st.sampled_from(
        [("w1", 1), ("w2", 1), ("sliced_w2", 1), ("energy_distance", 1), ("sinkhorn", 2)]
    ),
)
def test_change_of_unit(x, y, scale, which):
    name, degree = which
    assert close(value(name, scale * x, scale * y) / scale**degree, value(name, x, y), 16.0)


@check
@given(clouds, clouds, clouds, st.sampled_from(["w1", "w2", "sliced_w2"]))
def test_triangle_inequality(x, y, z, name):
    assert value(name, x, z) <= value(name, x, y) + value(name, y, z) + 1e-4


@check
@given(clouds, clouds)
def test_w1_and_sliced_are_below_w2(x, y):
    top = value("w2", x, y) + 1e-4
    assert value("w1", x, y) <= top
    assert value("sliced_w2", x, y) <= top


@check
@given(clouds, clouds)
def test_finer_cells_never_lower_the_divergence(x, y):
    coarse, fine = (jensen_shannon(x, y, bins=b, domain=BOX).value for b in (4, 8))
    assert fine >= coarse - 1e-12


@check
@given(paths, paths)
def test_transitions_are_never_below_the_marginals(x, y):
    make = lambda v: nq.Trajectories(v, (0.0, 1.0, 2.0), domain=BOX)
    joint = transition_jensen_shannon(make(x), make(y), lag=1.0, bins=4).value
    marginal = jensen_shannon(make(x), make(y), bins=4).value
    assert (joint >= np.maximum(marginal[:-1], marginal[1:]) - 1e-12).all()


@pytest.mark.parametrize("name", sorted(METRICS))
def test_properties_would_catch_a_metric_that_ignores_its_second_argument(name, rng):
    x, y = rng.normal(size=(12, 2)), rng.normal(size=(12, 2)) + 4
    assert not close(value(name, x, y), value(name, x, x), 1.0)

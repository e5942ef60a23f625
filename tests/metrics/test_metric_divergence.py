"""Jensen–Shannon divergence: closed forms, floors, errors."""

import math

import numpy as np
import pytest
from scipy.stats import norm

import noneq as nq
from noneq.metrics import excess, jensen_shannon


BOX = nq.Box(0.0, 1.0)


def _discrete(counts):
    """Samples in the middle of four cells of [0, 1]."""
    return np.repeat((np.arange(4) + 0.5) / 4, counts)


def _jsd(p, q, log=np.log2):
    m = (p + q) / 2
    part = lambda a: sum(x * log(x / y) for x, y in zip(a, m, strict=True) if x > 0)
    return (part(p) + part(q)) / 2


@pytest.mark.parametrize(
    ("a", "b", "bits"),
    [
        ([4, 4, 0, 0], [0, 0, 4, 4], 1.0),
        ([3, 2, 1, 4], [3, 2, 1, 4], 0.0),
        ([30, 10, 0, 0], [10, 30, 0, 0], 1 + 0.75 * math.log2(0.75) + 0.25 * math.log2(0.25)),
        ([1, 2, 3, 4], [8, 4, 8, 0], None),
    ],
)
def test_discrete_laws_in_bits(a, b, bits):
    p, q = np.asarray(a) / sum(a), np.asarray(b) / sum(b)
    bits = _jsd(p, q) if bits is None else bits
    result = jensen_shannon(_discrete(a), _discrete(b), bins=4, domain=BOX)
    assert result.unit == "bit"
    np.testing.assert_allclose(result.value, bits, atol=1e-12)
    if 0 < bits < 1:
        for broken in (_jsd(p, q, np.log), math.sqrt(bits), 2 * bits):
            assert abs(broken - result.value) > 0.01


def test_states_outside_the_box_are_counted():
    inside, outside = np.full(40, 0.1), np.full(40, 7.0)
    assert jensen_shannon(outside, inside, domain=BOX).value == 1.0
    half = jensen_shannon(np.concatenate([inside, outside]), inside, domain=BOX)
    np.testing.assert_allclose(half.value, _jsd(np.array([0.5, 0.5]), np.array([1.0, 0.0])))


def test_edges_belong_to_the_box():
    edges = np.array([0.0, 0.0, 1.0, 1.0])
    inner = np.array([0.01, 0.02, 0.98, 0.99])
    assert jensen_shannon(edges, inner, bins=2, domain=BOX).value == 0.0


def test_a_torus_is_wrapped(rng):
    x, y = rng.uniform(-9, 9, size=(2, 200, 2))
    result = jensen_shannon(x, y, bins=5, domain=nq.Torus())
    turned = jensen_shannon(x + 4 * np.pi, y, bins=5, domain=nq.Torus())
    np.testing.assert_allclose(result.value, turned.value)
    assert jensen_shannon(x, y, bins=5, domain=nq.Box(0.0, 2 * np.pi)).value > result.value


def test_free_space_uses_one_box_for_all_times():
    wide = nq.Trajectories(np.stack([np.linspace(0, 1, 50), np.linspace(0, 99, 50)], 1), (0.0, 1.0))
    narrow = nq.Trajectories(
        np.stack([np.linspace(2, 3, 50), np.linspace(0, 99, 50)], 1), (0.0, 1.0)
    )
    np.testing.assert_array_equal(jensen_shannon(narrow, wide, bins=4).value, [0.0, 0.0])


def test_histograms_of_two_gaussians(rng):
    n, shift, bins = 200_000, 0.5, 16
    x, y = rng.normal(size=n) + shift, rng.normal(size=n)
    edges = np.linspace(-4, 4, bins + 1)
    cells = lambda mean: np.append(np.diff(norm.cdf(edges - mean)), 2 * norm.cdf(-4))
    result = jensen_shannon(x, y, bins=bins, domain=nq.Box(-4.0, 4.0))
    exact = _jsd(cells(shift), cells(0.0))
    assert abs(result.z(exact)) < 5
    for broken in (exact * math.log(2), math.sqrt(exact)):
        assert abs(result.z(broken)) > 5


@pytest.mark.stat
@pytest.mark.parametrize(
    ("n", "m", "shift"), [(1000, 1000, 0.3), (500, 4000, 0.3), (20_000, 20_000, 0.0)]
)
def test_standard_error_is_the_scatter(n, m, shift, rng):
    """sd of z over 150 repetitions; its own sd is 6 %."""
    repeats = 150 if n < 5000 else 60
    times = np.arange(repeats)
    x = nq.Trajectories(rng.normal(size=(n, repeats, 2)) + [shift, 0.0], times)
    y = nq.Trajectories(rng.normal(size=(m, repeats, 2)), times)
    result = jensen_shannon(x, y, bins=16, domain=nq.Box(-3.0, 3.0))
    z = (result.value - result.value.mean()) / result.stderr
    assert 0.85 < z.std(ddof=1) < 1.15


def _five_wells(rng, shape):
    """exp(−β V) of cos 5θ + 10 (r − ½)² at β = 10: radius and angle are independent."""
    r, theta = np.linspace(1e-3, 1, 4000), np.linspace(0, 2 * np.pi, 4000)

    def draw(grid, weight):
        return np.interp(rng.uniform(size=shape), np.cumsum(weight) / weight.sum(), grid)

    radius = draw(r, r * np.exp(-100 * (r - 0.5) ** 2))
    angle = draw(theta, np.exp(-10 * np.cos(5 * theta)))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)


@pytest.mark.parametrize(
    ("bins", "low", "high"), [(10, 0.006, 0.012), (32, 0.040, 0.052), (50, 0.080, 0.095)]
)
def test_floor_of_the_rotating_wells(bins, low, high, rng):
    """Two independent samples of 1,000: .008-.010, .043-.049, .084-.091 by angle and law."""
    times = np.arange(12)
    x, y, z = (nq.Trajectories(_five_wells(rng, (1000, 12)), times) for _ in range(3))
    result = jensen_shannon(x, y, bins=bins, domain=nq.Box(-1.0, 1.0), truth=z)
    assert low < result.floor.mean() < high
    assert low < result.value.mean() < high
    assert abs(excess(result).mean().z(0.0)) < 5


def test_excess_finds_a_small_fault(rng):
    times = np.arange(10)
    x, y, z = (nq.Trajectories(_five_wells(rng, (5000, 10)), times) for _ in range(3))
    bent = nq.Trajectories(x.values * 1.02, times)
    settings = {"bins": 32, "domain": nq.Box(-1.0, 1.0), "truth": z}
    assert abs(excess(jensen_shannon(x, y, **settings)).mean().z(0.0)) < 5
    assert excess(jensen_shannon(bent, y, **settings)).mean().z(0.0) > 5

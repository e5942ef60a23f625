"""Which states are paired."""

import numpy as np
import pytest

from noneq.data.snapshots import Snapshots
from noneq.data.summary import summarise
from noneq.errors import InvalidInput
from noneq.frames.normaliser import Normaliser
from noneq.methods import Brownian, ExactOT, Independent, Sinkhorn, Straight, Unbalanced
from noneq.methods.bridges.pairs.pools import pair_pool


def line(rng, n=60):
    return rng.normal(-0.1, 1.0, (n, 1)), rng.normal(0.1, 1.0, (n, 1))


def paired(coupling, x0, x1, bridge, count, rng):
    cost = lambda a, b: bridge.cost(a, b, 1.0)
    pairs = coupling.pairs(x0, x1, cost, count, rng)
    return x0[pairs.start], x1[pairs.end]


def test_independent_pairs_use_every_state_equally_often(rng):
    x0, x1 = line(rng)
    pairs = Independent().pairs(x0, x1, Straight().cost, 180, rng)
    for side in pairs:
        np.testing.assert_array_equal(np.bincount(side), 3)
    assert abs(np.corrcoef(pairs.start, pairs.end)[0, 1]) < 0.4


@pytest.mark.parametrize("batch", [None, 60, 1000])
def test_exact_transport_on_a_line_sorts(rng, batch):
    x0, x1 = line(rng)
    a, b = paired(ExactOT(batch=batch), x0, x1, Brownian(0.5), 60, rng)
    order = np.argsort(a, axis=0).ravel()
    np.testing.assert_array_equal(a[order], np.sort(x0, axis=0))
    np.testing.assert_array_equal(b[order], np.sort(x1, axis=0))


def test_minibatches_sort_within_themselves_only(rng):
    x0, x1 = line(rng, 400)
    corr = {}
    for batch in (None, 16, 2):
        a, b = paired(ExactOT(batch=batch), x0, x1, Straight(), 400, rng)
        corr[batch] = np.corrcoef(a.ravel(), b.ravel())[0, 1]
    assert corr[None] > corr[16] > corr[2] > 0.2


def test_the_entropic_plan_has_the_covariance_of_the_schrodinger_bridge(rng):
    """(√5 − 1)/2 between unit Gaussians for sigma = 1; the optimal plan has 1."""
    x0, x1 = line(rng, 1500)
    a, b = paired(Sinkhorn(batch=None), x0, x1, Brownian(1.0), 30_000, rng)
    found = np.cov(a.ravel(), b.ravel())[0, 1]
    # 1,500 states know a variance of 1 to 0.04.
    assert found == pytest.approx((np.sqrt(5) - 1) / 2, abs=0.1)


def test_pairs_lie_inside_groups_of_equal_condition(rng):
    x = rng.normal(size=(90, 2))
    condition = rng.integers(0, 2, (90, 1))
    x[:, 0] += 10 * condition[:, 0]
    data = Snapshots(x, [0.0, 1.0, 4.0], np.repeat([0, 1, 2], 30), condition=condition)
    normaliser = Normaliser(summarise(data))
    rows = pair_pool(data, normaliser, Independent(), Straight(), 100, None, rng)
    shift = np.asarray(normaliser.shift.value)
    for side in ("start", "end"):
        group = (rows[side] + shift)[:, 0] > 5
        np.testing.assert_array_equal(group, rows["condition"][:, 0] == 1)
    assert set(rows["duration"].tolist()) == {1.0, 3.0}
    counts = np.unique(rows["time"], return_counts=True)[1]
    np.testing.assert_allclose(counts, 100, atol=1)


def test_a_condition_without_partner_is_named(rng):
    condition = np.array([[0], [0], [1], [0], [0], [0]])
    data = Snapshots(rng.normal(size=(6, 2)), [0.0, 1.0], [0, 0, 0, 1, 1, 1], condition=condition)
    normaliser = Normaliser(summarise(data))
    with pytest.raises(InvalidInput, match=r"condition \[1\] occurs at time 0 and not"):
        pair_pool(data, normaliser, ExactOT(), Straight(), 10, None, rng)


def test_growth_of_two_branches(rng):
    """The right branch doubles its mass; the balanced plan has to cross and shows no growth."""
    x0 = np.concatenate([rng.normal(-5, 0.5, (60, 1)), rng.normal(5, 0.5, (60, 1))])
    x1 = np.concatenate([rng.normal(-5, 0.5, (40, 1)), rng.normal(5, 0.5, (80, 1))])
    cost = lambda a, b: Brownian(1.0).cost(a, b, 1.0)
    growth = Unbalanced(batch=None).growth(x0, x1, cost)
    assert growth[60:].sum() / growth[:60].sum() == pytest.approx(2.0, abs=0.02)
    both = Unbalanced(source=0.5, target=0.5, batch=None).growth(x0, x1, cost)
    # The power law is that of two points; branches of some width miss it by a few hundredths.
    assert both[60:].sum() / both[:60].sum() == pytest.approx(2 ** (2 / 3), abs=0.08)
    a, b = paired(Unbalanced(), x0, x1, Brownian(1.0), 3000, rng)
    assert (np.sign(a) == np.sign(b)).all()
    assert (a > 0).mean() == pytest.approx(2 / 3, abs=0.03)
    a, b = paired(Sinkhorn(), x0, x1, Brownian(4.0), 3000, rng)
    assert (np.sign(a) == np.sign(b)).mean() < 0.9


def test_what_is_refused(rng):
    with pytest.raises(InvalidInput, match="hold"):
        Unbalanced(source=0.0)
    with pytest.raises(InvalidInput, match="epsilon"):
        Sinkhorn(epsilon=0.0)
    for cls in (ExactOT, Sinkhorn):
        with pytest.raises(InvalidInput, match="batch"):
            cls(batch=0)
    many = np.zeros((6000, 1))
    with pytest.raises(InvalidInput, match="costs"):
        ExactOT(batch=None).pairs(many, many, Straight().cost, 10, rng)

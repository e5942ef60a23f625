"""Conditional laws compared like with like: confused conditions show, sparse ones are no error."""

import numpy as np
import pytest

from noneq.data import Snapshots, Trajectories
from noneq.metrics import w1
from noneq.metrics.strata import within_conditions


def compare(samples, reference, truth):
    return w1(samples, reference, truth=truth).mean()


def quantity(rng, n=400):
    """x = c + noise at two times, c a number of its own for each state."""
    c = rng.normal(size=(2 * n, 1))
    frames = np.split(c + 0.1 * rng.normal(size=c.shape), 2)
    return Snapshots.from_frames(frames, [0.0, 1.0], condition=c)


def confused(data, rng):
    order = rng.permutation(data.n)
    return Snapshots(
        data.values, data.times, data.time_index, condition=data.condition[order], **data.labels()
    )


def test_confused_quantities_show(rng):
    reference, truth = quantity(rng), quantity(rng, n=1200)
    samples = Snapshots(  # p(x | c) at the reference's own conditions
        reference.condition + 0.1 * rng.normal(size=reference.condition.shape),
        reference.times, reference.time_index, condition=reference.condition,
    )  # fmt: skip
    good = within_conditions(compare, samples, reference, truth)
    bad = within_conditions(compare, confused(samples, rng), reference, truth)
    assert good.floor_kind == "truth"
    assert good.value < 2 * good.floor
    assert bad.value > 5 * bad.floor
    assert compare(confused(samples, rng), reference, truth).value == pytest.approx(
        compare(samples, reference, truth).value
    ), "together the twin looks right"


def test_one_group_is_the_plain_comparison(rng):
    """Too few states of each condition to compare apart."""
    labels = np.arange(30) % 10
    data = [Snapshots(rng.normal(size=(30, 2)), condition=labels) for _ in range(2)]
    apart, together = within_conditions(compare, *data), compare(*data, None)
    for name in ("value", "stderr", "floor", "n"):
        assert getattr(apart, name) == getattr(together, name)


def test_shares_weigh_groups_and_errors_add_in_squares(rng):
    labels = np.repeat([3, 7, 8], [100, 300, 5])  # the five join the three hundred
    reference = Snapshots(rng.normal(size=(405, 1)), condition=labels)
    samples = Snapshots(rng.normal(size=(405, 1)) + 1, condition=labels)
    parts = [
        compare(samples.take(rows), reference.take(rows), None)
        for rows in (np.arange(100), np.arange(100, 405))
    ]
    whole = within_conditions(compare, samples, reference)
    weights = np.array([100, 305]) / 405
    assert whole.value == pytest.approx(weights @ [part.value for part in parts])
    assert whole.stderr == pytest.approx(np.hypot(*(weights * [p.stderr for p in parts])))
    assert whole.n == 405


def test_a_category_that_only_the_truth_knows_is_left_out(rng):
    values = rng.normal(size=(80, 1))
    reference = Snapshots(values, condition=np.tile([0, 2], 40))
    samples = Snapshots(rng.normal(size=(80, 1)), condition=np.tile([0, 2], 40))
    strange = Snapshots(
        np.concatenate([rng.normal(size=(200, 1)), np.full((50, 1), 1e3)]),
        condition=np.r_[np.tile([0, 2], 100), np.ones(50, int)],
    )
    found = within_conditions(compare, samples, reference, strange)
    assert found.floor < 1


def test_paths_beside_snapshots_with_a_condition_at_one_time_only(rng):
    labels, mask = np.tile([0, 1], 50), np.ones((100, 2), bool)
    mask[labels == 1, 1] = False
    paths = Trajectories(rng.normal(size=(100, 2, 1)), [0.0, 1.0], mask=mask, condition=labels)
    flat = paths.snapshots()
    samples = Snapshots(
        rng.normal(size=flat.values.shape), flat.times, flat.time_index, condition=flat.condition
    )
    found = within_conditions(compare, samples, paths)
    assert found.value < 3 * found.floor
    assert found.n == 150

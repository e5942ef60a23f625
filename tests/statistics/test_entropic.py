"""Entropic plans against what defines them."""

import numpy as np
import pytest

from noneq.errors import InvalidInput, SolveFailed
from noneq.statistics import drawn_pairs, entropic_plan


def costs(rng, n=30, m=40):
    return (rng.normal(size=(n, 1)) - rng.normal(size=m) - 1.0) ** 2


def test_a_plan_has_its_marginals_and_the_kernel_of_its_costs(rng):
    c = costs(rng)
    plan = entropic_plan(c, epsilon=0.7)
    np.testing.assert_allclose(plan.sum(1), 1 / 30, atol=1e-4)
    np.testing.assert_allclose(plan.sum(0), 1 / 40, atol=1e-4)
    kernel = np.log(plan) + c / 0.7
    # f_i + g_j: all mixed differences vanish.
    mixed = kernel - kernel[:1] - kernel[:, :1] + kernel[0, 0]
    assert np.abs(mixed).max() < 1e-3


def test_a_free_source_takes_the_masses_of_a_held_target():
    """Two branches far apart, the right one doubled: mass ratio 2 with the target held."""
    x0 = np.array([-4.0] * 20 + [4.0] * 20)
    x1 = np.array([-4.0] * 20 + [4.0] * 40)
    c = (x0[:, None] - x1) ** 2
    free = entropic_plan(c, source_hold=0.05)
    right = free[20:].sum() / free[:20].sum()
    assert right == pytest.approx(2.0, rel=0.02)
    held = entropic_plan(c, max_iterations=20_000)
    assert held[20:].sum() / held[:20].sum() == pytest.approx(1.0, rel=0.01)


def test_pairs_are_drawn_with_the_masses_of_the_plan(rng):
    plan = np.array([[0.1, 0.2, 0.0], [0.3, 0.0, 0.4]])
    rows, columns = drawn_pairs(plan, 10_000, rng)
    counts = np.zeros((2, 3))
    np.add.at(counts, (rows, columns), 1)
    np.testing.assert_allclose(counts / 10_000, plan, atol=2e-4)


def test_what_is_refused(rng):
    with pytest.raises(InvalidInput, match="epsilon"):
        entropic_plan(costs(rng), epsilon=0.0)
    with pytest.raises(SolveFailed, match="more noise"):
        entropic_plan(1e5 * costs(rng), max_iterations=20)

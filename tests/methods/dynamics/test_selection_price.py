"""How often a selection keeps a term that means nothing."""

import numpy as np

from noneq.methods.dynamics.normal_equations import NormalEquations
from noneq.methods.dynamics.selection import supported


def false_terms(level, functions, *, true=0, gain=0.0, repeats):
    """Share of data sets with a false term beside so many true ones of this mean gain."""
    rng, gram, count = np.random.default_rng(true), np.eye(functions), 0
    for _ in range(repeats):
        right = rng.normal(size=functions)
        right[:true] += np.sqrt(2 * gain)
        equations = NormalEquations(
            gram, (right / np.sqrt(2))[None, :, None], gram[None], np.array([[0.25]]),
            np.zeros((1, 1)), 1.0, 1e6,
        )  # fmt: skip
        count += bool(supported(equations, level)[true:].any())
    return count / repeats


def test_the_level_is_the_chance_of_a_false_term():
    # 3.5 standard errors; the price ln(p/level) would keep one in 0.013 of the data sets.
    assert abs(false_terms(0.05, 3, repeats=500) - 0.049) < 0.034


def test_long_records_leave_no_false_term():
    # The price of this level alone would keep one in 0.23 of them.
    assert false_terms(0.5, 4, true=2, gain=1e4, repeats=150) < 0.04

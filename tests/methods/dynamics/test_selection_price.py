"""How often a selection keeps a term that means nothing."""

import numpy as np

from noneq.methods.dynamics.normal_equations import NormalEquations
from noneq.methods.dynamics.selection import supported


FUNCTIONS = 6


def false_terms(level, *, true=0, gain=0.0, repeats):
    """Share of data sets with a false term beside so many true ones of this mean gain."""
    rng, gram, count = np.random.default_rng(true), np.eye(FUNCTIONS), 0
    for _ in range(repeats):
        right = rng.normal(size=FUNCTIONS)
        right[:true] += np.sqrt(2 * gain)
        equations = NormalEquations(
            gram, (right / np.sqrt(2))[None, :, None], gram[None], np.array([[0.25]]),
            np.zeros((1, 1)), 1.0, 1e6,
        )  # fmt: skip
        count += bool(supported(equations, level)[true:].any())
    return count / repeats


def test_the_level_is_the_chance_of_a_false_term():
    share = false_terms(0.2, repeats=400)
    # 3.5 standard errors; the price ln(p/level) would keep one in 0.05 of the data sets.
    assert abs(share - (1 - (1 - 0.2 / FUNCTIONS) ** FUNCTIONS)) < 0.068


def test_long_records_leave_no_false_term():
    # A fixed price of this level would keep one in 0.3 of them.
    assert false_terms(0.5, true=2, gain=1e4, repeats=200) < 0.03
    assert false_terms(0.5, true=2, gain=8.0, repeats=200) > 0.1

"""Divergences and Runge–Kutta steps on linear fields, whose answers are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from noneq.calculus import (
    MOST_EXACT,
    MOST_EXACT_LOSS,
    check_exact,
    directions,
    divergence,
    exact_divergence,
    hutchinson,
    rademacher,
    runge_kutta,
    runge_kutta_step,
)
from noneq.errors import InvalidInput


def linear(dim, key):
    matrix = jax.random.normal(key, (dim, dim))
    return matrix, lambda v: matrix @ v


@pytest.mark.parametrize("dim", [3, MOST_EXACT_LOSS])
def test_divergence_is_the_trace_where_it_is_exact(dim, key):
    matrix, push = linear(dim, key)
    truth = float(jnp.trace(matrix))
    assert exact_divergence(push, jnp.zeros(dim)) == pytest.approx(truth, abs=1e-4)
    assert divergence(push, directions(dim, key=key)) == pytest.approx(truth, abs=1e-4)


def test_probes_have_no_bias(key):
    dim = MOST_EXACT_LOSS + 1
    matrix, push = linear(dim, key)
    truth = float(jnp.trace(matrix))
    keys = jax.random.split(key, 4000)
    drawn = {
        "directions": jax.vmap(lambda k: divergence(push, directions(dim, probes=2, key=k)))(keys),
        "hutchinson": hutchinson(rademacher(4000, dim, key=key))(push, jnp.zeros(dim)),
    }
    for name, values in drawn.items():
        values = np.asarray(values, np.float64)
        error = values.std(ddof=1) / np.sqrt(len(values))
        # |z| < 5: false alarm 6e-7. The broken twin: twice the trace.
        assert abs(values.mean() - truth) < 5 * error, name
        assert abs(values.mean() - 2 * truth) > 5 * error, name


def test_large_states_are_refused():
    check_exact(MOST_EXACT)
    with pytest.raises(InvalidInput, match="log_prob_estimate"):
        check_exact(MOST_EXACT + 1)


def test_steps_are_of_fourth_order():
    """On a rotation, both ways in time, and on a tree of states."""
    matrix = jnp.asarray([[0.0, 1.0], [-1.0, 0.0]])
    rate = lambda state, t: {"x": matrix @ state["x"], "time": jnp.ones(())}
    start = {"x": jnp.asarray([1.0, 0.0]), "time": jnp.zeros(())}
    errors = []
    for steps in (4, 8):
        end = runge_kutta(rate, start, 0.0, 3.0, steps)
        truth = scipy.linalg.expm(3.0 * np.asarray(matrix)) @ np.asarray([1.0, 0.0])
        errors.append(np.abs(np.asarray(end["x"]) - truth).max())
        assert float(end["time"]) == pytest.approx(3.0, rel=1e-6)
    assert 3.5 < np.log2(errors[0] / errors[1]) < 5.0
    back = runge_kutta(rate, end, 3.0, 0.0, 40)
    np.testing.assert_allclose(back["x"], start["x"], atol=2e-3)


def test_a_step_knows_the_time_and_gives_its_first_slope():
    x, slope = runge_kutta_step(lambda x, t: 4 * t**3, jnp.asarray(0.0), 1.0, 1.0)
    # Simpson's rule is exact for cubics: 2⁴ − 1⁴.
    assert float(x) == pytest.approx(15.0, rel=1e-6)
    assert float(slope) == 4.0


def test_no_node_leaves_the_interval():
    outside = lambda x, t: jnp.where((t < 0.1) | (t > 0.8), jnp.nan, 1.0)
    for start, end in ((0.1, 0.8), (0.8, 0.1)):
        assert np.isfinite(float(runge_kutta(outside, jnp.zeros(()), start, end, 7)))

"""The Doob transform learnt as a score, where h is known in closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.stats import norm

from noneq.errors import InvalidInput, WrongType
from noneq.inference import conditioned_paths, score_transform
from noneq.learning.training import Training
from noneq.nets import MLP
from noneq.systems import Diffusion, Moons


# Two-sided false alarm of 1e-6.
SURE = 4.9
WALK = Diffusion(lambda x: jnp.zeros_like(x), 1.0, shape=1, time_step=0.01)
SMALL = {
    "net": MLP(width=16, depth=2),
    "training": Training(steps=300, batch=1024, rate=5e-3, ema=0.97, warmup=20),
    "progress": False,
}


def walks(start, up, low, steps, n=3000):
    """Free walks in steps of 0.01 that reach ``up`` and before that never ``low``, nor between steps."""
    rng, h = np.random.default_rng(0), 0.01
    x = start + np.cumsum(np.sqrt(h) * rng.normal(size=(n, steps)), axis=1)
    x = np.concatenate([np.full((n, 1), start), x], axis=1)
    first = lambda inside: np.where(inside.any(1), inside.argmax(1), steps + 1)
    falls = np.exp(-2 / h * np.maximum((x[:, :-1] - low) * (x[:, 1:] - low), 0.0))
    fell = np.concatenate([np.zeros((n, 1), bool), rng.uniform(size=(n, steps)) < falls], axis=1)
    there, gone = first(x >= up), first(fell)
    return [
        (h * np.arange(k + 1), x[i, : k + 1, None])
        for i, k in enumerate(there)
        if k <= steps and k < gone[i]
    ]


def test_the_score_of_a_walk_that_has_to_arrive_in_time(key):
    """h = 2 Φ((x − 1)/√(1 − t)): reflection at 1."""
    made = score_transform(
        WALK, walks(0.0, 1.0, -99.0, 100), [0.0], "x >= 1", horizon=1.0, rounds=1, n=2000, key=key,
        **SMALL,
    )  # fmt: skip
    ask = {"horizon": 1.0, "n": 2000, "key": jax.random.fold_in(key, 1)}
    found = conditioned_paths(made, [0.0], "x >= 1", **ask)
    assert abs(found.probability.z(2 * norm.cdf(-1.0))) < SURE
    assert found.effective > 0.75
    log_h = lambda t, x: norm.logcdf((x[0] - 1) / jnp.sqrt(1 - t))
    t = jnp.asarray([0.0, 0.3, 0.3, 0.6])
    x = jnp.asarray([[0.0], [0.0], [0.6], [0.5]])
    exact = jax.vmap(jax.grad(log_h, 1))(t, x)
    np.testing.assert_allclose(jax.vmap(made.control)(t, x), exact, atol=0.35)
    # Without the push only the share of the event itself arrives, and the weights are no better.
    assert found.arrived > 2 * float(2 * norm.cdf(-1.0))


def test_a_walk_that_must_not_fall_is_a_bessel_process(key):
    """h = x between 0 and 1: u = 1/x, of which the network has nothing left to learn."""
    made = score_transform(
        WALK, walks(0.2, 1.0, 0.0, 600), [[0.2], [0.3]], "x >= 1", avoid="x <= 0", rounds=0, key=key,
        **SMALL,
    )  # fmt: skip
    x = jnp.asarray([[0.2], [0.5], [0.8]])
    u = jax.vmap(made.control, (None, 0))(0.0, x)
    np.testing.assert_allclose(u, 1 / x, atol=0.6)
    found = conditioned_paths(
        made, [[0.2], [0.3]], "x >= 1", avoid="x <= 0", n=1000, step=0.0025, key=key
    )
    # Starts take turns: the mean of 0.2 and 0.3.
    assert abs(found.probability.z(0.25)) < SURE
    assert found.effective > 0.7
    assert found.arrived > 0.9


WRONG = {
    "2 paths with steps": {"paths": walks(0.0, 1.0, -99.0, 100)[:2]},
    r"expected \(T,\)": {"paths": [(np.arange(3.0), np.zeros((3, 2)))] * 20},
    "not all alike": {"paths": [(np.array([0.0, 1.0, 5.0]), np.zeros((3, 1)))] * 20},
    "is not finite": {"paths": [(np.arange(3.0), np.full((3, 1), np.nan))] * 20},
    "give horizon=": {"horizon": None},
    "horizon = -1": {"horizon": -1.0},
    "rounds = -1": {"rounds": -1},
    "expected an AbstractDiffusion": {"system": Moons()},
    "start has the shape": {"start": [[[0.0]]]},
}


@pytest.mark.parametrize("message", WRONG)
def test_bad_input_is_one_line(message, key):
    given = {
        "system": WALK, "paths": walks(0.0, 1.0, -99.0, 100)[:50], "start": [0.0],
        "target": "x >= 1", "horizon": 1.0, "key": key,
    } | WRONG[message]  # fmt: skip
    with pytest.raises((InvalidInput, WrongType), match=message) as caught:
        score_transform(**given)
    assert "\n" not in str(caught.value)

"""A loss that stays finite and is absurd: it is named, and the best model is kept."""

import warnings
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_training import QUICK, START, Squares, fit, problem

from noneq.learning.guard import Guard, LossAway
from noneq.learning.loop import train
from noneq.learning.objectives import AbstractObjective, HasHoveringLoss


TRUTH = [1.0, -2.0, 0.5]


class Climbs(AbstractObjective, HasHoveringLoss):
    """Least squares down to a step, and up from there with a loss that is 10⁸ times as large."""

    turn: float
    hovers: bool = False

    def init(self, model, *, key):
        return jnp.zeros(())

    def grad(self, model, state, batch, *, key):
        loss, grads, _ = Squares().grad(model, None, batch, key=key)
        up = state >= self.turn
        sign = jnp.where(up, -1.0, 1.0)
        grads = jax.tree.map(lambda g: sign * g, grads)
        return loss * jnp.where(up, 1e8, 1.0), grads, state + 1


def climb(turn, hovers=False, **extra):
    training = replace(QUICK, decay="constant")
    return train(START, Climbs(turn, hovers), problem(), training, key=jax.random.key(1), **extra)


def test_a_finite_absurd_fit_is_named_and_its_best_model_kept():
    with pytest.warns(LossAway, match=r"at step 2\d0 to .*e\+\d\d at step 2[68]0 and has stayed"):
        model, history = climb(250.0)
    assert history["loss"][-1] > 1e8 * history["loss"][0]
    np.testing.assert_allclose(model.slope, TRUTH, atol=0.05)


def test_a_fit_that_explodes_at_once_is_named_and_never_worse_than_its_start():
    with pytest.warns(LossAway, match="at step 0 to"):
        model, history = fit(replace(QUICK, rate=1e5))
    assert history["loss"][-1] > 1e4
    np.testing.assert_array_equal(model.slope, START.slope)


def test_the_guard_speaks_once_and_a_resumed_fit_says_the_same(tmp_path):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model, _ = climb(250.0, checkpoint=tmp_path)
        assert [note.category for note in caught] == [LossAway]
        again, _ = climb(250.0, checkpoint=tmp_path)
    np.testing.assert_array_equal(model.slope, again.slope)


@pytest.mark.parametrize("rate", [0.05, 0.5])
def test_a_good_fit_and_a_gap_that_hovers_say_nothing(rate):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(replace(QUICK, rate=rate))
        # The loss of a gap is no measure: nothing is said, and the last model is returned.
        model, _ = climb(250.0, hovers=True)
    assert np.abs(np.asarray(model.slope) - TRUTH).max() > 1


def first_alarm(start, losses):
    guard = Guard(list(start))
    return next((i for i in range(1, len(losses) + 1) if guard.away(list(losses[:i]))), None)


@pytest.mark.parametrize("fall", [0.0, 1.0, 30.0])
def test_noise_of_any_tail_is_no_alarm(fall, rng):
    """Converged and falling losses, with upper tails as heavy as a t law of two degrees has."""
    curve = fall * np.exp(-np.arange(50) / 5.0) + 1.0
    for _ in range(150):
        noise = np.abs(rng.standard_t(2, size=55))
        # A look is the mean of many steps, the start that of single ones.
        losses = curve + 0.1 * noise[5:]
        assert first_alarm(curve[0] + 0.3 * noise[:5], losses) is None
    # The broken twin: a thousand spreads up for good.
    losses[20:] += 1000.0 + 100 * fall
    assert first_alarm(curve[0] + 0.3 * noise[:5], losses) == 23

"""A fit that makes narrow modes too wide says so."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.data.summary import summarise
from noneq.frames.frame import AbstractLaw, Frame
from noneq.methods import DiffFlow
from noneq.methods.flows.blur import Blurred, blur, blurred
from noneq.nets import MLP


class Modes(AbstractLaw):
    """±2 with weights 0.3 and 0.7 and widths 0.1 and 0.5, the narrow one made wider."""

    frame: Frame
    wider: float

    def draw(self, n, *, time, condition, key):
        mode_key, noise_key = jax.random.split(key)
        if condition is None:
            narrow = jax.random.uniform(mode_key, (n, 1)) < 0.3
        else:
            narrow = condition == 1
        noise = jax.random.normal(noise_key, (n, 2))
        x = jnp.where(narrow, 2 + 0.1 * self.wider * noise, -2 + 0.5 * noise)
        return jax.vmap(self.frame.normaliser.forward)(x + (0.0 if time is None else time))


def modes(n, rng, condition=False, times=(0.0,)):
    narrow = rng.uniform(size=(n, 1)) < 0.3
    x = np.where(narrow, 2 + 0.1 * rng.normal(size=(n, 2)), -2 + 0.5 * rng.normal(size=(n, 2)))
    given = {"condition": np.tile(narrow.astype(np.float32), (len(times), 1))} if condition else {}
    return nq.Snapshots.from_frames([x + t for t in times], times, **given)


def law(data, wider):
    return Modes(Frame(summarise(data)), wider)


@pytest.mark.parametrize("n", [300, 2000])
def test_the_law_itself_is_no_alarm(n):
    for seed in range(10):
        data = modes(n, np.random.default_rng(seed))
        assert 0.6 < blur(law(data, 1.0), data, key=jax.random.key(seed))[0] < 1.4


@pytest.mark.parametrize("condition", [False, True])
def test_a_mode_that_is_too_wide_is_named(condition, rng):
    data = modes(3000, rng, condition, times=(0.0, 1.0))
    with pytest.warns(Blurred, match=r"DiffFlow: .* at time 0 lie up to (2\.\d|3\.0) times"):
        notes = blurred(law(data, 2.7), data, "DiffFlow", key=jax.random.key(0))
    assert len(notes) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert blurred(law(data, 1.0), data, "DiffFlow", key=jax.random.key(0)) == []


def test_few_states_and_repeated_ones_say_nothing(rng):
    few = modes(299, rng)
    assert blur(law(few, 9.0), few, key=jax.random.key(0)) == (1.0, None)
    same = nq.Snapshots.from_frames([np.repeat(np.eye(2), 200, axis=0)], [0.0])
    assert blur(law(same, 1.0), same, key=jax.random.key(0)) == (1.0, None)


def test_an_untrained_flow_says_it_and_keeps_it_with_the_fit(rng):
    method = DiffFlow(
        net=MLP(8, 1),
        curriculum=(2, 3),
        training=nq.Training(steps=2, batch=32),
        likelihood_steps=4,
    )
    data = modes(400, rng)
    with pytest.warns(Blurred):
        fit = method.fit(data, key=jax.random.key(0))
    assert "times as far apart" in fit.meta["warnings"][0]
    # Draws of the flow come with its density, both ways the same.
    x, log_p = fit.model.sample_with_log_prob(50, key=jax.random.key(1))
    again = jax.jit(jax.vmap(fit.model.log_prob))(x)
    np.testing.assert_allclose(log_p, again, atol=0.05)
    assert np.ptp(np.asarray(log_p)) > 1

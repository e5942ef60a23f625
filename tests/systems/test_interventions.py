"""Interventions: what is held stays, what is caused follows, what is not named does not change."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from driven_laws import Trapped
from noneq.data.summary import summarise
from noneq.errors import InvalidInput
from noneq.simulation import LearntSystem, simulate
from noneq.systems import Intervention, Linear, Lorenz


CHAIN = Linear(A=((1, 0, 0), (-1.5, 1, 0), (0, -1.2, 1)), D=np.eye(3) / 2)


def test_a_held_cause_moves_its_effects_and_not_by_conditioning(key):
    """Exact: mean (1.5, 1.8), covariance [[.5, .3], [.3, .86]]; conditioning gives (.75, .45)."""
    n = 8000
    held = simulate(CHAIN.intervene(clamp={"x": 1.0}), [0.0, 8.0], n=n, key=key).values[:, 1]
    assert (held[:, 0] == 1).all()
    # Five standard errors.
    np.testing.assert_allclose(held[:, 1:].mean(0), [1.5, 1.8], atol=5 * np.sqrt(0.86 / n))
    np.testing.assert_allclose(np.cov(held[:, 1:].T), [[0.5, 0.3], [0.3, 0.86]], atol=0.07)


def test_a_held_effect_does_not_move_its_cause():
    x = jnp.asarray([0.3, -0.2, 0.5])
    held = CHAIN.intervene(clamp={"z": 9.0})
    np.testing.assert_allclose(held.drift(0.0, x)[:2], CHAIN.drift(0.0, x)[:2])
    assert held.drift(0.0, x)[2] == 0


def test_every_part_of_an_intervention():
    x = jnp.asarray([0.3, -0.2, 0.5])
    plain = CHAIN.drift(0.0, x)
    pushed = CHAIN.intervene(shift={"y": lambda t, x: 2 * t}, replace={2: lambda x: x[0]})
    np.testing.assert_allclose(pushed.drift(1.0, x), [plain[0], plain[1] + 2, 0.3])
    quiet = CHAIN.intervene(noise={"x": 0.0, "y": 0.5}, start={"x": 7.0})
    np.testing.assert_allclose(quiet.diffusion(0.0, x), [0.0, 0.5, 1.0])
    assert quiet.initial(jax.random.key(0))[0] == 7
    both = pushed.intervene(clamp={"x": 1.0})
    np.testing.assert_allclose(both.drift(1.0, x)[2], 1.0)
    assert both.names == ("x", "y", "z")


def test_starts_that_are_given_are_changed_too(key):
    """A clamped coordinate holds from the first frame on, also with start=."""
    start = np.full((2, 3), 5.0, np.float32)
    paths = simulate(Lorenz().intervene(clamp={2: 20.0}), [0.0, 0.05], n=2, key=key, start=start)
    np.testing.assert_array_equal(paths.values[..., 2], 20)
    np.testing.assert_array_equal(paths.values[:, 0, :2], 5)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({}, "nothing to change"),
        ({"clamp": {"q": 1.0}}, "no coordinate 'q'; known: x, y, z"),
        ({"clamp": {3: 1.0}}, "no coordinate 3"),
        ({"clamp": {"x": float("nan")}}, "clamp of x is nan"),
        ({"noise": {"x": -1.0}}, "number ≥ 0"),
        ({"clamp": {"x": 1.0}, "shift": {0: 1.0}}, "x is in clamp and in shift"),
    ],
)
def test_interventions_that_make_no_sense(parts, message):
    with pytest.raises(InvalidInput, match=message):
        CHAIN.intervene(**parts)


def test_equal_interventions_are_equal():
    assert Intervention(clamp={"x": 1.0}) == Intervention(clamp=(("x", 1.0),))


def test_values_that_were_never_seen_are_warned_of():
    states = np.random.default_rng(0).normal(size=(200, 2, 1))
    data = nq.Trajectories(states, [0.0, 1.0], names=["angle"])
    learnt = LearntSystem.of(Trapped.of(0.0), summarise(data))
    assert learnt.names == ("angle",)
    with pytest.warns(UserWarning, match=r"angle = 9 lies outside the data .* about -4.* to "):
        held = learnt.intervene(clamp={"angle": 9.0})
    with pytest.warns(UserWarning, match="lies outside"):
        held.intervene(start={0: -9.0})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        learnt.intervene(clamp={"angle": 1.0})

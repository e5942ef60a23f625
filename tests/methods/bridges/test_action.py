"""Action matching."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.constant import Constant
from noneq.errors import InvalidInput
from noneq.methods import ActionMatching, LearntReference, Straight
from noneq.methods.bridges.others.action import ActionLoss, PotentialField
from noneq.nets import MLP
from noneq.nets.base import AbstractNetwork
from noneq.training import Training


KEY = jax.random.key(1)


class Action(AbstractNetwork):
    """s = push (x_1 − t/2) + bend (x_1 − t)²/2: translation by 1 for push 1 and bend 0."""

    push: float
    bend: float

    def __call__(self, x, level=None, time=None, condition=None):
        away = x[0] - time
        return jnp.stack([self.push * (x[0] - time / 2) + self.bend * away**2 / 2])


def test_the_gap_is_least_at_the_action_of_the_motion(rng):
    """Translation by 1 in a time 1 has the action x_1 − t/2 and the bound −½."""
    x0 = rng.normal(size=(4000, 2)).astype(np.float32)
    batch = {
        "start": x0, "end": x0 + np.array([1.0, 0.0], np.float32), "condition": None,
        "time": np.zeros(4000, np.float32), "duration": np.ones(4000, np.float32),
    }  # fmt: skip
    one = Constant(jnp.ones(()))

    def gap(push, bend):
        field = PotentialField(Action(push, bend), Straight(), Constant(jnp.ones(2)), one, one)
        return float(ActionLoss(Straight()).loss(field, batch, key=KEY))

    assert gap(1.0, 0.0) == pytest.approx(-0.5, abs=1e-3)
    # ½ E|∇s − u|² above it.
    assert gap(1.4, 0.0) == pytest.approx(-0.5 + 0.08, abs=1e-3)
    assert gap(1.0, 0.3) == pytest.approx(-0.5 + 0.045, abs=0.01)


def test_a_fit_carries_the_snapshots_by_a_gradient():
    rng = np.random.default_rng(0)
    frames = [rng.normal(0, 1, (500, 2)), rng.normal([2, 0], [0.5, 1], (500, 2))]
    data = nq.Snapshots.from_frames(frames, [0.0, 1.0])
    method = ActionMatching(
        net=MLP(width=32, depth=2), pool=4096, training=Training(steps=800, batch=256, rate=5e-3)
    )
    model = method.fit(data, key=KEY).model
    x = np.asarray(model.sample(500, time=1.0, key=KEY))
    np.testing.assert_allclose(x.mean(0), [2.0, 0.0], atol=0.25)
    np.testing.assert_allclose(x.std(0), [0.5, 1.0], atol=0.2)
    J = np.asarray(jax.jacfwd(lambda x: model.velocity(x, time=0.5))(jnp.asarray([0.4, 0.7])))
    assert np.abs(J - J.T).max() < 1e-4 * np.abs(J).max()
    assert np.abs(J).max() > 0.05


def test_what_is_refused():
    with pytest.raises(InvalidInput, match="learns from velocities"):
        ActionMatching(bridge=LearntReference())
    assert ActionMatching().rounds == 1

"""References that are learnt from velocities, and `CurlyFM`."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.constant import Constant
from noneq.data.summary import summarise
from noneq.errors import InvalidInput
from noneq.frames.normaliser import Normaliser
from noneq.methods import (
    ICFM,
    BridgeMatching,
    CurlyFM,
    Independent,
    LearntReference,
    LinearSDE,
    TransportODE,
)
from noneq.methods.bridges.references.velocities import velocity_rows
from noneq.nets import MLP
from noneq.nets.base import AbstractNetwork
from noneq.training import Training


KEY = jax.random.key(1)
A = np.array([[0.3, -2.0], [2.0, 0.3]])


class Matrix(AbstractNetwork):
    """F(x) = A x."""

    A: jax.Array

    def __call__(self, x, level=None, time=None, condition=None):
        return self.A @ x


class Clocked(AbstractNetwork):
    """F(x, t) = (t, 0)."""

    def __call__(self, x, level=None, time=None, condition=None):
        return jnp.stack([jnp.asarray(time, float), jnp.zeros(())])


def reference(net, sigma=0.5, steps=64):
    """A learnt reference of this network, in plain units."""
    data = nq.Snapshots.from_frames([np.zeros((4, 2)) + [[0], [1], [0], [1]]] * 2, [0.0, 1.0])
    fixed = LearntReference(sigma=sigma, steps=steps).measured(summarise(data))
    kept = type(fixed.net).of(net)
    one = Constant(jnp.ones(()))
    return eqx.tree_at(
        lambda b: (b.net, b.scale, b.pace), fixed, (kept, Constant(jnp.ones(2)), one)
    )


def test_the_bridge_of_a_linear_drift_is_the_exact_one():
    """`LinearSDE` computes it in float64 from matrix exponentials, at phases of 256 levels."""
    ours = reference(Matrix(jnp.asarray(A, float)))
    exact = LinearSDE(A=A, centre=(0.0, 0.0), sigma=0.5).fixed.tabulated((0.8,))
    x0, x1 = jnp.asarray([1.0, -0.5]), jnp.asarray([0.2, 1.5])
    cost = exact.cost(np.asarray([x0, x1]), np.asarray([x1, x0]), 0.8)
    np.testing.assert_allclose(
        ours.cost(np.asarray([x0, x1]), np.asarray([x1, x0]), 0.8), cost, rtol=2e-3
    )
    keys = jax.random.split(KEY, 4000)
    for phase in (32.5 / 256, 200.5 / 256):
        one, two = (
            jax.vmap(lambda key, b=b, phase=phase: b.at(x0, x1, phase, 0.8, key=key))(keys)
            for b in (ours, exact)
        )
        # The same numbers xi go through either root: states and targets are the same function.
        np.testing.assert_allclose(one.x, two.x, atol=3e-3)
        np.testing.assert_allclose(one.velocity, two.velocity, atol=3e-2)
        np.testing.assert_allclose(one.score, two.score, rtol=5e-3, atol=3e-2)
        np.testing.assert_allclose(one.spread, two.spread, rtol=3e-3)


def test_the_reference_knows_the_time():
    """x' = (t, 0): over an interval from t = 2 of length 1 the path moves by 2.5."""
    bridge = reference(Clocked(), sigma=0.1)
    ends = [[0.0, 0.0], [2.5, 0.0], [0.5, 0.0]]
    cost = bridge.since(2.0).cost(np.zeros((1, 2)), np.asarray(ends), 1.0)
    assert cost.argmin() == 1
    assert cost[0, 1] == pytest.approx(0.0, abs=1e-6)
    # Deviations of 2.5 and 2 over the variance 0.01.
    np.testing.assert_allclose(cost[0, [0, 2]], [312.5, 200.0], rtol=1e-4)
    assert bridge.cost(np.zeros((1, 2)), np.asarray(ends), 1.0).argmin() == 2


def turning(n, key=0, condition=None):
    """Two snapshots of a ring that turns by a third; the marginals do not show it."""
    rng = np.random.default_rng(key)
    frames, velocities = [], []
    for _ in range(2):
        angle = rng.uniform(0, 2 * np.pi, n)
        x = np.stack([np.cos(angle), np.sin(angle)], 1) * rng.normal(2, 0.1, (n, 1))
        frames.append(x)
        velocities.append(x @ np.array([[0.0, 2.0], [-2.0, 0.0]]))
    return nq.Snapshots.from_frames(frames, [0.0, 1.0]), np.concatenate(velocities)


def small(cls, steps=4, **fields):
    given = {
        "net": MLP(width=16, depth=1), "pool": 64, "training": Training(steps=steps, batch=16),
    }  # fmt: skip
    return cls(**(given | fields))


def reference_of(steps=4, **fields):
    net = MLP(width=16, depth=1)
    return LearntReference(net=net, training=Training(steps=steps, batch=16), steps=2, **fields)


@pytest.mark.slow
def test_a_rotation_that_no_marginal_shows_is_found():
    data, velocities = turning(400)
    training = Training(steps=600, batch=128, rate=5e-3)
    net = MLP(width=32, depth=2)
    bridge = LearntReference(sigma=0.3, net=net, training=training)
    method = CurlyFM(bridge=bridge, net=net, training=training, pool=4096)
    model = method.fit(data, velocities=velocities, key=KEY).model
    angle = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    x = jnp.asarray(2 * np.stack([np.cos(angle), np.sin(angle)], 1), float)
    across = np.stack([-np.sin(angle), np.cos(angle)], 1)
    speed = jax.vmap(lambda x: model.velocity(x, time=0.5))(x)
    turn = (np.asarray(speed) * across).sum(1)
    assert turn.mean() == pytest.approx(4.0, rel=0.15)  # 2 radians per time on the radius 2
    flow = eqx.tree_at(lambda m: m.sampler, model, TransportODE(steps=20))
    moved = np.asarray(flow.sample(200, time=1.0, key=KEY))
    assert np.hypot(*moved.T).mean() == pytest.approx(2.0, abs=0.15)


def test_velocities_of_trajectories_are_their_steps(rng):
    values = rng.normal(size=(5, 3, 2))
    mask = np.ones((5, 3), bool)
    mask[0, 2] = False
    data = nq.Trajectories(values, [0.0, 0.5, 2.0], mask=mask)
    rows = velocity_rows(data, None, Normaliser(summarise(data)), "CurlyFM", LearntReference())
    assert len(rows["time"]) == 9
    assert set(zip(rows["before"].tolist(), rows["after"].tolist(), strict=True)) == {
        (0.0, 0.5), (0.5, 1.5),
    }  # fmt: skip
    late = rows["time"] == 0.5
    expected = (values[1:, 2] - values[1:, 1]) / 1.5
    np.testing.assert_allclose(rows["velocity"][late], expected, rtol=1e-5)


def test_velocities_by_name_and_in_the_order_of_the_samples(rng):
    data = nq.Snapshots(rng.normal(size=(6, 2)), [0.0, 1.0], [0, 1, 0, 1, 0, 1], names=("a", "b"))
    given = np.arange(24.0).reshape(6, 4)
    names = ("velocity_b", "a", "velocity_a", "b")
    order = np.array([0, 2, 4, 1, 3, 5])
    own = nq.Snapshots(given[order], [0.0, 1.0], [0, 0, 0, 1, 1, 1], names=names)
    ask = lambda v: velocity_rows(
        data, v, Normaliser(summarise(data)), "CurlyFM", LearntReference()
    )
    np.testing.assert_allclose(ask(own)["velocity"], given[:, [2, 0]])
    with pytest.raises(InvalidInput, match=r"shape \(6, 3\); expected \(6, 2\)"):
        ask(np.zeros((6, 3)))
    with pytest.raises(InvalidInput, match="NaN"):
        ask(np.full((6, 2), np.nan))
    with pytest.raises(InvalidInput, match=r"\[3, 2\] samples"):
        ask(own.take(np.arange(5)))


def test_what_is_refused():
    data, velocities = turning(12)
    with pytest.raises(InvalidInput, match="--with velocities=FILE"):
        small(CurlyFM, bridge=reference_of()).fit(data, key=KEY)
    with pytest.raises(InvalidInput, match="Straight learns nothing from velocities"):
        small(ICFM).fit(data, velocities=velocities, key=KEY)
    with pytest.raises(InvalidInput, match="sigma"):
        LearntReference(sigma=-1.0)
    with pytest.raises(InvalidInput, match="fitted model"):
        LearntReference().drift(jnp.zeros(2), 0.0)


def test_any_coupling_and_saving(tmp_path):
    data, velocities = turning(24)
    recipe = small(BridgeMatching, bridge=reference_of(), coupling=Independent())
    fit = recipe.fit(data, velocities=velocities, key=KEY)
    nq.save(fit, tmp_path / "run")
    again = nq.load(tmp_path / "run").model
    x = jnp.asarray([0.3, 0.2])
    np.testing.assert_array_equal(again.drift(0.5, x), fit.model.drift(0.5, x))
    np.testing.assert_array_equal(
        again.field.bridge.drift(x, 0.5), fit.model.field.bridge.drift(x, 0.5)
    )

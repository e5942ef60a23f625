"""Fitted transports: what they answer, with a stranger's factors too."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.errors import InvalidInput, MissingTrait
from noneq.methods import (
    ICFM,
    SF2M,
    AbstractBridge,
    AbstractCoupling,
    BridgeMatching,
    Brownian,
    DisplacementInterpolation,
    ExactOT,
    LightSB,
    LightSBM,
    LinearSDE,
    OUBridge,
    Pairs,
    Passage,
    PlugInGaussian,
    Refit,
    Rematch,
    Sinkhorn,
    Straight,
    TransportODE,
    TransportSDE,
)
from noneq.nets import MLP
from noneq.spec import from_toml, to_toml
from noneq.training import Training


KEY = jax.random.key(1)


class Sorted(AbstractCoupling):
    """Pairs by the rank of the first coordinate."""

    def pairs(self, x0, x1, cost, count, rng):
        n = min(len(x0), len(x1))
        start, end = np.argsort(x0[:n, 0]), np.argsort(x1[:n, 0])
        keep = np.arange(count) % n
        return Pairs(start[keep], end[keep])


class Trigonometric(AbstractBridge):
    """x = cos(πs/2) x0 + sin(πs/2) x1, which keeps the variance of independent pairs."""

    stochastic: ClassVar[bool] = False

    def at(self, x0, x1, phase, duration, *, key):
        angle = jnp.pi / 2 * phase
        x = jnp.cos(angle) * x0 + jnp.sin(angle) * x1
        rate = jnp.cos(angle) * x1 - jnp.sin(angle) * x0
        return Passage(x, rate * jnp.pi / (2 * duration), None, None)

    def cost(self, x0, x1, duration):
        return -x0 @ x1.T

    def drift(self, x, time):
        return jnp.zeros_like(x)

    def diffusion(self):
        return 0.0


def small(cls, steps=4, **fields):
    given = {"net": MLP(width=16, depth=1), "pool": 64, "training": Training(steps=steps, batch=16)}
    return cls(**(given | fields))


def cloud(n=24, condition=False):
    """Three snapshots at unequal times; with conditions two groups far apart."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(3 * n, 2))
    index = np.repeat([0, 1, 2], n)
    values[:, 0] += 2.0 * index
    kind = np.arange(3 * n)[:, None] % 2
    values[:, 1] += 20.0 * kind[:, 0] if condition else 0.0
    return nq.Snapshots(
        values, [0.0, 0.5, 2.0], index, condition=kind if condition else None, names=("a", "b")
    )


@pytest.fixture(scope="module")
def bridge_model():
    return small(BridgeMatching, bridge=Brownian(0.4)).fit(cloud(), key=KEY).model


def test_factors_of_a_stranger():
    recipe = small(BridgeMatching, coupling=Sorted(), bridge=Trigonometric())
    model = recipe.fit(cloud(), key=KEY).model
    x = model.sample(8, time=1.0, key=KEY)
    assert np.isfinite(x).all()
    assert model.diffusion(0.0, x[0]) == 0
    with pytest.raises(InvalidInput, match="no SDE"):
        small(BridgeMatching, bridge=Trigonometric(), sampler=TransportSDE()).fit(cloud(), key=KEY)


def test_a_given_reference_survives_toml():
    method = OUBridge(bridge=LinearSDE(A=np.array([[0.0, 1.0], [-1.0, 0.0]]), sigma=0.5))
    assert from_toml(to_toml(method)) == method
    assert method.bridge.A == ((0.0, 1.0), (-1.0, 0.0))


def test_score_velocity_and_drift_belong_together(bridge_model):
    x = jnp.asarray([0.3, -0.5])
    velocity, score = (f(x, time=1.0) for f in (bridge_model.velocity, bridge_model.score))
    np.testing.assert_allclose(bridge_model.drift(1.0, x), velocity + 0.4**2 / 2 * score, rtol=1e-5)
    assert bridge_model.diffusion(1.0, x) == pytest.approx(0.4)


def test_draws_at_a_snapshot_are_no_training_states(bridge_model):
    data = cloud()
    for time in (0.5, 2.0):
        x = np.asarray(bridge_model.sample(24, time=time, key=KEY))
        gaps = np.abs(x[:, None] - data.at(time)).sum(-1).min(1)
        assert gaps.min() > 1e-4
    first = np.sort(np.asarray(bridge_model.sample(24, time=0.0, key=KEY)), axis=0)
    np.testing.assert_allclose(first, np.sort(data.at(0.0), axis=0), atol=1e-5)


def test_paths_forward_and_backward(bridge_model):
    start = np.zeros((5, 2), np.float32)
    times = [0.0, 0.25, 2.0]
    forth = bridge_model.sample_paths(5, times=times, start=start, key=KEY)
    assert forth.names == ("a", "b")
    np.testing.assert_allclose(forth.values[:, 0], start, atol=1e-6)
    back = bridge_model.sample_paths(5, times=times, start=start, backward=True, key=KEY)
    np.testing.assert_array_equal(back.times, times)
    np.testing.assert_allclose(back.values[:, -1], start, atol=1e-6)
    flow = eqx.tree_at(lambda m: m.sampler, bridge_model, TransportODE())
    there = flow.sample_paths(5, times=times, start=start, key=KEY)
    again = flow.sample_paths(5, times=times, start=there.values[:, -1], backward=True, key=KEY)
    # The affine part has kinks in time, at which Runge–Kutta steps are of lower order.
    np.testing.assert_allclose(again.values, there.values, atol=3e-4)
    with pytest.raises(InvalidInput, match="5, one for each"):
        bridge_model.sample_paths(5, times=times, start=start[:3], key=KEY)
    with pytest.raises(InvalidInput, match="times"):
        bridge_model.sample_paths(5, times=[1.0, 0.5], key=KEY)


def test_a_model_is_simulated_as_a_system(bridge_model):
    start = np.zeros((2000, 2), np.float32)
    paths = nq.simulate(bridge_model, [0.0, 0.5], n=2000, start=start, substeps=100, key=KEY)
    own = eqx.tree_at(lambda m: m.sampler, bridge_model, TransportSDE(steps=100)).sample_paths(
        2000, times=[0.0, 0.5], start=start, key=jax.random.key(2)
    )
    error = 0.5 / np.sqrt(2000)
    gap = paths.values[:, 1].mean(0) - own.values[:, 1].mean(0)
    assert np.abs(gap).max() < 4.9 * np.sqrt(2) * error
    np.testing.assert_allclose(paths.values[:, 1].std(0), own.values[:, 1].std(0), rtol=0.15)
    still = DisplacementInterpolation().fit(cloud(), key=KEY).model
    with pytest.raises(MissingTrait, match="HasDrift"):
        nq.simulate(still, [0.0, 1.0], n=2, key=KEY)


def test_conditions_start_from_their_own_states():
    model = small(ICFM, steps=60).fit(cloud(condition=True), key=KEY).model
    for kind in (0, 1):
        x = np.asarray(model.sample(16, time=0.0, condition=[kind], key=KEY))
        assert (np.round(x[:, 1] / 20) == kind).all()
    with pytest.raises(InvalidInput, match="condition"):
        model.sample(4, time=0.0, key=KEY)


def test_the_schrodinger_bridge_of_gaussians():
    """Between N(∓1, 1) for sigma = 1 the variance half-way is ½ + √5/4; straight lines of
    independent pairs have ½, of optimal ones 1."""
    rng = np.random.default_rng(3)
    data = nq.Snapshots.from_frames(
        [rng.normal(-1, 1, (2000, 1)), rng.normal(1, 1, (2000, 1))], [0.0, 1.0]
    )
    recipe = small(
        SF2M,
        net=MLP(width=32, depth=2),
        bridge=Brownian(1.0),
        pool=20_000,
        training=Training(steps=800, batch=256, rate=5e-3),
    )
    model = recipe.fit(data, key=KEY).model
    expected = 0.5 + np.sqrt(5) / 4
    for sampler in (TransportSDE(), TransportODE()):
        changed = eqx.tree_at(lambda m: m.sampler, model, sampler)
        x = np.asarray(changed.sample(2000, time=0.5, key=KEY))
        assert x.mean() == pytest.approx(0.0, abs=0.1)
        assert x.var() == pytest.approx(expected, abs=0.12)
    score = [float(model.score(jnp.asarray([a]), time=0.5)[0]) for a in (-1.0, 1.0)]
    assert (score[0] - score[1]) / 2 == pytest.approx(1 / expected, abs=0.15)
    log_prob = float(model.log_prob(jnp.zeros(1), time=0.5))
    assert log_prob == pytest.approx(-0.5 * np.log(2 * np.pi * expected), abs=0.12)


def rotating_snapshots(n=1500):
    """A stationary ring current would be invisible; this cloud turns as it relaxes."""
    system = nq.systems.Linear(
        A=((0.5, -2.0), (2.0, 0.5)),
        D=((0.1, 0.0), (0.0, 0.1)),
        start_mean=(2.0, 0.0),
        start_covariance=((0.3, 0.0), (0.0, 0.05)),
    )
    paths = nq.simulate(system, [0.0, 0.3, 0.6, 0.9], n=n, key=jax.random.key(5))
    return paths.snapshots()


@pytest.mark.slow
@pytest.mark.optimised
def test_a_reference_is_refitted_from_snapshots_alone():
    recipe = OUBridge(
        bridge=LinearSDE(sigma=float(np.sqrt(0.2))),
        rounds=3,
        pool=8192,
        training=Training(steps=1500, batch=256),
    )
    A = np.asarray(recipe.fit(rotating_snapshots(), key=KEY).model.field.bridge.A.value)
    # The truth has −A: relaxation ½ and rotation of 2 from x to −y.
    assert (A[1, 0] - A[0, 1]) / 2 == pytest.approx(-2.0, abs=0.5)


def test_plug_in_moments_and_their_bridge():
    data = cloud(200)
    method = PlugInGaussian(bridge=LinearSDE(A=((0.0, 1.0), (-1.0, 0.0)), sigma=0.5))
    model = method.fit(data, key=KEY).model
    for time in data.times:
        mean, _, covariance, _ = model.field.at(time)
        scale = np.asarray(model.field.scale.value)
        np.testing.assert_allclose(
            mean * scale + data.values.mean(0), data.at(time).mean(0), atol=1e-4
        )
        found = np.asarray(covariance) * np.outer(scale, scale)
        np.testing.assert_allclose(found, np.cov(data.at(time).T), atol=1e-4)
    # The velocity carries the density: ∂_t log p + div u + u·∇ log p = 0.
    x, t, h = jnp.asarray([0.7, 0.2]), 1.1, 1e-2
    rate = (model.log_prob(x, time=t + h) - model.log_prob(x, time=t - h)) / (2 * h)
    u = model.velocity(x, time=t)
    spread = jnp.trace(jax.jacfwd(lambda x: model.velocity(x, time=t))(x))
    assert float(rate + spread + u @ model.score(x, time=t)) == pytest.approx(0.0, abs=5e-3)


def test_the_kinetic_cost_of_a_gaussian_bridge():
    """∫ (|mean'|² + tr turn covariance turnᵀ) dt, z-score of false-alarm rate 1e-6."""
    data = cloud(200).hold_out([2.0])[0]
    model = PlugInGaussian(bridge=LinearSDE(sigma=0.5)).fit(data, key=KEY).model
    times = np.linspace(0.0, 0.5, 9)
    exact = 0.0
    for i, time in enumerate(times):
        _, rate, covariance, turn = (np.asarray(part, float) for part in model.field.at(time))
        scale = np.diag(np.asarray(model.field.scale.value, float))
        push = scale @ turn
        value = ((scale @ rate) ** 2).sum() + np.trace(push @ covariance @ push.T)
        exact += value * (0.5 if i in (0, 8) else 1.0) * 0.5 / 8
    found = nq.inference.kinetic_cost(model, times, n=400, key=KEY)
    assert abs(found.z(exact)) < 4.9
    assert found.value > ((data.at(0.5).mean(0) - data.at(0.0).mean(0)) ** 2).sum() / 0.5


def test_displacement_interpolation_moves_matched_samples():
    data = cloud()
    model = DisplacementInterpolation().fit(data, key=KEY).model
    for time in (0.0, 0.5, 2.0):
        x = np.asarray(model.sample(24, time=time, key=KEY))
        np.testing.assert_allclose(np.sort(x, axis=0), np.sort(data.at(time), axis=0), atol=1e-5)
    x = np.asarray(model.sample(24, time=0.25, key=KEY))
    assert x.mean(0) == pytest.approx((data.at(0.0) + data.at(0.5)).mean(0) / 2, abs=1e-5)


def test_what_is_refused():
    data = cloud()
    few = nq.Snapshots(data.values[[0, 1, 24]], [0.0, 0.5], [0, 0, 1])
    flat = nq.Snapshots(data.values * [1.0, 0.0], data.times, data.time_index)
    with pytest.raises(InvalidInput, match="one sample"):
        ICFM().fit(few, key=KEY)
    with pytest.raises(InvalidInput, match="one time"):
        SF2M().fit(data.values[:24], key=KEY)
    with pytest.raises(InvalidInput, match="singular"):
        PlugInGaussian(ridge=0.0).fit(flat, key=KEY)
    with pytest.raises(InvalidInput, match="nothing changes"):
        ICFM(rounds=2)
    with pytest.raises(InvalidInput, match="not refitted"):
        SF2M(rounds=2, refresh=Refit())
    with pytest.raises(InvalidInput, match="no noise"):
        ICFM(rounds=2, refresh=Rematch())
    with pytest.raises(InvalidInput, match="first"):
        Rematch(first="nothing")
    with pytest.raises(InvalidInput, match="pool"):
        ICFM(pool=0)
    with pytest.raises(InvalidInput, match="expected \\(2, 2\\)"):
        OUBridge(bridge=LinearSDE(A=np.eye(3))).fit(data, key=KEY)
    with pytest.raises(InvalidInput, match="grow"):
        OUBridge(bridge=LinearSDE(A=np.diag([40.0, -40.0]))).fit(data, key=KEY)
    with pytest.raises(InvalidInput, match="steps"):
        TransportODE(steps=0)
    for cls in (DisplacementInterpolation, PlugInGaussian, LightSB, LightSBM):
        with pytest.raises(InvalidInput, match=f"{cls.__name__} takes no condition"):
            cls().fit(cloud(condition=True), key=KEY)
    assert Sinkhorn().epsilon is None
    assert ExactOT().batch == 256
    assert Straight().diffusion() == 0

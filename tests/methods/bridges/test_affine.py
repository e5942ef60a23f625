"""The affine part of a transport is the least squares fit of its own bridges."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.data.summary import summarise
from noneq.methods import SF2M, Brownian, LinearSDE, OUBridge
from noneq.methods.bridges.affine import MOST_DIM, AffinePart
from noneq.nets import MLP
from noneq.statistics.linear_reference import LinearReference
from noneq.studies.bridges.linear import LinearProblem
from noneq.training import Training


KEY = jax.random.key(3)
A = np.array([[-0.5, 2.0], [-1.0, 0.3]])
SIGMA = 0.7
SHORT = Training(steps=1, batch=8, rate=1e-9)
"""No training at all: the affine part alone."""


def skew_pairs(n=200):
    """Pairs of no normal law, over an interval from 1 to 2.5."""
    rng = np.random.default_rng(0)
    start = rng.exponential(size=(n, 2)) - 1
    end = start[:, ::-1] * [1.0, -2.0] + 0.5 * rng.normal(size=(n, 2)) + [1.0, 0.0]
    whole = lambda value: np.full(n, value, np.float32)
    return {"start": start, "end": end, "time": whole(1.0), "duration": whole(1.5)}


def test_it_is_the_least_squares_fit_of_conditional_velocity_and_score():
    pairs = skew_pairs()
    frames = [pairs["start"], pairs["end"]]
    summary = summarise(nq.Snapshots.from_frames(frames, [1.0, 2.5]))
    bridge = LinearSDE(A=A, centre=[0.2, -0.1], sigma=SIGMA).fixed.tabulated((1.5,))
    part = AffinePart(summary).filled(bridge.linear(2), pairs)
    # The middle of a level at which the bridge is tabulated.
    phase, draws = 77.5 / 256, 400
    x0, x1 = (jnp.asarray(np.repeat(pairs[k], draws, 0), float) for k in ("start", "end"))
    one = lambda a, b, key: bridge.at(a, b, phase, 1.5, key=key)
    passage = jax.jit(jax.vmap(one))(x0, x1, jax.random.split(KEY, len(x0)))
    x = np.asarray(passage.x, np.float64)
    ones = np.column_stack([x, np.ones(len(x))])
    probe = jnp.asarray([[0.3, -0.8], [1.5, 0.4]])
    more, score = jax.vmap(lambda x: part(x, 1.0 + phase * 1.5))(probe)
    velocity = jax.vmap(lambda x: bridge.drift(x, 0.0))(probe) + more
    rows = np.column_stack([probe, np.ones(2)])
    for target, found in ((passage.velocity, velocity), (passage.score, score)):
        expected = rows @ np.linalg.lstsq(ones, np.asarray(target, np.float64), rcond=None)[0]
        # 80,000 draws of unit noise: standard errors of 0.005 or so.
        np.testing.assert_allclose(found, expected, atol=0.04)


def test_between_gaussians_it_is_the_whole_bridge():
    """Without any training the drift is as good as the closed form of the same moments."""
    problem = LinearProblem(dim=8, n=1000, n_test=500, frames=5)
    reference = problem.reference()
    bridge = LinearSDE(A=reference.A, centre=reference.centre, sigma=1.0)
    settings = {"net": MLP(width=4, depth=1), "training": SHORT, "pool": 20_000}
    fit = lambda affine: OUBridge(bridge=bridge, affine=affine, **settings).fit(
        problem.draw(KEY), key=KEY
    )
    errors = {}
    for affine in (True, False):
        scores = problem.scores(fit(affine).model, KEY)
        errors[affine] = {score.metric: score.value for score in scores}
    assert errors[True]["force_error"] < 0.5
    assert errors[True]["bw2_squared"] < 0.1
    assert errors[False]["force_error"] > 3.0


def test_every_interval_has_its_own_and_knots_beyond_the_data_are_the_nearest():
    rng = np.random.default_rng(1)
    frames = [rng.normal(size=(300, 1)) + shift for shift in (0.0, 4.0, 0.0)]
    data = nq.Snapshots.from_frames(frames, [0.0, 1.0, 3.0])
    recipe = SF2M(bridge=Brownian(sigma=0.5), net=MLP(width=4, depth=1), training=SHORT, pool=2000)
    model = recipe.fit(data, key=KEY).model
    u = lambda x, t: float(model.velocity(jnp.asarray([x]), time=t)[0])
    assert u(2.0, 0.5) == pytest.approx(4.0, abs=0.4)
    assert u(2.0, 2.0) == pytest.approx(-2.0, abs=0.3)
    assert u(0.0, -1.0) == pytest.approx(u(0.0, 0.0), abs=0.3)


def test_constant_coordinates_and_more_coordinates_than_samples_give_finite_tables():
    rng = np.random.default_rng(2)
    frames = [np.column_stack([rng.normal(size=(5, 8)), np.ones(5)]) for _ in range(2)]
    summary = summarise(nq.Snapshots.from_frames(frames, [0.0, 1.0]))
    zero = np.zeros((9, 9))
    reference = LinearReference(zero, np.zeros(9), 0.09 * np.eye(9))
    whole = lambda value: np.full(5, value, np.float32)
    pairs = {"start": frames[0], "end": frames[1], "time": whole(0), "duration": whole(1)}
    part = AffinePart(summary).filled(reference, pairs)
    assert all(np.isfinite(table.value).all() for table in (part.mean, part.turn, part.press))


def test_no_tables_for_bridges_without_noise_nor_for_wide_states():
    wide = np.random.default_rng(0).normal(size=(4, MOST_DIM + 1))
    summary = summarise(nq.Snapshots.from_frames([wide, wide + 1], [0.0, 1.0]))
    small = summarise(nq.Snapshots.from_frames([wide[:, :2], wide[:, :2] + 1], [0.0, 1.0]))
    net = MLP(width=4, depth=1)
    assert SF2M(net=net).init(summary, key=KEY).field.affine is None
    assert SF2M(net=net).init(small, key=KEY).field.affine is not None
    assert SF2M(net=net, affine=False).init(small, key=KEY).field.affine is None
    assert nq.methods.OTCFM(net=net).init(small, key=KEY).field.affine is None

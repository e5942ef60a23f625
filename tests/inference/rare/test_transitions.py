"""Passage times, reactive paths, conditioned paths and instantons against known values."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import solve_continuous_lyapunov

import noneq as nq
from noneq.errors import InvalidInput, MissingTrait, SolveFailed
from noneq.inference import (
    DoobTransform,
    conditioned_paths,
    fate_probabilities,
    grid_committor,
    grid_passage_time,
    hitting_probability,
    minimum_action,
    passage_time,
    reactive_paths,
)
from noneq.systems import Diffusion, DoubleWell, Swirl


# Two-sided false alarm of 1e-6.
SURE = 4.9


def test_passage_times_of_the_table(key):
    system = DoubleWell(beta=1.0)
    found = passage_time(system, [-1.0], "x >= 1", n=400, key=key)
    assert abs(found.z(3.56943)) < SURE
    # A walk at the speed 1 takes a time of 1 to reach 1, however long the steps.
    walk = Diffusion(lambda x: jnp.ones_like(x), 1.0, shape=1)
    ask = {"n": 600, "step": 0.25, "key": key}
    assert abs(passage_time(walk, [0.0], "x > 1", **ask).z(1.0)) < SURE
    # Seen at the ends of steps alone it takes 0.58 √step longer.
    blind = passage_time(walk, [0.0], lambda x: x[0] > 1, **ask)
    assert blind.z(1.0) > SURE
    assert "ends of steps" in blind.notes[0]


def test_what_no_path_can_tell(key):
    with pytest.raises(InvalidInput, match="start lies in the set"):
        passage_time(DoubleWell(), [1.5], "x > 1", key=key)
    with pytest.raises(InvalidInput, match="at least 2 paths"):
        passage_time(DoubleWell(), [-1.0], "x > 1", n=1, key=key)
    with pytest.raises(SolveFailed, match="grid_passage_time"):
        passage_time(DoubleWell(beta=400.0), [-1.0], "x > 1", step=0.001, n=2, key=key)


def test_reactive_paths_of_a_recorded_walk():
    x = np.array([[0.0, -1, 0, -1, 0, 0, 1, 0, 1, 0, -1, 0, 1]])
    paths = nq.Trajectories(x[..., None], np.arange(13.0), names=("x",))
    found = reactive_paths(paths, "x < -0.5", "x > 0.5")
    assert [p[:, 0].tolist() for p in found.paths] == [[-1, 0, 0, 1], [-1, 0, 1]]
    assert float(found.duration.value) == 2.5
    # A was visited last from 1 to 6 and from 10 to 12, B from 6 to 10.
    assert float(found.rate.value) == pytest.approx(2 / 7)
    assert float(found.back_rate.value) == pytest.approx(1 / 4)
    assert float(found.last_in_start.value) == pytest.approx(7 / 11)
    with pytest.raises(InvalidInput, match="no path goes"):
        reactive_paths(paths, "x < -0.5", "x > 3")
    with pytest.raises(InvalidInput, match="overlap"):
        reactive_paths(paths, "x < 0.5", "x > -0.5")


def test_fates_by_first_arrival_are_a_committor(key):
    system = DoubleWell(beta=3.0)
    sides = {"left": lambda x: x[:, 0] <= -1, "right": lambda x: x[:, 0] >= 1}
    ask = {"start": 0.0, "end": 6.0, "paths": 400, "key": key}
    found = fate_probabilities(system, [[-0.5], [0.0], [1.2]], sides, looks=300, **ask)
    right = found.probability.value[:, 1]
    assert right[2] == 1.0
    # Looks 0.02 apart miss short visits: within 0.03, beside the noise of 400 paths.
    assert abs(right[0] - 0.0706) < 0.03 + 3 * np.sqrt(0.07 / 400)
    assert abs(right[1] - 0.5) < 0.03 + SURE / 40
    with pytest.raises(InvalidInput, match="looks"):
        fate_probabilities(system, [[0.0]], sides, looks=0, **ask)
    with pytest.raises(MissingTrait):
        fate_probabilities(object(), [[0.0]], sides, looks=5, **ask)


@pytest.fixture(scope="module")
def climb():
    system = Diffusion(lambda x: -x, np.sqrt(2.0), shape=1, time_step=0.01)
    h = hitting_probability(system, "x >= 4", 10.0, bounds=(-6.0, 4.2), cells=400, steps=120)
    return system, h


def test_a_doob_transform_carries_the_probability(climb, key):
    """The Euler chain of step 0.01 reaches 4 with 3.3308e-3 (quadrature of its kernel)."""
    system, h = climb
    ask = {"horizon": 10.0, "n": 400, "continuous": False, "key": key}
    found = conditioned_paths(DoobTransform(system, h), [0.0], "x >= 4", **ask)
    assert abs(found.probability.z(3.3308e-3)) < SURE
    assert found.probability.stderr < 0.04 * found.probability.value
    assert found.effective > 0.5
    assert found.variance < 0.4
    assert found.arrived > 0.95
    assert found.paths[0].shape == (len(found.times[0]), 1)
    assert found.paths[0][-1, 0] >= 4
    # A wrong h leaves the mean right and the certificate far from zero.
    push = DoobTransform(system, control=lambda t, x: jnp.asarray([1.0]))
    poor = conditioned_paths(push, [0.0], "x >= 4", **ask)
    assert poor.variance > 5 * found.variance
    assert poor.effective < 0.3


def test_a_doob_transform_is_a_system(climb, key):
    system, h = climb
    made = DoobTransform(system, h)
    paths = nq.simulate(made, np.linspace(0, 10, 6), n=64, start=np.zeros((64, 1)), key=key)
    assert paths.values[:, -1].mean() > 0.3
    with pytest.raises(InvalidInput, match="one of them"):
        DoobTransform(system)
    with pytest.raises(InvalidInput, match="arguments"):
        DoobTransform(system, lambda t, x, y: x)
    with pytest.raises(InvalidInput, match="horizon="):
        conditioned_paths(made, [0.0], "x > 4", key=key)


def test_instantons_of_known_potentials():
    found = minimum_action(DoubleWell(beta=5.0), [-1.0], [1.0])
    assert found.action == pytest.approx(5.0, rel=5e-3)
    # All of it is paid on the way up.
    assert found.cumulative[found.path[:, 0] <= 0][-1] == pytest.approx(5.0, rel=5e-3)
    system, end = Swirl(q=1.0, beta=4.0), np.array([-0.3, 0.5])
    found = minimum_action(system, [-1.0, 0.0], end)
    assert found.action == pytest.approx(4 * ((end[0] ** 2 - 1) ** 2 + end[1] ** 2), rel=5e-3)
    # The force along the level lines turns round: ∇U − q J∇U, not the reversed drift ∇U + q J∇U.
    x, step = (found.path[1:] + found.path[:-1]) / 2, np.diff(found.path, axis=0)
    slope = np.stack([4 * x[:, 0] * (x[:, 0] ** 2 - 1), 2 * x[:, 1]], -1)
    around = np.stack([-slope[:, 1], slope[:, 0]], -1)
    cosine = lambda v: np.median(
        (v * step).sum(1) / np.linalg.norm(v, axis=1) / np.linalg.norm(step, axis=1)
    )
    assert cosine(slope - around) > 0.999
    assert cosine(slope + around) < 0.5


def test_an_instanton_of_linear_motion_with_correlated_noise():
    A, D = np.array([[1.0, 2.0], [-1.0, 0.5]]), np.array([[0.3, 0.1], [0.1, 0.6]])
    system = Diffusion(lambda x: -jnp.asarray(A, x.dtype) @ x, np.linalg.cholesky(2 * D), shape=2)
    end = np.array([0.7, -0.4])
    known = end @ np.linalg.solve(solve_continuous_lyapunov(A, 2 * D), end) / 2
    assert minimum_action(system, [0.0, 0.0], end).action == pytest.approx(known, rel=5e-3)
    flat = Diffusion(lambda x: -x, np.array([[1.0], [0.0]]), shape=2)
    with pytest.raises(InvalidInput, match="no noise in some direction"):
        minimum_action(flat, [0.0, 0.0], [1.0, 0.0])


@pytest.mark.slow
def test_the_pipeline_on_a_fitted_drift(key):
    system = DoubleWell(beta=3.0)
    paths = nq.simulate(system, np.arange(0.0, 300.0, 0.002), n=20, key=key)
    fit = nq.methods.SparseDrift().fit(paths, key=key, progress=False)
    learnt = nq.simulation.LearntSystem.of(fit.model, fit.summary)
    own = float(grid_passage_time(learnt, "x >= 1")(jnp.array([-1.0])))
    made = passage_time(learnt, [-1.0], "x >= 1", n=1000, step=0.0025, key=key)
    assert abs(made.z(own)) < SURE
    assert own == pytest.approx(26.64009, rel=0.2)
    q = grid_committor(learnt, "x <= -1", "x >= 1")
    assert float(q(jnp.array([-0.5]))) == pytest.approx(0.0706, abs=0.02)

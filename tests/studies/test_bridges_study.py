"""Problems of the study of bridges: the truth scores at its floor, and what is wrong does not."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.data import Trajectories
from noneq.errors import InvalidInput
from noneq.studies import BridgesStudy
from noneq.studies.bridges.fates import FatesProblem
from noneq.studies.bridges.gaussian import GaussianProblem
from noneq.studies.bridges.linear import LinearProblem
from noneq.studies.bridges.mixtures import MixtureProblem
from noneq.studies.bridges.plane import SHAPES, PlaneProblem, shape
from noneq.studies.bridges.problem import generator
from noneq.studies.bridges.published import published


class Known:
    """The exact bridge of a Gaussian problem, or one whose drift is ``share`` of it."""

    def __init__(self, bridge, share=1.0):
        self.bridge, self.share = bridge, share

    def drift(self, t, x):
        value, matrix = self.bridge.drift(float(t))
        mean = self.bridge.moments(float(t))[0]
        return jnp.asarray(self.share * (value + matrix @ (np.asarray(x) - mean)), jnp.float32)

    def sample_paths(self, n, *, times, start, key):
        rng, x = generator(key), np.asarray(start, float)
        root = np.linalg.cholesky(self.bridge.reference.noise)
        frames = [x]
        for t, h in zip(times[:-1], np.diff(times), strict=True):
            value, matrix = self.bridge.drift(float(t))
            f = self.share * (value + (x - self.bridge.moments(float(t))[0]) @ matrix.T)
            x = x + h * f + np.sqrt(h) * rng.normal(size=x.shape) @ root.T
            frames.append(x)
        return Trajectories(np.stack(frames, 1), times)


def test_the_exact_gaussian_bridge_scores_at_its_floor(key):
    problem = GaussianProblem(dim=3)
    (good,) = problem.scores(Known(problem._bridge()), key)
    assert good.floor is not None
    # Twenty steps leave 2.2e-5 a coordinate, samples about 1e-5.
    for value in (good.floor, good.value):
        assert 5e-5 < value < 2.5e-4
    (bad,) = problem.scores(Known(problem._bridge(), 0.9), key)
    assert bad.value > 3 * max(good.floor, good.value)


def test_the_exact_linear_bridge_meets_its_moments(key):
    problem = LinearProblem(dim=2, n_test=2_000, frames=79)
    found, floor = problem._marginals(Known(problem.bridge()), key)
    assert found < 2 * floor
    assert problem._marginals(Known(problem.bridge(), 0.8), key)[0] > 4 * found


def test_exact_ends_score_at_the_floor_of_the_plan(rng):
    problem = MixtureProblem(dim=2, epsilon=1.0, starts=20, per_start=2000)
    pair, x = problem.pair(), rng.normal(size=(20, 2))
    found = problem._uvp(pair, x, pair.ends(np.repeat(x, 2000, axis=0), rng=rng))
    other = problem._uvp(pair, x, pair.ends(np.repeat(x, 2000, axis=0) + 0.5, rng=rng))
    assert found.mean() < 0.3
    assert other.mean() > 5 * found.mean()


def test_shapes_of_the_plane_are_those_of_the_papers(rng):
    eight = shape("8gaussians", 20_000, rng)
    radius = np.hypot(*eight.T)
    assert radius.mean() == pytest.approx(5.0, abs=0.1)
    centres = 5 * np.stack([np.cos(np.arange(8) * np.pi / 4), np.sin(np.arange(8) * np.pi / 4)], 1)
    near = np.linalg.norm(eight[:, None] - centres, axis=2).argmin(1)
    assert (eight - centres[near]).var() == pytest.approx(0.1**0.5, rel=0.05)
    assert shape("moons", 20_000, rng).mean(0) == pytest.approx([0.5, -0.25], abs=0.05)
    with pytest.raises(InvalidInput, match="8gaussians"):
        PlaneProblem(start="square")
    assert {"N", "moons"} < set(SHAPES)


def test_committors_are_symmetric_and_steep():
    problem = FatesProblem()
    left, middle, right = problem.committor(np.array([-1.0, 0.0, 1.0]), 0.5)
    assert middle == pytest.approx(0.5, abs=1e-6)
    assert left == pytest.approx(1 - right, abs=1e-6)
    assert right > 0.9


def test_published_rows_stand_under_the_study_s_own_cases():
    study = BridgesStudy(cells_file="nowhere.npz", seeds=1)
    cells = study.all_cells()
    assert not any(cell.case.startswith("cite") for cell in cells)
    for case in ("gaussian:d=50", "mvou:d=100", "repressilator", "eot:D=64,eps=0.1", "N->moons"):
        assert published(case)
        assert any(cell.case == case for cell in cells)
    assert published("mvou:d=3") == published("fates") == []
    with pytest.raises(InvalidInput, match="part of bridges"):
        BridgesStudy(parts=("mvo",))
    assert all(cell.replicate == 0 for cell in dataclasses.replace(study).reduced().all_cells())


def test_same_key_same_data():
    for problem in (GaussianProblem(dim=2, n=5), LinearProblem(dim=2), PlaneProblem(n=5)):
        a, b = (problem.draw(jax.random.key(3)).values for _ in range(2))
        np.testing.assert_array_equal(a, b)

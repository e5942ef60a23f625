"""Skew flows: refusals, fitted operators, pushed samples, saved models."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from exact_mixture import ExactMixture
from noneq.domains import Box, Torus
from noneq.errors import InvalidInput, MissingTrait, WrongType
from noneq.learning.loop import Training
from noneq.methods import ConstantSkew, ConvolutionalSkew, ScoreMatching, SkewFlow, StateSkew
from noneq.methods.denoising.frozen_noise import FrozenNoise
from noneq.nets import MLP
from noneq.systems import Linear


KEY = jax.random.key(1)
TINY = ScoreMatching(net=MLP(width=8, depth=1), training=Training(steps=4, batch=16))


def gaussian(covariance):
    dim = len(covariance)
    root = np.linalg.cholesky(covariance)
    return ExactMixture.of(np.ones(1), np.zeros((1, dim)), root[None], (dim,))


@pytest.fixture(scope="module")
def law():
    return ExactMixture.random((2,), components=2, seed=4)


@pytest.fixture(scope="module")
def states(law):
    return np.asarray(law.sample(2000, key=jax.random.key(9)))


def worst(model, start, noise=0.0):
    """Largest |z| between moments of states before and after a push (paired)."""
    paths = model.sample_paths(
        len(start), times=[0.0, 2.0], start=start, noise=noise, step=0.02, key=KEY
    )
    gap = moments(paths.values[:, 1]) - moments(paths.values[:, 0])
    return np.max(np.abs(gap.mean(0)) / (gap.std(0, ddof=1) / np.sqrt(len(gap))))


def moments(x):
    a, b = x.T
    return np.stack([a, b, a * a, a * b, b * b, a**3, np.sin(2 * a), np.cos(2 * b), a * b * b], 1)


@pytest.mark.sweep(1)
@pytest.mark.parametrize("operator", [ConstantSkew(), StateSkew(waves=8)])
def test_pushed_states_keep_their_law(law, states, operator):
    model = SkewFlow(operator=operator).fit(states, score=law, key=KEY).model
    # Nine observables: |z| > 4 has a chance of 6e-4.
    assert worst(model, states) < 4
    assert worst(model, states, noise=0.1) < 4


def test_pushes_that_lose_the_law_are_caught(law, states):
    model = SkewFlow().fit(states, score=law, key=KEY).model
    tilted = model.operator.tensor.value + 0.1 * jnp.eye(2)
    broken = eqx.tree_at(lambda m: m.operator.tensor.value, model, tilted)
    assert worst(broken, states) > 8


def widened(law, entries, noise, step, seconds):
    """Variance about the nearest mean over that of the law, after a long noisy path."""
    start = np.asarray(law.sample(1000, key=jax.random.key(9)))
    skew = SkewFlow(operator=ConstantSkew(entries)).fit(start, score=law, key=KEY).model
    paths = skew.sample_paths(
        len(start), times=[0.0, seconds], start=start, noise=noise, step=step, key=KEY
    )
    spread = lambda x: np.square(x[:, None] - np.asarray(law.means)).sum(-1).min(1).mean()
    return spread(paths.values[:, 1]) / spread(start)


def test_noise_does_not_widen_a_law_that_turns():
    """dx = (A + noise)s dt + √(2 noise) dW on N(0, I), 120 steps of .04 turning .128 each.

    Euler–Maruyama gives 1/(1 − .04(.4527² + 3.2²)/(2 · .4527)) = 1.86 times the variance.
    """
    assert abs(widened(gaussian(np.eye(2)), (3.2,), 0.4527, 0.04, 4.8) - 1) < 0.15


def test_the_step_is_as_short_as_a_thin_law_needs():
    """Two spots of width .05, which turn 400 times as fast as states of their distance move.

    A fiftieth of the time of moving turns the spots by .4, and Heun then widens them 5 times
    more than the noise of .001 restores.
    """
    narrow = 0.05 * np.broadcast_to(np.eye(2), (2, 2, 2))
    law = ExactMixture.of(np.ones(2) / 2, np.asarray([[1.0, 1.0], [-1.0, -1.0]]), narrow, (2,))
    assert abs(widened(law, (1.0,), 0.001, None, 0.3) - 1) < 0.15


def circling(dim=3, seed=0):
    """A stable linear system with its skew matrix A: drift (A + D) ∇ log p."""
    rng = np.random.default_rng(seed)
    root = np.eye(dim) + 0.3 * rng.normal(size=(dim, dim))
    covariance = root @ root.T
    skew = rng.normal(size=(dim, dim))
    skew = skew - skew.T
    D = np.diag(np.linspace(0.3, 0.8, dim))
    system = Linear(A=(skew + D) @ np.linalg.inv(covariance), D=D)
    return system, covariance, skew


def test_transitions_give_the_skew_matrix():
    system, covariance, skew = circling()
    paths = nq.simulate(system, np.linspace(0, 0.08, 5), n=4000, key=KEY)
    fit = SkewFlow().fit(paths.values[:, 0], score=gaussian(covariance), transitions=paths, key=KEY)
    found = fit.meta["skew"]
    pairs = np.triu_indices(3, 1)
    error = np.asarray(found["stderr"])[pairs]
    z = (np.asarray(found["tensor"])[pairs] - skew[pairs]) / error
    assert np.abs(z).max() < 4
    assert error.max() < 0.1 * np.abs(skew).max()
    np.testing.assert_allclose(fit.model.tensor, found["tensor"], rtol=1e-4, atol=1e-5)
    assert abs(found["cosine"]) < 1
    # A regression at the starts alone would take part of D s for A s.
    system_backwards = nq.Trajectories(paths.values[:, ::-1], paths.times)
    back = SkewFlow().fit(
        paths.values[:, 0], score=gaussian(covariance), transitions=system_backwards, key=KEY
    )
    np.testing.assert_allclose(back.model.tensor, -fit.model.tensor, rtol=1e-3, atol=1e-4)


def test_reversible_transitions_give_none():
    covariance, D = np.array([[1.0, 0.6], [0.6, 1.5]]), np.diag([0.2, 1.0])
    system = Linear(A=D @ np.linalg.inv(covariance), D=D)
    paths = nq.simulate(system, np.linspace(0, 0.5, 6), n=3000, key=KEY)
    fit = SkewFlow().fit(paths.values[:, 0], score=gaussian(covariance), transitions=paths, key=KEY)
    found = fit.meta["skew"]
    assert abs(found["tensor"][0][1]) < 4 * found["stderr"][0][1]


@pytest.mark.slow
def test_errors_of_a_fit_cover_the_truth():
    """Noisy velocities, many fits: z has unit spread."""
    covariance = np.array([[1.0, 0.3], [0.3, 0.5]])
    law = gaussian(covariance)
    rng = np.random.default_rng(0)
    A = np.array([[0.0, 0.7], [-0.7, 0.0]])
    z = []
    for seed in range(40):
        x = np.asarray(law.sample(200, key=jax.random.key(seed)))
        seen = -x @ np.linalg.inv(covariance).T @ A.T + rng.normal(size=x.shape)
        found = SkewFlow().fit(x, score=law, velocities=seen, key=KEY).meta["skew"]
        z.append((found["tensor"][0][1] - 0.7) / found["stderr"][0][1])
    assert 0.7 < np.std(z) < 1.35
    assert abs(np.mean(z)) < 4 / np.sqrt(40)


def test_the_cosine_of_a_fit(law, states):
    """In units of the data's deviation, against a direct computation."""
    A = jnp.asarray([[0.0, 1.0], [-1.0, 0.0]])
    seen = lambda x: A @ law.score(x) + law.score(x)
    found = SkewFlow().fit(states, score=law, velocities=seen, key=KEY).meta["skew"]
    score = np.asarray(jax.vmap(law.score)(jnp.asarray(states)), float)
    field, u = (
        a / states.std(0) for a in (score @ np.asarray(A).T, score @ (np.asarray(A).T + np.eye(2)))
    )
    cosine = np.sum(field * u) / np.sqrt(np.sum(field**2) * np.sum(u**2))
    assert found["cosine"] == pytest.approx(cosine, abs=1e-4)
    assert found["tensor"][0][1] == pytest.approx(np.sum(field * u) / np.sum(field**2), abs=1e-4)


def test_an_own_score_is_trained_and_noised(states):
    fit = SkewFlow(score=TINY).fit(states, key=KEY)
    assert isinstance(fit.model.law, FrozenNoise)
    assert fit.given == {}
    assert fit.history
    assert fit.model.time_score(jnp.asarray(states[0])) == 0
    assert fit.model.velocity(jnp.asarray(states[0])).dtype == jnp.float32


def test_few_snapshots_are_told(states):
    with pytest.warns(UserWarning, match="150 snapshots in 2"):
        fit = SkewFlow(score=TINY).fit(states[:150], key=KEY)
    assert "150 snapshots" in fit.meta["warnings"][0]


def test_fields_with_a_given_score_are_saved(tmp_path):
    field = periodic(40)
    score = ScoreMatching(net=MLP(width=8, depth=1), training=Training(steps=4)).fit(field, key=KEY)
    method = SkewFlow(operator=ConvolutionalSkew(size=3))
    fit = method.fit(field, score=score.model, key=KEY)
    assert list(fit.given) == ["score"]
    nq.save(fit, tmp_path / "run")
    back = nq.load(tmp_path / "run")
    assert back.method == method
    v = fit.model.velocity(jnp.asarray(field[0]))
    np.testing.assert_array_equal(back.model.velocity(jnp.asarray(field[0])), v)
    again = method.fit(field, init=fit.model, key=jax.random.key(99))
    np.testing.assert_array_equal(again.model.velocity(jnp.asarray(field[0])), v)


def test_seeds(law, states):
    one = SkewFlow(operator=StateSkew()).fit(states, score=law, key=KEY).model
    same = SkewFlow(operator=StateSkew()).fit(states, score=law, key=KEY).model
    other = SkewFlow(operator=StateSkew()).fit(states, score=law, key=jax.random.key(2)).model
    v = one.velocity(jnp.asarray(states[0]))
    np.testing.assert_array_equal(v, same.velocity(jnp.asarray(states[0])))
    assert not np.allclose(v, other.velocity(jnp.asarray(states[0])))


def periodic(n, channels=2, grid=(8, 8), seed=0):
    """Smooth periodic fields of random phase."""
    rng = np.random.default_rng(seed)
    white = rng.normal(size=(n, channels, *grid))
    axes = tuple(range(2, 2 + len(grid)))
    waves = np.meshgrid(*(np.fft.fftfreq(size) * size for size in grid), indexing="ij")
    damp = np.exp(-sum(wave**2 for wave in waves) / 4)
    smooth = np.fft.ifftn(np.fft.fftn(white, axes=axes) * damp, axes=axes).real
    return smooth.astype(np.float32)


@pytest.mark.parametrize("grid", [(16,), (16, 8), (8, 8, 8)])
def test_edges_that_do_not_meet_are_refused(grid):
    # Of twelve sets of periodic fields none is refused by chance: 1e-4 for each axis.
    law = ExactMixture.random((2, *grid), components=1) if len(grid) < 3 else None
    method = SkewFlow(operator=ConvolutionalSkew(size=3))
    for seed in range(4):
        method.operator.check(nq.Snapshots(periodic(40, grid=grid, seed=seed)))
    wide = tuple(2 * size for size in grid)
    part = periodic(40, grid=wide)[(slice(None), slice(None), *(slice(size) for size in grid))]
    with pytest.raises(InvalidInput, match="axis 0 .* times as far"):
        method.fit(part, score=law, key=KEY)
    ConvolutionalSkew(size=3, periodic=True).check(nq.Snapshots(part))


def test_periodic_fields_may_jump_at_fixed_places():
    """Blocks whose borders fall on the edge of the grid, as those of a Gray-Scott start."""
    blocks = np.random.default_rng(0).normal(size=(40, 2, 2, 2))
    data = nq.Snapshots(np.kron(blocks, np.ones((1, 1, 8, 8))))
    ConvolutionalSkew(size=3).check(data)


class TestRefusals:
    def test_sizes(self):
        for size in (0, 2, 4, -1):
            with pytest.raises(InvalidInput, match="odd"):
                ConvolutionalSkew(size=size)
        with pytest.raises(WrongType, match="whole number"):
            ConvolutionalSkew(size=True)

    def test_kernels_that_always_vanish(self):
        one = periodic(8, channels=1)
        with pytest.raises(InvalidInput, match="always vanishes .*number 0"):
            SkewFlow(operator=ConvolutionalSkew()).fit(one, key=KEY)
        with pytest.raises(InvalidInput, match="always vanishes .*symmetric"):
            SkewFlow(operator=ConvolutionalSkew(size=3, isotropic=True)).fit(one, key=KEY)

    def test_states(self, law, states):
        with pytest.raises(InvalidInput, match="channels, "):
            SkewFlow(operator=ConvolutionalSkew()).fit(states, score=law, key=KEY)
        with pytest.raises(InvalidInput, match="too large"):
            SkewFlow().fit(np.random.default_rng(0).normal(size=(4, 2, 32, 32)), key=KEY)
        with pytest.raises(InvalidInput, match="discrete"):
            SkewFlow().fit(np.round(states), score=law, key=KEY)
        boxed = nq.Snapshots(states, domain=Box(-20.0, 20.0))
        with pytest.raises(InvalidInput, match="walls"):
            SkewFlow().fit(boxed, score=law, key=KEY)
        closed = nq.Snapshots(states % 6, domain=Torus(6.0))
        with pytest.raises(InvalidInput, match="close"):
            SkewFlow(operator=StateSkew()).fit(closed, score=law, key=KEY)

    def test_scores(self, states):
        other = ExactMixture.random((3,))
        with pytest.raises(InvalidInput, match="score is of states"):
            SkewFlow().fit(states, score=other, key=KEY)
        without = SkewFlow(score=nq.methods.VAE())
        with pytest.raises(MissingTrait, match="HasScore"):
            without.fit(states, key=KEY)

    def test_given_numbers(self, law, states):
        with pytest.raises(InvalidInput, match="2 entries"):
            SkewFlow(operator=ConstantSkew(entries=(1.0, 2.0))).fit(states, score=law, key=KEY)
        with pytest.raises(InvalidInput, match="finite"):
            ConstantSkew(entries=(float("nan"),))
        given = SkewFlow(operator=ConstantSkew(entries=(1.0,)))
        with pytest.raises(InvalidInput, match="leave one out"):
            given.fit(states, score=law, velocities=states, key=KEY)
        even = SkewFlow(operator=ConvolutionalSkew(kernel=np.ones((2, 2, 1, 1))), score=TINY)
        with pytest.raises(InvalidInput, match="not skew"):
            even.fit(periodic(8), key=KEY)

    def test_what_was_seen(self, law, states):
        fit = lambda **seen: SkewFlow().fit(states, score=law, key=KEY, **seen)
        with pytest.raises(InvalidInput, match="velocities have shape"):
            fit(velocities=states[:4])
        with pytest.raises(InvalidInput, match="NaN"):
            fit(velocities=np.full_like(states, np.nan))
        with pytest.raises(TypeError, match="Trajectories"):
            fit(transitions=states)
        with pytest.raises(InvalidInput, match="states of shape"):
            fit(transitions=nq.Trajectories(np.zeros((3, 2, 3)), [0.0, 1.0]))
        paths = nq.Trajectories(np.zeros((3, 2, 2)), [0.0, 1.0])
        with pytest.raises(InvalidInput, match="one of them"):
            fit(transitions=paths, velocities=states)
        with pytest.raises(InvalidInput, match="1024"):
            SkewFlow(operator=StateSkew(waves=2000)).fit(
                states, score=law, velocities=states, key=KEY
            )
        with pytest.raises(InvalidInput, match="noise"):
            SkewFlow(noise=0.0)

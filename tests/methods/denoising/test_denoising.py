"""ScoreMatching, FlowMatching and Transition on laws known in closed form."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.errors import FitDiverged, InvalidInput, WrongType
from noneq.learning.loop import Training
from noneq.methods import FlowMatching, ScoreMatching, Transition
from noneq.nets import MLP
from noneq.processes import VP, Gaussian, Noise, UnitNoise
from noneq.samplers import Heun, ReverseSDE


SMALL = {"net": MLP(64, 2), "training": Training(steps=1500, batch=512)}
TIMES = np.linspace(0.0, 1.0, 5)


def moving(n, seed=0):
    """x ~ N(3 + 4t, (1 + t)²): mean and width both move."""
    rng = np.random.default_rng(seed)
    frames = [3 + 4 * t + (1 + t) * rng.normal(size=(n, 1)) for t in TIMES]
    return nq.Snapshots.from_frames(frames, TIMES, names=["height"], units=["mm"], time_unit="s")


METHODS = [
    ScoreMatching(**SMALL),
    FlowMatching(**SMALL),
    ScoreMatching(process=Gaussian(VP()), target=Noise(), weight=UnitNoise(), **SMALL),
]


@pytest.fixture(scope="module", params=METHODS, ids=["default", "flow", "vp-noise"])
def fitted(request):
    return request.param.fit(moving(20_000), key=jax.random.key(0))


@pytest.mark.sweep(1)
def test_samples_follow_the_law_at_every_time(fitted, key):
    n = 4000
    clouds = fitted.model.snapshots(n, times=TIMES, key=key)
    assert clouds.names == ("height",)
    for t in TIMES:
        x = clouds.at(t)
        # 3 % of a width is what this small network resolves; sampling adds 5 s.e. on top.
        assert abs(x.mean() - (3 + 4 * t)) < (1 + t) * (0.03 + 5 / np.sqrt(n))
        assert abs(x.std() / (1 + t) - 1) < 0.04 + 5 / np.sqrt(2 * n)


@pytest.mark.sweep(1)
def test_log_prob_is_the_density_and_integrates_to_one(fitted):
    grid = jnp.linspace(-6, 16, 441)[:, None]
    log_prob = jax.jit(jax.vmap(lambda x: fitted.model.log_prob(x, time=0.5)))(grid)
    x = grid[:, 0]
    truth = -0.5 * ((x - 5) / 1.5) ** 2 - jnp.log(1.5 * jnp.sqrt(2 * jnp.pi))
    inside = jnp.abs(x - 5) < 3
    # Within two widths; a forgotten Jacobian or factor 2 is off by 0.4 and more everywhere.
    assert float(jnp.abs(log_prob - truth)[inside].mean()) < 0.15
    assert abs(float(jnp.exp(log_prob).sum() * (x[1] - x[0])) - 1) < 0.01


@pytest.mark.sweep(1)
def test_score_is_the_gradient_of_the_log_density(fitted):
    score = jax.vmap(lambda x: fitted.model.score(x, time=1.0))(jnp.asarray([[5.0], [7.0], [9.0]]))
    # A network error e is e/0.05 here, hence the wide margin; a wrong sign is off by 1.
    np.testing.assert_allclose(score[:, 0], -(np.asarray([5.0, 7, 9]) - 7) / 4, atol=0.4)


@pytest.mark.sweep(1)
def test_another_sampler_fits_the_same_model(fitted, key):
    model = eqx.tree_at(lambda m: m.sampler, fitted.model, ReverseSDE(steps=300))
    x = model.sample(4000, time=0.0, key=key)
    assert abs(float(x.mean()) - 3) < 0.03 + 5 / np.sqrt(4000)
    assert abs(float(x.std()) - 1) < 0.06 + 5 / np.sqrt(8000)


@pytest.mark.sweep(1)
def test_misuse_is_explained(fitted, key):
    with pytest.raises(InvalidInput, match="say which with time="):
        fitted.model.sample(3, key=key)
    with pytest.raises(InvalidInput, match="positive whole number"):
        fitted.model.sample(0, time=0.0, key=key)
    with pytest.raises(InvalidInput, match="fitted without conditions"):
        fitted.model.sample(3, time=0.0, condition=[1.0], key=key)


@pytest.mark.slow
def test_conditions_shift_the_law(key):
    rng = np.random.default_rng(0)
    side = rng.integers(0, 2, 20_000) * 2.0 - 1.0
    x = 3 * side[:, None] + rng.normal(size=(20_000, 1))
    model = ScoreMatching(**SMALL).fit(nq.Snapshots(x, condition=side), key=key).model
    for value in (-1.0, 1.0):
        cloud = model.sample(4000, condition=[value], key=key)
        assert abs(float(cloud.mean()) - 3 * value) < 0.1 + 5 / np.sqrt(4000)
    with pytest.raises(InvalidInput, match="needs condition="):
        model.sample(3, key=key)


@pytest.mark.slow
def test_fields_keep_their_shape(key):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 2, 4, 4)) + np.asarray([10.0, -5.0])[:, None, None]
    method = ScoreMatching(net=MLP(32, 2), training=Training(steps=50, batch=64))
    model = method.fit(nq.Snapshots(x), key=key).model
    cloud = model.sample(7, key=key)
    assert cloud.shape == (7, 2, 4, 4)
    assert model.score(cloud[0]).shape == (2, 4, 4)


def ou_paths(n, rng):
    """dx = −x dt + sqrt(2) dW by its exact transition, from the stationary law; lag 0.1."""
    times = np.arange(0, 1.01, 0.1)
    x = np.empty((n, times.size, 1))
    x[:, 0] = rng.normal(size=(n, 1))
    decay = np.exp(-0.1)
    for i in range(1, times.size):
        x[:, i] = decay * x[:, i - 1] + np.sqrt(1 - decay**2) * rng.normal(size=(n, 1))
    return nq.Trajectories(x, times)


@pytest.mark.slow
def test_transition_generates_paths_with_the_right_memory(key, rng):
    data = ou_paths(4000, rng)
    fit = Transition(sampler=Heun(20), **SMALL).fit(data, key=key)
    paths = fit.model.sample_paths(3000, times=data.times, key=key).values[:, :, 0]
    n = 3000
    for i in (1, 5, 10):
        memory = np.mean(paths[:, 0] * paths[:, i])
        # E[x_0 x_t] = e^{−t}; its standard error is sqrt(1 + e^{−2t})/sqrt(n); 0.03 for the fit.
        assert abs(memory - np.exp(-0.1 * i)) < 0.03 + 5 * np.sqrt(2 / n)
    assert abs(paths[:, -1].var() - 1) < 0.06 + 5 * np.sqrt(2 / n)
    # The marginals alone would not show it: shuffled paths have the same ones and no memory.
    shuffled = rng.permutation(paths[:, 1])
    assert abs(np.mean(paths[:, 0] * shuffled) - np.exp(-0.1)) > 0.5
    start = np.full((50, 1), 2.0, np.float32)
    forced = fit.model.sample_paths(50, times=[0.5, 0.6], start=start, key=key)
    assert abs(forced.values[:, 1].mean() - 2 * np.exp(-0.1)) < 0.1 + 5 * 0.43 / np.sqrt(50)
    with pytest.raises(InvalidInput, match="multiples of the lag"):
        fit.model.sample_paths(5, times=[0.0, 0.15], key=key)
    with pytest.raises(InvalidInput, match="give start="):
        fit.model.sample_paths(5, times=[0.5, 0.6], key=key)


def test_transition_needs_paths(key):
    with pytest.raises(WrongType, match="paired paths"):
        Transition().fit(moving(10), key=key)
    with pytest.raises(InvalidInput, match="apart; choose lag"):
        Transition(lag=0.37).fit(ou_paths(5, np.random.default_rng(0)), key=key)


@pytest.mark.slow
def test_divergence_keeps_a_whole_model(key):
    method = ScoreMatching(
        net=MLP(8, 1), training=Training(steps=50, batch=16, rate=1e30, warmup=0)
    )
    with pytest.raises(FitDiverged, match="non-finite number at step") as diverged:
        method.fit(moving(50), key=key)
    assert diverged.value.step > 0
    assert np.isfinite(diverged.value.model.denoiser.net.bias).all()
    assert diverged.value.model.event_shape == (1,)

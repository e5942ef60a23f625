"""Laws that every public method keeps, found by walking `noneq.methods`."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from examples import DISCRETE, ONE_LAW, paths, tiny

import noneq as nq
from noneq.data.summary import summarise
from noneq.errors import InvalidInput, NoneqError, WrongType
from noneq.methods import AbstractMethod, Fit, PFGMpp, ScoreMatching, Transition
from noneq.methods.denoising.product import AbstractDenoising
from noneq.nets import MLP
from noneq.processes import VE, FokkerPlanck, Gaussian, LogNormal
from noneq.samplers import ReverseSDE
from noneq.spec import from_toml, to_toml
from noneq.spec.names import modules
from noneq.training import Training
from noneq.traits import (
    AbstractModel,
    HasEnergy,
    HasLogProb,
    HasLogProbEstimate,
    HasSampleLogProb,
    HasScore,
)


METHODS = {
    name: cls
    for name, cls in modules("methods", AbstractMethod).items()
    if name not in DISCRETE + ONE_LAW
}
PRESETS = {
    name
    for name, cls in METHODS.items()
    if issubclass(cls, AbstractDenoising) and cls not in (ScoreMatching, PFGMpp)
}
"""They set defaults of one product and no more: two of it stand for all where data are odd."""
KEY = jax.random.key(7)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=pytest.mark.slow) if name in PRESETS else name for name in METHODS
    ],
)
def cls(request):
    return METHODS[request.param]


@pytest.fixture(scope="module", params=[name for name in METHODS if name not in PRESETS])
def product(request):
    return METHODS[request.param]


@pytest.fixture(scope="module")
def fit(cls):
    return tiny(cls).fit(paths(), key=KEY)


def finite_or_refused(cls, data):
    """Samples at the middle time after a fit, or None where the library itself refused."""
    try:
        fit = tiny(cls).fit(data, key=KEY)
        x = np.asarray(fit.model.sample(8, time=0.5, key=KEY))
    except NoneqError:
        return None
    assert np.isfinite(x).all()
    return x


def test_builds_with_defaults_and_survives_toml(cls):
    method = cls()
    assert from_toml(to_toml(method)) == method


def test_fit_is_a_fit(cls, fit):
    assert isinstance(fit, Fit)
    assert isinstance(fit.model, AbstractModel)
    assert fit.method == tiny(cls)
    assert fit.model.event_shape == fit.summary.event_shape == (2,)
    assert len({len(column) for column in fit.history.values()}) <= 1


def test_same_key_same_bits(cls, fit):
    again = tiny(cls).fit(paths(), key=KEY)
    for one, two in zip(jax.tree.leaves(fit.model), jax.tree.leaves(again.model), strict=True):
        np.testing.assert_array_equal(one, two)


def test_samples(fit):
    x = fit.model.sample(8, time=0.5, key=KEY)
    assert x.shape == (8, 2)
    assert x.dtype == jnp.float32
    assert np.isfinite(x).all()
    np.testing.assert_array_equal(x, fit.model.sample(8, time=0.5, key=KEY))
    other = fit.model.sample(8, time=0.5, key=jax.random.key(8))
    assert not np.array_equal(x, other)
    assert np.unique(np.asarray(x), axis=0).shape[0] == 8


def test_snapshots(fit):
    snaps = fit.model.snapshots(8, times=[0.0, 0.5], key=KEY)
    np.testing.assert_array_equal(snaps.times, [0.0, 0.5])
    np.testing.assert_array_equal(snaps.counts, [8, 8])
    assert snaps.names == fit.summary.names
    assert not np.array_equal(snaps.at(0.0), snaps.at(0.5))


def test_save_and_load_give_the_same_samples(fit, tmp_path):
    nq.save(fit, tmp_path / "run")
    back = nq.load(tmp_path / "run")
    assert back.method == fit.method
    assert back.summary == fit.summary
    np.testing.assert_array_equal(
        back.model.sample(8, time=0.5, key=KEY), fit.model.sample(8, time=0.5, key=KEY)
    )


@pytest.mark.parametrize("n", [0, -1, True])
def test_counts_are_positive_whole_numbers(fit, n):
    with pytest.raises(NoneqError):
        fit.model.sample(n, time=0.5, key=KEY)


def test_wrong_requests_are_refused(fit):
    with pytest.raises(InvalidInput, match="time"):
        fit.model.sample(8, key=KEY)
    with pytest.raises(InvalidInput, match="time"):
        fit.model.sample(8, time=float("nan"), key=KEY)
    with pytest.raises(InvalidInput, match="condition"):
        fit.model.sample(8, time=0.5, condition=[1.0], key=KEY)


@pytest.mark.slow
@pytest.mark.parametrize("dim", [1, 3])
def test_other_dimensions(product, dim):
    fit = tiny(product, dim).fit(paths(dim), key=KEY)
    x = fit.model.sample(8, time=0.5, key=KEY)
    assert x.shape == (8, dim)
    assert np.isfinite(x).all()


@pytest.mark.slow
def test_a_plain_array_is_one_snapshot(product):
    values = np.asarray(paths().values[:, 0])
    if issubclass(product, Transition):
        with pytest.raises(WrongType, match="paths"):
            tiny(product).fit(values, key=KEY)
        return
    fit = tiny(product).fit(values, key=KEY)
    assert fit.model.sample(8, key=KEY).shape == (8, 2)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_bad_numbers_are_refused(cls, bad):
    values = np.array(paths().values[:, 0])
    values[3, 1] = bad
    with pytest.raises(NoneqError):
        tiny(cls).fit(values, key=KEY)


def test_one_sample_is_refused(cls):
    with pytest.raises(NoneqError):
        tiny(cls).fit(np.zeros((1, 2), np.float32), key=KEY)


@pytest.mark.parametrize("scale", [1e30, 1e-30])
def test_any_scale(product, scale):
    data = paths()
    data = nq.Trajectories(data.values * np.float32(scale), data.times)
    x = finite_or_refused(product, data)
    if x is not None and product.__name__ != "OracleBoltzmann":
        assert 1e-3 < np.abs(x).max() / scale < 1e3


def test_a_constant_column(product):
    data = paths()
    values = np.array(data.values)
    values[..., 1] = 4.0
    finite_or_refused(product, nq.Trajectories(values, data.times))


def test_half_precision_is_promoted(product):
    data = paths()
    with pytest.warns(UserWarning, match="float16"):
        data = nq.Trajectories(data.values.astype(np.float16), data.times)
    x = finite_or_refused(product, data)
    assert x is not None
    assert x.dtype == np.float32


def window(data):
    """Corners of a window well beyond the data."""
    low, high = data.min(0), data.max(0)
    return low - 1.5 * (high - low), high + 1.5 * (high - low)


def grid(model, points, low, high):
    """Log density on a regular grid, and the cell volume."""
    width = (high - low) / points
    axes = (low + width * (np.arange(points)[:, None] + 0.5)).T
    x = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(axes))
    if not isinstance(model, HasLogProb):
        return model.log_prob_estimate(x, time=0.5, key=KEY).value, np.prod(width)
    log_prob = jax.jit(jax.vmap(lambda x: model.log_prob(x, time=0.5)))
    return np.asarray(log_prob(jnp.asarray(x, dtype=float)), float), np.prod(width)


def test_density_integrates_to_one(product):
    method = tiny(product, training__steps=300, sampler__likelihood_steps=48)
    untrained = eqx.filter_eval_shape(method.init, summarise(paths()), key=KEY)
    if not isinstance(untrained, HasLogProb | HasLogProbEstimate):
        assert not isinstance(untrained, HasEnergy), "an energy has a log density"
        return
    fit = method.fit(paths(), key=KEY)
    low, high = window(paths().at(0.5))
    log_prob, cell = grid(fit.model, 96, low, high)
    share, n = 1.0, 4000
    if isinstance(fit.model, HasSampleLogProb):
        # Hardly trained estimates of the noise leave part of the wide prior outside the window.
        x = np.asarray(fit.model.sample_with_log_prob(n, time=0.5, key=KEY)[0])
        share = np.mean(((x > low) & (x < high)).all(1))
    error = 0.03 + 5 * np.sqrt(share * (1 - share) / n)
    assert np.exp(log_prob).sum() * cell == pytest.approx(share, abs=error)


def test_score_is_the_gradient_of_an_energy_law(cls, fit):
    """Exact for models whose score and density are two readings of one energy."""
    model = fit.model
    if not (isinstance(model, HasEnergy) and isinstance(model, HasScore)):
        assert not isinstance(model, HasEnergy), "an energy has a score"
        return
    x = jnp.asarray(paths().at(0.5)[:8])
    score = jax.jit(jax.vmap(lambda x: model.score(x, time=0.5)))(x)
    if isinstance(model, HasLogProb):
        slope = jax.jit(jax.vmap(jax.grad(lambda x: model.log_prob(x, time=0.5))))(x)
        np.testing.assert_allclose(slope, score, rtol=1e-4, atol=1e-5)


@pytest.fixture
def compilations():
    """Counts what XLA is asked to compile."""
    counted = []
    listen = lambda event, seconds, **_: counted.append(event)
    only = lambda event, seconds, **k: (
        listen(event, seconds) if "backend_compile" in event else None
    )
    jax.monitoring.register_event_duration_secs_listener(only)
    yield counted
    jax.monitoring.unregister_event_duration_listener(only)


OTHER_NUMBERS = {"steps": 9, "rate": 1e-4, "warmup": 0, "ema": 0.5, "clip": 0.1}


def test_other_numbers_names_and_times_compile_nothing(cls, fit, compilations):
    # The fixture has fitted other numbers to data of the same shape.
    fit.model.sample(8, time=0.5, key=KEY)
    data = paths()
    moved = nq.Trajectories(data.values, np.add(data.times, 1.5), names=("left", "right"))
    numbers = {
        f"{stage}training__{name}": value
        for stage in ("", "score__")
        for name, value in OTHER_NUMBERS.items()
    }
    compilations.clear()
    other = tiny(cls, **numbers).fit(moved, key=jax.random.key(2))
    assert compilations == []
    x = other.model.sample(8, time=2.0, key=KEY)
    assert compilations == []
    if cls.__name__ != "OracleBoltzmann":  # which learns nothing
        assert not np.array_equal(x, fit.model.sample(8, time=0.5, key=KEY))
    assert other.model.snapshots(8, times=[2.0], key=KEY).names == ("left", "right")
    if cls is ScoreMatching:
        # The count does count: another batch is another program.
        tiny(cls, training__batch=12).fit(paths(), key=jax.random.key(2))
        assert compilations


def factors(k):
    return ScoreMatching(
        process=Gaussian(VE(sigma_min=0.002 * k, sigma_max=50.0 * k)),
        weight=LogNormal(mean=-1.2 * k, spread=1.2 * k),
        penalty=FokkerPlanck(strength=0.1 * k),
        sampler=ReverseSDE(steps=8, noise=0.8 * k),
        net=MLP(width=16, depth=1),
        training=Training(steps=4, batch=16),
        time_band=1.0,
    )


def test_other_numbers_of_the_factors_compile_nothing(compilations):
    samples = []
    for k in (1.0, 1.1):
        compilations.clear()
        model = factors(k).fit(paths(), key=KEY).model
        samples.append(model.sample(8, time=0.5, key=KEY))
    assert compilations == []
    assert not np.array_equal(*samples)

"""Laws of the methods for states in space, whose law may depend on time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from examples import (
    CONTINUOUS,
    METHODS,
    PRESETS,
    TRANSPORTS,
    cases,
    fitted,
    having,
    paths,
    tiny,
)

import noneq as nq
from noneq.errors import InvalidInput, NoneqError, WrongType
from noneq.frames.checks import OutsideTraining
from noneq.methods import ScoreMatching
from noneq.nets import MLP
from noneq.processes import VE, FokkerPlanck, Gaussian, LogNormal
from noneq.samplers import ReverseSDE
from noneq.training import Training
from noneq.traits import HasEnergy, HasLogProb, HasLogProbEstimate, HasSampleLogProb, HasScore


KEY = jax.random.key(7)
PRODUCTS = [name for name in CONTINUOUS if name not in PRESETS]
REFUSED = {
    "constant column": {
        "FlowPP": "density is infinite",
        # What never moves has no law of motion.
        **dict.fromkeys(("DriftRegression", "NeuralDrift", "SparseDrift"), "in all frames"),
    },
    "1e30": {"OracleBoltzmann": "outside the box", "ReflectedDiffusion": "outside"},
    "1e-30": {"ReflectedDiffusion": "half widths of the box"},
}
"""Methods that refuse such data, with what they say; all others fit them."""
LAWS_OF_MOTION = ("DriftRegression", "NeuralDrift", "SparseDrift")
"""Methods that learn how states move, from trajectories without conditions."""
UNCONDITIONAL = ("BoltzmannField", "OracleBoltzmann", *LAWS_OF_MOTION)
WITH_DENSITY = having(CONTINUOUS, HasLogProb, HasLogProbEstimate)
WITH_ENERGY = having(CONTINUOUS, HasEnergy)
DENSITIES = ("BoltzmannField", "EnergyBased", "FFJORD", "ScoreMatching")
"""Of these the gate integrates the density."""


@pytest.fixture(scope="module", params=cases(CONTINUOUS))
def name(request):
    return request.param


@pytest.mark.parametrize("name", PRODUCTS)
class TestData:
    """What a method makes of data that are odd; presets set defaults of these and no more."""

    @pytest.mark.slow
    @pytest.mark.parametrize("dim", [1, 3])
    def test_other_dimensions(self, name, dim):
        fit = tiny(METHODS[name], dim).fit(paths(dim), key=KEY)
        x = fit.model.sample(8, time=0.5, key=KEY)
        assert x.shape == (8, dim)
        assert np.isfinite(x).all()

    @pytest.mark.parametrize("scale", ["1e30", "1e-30"])
    def test_any_scale(self, name, scale):
        data = paths()
        size = np.float32(scale)
        x = draws(name, nq.Trajectories(data.values * size, data.times), scale)
        if x is not None and name != "OracleBoltzmann":  # whose scale is that of its system
            assert 1e-3 < np.abs(x).max() / size < 1e3

    def test_a_constant_column(self, name):
        data = paths()
        values = np.array(data.values)
        values[..., 1] = 4.0
        x = draws(name, nq.Trajectories(values, data.times), "constant column")
        if x is not None:
            assert np.isfinite(x).all()

    def test_half_precision_is_promoted(self, name):
        data = paths()
        with pytest.warns(UserWarning, match="float16"):
            data = nq.Trajectories(data.values.astype(np.float16), data.times)
        assert (
            tiny(METHODS[name]).fit(data, key=KEY).model.sample(8, time=0.5, key=KEY).dtype
            == np.float32
        )


def draws(name, data, kind):
    """Samples at the middle time after a fit, or None where the table says that it is refused."""
    method = tiny(METHODS[name])
    if name in REFUSED[kind]:
        with pytest.raises(NoneqError, match=REFUSED[kind][name]):
            method.fit(data, key=KEY).model.sample(8, time=0.5, key=KEY)
        return None
    return np.asarray(method.fit(data, key=KEY).model.sample(8, time=0.5, key=KEY))


def test_samples_are_distinct(name):
    x = np.asarray(fitted(name).model.sample(8, time=0.5, key=KEY))
    assert np.unique(x, axis=0).shape[0] == 8


def test_snapshots(name):
    fit = fitted(name)
    snaps = fit.model.snapshots(8, times=[0.0, 0.5], key=KEY)
    np.testing.assert_array_equal(snaps.times, [0.0, 0.5])
    np.testing.assert_array_equal(snaps.counts, [8, 8])
    assert snaps.names == fit.summary.names
    assert not np.array_equal(snaps.at(0.0), snaps.at(0.5))


def test_wrong_requests_are_refused(name):
    model = fitted(name).model
    with pytest.raises(InvalidInput, match="time"):
        model.sample(8, key=KEY)
    with pytest.raises(InvalidInput, match="time"):
        model.sample(8, time=float("nan"), key=KEY)
    with pytest.raises(InvalidInput, match="condition"):
        model.sample(8, time=0.5, condition=[1.0], key=KEY)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [name for name in PRODUCTS if name not in ("Transition", *LAWS_OF_MOTION, *TRANSPORTS)],
)
def test_a_plain_array_is_one_snapshot(name):
    fit = tiny(METHODS[name]).fit(np.asarray(paths().values[:, 0]), key=KEY)
    assert fit.model.sample(8, key=KEY).shape == (8, 2)


def test_what_no_fit_starts_from():
    method, other = tiny(METHODS["ScoreMatching"]), fitted("Transition").model
    for wrong in ("a", other):
        with pytest.raises(WrongType, match="expected a DenoisingModel, such as the model of an"):
            method.fit(paths(), key=KEY, init=wrong)
    wide = tiny(METHODS["ScoreMatching"], net__width=24).init(nq.data.summarise(paths()), key=KEY)
    with pytest.raises(InvalidInput, match="a network of another size"):
        method.fit(paths(), key=KEY, init=wide)
    with pytest.raises(InvalidInput, match=r"states \(2,\).*expected one of states \(3,\)"):
        method.fit(paths(3), key=KEY, init=fitted("ScoreMatching").model)


@pytest.mark.parametrize("name", TRANSPORTS)
def test_transports_need_two_snapshots(name):
    with pytest.raises(InvalidInput, match="at least two snapshots"):
        tiny(METHODS[name]).fit(np.asarray(paths().values[:, 0]), key=KEY)


@pytest.mark.parametrize("name", ["Transition", *LAWS_OF_MOTION])
def test_dynamics_needs_paths(name):
    with pytest.raises(WrongType, match="paths"):
        tiny(METHODS[name]).fit(np.asarray(paths().values[:, 0]), key=KEY)


@pytest.mark.slow
@pytest.mark.parametrize("name", CONTINUOUS)
def test_a_quantity_outside_the_data_is_named_and_gives_numbers(name):
    data = paths()
    known = nq.Trajectories(data.values, data.times, condition=np.linspace(-1.0, 1.0, 24))
    if name in UNCONDITIONAL:
        with pytest.raises(InvalidInput, match="condition"):
            tiny(METHODS[name]).fit(known, key=KEY)
        return
    model = tiny(METHODS[name]).fit(known, key=KEY).model
    with pytest.warns(OutsideTraining, match=r"column 0\) 3 is outside the training data, -1 to 1"):
        x = model.sample(8, time=0.5, condition=3.0, key=KEY)
    assert np.isfinite(x).all()
    with pytest.raises(InvalidInput, match="million times"):
        model.sample(8, time=0.5, condition=1e30, key=KEY)
    if isinstance(model, HasLogProb | HasScore):
        ask = model.log_prob if isinstance(model, HasLogProb) else model.score
        with pytest.warns(OutsideTraining, match="column 0"):
            assert np.isfinite(ask(x[0], time=0.5, condition=1e5)).all()


@pytest.mark.filterwarnings("ignore:time 1e")
@pytest.mark.parametrize("name", cases(["Transition", "EquilibriumFlow"], keep=("Transition",)))
def test_paths_without_end_are_refused(name):
    model, far = fitted(name).model, r"time 1e\+\d+.* takes [\d,]+ steps; at most"
    with pytest.raises(InvalidInput, match=far):
        model.sample_paths(8, times=[0.0, 1e15], key=KEY)
    if name == "Transition":
        with pytest.raises(InvalidInput, match=far):
            model.sample(8, time=1e6, key=KEY)


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


@pytest.mark.parametrize("name", cases(WITH_DENSITY, keep=DENSITIES))
def test_density_integrates_to_one(name):
    method = tiny(METHODS[name], training__steps=300, sampler__likelihood_steps=48)
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


def test_an_energy_has_a_score_and_a_density():
    assert WITH_ENERGY
    assert set(WITH_ENERGY) <= set(WITH_DENSITY) & set(having(CONTINUOUS, HasScore))


@pytest.mark.parametrize("name", having(WITH_ENERGY, HasLogProb))
def test_score_is_the_gradient_of_an_energy_law(name):
    """Exact for models whose score and density are two readings of one energy."""
    model = fitted(name).model
    x = jnp.asarray(paths().at(0.5)[:8])
    score = jax.jit(jax.vmap(lambda x: model.score(x, time=0.5)))(x)
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


def test_other_numbers_names_and_times_compile_nothing(name, compilations):
    cls, fit = METHODS[name], tiny(METHODS[name]).fit(paths(), key=KEY)
    first = fit.model.sample(8, time=0.5, key=KEY)
    data = paths()
    moved = nq.Trajectories(data.values, np.add(data.times, 1.5), names=("left", "right"))
    numbers = {
        f"{stage}training__{word}": value
        for stage in ("", "score__")
        for word, value in OTHER_NUMBERS.items()
    }
    compilations.clear()
    other = tiny(cls, **numbers).fit(moved, key=jax.random.key(2))
    assert compilations == []
    x = other.model.sample(8, time=2.0, key=KEY)
    assert compilations == []
    if name in (
        "OracleBoltzmann",
        "PlugInGaussian",
        "DriftRegression",
        "SparseDrift",
    ):  # which learn nothing by chance
        np.testing.assert_allclose(x, first, rtol=1e-3, atol=1e-3)
    else:
        assert not np.array_equal(x, first)
    assert other.model.snapshots(8, times=[2.0], key=KEY).names == ("left", "right")


def test_the_count_counts(compilations):
    tiny(ScoreMatching, training__batch=12).fit(paths(), key=jax.random.key(2))
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

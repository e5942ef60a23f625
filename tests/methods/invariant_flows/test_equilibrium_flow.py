"""Equilibrium flow: the loss against dense Jacobians, fits to laws with a known score, refusals."""

import warnings
from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.domains import Free
from noneq.errors import InvalidInput, MissingTrait
from noneq.learning.loop import Training
from noneq.methods import (
    PFGM,
    BiasedHutchinson,
    EquilibriumFlow,
    ExactDivergence,
    ScoreMatching,
    UnbiasedHutchinson,
)
from noneq.methods.invariant_flows import objective as flow_objectives
from noneq.methods.invariant_flows.data_checks import FewSnapshots
from noneq.methods.invariant_flows.measures import natural_step
from noneq.methods.invariant_flows.objective import InvarianceLoss
from noneq.methods.invariant_flows.priors import AbstractFlowLoss
from noneq.nets import MLP, FourierMLP
from noneq.progress import AbstractReporter
from noneq.spec import from_toml, to_toml
from noneq.systems import HasStationaryDensity, TwoPeaks
from noneq.traits import AbstractModel, HasScore


KEY = jax.random.key(11)


class Known(AbstractModel, HasScore):
    """A system's law; ``sign`` −1 makes the score wrong, ``dim`` claims states of another size."""

    system: HasStationaryDensity
    sign: float = 1.0
    dim: int = 2

    @property
    def event_shape(self):
        return (self.dim,)

    @property
    def domain(self):
        return Free()

    def score(self, x, *, time=None, condition=None):
        return self.sign * jax.grad(self.system.log_density)(x)

    def sample(self, n, *, time=None, condition=None, key):
        return jax.vmap(self.system.initial)(jax.random.split(key, n))

    def snapshots(self, n, *, times, condition=None, key):
        raise NotImplementedError


LAW = Known(TwoPeaks(0.7))
DATA = np.asarray(LAW.sample(4096, key=KEY))
QUICK = EquilibriumFlow(
    net=FourierMLP(48, 2, 2), training=Training(steps=600, batch=512, rate=1e-2)
)


@pytest.fixture(scope="module")
def fit():
    return QUICK.fit(DATA, key=KEY, score=LAW)


def test_the_velocity_keeps_a_known_law(fit):
    assert fit.model.invariance_residual(key=KEY).value < 0.05
    v = np.asarray(jax.vmap(fit.model.velocity)(DATA)) / DATA.std(0)
    np.testing.assert_allclose(v.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(v.std(0), 1, atol=1e-4)
    assert fit.model.speed(DATA, key=KEY).value == pytest.approx(np.hypot(*DATA.std(0)), rel=1e-3)


@pytest.mark.parametrize("law", [replace(LAW, sign=-1.0), Known(TwoPeaks(0.4))])
def test_the_velocity_keeps_no_other_law(fit, law):
    other = eqx.tree_at(lambda m: m.law, fit.model, law)
    assert other.invariance_residual(DATA, key=KEY).value > 0.2


def test_a_flow_at_rest_keeps_every_law(fit):
    rest = eqx.tree_at(lambda m: m.std.value, fit.model, jnp.full(2, jnp.inf))
    found = rest.invariance_residual(DATA[:64], key=KEY)
    assert (found.value, found.stderr) == (0, 0)


def test_a_sample_of_a_normal_law_turns():
    """The smoothest flow of a round normal law has v = A x with A skew."""
    data = np.random.default_rng(0).normal(size=(4096, 2))
    fit = QUICK.fit(data, key=KEY, score=Known(Round()))
    v = np.asarray(jax.vmap(fit.model.velocity)(data)) / data.std(0)
    turn = data[:, ::-1] * [1, -1]
    assert abs(np.mean(v * turn)) / np.sqrt(np.mean(v**2) * np.mean(turn**2)) > 0.97


class Round(HasStationaryDensity):
    def log_density(self, x):
        return -jnp.sum(x**2) / 2


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_paths_keep_the_law(fit, noise):
    start, fresh, truth = np.split(np.asarray(LAW.sample(3000, key=jax.random.key(1))), 3)
    paths = fit.model.sample_paths(1000, times=[0.0, 3.0], start=start, noise=noise, key=KEY)
    assert np.abs(paths.values[:, 1] - start).max() > 0.5
    found = nq.metrics.mmd(paths.values[:, 1], fresh, truth=truth)
    # 4 standard errors, and what a fit of seconds leaves.
    assert found.value < 4 * found.stderr + 2e-3
    lost = nq.metrics.mmd(start + 0.3 * np.sign(start), fresh, truth=truth)
    assert lost.value > 4 * lost.stderr + 2e-3


def test_noise_that_hardly_acts_needs_no_small_steps(fit):
    """What a step adds to the variance adds up over the path, not over the memory of the noise."""
    model, x = fit.model, jnp.asarray(DATA[:64])
    step = lambda noise, length: float(
        natural_step(model, x, None, model.frame.asked.check(None), noise, length)
    )
    assert step(1e-30, 3.0) == pytest.approx(step(1e-9, 3.0), rel=1e-3)
    assert step(1e-30, 3.0) > step(0.0, 3.0) / 10
    # A path that outlives the memory of its noise has the step of the steady state.
    assert step(0.3, 100.0) == pytest.approx(step(0.3, 1e6), rel=1e-6)


def rows(dim=5, n=64):
    y, s, q = jax.random.normal(KEY, (3, n, dim))
    return {"y": y, "score": s, "time_score": q[:, 0], "time": jnp.zeros(n), "condition": None}


def network(dim=5):
    net = FourierMLP(16, 2, 2).init((dim,), dim, noise=False, clock=None, label=None, key=KEY)
    return eqx.tree_at(lambda net: net.net.last, net, replace_fn=lambda a: 10 * a)


def dense(free, dim=5):
    """r² and ‖S‖² of every row from the whole Jacobian, and v."""
    batch, net = rows(dim), network(dim)
    raw = jax.vmap(net)(batch["y"])
    mean, std = (raw.mean(0), raw.std(0)) if free else (0.0, 1.0)
    v = (raw - mean) / std
    jacobian = jax.vmap(jax.jacfwd(net))(batch["y"]) / jnp.broadcast_to(std, (dim,))[:, None]
    trace = jnp.trace(jacobian, axis1=1, axis2=2)
    r = batch["time_score"] + trace + jnp.sum(v * batch["score"], 1)
    symmetric = (jacobian + jacobian.transpose(0, 2, 1)) / 2
    return jnp.mean(r**2), jnp.mean(jnp.sum(symmetric**2, (1, 2)))


def loss(divergence, symmetry=0.0, free=True, terms=()):
    return InvarianceLoss(divergence, symmetry, terms, 5, free)


@pytest.mark.sweep(1)
@pytest.mark.parametrize("free", [True, False])
def test_the_exact_loss_is_that_of_the_dense_jacobian(free):
    squared, symmetric = dense(free)
    found = loss(ExactDivergence(), 0.7, free).loss(network(), rows(), key=KEY)
    assert float(found) == pytest.approx(float(squared + 0.7 * symmetric), rel=1e-4)


@pytest.mark.slow
def test_a_batch_in_parts_has_the_same_gradient(monkeypatch):
    gradient = lambda: eqx.filter_grad(
        lambda net: loss(ExactDivergence(), 0.7).loss(net, rows(), key=KEY)
    )(network())
    whole = jax.tree.leaves(gradient())
    monkeypatch.setattr(flow_objectives, "_PUSHED", 25 * 10)
    for a, b in zip(whole, jax.tree.leaves(gradient()), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


def many(objective, n=2000):
    keys = jax.random.split(KEY, n)
    one = lambda key: objective.loss(network(), rows(), key=key)
    return np.asarray(eqx.filter_jit(lambda keys: jax.lax.map(one, keys, batch_size=50))(keys))


def agree(values, expected):
    """Within 4 standard errors: a false alarm in 16,000."""
    return abs(values.mean() - expected) < 4 * values.std() / np.sqrt(len(values))


@pytest.mark.slow
@pytest.mark.parametrize("probes", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_products_of_two_estimates_are_unbiased(probes):
    squared, symmetric = (float(a) for a in dense(True))
    plain = many(loss(UnbiasedHutchinson(probes)))
    assert agree(plain, squared)
    assert agree(many(loss(UnbiasedHutchinson(probes), 1.0)), squared + symmetric)


@pytest.mark.slow
@pytest.mark.parametrize("probes", [2, pytest.param(10, marks=pytest.mark.slow)])
def test_the_published_square_has_a_hidden_penalty(probes):
    squared, symmetric = (float(a) for a in dense(True))
    published = many(loss(BiasedHutchinson(probes)))
    assert agree(published, squared + 2 / probes * symmetric)
    assert not agree(published, squared)
    explicit = many(loss(BiasedHutchinson(probes), 0.5))
    assert agree(explicit, squared + (2 / probes + 0.5) * symmetric)


def test_signs_penalise_what_is_off_the_diagonal():
    batch, net = rows(), network()
    raw = jax.vmap(net)(batch["y"])
    jacobian = np.asarray(jax.vmap(jax.jacfwd(net))(batch["y"]) / raw.std(0)[:, None])
    symmetric = (jacobian + jacobian.transpose(0, 2, 1)) / 2 * (1 - np.eye(5))
    squared = float(dense(True)[0])
    published = many(loss(BiasedHutchinson(4, gaussian=False)))
    assert agree(published, squared + 2 / 4 * np.mean(np.sum(symmetric**2, (1, 2))))


class Moments(AbstractFlowLoss):
    """3 for a field that is normalised over the batch."""

    def __call__(self, field, batch, *, key):
        v = jax.vmap(lambda y, time: field(y, time, None))(batch["y"], batch["time"])
        return jnp.sum(v.mean(0) ** 2) + jnp.sum((v.std(0) - 1) ** 2) + 3.0


def test_terms_see_the_normalised_field_and_are_added():
    plain = loss(ExactDivergence()).loss(network(), rows(), key=KEY)
    found = loss(ExactDivergence(), terms=(Moments(), Moments())).loss(network(), rows(), key=KEY)
    assert float(found - plain) == pytest.approx(6.0, rel=1e-4)


def test_channels_of_fields_share_a_scale():
    raw = jax.random.normal(KEY, (8, 12)) * jnp.repeat(jnp.asarray([1.0, 5.0]), 6)
    mean, std = InvarianceLoss(ExactDivergence(), 0.0, (), 2).moments(raw)
    assert np.unique(np.asarray(mean)).size == np.unique(np.asarray(std)).size == 2
    assert std[0] == pytest.approx(float(raw[:, :6].std()), rel=1e-5)


SMALL = EquilibriumFlow(
    net=FourierMLP(16, 1),
    score=ScoreMatching(net=MLP(16, 1), training=Training(steps=4, batch=16)),
    training=Training(steps=4, batch=16),
)


@pytest.fixture(scope="module")
def small():
    return SMALL.fit(DATA[:512], key=KEY)


@pytest.mark.sweep(1)
@pytest.mark.parametrize("given", [False, True])
def test_a_fit_survives_the_disk(tmp_path, small, given):
    if given:
        score = ScoreMatching(net=MLP(24, 1), training=Training(steps=2)).fit(DATA, key=KEY).model
        small = SMALL.fit(DATA[:512], key=KEY, score=score)
    assert bool(small.given) == given
    nq.save(small, tmp_path / "run")
    back = nq.load(tmp_path / "run")
    assert eqx.tree_equal(back.model, small.model)
    assert back.method == small.method


def test_same_key_same_bits(small):
    again = SMALL.fit(DATA[:512], key=KEY)
    assert eqx.tree_equal(again.model, small.model)
    assert from_toml(to_toml(SMALL)) == SMALL


def test_a_second_seed_compiles_nothing(small):
    counted = []
    listen = lambda event, seconds, **_: counted.append(event) if "backend_compile" in event else 0
    jax.monitoring.register_event_duration_secs_listener(listen)
    SMALL.fit(DATA[:512], key=jax.random.key(3))
    jax.monitoring.unregister_event_duration_listener(listen)
    assert counted == []


class Report(AbstractReporter):
    """Keeps what a fit tells."""

    def __init__(self):
        self.calls, self.stages, self.last = [], [], None

    def __call__(self, done, total, row):
        self.calls.append((done, total))

    def stage(self, text):
        self.stages.append(text)

    def preview(self, step, model):
        self.last = model()


def test_a_stopped_fit_goes_on_to_the_same_bits(tmp_path, small):
    class Enough(Exception):
        pass

    def stop(step, steps, row):
        if step > SMALL.score.training.steps + 1:
            raise Enough

    with pytest.raises(Enough):
        SMALL.fit(DATA[:512], key=KEY, checkpoint=tmp_path, progress=stop)
    assert (tmp_path / "score").is_dir()
    report = Report()
    again = SMALL.fit(DATA[:512], key=KEY, checkpoint=tmp_path, progress=report)
    assert eqx.tree_equal(again.model, small.model)
    assert report.calls == sorted(report.calls)
    assert report.stages == ["score: compiling", "preparing the field", "field: compiling"]
    assert eqx.tree_equal(report.last.law, small.model.law)


def test_a_start_keeps_its_score(small):
    onward = SMALL.fit(DATA[:512], key=KEY, init=small.model)
    assert eqx.tree_equal(onward.model.law, small.model.law)
    assert not eqx.tree_equal(onward.model.field, small.model.field)
    assert onward.given


@pytest.mark.slow
def test_held_out_data_stop_the_training():
    method = replace(SMALL, training=Training(steps=8, batch=16, patience=2))
    assert "held_out_loss" in method.fit(DATA[:512], key=KEY).history


@pytest.mark.slow
def test_few_snapshots_are_named():
    with pytest.warns(FewSnapshots, match=r"64 snapshots .* 200"):
        fit = SMALL.fit(DATA[:64], key=KEY)
    assert "64 snapshots" in fit.meta["warnings"][0]
    with warnings.catch_warnings():
        warnings.simplefilter("error", FewSnapshots)
        SMALL.fit(DATA[:200], key=KEY)


class Scoreless(AbstractModel):
    event_shape: tuple = (2,)
    domain: Free = Free()

    def sample(self, n, *, time=None, condition=None, key):
        raise NotImplementedError

    def snapshots(self, n, *, times, condition=None, key):
        raise NotImplementedError


def test_what_is_refused():
    with pytest.raises(MissingTrait, match="HasScore"):
        SMALL.fit(DATA, key=KEY, score=Scoreless())
    with pytest.raises(MissingTrait, match="HasScore"):
        replace(SMALL, score=PFGM()).fit(DATA, key=KEY)
    with pytest.raises(InvalidInput, match="shape"):
        SMALL.fit(DATA, key=KEY, score=Known(TwoPeaks(), dim=3))
    with pytest.raises(InvalidInput, match="discrete"):
        SMALL.fit(np.round(DATA), key=KEY)
    with pytest.raises(InvalidInput, match="discrete"):
        SMALL.fit(nq.Snapshots(np.ones((8, 2)), domain=nq.Discrete(2)), key=KEY)
    with pytest.raises(InvalidInput, match="UnbiasedHutchinson"):
        SMALL.fit(np.random.default_rng(0).normal(size=(8, 65)), key=KEY)
    for change in ({"noise": 0.0}, {"noise": np.inf}, {"symmetry": -1.0}):
        with pytest.raises(InvalidInput):
            EquilibriumFlow(**change)
    with pytest.raises(InvalidInput, match="probes"):
        UnbiasedHutchinson(0)
    with pytest.raises(InvalidInput, match="probes"):
        BiasedHutchinson(1)
    with pytest.raises(InvalidInput, match="octaves"):
        FourierMLP(octaves=13)

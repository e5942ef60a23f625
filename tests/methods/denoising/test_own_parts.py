"""The denoising product takes processes and other factors from a user's file."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.domains import Ball
from noneq.errors import InvalidInput, MissingTrait
from noneq.learning.loop import Training
from noneq.methods import Denoising, ImplicitScoreMatching, LikelihoodBound, ScoreMatching
from noneq.models import DenoisingModel, FlowLaw
from noneq.nets import MLP
from noneq.processes import (
    Confined,
    FokkerPlanck,
    Gaussian,
    Karras,
    LearntGaussian,
    Likelihood,
    Noise,
    Reflected,
    UnitNoise,
    Walls,
)
from noneq.samplers import Ancestral, ReverseSDE
from own_parts import Cubic, Early, Euler, Half, Laplace, Mute, Scored, Small, Warm


TINY = {"net": MLP(8, 1), "training": Training(steps=4, batch=16), "time_band": 1.0}
SHORT = {"net": MLP(32, 2), "training": Training(steps=1500, batch=256, rate=3e-3)}
RNG = np.random.default_rng(0)
TWO = RNG.normal(size=(6000, 1)) * 0.2 + RNG.choice([-1.0, 1.0], (6000, 1))


def moments(process, **fields):
    """Spread of the samples, and share of those that lie between the two peaks."""
    method = ScoreMatching(process=process, **(SHORT | fields))
    model = method.fit(TWO, key=jax.random.key(0)).model
    x = np.asarray(model.sample(4000, key=jax.random.key(1)))
    return x.std(), np.mean(np.abs(x) < 0.4), model


@pytest.mark.parametrize(
    ("process", "law"), [(Laplace(), FlowLaw), (Scored(), DenoisingModel)], ids=("flow", "score")
)
@pytest.mark.slow
def test_own_kernels_give_the_data_back(process, law):
    spread, between, model = moments(process)
    assert type(model) is law
    assert spread == pytest.approx(TWO.std(), rel=0.07)
    # 0.3 % of the data; a Gaussian of the same spread has 30 %.
    assert between < 0.04
    x = jnp.linspace(-3, 3, 301)[:, None]
    density = np.exp(np.asarray(jax.vmap(model.log_prob)(x)))
    assert np.trapezoid(density, x[:, 0]) == pytest.approx(1.0, abs=0.05)


def test_a_wrong_velocity_gives_other_data():
    assert moments(Laplace(wrong=0.7))[0] > 1.3 * TWO.std()


def test_a_copy_of_a_gaussian_process_is_the_gaussian_method():
    ours = ScoreMatching(process=Gaussian(Cubic()), **TINY).fit(TWO, key=jax.random.key(0))
    own = ScoreMatching(process=Warm(), **TINY).fit(TWO, key=jax.random.key(0))
    np.testing.assert_array_equal(own.history["loss"], ours.history["loss"])
    draw = lambda fit: fit.model.sample(8, key=jax.random.key(1))
    np.testing.assert_array_equal(draw(own), draw(ours))


def test_all_factors_can_be_a_users(tmp_path):
    method = ScoreMatching(
        process=Warm(), target=Half(), weight=Early(), penalty=Small(), sampler=Euler(12), **TINY
    )
    fit = method.fit(TWO, key=jax.random.key(0))
    nq.save(fit, tmp_path / "run")
    again = nq.load(tmp_path / "run", trust=True)
    assert again.method == method
    draw = lambda fit: fit.model.sample(8, key=jax.random.key(1))
    np.testing.assert_array_equal(draw(again), draw(fit))
    without = ScoreMatching(process=Warm(), target=Half(), weight=Early(), **TINY)
    plain = without.fit(TWO, key=jax.random.key(0))
    assert plain.history["loss"][0] < fit.history["loss"][0]


def test_walls_are_a_process_of_the_product():
    data = nq.Snapshots(RNG.uniform(-1, 1, (200, 2)), domain=nq.Box(-1.0, 1.0))
    free = ScoreMatching(process=Reflected(), weight=UnitNoise(), sampler=ReverseSDE(12), **TINY)
    named = nq.methods.ReflectedDiffusion(sampler=ReverseSDE(12), **TINY)
    one, other = (m.fit(data, key=jax.random.key(0)) for m in (free, named))
    np.testing.assert_array_equal(one.history["loss"], other.history["loss"])
    draw = lambda fit: fit.model.sample(8, key=jax.random.key(1))
    np.testing.assert_array_equal(draw(one), draw(other))


def test_vdm_is_a_point_of_the_product():
    spelt = ScoreMatching(
        process=LearntGaussian(width=4),
        target=Noise(),
        objective=LikelihoodBound(),
        weight=None,
        sampler=Ancestral(12),
        **TINY,
    )
    named = nq.methods.VDM(process=LearntGaussian(width=4), sampler=Ancestral(12), **TINY)
    one, other = (m.fit(TWO, key=jax.random.key(0)) for m in (spelt, named))
    np.testing.assert_array_equal(one.history["loss"], other.history["loss"])
    slopes = lambda fit: fit.model.denoiser.process.schedule.height
    np.testing.assert_array_equal(slopes(one), slopes(other))
    fresh = named.init(one.summary, key=jax.random.key(0))
    assert not np.array_equal(slopes(one), fresh.denoiser.process.schedule.height)


def test_implicit_score_matching_needs_no_kernel():
    # Of N(0, 1) blurred by noise, ½ s² + s' is least at the true score, which both objectives find.
    x = RNG.normal(size=(6000, 1))
    # Few levels, none so small that div s is noise.
    method = ScoreMatching(
        process=Gaussian(Karras(0.3, 10.0)),
        weight=UnitNoise(),
        objective=ImplicitScoreMatching(),
        **SHORT,
    )
    model = method.fit(x, key=jax.random.key(0)).model
    at = jnp.asarray([[-1.5], [-0.5], [0.5], [1.5]])
    tau = method.process.schedule.tau(1.0)
    score = jax.vmap(lambda x: model.noisy_score(x, tau))(at)
    np.testing.assert_allclose(score, -at / 2, atol=0.15)


def test_factors_that_do_not_fit_are_named(key):
    with pytest.raises(MissingTrait, match=r"Mute.perturb gives no velocity"):
        ScoreMatching(process=Mute(), **TINY).fit(TWO, key=key)
    flow = ScoreMatching(process=Laplace(), objective=ImplicitScoreMatching(), **TINY)
    with pytest.raises(InvalidInput, match="Laplace has a flow and no score; take objective=Den"):
        flow.fit(TWO, key=key)
    with pytest.raises(InvalidInput, match="FokkerPlanck needs a score, and Laplace has a flow"):
        ScoreMatching(process=Laplace(), penalty=FokkerPlanck())
    with pytest.raises(InvalidInput, match="take process=LearntGaussian"):
        ScoreMatching(objective=LikelihoodBound())
    with pytest.raises(InvalidInput, match="leave weight out"):
        nq.methods.VDM(weight=Likelihood())
    with pytest.raises(InvalidInput, match="Denoising needs a weight"):
        ScoreMatching(weight=None, objective=Denoising())
    with pytest.raises(InvalidInput, match="takes no penalty"):
        ScoreMatching(penalty=Small(), objective=ImplicitScoreMatching())
    with pytest.raises(InvalidInput, match=r"signal-to-noise ratio .* Raise the largest"):
        ScoreMatching(process=Warm(Cubic(2.0)))
    process = Confined(Walls(nq.Region(Ball(0.9), -1.0, 1.0), (2,)))
    walled = ScoreMatching(process=process, **TINY)
    inside = nq.Snapshots(RNG.uniform(-0.5, 0.5, (64, 2)), domain=nq.Box(-1.0, 1.0))
    with pytest.raises(InvalidInput, match="take objective=ImplicitScoreMatching"):
        walled.fit(inside, key=key)

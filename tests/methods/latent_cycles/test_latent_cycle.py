"""LatentCycle on bars and stripes and on small known laws: likelihood, chain, draws, bad input."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.errors import InvalidInput
from noneq.learning.loop import Training
from noneq.methods import (
    Enumerated,
    LatentCycle,
    NStepGradient,
    Persistent,
    Stratified,
    TwoStepGradient,
)
from noneq.methods.latent_cycles.gradients import AbstractCycleGradient
from noneq.methods.latent_cycles.kernels import latent_entropy_production
from noneq.methods.units.units import CategoricalUnits, GaussianUnits
from noneq.systems import BarsAndStripes


SEEDS = 6
KEY = jax.random.key(3)
SHORT = Training(steps=300, batch=0, rate=0.05, ema=0.0)
BITS9 = jnp.asarray(np.indices((2,) * 9).reshape(9, -1).T.reshape(-1, 1, 3, 3), jnp.float32)


def bars():
    system = BarsAndStripes(3)
    return nq.Snapshots(system.patterns(), domain=system.domain)


def log_probs(model, x):
    return np.asarray(jax.jit(jax.vmap(lambda x: model.log_prob(x)))(jnp.asarray(x)), np.float64)


def kl(model):
    """KL(data ‖ model) in nats, exact."""
    values = bars().values
    return float(-log_probs(model, values).mean() - np.log(len(values)))


def chain(model):
    return (np.asarray(a, np.float64) for a in (model.transition_matrix(), model.stationary()))


def self_transition(model):
    matrix, law = chain(model)
    return float(law @ np.diag(matrix))


def entropy_production(model):
    matrix, law = chain(model)
    flux = law[:, None] * matrix
    return float(np.sum(flux * np.log(flux / flux.T)))


@cache
def fitted(method):
    """Models of several seeds."""
    return [method.fit(bars(), key=jax.random.key(seed)).model for seed in range(SEEDS)]


def medians(method):
    models = fitted(method)
    return tuple(np.median([f(m) for m in models]) for f in (kl, self_transition))


TWO = LatentCycle(hidden=14, gradient=TwoStepGradient())
TIED = LatentCycle(hidden=14, tied=True)


@pytest.mark.slow
@pytest.mark.parametrize(("hidden", "most"), [(10, 0.9), (14, 0.4)])
def test_bars_and_stripes(hidden, most):
    divergence, staying = medians(LatentCycle(hidden=hidden, gradient=TwoStepGradient()))
    assert divergence <= most
    assert staying <= 0.15
    # Fourteen patterns in ten states: at best four states show two of them, 8/14 ln 2 and more.
    assert divergence >= (0.39 if hidden == 10 else 0)


@pytest.mark.slow
def test_the_chain_moves_where_gibbs_sampling_of_the_tied_one_stays():
    assert medians(TWO)[1] <= 0.12
    assert medians(TIED)[1] >= 0.9


class Broken(AbstractCycleGradient):
    """The two-step gradient with another factor on the response of the reading."""

    factor: float

    def responses(self, matrix, a):
        reading, writing = TwoStepGradient().responses(matrix, a)
        return self.factor * reading, writing


@pytest.mark.slow
@pytest.mark.parametrize("factor", [-1.0, 0.0])
def test_broken_twins_miss_the_figure(factor):
    broken = LatentCycle(hidden=14, gradient=Broken(factor))
    values = [kl(broken.fit(bars(), key=jax.random.key(seed)).model) for seed in range(2)]
    assert np.median(values) > 0.4 if factor else np.median(values) > 0.1


@pytest.mark.slow
def test_tied_chains_are_in_equilibrium_and_others_are_not():
    """Single precision: flux and its reverse differ by rounding, 1e-7, which enters squared."""
    assert max(abs(entropy_production(model)) for model in fitted(TIED)) < 1e-12
    assert min(entropy_production(model) for model in fitted(TWO)) > 0.05


def test_probabilities_add_up_and_draws_follow_them():
    model = fitted(TWO)[0]
    p = np.exp(log_probs(model, BITS9))
    assert p.sum() == pytest.approx(1, abs=1e-4)
    assert log_probs(model, BITS9[:1] + 0.25) == -np.inf
    assert far_from(model.sample(20_000, key=KEY), p) < 4


def far_from(values, p):
    """Standard deviations of a chi-square statistic of pictures above its mean.

    Rare pictures share a bin.
    """
    index = np.asarray(values).reshape(len(values), -1).astype(int) @ 2 ** np.arange(9)[::-1]
    counts = np.bincount(index, minlength=512)
    often = p * len(values) > 5
    seen = np.append(counts[often], counts[~often].sum())
    expected = len(values) * np.append(p[often], max(p[~often].sum(), 1e-9))
    chi, degrees = np.sum((seen - expected) ** 2 / expected), len(seen) - 1
    return (chi - degrees) / np.sqrt(2 * degrees)


@pytest.mark.slow
def test_paths_stay_in_the_steady_state_and_leave_other_states():
    """Laws at times 0 and 3 are the model's; from one picture the law is p q p, not yet steady."""
    model = fitted(TWO)[0]
    p = np.exp(log_probs(model, BITS9))
    paths = model.sample_paths(4000, times=[0.0, 1.0, 3.0], key=KEY)
    assert paths.values.shape == (4000, 3, 1, 3, 3)
    assert far_from(paths.values[:, 0], p) < 4
    assert far_from(paths.values[:, 2], p) < 4
    start = np.broadcast_to(bars().values[5], (4000, 1, 3, 3))
    moved = model.sample_paths(4000, times=[0.0, 1.0], start=start, key=KEY).values
    np.testing.assert_array_equal(moved[:, 0], start)
    one_step = step_law(model, bars().values[5].ravel())
    assert far_from(moved[:, 1], one_step) < 4
    assert far_from(moved[:, 1], p) > 10


def step_law(model, x):
    """P(x' | x) over all pictures, in NumPy."""
    k = model.kernels
    odds = np.asarray(k.offset + k.reading @ x, np.float64)
    read = np.exp(odds - odds.max())
    on = 1 / (1 + np.exp(-np.asarray(k.bias + k.writing, np.float64)))
    written = np.prod(np.where(np.asarray(BITS9).reshape(512, 1, 9) > 0, on, 1 - on), -1)
    return written @ (read / read.sum())


@pytest.mark.slow
def test_a_reward_raises_and_a_penalty_lowers_the_entropy_production():
    spent = {}
    for weight in (-1.0, 0.0, 0.2):
        method = LatentCycle(hidden=10, dissipation=weight, training=SHORT)
        spent[weight] = entropy_production(method.fit(bars(), key=KEY).model)
    assert spent[-1.0] < 1e-3 < spent[0.0] < 10 < spent[0.2]


def test_a_second_layer_is_a_bottleneck():
    model = LatentCycle(hidden=14, second=4, training=SHORT).fit(bars(), key=KEY).model
    values = np.linalg.svd(np.asarray(model.transition_matrix(), np.float64))[1]
    assert values[3] > 1e-3
    assert values[4] < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fantasies", "gradient"),
    [(Stratified(), NStepGradient(4)), (Persistent(100), TwoStepGradient())],
)
def test_draws_train_as_well_as_enumeration(fantasies, gradient):
    method = LatentCycle(hidden=14, fantasies=fantasies, gradient=gradient, training=SHORT)
    assert kl(method.fit(bars(), key=KEY).model) < 0.4


def test_small_batches_and_going_on():
    method = LatentCycle(hidden=14, training=Training(steps=300, batch=8, rate=0.02, ema=0.9))
    first = method.fit(bars(), key=KEY).model
    again = method.fit(bars(), key=KEY, init=first).model
    assert kl(again) < kl(first) < 1.5


@pytest.mark.slow
def test_letters(rng):
    """Three words of a 4-letter alphabet, one of them twice as frequent, and spelling mistakes."""
    words = np.array([[0, 1, 2, 3], [3, 3, 0, 0], [1, 2, 1, 2]])
    which = rng.choice(3, 2000, p=[0.5, 0.25, 0.25])
    wrong = rng.random((2000, 4)) < 0.1
    values = np.where(wrong, rng.integers(0, 4, (2000, 4)), words[which]).astype(np.float32)
    method = LatentCycle(hidden=8, visible=CategoricalUnits(4), training=SHORT)
    model = method.fit(nq.Snapshots(values, domain=nq.Discrete(4)), key=KEY).model
    every = np.indices((4,) * 4).reshape(4, -1).T
    truth = np.prod(np.where(every[:, None] == words, 0.925, 0.025), -1) @ [0.5, 0.25, 0.25]
    found = log_probs(model, every.astype(np.float32))
    assert np.exp(found).sum() == pytest.approx(1, abs=1e-4)
    # 8 · 13 parameters at half a nat each, spread over 2000 samples, are 0.026.
    assert 0 <= truth @ (np.log(truth) - found) < 0.05


@pytest.mark.slow
def test_real_numbers(rng):
    """Off-centre data of another scale: density and draws in the data's own units."""
    centres = 5.0 * np.array([[3, 0], [-3, 1], [0, -4]]) + 7
    values = centres[rng.integers(0, 3, 1000)] + 5.0 * rng.normal(size=(1000, 2))
    method = LatentCycle(hidden=4, visible=GaussianUnits(0.35), training=SHORT)
    model = method.fit(values.astype(np.float32), key=KEY).model
    axis = np.linspace(-93, 107, 101)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    p = 4 * np.exp(log_probs(model, grid.astype(np.float32)))
    assert p.sum() == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(p @ grid, values.mean(0), atol=1.5)
    drawn = np.asarray(model.sample(4000, key=KEY), np.float64)
    variance = p @ grid**2 - (p @ grid) ** 2
    np.testing.assert_allclose(variance, values.var(0), rtol=0.15)
    assert np.abs((drawn.mean(0) - p @ grid) / np.sqrt(variance / 4000)).max() < 4.5
    means, law = np.asarray(model.state_means()), np.asarray(model.stationary())
    assert means.shape == (4, 2)
    np.testing.assert_allclose(law @ means, p @ grid, atol=0.05)


def test_states_look_like_the_data_in_its_own_values():
    """Spins −1 and 1: every pattern is shown by some state of a good fit."""
    spins = nq.Snapshots(2 * bars().values - 1)
    model = LatentCycle(hidden=14).fit(spins, key=KEY).model
    shown = np.asarray(model.state_means())
    assert shown.shape == (14, 1, 3, 3)
    gaps = np.abs(shown[:, None] - spins.values[None]).max((2, 3, 4)).min(0)
    assert gaps.max() < 0.1


def test_joint_entropy_production_is_never_below_the_latent_one():
    for model in fitted(TWO)[:2]:
        joint = model.joint_entropy_production(2048, key=KEY)
        latent = float(latent_entropy_production(model.transition_matrix()))
        assert float(joint.value) > latent - 4 * float(joint.stderr)
    joint = fitted(TIED)[0].joint_entropy_production(2048, key=KEY)
    assert abs(float(joint.value)) < 1e-6


def test_one_state_is_a_product_law():
    """H = 1: independent pixels with the data's frequencies, 1/2 each."""
    model = LatentCycle(hidden=1, training=SHORT).fit(bars(), key=KEY).model
    assert kl(model) == pytest.approx(9 * np.log(2) - np.log(14), abs=1e-3)
    np.testing.assert_allclose(model.transition_matrix(), [[1.0]])


@pytest.mark.parametrize(
    ("build", "parts"),
    [
        (lambda: LatentCycle(hidden=0), ["hidden = 0", "at least one"]),
        (lambda: LatentCycle(second=-1), ["second = -1"]),
        (lambda: LatentCycle(spread=0.0), ["spread"]),
        (lambda: LatentCycle(dissipation=float("nan")), ["dissipation"]),
        (lambda: LatentCycle(dissipation=float("inf")), ["dissipation"]),
        (lambda: LatentCycle(weight_decay=-1.0), ["weight_decay"]),
        (lambda: LatentCycle(tied=True, second=3), ["equilibrium"]),
        (lambda: LatentCycle(tied=True, dissipation=1.0), ["equilibrium"]),
        (lambda: NStepGradient(1), ["steps = 1"]),
        (lambda: Stratified(0), ["each = 0"]),
        (lambda: Persistent(0), ["chains = 0"]),
    ],
)
def test_settings_out_of_range(build, parts):
    with pytest.raises(InvalidInput) as error:
        build()
    assert all(part in str(error.value) for part in parts)


def test_too_many_states_to_enumerate():
    values = np.random.default_rng(0).integers(0, 2, (20, 40)).astype(np.float32)
    with pytest.raises(InvalidInput, match="40 units"):
        LatentCycle(fantasies=Enumerated()).fit(values, key=KEY)


@pytest.mark.parametrize("times", [[0.0, 0.5], [0.0, 0.0], [2.0, 1.0]])
def test_times_of_a_chain_are_whole_steps(times):
    with pytest.raises(InvalidInput, match="times"):
        fitted(TWO)[0].sample_paths(2, times=times, key=KEY)

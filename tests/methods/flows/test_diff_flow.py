"""DiffFlow: its bound and its paths against linear chains whose densities are known exactly."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.data.summary import summarise
from noneq.errors import InvalidInput
from noneq.learning.loop import Training
from noneq.methods import DiffFlow
from noneq.methods.flows.two_way import DiffFlowModel, TwoWaySDE
from noneq.nets import MLP
from noneq.nets.base import AbstractNetwork


STD = 0.6
"""Of the Gaussian data; 0 mean, normalised units."""
PATHS = 40_000


class Shrink(AbstractNetwork):
    """F = rate · x."""

    rate: float = 0.0

    def __call__(self, x, level=None, time=None, condition=None):
        return self.rate * x


class TrueScore(AbstractNetwork):
    """S of the VP diffusion of N(0, STD²): s = −x/variance(tau), the variance by quadrature."""

    log_noise: jax.Array
    off: float = 0.0

    def __call__(self, x, level=None, time=None, condition=None):
        knots = jnp.linspace(0.0, 1.0, self.log_noise.size)
        g = lambda tau: jnp.exp(jnp.interp(tau, knots, self.log_noise))
        nodes = (jnp.arange(400) + 0.5) / 400 * level
        decay = jnp.exp(-jnp.mean(g(nodes) ** 2) * level)
        variance = 1 + (STD**2 - 1) * decay
        return g(level) * x * (1 - (1 + self.off) / variance)


class Zero(AbstractNetwork):
    """0."""

    def __call__(self, x, level=None, time=None, condition=None):
        return jnp.zeros_like(x)


def exact_pair(first=0.5, last=2.5, off=0.0):
    """VP diffusion of N(0, STD²) with its score; g runs from ``first`` to ``last``."""
    log_noise = jnp.linspace(jnp.log(first), jnp.log(last), 9)
    return TwoWaySDE(Zero(), TrueScore(log_noise, off), log_noise, 0.0, 1.0)


def log_ratios(sde, x, steps, key, n=PATHS):
    one = lambda key: sde.log_ratio(x, steps, None, None, key=key)
    return np.asarray(jax.jit(jax.vmap(one))(jax.random.split(key, n)), np.float64)


def chain_log_prob(sde, x, steps):
    """log density at tau = 0 of the backward chain, a linear map and noise at each step."""
    tau = np.asarray(sde.nodes(steps))
    variance, one = 1.0, jnp.ones(1)
    for i in reversed(range(steps)):
        g, width = float(sde.noise(tau[i + 1])), tau[i + 1] - tau[i]
        slope = sde.drift(one, tau[i + 1]) - g**2 * sde.noisy_score(one, tau[i + 1])
        variance = (1 - float(slope[0]) * width) ** 2 * variance + g**2 * width
    return float(jnp.sum(jax.scipy.stats.norm.logpdf(x, scale=np.sqrt(variance))))


def z_of(values, truth):
    return (values.mean() - truth) / (values.std(ddof=1) / np.sqrt(len(values)))


@pytest.mark.sweep(1)
@pytest.mark.parametrize("steps", [12, 24])
def test_exponential_of_the_log_ratio_has_the_density_as_its_mean(steps, key):
    """Jarzynski's identity, whatever the step; |z| > 5 by chance once in 2 million."""
    x, sde = jnp.asarray([0.5, -0.3]), exact_pair()
    w = log_ratios(sde, x, steps, key)
    density = np.exp(chain_log_prob(sde, x, steps))
    assert abs(z_of(np.exp(w), density)) < 5
    # The bound holds, and is no equality.
    assert w.mean() < np.log(density)
    # Without N ln(g_K/g_0) both fail, by a factor (g_K/g_0)^N = 25.
    broken = w + 2 * float(jnp.log(sde.noise(1.0) / sde.noise(0.0)))
    assert abs(z_of(np.exp(broken), density)) > 20
    assert broken.mean() > np.log(density)


def test_identity_holds_for_a_wrong_score_and_a_learnt_drift(key):
    x = jnp.asarray([0.5, -0.3])
    sde = eqx.tree_at(lambda s: s.drift_net, exact_pair(off=0.3), Shrink(-0.5))
    w = log_ratios(sde, x, 8, key)
    assert abs(z_of(np.exp(w), np.exp(chain_log_prob(sde, x, 8)))) < 5


def test_backward_chain_samples_the_density_of_the_identity(key):
    sde, n = exact_pair(), 20_000
    x = np.asarray(sde.backward((n, 2), 5, None, None, key=key), np.float64)
    # log p of a centred Gaussian at 0 gives its variance.
    variance = np.exp(-chain_log_prob(sde, jnp.zeros(2), 5)) / (2 * np.pi)
    assert abs((x**2).mean() / variance - 1) < 5 * np.sqrt(2 / (2 * n))


def test_bound_approaches_the_exact_likelihood_with_the_step(key):
    """Mean over data of the bound's gap to the true NLL: positive, and order 1 in the step."""
    n = 4000
    data_key, path_key = jax.random.split(key)
    x = STD * jax.random.normal(data_key, (n, 2))
    truth = np.asarray(jnp.sum(jax.scipy.stats.norm.logpdf(x, scale=STD), 1), np.float64)
    sde, gaps = exact_pair(last=4.0), []
    for steps in (16, 32, 64):
        one = lambda x, key, steps=steps: sde.log_ratio(x, steps, None, None, key=key)
        w = jax.jit(jax.vmap(one))(x, jax.random.split(path_key, n))
        # What is left at tau = 1 of the data is KL(N(0, .986) ‖ N(0, 1)) = 1e-4 here.
        gap = truth - np.asarray(w, np.float64)
        gaps.append(gap.mean())
        assert gap.mean() > 5 * gap.std() / np.sqrt(n)
    assert 1.6 < gaps[0] / gaps[1] < 2.6
    assert 1.6 < gaps[1] / gaps[2] < 2.6


def model_of(sde, steps):
    summary = nq.data.summary.summarise(nq.Snapshots(np.random.default_rng(0).normal(size=(64, 2))))
    unit = dataclasses.replace(summary, shift=(0.0, 0.0), scale=(1.0, 1.0))
    return DiffFlowModel(sde, unit, steps=steps, likelihood_steps=64)


@pytest.mark.slow
def test_dissipation_is_positive_and_vanishes_for_a_reversible_pair(key):
    x = STD * jax.random.normal(key, (256, 2))
    coarse, fine, wrong = (
        model_of(exact_pair(last=4.0, off=off), steps).dissipation(x, key=key, samples=512)
        for off, steps in ((0.0, 16), (0.0, 128), (0.3, 128))
    )
    assert float(coarse.value) > 10 * float(coarse.stderr)
    # Eight times shorter steps: eight times less, up to the next order.
    assert 5 < float(coarse.value / fine.value) < 12
    # A score that is 30 % off does not reverse the process, however short the steps.
    assert float(wrong.value) > 3 * float(fine.value)
    assert coarse.bound == "lower"


@pytest.mark.slow
def test_dissipation_is_the_gap_between_bound_and_density(key):
    """⟨W⟩ − ΔF with the exact ΔF of the chain, at one state."""
    x, model = jnp.asarray([0.5, -0.3]), model_of(exact_pair(), 12)
    w = log_ratios(model.sde, x, 12, key)
    gap = chain_log_prob(model.sde, x, 12) - w.mean()
    states = jnp.broadcast_to(x, (200, 2))
    found = model.dissipation(states, key=jax.random.fold_in(key, 7), samples=400)
    error = np.hypot(float(found.stderr), w.std() / np.sqrt(PATHS))
    # The mean of exp over 400 paths falls short by about variance/(2·400).
    assert abs(float(found.value) - gap) < 5 * error + np.var(w) / 400


def test_vanishing_noise_is_a_normalising_flow(key):
    """g → 0 with dt ≪ g²: log N(x_1) + ∫ div f, here x_1 = e^{−1/2} x."""
    log_noise = jnp.full(3, jnp.log(0.05))
    sde = TwoWaySDE(Shrink(-0.5), Zero(), log_noise, 0.0, 1.0)
    x = jnp.asarray([0.7, -0.2])
    w = log_ratios(sde, x, 1000, key, n=200)
    flow = float(jnp.sum(jax.scipy.stats.norm.logpdf(x * np.exp(-0.5)))) - 0.5 * 2
    assert abs(w.mean() - flow) < 0.02 + 5 * w.std() / np.sqrt(200)
    model = model_of(sde, 10)
    assert float(model.log_prob(x)) == pytest.approx(flow, abs=5e-3)


def test_probability_flow_of_the_exact_pair_has_the_datas_density():
    model = model_of(exact_pair(last=4.0), 10)
    # The data end as N(0, v), v = 1 + (STD² − 1) e^(−∫g²); the flow starts from N(0, 1).
    end = 1 + (STD**2 - 1) * np.exp(-(4.0**2 - 0.5**2) / (2 * np.log(8)))
    for x in ([0.5, -0.3], [1.5, 0.0]):
        scale = STD / np.sqrt(end)
        truth = float(jnp.sum(jax.scipy.stats.norm.logpdf(jnp.asarray(x), scale=scale)))
        assert float(model.log_prob(jnp.asarray(x))) == pytest.approx(truth, abs=0.01)


SMALL = {
    "net": MLP(32, 2),
    "curriculum": (4, 12),
    "training": Training(steps=1200, batch=256, ema=0.99),
}


def wells(n, seed=0):
    """±2 with noise 0.5, on the side that the condition says; moved by 3 at time 1."""
    rng = np.random.default_rng(seed)
    side, time = rng.integers(0, 2, (n, 1)), rng.integers(0, 2, n)
    values = 4.0 * side - 2 + 0.5 * rng.normal(size=(n, 1)) + 3.0 * time[:, None]
    frames = [values[time == t] for t in (0, 1)]
    conditions = [side[time == t] for t in (0, 1)]
    clouds = nq.Snapshots.from_frames(frames, [0.0, 1.0])
    return dataclasses.replace(clouds, condition=np.concatenate(conditions))


@pytest.fixture(scope="module")
def fitted():
    return DiffFlow(**SMALL).fit(wells(4000), key=jax.random.key(0))


@pytest.mark.slow
def test_learns_a_law_of_time_and_condition(fitted, key):
    n = 2000
    for time, side in ((0.0, 0), (1.0, 1)):
        x = np.asarray(fitted.model.sample(n, time=time, condition=[side], key=key))
        mean = 4.0 * side - 2 + 3 * time
        # 0.15 is what this small network resolves; a missed input is off by 3 or 4.
        assert abs(x.mean() - mean) < 0.15 + 5 * 0.5 / np.sqrt(n)
        # Twelve coarse steps widen the law; without the condition it would be 2.1.
        assert abs(x.std() / 0.5 - 1) < 0.4


@pytest.mark.slow
def test_bound_is_below_the_ode_and_the_truth(fitted, key):
    x = wells(4000, seed=1)
    here = (x.time_index == 0) & (x.condition[:, 0] == 1)
    states = jnp.asarray(x.values[here][:400])
    truth = np.asarray(jax.scipy.stats.norm.logpdf(states[:, 0], 2.0, 0.5))
    bound = fitted.model.log_prob_estimate(states, time=0.0, condition=[1], key=key, samples=64)
    assert bound.bound == "lower"
    assert bound.value.shape == (400,)
    gap = truth - bound.value
    assert -0.02 < gap.mean() < 0.3
    density = jax.vmap(lambda x: fitted.model.log_prob(x, time=0.0, condition=jnp.ones(1)))(states)
    assert abs(float((truth - density).mean())) < 0.2
    single = fitted.model.log_prob_estimate(states[0], time=0.0, condition=[1], key=key)
    assert single.value.shape == ()


@pytest.mark.slow
def test_history_and_checkpoints_go_through_the_stages(fitted, tmp_path):
    steps = fitted.history["step"]
    assert steps == sorted(steps)
    assert steps[-1] == 1200
    method = DiffFlow(net=MLP(8, 1), curriculum=(2, 3), training=Training(steps=20, batch=32))
    seen = []
    settings = {"key": jax.random.key(1), "checkpoint": tmp_path}
    data = wells(200)
    fit = method.fit(data, progress=lambda *row: seen.append(row[:2]), **settings)
    assert seen[-1] == (20, 20)
    assert {path.name for path in tmp_path.iterdir()} == {"stage-1", "stage-2"}
    # The last stage is lost: it is learnt again from the end of the first, bit by bit the same.
    (tmp_path / "stage-2" / "state.safetensors").unlink()
    seen.clear()
    again = method.fit(data, progress=lambda *row: seen.append(row[:2]), **settings)
    assert seen[0][0] > 10
    for one, two in zip(jax.tree.leaves(fit.model), jax.tree.leaves(again.model), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"curriculum": ()}, "curriculum"),
        ({"curriculum": (10, 0)}, "curriculum"),
        ({"power": 0.0}, "power"),
        ({"noise": (0.001, 1.0)}, "noise"),
        ({"drop_condition": 1.0}, "drop_condition"),
        ({"likelihood_steps": 0}, "likelihood_steps"),
    ],
)
def test_bad_fields_are_refused(fields, message):
    with pytest.raises(InvalidInput, match=message):
        DiffFlow(**fields)


def test_one_path_has_no_error(key):
    model = DiffFlow(**SMALL).init(summarise(wells(40)), key=key)
    with pytest.raises(InvalidInput, match="at least 2 paths"):
        model.log_prob_estimate(jnp.zeros(1), time=0.0, condition=[1], key=key, samples=1)

"""Masses that grow: two branches, eight standard deviations apart, of which the right one doubles."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.constant import Constant
from noneq.errors import InvalidInput
from noneq.methods import (
    DSBM,
    ICFM,
    SF2M,
    Brownian,
    ExactOT,
    GivenGrowth,
    PlanGrowth,
    Proliferation,
    Sinkhorn,
    Unbalanced,
)
from noneq.methods.bridges.matching import MatchingLoss, TransportField
from noneq.nets import MLP
from noneq.nets.base import AbstractNetwork
from noneq.training import Training


KEY = jax.random.key(1)
LEFT, RIGHT = -4.0, 4.0


def branches(n=240, right=2 / 3, key=0):
    """Half of the earlier states are right, two thirds of the later ones; counts are equal."""
    rng = np.random.default_rng(key)
    frames = []
    for share in (0.5, right):
        sides = np.where(np.arange(n) < round(share * n), RIGHT, LEFT)
        frames.append(np.stack([sides, np.zeros(n)], 1) + rng.normal(0, 1.0, (n, 2)))
    return nq.Snapshots.from_frames(frames, [0.0, 2.0])


def recipe(cls=SF2M, **fields):
    given = {
        "net": MLP(width=32, depth=2),
        "pool": 8192,
        "training": Training(steps=600, batch=256, rate=5e-3),
    }
    if cls is SF2M:
        given |= {"bridge": Brownian(0.5)}
    return cls(**(given | fields))


def ratio(model, data, **how):
    """Descendants of the right branch over those of the left one."""
    x = data.at(0.0)
    weight = model.descendants(x, start=0.0, end=2.0, **how)
    return weight[x[:, 0] > 0].mean() / weight[x[:, 0] < 0].mean()


@pytest.fixture(scope="module")
def grown():
    return recipe(coupling=Unbalanced(), growth=PlanGrowth()).fit(branches(), key=KEY).model


def test_the_branch_that_doubles(grown):
    """3 standard errors of shares of 240 states on either side."""
    data, n = branches(), 240
    stderr = 2 * np.sqrt((1 / (2 / 3) + 1 / (1 / 3) + 4) / n)
    assert ratio(grown, data) == pytest.approx(2.0, abs=3 * stderr)
    # Relative to a whole mass that stays.
    x = data.at(0.0)
    weight = grown.descendants(x, start=0.0, end=2.0)
    sides = [weight[x[:, 0] < 0].mean(), weight[x[:, 0] > 0].mean()]
    np.testing.assert_allclose(sides, [2 / 3, 4 / 3], atol=0.1)
    rate = [float(grown.growth(jnp.asarray([a, 0.0]), time=1.0)) for a in (LEFT, RIGHT)]
    assert rate[1] - rate[0] == pytest.approx(np.log(2) / 2, abs=0.06)
    mass = grown.mass([0.0, 2.0])
    np.testing.assert_allclose(mass.value, [1.0, 1.0], atol=0.06)


def test_samples_follow_the_growing_law(grown):
    """The share of the right grows along, from a half to two thirds; half-way r^½ of each."""
    half = np.sqrt(4 / 3) / (np.sqrt(4 / 3) + np.sqrt(2 / 3))
    for time, share in ((0.0, 0.5), (1.0, half), (2.0, 2 / 3)):
        x = np.asarray(grown.sample(2000, time=time, key=KEY))
        assert (x[:, 0] > 0).mean() == pytest.approx(share, abs=0.05)
        # Nothing is under way between the branches.
        assert (np.abs(x[:, 0]) < 1).mean() < 0.05


def test_a_balanced_transport_has_to_carry_states_across():
    """The control: the same data, and no growth: a third of the left states would have to go."""
    model = recipe(coupling=Sinkhorn()).fit(branches(), key=KEY).model
    x = np.asarray(model.sample(1000, time=1.0, key=KEY))
    assert (np.abs(x[:, 0]) < 2).mean() > 0.1
    start = branches().at(0.0)[-100:]
    paths = model.sample_paths(100, times=[0.0, 2.0], start=start, key=KEY)
    assert (paths.values[:, 1, 0] > 0).mean() > 0.15


def test_a_density_that_grows_stays_normalised(grown):
    low, high, count = -9.0, 9.0, 60
    axis = low + (high - low) * (np.arange(count) + 0.5) / count
    grid = np.stack(np.meshgrid(axis, axis[20:40], indexing="ij"), -1).reshape(-1, 2)
    log_prob = jax.jit(jax.vmap(lambda x: grown.log_prob(x, time=1.0)))(jnp.asarray(grid, float))
    assert np.exp(np.asarray(log_prob)).sum() * 0.3**2 == pytest.approx(1.0, abs=0.08)


def test_given_rates_and_scores_of_proliferation():
    """Rates ln 2/2 on the right: the whole mass grows by 3/2. Scores are put between the limits."""
    data = branches()
    right = data.values[:, 0] > 0
    common = {"coupling": ExactOT(), "growth": GivenGrowth()}
    model = recipe(ICFM, **common).fit(data, growth=right * np.log(2) / 2, key=KEY).model
    assert ratio(model, data) == pytest.approx(2.0, abs=0.2)
    assert model.mass([0.0, 2.0]).value[1] == pytest.approx(1.5, abs=0.1)
    scores = np.linspace(0.0, 1.0, 9)
    rates = Proliferation(slowest=-0.5, fastest=1.5).rates(scores)
    assert rates[4] == pytest.approx(0.5)
    # Quartiles lie two widths from the median.
    assert rates[6] == pytest.approx(-0.5 + 2 / (1 + np.exp(-2.0)))
    assert (np.diff(rates) > 0).all()


def test_numbers_of_samples_are_mass_only_if_asked(rng):
    x0, x1 = rng.normal(size=(30, 1)), rng.normal(size=(90, 1))
    cost = lambda a, b: Brownian(1.0).cost(a, b, 1.0)
    ask = lambda growth: growth.pairs(
        Unbalanced(), x0, x1, cost, 50, np.zeros(0), 1.0, np.random.default_rng(0)
    )[1]
    assert np.exp(ask(PlanGrowth())).mean() == pytest.approx(1.0, abs=1e-6)
    assert np.exp(ask(PlanGrowth(counts=True))).mean() == pytest.approx(3.0, abs=1e-5)


def test_batches_of_a_plan_know_the_growth(rng):
    x0 = rng.normal(np.repeat([-4, 4], 150)[:, None], 0.5)
    x1 = rng.normal(np.repeat([-4, 4], [100, 200])[:, None], 0.5)
    cost = lambda a, b: Brownian(1.0).cost(a, b, 1.0)
    found = Unbalanced(batch=100).descendants(x0, x1, cost, rng)
    assert found.mean() == pytest.approx(1.0)
    assert found[150:].mean() / found[:150].mean() == pytest.approx(2.0, abs=0.25)


class Rates(AbstractNetwork):
    """A velocity 0 and a rate of growth."""

    rate: float

    def __call__(self, x, level=None, time=None, condition=None):
        return jnp.stack([0.0 * x[0], self.rate + 0.0 * x[0]])


def test_the_loss_weighs_a_pair_by_what_its_start_has_become():
    """r^{s − 1} at phase s; without motion the best rate is the weighted mean of ln r/Δ."""
    log_growth = np.log(np.repeat([4.0, 0.25], 5000)).astype(np.float32)
    zero = np.zeros((10_000, 1), np.float32)
    shuffle = np.random.default_rng(0).permutation(10_000)
    batch = {
        "start": zero, "end": zero, "condition": None, "time": zero[:, 0],
        "duration": np.full(10_000, 2.0, np.float32),
        "log_growth": log_growth[shuffle], "log_weight": log_growth[shuffle],
    }  # fmt: skip
    one = Constant(jnp.ones(()))

    def loss(rate):
        field = TransportField(Rates(rate), ICFM().bridge, Constant(jnp.ones(1)), one, True)
        return float(MatchingLoss(ICFM().bridge).loss(field, batch, key=KEY))

    # ∫ r^{s−1} ds = (1 − 1/r)/ln r, for r = 4 and 1/4.
    weight = np.array([0.75, 3.0]) / np.log(4)
    rates = np.array([1.0, -1.0]) * np.log(4) / 2
    best = (weight * rates).sum() / weight.sum()
    expected = [(weight * (r - rates) ** 2).sum() / 2 for r in (best, 0.0)]
    assert loss(best) == pytest.approx(expected[0], rel=0.01)
    assert loss(0.0) == pytest.approx(expected[1], rel=0.01)
    assert min(loss(best - 0.1), loss(best + 0.1)) > loss(best)


def test_conditions_saving_and_held_out_rates(tmp_path):
    data = branches(40)
    kind = (np.arange(80) % 2)[:, None]
    two = nq.Snapshots(data.values, data.times, data.time_index, condition=kind)
    tiny = {"net": MLP(width=16, depth=1), "pool": 64}
    training = Training(steps=4, batch=16, patience=1)
    method = recipe(ICFM, growth=GivenGrowth(), **tiny | {"training": training})
    fit = method.fit(two, growth=np.zeros(80), key=KEY)
    nq.save(fit, tmp_path / "run")
    again = nq.load(tmp_path / "run").model
    each = again.sample(6, time=1.0, condition=kind[:6], key=KEY)
    assert np.isfinite(each).all()
    np.testing.assert_array_equal(each, fit.model.sample(6, time=1.0, condition=kind[:6], key=KEY))
    assert again.descendants(two.at(0.0), start=0.0, end=1.0, condition=kind[:40]).shape == (40,)


def test_what_is_refused():
    data = branches(40)
    with pytest.raises(InvalidInput, match="take coupling=Unbalanced"):
        SF2M(growth=PlanGrowth())
    with pytest.raises(InvalidInput, match="needs a rate for every sample"):
        ICFM(growth=GivenGrowth()).fit(data, key=KEY)
    with pytest.raises(InvalidInput, match="expected a finite number for each of the 80"):
        ICFM(growth=GivenGrowth()).fit(data, growth=np.zeros(3), key=KEY)
    with pytest.raises(InvalidInput, match="set growth=GivenGrowth"):
        ICFM().fit(data, growth=np.zeros(80), key=KEY)
    with pytest.raises(InvalidInput, match="fastest"):
        Proliferation(slowest=1.0, fastest=0.0)
    with pytest.raises(InvalidInput, match="pairs of paths do"):
        DSBM(growth=GivenGrowth())

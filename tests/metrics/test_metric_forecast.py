"""Transition divergence and negative log-likelihood."""

import math

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.errors import InvalidInput, MissingTrait, SolveFailed
from noneq.metrics import excess, jensen_shannon, nll, transition_jensen_shannon
from noneq.traits import HasLogProb


def _rotating(rng, n, turn, memory=0.9, length=8):
    """Stationary N(0, I) at every time, turned by an angle per step; memory 0 is white."""
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    x = rng.normal(size=(n, 2))
    frames = [x]
    for _ in range(length - 1):
        x = memory * x @ turned.T + math.sqrt(1 - memory**2) * rng.normal(size=(n, 2))
        frames.append(x)
    return nq.Trajectories(np.stack(frames, axis=1), 0.1 * np.arange(length))


@pytest.mark.parametrize(("turn", "memory"), [(-0.5, 0.9), (0.5, 0.0)])
def test_other_dynamics_with_equal_marginals_are_seen(turn, memory, rng):
    """Counter-rotation, and no memory at all, against a rotating process."""
    settings = {"truth": _rotating(rng, 1000, 0.5), "domain": nq.Box(-4.0, 4.0), "bins": 8}
    reference = _rotating(rng, 1000, 0.5)
    other, same = _rotating(rng, 1000, turn, memory), _rotating(rng, 1000, 0.5)
    marginal = excess(jensen_shannon(other, reference, **settings)).mean()
    assert abs(marginal.z(0.0)) < 5
    joint = excess(transition_jensen_shannon(other, reference, lag=0.1, **settings)).mean()
    assert joint.z(0.0) > 20
    null = excess(transition_jensen_shannon(same, reference, lag=0.1, **settings)).mean()
    assert abs(null.z(0.0)) < 5


def test_transitions_of_a_swap_by_hand():
    """Two cells; one process stays, the other swaps at the last step: 1 bit, 0 at the first."""
    stay = np.repeat([[0.1], [0.9]], 3, axis=1).repeat(20, axis=0)
    swap = stay.copy()
    swap[:, 2] = 1 - swap[:, 2]
    make = lambda x: nq.Trajectories(x, (0.0, 0.5, 1.0), domain=nq.Box(0.0, 1.0))
    result = transition_jensen_shannon(make(swap), make(stay), lag=0.5, bins=2)
    np.testing.assert_array_equal(result.times, [0.0, 0.5])
    np.testing.assert_allclose(result.value, [0.0, 1.0])
    both = transition_jensen_shannon(make(swap), make(stay), lag=1.0, bins=2)
    np.testing.assert_allclose(both.value, [1.0])


def test_missing_ends_are_skipped():
    x = np.full((20, 2), 0.1)
    x[:5, 1] = 0.9
    mask = np.ones((20, 2), bool)
    mask[:5, 1] = False
    gappy = nq.Trajectories(x, (0.0, 1.0), mask=mask)
    still = nq.Trajectories(np.full((20, 2), 0.1), (0.0, 1.0))
    settings = {"lag": 1.0, "bins": 2, "domain": nq.Box(0.0, 1.0)}
    result = transition_jensen_shannon(gappy, still, **settings)
    assert result.value.tolist() == [0.0]
    assert result.n.tolist() == [15]
    seen = nq.Trajectories(x, (0.0, 1.0))
    assert transition_jensen_shannon(seen, still, **settings).value[0] > 0.05


def test_uneven_times_give_the_starts_that_have_the_lag(rng):
    times = (0.0, 0.1, 0.3, 0.4, 1.0)
    paths = nq.Trajectories(rng.normal(size=(20, 5)), times)
    result = transition_jensen_shannon(paths, paths, lag=0.3)
    np.testing.assert_array_equal(result.times, [0.0, 0.1])
    with pytest.raises(InvalidInput, match=r"lag = 0.25.*0.1, 0.3, 0.4, 1"):
        transition_jensen_shannon(paths, paths, lag=0.25)
    for lag in (0.0, -0.1, math.nan):
        with pytest.raises(InvalidInput, match="lag"):
            transition_jensen_shannon(paths, paths, lag=lag)


def test_too_many_cells_are_refused():
    paths = nq.Trajectories(np.zeros((9, 2, 3)), (0.0, 1.0))
    with pytest.raises(InvalidInput, match="fewer bins"):
        transition_jensen_shannon(paths, paths, lag=1.0, bins=2000)


class _Gaussian(HasLogProb):
    """N(time + condition, width²) per coordinate."""

    event_shape: tuple[int, ...] = (2,)
    width: float = 1.5

    def log_prob(self, x, *, time=None, condition=None):
        mean = (0.0 if time is None else time) + (0.0 if condition is None else condition[0])
        z = (x - mean) / self.width
        return -0.5 * jnp.sum(z**2) - x.size * jnp.log(self.width * math.sqrt(2 * math.pi))


def _entropy(width):
    return 1 + 2 * math.log(width * math.sqrt(2 * math.pi))


def test_nll_of_the_true_law_is_its_entropy(rng):
    times = np.array([0.0, 1.0, 2.0])
    shift = rng.normal(size=(5000, 1))
    noise = 1.5 * rng.normal(size=(5000, 3, 2))
    data = nq.Trajectories(noise + times[:, None] + shift[:, None], times, condition=shift)
    result = nll(_Gaussian(), data, batch=700)
    assert result.unit == "nat"
    assert result.floor is None
    assert np.abs(result.z(_entropy(1.5))).max() < 5
    np.testing.assert_array_equal(result.times, times)
    np.testing.assert_allclose(result.stderr, 1 / math.sqrt(5000), rtol=0.1)
    for broken in (_entropy(1.5) / 2, -_entropy(1.5), _entropy(1.5) / math.log(2)):
        assert np.abs(result.z(broken)).min() > 5
    unconditional = nq.Trajectories(data.values, times)
    assert (nll(_Gaussian(), unconditional).value > result.value + 10 * result.stderr).all()


def test_nll_does_not_depend_on_the_batch(rng):
    x = rng.normal(size=(50, 2))
    values = [nll(_Gaussian(), x, batch=batch).value for batch in (7, 50, 1000)]
    np.testing.assert_allclose(values, values[0], rtol=1e-6)
    exact = -np.mean([_Gaussian().log_prob(row) for row in x])
    np.testing.assert_allclose(values[0], exact, rtol=1e-5)


class _Broken(_Gaussian):
    bad: float = math.nan

    def log_prob(self, x, *, time=None, condition=None):
        return jnp.where(x[0] > 0, self.bad, 0.0)


def test_nll_refusals(rng):
    x = rng.normal(size=(50, 2))
    with pytest.raises(MissingTrait, match="HasLogProb"):
        nll(eqx.nn.Identity(), x)
    with pytest.raises(InvalidInput, match=r"\(3,\).*\(2,\)"):
        nll(_Gaussian(), rng.normal(size=(50, 3)))
    with pytest.raises(InvalidInput, match="at least 2"):
        nll(_Gaussian(), x[:1])
    with pytest.raises(InvalidInput, match="batch = 0"):
        nll(_Gaussian(), x, batch=0)
    with pytest.raises(SolveFailed, match="NaN"):
        nll(_Broken(), x)
    assert nll(_Broken(bad=-math.inf), x).value == math.inf

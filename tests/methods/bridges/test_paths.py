"""Bridges of one pair: the formulas of their papers, and what their means must be."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.data.snapshots import Snapshots
from noneq.data.summary import summarise
from noneq.errors import InvalidInput
from noneq.methods import Brownian, LinearSDE, Straight
from noneq.methods.bridges.closed.gaussian_model import GaussianField
from noneq.methods.bridges.matching import MatchingLoss
from noneq.statistics import GaussianBridge


X0, X1 = jnp.asarray([0.5, -1.0]), jnp.asarray([2.0, 0.3])
ROTATING = ((-0.5, 2.0), (-1.0, 0.3))
KEY = jax.random.key(3)


def test_a_straight_line():
    """Tong et al. 2024, eq. 14–15, over an interval of 2."""
    passage = Straight().at(X0, X1, 0.25, 2.0, key=KEY)
    np.testing.assert_allclose(passage.x, 0.75 * X0 + 0.25 * X1, rtol=1e-6)
    np.testing.assert_allclose(passage.velocity, (X1 - X0) / 2, rtol=1e-6)
    assert passage.score is None
    blurred = Straight(width=0.1).at(X0, X1, 0.25, 2.0, key=KEY)
    xi = np.asarray(jax.random.normal(KEY, (2,)))
    np.testing.assert_allclose(blurred.x - passage.x, 0.1 * xi, rtol=1e-4)


@pytest.mark.parametrize(("t", "duration"), [(0.2, 1.0), (0.7, 3.0)])
def test_a_brownian_bridge(t, duration):
    """Tong et al. 2024b, eq. 8–9, in the time t duration with the noise sigma √duration."""
    sigma = 0.8
    passage = Brownian(sigma).at(X0, X1, t, duration, key=KEY)
    s = sigma * np.sqrt(duration)
    mu = (1 - t) * X0 + t * X1
    flow = (1 - 2 * t) / (2 * t * (1 - t)) * (passage.x - mu) + X1 - X0
    np.testing.assert_allclose(passage.velocity, flow / duration, rtol=1e-5)
    np.testing.assert_allclose(passage.score, -(passage.x - mu) / (s**2 * t * (1 - t)), rtol=1e-4)
    # Their loss of the score: lambda s = −xi with lambda = sigma √(t(1 − t)).
    assert passage.spread == pytest.approx(s * np.sqrt(t * (1 - t)), rel=1e-5)
    xi = jax.random.normal(KEY, (2,))
    np.testing.assert_allclose(passage.spread * passage.score, -xi, rtol=1e-5)


@pytest.mark.parametrize("phase", [0.5 / 256, 100.5 / 256])
def test_a_linear_bridge_without_drift_is_brownian(phase):
    zero = LinearSDE(A=np.zeros((2, 2)), sigma=0.8)
    for duration in (0.5, 2.0):
        mine = zero.at(X0, X1, phase, duration, key=KEY)
        theirs = Brownian(0.8).at(X0, X1, phase, duration, key=KEY)
        for a, b in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-4)


def test_a_linear_bridge_is_that_of_its_paper():
    """Zhang and Stumpf 2025: mean, covariance, and control −Λ⁻¹(x − k), with integrals summed."""
    from scipy.linalg import expm

    A, m, sigma, duration = np.asarray(ROTATING), np.array([0.4, -0.2]), 0.7, 1.5
    phase = 80.5 / 256
    t, rest = phase * duration, (1 - phase) * duration

    def integral(span, sign):
        # Simpson's rule, exact to 1e-6 here.
        factors = np.array([expm(sign * A * r) for r in np.linspace(0, span, 17)])
        weight = np.array([1, *[4, 2] * 7, 4, 1]) * span / 48
        return np.einsum("i,iab,icb->ac", weight, factors, factors)

    phi, whole = integral(t, 1), integral(duration, 1)
    bridge = LinearSDE(A=A, centre=m, sigma=sigma).fixed.tabulated((duration,))
    x0, x1 = np.asarray(X0, float), np.asarray(X1, float)
    gain = phi @ expm(rest * A).T @ np.linalg.inv(whole)
    push = lambda x, span: expm(span * A) @ (x - m) + m
    mean = push(x0, t) + gain @ (x1 - push(x0, duration))
    covariance = sigma**2 * (phi - gain @ expm(rest * A) @ phi)
    passage = bridge.at(X0, X1, phase, duration, key=KEY)
    x = np.asarray(passage.x, float)
    score = -np.linalg.solve(covariance, x - mean)
    control = -np.linalg.solve(integral(rest, -1), x - (expm(-rest * A) @ (x1 - m) + m))
    flow = A @ (x - m) + control - sigma**2 * score / 2
    np.testing.assert_allclose(passage.score, score, rtol=2e-3)
    np.testing.assert_allclose(passage.velocity, flow, rtol=2e-3)
    assert passage.spread == pytest.approx(np.sqrt(np.trace(covariance) / 2), rel=1e-3)
    np.testing.assert_allclose(bridge.drift(X0, 0.0), A @ (x0 - m), rtol=1e-5)


def test_the_cost_is_that_of_the_transition_density():
    a, b = np.random.default_rng(0).normal(size=(2, 4, 2))
    brownian = Brownian(0.8).cost(a, b, 2.0)
    squares = ((a[:, None] - b) ** 2).sum(-1)
    np.testing.assert_allclose(brownian, squares / (2 * 0.8**2 * 2.0))
    np.testing.assert_allclose(
        LinearSDE(A=np.zeros((2, 2)), sigma=0.8).cost(a, b, 2.0), brownian, rtol=1e-6
    )


def exact_world():
    """A Gaussian Schrödinger bridge of a rotating reference: its field, and pairs of its plan."""
    reference = LinearSDE(A=ROTATING, centre=(0.4, -0.2), sigma=0.7)
    start = (np.array([-1.0, 0.5]), np.array([[1.0, 0.6], [0.6, 0.8]]))
    end = (np.array([0.5, 1.0]), np.array([[0.3, -0.1], [-0.1, 2.0]]))
    bridge = GaussianBridge(reference.fixed.reference, start, end, 1.5)
    joint = np.block([[start[1], bridge.cross], [bridge.cross.T, end[1]]])
    rng = np.random.default_rng(1)
    ends = rng.multivariate_normal(np.hstack([start[0], end[0]]), joint, size=20_000)
    data = Snapshots.from_frames([ends[:, :2], ends[:, 2:]], [0.0, 1.5])
    field = GaussianField(summarise(data)).filled([bridge], 0.7)
    return reference.fixed.tabulated((1.5,)), field, ends.astype(np.float32)


def scores_of_means(turn):
    """z-scores of E[(u* − u) g] and E[(s* − s) g] for some functions g of the state.

    Args:
        turn: sign of the score that is added to the exact velocity (0: the velocity itself).
    """
    bridge, field, ends = exact_world()

    @jax.jit
    def values(ends, keys, phases):
        def one(pair, key, phase):
            passage = bridge.at(pair[:2], pair[2:], phase, 1.5, key=key)
            time = 1.5 * (jnp.floor(phase * 256) + 0.5) / 256
            score = field(passage.x, time, None)[1]
            u = field.turned(passage.x, time, None, turn)
            g = jnp.stack([jnp.ones(2), passage.x, passage.x[::-1], passage.x**2])
            miss = passage.velocity - u, passage.spread**2 * (passage.score - score)
            return jnp.concatenate([(g * part).ravel() for part in miss])

        return jax.vmap(one)(ends, keys, phases)

    keys = jax.random.split(jax.random.key(0), len(ends))
    phases = 0.02 + 0.96 * (np.arange(len(ends)) + 0.5) / len(ends)
    found = np.asarray(values(ends, keys, np.float32(phases)), float)
    return found.mean(0) / (found.std(0) / np.sqrt(len(ends)))


def test_the_mean_of_the_targets_is_the_exact_field():
    """Regression on them has the Schrödinger bridge as its minimum; false-alarm rate 1e-6 each."""
    assert np.abs(scores_of_means(0.0)).max() < 4.9
    # The drift of the SDE in place of the velocity.
    assert np.abs(scores_of_means(1.0)).max() > 4.9


def test_the_loss_is_that_of_the_paper():
    """|u − u*|² + |lambda s + xi|² for data of unit scale."""
    data = Snapshots(np.array([[1.0, -1.0], [-1.0, 1.0]] * 2), [0.0, 1.0], [0, 0, 1, 1])
    field = GaussianField(summarise(data))
    batch = {
        "start": X0[None],
        "end": X1[None],
        "time": jnp.zeros(1),
        "duration": jnp.ones(1),
        "condition": None,
    }
    loss = MatchingLoss(Brownian(0.8)).loss(field, batch, key=KEY)
    phase_key, path_key, _ = jax.random.split(KEY, 3)
    t = 1e-3 + (1 - 2e-3) * jax.random.uniform(phase_key, (1,))[0]
    xi = jax.random.normal(jax.random.split(path_key, 1)[0], (2,))
    lam = 0.8 * jnp.sqrt(t * (1 - t))
    x = (1 - t) * X0 + t * X1 + lam * xi
    u = X1 - X0 + (1 - 2 * t) / (2 * t * (1 - t)) * lam * xi
    # The field at rest has u = 0 and s = −x.
    expected = jnp.mean(u**2) + jnp.mean((-lam * x + xi) ** 2)
    assert loss == pytest.approx(float(expected), rel=1e-4)


def test_what_is_refused():
    with pytest.raises(InvalidInput, match="positive noise"):
        Brownian(0.0)
    with pytest.raises(InvalidInput, match="positive noise"):
        LinearSDE(sigma=-1.0)
    with pytest.raises(InvalidInput, match="square"):
        LinearSDE(A=((1.0, 2.0),))
    with pytest.raises(InvalidInput, match="width"):
        Straight(width=-0.1)
    with pytest.raises(InvalidInput, match="left to the data"):
        LinearSDE(A=ROTATING).drift(X0, 0.0)
    with pytest.raises(InvalidInput, match="grow"):
        LinearSDE(A=((5.0, 0.0), (0.0, -5.0)), sigma=1.0).fixed.tabulated((10.0,))

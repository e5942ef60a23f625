"""NEEP's principle against closed forms at the data's own interval (false alarms below 1e-6 a test)."""

import warnings

import jax
import numpy as np
import pytest
from scipy.linalg import expm, solve_continuous_lyapunov

import noneq as nq
from noneq.errors import InvalidInput
from noneq.learning.training import Training
from noneq.nets.vectors.fields import MLP
from noneq.thermo import variational_rate


Z = 4.9
BEADS = np.array([[2.0, -1.0], [-1.0, 2.0]])
BATHS = np.diag([1.0, 10.0])


def linear_paths(rng, A, D, *, n, frames, dt, mask=False):
    """Exact samples of dX = −A X dt + √(2D) dW in its steady state."""
    covariance = solve_continuous_lyapunov(A, 2 * D)
    step = expm(-A * dt)
    noise = np.linalg.cholesky(covariance - step @ covariance @ step.T)
    x = rng.normal(size=(n, len(A))) @ np.linalg.cholesky(covariance).T
    path = [x]
    for _ in range(frames - 1):
        x = x @ step.T + rng.normal(size=x.shape) @ noise.T
        path.append(x)
    gaps = rng.random((n, frames)) > 0.1 if mask else None
    return nq.Trajectories(np.stack(path, 1), dt * np.arange(frames), mask=gaps)


@pytest.mark.parametrize("case", ["paths", "one path", "gaps"])
def test_beads_at_the_interval_of_the_data(rng, key, case):
    n, frames = {"paths": (100, 800), "one path": (1, 20_000), "gaps": (60, 300)}[case]
    data = linear_paths(rng, BEADS, BATHS, n=n, frames=frames, dt=0.1, mask=case == "gaps")
    rate = variational_rate(data, net=None, key=key)
    assert abs(rate.z(1.6360)) < Z
    if case == "paths":
        # Broken twin: the value of continuous time.
        assert abs(rate.z(2.025)) > Z
        # Cramér and Rao: twice the error √(2/(σT)) of a force that is known.
        assert 0.7 < rate.stderr / 1.636 / np.sqrt(8 / (1.636 * 8000)) < 1.6


def test_equilibrium_in_many_dimensions_has_no_rate(rng, key):
    data = linear_paths(rng, np.eye(8), np.eye(8), n=40, frames=60, dt=0.1)
    rate = variational_rate(data, net=None, key=key)
    assert abs(rate.z(0.0)) < Z
    # What was learnt from noise loses on the other half; without correction that is the value.
    held_out = float(rate.value + rate.bias)
    assert held_out < -3 * rate.stderr


def test_a_force_around_a_ring(key):
    data = nq.simulate(
        nq.systems.DrivenRing(force=3.0, amplitude=2.0), 0.01 * np.arange(400), n=64, key=key
    )
    rate = variational_rate(data, net=None, key=key)
    assert abs(rate.z(7.165)) < Z
    assert rate.stderr < 0.1 * 7.165


def test_chain_around_three_states(rng, key):
    turns = np.where(rng.random((40, 600)) < 0.75, 1, -1)
    rate = variational_rate(np.cumsum(turns, axis=1) % 3, net=None, key=key)
    assert abs(rate.z(0.5 * np.log(3))) < Z
    # Mirrored steps cost the same; unbiased ones nothing.
    fair = np.cumsum(np.where(rng.random((40, 600)) < 0.5, 1, -1), axis=1) % 3
    assert abs(variational_rate(fair, net=None, key=key).z(0.0)) < Z


def test_windows_see_more_of_what_is_hidden(rng, key):
    data = linear_paths(rng, BEADS, BATHS, n=40, frames=300, dt=0.1)
    whole = variational_rate(data, net=None, key=key)
    seen = nq.Trajectories(data.values[..., :1], data.times)
    # One coordinate of a linear process looks the same backwards, whatever the window.
    for window in (2, 5):
        rate = variational_rate(seen, window=window, net=None, key=key)
        assert abs(rate.value) < Z * rate.stderr + 0.05 * whole.value
    longer = variational_rate(data, window=4, net=None, key=key)
    # For a Markov process a window of any length has the rate of two frames.
    assert abs(longer.value - whole.value) < Z * np.hypot(longer.stderr, whole.stderr)


def test_the_network_is_kept_where_it_gains(key):
    data = nq.simulate(nq.systems.Swirl(q=2.0), 0.02 * np.arange(150), n=64, key=key)
    training = Training(steps=400, batch=1024, rate=3e-3, ema=0.9, patience=10)
    with pytest.warns(UserWarning, match="degree 1 does not span .* that degree"):
        linear = variational_rate(data, net=None, key=key)
    rate = variational_rate(data, net=MLP(width=32, depth=2), training=training, key=key)
    assert rate.value > linear.value + linear.stderr
    assert rate.value < 32.9025 + Z * rate.stderr


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("short", "windows"),
        ("still", "y never moves"),
        ("smooth", "without noise"),
        ("real", "expected whole numbers"),
    ],
)
def test_data_that_cannot_be_judged(rng, key, what, text):
    walk = np.cumsum(rng.normal(size=(4, 300, 2)), axis=1)
    data = {
        "short": nq.Trajectories(walk[:1, :9], np.arange(9.0)),
        "still": nq.Trajectories(walk * [1, 0], np.arange(300.0), names=("x", "y")),
        "smooth": nq.Trajectories(np.cumsum(walk, axis=1), np.arange(300.0)),
        "real": walk[..., 0],
    }[what]
    with pytest.raises(InvalidInput, match=text):
        variational_rate(data, net=None, key=key)


def test_frames_too_far_apart_are_told(rng, key):
    data = linear_paths(rng, BEADS, BATHS, n=20, frames=40, dt=2.0)
    with pytest.warns(UserWarning, match="relaxation time"):
        variational_rate(data, net=None, key=key)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        variational_rate(
            linear_paths(rng, BEADS, BATHS, n=20, frames=100, dt=0.05), net=None, key=key
        )


@pytest.mark.slow
def test_intervals_cover(key):
    """95 % intervals on 200 repeats: between 90 and 98.5 % of them."""
    rng, inside, z = np.random.default_rng(0), 0, []
    for i in range(200):
        data = linear_paths(rng, BEADS, BATHS, n=30, frames=100, dt=0.1)
        z.append(float(variational_rate(data, net=None, key=jax.random.fold_in(key, i)).z(1.6360)))
        inside += abs(z[-1]) < 1.96
    assert 0.90 <= inside / 200 <= 0.985
    assert abs(np.mean(z)) < 0.35


@pytest.mark.slow
@pytest.mark.optimised
def test_swirl_by_a_network(key):
    """Beside the exact ΔS = v·Δx/D on the same data: what is missing there was not learnt."""
    data = nq.simulate(nq.systems.Swirl(q=1.0), 0.005 * np.arange(2000), n=160, key=key)
    rate = variational_rate(data, key=key)
    middle = (data.values[:, 1:] + data.values[:, :-1]).astype(float) / 2
    x, y = np.moveaxis(middle, -1, 0)
    velocity = np.stack([2 * y, -4 * x * (x**2 - 1)], -1)
    s = (velocity * np.diff(data.values, axis=1)).sum(-1) / 0.5
    best = (s - np.expm1(-s)).mean() / 0.005
    assert 0.97 * best < rate.value < 1.01 * best
    # At this interval 2 % of the rate of continuous time is not seen.
    assert abs(rate.z(0.98 * 8.22563)) < 3
    assert rate.stderr < 0.03 * 8.22563


def test_states_units_and_transients(rng, key):
    """Discrete paths are states; the unit does not matter; a drift of the mean is refused."""
    turns = np.where(rng.random((40, 600)) < 0.75, 1, -1)
    states = np.cumsum(turns, axis=1) % 3
    paths = nq.Trajectories(states[..., None], 0.5 * np.arange(600), domain=nq.domains.Discrete(3))
    rate = variational_rate(paths, net=None, key=key)
    assert float(rate.value) == pytest.approx(
        2 * float(variational_rate(states, net=None, key=key).value), rel=1e-4
    )
    with pytest.raises(InvalidInput, match="was never seen"):
        variational_rate(np.arange(3000).reshape(3, 1000) % 3, net=None, key=key)
    once = (np.arange(600) >= 300).astype(
        int
    )  # a single move, which nothing tells from a huge force
    with pytest.raises(InvalidInput, match="reverse of 0→1 was never seen"):
        variational_rate(once, net=None, key=key)
    data = linear_paths(rng, BEADS, BATHS, n=20, frames=100, dt=0.1)
    large = nq.Trajectories((data.values * [1e30, 1e-30]).astype(np.float32), data.times)
    plain = nq.Trajectories(data.values.astype(np.float32), data.times)
    found = [float(variational_rate(d, net=None, key=key).value) for d in (plain, large)]
    assert found[0] == pytest.approx(found[1], rel=1e-3)
    moving = nq.Trajectories(data.values + np.linspace(0, 30, 100)[:, None], data.times)
    with pytest.raises(InvalidInput, match="steady state"):
        variational_rate(moving, net=None, key=key)

"""Counterfactuals: the noise of a path found again, and replayed under a change."""

import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from driven_laws import Trapped
from noneq.errors import InvalidInput, MissingTrait
from noneq.inference import counterfactual
from noneq.systems import Diffusion, Intervention, Linear, Repressilator


CHAIN = Linear(A=((1, 0, 0), (-1.5, 1, 0), (0, -1.2, 1)), D=np.eye(3) / 2)
TIMES = np.arange(0, 1.001, 0.01)
PUSH = Intervention(shift={0: 1.0})


def walked(drift, root, start, rng, times=TIMES, change=None):
    """Euler–Maruyama on the host in float64, and its twin under a change with the same noise."""
    x, y = np.array(start, float), np.array(start, float)
    if change is not None and "start" in change:
        y = change["start"](y)
    factual, other = [x], [y]
    for h in np.diff(times):
        kick = np.sqrt(h) * rng.normal(size=x.shape)
        force = drift(y) + (0 if change is None else change.get("push", 0))
        x, y = x + drift(x) * h + root(x) * kick, y + force * h + root(y) * kick
        factual.append(x)
        other.append(y)
    return np.stack(factual, 1), np.stack(other, 1)


@pytest.mark.parametrize("uneven", [False, True])
def test_the_twin_of_every_path_is_found_to_rounding(uneven, rng):
    A = np.asarray(CHAIN.A)
    times = np.cumsum(rng.uniform(0.002, 0.02, 80)) if uneven else TIMES
    push = np.array([1.0, 0.0, 0.0])
    paths, twins = walked(
        lambda x: -x @ A.T, lambda x: 1.0, rng.normal(size=(4, 3)), rng, times, {"push": push}
    )
    found = counterfactual(CHAIN, nq.Trajectories(paths, times), PUSH)
    assert found.convention == "additive"
    np.testing.assert_allclose(found.paths.values, twins, atol=1e-5)
    # One shift moves all paths alike: the difference holds no noise.
    assert np.ptp(found.difference, axis=0).max() < 1e-6


def test_noise_that_depends_on_the_state_is_replayed_at_the_new_state(rng):
    system = Diffusion(lambda x: -x, lambda x: 1 + 0.3 * jnp.sin(x), initial=[0.0, 0.0])
    paths, twins = walked(
        lambda x: -x, lambda x: 1 + 0.3 * np.sin(x), np.zeros((4, 2)), rng, TIMES,
        {"push": np.array([1.0, 0.0])},
    )  # fmt: skip
    found = counterfactual(system, nq.Trajectories(paths, TIMES), PUSH)
    assert found.convention == "lower-triangular"
    np.testing.assert_allclose(found.paths.values, twins, atol=1e-5)
    # The broken twin: the noise of the factual state.
    assert np.abs(paths + (1 - np.exp(-TIMES))[:, None] * [1, 0] - twins).max() > 0.02


def test_without_a_change_the_path_comes_back_also_with_gaps(rng):
    paths, _ = walked(lambda x: -x, lambda x: 1.0, rng.normal(size=(5, 1)), rng)
    mask = rng.random((5, TIMES.size)) < 0.7
    data = nq.Trajectories(paths, TIMES, mask=mask)
    system = Diffusion(lambda x: -x, 1.0, initial=[0.0])
    same = counterfactual(system, data, Intervention(noise={0: 1.0}))
    np.testing.assert_allclose(same.difference, 0, atol=1e-12)
    np.testing.assert_array_equal(same.paths.mask, mask)
    moved = counterfactual(system, data, PUSH)
    last = [np.flatnonzero(row)[[0, -1]] for row in mask]
    for row, (first, end) in enumerate(last):
        span = TIMES[end] - TIMES[first]
        assert moved.difference[row, end, 0] == pytest.approx(1 - np.exp(-span), abs=0.02)


def test_fitted_models_and_clamps(rng):
    paths, _ = walked(lambda x: 0 * x, lambda x: 1.0, rng.normal(size=(3, 1)), rng)
    found = counterfactual(
        Trapped.of(0.0), nq.Trajectories(paths, TIMES), Intervention(clamp={0: 0.5})
    )
    assert (found.paths.values == 0.5).all()
    assert "lower-triangular" in str(found)


def test_what_has_no_counterfactual(rng):
    data = nq.Trajectories(rng.normal(size=(2, 5, 3)), np.arange(5) / 100)
    with pytest.raises(InvalidInput, match=r"shape \(3,\) for a system of shape \(1,\)"):
        counterfactual(Trapped.of(0.0), data, PUSH)
    with pytest.raises(MissingTrait, match="HasDrift"):
        counterfactual(nq.load("tests/store/runs/ddpm").model, data, PUSH)
    with pytest.warns(UserWarning, match="record at intervals below"):
        counterfactual(Repressilator(), nq.Trajectories(np.abs(data.values), np.arange(5)), PUSH)

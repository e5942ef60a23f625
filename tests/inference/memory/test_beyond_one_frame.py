"""The test of memory: false alarms on Markov chains, power on hidden variables and inertia."""

import numpy as np
import pytest

import noneq as nq
from noneq.errors import InvalidInput
from noneq.inference import memory_test
from noneq.systems import AOUP, Linear, MemoryLangevin


DT, FRAMES, REPEATS = 0.1, 2500, 60
OU = Linear(((1.0,),), ((1.0,),))


def exact(system, rng, n, frames=FRAMES, keep=1):
    """Paths by the system's exact law, the first ``keep`` coordinates."""
    decay, added = system.transition(DT)
    root = np.linalg.cholesky(added + 1e-14 * np.eye(len(added)))
    x = np.empty((n, frames, len(decay)))
    x[:, 0] = rng.normal(size=x[:, 0].shape) @ np.linalg.cholesky(system.start()[1]).T
    for i in range(1, frames):
        x[:, i] = x[:, i - 1] @ decay.T + rng.normal(size=x[:, i].shape) @ root.T
    return x[:, :, :keep], np.arange(frames) * DT


def rejected(system, rng, keep=1, **settings):
    x, times = exact(system, rng, REPEATS, keep=keep)
    found = [memory_test(nq.Trajectories(one[None], times), **settings) for one in x]
    return np.mean([test.memory for test in found])


def test_a_hidden_velocity_is_found_and_the_whole_state_is_not(rng):
    """AOUP of k = 1, tau = 0.5, T = 250: power ≥ 0.95; false alarms, below 0.08 with P > 0.9999."""
    assert rejected(AOUP(), rng) >= 0.95
    assert rejected(AOUP(), rng, keep=2) < 0.08
    assert rejected(OU, rng) < 0.08


def test_positions_of_inertial_motion_remember(rng):
    x, times = exact(MemoryLangevin(), rng, 1)
    test = memory_test(nq.Trajectories(x, times))
    assert test.p_value < 1e-9
    assert "inertia" in str(test)


def test_a_drift_that_is_not_linear_is_no_memory(rng):
    """The double well at coarse steps: a straight line for the mean would leave a false memory."""
    x = np.empty((1, 40_000, 1))
    x[:, 0] = 1.0
    for i in range(1, x.shape[1]):
        here = x[:, i - 1]
        x[:, i] = here - 0.12 * (here**3 - here) + 0.45 * rng.normal(size=here.shape)
    assert memory_test(nq.Trajectories(x, np.arange(x.shape[1]) * DT), level=1e-5).p_value > 1e-5


def test_gaps_are_left_out_and_said(rng):
    x, times = exact(AOUP(), rng, 12)
    mask = rng.random(x.shape[:2]) > 0.2
    test = memory_test(nq.Trajectories(x, times, mask=mask))
    assert test.memory
    assert "left out for gaps" in test.notes[0]
    assert test.n == (mask[:, 2:] & mask[:, 1:-1] & mask[:, :-2]).sum()


def test_what_has_no_answer_is_refused(rng):
    x, times = exact(OU, rng, 1)
    uneven = np.cumsum(rng.uniform(0.05, 0.15, FRAMES))
    with pytest.raises(InvalidInput, match="uneven"):
        memory_test(nq.Trajectories(x, uneven))
    with pytest.raises(InvalidInput, match="longer paths"):
        memory_test(nq.Trajectories(x[:, :50], times[:50]))
    with pytest.raises(InvalidInput, match="with noise"):
        memory_test(nq.Trajectories(np.exp(-times[:400])[None, :, None], times[:400]))
    with pytest.raises(InvalidInput, match="frames = 0"):
        memory_test(nq.Trajectories(x, times), frames=0)

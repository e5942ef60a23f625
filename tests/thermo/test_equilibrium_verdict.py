"""The one test of equilibrium: its level, its power, its bound, and what it refuses."""

import numpy as np
import pytest
from scipy.stats import binom

import noneq as nq
from noneq.domains import Discrete, Torus
from noneq.errors import InvalidInput
from noneq.studies.thermo_zoo.panel import ask, ideal_power, member
from noneq.systems.linear import gaussian_step
from noneq.thermo import detailed_balance_test, verdict
from noneq.thermo.reversal.current_library import coordinates_of, independent, library
from noneq.thermo.reversal.current_sums import current_sums


def trap(turn, rng, paths=20, frames=400, dt=0.05, start=1.0, skip=()):
    """A trap that turns: σ = 2 turn², D = 1."""
    growth, added = gaussian_step(-np.array([[1.0, -turn], [turn, 1.0]]), 2 * np.eye(2), dt)
    record = np.empty((paths, frames, 2))
    x = start * rng.normal(size=(paths, 2))
    for k in range(frames):
        record[:, k] = x
        x = x @ growth.T + np.sqrt(added[0, 0]) * rng.normal(size=x.shape)
    mask = np.ones((paths, frames), bool)
    mask[:, list(skip)] = False
    mask[0] = True
    return nq.Trajectories(record, np.arange(frames) * dt, mask=mask)


@pytest.mark.parametrize("paths", [1, 20], ids=["one long", "many short"])
def test_equilibrium_and_a_turning_trap(rng, paths):
    rest = verdict(trap(0.0, rng, paths, 8000 // paths))
    assert rest.equilibrium
    assert rest.sentence == "consistent with equilibrium at level 0.01"
    assert rest.bound == 0
    turning = verdict(trap(1.0, rng, paths, 8000 // paths))
    assert not turning.equilibrium
    assert 0.4 < turning.bound < 2.0
    assert "at least" in turning.sentence
    assert [test.dof for test in turning.tests][:1] == [1]


def test_gaps_and_uneven_times(rng):
    data = trap(1.0, rng, skip=range(5, 400, 7))
    keep = np.delete(np.arange(400), np.arange(10, 400, 9))
    assert not verdict(data.frames(keep)).equilibrium
    assert verdict(trap(0.0, rng, skip=range(5, 400, 7)).frames(keep)).equilibrium


def test_both_directions_at_once_are_seen(rng):
    """Two wells that turn oppositely: no net area, so that the linear currents are blind."""
    record = np.empty((60, 400, 2))
    x = np.stack([np.where(np.arange(60) % 2 == 0, 1.5, -1.5), np.zeros(60)], 1)
    for k in range(-100, 400):
        if k >= 0:
            record[:, k] = x
        side = np.sign(x[:, :1])
        away = x - side * [1.5, 0.0]
        turned = np.stack([-away[:, 1], away[:, 0]], 1)
        x = x + 0.02 * (-2 * away + 4 * side * turned) + 0.2 * 0.5 * rng.normal(size=x.shape)
    found = verdict(nq.Trajectories(record, np.arange(400) * 0.02))
    by_name = {test.name: test.p_value for test in found.tests}
    assert by_name["rich"] < 1e-6
    assert not found.equilibrium


def test_a_relaxation_is_named(rng):
    found = verdict(trap(0.0, rng, paths=200, frames=40, start=4.0))
    assert not found.stationary
    assert not found.equilibrium
    assert found.bound == 0
    assert "not in a steady state" in found.sentence


def test_tori_need_no_bins(rng):
    """Diffusion with a constant drift around a ring, and without."""

    def ring(force):
        steps = force * 0.02 + np.sqrt(0.04) * rng.normal(size=(10, 500, 1))
        return nq.Trajectories(
            np.mod(np.cumsum(steps, 1), 1.0), np.arange(500) * 0.02, domain=Torus(period=1.0)
        )

    quiet, driven = detailed_balance_test(ring(0.0)), detailed_balance_test(ring(2.0))
    assert quiet.p_value > 0.01
    assert driven.p_value < 1e-6
    assert driven.dof == 1


def test_a_line_shows_sawteeth_only(rng):
    x = np.zeros((10, 2000, 1))
    for k in range(1, 2000):
        jump = 8 * (rng.random((10, 1)) < 0.02)
        x[:, k] = 0.9 * x[:, k - 1] + 0.3 * rng.normal(size=(10, 1)) + jump
    found = verdict(nq.Trajectories(x[:, 100:], np.arange(1900.0)))
    assert not found.equilibrium
    assert "skewness" in found.notes[-1]


def test_gradients_are_projected_out(rng):
    """Without the projection many short paths from equilibrium would carry their boundary terms."""
    data = trap(0.0, rng, paths=300, frames=12)
    functions = library(coordinates_of(data, 2, "test"), 3)
    sums = current_sums(data, functions)
    assert len(sums.sums) < len(functions.currents) / 2
    assert independent(2, 0, 1) == 1
    assert independent(5, 0, 1) == 10


def test_time_reversal_turns_every_current(rng):
    data = trap(1.0, rng)
    functions = library(coordinates_of(data, 2, "test"), 2)
    back = nq.Trajectories(data.values[:, ::-1], data.times)
    there, here = current_sums(back, functions), current_sums(data, functions)
    assert there.sums @ there.sums == pytest.approx(here.sums @ here.sums, rel=1e-6)
    assert there.pairs == here.pairs


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (nq.Trajectories(np.zeros((1, 10, 2)), np.arange(10.0)), "at least 64"),
        (nq.Trajectories(np.zeros((4, 50, 2)), np.arange(50.0)), "never moves"),
        (nq.Trajectories(np.zeros((4, 50, 2, 2)), np.arange(50.0)), "vectors"),
        (nq.Trajectories(np.zeros((4, 50, 1)), np.arange(50.0), domain=Discrete(2)), "Discrete"),
    ],
)
def test_refusals(data, words):
    with pytest.raises(InvalidInput, match=words):
        verdict(data)


def test_velocities_are_refused(rng):
    """Position and velocity in equilibrium: taken as even variables they look irreversible."""
    v = np.zeros((4, 1000, 1))
    for k in range(1, 1000):
        v[:, k] = 0.98 * v[:, k - 1] + 0.2 * rng.normal(size=(4, 1))
    data = nq.Trajectories(np.concatenate([0.02 * np.cumsum(v, 1), v], -1), np.arange(1000) * 0.02)
    with pytest.raises(InvalidInput, match="without noise"):
        verdict(data)
    with pytest.raises(InvalidInput, match="level"):
        verdict(data, level=0.7)


def test_members_of_the_panel_dissipate_what_they_say():
    one = member(0, driven=True)
    again = member(0, driven=True)
    assert np.array_equal(one.trajectories.values, again.trajectories.values)
    assert member(0, driven=False).dissipated == 0
    assert 5 <= one.dissipated <= 1_000
    assert float(ideal_power(150.0, 0.01)) > 0.999


@pytest.mark.stat
def test_a_small_panel():
    assert ask(range(5_000, 5_006), driven=False).false_alarms <= 1
    found = ask(range(5_000, 5_004), driven=True)
    assert found.rejected[found.dissipated >= 150].all()


@pytest.mark.slow
@pytest.mark.stat
def test_the_panel():
    """200 members each way: false alarms at the level, and power from σT = 150 on."""
    rest = ask(range(200), driven=False)
    assert rest.false_alarms <= min(8, binom.ppf(1 - 1e-6, 200, 0.01))
    driven = ask(range(200), driven=True)
    assert driven.power(150.0) >= 0.95
    assert np.mean(driven.bound > driven.dissipated) <= 0.04

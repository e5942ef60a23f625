"""Work along protocols against closed forms, jumps at the ends and inside included."""

import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.data.ensembles import Trajectories
from noneq.errors import InvalidInput
from noneq.estimate import sample_mean
from noneq.systems import (
    BreathingTrap,
    DraggedTrap,
    DrivenLangevin,
    FunctionProtocol,
    Langevin,
    Protocol,
)
from noneq.thermo import work
from noneq.thermo.exact import (
    breathing_free_energy,
    breathing_work,
    dragged_work,
    dragged_work_along,
    gaussian_works,
    least_breathing_work,
    least_dragged_work,
)


BEST_DRAG = Protocol((0.0, 0.0, 1.0, 1.0), (0.0, 1 / 3, 2 / 3, 1.0))
TIMES = np.linspace(0, 1, 21)


def best_breathing():
    """Stiffness 1 → 4 in a time of 1 at least work: variance (1 + c t)², k = (1 − c (1 + c t))/(…)²."""
    c = (-10 + np.sqrt(100 - 4 * 6 * 3)) / 12
    return FunctionProtocol(
        f"(1 - {c:.8f}*(1 + {c:.8f}*t))/(1 + {c:.8f}*t)^2".replace("+ -", "- ").replace(
            "- -", "+ "
        ),
        initial_value=1.0,
        final_value=4.0,
    )


def test_closed_forms():
    np.testing.assert_allclose(dragged_work(), (1.135335, 2.270671), rtol=1e-6)
    np.testing.assert_allclose(
        dragged_work_along(DraggedTrap().protocol), (1.135335, 2.270671), rtol=1e-6
    )
    np.testing.assert_allclose(dragged_work_along(BEST_DRAG)[0], least_dragged_work(), rtol=1e-6)
    assert least_dragged_work() == pytest.approx(1 / 3)
    assert least_dragged_work(5.0) == pytest.approx(25 / 3)
    assert breathing_work(Protocol()) == pytest.approx(0.936042, abs=1e-6)
    assert breathing_work(Protocol((0.0, 0.0), (1.0, 4.0))) == pytest.approx(1.5)
    assert breathing_work(best_breathing()) == pytest.approx(0.890572, abs=2e-6)
    for tau, least in ((1.0, 0.890572), (0.1, 1.320628), (10.0, 0.717533)):
        assert least_breathing_work(duration=tau) == pytest.approx(least, abs=1e-6)
    assert breathing_free_energy(1.0, 4.0) == pytest.approx(0.693147, abs=1e-6)
    assert gaussian_works(0.0, 1.135335)[1] == pytest.approx(2.270671, abs=1e-5)


@pytest.mark.stat
def test_least_work_needs_both_jumps(key):
    """Without the jumps at the ends the work of this protocol is far from 1/3."""
    trap = DraggedTrap(BEST_DRAG)
    paths = nq.simulate(trap, TIMES, n=3000, key=key)
    found = sample_mean(work(paths, trap))
    assert abs(found.z(1 / 3)) < 5
    smooth = DraggedTrap(Protocol((0.0, 1.0), (1 / 3, 2 / 3)))
    without = sample_mean(work(paths, smooth, check=False))
    assert abs(without.z(1 / 3)) > 5
    # The start's alone, and the end's alone.
    first, last = paths.frames([0]), paths.frames([20])
    np.testing.assert_allclose(
        work(first, trap),
        ((1 / 3 - first.values[:, 0, 0]) ** 2 - first.values[:, 0, 0] ** 2) / 2,
        atol=1e-6,
    )
    x = last.values[:, 0, 0]
    np.testing.assert_allclose(work(last, trap), ((1 - x) ** 2 - (2 / 3 - x) ** 2) / 2, atol=1e-6)


@pytest.mark.stat
def test_best_stiffening(key):
    trap = BreathingTrap(best_breathing())
    found = sample_mean(work(nq.simulate(trap, TIMES, n=4000, key=key), trap))
    assert abs(found.z(0.890572)) < 5
    assert found.stderr < 0.03


def test_a_jump_inside_counts_wherever_it_is_recorded():
    """States at rest: the work is V's rise, on a record, between two, or a rounding error off one."""
    values = np.full((3, 4, 1), 2.0)
    for time in (0.5, 0.5 * (1 + 1e-7), 0.7):
        trap = BreathingTrap(Protocol((0.0, time, time, 1.5), (1.0, 1.0, 4.0, 4.0)))
        paths = Trajectories(values, [0.0, 0.5, 1.0, 1.5])
        np.testing.assert_allclose(work(paths, trap, check=False), 6.0, rtol=1e-6)
    # Written into the potential itself, where no one says when.
    hidden = Langevin(lambda t, x: jnp.where(t < 0.7, 1.0, 4.0) * x[0] ** 2 / 2, shape=1)
    np.testing.assert_allclose(work(paths, hidden, check=False), 6.0, rtol=1e-6)


def test_jumps_take_the_state_at_their_time():
    values = np.array([0.0, 3.0, 1.0]).reshape(1, 3, 1).repeat(2, 0)
    trap = DrivenLangevin(
        lambda x, push: push * x[0],
        Protocol((0.0, 1.0, 1.0, 2.0), (0.0, 0.0, 1.0, 1.0)),
        initial=[0.0],
        time_step=0.01,
    )
    paths = Trajectories(values, [0.0, 1.0, 2.0])
    np.testing.assert_allclose(work(paths, trap, check=False), 3.0, rtol=1e-6)


def test_work_that_is_no_number():
    paths = Trajectories(np.full((2, 3, 1), 1e30), [0.0, 0.5, 1.0])
    with pytest.raises(InvalidInput, match="not finite on 2 of 2 trajectories"):
        work(paths, BreathingTrap(), check=False)
    with pytest.raises(InvalidInput, match="at least 2 are needed"):
        work(paths.frames([0]), BreathingTrap(), check=False)

"""Data of another system are refused, and a system's own recordings never."""

import re

import jax
import numpy as np
import pytest

from noneq.data.ensembles import Trajectories
from noneq.errors import InvalidInput
from noneq.simulation import StochasticHeun, simulate
from noneq.systems import DoubleWell, DrivenRing, Linear, Prinz, Swirl
from noneq.thermo import power, system_rate, work
from noneq.thermo.goodness_of_fit import _scores, _transitions, check_recorded_by


RING = DrivenRing(force=2.0, amplitude=1.0)
LINEAR = Linear(A=((1.0, -0.8), (0.4, 0.7)), D=((0.5, 0.2), (0.2, 0.9)))


@pytest.fixture(scope="module")
def recorded():
    """The ring, recorded finely and coarsely against its relaxation time of about one."""
    fine = simulate(RING, np.arange(0, 3, 0.02), n=100, key=jax.random.key(1))
    coarse = simulate(RING, np.arange(0, 10, 1.0), n=100, key=jax.random.key(2))
    return fine, coarse


def test_data_without_the_drive_have_no_entropy_production_of_the_driven_ring(key):
    """The work of the force over a free walk is about nothing, and no answer about the ring."""
    driven = DrivenRing(force=3.0, amplitude=0.0)
    free = simulate(DrivenRing(force=0.0, amplitude=0.0), np.arange(0, 4, 0.02), n=60, key=key)
    assert abs(system_rate(free, driven, check=False).value) < 2 < 9
    for observable in (system_rate, work, power):
        with pytest.raises(InvalidInput, match=r"not of DrivenRing\(force=3.* the drift"):
            observable(free, driven)


@pytest.mark.parametrize(
    ("other", "kind", "which"),
    [
        (DrivenRing(force=-2.0, amplitude=1.0), "drift", (0, 1)),
        (DrivenRing(force=2.0, amplitude=-1.0), "drift", (0,)),
        (DrivenRing(force=2.0, amplitude=1.0, beta=2.0), "noise", (0,)),
        (DrivenRing(force=2.0, amplitude=1.0, beta=0.5), "noise", (0,)),
    ],
)
def test_another_drift_and_another_noise_are_refused(recorded, other, kind, which):
    for i in which:
        with pytest.raises(InvalidInput, match=f"the {kind} of the data|noise of the data"):
            check_recorded_by(recorded[i], other, "work")


def test_own_recordings_pass_and_their_scores_are_standard(recorded):
    for data in recorded:
        check_recorded_by(data, RING, "work")
        z = np.stack([_scores(group) for group in _transitions(data, RING, "work")])
        assert 0.3 < np.sqrt(np.mean(z**2)) < 2.0
        assert np.abs(z).max() < 4.5


def test_a_rotation_without_a_potential_is_seen(key):
    """Reversing a rotation keeps the steady state and the noise: only the drift tells."""
    turned = lambda w: Linear(A=((1.0, -w), (w, 1.0)))
    data = simulate(turned(1.0), np.arange(0, 4, 0.1), n=100, key=key)
    check_recorded_by(data, turned(1.0), "work")
    with pytest.raises(InvalidInput, match="the drift of the data"):
        system_rate(data, turned(-1.0))


def test_what_cannot_be_compared(recorded):
    with pytest.raises(InvalidInput, match=re.escape("shape (1,); those of Linear have (2,)")):
        system_rate(recorded[0], Linear())
    one = Trajectories(recorded[0].values[:, :1], [0.0], domain=RING.domain)
    assert power(one, RING).value == 0.0
    # A quartic wall cannot be followed from a hundred times its distance.
    far = Trajectories(np.full((8, 3, 1), 1e4, np.float32), [0.0, 0.1, 0.2])
    with pytest.raises(InvalidInput, match="its own motion diverges"):
        work(far, DoubleWell())


@pytest.mark.slow
@pytest.mark.stat
@pytest.mark.parametrize("coarse", [1.0, 16.0])
@pytest.mark.parametrize(
    ("system", "step"),
    [
        (RING, 0.02),
        (DrivenRing(force=1.5, amplitude=3.0, beta=5.0), 0.01),
        (Prinz(drive=4.0), 0.02),
        (Swirl(q=1.0), 0.02),
        (DoubleWell(), 0.02),
        (LINEAR, 0.05),
    ],
)
def test_false_alarms_are_as_rare_as_said(system, step, coarse):
    """The largest of all z over 8 recordings, by two schemes, is that of a normal law."""
    largest, count, squares = 0.0, 0, 0.0
    times = np.arange(0, 32) * step * coarse
    for seed in range(8):
        solver = StochasticHeun() if seed % 2 else None
        data = simulate(system, times, n=100, key=jax.random.key(seed), solver=solver)
        z = np.stack([_scores(group) for group in _transitions(data, system, "work")])
        largest, count = max(largest, np.abs(z).max()), count + z.size
        squares += np.sum(z**2)
    assert largest < np.sqrt(2 * np.log(2 * count / 1e-3))
    assert squares / count < 1.5

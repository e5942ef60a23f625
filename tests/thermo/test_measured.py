"""Entropy production measured on simulations against its exact value."""

import equinox as eqx
import numpy as np
import pytest

from noneq.data.ensembles import Trajectories
from noneq.errors import InvalidInput, MissingTrait
from noneq.simulation import simulate
from noneq.systems import DoubleWell, DrivenRing, EightGaussians, Linear, Prinz, Swirl
from noneq.thermo import exact, power, system_rate, work


def zscore(system, times, n, key, *, start=None, truth=None, judge=None, substeps=None):
    data = simulate(system, times, n=n, key=key, substeps=substeps)
    measured = system_rate(data, judge or system, start=start, check=judge is None)
    return float(measured.z(truth or system.entropy_production_rate()))


@pytest.mark.slow
@pytest.mark.stat
def test_rotating_wells_at_the_papers_drive(key):
    assert abs(zscore(Prinz(), np.arange(0, 2, 0.02), 2000, key, start=0.4)) < 5


@pytest.mark.slow
@pytest.mark.stat
def test_rotating_wells_driven_hard(key):
    """The standard error is 0.4 %: a wrong factor of the rotation or of beta is seen at once."""
    system, times = Prinz(drive=20.0), np.arange(0, 1.5, 0.02)
    data = simulate(system, times, n=1000, key=key)
    measured = system_rate(data, system, start=0.4)
    truth = system.entropy_production_rate()
    assert abs(measured.z(truth)) < 5
    assert measured.stderr < 0.01 * truth
    assert abs(measured.z(1.1 * truth)) > 5
    cold = eqx.tree_at(lambda s: s.beta, system, 5.0)
    assert abs(system_rate(data, cold, start=0.4, check=False).z(truth)) > 5


@pytest.mark.stat
def test_ring(key):
    ring = DrivenRing(force=3.0, amplitude=2.0)
    assert abs(zscore(ring, np.arange(0, 6, 0.01), 400, key, start=1.0)) < 5


@pytest.mark.stat
def test_swirl_and_its_reverse(key):
    """The reversed swirl as judge turns the sign: the measurement sees the direction."""
    times = np.arange(0, 2, 0.0025)
    assert abs(zscore(Swirl(q=1.0), times, 400, key)) < 5
    truth = Swirl(q=1.0).entropy_production_rate()
    assert abs(zscore(Swirl(q=1.0), times, 400, key, judge=Swirl(q=-1.0), truth=-truth)) < 5


@pytest.mark.stat
def test_linear_without_potential(key):
    hot = Linear(A=((2.0, -1.0), (-1.0, 2.0)), D=((1.0, 0.0), (0.0, 10.0)))
    times = np.arange(0, 8, 0.004)
    assert abs(zscore(hot, times, 300, key, truth=exact.bead_spring(2, 1.0, 10.0))) < 5
    correlated = Linear(A=((1.0, -0.8), (0.4, 0.7)), D=((0.5, 0.2), (0.2, 0.9)))
    assert abs(zscore(correlated, times, 300, key)) < 5


def test_equilibrium_costs_nothing(key):
    data = simulate(DoubleWell(), np.arange(0, 1, 0.1), n=50, key=key)
    assert (work(data, DoubleWell()) == 0).all()
    assert (power(data, DoubleWell()).value == 0).all()


def test_power_is_the_partial_time_derivative(key):
    """⟨∂_t V⟩ = ω ⟨sin(5θ − ωt)⟩ of the very same states."""
    system = Prinz(drive=3.0)
    data = simulate(system, [0.0, 0.1, 0.2], n=300, key=key)
    x = data.values.astype(np.float64)
    angle = 5 * np.arctan2(x[..., 1], x[..., 0]) - 1.5 * np.pi * data.times
    np.testing.assert_allclose(
        power(data, system, check=False).value,
        (1.5 * np.pi * np.sin(angle)).mean(0),
        rtol=1e-3,
        atol=1e-4,
    )


def test_work_on_a_torus_counts_the_short_way():
    """A force F over a displacement across the seam does work F times the displacement."""
    values = np.array([6.2, 0.1, 0.3], np.float32).reshape(1, 3, 1).repeat(2, 0)
    ring = DrivenRing(force=2.0)
    data = Trajectories(values, [0.0, 1.0, 2.0], domain=ring.domain)
    found = work(data, ring, check=False)
    np.testing.assert_allclose(found, 2.0 * (2 * np.pi - 6.2 + 0.3), rtol=1e-5)


def test_refusals(key):
    data = simulate(Prinz(), [0.0, 0.02], n=4, key=key)
    with pytest.raises(MissingTrait, match="potential"):
        power(data, Linear())
    with pytest.raises(MissingTrait, match="dynamics"):
        system_rate(data, EightGaussians())
    with pytest.raises(InvalidInput, match="earlier start"):
        system_rate(data, Prinz(), start=0.02)
    mask = np.array([[True, True], [True, False], [True, True], [True, True]])
    gappy = Trajectories(data.values, data.times, mask=mask)
    with pytest.raises(InvalidInput, match="missing"):
        system_rate(gappy, Prinz())
    with pytest.raises(InvalidInput, match="without noise"):
        system_rate(data, Linear(D=((1.0, 0.0), (0.0, 0.0))))

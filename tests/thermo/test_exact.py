"""Closed forms against independently obtained numbers and against each other."""

import numpy as np
import pytest

from noneq.errors import InvalidInput
from noneq.thermo import exact


def test_linear_family_agrees_with_its_closed_forms():
    trap = exact.linear(np.array([[1.0, -2.0], [2.0, 1.0]]), 0.3 * np.eye(2))
    np.testing.assert_allclose([trap, exact.rotational_trap(1.0, 2.0)], 8.0)
    gyrator = exact.linear(np.array([[1.0, 0.5], [0.5, 2.0]]), np.diag([1.0, 3.0]))
    np.testing.assert_allclose([gyrator, exact.gyrator(1.0, 2.0, 0.5, 1.0, 3.0)], 1 / 9)
    np.testing.assert_allclose(exact.gyrator_torque(1.0, 2.0, 0.5, 1.0, 3.0), 2 / 3)
    tau, da = 0.5, 0.8
    active = exact.linear(np.array([[1.0, -1.0], [0.0, 1 / tau]]), np.diag([0.3, da / tau**2]))
    np.testing.assert_allclose([active, exact.aoup(1.0, tau, 0.3, da)], 3.5556, rtol=1e-4)
    pair = exact.linear(np.array([[2.0, -1.0], [-1.0, 2.0]]), np.diag([1.0, 3.0]))
    np.testing.assert_allclose([pair, exact.coupled_particles(1.0, 1.0, 1.0, 3.0)], 1 / 3)
    np.testing.assert_allclose(exact.underdamped_pair(1.0, 1.0, 1.0, 3.0), 2 / 9)
    np.testing.assert_allclose(exact.underdamped_heat(1.0, 1.0, 1.0, 3.0), 1 / 3)


@pytest.mark.parametrize(
    ("beads", "cold", "hot", "rate"),
    [
        (2, 1.0, 10.0, 2.025),
        (2, 1.0, 5.0, 0.8),
        (2, 1.0, 2.0, 0.125),
        (5, 1.0, 10.0, 0.62982),
        (5, 1.0, 5.0, 0.254343),
        (5, 1.0, 2.0, 0.0408369),
        (16, 0.20768, 10.0, 1.0),
        (64, 0.05171, 10.0, 1.0),
    ],
)
def test_bead_spring(beads, cold, hot, rate):
    np.testing.assert_allclose(exact.bead_spring(beads, cold, hot), rate, rtol=3e-4)


def test_fields_on_a_ring():
    n, r, w = 16, 0.5, 0.8
    laplace = 2 * np.eye(n) - np.roll(np.eye(n), 1, 0) - np.roll(np.eye(n), -1, 0) + r * np.eye(n)
    rates = np.block([[laplace, -w * np.eye(n)], [w * np.eye(n), laplace]])
    np.testing.assert_allclose(exact.nonreciprocal_ring(n, r, w), 13.65375, rtol=1e-6)
    np.testing.assert_allclose(exact.linear(rates, np.eye(2 * n)), 13.65375, rtol=1e-6)


def test_relaxation():
    np.testing.assert_allclose(
        exact.linear_relaxation(4 * np.eye(1), np.eye(1), np.eye(1)), 0.80685, rtol=1e-5
    )


@pytest.mark.parametrize(
    ("q", "temperature", "rate"),
    [
        (1.0, 0.5, 8.22563),
        (0.5, 0.5, 2.05641),
        (1.0, 0.25, 9.01205),
        (2.0, 0.5, 32.9025),
        (1.0, 1.0, 7.99295),
    ],
)
def test_swirl(q, temperature, rate):
    np.testing.assert_allclose(exact.swirl(q, temperature), rate, rtol=1e-5)


def test_hopf():
    np.testing.assert_allclose(exact.hopf(1.0, 2.0, 0.1), 40.59332, rtol=1e-6)
    np.testing.assert_allclose(exact.hopf(-1.0, 2.0, 0.5), 4.20108, rtol=1e-5)


@pytest.mark.parametrize(
    ("amplitude", "force", "current", "rate"),
    [
        (1.0, 1.0, 0.1233003, 0.7747184),
        (2.0, 0.5, 0.0187774, 0.0589911),
        (2.0, 3.0, 0.3801365, 7.1654046),
    ],
)
def test_driven_ring(amplitude, force, current, rate):
    np.testing.assert_allclose(exact.driven_ring_current(force, amplitude), current, rtol=3e-6)
    np.testing.assert_allclose(exact.driven_ring(force, amplitude), rate, rtol=1e-6)


def test_flat_ring_and_still_ring():
    np.testing.assert_allclose(exact.driven_ring(1.5, 0.0, 0.5), 1.5**2 / 0.5, rtol=1e-10)
    assert exact.driven_ring(0.0, 1.0) == 0.0


@pytest.mark.parametrize(
    ("force", "beta", "rate"),
    # Double integral reduced to one by the Bessel function I0, in logarithms.
    [
        (-3.0, 40.0, 339.41317),
        (1.5, 1e4, 16770.510),
        (1.0, 1e4, 369.21111),
        (-0.5, 40.0, 2.16966e-11),
    ],
)
def test_ring_under_strong_force(force, beta, rate):
    np.testing.assert_allclose(exact.driven_ring(force, 1.0, 1 / beta), rate, rtol=3e-6)


def test_unresolved_ring_is_refused():
    with pytest.raises(InvalidInput, match="too large"):
        exact.driven_ring(1.0, 1.0, 1e-6)


def test_hopf_far_below_its_bifurcation():
    # ⟨r²⟩ → 2D/|μ| for a harmonic trap of stiffness |μ|.
    np.testing.assert_allclose(exact.hopf(-3000.0, 2.0, 0.01), 8 / 3000, rtol=1e-6)
    # The series takes over where the plain form still has nine digits.
    plain, series = (exact.hopf(z * np.sqrt(2.0), 1.0, 1.0) for z in (-29.999999, -30.000001))
    np.testing.assert_allclose(plain / series, 30.000001 / 29.999999, rtol=2e-9)


def test_rotating_wells():
    np.testing.assert_allclose(exact.rotating_wells(), 0.25803, rtol=1e-4)
    np.testing.assert_allclose(exact.rotating_wells_power(radius=1.5), 0.222249, rtol=1e-4)


def test_refusals():
    with pytest.raises(InvalidInput, match="stationary"):
        exact.linear(-np.eye(1), np.eye(1))
    with pytest.raises(InvalidInput, match="singular"):
        exact.linear(np.eye(2), np.diag([1.0, 0.0]))
    with pytest.raises(InvalidInput, match="beads"):
        exact.bead_spring(1, 1.0, 2.0)

"""Exact laws of Ising models against each other and against known values."""

import dataclasses
import math

import numpy as np
import pytest

from noneq.errors import InvalidInput
from noneq.systems import (
    CouplingMatrix,
    Glauber,
    HeatBath,
    Ising,
    Lattice,
    Metropolis,
    enumeration,
    flip_matrix,
    onsager_energy,
    onsager_magnetisation,
    step_matrix,
    torus_energy,
)


CRITICAL = 2 / math.log(1 + math.sqrt(2))
DYNAMICS = (HeatBath(), Metropolis(), Glauber())


@pytest.mark.parametrize("shape", [(4, 4), (2, 4), (4, 2), (3, 4), (3, 3), (2, 2), (3, 5)], ids=str)
def test_kaufmans_torus_is_the_enumerated_one(shape):
    spins = math.prod(shape)
    for temperature in (0.01, 1.0, CRITICAL, 3.0, 100.0):
        exact = enumeration(Ising(Lattice(shape), temperature=temperature)).energy / spins
        assert torus_energy(shape, temperature) == pytest.approx(exact, abs=1e-11)
        assert torus_energy(shape[::-1], temperature) == pytest.approx(exact, abs=1e-11)
    exact = enumeration(Ising(Lattice((4, 4), strength=-0.7), temperature=1.3)).energy / 16
    assert torus_energy((4, 4), 1.3, -0.7) == pytest.approx(exact, abs=1e-11)


def test_onsager_and_yang():
    assert onsager_energy(CRITICAL) == pytest.approx(-math.sqrt(2), abs=1e-13)
    assert onsager_energy(0.01) == -2.0
    assert onsager_energy(1e4) == pytest.approx(-2e-4, rel=1e-7)  # −2J²/T to leading order
    assert onsager_energy(6.0, 3.0) == pytest.approx(3 * onsager_energy(2.0), rel=1e-14)
    for temperature in (1.8, 2.2, 2.4, 3.0):
        large = torus_energy((512, 512), temperature)
        assert large == pytest.approx(onsager_energy(temperature), abs=1e-10)
    assert torus_energy((32, 32), CRITICAL) == pytest.approx(
        -math.sqrt(2) * (1 + 0.44 / 32), abs=1e-3
    )
    assert onsager_magnetisation(CRITICAL) == 0.0
    assert onsager_magnetisation(3.0) == 0.0
    assert onsager_magnetisation(2.0) == pytest.approx(0.911319377877496, rel=1e-12)
    assert onsager_magnetisation(0.01) == 1.0


def test_enumeration_by_hand():
    """Two spins, and its derivatives: d ln Z/dβ = −E, dE/dT = C."""
    pair = Ising(CouplingMatrix(((0.0, 1.5), (1.5, 0.0))), 0.4, 2.0)
    weights = np.exp(np.array([1.5 - 0.8, -1.5, -1.5, 1.5 + 0.8]) / 2.0)
    law = enumeration(pair)
    np.testing.assert_allclose(law.probabilities, weights / weights.sum(), rtol=1e-14)
    assert law.log_partition == pytest.approx(math.log(weights.sum()), rel=1e-14)
    assert law.magnetisation == pytest.approx((weights[3] - weights[0]) / weights.sum())
    assert law.absolute_magnetisation == pytest.approx((weights[3] + weights[0]) / weights.sum())
    step = 1e-4
    at = lambda beta: enumeration(dataclasses.replace(pair, temperature=1 / beta))
    slope = (at(0.5 + step).log_partition - at(0.5 - step).log_partition) / (2 * step)
    assert -slope == pytest.approx(law.energy, rel=1e-6)
    at_temperature = lambda t: at(1 / t).energy
    slope = (at_temperature(2.0 + step) - at_temperature(2.0 - step)) / (2 * step)
    assert slope == pytest.approx(law.heat_capacity, rel=1e-6)


def stationary(matrix):
    values, vectors = np.linalg.eig(matrix.T)
    p = np.real(vectors[:, np.argmax(values.real)])
    return p / p.sum()


def dissipation(matrix, p):
    """Entropy production per step, nats."""
    flow = p[:, None] * matrix
    both = (flow > 0) & (flow.T > 0)
    return float(np.sum(flow[both] * np.log(flow[both] / flow.T[both])))


@pytest.mark.parametrize("dynamics", DYNAMICS, ids=lambda d: type(d).__name__)
def test_equilibrium_is_balanced_and_drive_is_not(dynamics):
    rest = Ising(Lattice((3, 2)), 0.3, 2.0, dynamics)
    law = enumeration(rest).probabilities
    for matrix in (flip_matrix(rest), step_matrix(rest)):
        np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-12)
        np.testing.assert_allclose(law @ matrix, law, atol=1e-12)
    flow = law[:, None] * flip_matrix(rest)
    np.testing.assert_allclose(flow, flow.T, atol=1e-15)
    assert abs(dissipation(flip_matrix(rest), law)) < 1e-13
    warm = dataclasses.replace(rest, temperature=(1.0, 4.0))
    oneway = dataclasses.replace(rest, couplings=Lattice((3, 2), nonreciprocal=0.5))
    for driven in (warm, oneway):
        matrix = flip_matrix(driven)
        assert dissipation(matrix, stationary(matrix)) > 1e-3


def test_a_sweep_dissipates_even_at_rest_and_glauber_does_not():
    """As the docstrings say: the fixed order of a sweep is not reversible."""
    rest = Ising(Lattice((4,)), 0.3, 2.0)
    law = enumeration(rest).probabilities
    assert dissipation(step_matrix(rest), law) > 1e-3
    timed = step_matrix(dataclasses.replace(rest, dynamics=Glauber()))
    assert abs(dissipation(timed, law)) < 1e-12


@pytest.mark.parametrize(
    ("ask", "match"),
    [
        (lambda: enumeration(Ising(Lattice((3, 7)))), "21 spins; at most 20"),
        (lambda: flip_matrix(Ising(Lattice((13,)))), "13 spins; at most 12"),
        (lambda: step_matrix(Ising(Lattice((13,)))), "13 spins; at most 12"),
        (lambda: enumeration(Ising(Lattice((4,)), temperature=(1.0, 2.0))), "two temperatures"),
        (lambda: enumeration(Ising(Lattice((4,), nonreciprocal=0.1))), "not reciprocal"),
        (lambda: onsager_energy(0.0), "temperature = 0"),
        (lambda: onsager_energy(1.0, 0.0), "strength = 0"),
        (lambda: onsager_magnetisation(1.0, -1.0), "antiferromagnets"),
        (lambda: torus_energy((3, 4), 1.0, -1.0), "odd side"),
        (lambda: torus_energy((1, 4), 1.0), "two sides"),
        (lambda: torus_energy((4, 4), -1.0), "temperature"),
    ],
)
def test_refusals(ask, match):
    with pytest.raises(InvalidInput, match=match) as caught:
        ask()
    assert "\n" not in str(caught.value)

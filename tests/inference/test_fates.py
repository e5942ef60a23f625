"""Fate probabilities against the backward equation, and the coordinates that drive them."""

import numpy as np
import pytest
from scipy.linalg import expm

from noneq.errors import InvalidInput, MissingTrait
from noneq.inference import fate_probabilities
from noneq.systems import DoubleWell, Linear


SIDES = {"left": lambda x: x[:, 0] < 0, "right": lambda x: x[:, 0] >= 0}


def right_by_the_backward_equation(starts: np.ndarray, beta: float, duration: float) -> np.ndarray:
    """q(x) of the double well on a grid: jumps that obey detailed balance."""
    x = np.linspace(-2.5, 2.5, 501)
    h, V = x[1] - x[0], (x**2 - 1) ** 2
    up = np.exp(-beta * np.diff(V) / 2) / (beta * h**2)
    down = np.exp(beta * np.diff(V) / 2) / (beta * h**2)
    L = np.diag(up, 1) + np.diag(down, -1)
    L -= np.diag(L.sum(1))
    return np.interp(starts, x, expm(L * duration) @ (x >= 0))


@pytest.mark.parametrize("beta_of_truth", [3.0, 2.0])
def test_a_double_well_decides_as_the_backward_equation_says(key, beta_of_truth):
    starts = np.linspace(-1.2, 1.2, 9)
    found = fate_probabilities(
        DoubleWell(beta=3.0), starts[:, None], SIDES, start=0.0, end=0.7, paths=2000, key=key
    )
    true = right_by_the_backward_equation(starts, beta_of_truth, 0.7)
    z = (found.probability.value[:, 1] - true) / found.probability.stderr[:, 1]
    # Nine binomials, false alarm 1e-6 in all; another temperature is caught.
    assert (np.abs(z).max() < 5.4) == (beta_of_truth == 3.0)
    np.testing.assert_allclose(found.undecided.value, 0.0)


def test_the_deciding_coordinate_is_the_driver(key, rng):
    system = Linear(A=((0.0, 0.0), (0.0, 1.0)), start_covariance=((1.0, 0.0), (0.0, 1.0)))
    states = rng.normal(size=(60, 2))
    fates = fate_probabilities(system, states, SIDES, start=0.0, end=0.1, paths=50, key=key)
    drivers = fates.drivers()
    assert drivers.value.shape == (2, 2)
    assert drivers.value[1, 0] > 0.7
    assert abs(drivers.value[1, 1]) < 5 * drivers.stderr[1, 1]
    np.testing.assert_allclose(drivers.value[0], -drivers.value[1], atol=1e-12)


def test_bad_requests_are_refused(key):
    ask = lambda fates=SIDES, states=((0.0,),), **more: fate_probabilities(
        DoubleWell(), np.asarray(states), fates, **({"start": 0.0, "end": 1.0, "key": key} | more)
    )
    with pytest.raises(InvalidInput, match="must lie after"):
        ask(end=0.0)
    with pytest.raises(InvalidInput, match="no fate"):
        ask({})
    with pytest.raises(InvalidInput, match="overlap"):
        ask({"all": lambda x: x[:, 0] < 9, "right": lambda x: x[:, 0] > -9})
    with pytest.raises(InvalidInput, match="truth values"):
        ask({"right": lambda x: x[:, 0]})
    with pytest.raises(MissingTrait, match="no system"):
        fate_probabilities(object(), np.zeros((1, 1)), SIDES, start=0.0, end=1.0, key=key)

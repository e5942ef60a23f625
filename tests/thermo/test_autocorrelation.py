"""The autocorrelation time against AR(1) chains, whose value is known."""

import numpy as np
import pytest

import noneq as nq
from noneq.errors import InvalidInput
from noneq.thermo import autocorrelation_time


def chain(phi, n=64, steps=4000, seed=0):
    rng = np.random.default_rng(seed)
    x = np.empty((n, steps, 2))
    x[:, 0] = rng.normal(size=(n, 2))
    for i in range(1, steps):
        x[:, i] = phi * x[:, i - 1] + np.sqrt(1 - phi**2) * rng.normal(size=(n, 2))
    return x


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9, -0.5])
def test_an_autoregressive_chain(phi):
    """tau = (1 + phi)/(1 − phi); the window leaves a bias of some e^-5."""
    found, exact = autocorrelation_time(chain(phi)), (1 + phi) / (1 - phi)
    assert abs(found.value - exact) < 4.9 * found.stderr + 0.02 * exact
    assert found.stderr < 0.05 * exact
    # The value of a chain without memory of sign is not within reach.
    assert abs(found.value - 1.2 * exact) > 4.9 * found.stderr


def test_units_are_those_of_the_times():
    x = chain(0.5, n=16, steps=500).astype(np.float32)
    paths = nq.Trajectories(x, 0.1 * np.arange(500))
    assert autocorrelation_time(paths).value == pytest.approx(
        0.1 * autocorrelation_time(x).value, rel=1e-5
    )


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        (np.zeros((4, 50, 1)), "never change"),
        (np.zeros((1, 50, 1)), "2 chains"),
        (np.full((4, 50, 1), np.nan), "NaN"),
    ],
)
def test_refusals(bad, word):
    with pytest.raises(InvalidInput, match=word):
        autocorrelation_time(bad)


def test_uneven_times_are_refused():
    with pytest.raises(InvalidInput, match="evenly"):
        autocorrelation_time(
            nq.Trajectories(chain(0, 4, 12).astype(np.float32), np.arange(12.0) ** 2)
        )

"""The split on fields whose parts are known."""

import numpy as np
import pytest

from noneq.errors import InvalidInput
from noneq.statistics.helmholtz import helmholtz


def test_gradient_and_rotation_of_a_gaussian_come_apart(rng):
    x = rng.normal(size=(20_000, 2))
    pull, turn = -1.5 * x, 2.0 * np.stack([-x[:, 1], x[:, 0]], 1)
    found = helmholtz(x, pull + turn, degree=2)
    assert np.sqrt(((found.gradient - pull) ** 2).mean()) < 0.1
    assert np.sqrt(((found.rest - turn) ** 2).mean()) < 0.1
    share = 1.5**2 / (1.5**2 + 2.0**2)
    assert abs(found.share - share) < 5 * found.stderr + 1e-9
    assert found.stderr < 0.01


def test_a_gradient_is_all_gradient_and_a_swirl_is_none(rng):
    x = rng.normal(size=(2000, 3))
    slope = 4 * x**3 - np.stack([x[:, 1], x[:, 0], np.zeros(len(x))], 1)
    assert helmholtz(x, slope).share == pytest.approx(1.0, abs=1e-6)
    swirl = np.stack([-x[:, 1], x[:, 0], np.zeros(len(x))], 1) * np.exp(-(x**2).sum(1))[:, None]
    assert helmholtz(x, swirl).share < 0.02


def test_noise_is_no_gradient(rng):
    """As many features as a tenth of the numbers would fit a tenth of pure noise."""
    x = rng.normal(size=(300, 4))
    found = helmholtz(x, rng.normal(size=(300, 4)))
    assert found.share < 5 * found.stderr
    assert (found.gradient**2).sum() / 1200 > 0.02


def test_wrong_input_is_refused(rng):
    with pytest.raises(InvalidInput, match="same"):
        helmholtz(rng.normal(size=(30, 2)), rng.normal(size=(30, 3)))
    with pytest.raises(InvalidInput, match="NaN"):
        helmholtz(np.full((30, 2), np.nan), np.ones((30, 2)))

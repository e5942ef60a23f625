"""Displacements along paths and the cosine between two of them."""

import numpy as np
import pytest

import noneq as nq
from noneq.errors import InvalidInput
from noneq.inference import displacement, displacement_cosine


RNG = np.random.default_rng(0)


def test_average_of_a_straight_path():
    """x_k = x_0 + k v: m_K − x_0 = v Σ_k k (1 − d) d^{K − k}."""
    v = RNG.normal(size=(5, 1, 2, 3))
    paths = RNG.normal(size=(5, 1, 2, 3)) + v * np.arange(21)[None, :, None, None]
    k = np.arange(1, 21)
    factor = np.sum(k * 0.1 * 0.9 ** (20 - k))
    np.testing.assert_allclose(displacement(paths), factor * v[:, 0], rtol=1e-10)


def test_no_memory_is_the_plain_displacement():
    paths = nq.Trajectories(RNG.normal(size=(4, 6, 2)), np.arange(6.0))
    plain = paths.values[:, -1] - paths.values[:, 0]
    np.testing.assert_allclose(displacement(paths, 0.0), plain, rtol=1e-6)


def test_cosine_of_parallel_opposite_and_unrelated():
    a = RNG.normal(size=(400, 3, 4))
    assert displacement_cosine(a, 2 * a).value == pytest.approx(1)
    assert displacement_cosine(a, -a).value == pytest.approx(-1)
    assert displacement_cosine(a, -a, absolute=True).value == pytest.approx(1)
    other = displacement_cosine(a, RNG.normal(size=a.shape))
    assert abs(other.z(0.0)) < 4
    assert other.stderr == pytest.approx(1 / np.sqrt(400 * 12), rel=0.2)
    assert displacement_cosine(a, 0 * a).value == 0


def test_bad_input():
    with pytest.raises(InvalidInput, match="decay"):
        displacement(np.zeros((2, 3, 1)), 1.0)
    with pytest.raises(InvalidInput, match="2 times"):
        displacement(np.zeros((2, 1, 1)))
    longer = nq.Trajectories(
        np.zeros((2, 2, 1)), [0.0, 1.0], mask=np.array([[True, False], [True, True]])
    )
    with pytest.raises(InvalidInput, match="gaps"):
        displacement(longer)
    with pytest.raises(InvalidInput, match="shapes"):
        displacement_cosine(np.zeros((2, 1)), np.zeros((3, 1)))
    with pytest.raises(InvalidInput, match="NaN"):
        displacement_cosine(np.full((2, 1), np.nan), np.zeros((2, 1)))

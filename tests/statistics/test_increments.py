"""Displacements of paths against arithmetic by hand."""

import math

import numpy as np
import pytest

from noneq.data.ensembles import Trajectories
from noneq.domains import Torus
from noneq.errors import InvalidInput
from noneq.statistics.increments import even, increments


def test_gaps_and_uneven_times():
    values = np.array([[1.0, 3.0, 6.0], [2.0, np.nan, 5.0]])
    paths = Trajectories(
        np.nan_to_num(values)[..., None], [0.0, 1.0, 3.0], mask=np.isfinite(values)
    )
    one, two = increments(paths), increments(paths, 2)
    assert one.move.ravel().tolist() == [2.0, 3.0]
    assert one.dt.tolist() == [1.0, 2.0]
    assert one.middle.ravel().tolist() == [2.0, 4.5]
    assert one.path.tolist() == [0, 0]
    assert two.move.ravel().tolist() == [5.0, 3.0]
    assert two.path.tolist() == [0, 1]
    assert not even(one.dt)
    assert even(np.array([0.1, 0.1 + 1e-6]))


def test_a_torus_takes_the_short_way():
    paths = Trajectories(
        np.array([[3.0, -3.0]])[..., None], [0.0, 1.0], domain=Torus(2 * math.pi, low=-math.pi)
    )
    moved = increments(paths).move.item()
    assert moved == pytest.approx(2 * math.pi - 6, abs=1e-6)


def test_too_few_frames_are_named():
    with pytest.raises(InvalidInput, match="5 apart"):
        increments(Trajectories(np.zeros((2, 3, 1)), [0.0, 1.0, 2.0]), 5)

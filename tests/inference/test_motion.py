"""The split of a field into gradient and rest, on motions that are known."""

import numpy as np
import pytest

from noneq.errors import InvalidInput, MissingTrait
from noneq.inference import helmholtz_split
from noneq.systems import Linear


def test_the_drift_of_a_turning_trap_splits_into_trap_and_turn(rng):
    found = helmholtz_split(Linear(), rng.normal(size=(4000, 2)), degree=2)
    assert abs(found.share - 1 / 5) < 5 * found.stderr
    with pytest.raises(InvalidInput, match="vectors"):
        helmholtz_split(Linear(), rng.normal(size=(30, 2, 2)))
    with pytest.raises(MissingTrait):
        helmholtz_split(object(), np.zeros((30, 2)))

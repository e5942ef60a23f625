"""What models say of a request: times outside the training data are extrapolations."""

import warnings

import jax
import numpy as np
import pytest

from noneq.errors import InvalidInput
from noneq.frames.checks import OutsideTraining, check_time


TIMES = (0.0, 0.5, 2.0)


@pytest.mark.parametrize("time", [0.0, 0.3, 2.0, np.float32(2.0), 2.0 + 1e-9])
def test_times_of_the_data_are_taken_without_a_word(time):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check_time(time, TIMES) == np.float32(time)


@pytest.mark.parametrize("time", [-0.1, 4.0, 2.1])
def test_times_outside_are_named_with_the_range(time):
    with pytest.warns(OutsideTraining, match="outside the training data, 0 to 2"):
        check_time(time, TIMES)


def test_a_model_of_one_time_knows_that_time():
    assert check_time(None, (3.0,)) == 3.0
    with pytest.warns(OutsideTraining, match="training data, 3:"):
        check_time(4.0, (3.0,))


def test_traced_times_pass():
    assert jax.jit(lambda t: check_time(t, TIMES))(9.0) == 9.0


def test_no_number_is_refused():
    with pytest.raises(InvalidInput, match="finite"):
        check_time(float("nan"), TIMES)

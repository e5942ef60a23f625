"""What models say of a request: what lies outside the training data is an extrapolation."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.data.summary import summarise
from noneq.errors import InvalidInput, SolveFailed
from noneq.frames.checks import OutsideTraining, check_solved, check_steps, check_time
from noneq.frames.frame import Asked, Frame


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


QUANTITY_AND_CATEGORY = Asked(((), (1, 2)), optional=True, low=(-1.0, 1.0), high=(3.0, 2.0))


@pytest.mark.parametrize("condition", [[-1.0, 1], [3.0, 2], [float("nan"), 2], None])
def test_conditions_of_the_data_are_taken_without_a_word(condition):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        QUANTITY_AND_CATEGORY.check(condition)
        # Runs that kept no range know none.
        Asked(((),)).check(1e9)


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ([3.1, 1], r"condition \(column 0\) 3.1 is outside the training data, -1 to 3"),
        ([[-2.0, 1], [0.0, 2], [9.0, 1]], "9 and 1 more lie outside the training data, -1 to 3"),
    ],
)
def test_conditions_outside_are_named_once_with_the_range(condition, said):
    with pytest.warns(OutsideTraining, match=said) as caught:
        QUANTITY_AND_CATEGORY.check(condition, 3)
    assert len(caught) == 1


def test_where_networks_overflow_nothing_is_answered():
    with pytest.raises(InvalidInput, match="no model answers"):
        QUANTITY_AND_CATEGORY.check([1e30, 1])
    with pytest.raises(InvalidInput, match="no model answers"):
        check_time(1e30, TIMES)


def test_traced_conditions_pass():
    assert jax.jit(lambda c: QUANTITY_AND_CATEGORY.check(c))(np.asarray([9.0, 1.0]))[0] == 9.0


def test_frames_know_the_range_of_the_data(rng):
    data = nq.Snapshots(rng.normal(size=(3, 2)), condition=[[0.5, 7.0], [-2.0, 7.0], [1.0, 7.0]])
    asked = Frame(summarise(data)).asked
    assert (asked.low, asked.high) == ((-2.0, 7.0), (1.0, 7.0))


def test_paths_of_more_steps_than_can_be_waited_for_are_refused():
    check_steps("time 10", 100, 1000, most=100)
    with pytest.raises(InvalidInput, match="time 1e6 takes 100,000,000 steps; at most 100,000"):
        check_steps("time 1e6", 1e8, 2, most=100_000)
    with pytest.raises(InvalidInput, match="50,000 steps, which fill"):
        check_steps("time 1e6", 50_000, 10**10, most=100_000)


def test_samples_that_fail_outside_the_training_times_name_the_time():
    lost = jnp.full((3, 1), jnp.nan)
    with pytest.raises(InvalidInput, match="time 1000 is outside the training data, 0 to 2"):
        check_solved(lost, time=1000.0, times=TIMES)
    with pytest.raises(SolveFailed, match="3 of 3 samples"):
        check_solved(lost, time=1.0, times=TIMES)


def test_conditions_are_named_as_the_user_calls_them():
    asked = Asked(
        levels=((0, 2), ()), low=(0.0, 0.1), high=(2.0, 1.0), names=("gene", "dose"),
        categories=(("ko", "het", "wt"), ()),
    )  # fmt: skip
    assert np.allclose(asked.check(["wt", 0.5]), [2, 0.5])
    assert np.allclose(asked.check([["ko", "0.1"], ["wt", 1]], 2), [[0, 0.1], [2, 1]])
    with pytest.raises(InvalidInput, match="'mut' is not among the training data; known: ko, het"):
        asked.check(["mut", 0.5])
    with pytest.raises(InvalidInput, match="het is no category of condition gene .* known: ko, wt"):
        asked.check(["het", 0.5])
    with pytest.warns(OutsideTraining, match="condition dose 100 is outside"):
        asked.check(["wt", 100.0])
    with pytest.raises(InvalidInput, match=r"gene \(ko, het, wt\), dose"):
        asked.check(None)

"""Calls that do not fit the parameters are named in one line."""

import pytest

import noneq as nq
from noneq.errors import WrongType


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: nq.methods.ScoreMatching(trainin=3), "did you mean 'training'"),  # pyright: ignore[reportCallIssue]
        (lambda: nq.systems.Swirl(nothing_like_it=3), "it takes q, beta"),  # pyright: ignore[reportCallIssue]
        (lambda: nq.systems.Swirl(1.0, 2.0, 3.0, 4.0, 5.0), "too many"),  # pyright: ignore[reportCallIssue]
        (lambda: nq.metrics.w2(1), "missing a required argument"),  # pyright: ignore[reportCallIssue]
    ],
)
def test_a_call_that_does_not_fit(call, says):
    with pytest.raises(WrongType, match=says) as error:
        call()
    assert "\n" not in str(error.value)

"""Samples at many times by one program, the same as those of one time after the other."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.data.ensembles import Snapshots
from noneq.data.summary import summarise
from noneq.errors import SolveFailed
from noneq.frames import draws
from noneq.frames.checks import OutsideTraining
from noneq.frames.frame import AbstractLaw, Frame


TRACES = []


class Moving(AbstractLaw):
    """Normal numbers about the time; not finite after ``end``."""

    frame: Frame
    end: float = 1e9

    def draw(self, n, *, time, condition, key):
        TRACES.append(n)
        y = time + jax.random.normal(key, (n, self.frame.dim))
        return jnp.where(time > self.end, jnp.nan, y)


def moving(frame, **change):
    return Moving(frame, **change)  # pyright: ignore[reportCallIssue]


@pytest.fixture
def frame(rng):
    times = np.arange(6.0)
    data = Snapshots.from_frames([3 + rng.normal(size=(4, 2)) for _ in times], times)
    return Frame(summarise(data))


def test_many_times_are_one_program_and_the_same_samples(frame, monkeypatch):
    model, key, times = moving(frame), jax.random.key(3), [0.0, 1.5, 2.0, 4.5, 5.0]
    apart = [model.sample(7, time=t, key=jax.random.fold_in(key, i)) for i, t in enumerate(times)]
    TRACES.clear()
    together = model.snapshots(7, times=times, key=key)
    np.testing.assert_allclose(together.values, np.concatenate(apart), rtol=1e-6)
    np.testing.assert_array_equal(together.times, times)
    traced = len(TRACES)
    assert traced < len(times)
    # Other times, and other numbers of them up to the next power of two, are the same program.
    model.snapshots(7, times=[1.0, 2.0, 3.0, 4.0, 4.5, 5.0], key=key)
    assert len(TRACES) == traced
    # A call that holds two times at most: two pairs and one alone.
    monkeypatch.setattr(draws, "_BYTES", 4 * 7 * 2 * 3)
    np.testing.assert_array_equal(model.snapshots(7, times=times, key=key).values, together.values)
    assert len(TRACES) > traced


def test_what_one_time_refuses_many_refuse(frame):
    with pytest.raises(SolveFailed, match="7 of 7"):
        moving(frame, end=2.5).snapshots(7, times=[1.0, 2.0, 3.0], key=jax.random.key(0))
    with pytest.warns(OutsideTraining, match="time 9"):
        moving(frame).snapshots(7, times=[1.0, 9.0], key=jax.random.key(0))

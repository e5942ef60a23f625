"""simulate of systems that move in steps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.domains import Free
from noneq.errors import InvalidInput, SolveFailed
from noneq.simulation import EulerMaruyama, ensemble, simulate
from noneq.systems import AbstractMap


class Walk(AbstractMap):
    """x → growth x + slope t + noise."""

    growth: float = 1.0
    slope: float = 0.0
    noise: float = 0.0

    @property
    def event_shape(self):
        return (2,)

    @property
    def domain(self):
        return Free()

    def initial(self, key):
        return jnp.zeros(2)

    def step(self, t, x, *, key):
        return self.growth * x + self.slope * t + self.noise * jax.random.normal(key, x.shape)


def test_steps_get_their_times():
    data = simulate(Walk(slope=1.0), [3.0, 4.0, 7.0], n=2, key=jax.random.key(0))
    np.testing.assert_array_equal(data.values[0, :, 0], [0, 3, 3 + 4 + 5 + 6])
    assert data.values.dtype == np.float32


def test_recording_changes_nothing(key):
    walk = Walk(noise=1.0)
    often = simulate(walk, np.arange(9.0), n=5, key=key)
    seldom = simulate(walk, [0, 2, 8], n=5, key=key)
    np.testing.assert_array_equal(often.values[:, [0, 2, 8]], seldom.values)
    np.testing.assert_array_equal(often.values, simulate(walk, np.arange(9.0), n=5, key=key).values)


def test_particles_and_steps_are_independent(key):
    n = 2 * ensemble._CHUNK
    steps = np.diff(simulate(Walk(noise=1.0), np.arange(4.0), n=n, key=key).values, axis=1)
    both = np.concatenate(np.split(steps.reshape(n, -1), 2), axis=1)
    assert np.abs(np.corrcoef(both.T) - np.eye(12)).max() < 5 / np.sqrt(n / 2)
    assert abs(steps.var() - 1) < 5 * np.sqrt(2 / steps.size)


def test_times_may_come_in_float32_and_late(key):
    late = np.asarray([1e6, 1e6 + 1, 1e6 + 5], np.float32)
    assert simulate(Walk(), late, n=1, key=key).times.size == 3
    early = np.asarray([0.1, 1.1, 7.1], np.float32)
    assert simulate(Walk(), early, n=1, key=key).times.size == 3


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"times": [0, 1, 2.5]}, "time 2.5 lies 2.5 after"),
        ({"times": [0, 1e-7]}, "1 or more apart"),
        ({"times": [0, 1e12]}, "steps"),
        ({"solver": EulerMaruyama()}, "leave out solver"),
        ({"substeps": 1}, "substeps"),
    ],
)
def test_refusals(options, match, key):
    request = {"times": [0, 1], "n": 2, "key": key} | options
    with pytest.raises(InvalidInput, match=match):
        simulate(Walk(), request.pop("times"), **request)


def test_explosions_are_named(key):
    start = np.ones((2, 2))
    with pytest.raises(SolveFailed, match="time 50"):
        simulate(Walk(growth=10.0), [0, 20, 50], n=2, key=key, start=start)

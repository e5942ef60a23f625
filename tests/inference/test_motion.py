"""The energy of paths and the split of a field, on motions that are known."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.data import Snapshots, Trajectories
from noneq.domains import Free
from noneq.errors import InvalidInput, MissingTrait
from noneq.inference import helmholtz_split, path_energy
from noneq.systems import Linear
from noneq.traits import AbstractModel, HasPaths, HasVelocity


class Stretch(AbstractModel, HasVelocity, HasPaths):
    """x(t) = (1 + t) x(0) of a normal start: the transport from N(0, 1) to N(0, 4), and optimal."""

    event_shape: tuple[int, ...] = (1,)
    domain: Free = Free()

    def sample(self, n, *, time=None, condition=None, key):
        return (1 + (time or 0.0)) * jax.random.normal(key, (n, 1))

    def snapshots(self, n, *, times, condition=None, key):
        return Snapshots.from_frames([self.sample(n, time=t, key=key) for t in times], times)

    def velocity(self, x: Any, *, time: Any = None, condition: Any = None) -> Any:
        return x / (1 + time)

    def sample_paths(self, n, *, times, start=None, condition=None, key):
        first = jax.random.normal(key, (n, 1))
        return Trajectories(first[:, None] * (1 + jnp.asarray(times))[None, :, None], times)


def test_optimal_transport_costs_the_squared_distance(key):
    cost = path_energy(Stretch(), times=np.linspace(0.0, 1.0, 11), n=4000, key=key)
    assert abs(cost.z(1.0)) < 5
    assert cost.stderr < 0.05
    half = path_energy(Stretch(), times=np.linspace(0.0, 0.5, 11), n=4000, key=key)
    assert abs(half.z(0.25)) < 5


def test_energy_needs_paths_and_two_times(key):
    with pytest.raises(InvalidInput, match="at least 2"):
        path_energy(Stretch(), times=np.zeros(1), key=key)
    with pytest.raises(MissingTrait):
        helmholtz_split(object(), np.zeros((30, 2)))


def test_the_drift_of_a_turning_trap_splits_into_trap_and_turn(rng):
    found = helmholtz_split(Linear(), rng.normal(size=(4000, 2)), degree=2)
    assert abs(found.share - 1 / 5) < 5 * found.stderr
    with pytest.raises(InvalidInput, match="vectors"):
        helmholtz_split(Linear(), rng.normal(size=(30, 2, 2)))

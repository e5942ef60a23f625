"""Pictures of transports: streamlines, masses and fates, by trait."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np

import noneq as nq
from noneq.data.summary import summarise
from noneq.estimate import Estimate
from noneq.report.html import Picture
from noneq.report.transports import transport_pictures
from noneq.store import fingerprint
from noneq.traits import AbstractModel, HasMass, HasPaths, HasVelocity


class Apart(AbstractModel, HasVelocity, HasPaths, HasMass):
    """x goes to ±4 by its sign while y rises; the mass doubles."""

    @property
    def event_shape(self):
        return (2,)

    @property
    def domain(self):
        return nq.domains.Free()

    def sample(self, n, *, time=None, condition=None, key):
        x = jax.random.normal(key, (n, 2))
        return x + time * jnp.stack([4 * jnp.sign(x[:, 0]), jnp.ones(n)], axis=1)

    def snapshots(self, n, *, times, condition=None, key):
        raise NotImplementedError

    def velocity(self, x, *, time=None, condition=None):
        return jnp.stack([4 * jnp.sign(x[0]), jnp.ones(())])

    def sample_paths(self, n, *, times, start=None, condition=None, key):
        begin = np.asarray(start)
        end = begin + (times[1] - times[0]) * np.stack([4 * np.sign(begin[:, 0]), np.ones(n)], 1)
        return nq.Trajectories(np.stack([begin, end], axis=1), times)

    def growth(self, x, *, time=None, condition=None):
        return jnp.log(2.0)

    def mass(self, times, *, condition=None):
        value = 2.0 ** np.asarray(times)
        return Estimate(value, 0.1 * value, np.full(len(value), 10), times=np.asarray(times))


def fit(tmp_path, frames):
    data = nq.Snapshots.from_frames(frames, [0.0, 1.0], names=("x", "y"))
    nq.data.write(data, tmp_path / "cells.npz")
    source = {"path": str(tmp_path / "cells.npz"), "reading": {}, "fingerprint": fingerprint(data)}
    return SimpleNamespace(
        model=Apart(), summary=summarise(data), meta={"data": source}, method=SimpleNamespace()
    )


def test_streams_masses_and_fates_of_a_transport(tmp_path):
    rng = np.random.default_rng(0)
    first = rng.normal(size=(60, 2))
    last = first + np.stack([4 * np.sign(first[:, 0]), np.ones(60)], axis=1)
    made = transport_pictures(fit(tmp_path, [first, last]))
    assert all(isinstance(picture, Picture) for picture in made)
    assert [picture.title.split()[0] for picture in made] == ["Streamlines", "Mass", "Fates."]
    # The first coordinate decides, and the caption says so.
    assert "coordinates with it: x +" in made[2].caption or "with it: x -" in made[2].caption
    # Without clusters at the end there are no fates to draw.
    still = transport_pictures(fit(tmp_path, [first, rng.normal(size=(60, 2))]))
    assert [picture.title.split()[0] for picture in still] == ["Streamlines", "Mass"]

"""A Gaussian mixture as a model with an exact score, for flows that keep a law."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import noneq as nq
from noneq.domains import Free
from noneq.traits import AbstractModel, HasScore


class ExactMixture(AbstractModel, HasScore):
    """Σ_k w_k N(mean_k, C_k) of flattened states, by autodiff; means move by ``drift`` per time."""

    weights: jax.Array
    means: jax.Array
    roots: jax.Array
    inverses: jax.Array
    drift: float = 0.0
    shape: tuple[int, ...] = eqx.field(static=True, default=())

    @classmethod
    def of(cls, weights, means, roots, shape, drift=0.0):
        real = lambda a: jnp.asarray(a, dtype=float)
        return cls(  # pyright: ignore[reportCallIssue]
            weights=real(weights),
            means=real(means),
            roots=real(roots),
            inverses=real(np.linalg.inv(roots)),
            drift=drift,
            shape=shape,
        )

    @classmethod
    def random(cls, shape, components=3, seed=0, spread=1.5, drift=0.0):
        rng = np.random.default_rng(seed)
        dim = int(np.prod(shape))
        roots = np.eye(dim) * 0.8 + 0.3 * rng.normal(size=(components, dim, dim)) / np.sqrt(dim)
        means = spread * rng.normal(size=(components, dim))
        return cls.of(rng.dirichlet(np.full(components, 3.0)), means, roots, shape, drift)

    @property
    def event_shape(self):  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.shape

    @property
    def domain(self):  # pyright: ignore[reportIncompatibleVariableOverride]
        return Free()

    def log_density(self, x, time=None):
        shift = 0.0 if time is None else self.drift * time

        z = jnp.einsum("kij,kj->ki", self.inverses, jnp.ravel(x) - self.means - shift)
        volume = jnp.linalg.slogdet(self.inverses)[1]
        return jax.nn.logsumexp(jnp.log(self.weights) + volume - jnp.sum(z**2, axis=1) / 2)

    def score(self, x, *, time=None, condition=None):
        return jax.grad(self.log_density)(x, time)

    def sample(self, n, *, time=None, condition=None, key):
        which, noise = jax.random.split(key)
        k = jax.random.categorical(which, jnp.log(self.weights), shape=(n,))
        z = jax.random.normal(noise, (n, self.means.shape[1]))
        shift = 0.0 if time is None else self.drift * time
        x = self.means[k] + shift + jnp.einsum("nij,nj->ni", self.roots[k], z)
        return x.reshape(n, *self.shape)

    def snapshots(self, n, *, times, condition=None, key):
        keys = jax.random.split(key, len(times))
        frames = [
            np.asarray(self.sample(n, time=t, key=k)) for t, k in zip(times, keys, strict=True)
        ]
        return nq.Snapshots.from_frames(frames, times)

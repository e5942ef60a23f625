"""A method in one file: p(x, t) as a Gaussian whose mean and covariance follow time.

Run it:            python examples/add_a_method.py
On your own data:  noneq fit examples/add_a_method.py:MovingGaussian data.npz -o run
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import noneq as nq
from noneq.data.summary import summarise
from noneq.errors import InvalidInput
from noneq.frames.checks import check_count
from noneq.learning.method import AbstractMethod, Fit
from noneq.nets import Constant
from noneq.traits import AbstractModel, HasLogProb, HasScore


class GaussianModel(AbstractModel, HasLogProb, HasScore):
    """N(mean(t), C(t)) with mean and Cholesky root of C linear between the training times."""

    event_shape: tuple[int, ...] = eqx.field(static=True)
    domain: nq.Free
    times: Constant
    mean: jax.Array
    root: jax.Array

    def at(self, time: Any) -> tuple[jax.Array, jax.Array]:
        """Mean (dim,) and root (dim, dim) at one time."""
        if time is None:
            raise InvalidInput("MovingGaussian: time is missing; say at which time (time=3.7).")
        times = self.times.value
        i = jnp.clip(jnp.searchsorted(times, time) - 1, 0, max(len(times) - 2, 0))
        j = jnp.minimum(i + 1, len(times) - 1)
        w = jnp.clip((time - times[i]) / jnp.where(j > i, times[j] - times[i], 1.0), 0.0, 1.0)
        return (1 - w) * self.mean[i] + w * self.mean[j], (1 - w) * self.root[i] + w * self.root[j]

    def sample(self, n: int, *, time: Any = None, condition: Any = None, key: Any) -> jax.Array:
        """n draws mean + root xi."""
        check_count(n)
        mean, root = self.at(time)
        return mean + jax.random.normal(key, (n, *self.event_shape)) @ root.T

    def snapshots(self, n: int, *, times: Any, condition: Any = None, key: Any) -> nq.Snapshots:
        """n draws at each of the times."""
        keys = jax.random.split(key, len(times))
        frames = [
            np.asarray(self.sample(n, time=t, key=k)) for t, k in zip(times, keys, strict=True)
        ]
        return nq.Snapshots.from_frames(frames, times)

    def log_prob(self, x: jax.Array, *, time: Any = None, condition: Any = None) -> jax.Array:
        """Log density of one state in nats."""
        mean, root = self.at(time)
        return jax.scipy.stats.multivariate_normal.logpdf(x, mean, root @ root.T)

    def score(self, x: jax.Array, *, time: Any = None, condition: Any = None) -> jax.Array:
        """Gradient of `log_prob`, −C⁻¹(x − mean)."""
        mean, root = self.at(time)
        return -jax.scipy.linalg.cho_solve((root, True), x - mean)


class MovingGaussian(AbstractMethod):
    """Mean and covariance of the data at each time.

    Args:
        ridge: added to the variances, in units of the data's own variance.

    Source: own construction.
    """

    source: ClassVar[str] = "noneq"
    ridge: float = 1e-6

    def __check_init__(self) -> None:
        if not self.ridge >= 0:
            raise InvalidInput(f"MovingGaussian: ridge = {self.ridge}; expected a number ≥ 0.")

    def init(self, summary: Any, *, key: Any) -> GaussianModel:
        """A standard normal at every training time; it says which arrays a saved model has."""
        if len(summary.event_shape) != 1:
            raise InvalidInput(
                f"MovingGaussian: states of shape {summary.event_shape}; give vectors (dim,)."
            )
        frames, dim = len(summary.times), summary.dim
        return GaussianModel(
            event_shape=summary.event_shape,
            domain=nq.Free(),
            times=Constant(jnp.asarray(summary.times)),
            mean=jnp.zeros((frames, dim)),
            root=jnp.tile(jnp.eye(dim), (frames, 1, 1)),
        )

    def fit(
        self,
        data: nq.Snapshots | nq.Trajectories,
        *,
        key: Any,
        init: AbstractModel | None = None,
        progress: Any = None,
        checkpoint: Any = None,
    ) -> Fit:
        """Moments of every frame; there is nothing to iterate."""
        summary = summarise(data)
        model = self.init(summary, key=key)
        frames = [np.asarray(data.at(t), np.float64) for t in summary.times]
        if min(len(frame) for frame in frames) < 2:
            raise InvalidInput("MovingGaussian: a time has one sample; give at least 2 at each.")
        ridge = self.ridge * np.diag(np.square(summary.scale))
        roots = [
            np.linalg.cholesky(np.cov(frame.T).reshape(ridge.shape) + ridge) for frame in frames
        ]
        moments = (jnp.asarray([frame.mean(0) for frame in frames]), jnp.asarray(roots))
        model = eqx.tree_at(lambda m: (m.mean, m.root), model, moments)
        return Fit(model, {}, self, summary)


def main() -> None:
    """Fit a rotating, breathing cloud and print what came out beside the truth."""
    draw, fit, sample = jax.random.split(jax.random.key(0), 3)
    times = np.linspace(0.0, 3.0, 7)
    centres = np.stack([np.cos(times), np.sin(times)], axis=1)
    noise = np.asarray(jax.random.normal(draw, (7, 2000, 2)))
    frames = list(centres[:, None] + (0.2 + 0.1 * times[:, None, None]) * noise)
    fitted = MovingGaussian().fit(nq.Snapshots.from_frames(frames, times), key=fit)
    cloud = fitted.model.sample(5000, time=1.0, key=sample)
    print("mean  ", np.asarray(cloud.mean(0)).round(2), "true", centres[2].round(2))
    print("spread", np.asarray(cloud.std(0)).round(2), "true [0.3 0.3]")


if __name__ == "__main__":
    main()

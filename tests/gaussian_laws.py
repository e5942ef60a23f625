"""Normal laws that move as an Ornstein–Uhlenbeck process relaxes, with all that is known of them."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from noneq.constant import Constant
from noneq.data import Snapshots
from noneq.domains import Free
from noneq.processes import AbstractProcess
from noneq.processes.denoiser import AbstractTweedie
from noneq.traits import AbstractModel, HasLogProb, HasScore


class Relaxing(AbstractModel, HasScore, HasLogProb):
    """N(m e^{−t}, (1 + (v − 1) e^{−2t}) I): dx = −x dt + √2 dW from N(m, v I); m = 0, v = 1 stays."""

    mean: tuple[float, ...]
    variance: float = 1.0

    @classmethod
    def of(cls, mean: tuple[float, ...], variance: float = 1.0):
        make: Any = cls
        return make(mean=mean, variance=variance)

    @property
    def event_shape(self):  # pyright: ignore[reportIncompatibleVariableOverride]
        return (len(self.mean),)

    @property
    def domain(self):  # pyright: ignore[reportIncompatibleVariableOverride]
        return Free()

    def at(self, time):
        time = 0.0 if time is None else time
        variance = 1 + (self.variance - 1) * jnp.exp(-2 * time)
        return jnp.asarray(self.mean) * jnp.exp(-time), variance

    def log_prob(self, x, *, time=None, condition=None):
        mean, variance = self.at(time)
        square = jnp.sum((x - mean) ** 2) / variance
        return -0.5 * (square + x.size * jnp.log(2 * jnp.pi * variance))

    def score(self, x, *, time=None, condition=None):
        mean, variance = self.at(time)
        return (mean - x) / variance

    def velocity(self, x, time):
        """The one without rotation, −x − ∇ log p."""
        return -x - self.score(x, time=time)

    def sample(self, n, *, time=None, condition=None, key):
        mean, variance = self.at(time)
        return mean + jnp.sqrt(variance) * jax.random.normal(key, (n, *self.event_shape))

    def snapshots(self, n, *, times, condition=None, key):
        keys = jax.random.split(key, len(times))
        frames = [
            np.asarray(self.sample(n, time=t, key=k)) for t, k in zip(times, keys, strict=True)
        ]
        return Snapshots.from_frames(frames, times)


class ExactDenoiser(AbstractTweedie):
    """E[y | x] of a `Relaxing` law that is normalised already."""

    law: Relaxing
    std: Constant  # pyright: ignore[reportIncompatibleVariableOverride]
    process: AbstractProcess  # pyright: ignore[reportIncompatibleVariableOverride]

    @classmethod
    def of(cls, law: Relaxing, process: AbstractProcess):
        return cls(law=law, std=Constant(jnp.asarray(1.0)), process=process)

    def denoise(self, x, tau, *, time=None, condition=None):
        alpha, sigma = self.process.schedule(tau)
        mean, variance = self.law.at(time)
        gain = alpha * variance / (alpha**2 * variance + sigma**2)
        return mean + gain * (x - alpha * mean)


def untouched(model):
    """The model with the identity in place of its normaliser."""
    parts = lambda m: (m.frame.normaliser.shift.value, m.frame.normaliser.scale.value)
    return eqx.tree_at(parts, model, (0 * parts(model)[0], 1 + 0 * parts(model)[1]))

"""Laws whose motion and dissipation are known exactly, as models."""

from typing import Any

import jax
import jax.numpy as jnp

import noneq as nq
from noneq.domains import Free
from noneq.traits import (
    AbstractModel,
    HasDrift,
    HasEnergy,
    HasNoising,
    HasNoisyVelocity,
    HasScore,
    HasVelocity,
)


class Sliding(AbstractModel, HasScore, HasEnergy, HasVelocity):
    """N(c t, I) in the plane, moved by c + w J (x − c t): the turning leaves the law as it is."""

    slide: float
    turn: float
    wrong: float = 0.0
    """A shear added to the velocity, which the law does not obey."""

    @classmethod
    def of(cls, slide: float, turn: float, wrong: float = 0.0):
        make: Any = cls
        return make(slide=slide, turn=turn, wrong=wrong)

    @property
    def event_shape(self):  # pyright: ignore[reportIncompatibleVariableOverride]
        return (2,)

    @property
    def domain(self):  # pyright: ignore[reportIncompatibleVariableOverride]
        return Free()

    def centre(self, time):
        return jnp.asarray([self.slide, 0.0]) * (0.0 if time is None else time)

    def score(self, x, *, time=None, condition=None):
        return self.centre(time) - x

    def energy(self, x, *, time=None, condition=None):
        return jnp.sum((x - self.centre(time)) ** 2) / 2

    def velocity(self, x, *, time=None, condition=None):
        y = x - self.centre(time)
        turned = self.turn * jnp.stack([-y[1], y[0]]) + self.wrong * jnp.stack([y[0] * y[1], y[1]])
        return jnp.asarray([self.slide, 0.0]) + turned

    def sample(self, n, *, time=None, condition=None, key):
        return self.centre(time) + jax.random.normal(key, (n, 2))

    def snapshots(self, n, *, times, condition=None, key):
        keys = jax.random.split(key, len(times))
        frames = [self.sample(n, time=t, key=k) for t, k in zip(times, keys, strict=True)]
        return nq.Snapshots.from_frames(frames, times)


class Trapped(AbstractModel, HasScore, HasDrift):
    """N(0, 1) kept by dX = (−D(x) x + D′ + drive) dt + √(2 D(x)) dW, D = 1 + x²/2, in equilibrium at 0."""

    drive: float

    @classmethod
    def of(cls, drive: float):
        make: Any = cls
        return make(drive=drive)

    @property
    def event_shape(self):  # pyright: ignore[reportIncompatibleVariableOverride]
        return (1,)

    @property
    def domain(self):  # pyright: ignore[reportIncompatibleVariableOverride]
        return Free()

    def score(self, x, *, time=None, condition=None):
        return -x

    def drift(self, t, x):
        return -(1 + x**2 / 2) * x + x + self.drive

    def diffusion(self, t, x):
        return jnp.sqrt(2 * (1 + x**2 / 2))

    def sample(self, n, *, time=None, condition=None, key):
        return jax.random.normal(key, (n, 1))

    def snapshots(self, n, *, times, condition=None, key):
        return nq.Snapshots.from_frames([self.sample(n, key=key) for _ in times], times)


class Pair(AbstractModel, HasNoising, HasNoisyVelocity):
    """Two normal laws at ±gap of variance width², noised by dx = g dW with sigma = 20 tau."""

    gap: float
    width: float
    bent: float = 0.0
    """A part of the noisy score that belongs to no law."""

    @classmethod
    def of(cls, gap: float, width: float, bent: float = 0.0):
        make: Any = cls
        return make(gap=gap, width=width, bent=bent)

    @property
    def event_shape(self):  # pyright: ignore[reportIncompatibleVariableOverride]
        return (1,)

    @property
    def domain(self):  # pyright: ignore[reportIncompatibleVariableOverride]
        return Free()

    def log_law(self, x, tau):
        variance = self.width**2 + (20 * tau) ** 2
        centres = jnp.asarray([-self.gap, self.gap])
        each = -((x - centres) ** 2) / 2 / variance - jnp.log(variance) / 2
        return jax.nn.logsumexp(each)

    def noisy_score(self, x, tau, *, time=None, condition=None):
        return jax.grad(lambda y: self.log_law(y[0], tau))(x) + self.bent * jnp.sin(3 * x)

    def noising(self, x, tau):
        return jnp.zeros_like(x), 20 * jnp.sqrt(2 * tau) * jnp.ones_like(x)

    def noisy_velocity(self, x, tau, *, time=None, condition=None):
        return -400 * tau * self.noisy_score(x, tau)

    def noised(self, x, tau, *, key):
        return x + 20 * tau * jax.random.normal(key, x.shape)

    def noise_clock(self, ratio):
        return jnp.clip(ratio * jnp.sqrt(self.gap**2 + self.width**2) / 20, 1e-3, 1.0)

    def sample(self, n, *, time=None, condition=None, key):
        side_key, key = jax.random.split(key)
        side = jax.random.rademacher(side_key, (n, 1)).astype(float)
        return self.gap * side + self.width * jax.random.normal(key, (n, 1))

    def snapshots(self, n, *, times, condition=None, key):
        return nq.Snapshots.from_frames([self.sample(n, key=key) for _ in times], times)


class Still(AbstractModel):
    """A law of which nothing moves."""

    @classmethod
    def of(cls):
        make: Any = cls
        return make()

    @property
    def event_shape(self):  # pyright: ignore[reportIncompatibleVariableOverride]
        return (1,)

    @property
    def domain(self):  # pyright: ignore[reportIncompatibleVariableOverride]
        return Free()

    def sample(self, n, *, time=None, condition=None, key):
        return jax.random.normal(key, (n, 1))

    def snapshots(self, n, *, times, condition=None, key):
        return nq.Snapshots.from_frames([self.sample(n, key=key) for _ in times], times)

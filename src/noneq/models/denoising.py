"""Denoising models: a network that removes the noise of a process, and the model of p(x, t)."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.data.ensembles import Snapshots
from noneq.data.summary import Summary
from noneq.domains import AbstractDomain
from noneq.errors import InvalidInput
from noneq.models.normaliser import Normaliser
from noneq.models.traits import (
    AbstractModel,
    HasLogProb,
    HasNoisyScore,
    HasNoisyVelocity,
    HasScore,
    check_condition,
    check_count,
    check_solved,
    check_time,
)
from noneq.nets.constant import Constant
from noneq.nets.fields import FieldNetwork
from noneq.processes.gaussian import Gaussian, NormalPrior
from noneq.processes.targets import AbstractTarget
from noneq.samplers.base import AbstractSampler


_SCORE_NOISE = 0.05
"""Noise of `DenoisingModel.score` relative to the data's standard deviation."""


class Denoiser(HasNoisyScore, HasNoisyVelocity):
    """D(x, tau) = E[y | x_tau = x] for normalised data y, as the target reads the network.

    **Equation**: D = c_skip x + c_out F(c_in x, ln(sigma/alpha)/4, time, condition);
    score = (alpha D − x)/sigma²; velocity dx/dtau = alpha' D + sigma' (x − alpha D)/sigma.

    All functions take one state. ``time`` is physical, ``tau`` the noise clock.
    """

    net: FieldNetwork
    std: Constant
    process: Gaussian
    target: AbstractTarget

    @property
    def prior(self) -> NormalPrior:
        """Law at tau = 1."""
        return self.process.prior(self.std.value)

    def output(
        self, x: Array, tau: ScalarLike, *, time: ScalarLike | None = None, condition: Any = None
    ) -> tuple[Array, Scalar, Scalar]:
        """Raw network output F with c_skip and c_out."""
        alpha, sigma, d_alpha, d_sigma = self.process.schedule.rates(tau)
        skip, out, inside = self.target(alpha, sigma, d_alpha, d_sigma, self.std.value)
        level = jnp.log(sigma / jnp.maximum(alpha, 1e-4)) / 4
        return self.net(inside * x, level, time, condition), skip, out

    def denoise(
        self, x: Array, tau: ScalarLike, *, time: ScalarLike | None = None, condition: Any = None
    ) -> Array:
        """E[y | x] at clock tau."""
        raw, skip, out = self.output(x, tau, time=time, condition=condition)
        return skip * x + out * raw

    def noisy_score(
        self, x: Array, tau: ScalarLike, *, time: ScalarLike | None = None, condition: Any = None
    ) -> Array:
        alpha, sigma = self.process.schedule(tau)
        clean = self.denoise(x, tau, time=time, condition=condition)
        return (alpha * clean - x) / sigma**2

    def noisy_velocity(
        self, x: Array, tau: ScalarLike, *, time: ScalarLike | None = None, condition: Any = None
    ) -> Array:
        alpha, sigma, d_alpha, d_sigma = self.process.schedule.rates(tau)
        clean = self.denoise(x, tau, time=time, condition=condition)
        return d_alpha * clean + d_sigma * (x - alpha * clean) / sigma


class DenoisingModel(AbstractModel, HasScore, HasNoisyScore, HasNoisyVelocity, HasLogProb):
    """p(x, t) as the law that a sampler reaches by running the noise clock from 1 to 0.

    The denoiser works on vectors of normalised data; this class keeps the shapes, units and
    domain of the user's data.

    Attributes:
        denoiser: the learnt part.
        normaliser: y = (x − shift)/scale.
        sampler: how samples and likelihoods are computed; replace it freely
            (``eqx.tree_at(lambda m: m.sampler, model, ReverseSDE())``).
    """

    denoiser: Denoiser
    normaliser: Normaliser
    sampler: AbstractSampler
    domain: AbstractDomain
    event_shape: tuple[int, ...] = eqx.field(static=True)
    times: tuple[float, ...] = eqx.field(static=True)
    condition_dim: int = eqx.field(static=True)
    labels: tuple[tuple[str, ...], tuple[str, ...], str] = eqx.field(static=True)

    def __init__(self, denoiser: Denoiser, sampler: AbstractSampler, summary: Summary):
        self.denoiser = denoiser
        self.normaliser = Normaliser(summary)
        self.sampler = sampler
        self.event_shape = summary.event_shape
        self.domain = summary.domain
        self.times = summary.times
        self.condition_dim = summary.condition_dim
        self.labels = (summary.names, summary.units, summary.time_unit)

    def sample(
        self, n: int, *, time: ScalarLike | None = None, condition: Any = None, key: Key
    ) -> Float[Array, "n *event"]:
        check_count(n)
        time = check_time(time, self.times)
        condition = check_condition(condition, self.condition_dim, int(n))
        return check_solved(_sample(self, int(n), time, condition, key))

    def snapshots(
        self, n: int, *, times: Sequence[float] | np.ndarray, condition: Any = None, key: Key
    ) -> Snapshots:
        check_count(n)
        times = np.atleast_1d(np.asarray(times, dtype=np.float64))
        frames = [
            np.asarray(self.sample(n, time=t, condition=condition, key=jax.random.fold_in(key, i)))
            for i, t in enumerate(times)
        ]
        names, units, time_unit = self.labels
        return Snapshots.from_frames(
            frames, times, names=names, units=units, time_unit=time_unit, domain=self.domain
        )

    def score(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Float[Array, "*event"]:
        """∇ log p, blurred by noise of 5 % of the data's standard deviation.

        An error e of the network is an error e/sigma of the score, so that the smallest noise
        of the process would give the least blurred and the least accurate score; for another
        level call `noisy_score`.
        """
        schedule = self.denoiser.process.schedule
        tau = jnp.maximum(schedule.tau(_SCORE_NOISE * self.denoiser.std.value), schedule.start)
        return self.noisy_score(x, tau, time=time, condition=condition)

    def noisy_score(
        self,
        x: Float[Array, "*event"],
        tau: ScalarLike,
        *,
        time: ScalarLike | None = None,
        condition: Any = None,
    ) -> Float[Array, "*event"]:
        time = check_time(time, self.times)
        condition = check_condition(condition, self.condition_dim)
        y = self.normaliser.forward(jnp.asarray(x))
        score = self.denoiser.noisy_score(y, tau, time=time, condition=condition)
        return self.normaliser.gradient(score)

    def noisy_velocity(
        self,
        x: Float[Array, "*event"],
        tau: ScalarLike,
        *,
        time: ScalarLike | None = None,
        condition: Any = None,
    ) -> Float[Array, "*event"]:
        time = check_time(time, self.times)
        condition = check_condition(condition, self.condition_dim)
        y = self.normaliser.forward(jnp.asarray(x))
        velocity = self.denoiser.noisy_velocity(y, tau, time=time, condition=condition)
        return self.normaliser.tangent(velocity)

    def log_prob(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Scalar:
        """log p(x | time, condition), nats, by the probability-flow ODE with exact divergence.

        **Equation**: log p_0(y) = log prior(y_1) + ∫_0^1 div v dtau, minus the log of the scale.

        Raises:
            InvalidInput: more than 64 numbers in a state (exact divergence costs one
                Jacobian product per number).

        Source: Song et al. 2021, eq. 39.
        """
        if self.normaliser.dim > 64:
            raise InvalidInput(
                f"log_prob: exact divergence in {self.normaliser.dim} dimensions is too slow; "
                "use at most 64 (--components)."
            )
        time = check_time(time, self.times)
        condition = check_condition(condition, self.condition_dim)
        y = self.normaliser.forward(jnp.asarray(x))
        value = self.sampler.log_prob(self.denoiser, y, time=time, condition=condition)
        return value - self.normaliser.log_scale


@eqx.filter_jit
def _sample(model: DenoisingModel, n: int, time: Any, condition: Any, key: Key) -> Array:
    shape = (n, model.normaliser.dim)
    y = model.sampler(model.denoiser, shape, time=time, condition=condition, key=key)
    x = jax.vmap(model.normaliser.inverse)(y)
    return jax.vmap(model.domain.project)(x)

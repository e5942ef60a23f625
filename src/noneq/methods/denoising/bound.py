"""The variational bound on the log density of a Gaussian denoising model."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Numbers, Scalar, ScalarLike
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.frames.checks import check_time
from noneq.kinds import checked
from noneq.methods.denoising.model import DenoisingModel
from noneq.processes.gaussian import Gaussian
from noneq.processes.schedules import AbstractSchedule
from noneq.traced import jit


@checked
def variational_bound(
    model: DenoisingModel,
    x: Numbers,
    *,
    time: ScalarLike | None = None,
    condition: Any = None,
    samples: int = 64,
    steps: int = 0,
    key: Key,
) -> Estimate:
    """Lower bound on log p(x | time, condition), nats, for each state.

    **Equation**: −log p ≤ recon + KL(q(z_1 | x) | prior) + ½ E[gamma'(tau) |eps − eps_hat|²];
    recon = −E log N(x; z_0/alpha_0, sigma_0²/alpha_0²), gamma = ln(sigma²/alpha²). It bounds
    the law that `Ancestral` draws from, not that of the probability-flow ODE.

    Args:
        model: with any Gaussian process.
        x: one state, or a batch ``(n, *event_shape)``.
        samples: draws of (tau, eps) for each state, at least 2.
        steps: levels of the generative chain; 0 is the limit of infinitely many.

    Returns:
        One entry per state, with the standard error over the draws.

    Raises:
        InvalidInput: a process that is not Gaussian, or has alpha = 0 at tau = 1; a bad
            number of samples or steps.

    Source: Kingma et al. 2021, eq. 11, 13–18 and appendix E.
    """
    if not isinstance(model.denoiser.process, Gaussian):
        raise InvalidInput(
            f"variational_bound: the process is {type(model.denoiser.process).__name__}; the bound "
            "is that of Gaussian noise. Use log_prob or log_prob_estimate."
        )
    if float(model.denoiser.process.schedule(1.0)[0]) <= 0:
        raise InvalidInput(
            f"variational_bound: {type(model.denoiser.process.schedule).__name__} has alpha = 0 at "
            "tau = 1, where the bound's clock gamma is infinite. Use log_prob or log_prob_estimate."
        )
    if samples < 2 or steps < 0:
        raise InvalidInput(
            f"variational_bound: samples = {samples}, steps = {steps}; expected at least 2 and 0."
        )
    states, single = model.frame.batch(x)
    time = check_time(time, model.frame.times)
    condition = model.frame.asked.check(condition, len(states))
    if condition is not None and condition.ndim == 1:
        condition = jnp.broadcast_to(condition, (len(states), condition.size))
    values = np.asarray(_bounds(model, states, time, condition, (samples, steps), key), np.float64)
    stderr = np.std(values, axis=1, ddof=1) / math.sqrt(samples)
    estimate = Estimate(
        np.mean(values, axis=1), stderr, np.asarray(samples), bound="lower", unit="nat"
    )
    return estimate[0] if single else estimate


@jit
def _bounds(
    model: DenoisingModel, x: Array, time: Any, condition: Any, sizes: tuple[int, int], key: Key
) -> Float[Array, "n samples"]:
    samples, steps = sizes
    denoiser: Any = model.denoiser

    def one(state):
        x, condition, key = state
        y = model.normaliser.forward(x)
        place_key, noise_key = jax.random.split(key)

        def draw(u, key):
            tau, weight = place(denoiser.process.schedule, u, steps)
            error = noise_error(denoiser, y, tau, time=time, condition=condition, key=key)
            return weight * error / 2

        u = jax.random.uniform(place_key, (samples,))
        between = jax.vmap(draw)(u, jax.random.split(noise_key, samples))
        ends_cost = ends(denoiser.process, denoiser.std.value, y)
        return -between - ends_cost - model.normaliser.log_volume(x)

    states = (x, condition, jax.random.split(key, x.shape[0]))
    return jax.lax.map(one, states, batch_size=256)


def place(schedule: AbstractSchedule, u: Scalar, steps: int) -> tuple[Scalar, Scalar]:
    """tau of a uniform u in [0, 1), and the factor of ½ |eps − eps_hat|² there.

    The factor is gamma' for steps = 0, else steps (e^(gamma_t − gamma_s) − 1) at the upper end t
    of the step [s, t] that holds u.
    """
    gamma = lambda u: noise_to_signal(schedule, schedule.start + (1 - schedule.start) * u)
    if steps:
        end = (jnp.floor(u * steps) + 1) / steps
        weight = steps * jnp.expm1(gamma(end) - gamma(jnp.maximum(end - 1 / steps, 0.0)))
    else:
        end = u
        _, weight = jax.jvp(gamma, (u,), (jnp.ones_like(u),))
    return schedule.start + (1 - schedule.start) * end, weight


def noise_to_signal(schedule: AbstractSchedule, tau: ScalarLike) -> Scalar:
    """gamma = ln(sigma²/alpha²)."""
    alpha, sigma = schedule(tau)
    return 2 * (jnp.log(sigma) - jnp.log(alpha))


def noise_error(
    denoiser: Any,
    y: Float[Array, " dim"],
    tau: ScalarLike,
    *,
    time: Any = None,
    condition: Any = None,
    key: Key,
) -> Scalar:
    """|eps − eps_hat|² = (alpha/sigma)² |y − D(x_tau)|² for one draw of the noise."""
    alpha, sigma = denoiser.process.schedule(tau)
    x = denoiser.process.perturb(y, tau, key=key).x
    clean = denoiser.denoise(x, tau, time=time, condition=condition)
    return (alpha / sigma) ** 2 * jnp.sum((y - clean) ** 2)


def ends(process: Gaussian, std: ScalarLike, y: Float[Array, " dim"]) -> Scalar:
    """Reconstruction at the schedule's start plus KL to the prior at tau = 1, both exact."""
    gamma = noise_to_signal(process.schedule, process.schedule.start)
    reconstruction = y.size * (1 + math.log(2 * math.pi) + gamma) / 2
    alpha, sigma = process.schedule(1.0)
    mean, width = (value / process.prior(std).scale for value in (alpha * y, sigma))
    return reconstruction + jnp.sum(mean**2 + width**2 - 1) / 2 - y.size * jnp.log(width)

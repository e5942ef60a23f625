"""Implicit score matching: the score of a process whose kernel is not known."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from noneq._typing import Key, Scalar
from noneq.calculus import directions, divergence
from noneq.learning.objectives import AbstractLoss
from noneq.learning.rows import dequantised, left_open
from noneq.processes.base import AbstractDenoiser
from noneq.processes.weights import AbstractWeight


class ImplicitLoss(AbstractLoss):
    """Mean over tau, y and paths of weight(tau) sigma² [½|s|² + div s]/dim at x_tau.

    It is ½ E|s − ∇ log p_tau|² plus a constant, for any s that is continuous and has n·s = 0 at
    the walls. Above 16 dimensions div s is estimated with one random probe a state.

    Args:
        weight: law of tau and weight of its error.
        drop: fraction of conditions that are hidden.
        width: of the dequantisation noise ``(dim,)``, or None.

    Source: Hyvärinen 2005, eq. 4; Lou and Ermon 2023, section 4.1; Song et al. 2019 (probes).
    """

    weight: AbstractWeight
    drop: float = 0.0
    width: Array | None = None

    def loss(self, model: AbstractDenoiser, batch: dict[str, Any], *, key: Key) -> Scalar:
        tau_key, noise_key, fill_key, drop_key, probe_key = jax.random.split(key, 5)
        process, std = model.process, model.std.value
        y = dequantised(batch["y"], self.width, key=fill_key)
        y = jax.vmap(process.project)(y)
        condition = left_open(batch["condition"], self.drop, key=drop_key)
        tau = self.weight.draw(y.shape[0], process.schedule, std, key=tau_key)

        def one(y, tau, time, condition, noise_key, probe_key):
            x = process.perturb(y, tau, key=noise_key).x
            score = lambda x: model.noisy_score(x, tau, time=time, condition=condition)
            s, push = jax.linearize(score, x)
            spread = divergence(push, directions(x.size, key=probe_key))
            factor = self.weight(tau, process.schedule, std) * process.schedule(tau)[1] ** 2
            return factor * (0.5 * jnp.sum(s**2) + spread) / x.size

        keys = (jax.random.split(k, y.shape[0]) for k in (noise_key, probe_key))
        over = (0, 0, 0, None if condition is None else 0, 0, 0)
        return jnp.mean(jax.vmap(one, over)(y, tau, batch["time"], condition, *keys))

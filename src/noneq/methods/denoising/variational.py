"""The variational bound as loss, with a learnt noise schedule."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from noneq._typing import Key, Scalar
from noneq.constant import learnable
from noneq.kinds import checked
from noneq.learning.objectives import AbstractObjective
from noneq.learning.rows import dequantised, left_open
from noneq.methods.denoising.bound import ends, noise_error, noise_to_signal, place
from noneq.processes.denoiser import Denoiser
from noneq.processes.gaussian import Gaussian
from noneq.processes.learnt import LinearLogSNR


class VariationalLoss(AbstractObjective):
    """The negative variational bound in nats per (normalised) state.

    Network and end points of gamma follow its gradient. In the limit of infinitely many steps
    the bound does not depend on gamma between its ends, which then lowers the variance of the
    loss: the interior follows the gradient of ln E[l²], l the loss of one sample (the mean of l
    being fixed, this is the variance's direction; the logarithm keeps its scale).

    **Equation**: with dl_i/dgamma_i from the one backward pass that the network needs,
    d E[l²]/dgamma_i = 2 l_i dl_i/dgamma_i.

    Args:
        steps: levels of the generative chain, 0 for infinitely many; a finite number gives the
            interior the loss's own gradient, as the bound then depends on it.
        drop: fraction of conditions that are hidden.
        width: of the dequantisation noise ``(dim,)``, or None.

    Source: Kingma et al. 2021, eq. 11–18 and appendix I.
    """

    steps: int = 0
    drop: float = 0.0
    width: Array | None = None

    @checked
    def init(self, model: Any, *, key: Key) -> None:
        return None

    def grad(
        self, model: Denoiser, state: None, batch: dict[str, Any], *, key: Key
    ) -> tuple[Scalar, Any, None]:
        time_key, noise_key, fill_key, drop_key = jax.random.split(key, 4)
        y = dequantised(batch["y"], self.width, key=fill_key)
        condition = left_open(batch["condition"], self.drop, key=drop_key)
        n = y.shape[0]
        # One offset for the whole batch: the times cover [0, 1) evenly.
        u = (jax.random.uniform(time_key) + jnp.arange(n) / n) % 1
        keys = jax.random.split(noise_key, n)
        free, fixed = eqx.partition(model, learnable(model))

        def levels(schedule):
            def one(u):
                tau, weight = place(schedule, u, self.steps)
                return noise_to_signal(schedule, tau), weight

            return jax.vmap(one)(u)

        def between(free, levels):
            def one(y, gamma, weight, time, condition, key):
                # A schedule that stands at this sample's gamma: all that the error depends on.
                here = Gaussian(LinearLogSNR(gamma, gamma + 1))
                denoiser = eqx.tree_at(lambda m: m.process, eqx.combine(free, fixed), here)
                error = noise_error(denoiser, y, 0.0, time=time, condition=condition, key=key)
                return weight * error / 2

            gamma, weight = levels
            over = (0, 0, 0, 0, None if condition is None else 0, 0)
            losses = jax.vmap(one, over)(y, gamma, weight, batch["time"], condition, keys)
            return jnp.mean(losses), losses

        def outside(schedule):
            process = Gaussian(schedule)
            return jnp.mean(jax.vmap(lambda y: ends(process, model.std.value, y))(y))

        schedule: Any = model.process.schedule
        found, pull = jax.vjp(levels, schedule)
        slopes = jax.value_and_grad(between, argnums=(0, 1), has_aux=True)
        (inner, losses), (grads, by_level) = slopes(free, found)
        outer, by_ends = jax.value_and_grad(outside)(schedule)
        (direction,) = pull(by_level)
        direction = jax.tree.map(jnp.add, direction, by_ends)
        if not self.steps:
            louder = 2 * losses / jnp.mean(losses**2)
            (quieter,) = pull(tuple(louder * slope for slope in by_level))
            direction = eqx.tree_at(_interior, direction, _interior(quieter))
        grads = eqx.tree_at(lambda m: m.process.schedule, grads, direction)
        return inner + outer, grads, state


def _interior(schedule: Any) -> tuple[Any, ...]:
    return schedule.slope, schedule.steepness, schedule.shift, schedule.height

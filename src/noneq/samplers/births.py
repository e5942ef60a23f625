"""Sampling of flows on whose lines particles are born and die."""

import warnings
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar
from noneq.errors import InvalidInput
from noneq.samplers.base import Flowing, births, check_steps, ensemble, projected
from noneq.samplers.birth_weights import AbstractHandling, Population, Resampling, systematic
from noneq.samplers.fixed_steps import AbstractStepped


class Weighted(NamedTuple):
    """An ensemble with weights.

    Attributes:
        x: states.
        log_weights: up to a common constant.
        effective: the smallest effective sample size on the way, as a part of n; copies of one
            particle count as one.
    """

    x: Float[Array, "n *event"]
    log_weights: Float[Array, " n"]
    effective: Scalar


class Sourced(AbstractStepped):
    """Heun's method for states and log weights, on a uniform grid of tau from 1 to the start.

    **Equation**: backwards in tau, with b = `birth`: d x = −v |dtau|, d log w = −b |dtau|.
    `log_prob` is log p = log prior(x_1) + ∫_0^1 (div v − b) dtau, whatever the handling.

    The particles of a draw share their births and deaths: they are independent only up to the
    copies among them, and the more of them the better is each.

    Args:
        handling: of the weights: `Resampling`, `Weights`, `Branching` or, to compare, `Ignored`.
        steps: intervals; two evaluations each.
        particles: fewest that are moved; of more than are asked for, as many as asked are picked.
        likelihood_steps: Runge–Kutta steps of `log_prob`.

    Raises:
        MissingTrait: a model without the trait `HasBirths`.
        InvalidInput: a condition of its own for each sample; particles of one draw replace each
            other, so they must have one law.

    Source: Liu et al. 2023 (GenPhys), section 4.3, for the source; the handling is ours.
    """

    handling: AbstractHandling = Resampling()
    steps: int = 64
    particles: int = 1000
    likelihood_steps: int = 32

    def __check_init__(self) -> None:
        check_steps("Sourced", self.particles)

    @property
    def evaluations(self) -> int:
        return 2 * self.steps

    def __call__(
        self, model: Flowing, shape: tuple[int, ...], *, time: Any, condition: Any, key: Key
    ) -> Float[Array, "n *event"]:
        move_key, pick_key = jax.random.split(key)
        moved = (max(shape[0], self.particles), *shape[1:])
        found = self.weighted(model, moved, time=time, condition=condition, key=move_key)
        return found.x[systematic(found.log_weights, shape[0], key=pick_key)]

    def weighted(
        self, model: Flowing, shape: tuple[int, ...], *, time: Any, condition: Any, key: Key
    ) -> Weighted:
        """The ensemble of shape ``(n, *event_shape)`` with the weights that it ends with.

        Warns when few particles are left effective, and when births are ignored.
        """
        if condition is not None and condition.ndim > 1:
            raise InvalidInput(
                f"Sourced: conditions of shape {condition.shape}; expected one for all samples, as "
                "they replace each other. Draw each condition on its own."
            )
        velocity = ensemble(model.noisy_velocity, time=time, condition=condition)
        birth = ensemble(births(model), time=time, condition=condition)
        project = projected(model)
        start = model.process.schedule.start
        h = (1.0 - start) / self.steps
        prior_key, loop_key = jax.random.split(key)

        def step(carry, i):
            population, least = carry
            x, tau = population.x, 1.0 - i * h
            # The last corner must not fall below the start by rounding.
            after = jnp.maximum(tau - h, start)
            v = velocity(x, tau)
            corner = project(x - h * v)
            moved = project(x - h / 2 * (v + velocity(corner, after)))
            change = -h / 2 * (birth(x, tau) + birth(corner, after))
            key = jax.random.fold_in(loop_key, i)
            population = self.handling(population._replace(x=moved), change, key=key)
            return (population, jnp.minimum(least, population.effective)), None

        x = model.prior.sample(shape, key=prior_key)
        first = Population(x, jnp.zeros(shape[0], x.dtype), jnp.arange(shape[0]))
        carry = (first, jnp.ones((), x.dtype))
        (last, least), _ = jax.lax.scan(step, carry, jnp.arange(self.steps))
        jax.debug.callback(self._warn, least)
        return Weighted(last.x, last.log_weights, least)

    def _warn(self, effective: Any) -> None:
        remark = self.handling.remark(float(effective))
        if remark:
            warnings.warn(remark, stacklevel=2)

"""Annealed Langevin dynamics."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key
from noneq.errors import InvalidInput
from noneq.samplers.base import Flowing, check_steps, denoiser, projected, scored
from noneq.samplers.fixed_steps import AbstractStepped
from noneq.samplers.grid import levels


class AnnealedLangevin(AbstractStepped):
    """Langevin dynamics at one noise level after the other, from the largest to the smallest.

    **Equation**: ``steps`` times x ← x + (e/2) s(x, sigma) + sqrt(e) xi with e = rate sigma²,
    at each level; at the end, if ``last``, D(x) instead of x.

    Args:
        steps: Langevin steps at each level; one evaluation each.
        levels: noise levels, uniform in tau (geometric for `VE`).
        rate: step size over sigma²; eps/sigma_L² in the source, where it is 2e-5/0.01² = 0.2
            with 10 levels of 100 steps.
        last: end with the denoised state, as Song and Ermon 2020 do.
        likelihood_steps: Runge–Kutta steps of `log_prob`, which is the ODE's.

    Source: Song and Ermon 2019, algorithm 1; Song and Ermon 2020, section 3. Deviation: for
    alpha ≠ 1 the state is carried from level to level with x/alpha held.
    """

    steps: int = 5
    levels: int = 200
    rate: float = 0.1
    last: bool = True
    likelihood_steps: int = 32

    def __check_init__(self) -> None:
        check_steps("AnnealedLangevin", self.levels)
        if not 0 < self.rate < 4:
            raise InvalidInput(
                f"AnnealedLangevin: rate = {self.rate}; expected a number in (0, 4), beyond which "
                "Langevin steps at the data's own scale diverge (0.1 is usual)."
            )

    @property
    def evaluations(self) -> int:
        return self.levels * self.steps + self.last

    def __call__(
        self, model: Flowing, shape: tuple[int, ...], *, time: Any, condition: Any, key: Key
    ) -> Float[Array, "n *event"]:
        score, _ = scored(model, self, time=time, condition=condition)
        project = projected(model)
        prior_key, noise_key = jax.random.split(key)
        grid = levels(model.process.schedule, self.levels)

        def descend(state, level):
            (x, before), (now, level_key) = state, level
            size = self.rate * now.sigma**2

            def step(x, key):
                xi = jax.random.normal(key, x.shape, x.dtype)
                return project(x + size / 2 * score(x, now.tau) + jnp.sqrt(size) * xi), None

            # At alpha = 0 a state is all noise, and keeps being taken so.
            x = x * jnp.where(before > 0, now.alpha / before, now.sigma)
            x = jax.lax.scan(step, x, jax.random.split(level_key, self.steps))[0]
            return (x, now.alpha), None

        x = model.prior.sample(shape, key=prior_key)
        keys = jax.random.split(noise_key, self.levels)
        x = jax.lax.scan(descend, (x, grid.alpha[0]), (grid, keys))[0][0]
        if not self.last:
            return x
        clean = denoiser(model, self, time=time, condition=condition)
        return project(clean(x, grid.tau[-1]))

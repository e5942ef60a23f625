"""The reverse-time SDE by Euler–Maruyama, and predictor–corrector sampling."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar
from noneq.errors import InvalidInput
from noneq.samplers.base import Flowing, projected, scored
from noneq.samplers.fixed_steps import AbstractStepped


class ReverseSDE(AbstractStepped):
    """Euler–Maruyama on the reverse family, all with the same marginals.

    **Equation**: dx = [v − (noise²/2) g² s] dtau + noise·g dW backwards in tau, with
    v = a x − g² s/2 the probability-flow velocity; noise = 0 is the ODE, 1 Anderson's SDE.

    Args:
        steps: steps, uniform in tau; one evaluation each.
        noise: lambda of the family.
        likelihood_steps: Runge–Kutta steps of `log_prob`, which is the ODE's.

    Source: Anderson 1982; Song et al. 2021, eq. 6 and appendix D.
    """

    steps: int = 500
    noise: float = 1.0
    likelihood_steps: int = 32

    def __check_init__(self) -> None:
        check_noise("ReverseSDE", self.noise)

    @property
    def evaluations(self) -> int:
        return self.steps

    def __call__(
        self, model: Flowing, shape: tuple[int, ...], *, time: Any, condition: Any, key: Key
    ) -> Float[Array, "n *event"]:
        return _backwards(self, model, shape, time, condition, key, corrector=None)


class PredictorCorrector(AbstractStepped):
    """Reverse-SDE steps, each after Langevin steps at the noise level that it starts from.

    **Equation**: corrector x ← x + e s + sqrt(2e) xi, e = 2 a (snr |xi|/|s|)², with norms
    averaged over the ensemble and a = alpha(tau)²/alpha(tau − h)² of the discrete step.

    Args:
        steps: predictor steps, uniform in tau; 1 + corrections evaluations each.
        corrections: Langevin steps before each.
        snr: signal-to-noise ratio of the corrector.
        noise: lambda of the predictor.
        likelihood_steps: Runge–Kutta steps of `log_prob`.

    Source: Song et al. 2021, algorithms 2–5, in the order of their code: a corrector behind the
    last predictor, which adds no noise and may land on D(x) itself, would divide by a score of 0.
    """

    steps: int = 300
    corrections: int = 1
    snr: float = 0.16
    noise: float = 1.0
    likelihood_steps: int = 32

    def __check_init__(self) -> None:
        check_noise("PredictorCorrector", self.noise)
        if self.corrections < 0 or not self.snr > 0:
            raise InvalidInput(
                f"PredictorCorrector: corrections = {self.corrections}, snr = {self.snr}; "
                "expected corrections ≥ 0 and snr > 0."
            )

    @property
    def evaluations(self) -> int:
        return self.steps * (1 + self.corrections)

    def __call__(
        self, model: Flowing, shape: tuple[int, ...], *, time: Any, condition: Any, key: Key
    ) -> Float[Array, "n *event"]:
        score, _ = scored(model, self, time=time, condition=condition)
        project = projected(model)

        def corrector(x, tau, after, key):
            discrete = (model.process.schedule(tau)[0] / model.process.schedule(after)[0]) ** 2

            def step(x, key):
                s = score(x, tau)
                xi = jax.random.normal(key, x.shape, x.dtype)
                size = 2 * discrete * (self.snr * _norm(xi) / _norm(s)) ** 2
                return project(x + size * s + jnp.sqrt(2 * size) * xi), None

            return jax.lax.scan(step, x, jax.random.split(key, self.corrections))[0]

        return _backwards(self, model, shape, time, condition, key, corrector)


def check_noise(name: str, noise: float) -> None:
    """Refuse a lambda that is no finite number ≥ 0.

    Raises:
        InvalidInput: naming the sampler.
    """
    if not 0 <= noise < float("inf"):
        raise InvalidInput(f"{name}: noise = {noise}; expected 0 or more.")


def _norm(x: Array) -> Scalar:
    return jnp.mean(jnp.sqrt(jnp.sum(x.reshape(x.shape[0], -1) ** 2, axis=1)))


def _backwards(
    sampler: ReverseSDE | PredictorCorrector,
    model: Flowing,
    shape: tuple[int, ...],
    time: Any,
    condition: Any,
    key: Key,
    corrector: Callable[..., Array] | None,
) -> Array:
    """Reverse steps in tau; the last one adds no noise."""
    schedule = model.process.schedule
    h = (1.0 - schedule.start) / sampler.steps
    prior_key, loop_key = jax.random.split(key)
    score, process = scored(model, sampler, time=time, condition=condition)
    flow = jax.vmap(process.velocity, (0, None, 0))
    project = projected(model)

    def step(x, i):
        noise_key, corrector_key = jax.random.split(jax.random.fold_in(loop_key, i))
        # alpha may vanish at tau = 1 exactly; half a step inside is the midpoint of the grid.
        tau = 1.0 - i * h
        inside = jnp.minimum(tau, 1.0 - h / 2)
        if corrector is not None:
            x = corrector(x, tau, jnp.maximum(tau - h, schedule.start), corrector_key)
        g2 = schedule.diffusion_squared(inside)
        s = score(x, inside)
        xi = jax.random.normal(noise_key, shape, x.dtype)
        kick = jnp.where(i < sampler.steps - 1, sampler.noise * jnp.sqrt(g2 * h), 0.0)
        drift = flow(x, inside, s) - 0.5 * sampler.noise**2 * g2 * s
        return project(x - h * drift + kick * xi), None

    x = model.prior.sample(shape, key=prior_key)
    return jax.lax.scan(step, x, jnp.arange(sampler.steps))[0]

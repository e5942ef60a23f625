"""The loss of a transition model whose entropy production is penalised."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.calculus import divergence
from noneq.constant import Constant
from noneq.learning.objectives import AbstractLoss
from noneq.methods.denoising.objectives import DenoisingLoss
from noneq.nets.periodic import Angles
from noneq.processes.base import AbstractFlowing
from noneq.processes.dissipation import EntropyProduction, HasDissipation


class Step(HasDissipation):
    """The mean displacement of a step that a denoiser implies at each of its noise levels.

    **Equation**: for a displacement y of unit variance around its mean mu(x),
    D(y_tau, tau) = (rho² mu + y_tau/alpha)/(1 + rho²), rho = sigma/alpha, which is solved for mu.
    The drift f = (shift + scale mu)/lag and the diffusivity scale²/(2 lag) of the displacements give,
    for normalised states X with the unit s, over one lag

        2 Σ_i [(mu_i + shift_i/scale_i)² + (scale_i/s_i) ∂mu_i/∂X_i],

    here times (rho²/(1 + rho²))², since a level of little noise tells little of the mean.

    Args:
        denoiser: D.
        shift, scale: mean and standard deviation of the displacements.
        unit: s of the states.
        before: angles of the state on a torus.
    """

    denoiser: AbstractFlowing
    shift: Constant
    scale: Constant
    unit: Constant
    before: Angles | None

    def dissipation(
        self,
        x: Float[Array, " dim"],
        tau: ScalarLike,
        time: Any,
        condition: Any,
        along: Float[Array, "k dim"],
    ) -> Scalar:
        state, own = condition
        alpha, sigma = self.denoiser.process.schedule(tau)
        noise = (sigma / alpha) ** 2
        ratio = self.scale.value / self.unit.value

        def mean(state: Array) -> Array:
            """mu rho²/(1 + rho²)."""
            seen = state if self.before is None else self.before(state, 1.0)
            if own is not None:
                seen = jnp.concatenate([seen, own])
            found: Any = self.denoiser
            return found.denoise(x, tau, time=time, condition=seen) - x / alpha / (1 + noise)

        mu, push = jax.linearize(mean, state)
        weight = noise / (1 + noise)
        squares = jnp.sum((mu + weight * self.shift.value / self.scale.value) ** 2)
        return 2 * (squares + weight * divergence(lambda v: ratio * push(v), along))


class TransitionLoss(AbstractLoss):
    """`DenoisingLoss` and the penalty, on noised displacements of its own.

    Args:
        matching: the denoising loss.
        penalty: the penalty.
        step: with any denoiser; that of training takes its place.
    """

    matching: DenoisingLoss
    penalty: EntropyProduction
    step: Step

    def loss(self, model: Any, batch: dict[str, Any], *, key: Key) -> Scalar:
        loss_key, tau_key, noise_key, penalty_key = jax.random.split(key, 4)
        loss = self.matching.loss(model, batch, key=loss_key)
        process, weight = model.process, self.matching.weight
        tau = weight.draw(batch["y"].shape[0], process.schedule, model.std.value, key=tau_key)
        keys = jax.random.split(noise_key, tau.shape[0])
        noised = jax.vmap(lambda y, tau, k: process.perturb(y, tau, key=k).x)(batch["y"], tau, keys)
        step = eqx.tree_at(lambda s: s.denoiser, self.step, model)
        told = (batch["state"], batch["own"])
        return loss + self.penalty.mean(
            step, noised, tau, batch["time"], condition=told, key=penalty_key
        )

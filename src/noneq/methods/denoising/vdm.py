"""Variational diffusion models: the bound as loss, and a learnt noise schedule."""

from pathlib import Path
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.constant import Constant, learnable
from noneq.data.summary import Summary
from noneq.errors import InvalidInput
from noneq.learning.forward import HasForward, linear
from noneq.learning.loop import Training
from noneq.learning.method import AbstractMethod, Data, Fit, Progress
from noneq.learning.objectives import AbstractObjective
from noneq.learning.published import DGM, Published
from noneq.learning.rows import check_handling, dequantised, fit_law, left_open
from noneq.methods.denoising.bound import ends, noise_error, noise_to_signal, place
from noneq.methods.denoising.denoiser import Denoiser
from noneq.methods.denoising.model import DenoisingModel
from noneq.nets.base import AbstractNet
from noneq.nets.inputs import clock_of, label_of
from noneq.nets.vectors.fields import MLP
from noneq.processes.gaussian import Gaussian
from noneq.processes.learnt import LearntLogSNR, LinearLogSNR, check_ends
from noneq.processes.targets import AbstractTarget, Noise
from noneq.samplers.ancestral import Ancestral
from noneq.samplers.base import AbstractSampler


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


class VDM(AbstractMethod, HasForward):
    """A diffusion model trained on its own likelihood bound, with a learnt noise schedule.

    Forward process:
        z = alpha y + sigma eps, alpha² = sigmoid(−gamma), gamma(tau) a monotone network between
        learnt ends (`LearntLogSNR`): dz = −b z/2 dtau + sqrt(b) dW, b = gamma' sigma².
    Learnt object:
        the noise eps(z, gamma, t), hence the score −eps/sigma; and gamma itself.
    Objective and weight:
        the bound recon + KL(prior) + ½ E[gamma' |eps − eps_hat|²] in nats, or its form for
        ``discrete_steps``; the interior of gamma lowers the loss's variance (`VariationalLoss`).
    Sampling:
        `Ancestral`; `log_prob` by the probability-flow ODE; `models.variational_bound` is the
        bound itself.
    Source and deviations:
        Kingma et al. 2021, eq. 11–18, appendices H and I. 256 sigmoids in place of 1024, each
        with its own place; no Fourier features of z; data of any kind are reconstructed by
        N(z_0/alpha_0, e^gamma_0).

    Args:
        gamma_min, gamma_max: ends of gamma at the start of training.
        schedule_width: sigmoids of gamma; 0 keeps it linear in tau (the ends still learn).
        discrete_steps: levels of the generative chain, 0 for the continuous limit.
        target: meaning of the network's output.
        net, time_band, drop_condition, dequantise, training: as in `AbstractDenoising`.

    Raises:
        InvalidInput: ends that do not rise, or that leave too much signal at tau = 1.
    """

    source: ClassVar[str] = "kingma2021variational"
    published: ClassVar[Published | None] = Published("VDM", False, True, DGM)

    gamma_min: float = -13.3
    gamma_max: float = 5.0
    schedule_width: int = 256
    discrete_steps: int = 0
    target: AbstractTarget = Noise()
    sampler: AbstractSampler = Ancestral()
    net: AbstractNet = MLP()
    time_band: float | None = None
    drop_condition: float = 0.0
    dequantise: float | None = None
    training: Training = Training(steps=20_000)

    def __check_init__(self) -> None:
        check_ends("VDM", self.gamma_min, self.gamma_max)
        if self.gamma_max < 4:
            raise InvalidInput(
                f"VDM: gamma_max = {self.gamma_max} leaves a signal-to-noise ratio of "
                f"e^{-self.gamma_max:g} at tau = 1, which the prior has not; expected 4 or more."
            )
        if self.schedule_width < 0 or self.discrete_steps < 0:
            raise InvalidInput(
                f"VDM: schedule_width = {self.schedule_width}, discrete_steps = "
                f"{self.discrete_steps}; expected 0 or more."
            )
        check_handling(self)

    def forward(
        self, x: Float[Array, " dim"], tau: ScalarLike
    ) -> tuple[Float[Array, " dim"], Float[Array, " dim"]]:
        return linear(self._schedule(jax.random.key(0)), x, tau)

    def init(self, summary: Summary, *, key: Key) -> DenoisingModel:
        net_key, schedule_key = jax.random.split(key)
        net = self.net.init(
            summary.event_shape,
            summary.dim,
            noise=True,
            clock=clock_of(summary, self.time_band),
            label=label_of(summary),
            key=net_key,
        )
        denoiser = Denoiser(
            net=net,
            std=Constant(jnp.asarray(summary.std)),
            process=Gaussian(self._schedule(schedule_key)),
            target=self.target,
        )
        return DenoisingModel(denoiser, self.sampler, summary, optional=self.drop_condition > 0)

    def fit(
        self,
        data: Data,
        *,
        key: Key,
        init: DenoisingModel | None = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Fit:
        loss = lambda width: VariationalLoss(self.discrete_steps, self.drop_condition, width)
        return fit_law(
            self,
            data,
            loss,
            part=lambda model: model.denoiser,
            key=key,
            init=init,
            progress=progress,
            checkpoint=checkpoint,
        )

    def _schedule(self, key: Key) -> LearntLogSNR:
        return LearntLogSNR(self.gamma_min, self.gamma_max, self.schedule_width, key=key)

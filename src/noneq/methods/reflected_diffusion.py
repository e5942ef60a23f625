"""Diffusion between reflecting walls."""

from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.data.summary import Summary, placed
from noneq.domains import AbstractDomain, Box
from noneq.errors import InvalidInput
from noneq.methods.base import AbstractMethod, Data, Fit, Progress, as_data
from noneq.methods.dynamics import HasForward, linear
from noneq.methods.learning import check_dequantise, dequantised, fit_law, left_open
from noneq.methods.published import Published
from noneq.models.denoising import DenoisingModel
from noneq.models.reflected import ReflectedScore
from noneq.nets.base import AbstractNet
from noneq.nets.constant import Constant
from noneq.nets.fields import MLP
from noneq.nets.inputs import clock_of, label_of
from noneq.processes.reflected import Reflected
from noneq.processes.schedules import AbstractSchedule
from noneq.processes.weights import AbstractWeight, UnitNoise
from noneq.samplers.base import AbstractSampler
from noneq.samplers.sde import ReverseSDE
from noneq.training import AbstractLoss, Training


class ReflectedLoss(AbstractLoss):
    """Mean over tau, y and paths of weight(tau) sigma² |s(x) − ∇ log p(x|y)|².

    Args:
        weight: law of tau and weight of its error.
        drop: fraction of conditions that are hidden.
        width: of the dequantisation noise ``(dim,)``, or None.

    Source: Lou and Ermon 2023, eq. 8.
    """

    weight: AbstractWeight
    drop: float = 0.0
    width: Array | None = None

    def loss(self, model: ReflectedScore, batch: dict[str, Any], *, key: Key) -> Scalar:
        tau_key, noise_key, fill_key, drop_key = jax.random.split(key, 4)
        y = model.process.project(dequantised(batch["y"], self.width, key=fill_key))
        condition = left_open(batch["condition"], self.drop, key=drop_key)
        schedule, std = model.process.schedule, model.std.value
        tau = self.weight.draw(y.shape[0], schedule, std, key=tau_key)

        def one(y, tau, time, condition, noise_key):
            noised = model.process.perturb(y, tau, key=noise_key)
            assert noised.score is not None  # a reflected process has one
            error = model.noisy_score(noised.x, tau, time=time, condition=condition) - noised.score
            factor = self.weight(tau, schedule, std) * schedule(tau)[1] ** 2
            return factor * jnp.mean(error**2)

        keys = jax.random.split(noise_key, y.shape[0])
        over = (0, 0, 0, None if condition is None else 0, 0)
        return jnp.mean(jax.vmap(one, over)(y, tau, batch["time"], condition, keys))


class ReflectedDiffusion(AbstractMethod, HasForward):
    """Score of p(x, t) inside a box with reflecting walls; samples never leave it.

    Forward process:
        Brownian motion reflected at the walls, x_tau = fold(y + sigma xi) (`Reflected`); it ends
        in the uniform law.
    Learnt object:
        the score, times a factor that vanishes at the walls (`ReflectedScore`).
    Objective and weight:
        denoising score matching with the exact score of the heat kernel, weight(tau) sigma².
    Sampling:
        reverse SDE by Euler–Maruyama, each step reflected into the box; `log_prob` by the
        probability-flow ODE, which no wall is crossed by.
    Source and deviations:
        Lou and Ermon 2023, without drift; physical time is a further input; the factor at the walls
        follows the noise level (see `ReflectedScore`).

    Args:
        process: noise levels, in units of half the box.
        weight: law of tau and weight of the score's error times sigma.
        sampler: how samples and likelihoods are computed.
        net: recipe of the network.
        domain: the box, for data that do not carry one.
        time_band, drop_condition, dequantise, training: as in `AbstractDenoising`.

    Raises:
        InvalidInput: settings out of their range; data without a box, or outside it.
    """

    source: ClassVar[str] = "lou2023reflected"
    published: ClassVar[Published | None] = Published("RDM", True, True)

    process: Reflected = Reflected()
    weight: AbstractWeight = UnitNoise()
    sampler: AbstractSampler = ReverseSDE()
    net: AbstractNet = MLP()
    domain: AbstractDomain | None = None
    time_band: float | None = None
    drop_condition: float = 0.0
    dequantise: float | None = None
    training: Training = Training(steps=20_000)

    def __check_init__(self) -> None:
        if not 0 <= self.drop_condition < 1:
            raise InvalidInput(
                f"ReflectedDiffusion: drop_condition = {self.drop_condition}; expected a fraction "
                "in [0, 1)."
            )
        if self.domain is not None:
            _check_domain(self.domain)
        check_dequantise("ReflectedDiffusion", self.dequantise)

    def forward(
        self, x: Float[Array, " dim"], tau: ScalarLike
    ) -> tuple[Float[Array, " dim"], Float[Array, " dim"]]:
        return linear(self.process.schedule, x, tau)

    def init(self, summary: Summary, *, key: Key) -> DenoisingModel:
        if summary.domain.bounds is None and self.domain is not None:
            summary = placed(summary, self.domain)
        _check_domain(summary.domain)
        _check_spread(summary, self.process.schedule)
        net = self.net.init(
            summary.event_shape,
            summary.dim,
            noise=True,
            clock=clock_of(summary, self.time_band),
            label=label_of(summary),
            key=key,
        )
        std = Constant(jnp.asarray(summary.std))
        score = ReflectedScore(net=net, std=std, process=self.process)
        return DenoisingModel(score, self.sampler, summary, optional=self.drop_condition > 0)

    def fit(
        self,
        data: Data,
        *,
        key: Key,
        init: DenoisingModel | None = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Fit:
        data = as_data(data)
        if data.domain.bounds is None and self.domain is not None:
            labels: dict[str, Any] = vars(data) | {"domain": self.domain}
            data = type(data)(**labels)
        _check_domain(data.domain)
        _check_inside(data.snapshots().values, data.domain)
        loss = lambda width: ReflectedLoss(self.weight, self.drop_condition, width)
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


def _check_domain(domain: AbstractDomain) -> None:
    if not isinstance(domain, Box):
        raise InvalidInput(
            f"ReflectedDiffusion: the data's domain is {type(domain).__name__}, which has no walls; "
            "give a box: Snapshots(..., domain=nq.Box(low, high)) or "
            "ReflectedDiffusion(domain=nq.Box(low, high)) (command line: "
            """--set 'domain={kind="Box", low=-1, high=1}')."""
        )


def _check_inside(values: np.ndarray, domain: AbstractDomain) -> None:
    """Refuse data beyond the walls.

    Raises:
        InvalidInput: how many, and the first.
    """
    inside = np.asarray(jax.vmap(domain.contains)(jnp.asarray(values)))
    if not inside.all():
        first = ", ".join(f"{x:g}" for x in values[int(np.argmin(inside))].ravel()[:4])
        raise InvalidInput(
            f"ReflectedDiffusion: {int((~inside).sum())} of {inside.size} states lie outside "
            f"{domain}, the first at ({first}); drop them or give a larger domain."
        )


def _check_spread(summary: Summary, schedule: AbstractSchedule) -> None:
    """Refuse data that the smallest noise level would blur beyond recognition.

    Raises:
        InvalidInput: naming the data's width in the box.
    """
    least = float(schedule(schedule.start)[1])
    if summary.std < least:
        raise InvalidInput(
            f"ReflectedDiffusion: the data's standard deviation is {summary.std:.2g} half widths of "
            f"the box, below the smallest noise level {least:g}; give a smaller box or sigma_min."
        )

"""Diffusion between reflecting walls."""

from pathlib import Path
from typing import ClassVar

import equinox as eqx
import jax
from jaxtyping import Array, Float

from noneq._typing import Key, ScalarLike
from noneq.data.summary import Summary, placed
from noneq.domains import AbstractDomain, Region
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.learning.forward import HasForward, linear
from noneq.learning.loop import Training
from noneq.learning.method import AbstractMethod, Data, Fit, Progress, as_data
from noneq.learning.published import Published
from noneq.learning.rows import check_handling, fit_law
from noneq.methods.denoising.model import DenoisingModel
from noneq.methods.denoising.objectives import DenoisingLoss
from noneq.methods.denoising.walls.checks import (
    check_domain,
    check_mixing,
    check_spread,
    chosen,
    walled,
)
from noneq.methods.denoising.walls.implicit import ImplicitLoss
from noneq.nets.base import AbstractNet
from noneq.nets.inputs import clock_of, label_of
from noneq.nets.vectors.fields import MLP
from noneq.processes.targets import Preconditioned
from noneq.processes.walls.confined import Confined, Walls
from noneq.processes.walls.reflected import Reflected
from noneq.processes.weights import AbstractWeight, UnitNoise
from noneq.samplers.base import AbstractSampler
from noneq.samplers.sde import ReverseSDE


class ReflectedDiffusion(AbstractMethod, HasForward):
    """Score of p(x, t) between reflecting walls, in a `Box` or a `Region`; samples never leave.

    Forward process:
        Brownian motion reflected at the walls; it ends in the uniform law. In a box
        x_tau = fold(y + sigma xi) (`Reflected`); in a region a billiard walk (`Confined`).
    Learnt object:
        the score, whose component along the normal vanishes at the walls (`ReflectedScore`,
        `ConfinedScore`).
    Objective and weight:
        weight(tau) sigma² of the score's squared error: in a box denoising score matching with
        the exact score of the heat kernel, in a region implicit score matching
        E[½|s|² + div s] (`ImplicitLoss`).
    Sampling:
        reverse SDE by Euler–Maruyama, each step reflected at the walls; `log_prob` by the
        probability-flow ODE, whose lines cross no wall.
    Source and deviations:
        Lou and Ermon 2023, without drift; physical time is a further input; the factor at the walls
        follows the noise level (see `ReflectedScore`).

    Args:
        process: noise levels, in units of half the box.
        weight: law of tau and weight of the score's error times sigma.
        sampler: how samples and likelihoods are computed.
        net: recipe of the network.
        domain: the box or region, for data that do not carry one; a region goes before the data's
            box (of a shape of your own, data files keep only its box).
        walk: steps of the walk in a region.
        time_band, drop_condition, dequantise, training: as in `AbstractDenoising`.

    Raises:
        InvalidInput: settings out of their range; data without walls, or outside them; a region
            that the largest noise does not fill.
    """

    source: ClassVar[str] = "lou2023reflected"
    published: ClassVar[Published | None] = Published("RDM", True, True)

    process: Reflected = eqx.field(default_factory=Reflected)
    weight: AbstractWeight = UnitNoise()
    sampler: AbstractSampler = ReverseSDE()
    net: AbstractNet = MLP()
    domain: AbstractDomain | None = None
    walk: int = 32
    time_band: float | None = None
    drop_condition: float = 0.0
    dequantise: float | None = None
    training: Training = Training(steps=20_000)

    def __check_init__(self) -> None:
        if self.domain is not None:
            check_domain(self.domain)
        if self.walk < 1:
            raise InvalidInput(
                f"ReflectedDiffusion: walk = {self.walk}; expected at least 1 step (32 are usual)."
            )
        check_handling(self)

    def forward(
        self, x: Float[Array, " dim"], tau: ScalarLike
    ) -> tuple[Float[Array, " dim"], Float[Array, " dim"]]:
        return linear(self.process.schedule, x, tau)

    @checked
    def init(self, summary: Summary, *, key: Key) -> DenoisingModel:
        domain = chosen(summary.domain, self.domain)
        check_domain(domain)
        if domain is not summary.domain:
            summary = placed(summary, domain)
        check_spread(summary, self.process.schedule)
        net = self.net.init(
            summary.event_shape,
            summary.dim,
            noise=True,
            clock=clock_of(summary, self.time_band),
            label=label_of(summary),
            key=key,
        )
        process = self._process(summary.domain, summary.event_shape)
        score = process.learnt(net, summary, Preconditioned(), key=key)
        return DenoisingModel(score, self.sampler, summary, optional=self.drop_condition > 0)

    @checked
    def fit(
        self,
        data: Data,
        *,
        key: Key,
        init: DenoisingModel | None = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Fit:
        states = walled(as_data(data), self.domain)
        process = self._process(states.domain, states.event_shape)
        if isinstance(process, Confined):
            key, mixing_key = jax.random.split(key)
            check_mixing(process, states.snapshots().values, key=mixing_key)
            loss = lambda width: ImplicitLoss(self.weight, self.drop_condition, width)
        else:
            loss = lambda width: DenoisingLoss(self.weight, None, self.drop_condition, width)
        return fit_law(
            self,
            states,
            loss,
            part=lambda model: model.denoiser,
            key=key,
            init=init,
            progress=progress,
            checkpoint=checkpoint,
        )

    def _process(
        self, domain: AbstractDomain, event_shape: tuple[int, ...]
    ) -> Reflected | Confined:
        if not isinstance(domain, Region):
            return self.process
        walls = Walls(domain, event_shape)
        return Confined(walls=walls, schedule=self.process.schedule, steps=self.walk)

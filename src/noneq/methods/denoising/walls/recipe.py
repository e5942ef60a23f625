"""Diffusion between reflecting walls."""

from typing import Any, ClassVar

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, ScalarLike
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.data.summary import Summary, placed
from noneq.domains import AbstractDomain, Region
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.learning.forward import HasForward, linear
from noneq.learning.gradient import AbstractGradientMethod, HasPreparation
from noneq.learning.inputs import AbstractInputs
from noneq.learning.loop import Training
from noneq.learning.method import Data, as_data
from noneq.learning.objectives import AbstractObjective
from noneq.learning.published import Published
from noneq.learning.rows import check_lattice, rows
from noneq.methods.denoising.model import DenoisingModel
from noneq.methods.denoising.objectives import DenoisingLoss
from noneq.methods.denoising.walls.checks import (
    check_domain,
    check_mixing,
    check_share,
    check_spread,
    chosen,
    walled,
)
from noneq.methods.denoising.walls.implicit import ImplicitLoss
from noneq.nets.base import AbstractNet
from noneq.nets.vectors.fields import MLP
from noneq.processes.targets import Preconditioned
from noneq.processes.walls.confined import Confined, Walls
from noneq.processes.walls.reflected import Reflected
from noneq.processes.weights import AbstractWeight, UnitNoise
from noneq.samplers.base import AbstractSampler
from noneq.samplers.sde import ReverseSDE


class ReflectedDiffusion(AbstractInputs, AbstractGradientMethod, HasPreparation, HasForward):
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
        time_band, drop_condition, dequantise: as in `AbstractInputs`.
        training: settings of the gradient loop.

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
    training: Training = Training(steps=20_000)

    def __check_init__(self) -> None:
        if self.domain is not None:
            check_domain(self.domain)
        if self.walk < 1:
            raise InvalidInput(
                f"ReflectedDiffusion: walk = {self.walk}; expected at least 1 step (32 are usual)."
            )

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
        net = self.net.init_for(summary, summary.dim, noise=True, band=self.time_band, key=key)
        process = self._process(summary.domain, summary.event_shape)
        score = process.learnt(net, summary, Preconditioned(), key=key)
        return DenoisingModel(score, self.sampler, summary, optional=self.optional)

    def check(self, data: Data) -> Snapshots | Trajectories:
        states = walled(as_data(data), self.domain)
        check_lattice(states, self.dequantise, type(self).__name__)
        process = self._process(states.domain, states.event_shape)
        if isinstance(process, Confined):
            check_share(process)
        return states

    def rows_of(self, model: DenoisingModel, data: Any) -> dict[str, np.ndarray | None]:
        return rows(data, model.frame.normaliser)

    def prepare(self, model: DenoisingModel, rows: Any, *, key: Key) -> DenoisingModel:
        if isinstance(model.denoiser.process, Confined):
            check_mixing(model.denoiser.process, rows["y"], key=key)
        return model

    def learnt_part(self, model: DenoisingModel) -> Any:
        return model.denoiser

    def objective_of(self, model: DenoisingModel) -> AbstractObjective:
        width = self.noise_width(model)
        if isinstance(model.denoiser.process, Confined):
            return ImplicitLoss(self.weight, self.drop_condition, width)
        return DenoisingLoss(self.weight, None, self.drop_condition, width)

    def _process(
        self, domain: AbstractDomain, event_shape: tuple[int, ...]
    ) -> Reflected | Confined:
        if not isinstance(domain, Region):
            return self.process
        walls = Walls(domain, event_shape)
        return Confined(walls=walls, schedule=self.process.schedule, steps=self.walk)

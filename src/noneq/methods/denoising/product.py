"""The denoising product: process × schedule × target × objective × weight × network × sampler."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, ScalarLike
from noneq.data.summary import Summary
from noneq.errors import InvalidInput, WrongType
from noneq.kinds import checked
from noneq.learning.forward import HasForward, drawn, linear
from noneq.learning.gradient import AbstractLawMethod, HasPreparation
from noneq.learning.loop import Training
from noneq.learning.objectives import AbstractObjective
from noneq.methods.denoising.flow_law import FlowLaw
from noneq.methods.denoising.model import DenoisingModel, law_of
from noneq.methods.denoising.objectives import AbstractDenoisingObjective, Denoising
from noneq.nets.base import AbstractNet
from noneq.nets.periodic import around
from noneq.nets.vectors.fields import MLP
from noneq.processes.base import AbstractAdditive, AbstractDiffusing, AbstractProcess
from noneq.processes.dissipation import EntropyProduction
from noneq.processes.field_lines import AbstractSourced
from noneq.processes.gaussian import Gaussian
from noneq.processes.mixtures.reach import check_reach
from noneq.processes.penalties import AbstractPenalty
from noneq.processes.targets import AbstractTarget
from noneq.samplers.base import AbstractSampler


_ROUNDING = 1e-5
_MOST_SIGNAL = 0.02


def _check_inside(process: AbstractProcess, y: np.ndarray) -> None:
    """Refuse states where the process does not live.

    Raises:
        InvalidInput: states outside a box, which the process would fold back.
    """
    moved = np.abs(np.asarray(jax.vmap(process.project)(jnp.asarray(y))) - y) > _ROUNDING * (
        1 + np.abs(y)
    )
    if moved.any():
        raise InvalidInput(
            f"{int(moved.any(1).sum())} of {len(y)} states lie outside the box of "
            f"{type(process).__name__}, in units of the data's standard deviation; take a "
            "larger box, or other data."
        )


class AbstractDenoising(AbstractLawMethod, HasPreparation, HasForward):
    """A denoising method; its fields are the factors of the product.

    Args:
        process: what destroys structure; any `AbstractProcess`, which builds its own learnt part.
        target: meaning of the network's output, where the learnt part leaves it open.
        weight: law of tau and weight of its error; None where the objective has its own.
        sampler: how samples and likelihoods are computed.
        objective: which loss is followed.
        net: recipe of the network.
        penalty: term added to the loss, or None.
        time_band, drop_condition, dequantise: as in `AbstractInputs`.
        training: settings of the gradient loop.

    Raises:
        InvalidInput: a target that divides by a vanishing alpha, a process that leaves too
            much signal at tau = 1, a penalty on a score that the process does not have, a
            process with births, or factors that the objective does not take.
        WrongType: a process that is none.
    """

    takes_transform: ClassVar[bool] = True

    process: eqx.AbstractVar[Any]  # AbstractProcess
    target: eqx.AbstractVar[AbstractTarget]
    weight: eqx.AbstractVar[Any]  # AbstractWeight, or None
    sampler: eqx.AbstractVar[AbstractSampler]
    objective: AbstractDenoisingObjective = Denoising()
    net: AbstractNet = MLP()
    penalty: AbstractPenalty | None = None
    training: Training = Training(steps=20_000)

    def __check_init__(self) -> None:
        name = type(self).__name__
        if not isinstance(self.process, AbstractProcess):
            raise WrongType(
                f"{name}: process is a {type(self.process).__name__}; expected a process, such as "
                "Gaussian() or what noneq.pde.process(pde) gives."
            )
        if isinstance(self.process, AbstractAdditive):
            self._check_signal(name)
        if self.penalty is not None and not isinstance(self.process, AbstractDiffusing):
            raise InvalidInput(
                f"{name}: {type(self.penalty).__name__} needs a score, and "
                f"{type(self.process).__name__} has a flow only; leave penalty out."
            )
        if isinstance(self.penalty, EntropyProduction):
            raise InvalidInput(
                f"{name}: EntropyProduction is of dynamics, and a law of states has none; take it in "
                "Transition or BridgeMatching."
            )
        if isinstance(self.process, AbstractSourced):
            raise InvalidInput(
                f"{name}: the births of {type(self.process).__name__} are not learnt; use "
                "ScaleMixture with the same law, whose flow needs none."
            )
        self.objective.check(self)

    def _check_signal(self, name: str) -> None:
        alpha, sigma = (float(value) for value in self.process.schedule(1.0))
        if self.target.needs_signal and alpha < 1e-4:
            raise InvalidInput(
                f"{name}: target {type(self.target).__name__} divides by alpha, which is 0 at tau = "
                f"1 for {type(self.process.schedule).__name__}; use V, Velocity, Data or "
                "Preconditioned."
            )
        if (alpha / sigma) ** 2 > _MOST_SIGNAL:
            raise InvalidInput(
                f"{name}: the signal-to-noise ratio (alpha/sigma)² is {(alpha / sigma) ** 2:.3g} at "
                f"tau = 1; the prior needs at most {_MOST_SIGNAL}. Raise the largest noise level."
            )

    def _check_torus(self, summary: Summary) -> None:
        if summary.periods and not isinstance(self.process, Gaussian):
            raise InvalidInput(
                f"{type(self).__name__}: {type(self.process).__name__} takes periodic coordinates "
                "for numbers on a line; on a torus take process=Gaussian()."
            )

    def forward(
        self, x: Float[Array, " dim"], tau: ScalarLike
    ) -> tuple[Float[Array, " dim"], Float[Array, " dim"]]:
        if isinstance(self.process, AbstractDiffusing):
            return linear(self.process.schedule, x, tau)
        return drawn(self).denoiser.noisy_velocity(x, tau), jnp.zeros_like(x)

    @checked
    def init(self, summary: Summary, *, key: Key) -> DenoisingModel | FlowLaw:
        self._check_torus(summary)
        net = around(self.net, summary).init_for(
            summary, summary.dim, noise=True, band=self.time_band, key=key
        )
        check_reach(self.process, summary.std)
        # Of its own, so that the network is that of the same key whatever the process learns.
        own = jax.random.fold_in(key, 1)
        part = self.process.learnt(net, summary, self.target, key=own)
        self.objective.check_part(part)
        return law_of(part, self.sampler, summary, optional=self.optional)

    def prepare(self, model: DenoisingModel | FlowLaw, rows: Any, *, key: Key) -> Any:
        _check_inside(model.denoiser.process, rows["y"])
        return model

    def learnt_part(self, model: DenoisingModel | FlowLaw) -> Any:
        return model.denoiser

    def objective_of(self, model: DenoisingModel | FlowLaw) -> AbstractObjective:
        return self.objective.loss(self, self.noise_width(model))

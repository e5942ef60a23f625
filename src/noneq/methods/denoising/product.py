"""The denoising product: process × schedule × target × weight (× penalty) × network × sampler."""

from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.constant import Constant
from noneq.data.summary import Summary
from noneq.errors import InvalidInput, WrongType
from noneq.learning.forward import HasForward, drawn, linear
from noneq.learning.loop import Training
from noneq.learning.method import AbstractMethod, Data, Fit, Progress
from noneq.learning.objectives import AbstractLoss
from noneq.learning.rows import check_handling, dequantised, fit_law, left_open
from noneq.methods.denoising.field_lines import FieldLines
from noneq.methods.denoising.field_lines_model import FieldLinesModel
from noneq.methods.denoising.model import Denoiser, DenoisingModel
from noneq.nets.base import AbstractNet
from noneq.nets.inputs import clock_of, label_of
from noneq.nets.vectors.fields import MLP
from noneq.processes.base import AbstractFieldLines, AbstractSourced
from noneq.processes.gaussian import Gaussian
from noneq.processes.mixtures.reach import check_reach
from noneq.processes.penalties import AbstractPenalty
from noneq.processes.targets import AbstractTarget
from noneq.processes.weights import AbstractWeight
from noneq.samplers.base import AbstractSampler


_ROUNDING = 1e-5
_MOST_SIGNAL = 0.02


def _inside(model: DenoisingModel | FieldLinesModel, rows: Any, *, key: Key) -> Any:
    """The model as it is, once all states lie where its process lives.

    Raises:
        InvalidInput: states outside a box, which the process would fold back.
    """
    process = model.denoiser.process
    if isinstance(process, AbstractFieldLines):
        y = jnp.asarray(rows["y"])
        moved = jnp.abs(jax.vmap(process.project)(y) - y) > _ROUNDING * (1 + jnp.abs(y))
        if bool(moved.any()):
            raise InvalidInput(
                f"{int(moved.any(1).sum())} of {len(y)} states lie outside the box of "
                f"{type(process).__name__}, in units of the data's standard deviation; take a "
                "larger box, or other data."
            )
    return model


class DenoisingLoss(AbstractLoss):
    """Mean over tau, y and xi of weight(tau) |xi_hat − xi|², in units of the network's output.

    **Equation**: w (alpha/sigma)² |y − D(x)|² = w (alpha c_out/sigma)² |F* − F|²,
    F* = (y − c_skip x)/c_out. Of a process of field lines y is the foot of the conditional line.
    A row is a normalised state, its time and its condition.

    Args:
        weight: law of tau and weight of its error.
        penalty: added to the mean, or None.
        drop: fraction of conditions that are hidden.
        width: of the dequantisation noise ``(dim,)``, or None.

    Source: Vincent 2011, eq. 9; Karras et al. 2022, eq. 8.
    """

    weight: AbstractWeight
    penalty: AbstractPenalty | None = None
    drop: float = 0.0
    width: Array | None = None

    def loss(self, model: Denoiser | FieldLines, batch: dict[str, Any], *, key: Key) -> Scalar:
        tau_key, noise_key, fill_key, drop_key, penalty_key = jax.random.split(key, 5)
        y = dequantised(batch["y"], self.width, key=fill_key)
        condition = left_open(batch["condition"], self.drop, key=drop_key)
        schedule, std = model.process.schedule, model.std.value
        tau = self.weight.draw(y.shape[0], schedule, std, key=tau_key)

        def one(y, tau, time, condition, noise_key):
            noised = model.process.perturb(y, tau, key=noise_key)
            x, wanted = noised.x, model.wanted(y, noised, tau)
            raw, skip, out = model.output(x, tau, time=time, condition=condition)
            factor = self.weight(tau, schedule, std) * model.gain(tau) ** 2
            return factor * jnp.mean((raw - (wanted - skip * x) / out) ** 2), x

        keys = jax.random.split(noise_key, y.shape[0])
        over = (0, 0, 0, None if condition is None else 0, 0)
        losses, x = jax.vmap(one, over)(y, tau, batch["time"], condition, keys)
        loss = jnp.mean(losses)
        if self.penalty is not None:
            loss += self.penalty.mean(
                model, x, tau, batch["time"], condition=condition, key=penalty_key
            )
        return loss


class AbstractDenoising(AbstractMethod, HasForward):
    """A denoising method; its fields are the factors of the product.

    Args:
        process, target, weight, sampler: set by every preset.
        net: recipe of the network.
        penalty: term added to the loss, or None.
        time_band: highest frequency of the time features, per unit time; None takes the
            measured `Summary.time_band`.
        drop_condition: fraction of training states whose condition is hidden, so that the model
            also knows the law without it (needed for guidance).
        dequantise: width of the uniform noise that fills the gaps of discrete data, 0 to take
            them as they are, None to refuse them.
        training: settings of the gradient loop.

    Raises:
        InvalidInput: a target that divides by a vanishing alpha, a process that leaves too
            much signal at tau = 1, a penalty on a score that the process does not have, or a
            process with births.
    """

    process: eqx.AbstractVar[Any]  # Gaussian or AbstractFieldLines
    target: eqx.AbstractVar[AbstractTarget]
    weight: eqx.AbstractVar[AbstractWeight]
    sampler: eqx.AbstractVar[AbstractSampler]
    net: AbstractNet = MLP()
    penalty: AbstractPenalty | None = None
    time_band: float | None = None
    drop_condition: float = 0.0
    dequantise: float | None = None
    training: Training = Training(steps=20_000)

    def __check_init__(self) -> None:
        name = type(self).__name__
        if not isinstance(self.process, Gaussian | AbstractFieldLines):
            raise WrongType(
                f"{name}: process is a {type(self.process).__name__}; expected a process, such as "
                "Gaussian() or what noneq.pde.process(pde) gives."
            )
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
        if self.penalty is not None and isinstance(self.process, AbstractFieldLines):
            raise InvalidInput(
                f"{name}: {type(self.penalty).__name__} needs a score, and "
                f"{type(self.process).__name__} has a flow only; leave penalty out."
            )
        if isinstance(self.process, AbstractSourced):
            raise InvalidInput(
                f"{name}: the births of {type(self.process).__name__} are not learnt; use "
                "ScaleMixture with the same law, whose flow needs none."
            )
        check_handling(self)

    def forward(
        self, x: Float[Array, " dim"], tau: ScalarLike
    ) -> tuple[Float[Array, " dim"], Float[Array, " dim"]]:
        if isinstance(self.process, AbstractFieldLines):
            return drawn(self).denoiser.noisy_velocity(x, tau), jnp.zeros_like(x)
        return linear(self.process.schedule, x, tau)

    def init(self, summary: Summary, *, key: Key) -> DenoisingModel | FieldLinesModel:
        net = self.net.init(
            summary.event_shape,
            summary.dim,
            noise=True,
            clock=clock_of(summary, self.time_band),
            label=label_of(summary),
            key=key,
        )
        std = Constant(jnp.asarray(summary.std))
        check_reach(self.process, summary.std)
        optional = self.drop_condition > 0
        if isinstance(self.process, AbstractFieldLines):
            lines = FieldLines(net=net, std=std, process=self.process, target=self.target)
            return FieldLinesModel(lines, self.sampler, summary, optional=optional)
        denoiser = Denoiser(net=net, std=std, process=self.process, target=self.target)
        return DenoisingModel(denoiser, self.sampler, summary, optional=optional)

    def fit(
        self,
        data: Data,
        *,
        key: Key,
        init: DenoisingModel | FieldLinesModel | None = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Fit:
        loss = lambda width: DenoisingLoss(self.weight, self.penalty, self.drop_condition, width)
        return fit_law(
            self,
            data,
            loss,
            part=lambda model: model.denoiser,
            key=key,
            init=init,
            progress=progress,
            checkpoint=checkpoint,
            prepare=_inside,
        )

"""Flow++: exact likelihoods by couplings through mixtures of logistics."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.constant import Constant
from noneq.data.summary import Summary
from noneq.errors import InvalidInput
from noneq.frames.normaliser import Normaliser
from noneq.kinds import checked
from noneq.learning.forward import HasForward, drawn
from noneq.learning.gradient import AbstractLawMethod, HasPreparation
from noneq.learning.objectives import AbstractLoss, AbstractObjective
from noneq.learning.published import Published
from noneq.learning.rows import dequantised, left_open
from noneq.learning.training import Training
from noneq.methods.flows.coupling import CellNoise, CouplingFlow, FlowDensity
from noneq.methods.flows.coupling_nets import Couplings
from noneq.nets.base import AbstractNet
from noneq.nets.inputs import clock_of, label_of
from noneq.nets.vectors.fields import MLP


_NOISE_COUPLINGS = 2
_MEASURED = 4096
"""Rows that the activation normalisation is measured on."""


class FlowLoss(AbstractLoss):
    """Mean negative log-likelihood of the normalised rows, in nats.

    For discrete data the bound −E_q[log p(y + u) − log q(u | y)] on −log P(y).

    Args:
        drop: fraction of conditions that are hidden.
    """

    drop: float = 0.0

    def loss(self, model: FlowDensity, batch: dict[str, Any], *, key: Key) -> Scalar:
        drop_key, noise_key = jax.random.split(key)
        condition = left_open(batch["condition"], self.drop, key=drop_key)
        keys = jax.random.split(noise_key, batch["y"].shape[0])
        one = lambda y, time, condition, key: model.bound(y, time, condition, key=key)
        over = (0, 0, None if condition is None else 0, 0)
        return -jnp.mean(jax.vmap(one, over)(batch["y"], batch["time"], condition, keys))


class FlowPP(AbstractLawMethod, HasPreparation, HasForward):
    """A normalising flow of mixture-of-logistics couplings; exact density in any dimension.

    Forward process:
        none; one invertible map z(x; t, c) to a standard normal law.
    Learnt object:
        the map: layers of activation normalisation, triangular mixing, rotation and coupling
        (`Couplings`), whose parameters depend on physical time and the condition.
    Objective and weight:
        exact negative log-likelihood; for discrete data the variational bound on it.
    Sampling:
        x(z) of normal z; couplings are inverted by safeguarded bisection.
    Source and deviations:
        Ho et al. 2019. Conditioners are perceptrons in place of gated convolutions with
        attention; mixing between couplings is triangular with a fixed rotation (Kingma &
        Dhariwal 2018), not a fixed mask; log-scales are bounded; no dropout.

    Args:
        net: recipe of the conditioner of every coupling; it sees vectors.
        couplings: number of couplings.
        components: logistics in every mixture.
        time_band, drop_condition: as in `AbstractInputs`.
        dequantise: spacing of discrete data, filled by noise; 0 takes them as they are, None
            refuses them.
        variational: learn that noise by a small flow of its own in place of uniform noise.
        training: settings of the gradient loop.

    Raises:
        InvalidInput: no coupling or component, a fraction outside [0, 1), ``variational`` for
            data that are not discrete, or data of which a coordinate is constant.
    """

    source: ClassVar[str] = "ho2019flow"
    takes_transform: ClassVar[bool] = True
    published: ClassVar[Published | None] = Published("Flow++", True, False)

    net: AbstractNet = MLP(64, 2)
    couplings: int = 8
    components: int = 8
    variational: bool = False
    training: Training = Training(steps=10_000, batch=512)

    def __check_init__(self) -> None:
        if self.couplings < 1 or self.components < 1:
            raise InvalidInput(
                f"FlowPP: couplings = {self.couplings}, components = {self.components}; "
                "expected at least 1."
            )
        if self.variational and not self.dequantise:
            raise InvalidInput(
                "FlowPP: variational = True is for discrete data; set dequantise to their spacing."
            )

    def forward(
        self, x: Float[Array, " dim"], tau: ScalarLike
    ) -> tuple[Float[Array, " dim"], Float[Array, " dim"]]:
        z, _ = drawn(self).density.flow.forward(x, None, None)
        return z - x, jnp.zeros_like(x)

    @checked
    def init(self, summary: Summary, *, key: Key) -> CouplingFlow:
        flow_key, noise_key = jax.random.split(key)
        clock, label = clock_of(summary, self.time_band), label_of(summary)
        parts = (self.components, clock, label)
        flow = Couplings(self.net, summary.dim, self.couplings, *parts, key=flow_key)
        noise = None
        if self.dequantise:
            filler = None
            if self.variational:
                filler = Couplings(
                    self.net,
                    summary.dim,
                    _NOISE_COUPLINGS,
                    *parts,
                    context=summary.dim,
                    key=noise_key,
                )
            width = self.dequantise / Normaliser(summary).scale.value
            noise = CellNoise(Constant(width), filler)
        return CouplingFlow(FlowDensity(flow, noise), summary, optional=self.optional)

    def learnt_part(self, model: CouplingFlow) -> Any:
        return model.density

    def objective_of(self, model: CouplingFlow) -> AbstractObjective:
        return FlowLoss(self.drop_condition)

    def prepare(self, model: CouplingFlow, rows: dict[str, Any], *, key: Key) -> CouplingFlow:
        """The model with activations normalised on some of the rows.

        Raises:
            InvalidInput: a coordinate is constant, so that there is no density.
        """
        noise = model.density.noise
        constant = np.ptp(rows["y"], axis=0) == 0
        if constant.any() and noise is None:
            raise InvalidInput(
                f"FlowPP: coordinate {int(np.argmax(constant))} of the data is constant, so that "
                "their density is infinite; leave it out, or set dequantise to the width of a cell."
            )
        pick_key, noise_key = jax.random.split(key)
        count = rows["y"].shape[0]
        some = np.asarray(
            jax.random.choice(pick_key, count, (min(count, _MEASURED),), replace=False)
        )
        y, time = jnp.asarray(rows["y"][some]), jnp.asarray(rows["time"][some])
        y = dequantised(y, None if noise is None else noise.width.value, key=noise_key)
        condition = None if rows["condition"] is None else jnp.asarray(rows["condition"][some])
        flow = eqx.filter_jit(Couplings.measured)(model.density.flow, y, time, condition)
        return eqx.tree_at(lambda m: m.density.flow, model, flow)

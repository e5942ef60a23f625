"""Free-form continuous flow, trained by maximum likelihood."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.calculus import MOST_EXACT_LOSS, exact_divergence, hutchinson
from noneq.data.summary import Summary
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.learning.forward import HasForward, drawn
from noneq.learning.gradient import AbstractLawMethod
from noneq.learning.objectives import AbstractLoss, AbstractObjective
from noneq.learning.rows import dequantised, left_open
from noneq.learning.training import Training
from noneq.methods.flows.continuous import ContinuousFlow, log_normal
from noneq.nets.base import AbstractNet, AbstractNetwork
from noneq.nets.vectors.concat_squash import ConcatSquash
from noneq.samplers.likelihood import flow_log_prob


class FlowLoss(AbstractLoss):
    """Mean of −log p by the flow, exact divergence up to 16 dimensions, one probe above.

    Args:
        steps: Runge–Kutta steps.
        drop: fraction of conditions that are hidden.
        width: of the dequantisation noise ``(dim,)``, or None.

    Source: Grathwohl et al. 2019, eq. 8 (one probe for the whole solve).
    """

    steps: int
    drop: float = 0.0
    width: Array | None = None

    def loss(self, model: AbstractNetwork, batch: dict[str, Any], *, key: Key) -> Scalar:
        probe_key, fill_key, drop_key = jax.random.split(key, 3)
        y = dequantised(batch["y"], self.width, key=fill_key)
        condition = left_open(batch["condition"], self.drop, key=drop_key)
        probes = jax.random.rademacher(probe_key, y.shape, y.dtype)
        exact = y.shape[1] <= MOST_EXACT_LOSS

        def one(y, time, condition, probe):
            field = lambda y, tau: model(y, tau, time, condition)
            divergence = exact_divergence if exact else hutchinson(probe[None])
            return -jnp.mean(flow_log_prob(field, log_normal, y, self.steps, divergence))

        over = (0, 0, None if condition is None else 0, 0)
        return jnp.mean(jax.vmap(one, over)(y, batch["time"], condition, probes))


class FFJORD(AbstractLawMethod, HasForward):
    """Continuous normalising flow with free-form velocity; the exact-likelihood reference.

    Forward process:
        the learnt ODE dx/dtau = v(x, tau) from data to N(0, I).
    Learnt object:
        the velocity v.
    Objective and weight:
        maximum likelihood, log p(x) = log N(x_1) + ∫ div v dtau (`FlowLoss`).
    Sampling:
        the ODE backward from N(0, I); `log_prob` with exact divergence, `score` is its gradient.
    Source and deviations:
        Grathwohl et al. 2019, with their concat-squash layers. Fixed steps of the classical
        Runge–Kutta method in place of adaptive dopri5 (one compiled graph of known cost),
        gradients through a checkpointed scan in place of the adjoint ODE, exact divergence up to
        16 dimensions in place of one probe; flow time, physical time and conditions enter by
        their features.

    Args:
        net: recipe of the velocity.
        steps: Runge–Kutta steps in training and of a sample, four evaluations each.
        likelihood_steps: Runge–Kutta steps of `log_prob` and `score`.
        time_band, drop_condition, dequantise: as in `AbstractInputs`.
        training: settings of the gradient loop.

    Raises:
        InvalidInput: a value outside its range.
    """

    source: ClassVar[str] = "grathwohl2019ffjord"

    net: AbstractNet = ConcatSquash()
    steps: int = 8
    likelihood_steps: int = 32
    training: Training = Training(steps=4000, batch=512)

    def __check_init__(self) -> None:
        for name in ("steps", "likelihood_steps"):
            if getattr(self, name) < 1:
                raise InvalidInput(f"FFJORD: {name} = {getattr(self, name)}; expected at least 1.")

    def forward(
        self, x: Float[Array, " dim"], tau: ScalarLike
    ) -> tuple[Float[Array, " dim"], Float[Array, " dim"]]:
        return drawn(self).net(x, tau), jnp.zeros_like(x)

    @checked
    def init(self, summary: Summary, *, key: Key) -> ContinuousFlow:
        net = self.net.init_for(summary, summary.dim, noise=True, band=self.time_band, key=key)
        return ContinuousFlow(
            net,
            summary,
            steps=self.steps,
            likelihood_steps=self.likelihood_steps,
            optional=self.optional,
        )

    def learnt_part(self, model: ContinuousFlow) -> Any:
        return model.net

    def objective_of(self, model: ContinuousFlow) -> AbstractObjective:
        return FlowLoss(self.steps, self.drop_condition, self.noise_width(model))

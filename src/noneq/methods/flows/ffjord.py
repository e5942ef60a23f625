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
from noneq.traced import is_on


class FlowLoss(AbstractLoss):
    """Mean of −log p by the flow, exact divergence up to 16 dimensions, one probe above.

    **Equation**: the gradient is that of −⟨log p(y)⟩ + matching ⟨|v(x, tau) − (z − y)|²⟩ with
    x = (1 − tau) y + tau z, z ~ N(0, I), tau uniform; the reported loss is the first term alone.
    Many velocities carry the data to the prior, and one of them minimises the second term as
    well: it says which, and leaves the minimum of the first where it is.

    Args:
        steps: Runge–Kutta steps.
        drop: fraction of conditions that are hidden.
        width: of the dequantisation noise ``(dim,)``, or None.
        matching: factor of flow matching, per nat.

    Source: Grathwohl et al. 2019, eq. 8 (one probe for the whole solve); Lipman et al. 2023,
    eq. 23 with sigma_min = 0.
    """

    steps: int
    drop: float = 0.0
    width: Array | None = None
    matching: float = 0.0

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
        loss = jnp.mean(jax.vmap(one, over)(y, batch["time"], condition, probes))
        if not is_on(self.matching):
            return loss
        miss = self.matching * _miss(model, y, batch["time"], condition, jax.random.fold_in(key, 3))
        return loss + miss - jax.lax.stop_gradient(miss)


def _miss(
    model: AbstractNetwork, y: Float[Array, "n dim"], time: Array, condition: Any, key: Key
) -> Scalar:
    """Mean square by which the velocity misses that of straight lines from the data to the prior."""
    clock_key, prior_key = jax.random.split(key)
    tau = jax.random.uniform(clock_key, y.shape[:1])
    z = jax.random.normal(prior_key, y.shape, y.dtype)
    x = y + tau[:, None] * (z - y)
    velocity = jax.vmap(model, (0, 0, 0, None if condition is None else 0))(x, tau, time, condition)
    return jnp.mean(jnp.sum((velocity - (z - y)) ** 2, axis=1))


class FFJORD(AbstractLawMethod, HasForward):
    """Continuous normalising flow with free-form velocity; the exact-likelihood reference.

    Forward process:
        the learnt ODE dx/dtau = v(x, tau) from data to N(0, I).
    Learnt object:
        the velocity v.
    Objective and weight:
        maximum likelihood, log p(x) = log N(x_1) + ∫ div v dtau, beside flow matching, which
        has a minimum in common with it and picks a smooth flow (`FlowLoss`).
    Sampling:
        the ODE backward from N(0, I); `log_prob` with exact divergence, `score` is its gradient.
    Source and deviations:
        Grathwohl et al. 2019, with their concat-squash layers. Fixed steps of the classical
        Runge–Kutta method in place of adaptive dopri5 (one compiled graph of known cost),
        gradients through a checkpointed scan in place of the adjoint ODE, exact divergence up to
        16 dimensions in place of one probe; flow time, physical time and conditions enter by
        their features. ``matching=0`` is the loss of the source alone: with it the flow of
        separate modes gets stiffer than fixed steps follow, and their weights come out wrong.

    Args:
        net: recipe of the velocity.
        steps: Runge–Kutta steps in training and of a sample, four evaluations each.
        likelihood_steps: Runge–Kutta steps of `log_prob` and `score`.
        matching: factor of flow matching beside the likelihood; 0 for the likelihood alone.
        time_band, drop_condition, dequantise: as in `AbstractInputs`.
        training: settings of the gradient loop.

    Raises:
        InvalidInput: a value outside its range.
    """

    source: ClassVar[str] = "grathwohl2019ffjord"
    takes_transform: ClassVar[bool] = True

    net: AbstractNet = ConcatSquash()
    steps: int = 8
    likelihood_steps: int = 32
    matching: float = 1.0
    training: Training = Training(steps=4000, batch=512)

    def __check_init__(self) -> None:
        if not 0 <= self.matching < float("inf"):
            raise InvalidInput(f"FFJORD: matching = {self.matching}; expected 0 or more.")
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
        width = self.noise_width(model)
        return FlowLoss(self.steps, self.drop_condition, width, self.matching)

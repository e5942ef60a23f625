"""The loss of a field that keeps a law, on rows of states with their scores."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar
from noneq.constant import Constant
from noneq.learning.objectives import AbstractLoss
from noneq.methods.invariant_flows.divergences import AbstractDivergence
from noneq.methods.invariant_flows.equilibrium_flow_model import EquilibriumFlowModel
from noneq.methods.invariant_flows.known_motion import KnownField
from noneq.methods.invariant_flows.priors import AbstractFlowLoss
from noneq.nets.base import AbstractNetwork
from noneq.traced import is_on, jit


_LEAST_SCALE = 1e-12
_TOGETHER = 2**18
_PUSHED = 2**20
"""Numbers of Jacobian products J e that a loss holds at once with what their gradients need."""


class InvarianceLoss(AbstractLoss):
    """Mean of r² + symmetry ‖S‖²_F, r = q + div v + v·s, and of further terms.

    A row is a normalised state ``y``, the score ``s`` there and ``q`` = ∂_t log p (zero for a
    law that stays), all in normalised coordinates, with ``time`` and ``condition``.

    v = 0 keeps any law. Where nothing sets the scale of v it is therefore the network's output with
    its mean over the batch taken off and divided by its standard deviation, for every component
    (channel of fields). The mean of a field that keeps p on free space is zero,
    ∫ p v_i = ∫ x_i div(p v) up to the sign, so that only the scale of every component is a choice.

    Args:
        divergence: how div v and S = (J + Jᵀ)/2 are found.
        symmetry: factor of ‖S‖²_F.
        terms: priors of the whole field, added.
        channels: components that share a mean and a scale follow each other: their number.
        free: whether the data leave the scale of v free.
        known: motion beside the learnt one, or None; its part of r stands in the rows' q, and the
            penalty is of the learnt part alone.

    Source: Zhang and Levin 2025, eq. for the loss; the explicit penalty is ours.
    """

    divergence: AbstractDivergence
    symmetry: float
    terms: tuple[AbstractFlowLoss, ...]
    channels: int
    free: bool = True
    known: KnownField | None = None

    def loss(self, model: AbstractNetwork, batch: dict[str, Any], *, key: Key) -> Scalar:
        probe_key, term_key = jax.random.split(key)
        y, s, q = batch["y"], batch["score"], batch["time_score"]
        time, condition = batch["time"], batch["condition"]

        def one(row: tuple[Array, Array, Any, Key]) -> tuple[Array, Array, Array]:
            y, time, condition, key = row
            raw, push = jax.linearize(lambda y: model(y, None, time, condition), y)
            probes = self.divergence.draw(y.size, key=key)
            return raw, probes, jax.vmap(push)(probes)

        rows = (y, time, condition, jax.random.split(probe_key, y.shape[0]))
        together = max(1, _PUSHED // (y.shape[1] * self.divergence.number(y.shape[1])))
        if y.shape[0] <= together:
            raw, probes, pushed = jax.vmap(one)(rows)
        else:
            # Many products of a large batch do not fit into memory: some at a time, found again
            # for their gradients.
            raw, probes, pushed = jax.lax.map(jax.checkpoint(one), rows, batch_size=together)
        mean, scale = self.moments(raw)
        v = (raw - mean) / scale
        traces = jax.vmap(self.divergence)(probes, pushed / scale)
        rest = q + jnp.sum(v * s, axis=1)
        loss = jnp.mean((traces.first + rest) * (traces.second + rest))
        if is_on(self.symmetry):
            loss += self.symmetry * jnp.mean(traces.symmetric)

        def field(y: Array, time: Any, condition: Any) -> Array:
            learnt = (model(y, None, time, condition) - mean) / scale
            return learnt if self.known is None else learnt + self.known(y, time, condition)

        for i, term in enumerate(self.terms):
            loss += term(field, batch, key=jax.random.fold_in(term_key, i))
        return loss

    def moments(
        self, raw: Float[Array, "n dim"]
    ) -> tuple[Float[Array, " dim"], Float[Array, " dim"]]:
        """Mean and standard deviation that v is normalised by; 0 and 1 if it is not."""
        if not self.free:
            return jnp.zeros_like(raw[0]), jnp.ones_like(raw[0])
        groups = raw.reshape(raw.shape[0], self.channels, -1)
        mean = jnp.mean(groups, axis=(0, 2), keepdims=True)
        square = jnp.mean((groups - mean) ** 2, axis=(0, 2), keepdims=True)
        spread = lambda a: jnp.broadcast_to(a[0], groups.shape[1:]).ravel()
        return spread(mean), jnp.sqrt(spread(square) + _LEAST_SCALE**2)


def measured(
    model: EquilibriumFlowModel, loss: InvarianceLoss, rows: dict[str, Any]
) -> EquilibriumFlowModel:
    """The model with the mean and the standard deviation of its field over all rows, if free."""
    if not loss.free:
        return model
    constants = tuple(Constant(value) for value in _moments(model, loss, rows))
    return eqx.tree_at(lambda m: (m.mean, m.std), model, constants)


@jit
def _moments(
    model: EquilibriumFlowModel, loss: InvarianceLoss, rows: dict[str, Any]
) -> tuple[Float[Array, " dim"], Float[Array, " dim"]]:
    """Mean and standard deviation of the field over all rows."""

    def one(row: dict[str, Any]) -> Array:
        return model.field(row["y"], None, row["time"], row["condition"])

    n, dim = rows["y"].shape
    kept = {name: rows[name] for name in ("y", "time", "condition")}
    raw = jax.lax.map(one, kept, batch_size=max(1, min(n, _TOGETHER // dim)))
    return loss.moments(raw)

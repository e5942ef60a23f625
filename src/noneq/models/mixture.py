"""Mixtures of laws of independent units."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.data.summary import Summary
from noneq.models.frame import AbstractLaw, Frame
from noneq.models.traits import HasLogProb, HasStateMeans
from noneq.models.units import AbstractUnits


class Components(eqx.Module):
    """Weights and laws of the components.

    **Equation**: p_k(x) = p(x/s_k | eta_k)/Π s_k, p that of the units: Gaussian components are
    N(s eta, s²). Discrete ones have no s.

    Args:
        log_weight: (K,).
        natural: eta, (K, count).
        scale: s, (K, dim), or None.
        visible: the units.
    """

    log_weight: Float[Array, " components"]
    natural: Float[Array, "components count"]
    scale: Float[Array, "components dim"] | None
    visible: AbstractUnits

    def log_joint(self, x: Float[Array, " dim"]) -> Float[Array, " components"]:
        """log w_k p_k(x)."""
        if self.scale is None:
            return self.log_weight + jax.vmap(lambda eta: self.visible.log_prob(x, eta))(
                self.natural
            )
        each = lambda eta, s: self.visible.log_prob(x / s, eta) - jnp.sum(jnp.log(s))
        return self.log_weight + jax.vmap(each)(self.natural, self.scale)

    def widths(self, like: Float[Array, " dim"]) -> Float[Array, "components dim"]:
        """s, ones for discrete units."""
        ones = jnp.ones((len(self.natural), len(like)), like.dtype)
        return ones if self.scale is None else self.scale


class MixtureModel(AbstractLaw, HasLogProb, HasStateMeans):
    """P(x) = Σ_k w_k p_k(x), components of independent units."""

    components: Components
    frame: Frame

    def __init__(self, components: Components, summary: Summary):
        self.components = components
        self.frame = Frame(summary)

    def log_prob(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Scalar:
        y, _, _ = self.frame.enter(x, time, condition)
        units = self.components.visible.read(y, self.domain)
        value = jax.nn.logsumexp(self.components.log_joint(units))
        return jnp.where(self.domain.contains(x), value - self.frame.normaliser.log_scale, -jnp.inf)

    def responsibilities(self, x: Float[Array, "*event"]) -> Float[Array, " components"]:
        """P(k | x) of one state."""
        y, _, _ = self.frame.enter(x, self.frame.times[0], None)
        return jax.nn.softmax(
            self.components.log_joint(self.components.visible.read(y, self.domain))
        )

    def state_means(self) -> Float[Array, "components *event"]:
        visible, normaliser = self.components.visible, self.frame.normaliser
        mean = lambda eta: visible.mean_state(eta, self.domain)
        means = jax.vmap(mean)(self.components.natural)
        return jax.vmap(normaliser.inverse)(means * self.components.widths(means[0]))

    def draw(self, n: int, *, time: Any, condition: Any, key: Key) -> Float[Array, "n dim"]:
        which_key, units_key = jax.random.split(key)
        k = jax.random.categorical(which_key, self.components.log_weight, shape=(n,))
        draw = lambda eta, key: self.components.visible.draw(eta, key=key)
        x = jax.vmap(draw)(self.components.natural[k], jax.random.split(units_key, n))
        x = x * self.components.widths(x[0])[k]
        return self.components.visible.written(x, self.domain)

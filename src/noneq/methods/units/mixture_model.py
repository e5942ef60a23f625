"""Mixtures of laws of independent units."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.data.summary import Summary
from noneq.domains import AbstractDomain
from noneq.frames.frame import AbstractLaw, Frame
from noneq.kinds import checked
from noneq.methods.units.units import AbstractUnits
from noneq.traits import HasLogProb, HasStateMeans


class Components(eqx.Module):
    """Weights and laws of the components.

    **Equation**: p_k(x) = p(x | eta_k), p that of discrete units; components of real units are
    N(s eta, s²), each with its own s.

    Args:
        log_weight: (K,).
        natural: eta, (K, count).
        scale: s, (K, dim), or None for discrete units.
        visible: the units.
    """

    log_weight: Float[Array, " components"]
    natural: Float[Array, "components count"]
    scale: Float[Array, "components dim"] | None
    visible: AbstractUnits

    def log_joint(self, x: Float[Array, " dim"]) -> Float[Array, " components"]:
        """log w_k p_k(x)."""
        if self.scale is None:
            each = lambda eta: self.visible.log_prob(x, eta)
            return self.log_weight + jax.vmap(each)(self.natural)
        # The difference before the square: narrow components far from 0 would lose it to rounding.
        z = (x - self.scale * self.natural) / self.scale
        terms = z**2 / 2 + jnp.log(self.scale) + jnp.log(2 * jnp.pi) / 2
        return self.log_weight - jnp.sum(terms, axis=-1)

    def means(self, domain: AbstractDomain) -> Float[Array, "components dim"]:
        """The mean state of every component, normalised, in the values of the domain."""
        if self.scale is None:
            return jax.vmap(lambda eta: self.visible.mean_state(eta, domain))(self.natural)
        return self.scale * self.natural

    def draw(self, n: int, *, key: Key) -> Float[Array, "n dim"]:
        """n draws of the mixture, in units."""
        which_key, key = jax.random.split(key)
        k = jax.random.categorical(which_key, self.log_weight, shape=(n,))
        eta = self.natural[k]
        if self.scale is None:
            each = lambda eta, key: self.visible.draw(eta, key=key)
            return jax.vmap(each)(eta, jax.random.split(key, n))
        return self.scale[k] * (eta + jax.random.normal(key, eta.shape, eta.dtype))


class MixtureModel(AbstractLaw, HasLogProb, HasStateMeans):
    """P(x) = Σ_k w_k p_k(x), components of independent units."""

    components: Components
    frame: Frame

    def __init__(self, components: Components, summary: Summary):
        self.components = components
        self.frame = Frame(summary)

    @checked
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
        return jax.vmap(self.frame.normaliser.inverse)(self.components.means(self.domain))

    def draw(self, n: int, *, time: Any, condition: Any, key: Key) -> Float[Array, "n dim"]:
        x = self.components.draw(n, key=key)
        return self.components.visible.written(x, self.domain)

"""Autoregressive laws: one coordinate after the other, exact density and exact draws."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.data.summary import Summary
from noneq.frames.frame import AbstractLaw, Frame
from noneq.kinds import checked
from noneq.methods.units.conditionals import AbstractConditionals
from noneq.methods.units.masked_net import MaskedNetwork
from noneq.methods.units.units import AbstractUnits
from noneq.traits import HasLogProb


class Factors(eqx.Module):
    """p(x | t, c) = Π_i p(x_i | x_before i, t, c), all factors from one masked network.

    Args:
        net: from the features of all coordinates to the parameters of all factors.
        visible: kind of the units, whose features the network sees.
        conditionals: kind of the factors.
        order: the coordinates in the order in which they are drawn.
    """

    net: MaskedNetwork
    visible: AbstractUnits
    conditionals: AbstractConditionals
    order: tuple[int, ...] = eqx.field(static=True)

    def parameters(
        self, x: Float[Array, " dim"], time: Any, condition: Any
    ) -> Float[Array, "dim size"]:
        """Parameters of all factors; those of coordinate i do not depend on x_i and later ones."""
        seen = self.visible.features(x) if self.visible.alphabet else x
        change = self.net(seen, time, condition)
        return self.conditionals.start() + change.reshape(len(self.order), -1)

    @checked
    def log_prob(self, x: Float[Array, " dim"], time: Any, condition: Any) -> Scalar:
        """Σ_i log p(x_i | x_before i, t, c), in nats."""
        return self.conditionals.log_prob(x, self.parameters(x, time, condition))

    def draw(self, time: Any, condition: Any, *, key: Key) -> Float[Array, " dim"]:
        """One state, in as many passes as it has coordinates."""

        def step(x: Array, given: tuple[Array, Key]) -> tuple[Array, None]:
            place, key = given
            new = self.conditionals.draw(self.parameters(x, time, condition), key=key)
            return x.at[place].set(new[place]), None

        dim = len(self.order)
        keys = jax.random.split(key, dim)
        return jax.lax.scan(step, jnp.zeros(dim), (jnp.asarray(self.order), keys))[0]


class AutoregressiveModel(AbstractLaw, HasLogProb):
    """p(x, t) as a product of laws of single coordinates.

    Probabilities of discrete states, and densities in free space, are exact. In a box or on a
    torus draws are brought back into the domain, and `log_prob` leaves that image out: it is then
    a lower bound.

    Attributes:
        factors: the learnt part.
        frame: the user's side.

    Source: Germain et al. 2015.
    """

    factors: Factors
    frame: Frame

    def __init__(self, factors: Factors, summary: Summary, *, optional: bool = False):
        """``optional``: the factors also know the law without condition."""
        self.factors = factors
        self.frame = Frame(summary, optional=optional)

    @checked
    def log_prob(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Scalar:
        """log p(x | time, condition), nats; −∞ off the domain."""
        y, time, condition = self.frame.enter(x, time, condition)
        units = self.factors.visible.read(y, self.domain)
        value = self.factors.log_prob(units, time, condition) - self.frame.normaliser.log_scale
        return jnp.where(self.domain.contains(x), value, -jnp.inf)

    def draw(self, n: int, *, time: Any, condition: Any, key: Key) -> Float[Array, "n dim"]:
        own = None if condition is None or condition.ndim == 1 else 0
        one = lambda key, c: self.factors.draw(time, c, key=key)
        x = jax.vmap(one, (0, own))(jax.random.split(key, n), condition)
        return self.factors.visible.written(x, self.domain)

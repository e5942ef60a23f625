"""Laws of one coordinate given the others, from the outputs of a network."""

from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.stats import norm
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar
from noneq.kinds import checked
from noneq.methods.units.units import AbstractUnits


_LEAST_LOG_WIDTH = float(np.log(1e-3))
"""Of a Gaussian in units of the data's spread: constant coordinates keep a finite density."""
_FIRST_WIDTH = 0.5


class AbstractConditionals(eqx.Module):
    """Laws p(x_i | parameters_i) of single coordinates."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Parameters of one coordinate."""

    @abstractmethod
    def start(self) -> Float[Array, " size"]:
        """Parameters to begin with."""

    @abstractmethod
    def log_prob(self, x: Float[Array, " dim"], parameters: Float[Array, "dim size"]) -> Scalar:
        """Σ_i log p(x_i | parameters_i), nats."""

    @abstractmethod
    def draw(self, parameters: Float[Array, "dim size"], *, key: Key) -> Float[Array, " dim"]:
        """A value of every coordinate."""


class UnitConditionals(AbstractConditionals):
    """The laws of units with a discrete alphabet; parameters are the natural ones."""

    visible: AbstractUnits

    @property
    def size(self) -> int:
        return self.visible.count(1)

    def start(self) -> Float[Array, " size"]:
        return jnp.zeros(self.size)

    @checked
    def log_prob(self, x: Float[Array, " dim"], parameters: Float[Array, "dim size"]) -> Scalar:
        return self.visible.log_prob(x, parameters.ravel())

    def draw(self, parameters: Float[Array, "dim size"], *, key: Key) -> Float[Array, " dim"]:
        return self.visible.draw(parameters.ravel(), key=key)


class GaussianMixtures(AbstractConditionals):
    """p(x_i) = Σ_k w_k N(x_i; m_k, s_k²); parameters are log w (up to a constant), m and log s.

    Args:
        components: Gaussians of each coordinate.
    """

    components: int

    @property
    def size(self) -> int:
        return 3 * self.components

    def start(self) -> Float[Array, " size"]:
        """Even weights over the quantiles of a standard normal law."""
        count = self.components
        means = norm.ppf((jnp.arange(count) + 0.5) / count)
        raw = np.log(np.expm1(np.log(_FIRST_WIDTH) - _LEAST_LOG_WIDTH))
        return jnp.concatenate([jnp.zeros(count), means, jnp.full(count, float(raw))])

    @checked
    def log_prob(self, x: Float[Array, " dim"], parameters: Float[Array, "dim size"]) -> Scalar:
        log_weight, mean, log_width = self._split(parameters)
        z = (x[:, None] - mean) * jnp.exp(-log_width)
        terms = log_weight - log_width - z**2 / 2 - jnp.log(2 * jnp.pi) / 2
        return jnp.sum(jax.nn.logsumexp(terms, axis=-1))

    def draw(self, parameters: Float[Array, "dim size"], *, key: Key) -> Float[Array, " dim"]:
        log_weight, mean, log_width = self._split(parameters)
        which_key, noise_key = jax.random.split(key)
        which = jax.random.categorical(which_key, log_weight)[:, None]
        pick = lambda a: jnp.take_along_axis(a, which, axis=-1)[:, 0]
        noise = jax.random.normal(noise_key, which.shape[:1], mean.dtype)
        return pick(mean) + jnp.exp(pick(log_width)) * noise

    def _split(self, parameters: Array) -> tuple[Array, Array, Array]:
        logits, mean, raw = jnp.split(parameters, 3, axis=-1)
        return jax.nn.log_softmax(logits), mean, _LEAST_LOG_WIDTH + jax.nn.softplus(raw)

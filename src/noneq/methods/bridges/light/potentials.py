"""Schrödinger potentials as mixtures of Gaussians: every conditional law is a mixture too."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.constant import Constant


class Future(NamedTuple):
    """The law of the end given a state on the way: a mixture of diagonal Gaussians.

    Attributes:
        log_weight: (K,), up to a constant of the interval: their log-sum-exp is
            log h(x) + |x|²/(2 rest epsilon), h the potential carried back by the reference.
        mean, variance: (K, dim).
    """

    log_weight: Array
    mean: Array
    variance: Array

    @property
    def expected(self) -> Array:
        """E[x1 | x]."""
        return jax.nn.softmax(self.log_weight) @ self.mean

    def draw(self, key: Key) -> Array:
        """One end."""
        pick_key, noise_key = jax.random.split(key)
        k = jax.random.categorical(pick_key, self.log_weight)
        xi = jax.random.normal(noise_key, self.mean.shape[1:], self.mean.dtype)
        return self.mean[k] + jnp.sqrt(self.variance[k]) * xi


class Potential(eqx.Module):
    """phi(y) = e^{|y|²/2 epsilon} v(y), v = Σ alpha_k N(r_k, epsilon S_k): one for each interval.

    The plan is pi(y | x) ∝ e^{−|x − y|²/2 epsilon} phi(y). States are in units of their overall
    spread, epsilon = sigma² Δ in its square, S_k diagonal.

    Attributes:
        log_alpha: (intervals, K).
        r, log_S: (intervals, K, dim).
        epsilon: (intervals,).
    """

    log_alpha: Float[Array, "intervals components"]
    r: Float[Array, "intervals components dim"]
    log_S: Float[Array, "intervals components dim"]
    epsilon: Constant

    def __init__(self, epsilon: np.ndarray, components: int, dim: int):
        """Equal components of half the slope of the map between unit Gaussians, all at 0."""
        shape = (len(epsilon), components)
        start = np.log(0.5 / (1 + epsilon))[:, None, None]
        self.epsilon = Constant(jnp.asarray(epsilon, float))
        self.log_alpha = jnp.full(shape, -np.log(components))
        self.r = jnp.zeros((*shape, dim))
        self.log_S = jnp.asarray(np.broadcast_to(start, (*shape, dim)), float)

    def future(self, x: Float[Array, " dim"], which: Any, rest: ScalarLike = 1.0) -> Future:
        """The law of the end given x when the part ``rest`` of interval ``which`` is left.

        **Equation**: component k has precision B/epsilon, B = 1/rest − 1 + 1/S_k, mean B⁻¹b,
        b = x/rest + r_k/S_k and log weight log alpha_k − ½ Σ log(S_k B) + (bᵀB⁻¹b − r_kᵀS_k⁻¹r_k)/2 epsilon.

        Source: Gushchin et al. 2024, proposition 3.3; at ``rest`` 1 Korotin et al. 2024, eq. 11.
        """
        epsilon, log_S = self.epsilon.value[which], self.log_S[which]
        inverse, r = jnp.exp(-log_S), self.r[which]
        B = 1 / rest - 1 + inverse
        b = x / rest + r * inverse
        square = jnp.sum(b**2 / B - r**2 * inverse, axis=1) / (2 * epsilon)
        volume = jnp.sum(log_S + jnp.log(B), axis=1) / 2
        return Future(self.log_alpha[which] - volume + square, b / B, epsilon / B)

    def log_masses(self, x: Float[Array, "n dim"], which: Any) -> Float[Array, " n"]:
        """log C(x) of every state, C the normalisation of its plan over the whole interval.

        **Equation**: log Σ alpha_k exp((xᵀS_k x + 2 r_kᵀx)/2 epsilon): products of matrices for all
        intervals at once, of which each row takes its own.

        Source: Korotin et al. 2024, proposition 3.2.
        """
        S, epsilon = jnp.exp(self.log_S), self.epsilon.value[:, None]
        pairs = "nd,ikd->nik"
        energy = jnp.einsum(pairs, x**2, S) + 2 * jnp.einsum(pairs, x, self.r)
        return _own(self.log_alpha + energy / (2 * epsilon), which)

    def log_ends(self, y: Float[Array, "n dim"], which: Any) -> Float[Array, " n"]:
        """log v(y) of every state, as `log_end`, by products of matrices."""
        variance = self.epsilon.value[:, None, None] * jnp.exp(self.log_S)
        # Squares are opened about a point among the components, which keeps rounding small.
        centre = jax.lax.stop_gradient(jnp.mean(self.r, axis=(0, 1)))
        r, y = self.r - centre, y - centre
        pairs = "nd,ikd->nik"
        gap = jnp.einsum(pairs, y**2, 1 / variance) - 2 * jnp.einsum(pairs, y, r / variance)
        rest = jnp.sum(r**2 / variance + jnp.log(2 * jnp.pi * variance), axis=-1)
        return _own(self.log_alpha - (gap + rest) / 2, which)

    def log_end(self, y: Float[Array, " dim"], which: Any) -> Scalar:
        """log v(y)."""
        variance = self.epsilon.value[which] * jnp.exp(self.log_S[which])
        gap = (y - self.r[which]) ** 2 / variance + jnp.log(2 * jnp.pi * variance)
        return jax.nn.logsumexp(self.log_alpha[which] - jnp.sum(gap, axis=1) / 2)

    def pull(self, x: Float[Array, " dim"], which: Any, rest: ScalarLike) -> Float[Array, " dim"]:
        """Drift per interval, epsilon ∇ log h = (E[x1 | x] − x)/rest."""
        return (self.future(x, which, rest).expected - x) / rest


def _own(terms: Float[Array, "n intervals components"], which: Any) -> Float[Array, " n"]:
    """Log-sum-exp over the components of each row's own interval."""
    return jnp.take_along_axis(jax.nn.logsumexp(terms, axis=-1), which[:, None], axis=1)[:, 0]

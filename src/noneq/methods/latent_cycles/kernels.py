"""Two independent conditional laws between a visible state and one of H hidden states."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar
from noneq.methods.units.units import AbstractUnits


_RAREST = 1e-12
"""Least occupation of a hidden state: rounding would make dead ones zero or negative."""


class OneHotKernels(eqx.Module):
    """Writing p(x | z) and reading q(z | x), z one of H states.

    **Equation**: p(x | z) = h(x) exp[(b + W_z)·phi(x) − A(b + W_z)],
    q(z | x) = softmax_z(c + U phi(x)). With a second hidden layer of H₂ states what is read goes
    up and down again: q̃(z | x) = Σ_z' q(z' | x) K(z | z'), K = softmax(V↑) softmax(V↓), a
    transition matrix of rank H₂ at most.

    Args:
        bias: b, (count,).
        writing: W, (H, count).
        offset: c, (H,).
        reading: U, (H, count); None for U = W, the restricted Boltzmann machine with one-hot
            hidden layer.
        up, down: V↑ (H, H₂) and V↓ (H₂, H); None without second layer.
        visible: the units.

    Source: arXiv:2512.11415.
    """

    bias: Float[Array, " count"]
    writing: Float[Array, "states count"]
    offset: Float[Array, " states"]
    reading: Float[Array, "states count"] | None
    up: Float[Array, "states second"] | None
    down: Float[Array, "second states"] | None
    visible: AbstractUnits

    @property
    def natural(self) -> Float[Array, "states count"]:
        """b + W_z, the natural parameters of every hidden state."""
        return self.bias + self.writing

    def log_writing(
        self, phi: Float[Array, "n count"], log_base: Float[Array, " n"]
    ) -> Float[Array, "n states"]:
        """log p(x | z) of states with these features and this log h."""
        partition = jax.vmap(self.visible.log_partition)(self.natural)
        return log_base[:, None] + phi @ self.natural.T - partition

    def log_reading(self, phi: Float[Array, "n count"]) -> Float[Array, "n states"]:
        """log q̃(z | x)."""
        weights = self.writing if self.reading is None else self.reading
        direct = jax.nn.log_softmax(self.offset + phi @ weights.T, axis=-1)
        if self.up is None or self.down is None:
            return direct
        mixing = jax.nn.softmax(self.up) @ jax.nn.softmax(self.down)
        return jnp.log(jnp.exp(direct) @ mixing)

    def log_tied_law(self) -> Float[Array, " states"]:
        """log pi_z = c_z + A(b + W_z) − log Z, the stationary law where U = W."""
        partition = jax.vmap(self.visible.log_partition)(self.natural)
        return jax.nn.log_softmax(self.offset + partition)

    def written(self, z: Array, *, key: Key) -> Float[Array, "n dim"]:
        """x ~ p(. | z) for each of the hidden states ``(n,)``."""
        eta = self.natural[z]
        return jax.vmap(lambda eta, k: self.visible.draw(eta, key=k))(
            eta, jax.random.split(key, len(z))
        )

    def features(self, x: Float[Array, "n dim"]) -> tuple[Array, Array]:
        """phi(x) ``(n, count)`` and log h(x) ``(n,)``."""
        return jax.vmap(self.visible.features)(x), jax.vmap(self.visible.log_base)(x)


def transition_matrix(
    log_writing: Float[Array, "m states"],
    log_reading: Float[Array, "m states"],
    log_weight: Float[Array, " m"],
) -> Float[Array, "states states"]:
    """T[z, z'] = Σ_x p(x | z) q(z' | x), one step of the hidden chain; rows normalised.

    The sum over x stands on m states with weights: 1 for each if they are all states, 1/(m P̃(x))
    if they are draws from P̃. With U = W the result is reversible for any states and weights.
    """
    flux = jnp.exp(log_weight[:, None] + log_writing).T @ jnp.exp(log_reading)
    return normalised(flux)


def normalised(flux: Float[Array, "states states"]) -> Float[Array, "states states"]:
    """Rows of sum one and no zeros, which only underflow would leave."""
    flux = jnp.maximum(flux, jnp.finfo(flux.dtype).tiny)
    return flux / jnp.sum(flux, axis=1, keepdims=True)


def stationary_law(matrix: Float[Array, "states states"]) -> Float[Array, " states"]:
    """pi with pi T = pi, from (I − T + 1 1ᵀ)ᵀ pi = 1; differentiable."""
    size = matrix.shape[0]
    ones = jnp.ones(size, matrix.dtype)
    law = jnp.linalg.solve((jnp.eye(size, dtype=matrix.dtype) - matrix + 1.0).T, ones)
    law = jnp.maximum(law, _RAREST)
    return law / jnp.sum(law)


def latent_entropy_production(matrix: Float[Array, "states states"]) -> Scalar:
    """Σ pi_z T[z, z'] ln(pi_z T[z, z'] / pi_z' T[z', z]), nats per step; differentiable."""
    flux = stationary_law(matrix)[:, None] * matrix
    tiny = jnp.finfo(flux.dtype).tiny
    log_flux = jnp.log(jnp.maximum(flux, tiny))
    return jnp.sum((flux - flux.T) * (log_flux - log_flux.T)) / 2


def reversible(
    matrix: Float[Array, "states states"], law: Float[Array, " states"]
) -> Float[Array, "states states"]:
    """The chain of this law with detailed balance that has the matrix's odds.

    **Equation**: pi_z T[z, z'] = d_z S[z, z'] d_z', S = (pi T + (pi T)ᵀ)/2, d such that rows sum
    to pi (Sinkhorn 1964); d_z = 1 where the matrix already is it.
    """
    flux = law[:, None] * matrix
    flux = (flux + flux.T) / 2
    step = lambda _, d: jnp.sqrt(d * law / (flux @ d))
    d = jax.lax.fori_loop(0, 60, step, jnp.ones_like(law))
    return normalised(d[:, None] * flux * d / law[:, None])

"""Energies of a visible and a hidden layer without couplings within a layer, and their chains."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.constant import Constant
from noneq.methods.units.units import AbstractUnits
from noneq.samplers.annealing import AbstractAnnealing


class Bipartite(eqx.Module):
    """Visible units of an exponential family and hidden bits that see only each other.

    **Equation**: p(x, z) ∝ h(x) exp[b·phi(x) + c·z + z·W phi(x)], z in {0, 1}^H. Its tempered
    laws, from independent units (beta = 0) to itself (beta = 1), are
    f_beta(x, z) = h(x) exp[((1 − beta) a + beta b)·phi(x) + beta (c·z + z·W phi(x))].

    Args:
        bias: b, (count,).
        offset: c, (H,).
        weight: W, (H, count).
        anchor: a, (count,), the natural parameters of independent units with the data's mean.
        visible: the units.

    Source: Salakhutdinov and Murray 2008, section 4.1 (the tempered laws).
    """

    bias: Float[Array, " count"]
    offset: Float[Array, " hidden"]
    weight: Float[Array, "hidden count"]
    anchor: Constant
    visible: AbstractUnits

    def log_density(self, x: Float[Array, "n dim"], beta: ScalarLike = 1.0) -> Float[Array, " n"]:
        """log Σ_z f_beta(x, z); at beta = 1 minus the free energy."""
        phi = self.features(x)
        base = jax.vmap(self.visible.log_base)(x)
        hidden = jnp.sum(jax.nn.softplus(beta * self._inward(phi)), axis=-1)
        return base + phi @ self._outward_bias(beta) + hidden

    def log_hidden(self, z: Float[Array, "n hidden"]) -> Float[Array, " n"]:
        """log Σ_x f_1(x, z)."""
        eta = self.bias + z @ self.weight
        return z @ self.offset + jax.vmap(self.visible.log_partition)(eta)

    def features(self, x: Float[Array, "n dim"]) -> Float[Array, "n count"]:
        """phi(x) of every state."""
        return jax.vmap(self.visible.features)(x)

    def sweep(
        self, x: Float[Array, "n dim"], beta: ScalarLike = 1.0, *, key: Key
    ) -> Float[Array, "n dim"]:
        """x → z → x' at inverse temperature beta: reversible with respect to Σ_z f_beta."""
        hidden_key, visible_key = jax.random.split(key)
        chance = jax.nn.sigmoid(beta * self._inward(self.features(x)))
        z = (jax.random.uniform(hidden_key, chance.shape, chance.dtype) < chance).astype(x.dtype)
        return self.draw(self._outward_bias(beta) + beta * (z @ self.weight), key=visible_key)

    def draw(self, eta: Float[Array, "n count"], *, key: Key) -> Float[Array, "n dim"]:
        """A visible state for each row of natural parameters (units are independent)."""
        return self.visible.draw(eta.ravel(), key=key).reshape(eta.shape[0], -1)

    def independent(self, n: int, *, key: Key) -> Float[Array, "n dim"]:
        """Draws of beta = 0."""
        return self.draw(jnp.broadcast_to(self.anchor.value, (n, self.bias.size)), key=key)

    def _inward(self, phi: Float[Array, "n count"]) -> Float[Array, "n hidden"]:
        return self.offset + phi @ self.weight.T

    def _outward_bias(self, beta: ScalarLike) -> Float[Array, " count"]:
        return jnp.asarray((1 - beta) * self.anchor.value + beta * self.bias)


class Tempering(AbstractAnnealing):
    """The ladder of tempered laws of a `Bipartite`, hidden bits summed out."""

    machine: Bipartite

    def start(self, *, key: Key) -> Float[Array, " dim"]:
        return self.machine.independent(1, key=key)[0]

    def gain(self, state: Float[Array, " dim"], low: Scalar, high: Scalar) -> Scalar:
        density = lambda beta: self.machine.log_density(state[None], beta)[0]
        return density(high) - density(low)

    def move(self, state: Float[Array, " dim"], beta: Scalar, *, key: Key) -> Float[Array, " dim"]:
        return self.machine.sweep(state[None], beta, key=key)[0]

    @property
    def log_start(self) -> Scalar:
        """log Z_0 = A(a) + H log 2."""
        hidden = self.machine.offset.size
        return self.machine.visible.log_partition(self.machine.anchor.value) + hidden * jnp.log(2.0)


def replicas(
    machine: Bipartite, levels: int, chains: int, *, key: Key
) -> Float[Array, "levels chains dim"]:
    """Starts of tempered chains: independent units at every level."""
    x = machine.independent(levels * chains, key=key)
    return x.reshape(levels, chains, -1)


def exchange(
    machine: Bipartite, x: Float[Array, "levels chains dim"], *, key: Key
) -> Float[Array, "levels chains dim"]:
    """One sweep of every replica, then swaps of neighbouring temperatures.

    **Equation**: levels beta_k = k/(levels − 1) (a single level stands at 1); neighbours swap with
    probability min(1, f_k(x') f_k+1(x)/[f_k(x) f_k+1(x')]), even pairs first, then odd ones.
    The last level is the law itself.

    Source: Swendsen and Wang 1986; Desjardins et al. 2010.
    """
    levels, chains = x.shape[:2]
    betas = jnp.linspace(0.0, 1.0, levels) if levels > 1 else jnp.ones(1)
    sweep_key, swap_key = jax.random.split(key)
    sweep = lambda x, beta, key: machine.sweep(x, beta, key=key)
    x = jax.vmap(sweep)(x, betas, jax.random.split(sweep_key, levels))
    if levels == 1:
        return x
    log_u = jnp.log(jax.random.uniform(swap_key, (levels - 1, chains)))
    for parity in (0, 1):
        lower = jnp.arange(parity, levels - 1, 2)
        if not lower.size:
            continue
        x = _swapped(machine, x, betas, lower, log_u[lower])
    return x


def _swapped(machine: Bipartite, x: Array, betas: Array, lower: Array, log_u: Array) -> Array:
    cold, hot = x[lower + 1], x[lower]
    density = jax.vmap(machine.log_density)
    rise = lambda x: density(x, betas[lower + 1]) - density(x, betas[lower])
    swap = (log_u < rise(hot) - rise(cold))[..., None]
    x = x.at[lower].set(jnp.where(swap, cold, hot))
    return x.at[lower + 1].set(jnp.where(swap, hot, cold))

"""A visible state and a layer of hidden bits that read and write each other in turn."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Numbers, ScalarLike
from noneq.constant import Constant
from noneq.data.ensembles import Trajectories
from noneq.data.summary import Summary
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.frames.frame import AbstractLaw, Frame
from noneq.kinds import checked
from noneq.methods.units.paths import stepped_paths
from noneq.methods.units.units import AbstractUnits
from noneq.traced import jit
from noneq.traits import HasLogProbEstimate, HasPaths


_CHUNK = 64


class BinaryKernels(eqx.Module):
    """Writing p(x | z) and reading q(z | x), z a vector of H bits.

    **Equation**: p(x | z) = h(x) exp[eta·phi(x) − A(eta)], eta = b + zW;
    q(z | x) = Π_j Bern(z_j; sigmoid(c_j + U_j·phi(x))).

    Args:
        bias, writing: b (count,) and W (H, count).
        offset, reading: c (H,) and U (H, count).
        visible: the units.
    """

    bias: Float[Array, " count"]
    writing: Float[Array, "hidden count"]
    offset: Float[Array, " hidden"]
    reading: Float[Array, "hidden count"]
    visible: AbstractUnits

    def natural(self, z: Float[Array, "*n hidden"]) -> Float[Array, "*n count"]:
        """b + zW."""
        return self.bias + z @ self.writing

    def log_odds(self, phi: Float[Array, "*n count"]) -> Float[Array, "*n hidden"]:
        """c + U phi."""
        return self.offset + phi @ self.reading.T

    def read(self, phi: Float[Array, "n count"], *, key: Key) -> Float[Array, "n hidden"]:
        """z ~ q(. | x)."""
        odds = self.log_odds(phi)
        return (jax.random.uniform(key, odds.shape) < jax.nn.sigmoid(odds)).astype(phi.dtype)

    def written(self, z: Float[Array, "n hidden"], *, key: Key) -> Float[Array, "n dim"]:
        """x ~ p(. | z)."""
        keys = jax.random.split(key, len(z))
        return jax.vmap(lambda eta, k: self.visible.draw(eta, key=k))(self.natural(z), keys)

    def log_law(
        self, z: Float[Array, "n hidden"], phi: Float[Array, "m count"]
    ) -> Float[Array, " n"]:
        """log ⟨q(z | x_m)⟩, the law of z where the m states are draws of the chain."""
        return jax.nn.logsumexp(log_bits(z, self.log_odds(phi)), axis=1) - jnp.log(len(phi))


def log_bits(
    z: Float[Array, "n hidden"], log_odds: Float[Array, "m hidden"]
) -> Float[Array, "n m"]:
    """log Π_j Bern(z_j) of every z under every vector of log-odds."""
    return z @ log_odds.T - jnp.sum(jax.nn.softplus(log_odds), axis=1)


class BinaryChain(AbstractLaw, HasLogProbEstimate, HasPaths):
    """The Markov chain z → x → z' → … with a layer of hidden bits, in its steady state.

    Draws run it for ``sweeps`` steps from states that training left behind.

    Args:
        kernels: p(x | z) and q(z | x).
        frame: the user's states.
        fantasies: visible states of the chain (units), ``(m, dim)``.
        sweeps: steps before a draw.

    Source: arXiv:2512.11415.
    """

    kernels: BinaryKernels
    frame: Frame
    fantasies: Constant
    sweeps: int = eqx.field(static=True)

    def __init__(self, kernels: BinaryKernels, summary: Summary, m: int, sweeps: int):
        self.kernels = kernels
        self.frame = Frame(summary)
        self.fantasies = Constant(jnp.zeros((m, self.frame.dim)))
        self.sweeps = sweeps

    def draw(self, n: int, *, time: Any, condition: Any, key: Key) -> Float[Array, "n dim"]:
        start_key, chain_key = jax.random.split(key)
        states = self.fantasies.value
        x = states[jax.random.randint(start_key, (n,), 0, len(states))]
        x = self.advanced(x, self.sweeps, key=chain_key)
        return self.kernels.visible.written(x, self.domain)

    def step(self, x: Float[Array, "n dim"], key: Key) -> Float[Array, "n dim"]:
        """Read and write once, in units."""
        read_key, write_key = jax.random.split(key)
        phi = jax.vmap(self.kernels.visible.features)(x)
        return self.kernels.written(self.kernels.read(phi, key=read_key), key=write_key)

    def advanced(self, x: Float[Array, "n dim"], steps: int, *, key: Key) -> Float[Array, "n dim"]:
        """Units after so many steps."""
        keys = jax.random.split(key, steps)
        return jax.lax.scan(lambda x, k: (self.step(x, k), None), x, keys)[0]

    @checked
    def sample_paths(
        self,
        n: int,
        *,
        times: Sequence[float] | np.ndarray,
        start: Numbers | None = None,
        condition: Any = None,
        key: Key,
    ) -> Trajectories:
        """n paths of the visible states, one step per unit of time; errors as in `LatentChain`."""
        return stepped_paths(
            self, self.kernels.visible, n, times=times, start=start, condition=condition, key=key
        )

    @checked
    def log_prob_estimate(
        self,
        x: Float[Array, "*states"] | np.ndarray,
        *,
        time: ScalarLike | None = None,
        condition: Any = None,
        draws: int = 256,
        key: Key,
    ) -> Estimate:
        """log P(x) by importance sampling of the hidden bits; a lower bound in the mean.

        **Equation**: P(x) = Σ_z pi(z) p(x | z) ≈ ⟨pi p/nu⟩ over z ~ nu, half of them from q(. | x)
        and half from pi, nu = (q + pi)/2; pi = ⟨q(z | x_m)⟩ over the stored states x_m.

        Args:
            draws: vectors of hidden bits for each state.

        Raises:
            InvalidInput: fewer than two draws.
        """
        if draws < 2:
            raise InvalidInput(f"log_prob_estimate: draws = {draws}; expected 2 or more.")
        states, single = self.frame.batch(x)
        y = jax.vmap(lambda x: self.frame.enter(x, time, condition)[0])(states)
        units = self.kernels.visible.read(y, self.domain)
        starts = range(0, len(units), _CHUNK)
        parts = []
        for i, start in enumerate(starts):
            rows = jnp.minimum(jnp.arange(start, start + _CHUNK), len(units) - 1)
            parts.append(_estimated(self, units[rows], int(draws), jax.random.fold_in(key, i)))
        value, stderr = (
            np.concatenate([np.asarray(p[i], np.float64) for p in parts])[: len(units)]
            for i in (0, 1)
        )
        value = value - float(self.frame.normaliser.log_scale)
        value = np.where(np.asarray(jax.vmap(self.domain.contains)(states)), value, -np.inf)
        if single:
            value, stderr = value[0], stderr[0]
        return Estimate(value, stderr, np.full(np.shape(value), draws), bound="lower", unit="nat")


@jit
def _estimated(model: BinaryChain, x: Array, draws: int, key: Key) -> tuple[Array, Array]:
    """Log of the mean importance weight of each state, and its error by the delta method."""
    kernels = model.kernels
    chain = jax.vmap(kernels.visible.features)(model.fantasies.value)

    def one(x: Array, key: Key) -> tuple[Array, Array]:
        own_key, pick_key, far_key = jax.random.split(key, 3)
        phi, base = kernels.visible.features(x), kernels.visible.log_base(x)
        half = draws // 2
        some = chain[jax.random.randint(pick_key, (draws - half,), 0, len(chain))]
        own = kernels.read(jnp.broadcast_to(phi, (half, len(phi))), key=own_key)
        z = jnp.concatenate([own, kernels.read(some, key=far_key)])
        law = kernels.log_law(z, chain)
        near = log_bits(z, kernels.log_odds(phi)[None])[:, 0]
        eta = kernels.natural(z)
        given = base + eta @ phi - jax.vmap(kernels.visible.log_partition)(eta)
        share = jnp.log(half / draws), jnp.log(1 - half / draws)
        weight = law + given - jnp.logaddexp(share[0] + near, share[1] + law)
        mean = jax.nn.logsumexp(weight) - jnp.log(draws)
        ratio = jnp.exp(weight - mean)
        return mean, jnp.std(ratio) / jnp.sqrt(draws)

    return jax.lax.map(lambda pair: one(*pair), (x, jax.random.split(key, len(x))), batch_size=8)

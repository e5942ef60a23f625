"""Training states of every snapshot, from which a fitted transport starts."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from noneq._typing import Key, Scalar, ScalarLike
from noneq.constant import Constant
from noneq.data.summary import Summary


MOST = 8192
"""States that are kept of a snapshot."""
_NEAR = 0.1
"""Width, in standard deviations of a quantity, within which states are of a condition asked for."""
_LEAST_WIDTH = 1e-3


class Starts(eqx.Module):
    """Normalised states of all snapshots, one snapshot behind the other.

    Attributes:
        y: (N, dim).
        condition: (N, k), or None.
        width: (T, dim) bandwidths of the kernel density of each snapshot: Scott's n^{−1/(dim+4)}
            standard deviations.
        unit: scale of each column of the condition, 0 for a category.
        counts: states of each snapshot.
    """

    y: Constant
    condition: Constant | None
    width: Constant
    unit: tuple[float, ...]
    counts: tuple[int, ...] = eqx.field(static=True)

    def __init__(self, summary: Summary):
        """Zeros of the right shapes; `filled` puts the states in."""
        self.counts = tuple(min(count, MOST) for count in summary.counts)
        total, columns = sum(self.counts), summary.condition_dim
        self.y = Constant(jnp.zeros((total, summary.dim)))
        self.condition = Constant(jnp.zeros((total, columns))) if columns else None
        self.width = Constant(jnp.ones((len(self.counts), summary.dim)))
        scales = zip(summary.condition_scale, summary.condition_levels, strict=True)
        self.unit = tuple(0.0 if levels else float(scale) for scale, levels in scales)

    def filled(
        self, y: np.ndarray, condition: np.ndarray | None, index: np.ndarray, rng: Any
    ) -> "Starts":
        """With the states ``(n, dim)`` of the snapshots ``index``, a random part of large ones."""
        rows = [
            np.sort(rng.permutation(np.flatnonzero(index == k))[:count])
            for k, count in enumerate(self.counts)
        ]
        spread = np.stack([y[row].std(0) for row in rows])
        shrink = np.asarray(self.counts)[:, None] ** (-1 / (y.shape[1] + 4))
        width = np.maximum(spread, _LEAST_WIDTH) * shrink
        every = np.concatenate(rows)
        kept = None if condition is None else Constant(jnp.asarray(condition[every], float))
        return eqx.tree_at(
            lambda s: (s.y, s.width, s.condition),
            self,
            (Constant(jnp.asarray(y[every], float)), Constant(jnp.asarray(width, float)), kept),
            is_leaf=lambda node: node is None,
        )

    def draw(self, n: int, which: ScalarLike, condition: Any, *, key: Key) -> Float[Array, "n dim"]:
        """n states of snapshot number ``which``, without repetition as far as possible.

        With a condition, states are drawn by how near theirs is, with repetition.
        """
        if condition is None or self.condition is None:
            return self.y.value[places(n, self.counts, which, key=key)]
        condition = jnp.broadcast_to(condition, (n, condition.shape[-1]))
        keys = jax.random.split(key, n)
        pick = lambda c, key: jax.random.categorical(key, self._log_share(which, c))
        return self.y.value[jax.vmap(pick)(condition, keys)]

    def log_density(self, y: Float[Array, " dim"], which: ScalarLike, condition: Any) -> Scalar:
        """Log of the kernel density of snapshot number ``which``."""
        width = self.width.value[which]
        each = jax.scipy.stats.norm.logpdf((y - self.y.value) / width) - jnp.log(width)
        share = self._log_share(which, condition)
        return jax.nn.logsumexp(jnp.sum(each, axis=1) + share) - jax.nn.logsumexp(share)

    def _log_share(self, which: ScalarLike, condition: Any) -> Float[Array, " states"]:
        """Log weight of every state: of that snapshot, and near in condition (NaN is any)."""
        owner: Int[np.ndarray, " states"] = np.repeat(np.arange(len(self.counts)), self.counts)
        share = jnp.where(jnp.asarray(owner) == which, 0.0, -jnp.inf)
        if condition is None or self.condition is None:
            return share
        unit = jnp.asarray(self.unit)
        gap = self.condition.value - condition
        category = unit == 0
        far = (gap / jnp.where(category, 1.0, _NEAR * unit)) ** 2 / 2
        cost = jnp.where(category, jnp.where(gap == 0, 0.0, 1e6), far)
        cost = jnp.sum(jnp.where(jnp.isnan(gap), 0.0, cost), axis=1)
        return share - (cost - jnp.min(jnp.where(jnp.isfinite(share), cost, jnp.inf)))


def places(n: int, counts: tuple[int, ...], which: ScalarLike, *, key: Key) -> Int[Array, " n"]:
    """n places in block number ``which`` of blocks of these sizes, none twice as far as possible."""
    sizes = jnp.asarray(counts)
    first = jnp.cumsum(sizes)[which] - sizes[which]
    slots = jnp.arange(max(counts))
    level = jnp.where(slots < sizes[which], jax.random.uniform(key, slots.shape), 2.0)
    return first + jnp.argsort(level)[jnp.arange(n) % sizes[which]]

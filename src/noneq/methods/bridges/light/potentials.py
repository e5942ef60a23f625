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
    """The law of the end given a state on the way: a mixture of Gaussians.

    Attributes:
        log_weight: (K,), up to a constant of the interval: their log-sum-exp is
            log h(x) + |x|²/(2 rest epsilon), h the potential carried back by the reference.
        mean, variance: (K, dim); variances are along ``axes``.
        axes: (K, dim, dim) orthogonal, or None for those of the coordinates.
    """

    log_weight: Array
    mean: Array
    variance: Array
    axes: Array | None = None

    @property
    def expected(self) -> Array:
        """E[x1 | x]."""
        return jax.nn.softmax(self.log_weight) @ self.mean

    def draw(self, key: Key) -> Array:
        """One end."""
        pick_key, noise_key = jax.random.split(key)
        k = jax.random.categorical(pick_key, self.log_weight)
        xi = jax.random.normal(noise_key, self.mean.shape[1:], self.mean.dtype)
        away = jnp.sqrt(self.variance[k]) * xi
        return self.mean[k] + (away if self.axes is None else self.axes[k] @ away)


class Potential(eqx.Module):
    """phi(y) = e^{|y|²/2 epsilon} v(y), v = Σ alpha_k N(r_k, epsilon S_k): one for each interval.

    The plan is pi(y | x) ∝ e^{−|x − y|²/2 epsilon} phi(y). States are in units of their overall
    spread, epsilon = sigma² Δ in its square. S_k is diagonal, or diagonal along axes of its own,
    R_k = begin_k (I + W)⁻¹(I − W) with W = turn_k − turn_kᵀ (Cayley).

    Attributes:
        log_alpha: (intervals, K).
        r, log_S: (intervals, K, dim).
        epsilon: (intervals,).
        begin, turn: (intervals, K, dim, dim) axes to start from and their rotation, or None.
    """

    log_alpha: Float[Array, "intervals components"]
    r: Float[Array, "intervals components dim"]
    log_S: Float[Array, "intervals components dim"]
    epsilon: Constant
    begin: Constant | None
    turn: Float[Array, "intervals components dim dim"] | None

    def __init__(self, epsilon: np.ndarray, components: int, dim: int, *, full: bool = False):
        """Equal components of half the slope of the map between unit Gaussians, all at 0."""
        shape = (len(epsilon), components)
        start = np.log(0.5 / (1 + epsilon))[:, None, None]
        self.epsilon = Constant(jnp.asarray(epsilon, float))
        self.log_alpha = jnp.full(shape, -np.log(components))
        self.r = jnp.zeros((*shape, dim))
        self.log_S = jnp.asarray(np.broadcast_to(start, (*shape, dim)), float)
        axes = np.broadcast_to(np.eye(dim), (*shape, dim, dim))
        self.begin = Constant(jnp.asarray(axes, float)) if full else None
        self.turn = jnp.zeros((*shape, dim, dim)) if full else None

    def axes(self) -> Array | None:
        """R of all intervals; None for those of the coordinates."""
        if self.begin is None or self.turn is None:
            return None
        W = self.turn - jnp.swapaxes(self.turn, -1, -2)
        eye = jnp.eye(W.shape[-1])
        return self.begin.value @ jnp.linalg.solve(eye + W, eye - W)

    def future(
        self, x: Float[Array, " dim"], which: Any, rest: ScalarLike = 1.0, axes: Array | None = None
    ) -> Future:
        """The law of the end given x when the part ``rest`` of interval ``which`` is left.

        **Equation**: along the axes, component k has precision B/epsilon, B = 1/rest − 1 + 1/S_k, mean
        B⁻¹b, b = x/rest + r_k/S_k and log weight
        log alpha_k − ½ Σ log(S_k B) + (bᵀB⁻¹b − r_kᵀS_k⁻¹r_k)/2 epsilon.

        Args:
            axes: of all intervals, if they are at hand.

        Source: Gushchin et al. 2024, proposition 3.3; at ``rest`` 1 Korotin et al. 2024, eq. 11.
        """
        axes = self.axes() if axes is None else axes
        epsilon, log_S = self.epsilon.value[which], self.log_S[which]
        inverse, r = jnp.exp(-log_S), self.r[which]
        if axes is not None:
            # Of all intervals: one product of matrices under vmap, and no copies of the axes.
            r = jnp.einsum("ikab,ika->ikb", axes, self.r)[which]
            x = jnp.einsum("ikab,a->ikb", axes, x)[which]
        B = 1 / rest - 1 + inverse
        b = x / rest + r * inverse
        square = jnp.sum(b**2 / B - r**2 * inverse, axis=1) / (2 * epsilon)
        volume = jnp.sum(log_S + jnp.log(B), axis=1) / 2
        log_weight, mean = self.log_alpha[which] - volume + square, b / B
        if axes is None:
            return Future(log_weight, mean, epsilon / B)
        own = jax.nn.one_hot(which, axes.shape[0])
        mean = jnp.einsum("i,ikab,kb->ka", own, axes, mean)
        return Future(log_weight, mean, epsilon / B, axes[which])

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

    def log_end(self, y: Float[Array, " dim"], which: Any, axes: Array | None = None) -> Scalar:
        """log v(y)."""
        axes = self.axes() if axes is None else axes
        variance = self.epsilon.value[which] * jnp.exp(self.log_S[which])
        away = y - self.r[which]
        if axes is not None:
            away = jnp.einsum("ikab,ika->ikb", axes, y - self.r)[which]
        gap = away**2 / variance + jnp.log(2 * jnp.pi * variance)
        return jax.nn.logsumexp(self.log_alpha[which] - jnp.sum(gap, axis=1) / 2)

    def pull(
        self, x: Float[Array, " dim"], which: Any, rest: ScalarLike, axes: Array | None = None
    ) -> Float[Array, " dim"]:
        """Drift per interval, epsilon ∇ log h = (E[x1 | x] − x)/rest."""
        return (self.future(x, which, rest, axes).expected - x) / rest


def _own(terms: Float[Array, "n intervals components"], which: Any) -> Float[Array, " n"]:
    """Log-sum-exp over the components of each row's own interval."""
    return jnp.take_along_axis(jax.nn.logsumexp(terms, axis=-1), which[:, None], axis=1)[:, 0]

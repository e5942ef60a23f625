"""Likelihood of recorded positions under a nonlinear law of motion, by a filter of Gaussian states."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from noneq.methods.dynamics.bases import AbstractBasis
from noneq.methods.dynamics.segments import Segments
from noneq.symbolic.expression import Expression


class Law(eqx.Module):
    """What the filter follows, apart from its parameters.

    Attributes:
        basis: functions of the state, (x, v) for ``order`` 2.
        known: known part of each coordinate's drift, or None.
        periods: of the positions, 0 where there is none.
        least: smallest standard deviation of the measurement noise.
        pace: variance of the velocity before anything is seen, for ``order`` 2.
        noisy: whether the measurement noise is a parameter.
        order, substeps: of the motion; steps from frame to frame.
    """

    basis: AbstractBasis
    known: tuple[Expression | None, ...]
    periods: Float[Array | np.ndarray, " dim"]
    least: Float[Array | np.ndarray, " dim"]
    pace: Float[Array | np.ndarray, " dim"]
    noisy: bool = eqx.field(static=True)
    order: int = eqx.field(static=True)
    substeps: int = eqx.field(static=True)

    def field(self, theta: Array, x: Array) -> Array:
        """f at a state, velocities included."""
        force = self.basis.at(x) @ theta
        if self.known:
            zero = jnp.zeros((), x.dtype)
            force = force + jnp.stack([zero if k is None else k(x) for k in self.known])
        return force if self.order == 1 else jnp.concatenate([x[len(force) :], force])


class Parameters(NamedTuple):
    """θ ``(p, dim)``, the root √(2D) with the logarithm of its diagonal, log σ of the noise."""

    theta: Array
    root: Array
    noise: Array

    def spread(self) -> Array:
        """2D."""
        lower = jnp.tril(self.root, -1) + jnp.diag(jnp.exp(jnp.diag(self.root)))
        return lower @ lower.T


class Scores(NamedTuple):
    """log p of the frames of each stretch ``(S,)``, its gradient ``(S, P)`` and the information."""

    value: Array
    gradient: Array
    information: Array


def free(law: Law, size: int, dim: int) -> np.ndarray:
    """Which numbers of flat `Parameters` a fit may change."""
    lower = np.tril(np.ones((dim, dim), bool))
    return np.concatenate([np.ones(size * dim, bool), lower.ravel(), np.full(dim, law.noisy)])


@eqx.filter_jit
def scores(law: Law, parameters: Parameters, data: Segments) -> Scores:
    """One pass of the filter, with the derivatives of its means and covariances.

    **Equation**: between frames mean and covariance of the state follow Runge–Kutta flows of a
    cubature of degree five (three above four coordinates), with the noise of half of the step before
    and of the other half after each; log p = Σ log N(y; m, P + σ²), and the information
    Σ ∂mᵀ S^{-1} ∂m + ½ tr(S^{-1} ∂S S^{-1} ∂S).
    """
    flat, rebuild = ravel_pytree(parameters)
    count, dim = len(flat), data.start.shape[1]
    width = dim * law.order
    unit = jnp.eye(count)

    def begin(flat: Array, start: Array) -> tuple[Array, Array]:
        noise = _noise(law, rebuild(flat))
        parts = [noise] if law.order == 1 else [noise, law.pace]
        mean = jnp.concatenate([start, jnp.zeros(width - dim)])
        return mean, jnp.diag(jnp.concatenate(parts))

    def move(flat: Array, mean: Array, cov: Array, dt: Array) -> tuple[Array, Array]:
        return moved(law, rebuild(flat), mean, cov, dt)

    def meet(flat: Array, mean: Array, cov: Array, y: Array) -> tuple[Array, ...]:
        S = cov[:dim, :dim] + jnp.diag(_noise(law, rebuild(flat)))
        v = y - mean[:dim]
        around = jnp.where(law.periods > 0, law.periods, 1.0)
        v = v - jnp.where(law.periods > 0, law.periods * jnp.round(v / around), 0.0)
        gain = jnp.linalg.solve(S, cov[:dim]).T
        rest = cov - gain @ cov[:dim]
        return mean + gain @ v, (rest + rest.T) / 2, v, S

    def one(state, frame):
        mean, cov, d_mean, d_cov = state
        y, seen, counted, dt = frame
        (mean, cov), push = jax.linearize(lambda p, m, P: move(p, m, P, dt), flat, mean, cov)
        d_mean, d_cov = jax.vmap(push)(unit, d_mean, d_cov)
        (m, P, v, S), push = jax.linearize(lambda p, m, P: meet(p, m, P, y), flat, mean, cov)
        d_m, d_P, d_v, d_S = jax.vmap(push)(unit, d_mean, d_cov)
        inverse = jnp.linalg.inv(S)
        w = inverse @ v
        value = -0.5 * (v @ w + jnp.linalg.slogdet(S)[1])
        moved = jnp.einsum("ij,pjk->pik", inverse, d_S)
        slope = -d_v @ w + 0.5 * jnp.einsum("i,pij,j->p", w, d_S, w)
        slope = slope - 0.5 * jnp.trace(moved, axis1=1, axis2=2)
        here = jnp.where(counted, 1.0, 0.0)
        new = jax.tree.map(
            lambda a, b: jnp.where(seen, a, b), (m, P, d_m, d_P), (mean, cov, d_mean, d_cov)
        )
        half = jnp.einsum("pi,ij->pj", d_v, jnp.linalg.cholesky(inverse))
        return new, here * value, here * slope, here * half, here * moved

    def step(carry, frame):
        state, total = carry
        state, value, slope, half, moved = jax.vmap(one)(state, frame)
        info = jnp.einsum("spi,sqi->pq", half, half)
        info += 0.5 * jnp.einsum("spij,sqji->pq", moved, moved)
        return (
            state,
            Scores(total.value + value, total.gradient + slope, total.information + info),
        ), None

    starts, stretches = jnp.asarray(data.start), len(data.start)
    mean, cov = jax.vmap(begin, (None, 0))(flat, starts)
    d_mean, d_cov = jax.vmap(jax.jacfwd(begin), (None, 0))(flat, starts)
    state = (mean, cov, jnp.moveaxis(d_mean, -1, 1), jnp.moveaxis(d_cov, -1, 1))
    zero = Scores(*(jnp.zeros(s) for s in ((stretches,), (stretches, count), (count, count))))
    frames = jax.tree.map(
        lambda a: jnp.moveaxis(jnp.asarray(a), 1, 0),
        (data.values, data.seen, data.counted, data.dt),
    )
    return jax.lax.scan(step, (state, zero), frames)[0][1]


def _noise(law: Law, parameters: Parameters) -> Array:
    """Variances of the measurement noise."""
    least = jnp.asarray(law.least) ** 2
    return least + jnp.exp(2 * parameters.noise) if law.noisy else least


def moved(
    law: Law, parameters: Parameters, mean: Array, cov: Array, dt: Array
) -> tuple[Array, Array]:
    """Mean and covariance one interval later."""
    h = dt / law.substeps
    before, after = _kicks(law.order, parameters.spread(), h)
    points, weights = (jnp.asarray(part) for part in cubature(len(mean)))
    field = jax.vmap(lambda x: law.field(parameters.theta, x))

    def flow(x: Array) -> Array:
        a = field(x)
        b = field(x + h / 2 * a)
        c = field(x + h / 2 * b)
        return x + h / 6 * (a + 2 * b + 2 * c + field(x + h * c))

    for _ in range(law.substeps):
        x = flow(mean + points @ jnp.linalg.cholesky(cov + before).T)
        mean = weights @ x
        away = x - mean
        cov = (weights[:, None] * away).T @ away + after
    return mean, cov


def _kicks(order: int, spread: Array, h: Array) -> tuple[Array, Array]:
    """Covariances of the noise of the first half of a step, at its start, and of the second, at its end.

    With inertia the noise of a moment s moves the position by s too: free motion is exact.
    """
    if order == 1:
        return spread * h / 2, spread * h / 2
    turned = lambda s: jnp.kron(
        jnp.array([[h**3 / 24, s * h**2 / 8], [s * h**2 / 8, h / 2]]), spread
    )
    return turned(-1.0), turned(1.0)


def cubature(dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Points ``(k, dim)`` and weights that integrate polynomials over N(0, 1) up to degree five.

    Above four coordinates, where weights of that rule are negative, up to degree three.

    Source: McNamee and Stenger 1967.
    """
    axes = np.concatenate([np.eye(dim), -np.eye(dim)])
    if dim > 4:
        return np.sqrt(dim) * axes, np.full(2 * dim, 0.5 / dim)
    pairs = [
        s * np.eye(dim)[i] + t * np.eye(dim)[j]
        for i in range(dim)
        for j in range(i)
        for s in (-1, 1)
        for t in (-1, 1)
    ]
    points = np.sqrt(3) * np.concatenate([np.zeros((1, dim)), axes, *([pairs] if pairs else [])])
    weights = [1 + (dim**2 - 7 * dim) / 18, *[(4 - dim) / 18] * (2 * dim), *[1 / 36] * len(pairs)]
    return points, np.asarray(weights)

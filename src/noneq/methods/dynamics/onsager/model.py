"""A motion that is the sum of dissipation and circulation; its stationary law is known by its form."""

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Numbers, Scalar, ScalarLike
from noneq.constant import Constant
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.data.summary import Summary
from noneq.domains import AbstractDomain
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.frames.checks import check_count
from noneq.frames.frame import Frame
from noneq.kinds import checked
from noneq.simulation.ensemble import simulate
from noneq.simulation.learnt import LearntSystem
from noneq.traced import jit
from noneq.traits import AbstractModel, HasDrift, HasEnergy, HasPaths, HasScore, HasVelocity


_WALK, _STRIDE = 300, 0.5
"""Moves of the random walk that draws from the stationary law, and their size over the spread."""


class OnsagerFields(eqx.Module):
    """V, M and W at one state, as polynomials of z = (x − centre)/scale.

    **Equation**: V = Σ_j a_j b_j(z), L_ij = Σ_k l_ijk b_k(z) lower triangular, M = L Lᵀ + floor,
    W skew with Σ_k w_ijk b_k(z) above its diagonal.

    Args:
        potential: (p − 1,), without the constant.
        factor: (dim (dim + 1)/2, q).
        curl: (dim (dim − 1)/2, r).
        floor: (dim,), added to the diagonal of M.
        powers: of the potential, (p − 1, dim); powers of factor and curl are the first of these,
            after a constant.
        centre, scale: of every coordinate.
        temperature: ε.
        complete: with ε div W, which keeps e^{−V/ε} stationary; without, the literal form.
    """

    potential: Array
    factor: Array
    curl: Array
    floor: Constant
    centre: Constant
    scale: Constant
    temperature: Constant
    powers: tuple[tuple[int, ...], ...] = eqx.field(static=True)
    complete: bool = eqx.field(static=True)

    def basis(self, x: Float[Array, " dim"]) -> Float[Array, " functions"]:
        """1 and the monomials of z."""
        z = (x - self.centre.value) / self.scale.value
        rows = [jnp.ones_like(z)]
        for _ in range(max(map(max, self.powers))):
            rows.append(rows[-1] * z)
        # Written out instead of gathered, which compiles to one loop over the states.
        terms = [
            functools.reduce(operator.mul, [rows[k][i] for i, k in enumerate(row) if k])
            for row in self.powers
        ]
        return jnp.stack([jnp.ones(()), *terms])

    def energy(self, x: Float[Array, " dim"]) -> Scalar:
        """V."""
        return self.basis(x)[1:] @ self.potential

    def mobility(self, x: Float[Array, " dim"]) -> Float[Array, "dim dim"]:
        """M."""
        values = self.factor @ self.basis(x)[: self.factor.shape[1]]
        L = _filled(values, x.size, *np.tril_indices(x.size))
        return L @ L.T + jnp.diag(self.floor.value)

    def circulation(self, x: Float[Array, " dim"]) -> Float[Array, "dim dim"]:
        """W."""
        values = self.curl @ self.basis(x)[: self.curl.shape[1]]
        W = _filled(values, x.size, *np.triu_indices(x.size, 1))
        return W - W.T

    def drift(self, x: Float[Array, " dim"]) -> Float[Array, " dim"]:
        """f of dX = f dt + √(2 ε M) dW."""
        if self.complete:
            A, spread = _divergence(lambda x: self.mobility(x) + self.circulation(x), x)
        else:
            M, spread = _divergence(self.mobility, x)
            A = M + self.circulation(x)
        return -A @ jax.grad(self.energy)(x) + self.temperature.value * spread

    def velocity(self, x: Float[Array, " dim"]) -> Float[Array, " dim"]:
        """v of the current p v, p = e^{−V/ε}/Z."""
        W, spread = _divergence(self.circulation, x)
        v = -W @ jax.grad(self.energy)(x)
        return v + self.temperature.value * spread if self.complete else v

    def dissipation(self, x: Float[Array, " dim"]) -> Scalar:
        """vᵀ (ε M)⁻¹ v, whose mean is the entropy production rate."""
        v = self.velocity(x)
        return v @ jnp.linalg.solve(self.temperature.value * self.mobility(x), v)


def _filled(values: Array, dim: int, rows: np.ndarray, columns: np.ndarray) -> Array:
    """A matrix with these values at these places, by a product with a constant."""
    place = np.zeros((dim * dim, len(rows)), np.float32)
    place[rows * dim + columns, np.arange(len(rows))] = 1.0
    return (jnp.asarray(place, values.dtype) @ values).reshape(dim, dim)


def _divergence(matrix: Callable[[Array], Array], x: Array) -> tuple[Array, Array]:
    """A and (div A)_i = Σ_j ∂_j A_ij."""

    def both(x: Array) -> tuple[Array, Array]:
        A = matrix(x)
        return A, A

    slopes, A = jax.jacfwd(both, has_aux=True)(x)
    return A, jnp.einsum("ijj->i", slopes)


class OnsagerModel(AbstractModel, HasDrift, HasPaths, HasEnergy, HasScore, HasVelocity):
    """dX = [−(M + W)∇V + ε div(M + W)] dt + √(2 ε M) dW with the law e^{−V/ε}/Z.

    Attributes:
        fields: V, M and W.
        frame: the user's side.
        starts: states of the data, from which draws and paths start.
        step: of the integration, in physical time.
        spread: covariance of the parameters, in the order of the leaves of ``fields``.
    """

    fields: OnsagerFields
    frame: Frame
    starts: Constant
    step: Constant
    spread: Constant

    def __init__(self, fields: OnsagerFields, summary: Summary, starts: int, size: int):
        self.fields, self.frame = fields, Frame(summary)
        self.starts = Constant(jnp.zeros((starts, summary.dim)))
        self.step = Constant(jnp.ones(()))
        self.spread = Constant(jnp.zeros((size, size)))

    @property
    def event_shape(self) -> tuple[int, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Shape of one state."""
        return self.frame.event_shape

    @property
    def domain(self) -> AbstractDomain:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Where states live."""
        return self.frame.domain

    @checked
    def drift(self, t: ScalarLike, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        return self.fields.drift(x)

    @checked
    def diffusion(self, t: ScalarLike, x: Float[Array, "*event"]) -> Array:
        fields = self.fields
        return jnp.sqrt(2 * fields.temperature.value) * jnp.linalg.cholesky(fields.mobility(x))

    @checked
    def energy(
        self, x: Float[Array, "*event"], *, time: Any = None, condition: Any = None
    ) -> Scalar:
        """V/ε, so that e^{−energy} is the stationary law up to its norm."""
        return self.fields.energy(x) / self.fields.temperature.value

    @checked
    def score(
        self, x: Float[Array, "*event"], *, time: Any = None, condition: Any = None
    ) -> Float[Array, "*event"]:
        return -jax.grad(self.fields.energy)(x) / self.fields.temperature.value

    @checked
    def velocity(
        self, x: Float[Array, "*event"], *, time: Any = None, condition: Any = None
    ) -> Float[Array, "*event"]:
        """v = −W∇V + ε div W of the stationary current."""
        return self.fields.velocity(x)

    def entropy_production_rate(self, states: Any = None) -> Estimate:
        """⟨vᵀ (ε M)⁻¹ v⟩ with the error of the fit, nats per unit time.

        Args:
            states: (n, dim) of the stationary law to average over; None takes the data's.
        """
        x = self.starts.value if states is None else jnp.asarray(states, float)
        mean, slope, variance = _rate(self.fields, x)
        error = slope @ np.asarray(self.spread.value, np.float64) @ slope + variance / len(x)
        return Estimate(np.asarray(mean), np.asarray(np.sqrt(error)), np.asarray(len(x)))

    @checked
    def sample(
        self, n: int, *, time: Any = None, condition: Any = None, key: Key
    ) -> Float[Array, "n *event"]:
        """Draws of e^{−V/ε}, the same at all times: a random walk of 300 moves from states of the data."""
        check_count(n)
        self.frame.asked.check(condition)
        return _walk(self.fields, self.starts.value, key, n)

    @checked
    def snapshots(
        self, n: int, *, times: Sequence[float] | np.ndarray, condition: Any = None, key: Key
    ) -> Snapshots:
        return self.sample_paths(n, times=times, condition=condition, key=key).snapshots()

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
        """n paths by Euler and Maruyama, from ``start`` or from draws of the stationary law."""
        self.frame.asked.check(condition)
        begin, key = jax.random.split(key)
        x = self.sample(n, key=begin) if start is None else np.asarray(start, np.float32)
        if x.shape != (n, *self.event_shape):
            raise InvalidInput(f"start has shape {x.shape}; expected {(n, *self.event_shape)}.")
        at = np.atleast_1d(np.asarray(times, np.float64))
        system = LearntSystem(self, float(at[0]), float(self.step.value))
        paths = simulate(system, at, n=n, key=key, start=x)
        names, units, time_unit = self.frame.labels
        return Trajectories(paths.values, at, names=names, units=units, time_unit=time_unit)


@jit
def _means(fields: OnsagerFields, x: Array) -> tuple[Array, Any, Array]:
    parts, whole = eqx.partition(fields, _is_learnt(fields))
    each = lambda parts: jax.vmap(eqx.combine(parts, whole).dissipation)(x)
    value = each(parts)
    slope = jax.grad(lambda parts: each(parts).mean())(parts)
    return value.mean(), slope, value.var()


def _rate(fields: OnsagerFields, x: Array) -> tuple[float, np.ndarray, float]:
    mean, slope, variance = _means(fields, x)
    flat = np.concatenate([np.asarray(leaf, np.float64).ravel() for leaf in jax.tree.leaves(slope)])
    return float(mean), flat, float(variance)


def _is_learnt(fields: OnsagerFields) -> Any:
    """True for the coefficients alone."""
    false = jax.tree.map(lambda _: False, fields)
    return eqx.tree_at(lambda f: (f.potential, f.factor, f.curl), false, (True, True, True))


@eqx.filter_jit
def _walk(fields: OnsagerFields, starts: Array, key: Key, n: int) -> Array:
    begin, walk = jax.random.split(key)
    x = starts[jax.random.randint(begin, (n,), 0, len(starts))]
    log_of = lambda x: -jax.vmap(fields.energy)(x) / fields.temperature.value

    def move(state, key):
        x, log_x = state
        step, accept = jax.random.split(key)
        y = x + _STRIDE * fields.scale.value * jax.random.normal(step, x.shape)
        log_y = log_of(y)
        kept = jnp.log(jax.random.uniform(accept, (n,))) < log_y - log_x
        return (jnp.where(kept[:, None], y, x), jnp.where(kept, log_y, log_x)), None

    return jax.lax.scan(move, (x, log_of(x)), jax.random.split(walk, _WALK))[0][0]

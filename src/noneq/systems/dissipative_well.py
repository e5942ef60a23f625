"""A double well with a mobility and a circulation that depend on the state; its law is known."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.domains import Free
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.systems.base import AbstractDiffusion, HasEntropyProduction, HasStationaryDensity
from noneq.systems.one_state import of_state


_REACH, _POINTS = 3.5, 701
"""Half-width and points of the grid on which means are taken; the density is 1e-30 at its edge."""


class DissipativeWell(AbstractDiffusion, HasStationaryDensity, HasEntropyProduction):
    """Mobility, circulation and potential apart: the current is known beside the law.

    **Equation**: dX = [−(M + W)∇V + temperature div(M + W)] dt + √(2 temperature M) dW with
    V = (x² − 1)² + y² + 0.3 x y, W = curl (1 + 0.5 sin 2x + 0.2 y²) J, J = [[0, −1], [1, 0]], M = L Lᵀ,
    L = [[1 + 0.2 cos y, 0], [0.3 x, 0.8]], (div A)_i = Σ_j ∂_j A_ij. For any M and W the law is
    e^{−V/temperature}/Z, and the current velocity v = −W∇V + temperature div W.

    Args:
        temperature: ε of the law; 1/2 dissipates 15.4437 nats per unit time.
        curl: size of W; 0 is equilibrium.

    Raises:
        InvalidInput: a temperature outside [0.05, 1], or a curl that is not finite.
    """

    temperature: float = 0.5
    curl: float = 1.0

    def __check_init__(self) -> None:
        if not (0.05 <= self.temperature <= 1 and np.isfinite(self.curl)):
            raise InvalidInput(
                f"DissipativeWell: temperature = {self.temperature}, curl = {self.curl}; expected a "
                "temperature from 0.05 to 1 and a finite curl."
            )

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(2,)."""
        return (2,)

    @property
    def domain(self) -> Free:
        """The plane."""
        return Free()

    @property
    def time_step(self) -> float:
        """0.001: the walls of the well are steep."""
        return 0.001

    def initial(self, key: Key) -> Float[Array, " 2"]:
        """A point of the grid by the stationary law, and a place inside its cell."""
        grid, share = self._grid(201)
        which_key, inside_key = jax.random.split(key)
        index = jax.random.choice(which_key, len(grid), p=jnp.asarray(share))
        width = 2 * _REACH / 200
        return jnp.asarray(grid, float)[index] + width * (
            jax.random.uniform(inside_key, (2,)) - 0.5
        )

    @of_state
    def potential(self, x: Float[Array, " 2"]) -> Scalar:
        """V."""
        return _potential(x)

    @of_state
    def mobility(self, x: Float[Array, " 2"]) -> Float[Array, "2 2"]:
        """M."""
        L = jnp.asarray([[1 + 0.2 * jnp.cos(x[1]), 0.0], [0.3 * x[0], 0.8]])
        return L @ L.T

    @of_state
    def circulation(self, x: Float[Array, " 2"]) -> Float[Array, "2 2"]:
        """W."""
        size = self.curl * (1 + 0.5 * jnp.sin(2 * x[0]) + 0.2 * x[1] ** 2)
        return size * jnp.asarray([[0.0, -1.0], [1.0, 0.0]])

    @of_state
    def drift(self, t: ScalarLike, x: Float[Array, " 2"]) -> Float[Array, " 2"]:
        """−(M + W)∇V + temperature div(M + W)."""
        both = lambda x: self.mobility(x) + self.circulation(x)
        divergence = jnp.einsum("ijj->i", jax.jacfwd(both)(x))
        return -both(x) @ jax.grad(self.potential)(x) + self.temperature * divergence

    @of_state
    def diffusion(self, t: ScalarLike, x: Float[Array, " 2"]) -> Float[Array, "2 2"]:
        """√(2 temperature) L."""
        return jnp.sqrt(2 * self.temperature) * jnp.linalg.cholesky(self.mobility(x))

    @of_state
    def velocity(self, x: Float[Array, " 2"]) -> Float[Array, " 2"]:
        """v of the stationary current p v."""
        divergence = jnp.einsum("ijj->i", jax.jacfwd(self.circulation)(x))
        return -self.circulation(x) @ jax.grad(self.potential)(x) + self.temperature * divergence

    @of_state
    def log_density(self, x: Float[Array, " 2"]) -> Scalar:
        """−V/temperature − ln Z."""
        values = _potential(_grid(_POINTS).T)
        cell = (2 * _REACH / (_POINTS - 1)) ** 2
        log_z = np.log(np.exp(-values / self.temperature).sum() * cell)
        return -self.potential(x) / self.temperature - log_z

    @checked
    def entropy_production_rate(self) -> float:
        """⟨vᵀ (temperature M)⁻¹ v⟩ over the stationary law, by the rule of rectangles."""
        grid, share = self._grid(_POINTS)
        v = jax.vmap(self.velocity)(jnp.asarray(grid, float))
        M = jax.vmap(self.mobility)(jnp.asarray(grid, float))
        rate = jnp.einsum("ni,ni->n", v, jnp.linalg.solve(M, v[..., None])[..., 0])
        return float(np.asarray(rate, np.float64) @ share / self.temperature)

    def _grid(self, points: int) -> tuple[np.ndarray, np.ndarray]:
        """Points of a square grid and their shares of the stationary law."""
        grid = _grid(points)
        values = _potential(grid.T)
        share = np.exp(-(values - values.min()) / self.temperature)
        return grid, share / share.sum()


def _potential(x: Any) -> Any:
    """V of coordinates along the first axis, of NumPy or of JAX."""
    return (x[0] ** 2 - 1) ** 2 + x[1] ** 2 + 0.3 * x[0] * x[1]


def _grid(points: int) -> np.ndarray:
    axis = np.linspace(-_REACH, _REACH, points)
    return np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)

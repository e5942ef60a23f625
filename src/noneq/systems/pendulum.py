"""Two pendula, one hanging from the other: chaos that conserves energy and volume."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.domains import Free, Product, Torus
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.systems.base import AbstractODE, HasStationaryDensity
from noneq.systems.one_state import of_state


_CELLS = 256


class DoublePendulum(AbstractODE, HasStationaryDensity):
    """Two point masses on massless rods: angles from the vertical and their momenta.

    **Equation**: θ' = ∂H/∂p, p' = −∂H/∂θ, H = p·M(θ)⁻¹p/2 + V(θ),
    M = [[(m1 + m2) l1², m2 l1 l2 cos δ], [m2 l1 l2 cos δ, m2 l2²]], δ = θ1 − θ2,
    V = −(m1 + m2) g l1 cos θ1 − m2 g l2 cos θ2.

    The state is (θ1, θ2, p1, p2); angles live on a circle. H is conserved, and so is volume
    (Liouville), hence the Boltzmann law e^{−beta H}/Z. Starts are draws from it; each then moves on
    its own energy surface, chaotically on some of them.

    Args:
        beta: inverse temperature of the starts.
        m1, m2: masses of the upper and the lower pendulum.
        l1, l2: lengths of the rods.
        gravity: g; 0 is a free double rotor.

    Raises:
        InvalidInput: beta, a mass or a length that is not positive, negative gravity.
    """

    beta: float = 0.5
    m1: float = 1.0
    m2: float = 1.0
    l1: float = 1.0
    l2: float = 1.0
    gravity: float = 1.0

    def __check_init__(self) -> None:
        for name in ("beta", "m1", "m2", "l1", "l2"):
            if not 0 < getattr(self, name) < math.inf:
                raise InvalidInput(
                    f"DoublePendulum: {name} = {getattr(self, name)}; expected a finite number > 0."
                )
        if not 0 <= self.gravity < math.inf:
            raise InvalidInput(
                f"DoublePendulum: gravity = {self.gravity}; expected a finite number ≥ 0."
            )

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(4,): two angles, two momenta."""
        return (4,)

    @property
    def domain(self) -> Product:
        """Angles in [0, 2π), any momenta."""
        return Product((Torus(), Free()), (2, 2))

    @property
    def time_step(self) -> float:
        """A hundredth of the fastest of a swing of either rod and a radian at thermal speed."""
        shortest = min(self.l1, self.l2)
        thermal = 1.0 / (self.beta * min(self.m1, self.m2) * shortest**2)
        return 0.015 / math.sqrt(self.gravity / shortest + thermal)

    @checked
    def energy(self, x: Float[Array, "4"]) -> Scalar:
        """H(θ, p), conserved."""
        angles, momenta = x[:2], x[2:]
        coupling = self.m2 * self.l1 * self.l2 * jnp.cos(angles[0] - angles[1])
        upper, lower = self._inertia
        determinant = upper * lower - coupling**2
        kinetic = (
            lower * momenta[0] ** 2
            - 2 * coupling * momenta[0] * momenta[1]
            + upper * momenta[1] ** 2
        ) / (2 * determinant)
        weight = jnp.asarray(self._weights, x.dtype)
        return kinetic - jnp.sum(weight * jnp.cos(angles))

    @of_state
    def drift(self, t: ScalarLike, x: Float[Array, "4"]) -> Float[Array, "4"]:
        """Hamilton's equations, the gradient by automatic differentiation."""
        gradient = jax.grad(self.energy)(x)
        return jnp.concatenate([gradient[2:], -gradient[:2]])

    @checked
    def initial(self, key: Key) -> Float[Array, "4"]:
        """A draw from the Boltzmann law: angles from a table of 256² cells, Gaussian momenta."""
        cell_key, place_key, momentum_key = jax.random.split(key, 3)
        mass = np.cumsum(np.exp(self._log_weights()).ravel())
        pick = jnp.searchsorted(jnp.asarray(mass / mass[-1]), jax.random.uniform(cell_key))
        pick = jnp.minimum(pick, _CELLS**2 - 1)
        cell = jnp.stack([pick // _CELLS, pick % _CELLS])
        angles = (cell + jax.random.uniform(place_key, (2,))) * (2 * np.pi / _CELLS)
        upper, lower = self._inertia
        coupling = self.m2 * self.l1 * self.l2 * jnp.cos(angles[0] - angles[1])
        # A square root of M: the momentum of the lower rod, and what the upper one has besides.
        first, second = jax.random.normal(momentum_key, (2,)) / math.sqrt(self.beta)
        p2 = math.sqrt(lower) * second
        p1 = coupling / lower * p2 + jnp.sqrt(upper - coupling**2 / lower) * first
        return self.domain.project(jnp.concatenate([angles, jnp.stack([p1, p2])]))

    @of_state
    def log_density(self, x: Float[Array, "4"]) -> Scalar:
        """−beta H − log Z."""
        weights = np.exp(self._log_weights())
        log_z = math.log(weights.mean() * (2 * np.pi) ** 2) + math.log(2 * np.pi / self.beta)
        return -self.beta * self.energy(x) - log_z

    @property
    def _inertia(self) -> tuple[float, float]:
        """Diagonal of M."""
        return (self.m1 + self.m2) * self.l1**2, self.m2 * self.l2**2

    @property
    def _weights(self) -> tuple[float, float]:
        """V = −Σ weight cos θ."""
        return (self.m1 + self.m2) * self.gravity * self.l1, self.m2 * self.gravity * self.l2

    def _log_weights(self) -> np.ndarray:
        """log[e^{−beta V} √det M] at the middles of the cells: the law of the angles."""
        middle = (np.arange(_CELLS) + 0.5) * 2 * np.pi / _CELLS
        upper, lower = self._inertia
        coupling = self.m2 * self.l1 * self.l2 * np.cos(middle[:, None] - middle)
        w1, w2 = self._weights
        potential = -w1 * np.cos(middle)[:, None] - w2 * np.cos(middle)
        return -self.beta * potential + 0.5 * np.log(upper * lower - coupling**2)

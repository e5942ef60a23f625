"""Particles that adapt their velocities to those of all others, the near ones most."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, ScalarLike
from noneq.domains import Free, Product
from noneq.kinds import checked
from noneq.systems.base import AbstractDiffusion
from noneq.systems.one_state import of_state
from noneq.systems.particles import check_numbers, check_particles, sums_over_pairs


class CuckerSmale(AbstractDiffusion):
    """A flock on the plane whose mean velocity never changes.

    **Equation**: dx_i = v_i dt, dv_i = (1/N) Σ_j ψ(|x_j − x_i|)(v_j − v_i) dt + √(2 noise) dW_i,
    ψ(r) = strength/(1 + r²)^exponent.

    Without noise the mean velocity is conserved, the spread of velocities never grows, and for
    exponent ≤ 1/2 every start becomes a flock: all velocities become equal and distances stay
    bounded (for larger exponents if the start is narrow enough). With noise the mean velocity is a
    free diffusion of coefficient noise/N per coordinate. `simulate` takes Euler–Maruyama steps,
    which keep the mean as well; without noise pass ``solver=RungeKutta4()`` for fourth order.

    A state (particles, 4) holds positions and velocities. All pairs are looked at, O(N²).

    Args:
        particles: number N.
        strength: K, the rate at which velocities approach each other at short distances.
        exponent: β ≥ 0.
        noise: diffusion coefficient of the velocities.
        spread: standard deviation of the positions at the start, per coordinate.
        agitation: standard deviation of the velocities at the start, per coordinate.

    Raises:
        InvalidInput: fewer than two particles, a strength, spread or agitation not positive, or
            an exponent or noise below 0.

    Source: Cucker and Smale, IEEE Trans. Autom. Control 52, 852 (2007); with 1/N as in Ha and Liu,
    Commun. Math. Sci. 7, 297 (2009).
    """

    particles: int = 100
    strength: float = 1.0
    exponent: float = 0.4
    noise: float = 0.0
    spread: float = 2.0
    agitation: float = 1.0

    def __check_init__(self) -> None:
        check_particles(self, self.particles)
        check_numbers(self, "strength", "spread", "agitation")
        check_numbers(self, "exponent", "noise", strict=False)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(particles, 4)."""
        return (self.particles, 4)

    @property
    def domain(self) -> Product:
        """Positions and velocities, both free."""
        return Product((Free(), Free()), (2, 2))

    @property
    def time_step(self) -> float:
        """0.02 of the time in which velocities relax or a particle crosses the length 1."""
        return 0.02 / max(self.strength, self.agitation)

    @checked
    def initial(self, key: Key) -> Float[Array, "particles 4"]:
        """Gaussian positions and velocities, independent."""
        scales = jnp.asarray([self.spread, self.spread, self.agitation, self.agitation])
        return scales * jax.random.normal(key, self.event_shape)

    @of_state
    def drift(self, t: ScalarLike, x: Float[Array, "particles 4"]) -> Float[Array, "particles 4"]:
        """Velocities, and how they approach each other."""

        def pull(dx, dy, du, dv, square):
            psi = self.strength * (1 + square) ** -self.exponent
            return psi * du, psi * dv

        force = jnp.stack(sums_over_pairs(pull, x, None), -1) / self.particles
        return jnp.concatenate([x[:, 2:], force], -1)

    def diffusion(
        self, t: ScalarLike, x: Float[Array, "particles 4"]
    ) -> Float[Array, "particles 4"]:
        """√(2 noise) on velocities, none on positions."""
        size = jnp.sqrt(jnp.asarray(2.0 * self.noise, x.dtype))
        return jnp.broadcast_to(jnp.asarray([0.0, 0.0, 1.0, 1.0], x.dtype) * size, x.shape)

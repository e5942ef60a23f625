"""Bird-like objects: keep apart, fly alike, stay together."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, ScalarLike
from noneq.domains import Free, Product, Torus
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.systems.base import AbstractMap
from noneq.systems.one_state import of_state
from noneq.systems.particles import check_numbers, check_particles, sums_over_pairs


_CLOSEST = 1e-6


class Boids(AbstractMap):
    """A flock of three rules with a speed limit, on a periodic square.

    **Equation**: with d_ij = x_j − x_i to the nearest image, r = |d_ij| and means over the
    neighbours j ≠ i within each radius,
    v_i ← v_i − separation Σ_{r < r_s} d_ij/r² + alignment ⟨v_j − v_i⟩_{r < r_a}
    + cohesion ⟨d_ij⟩_{r < r_c} + noise ξ_i; |v_i| is brought into [slowest, fastest]; then
    x_i ← x_i + v_i.

    A state (particles, 4) holds positions and velocities. All pairs are looked at, O(N²).

    Args:
        particles: number N.
        box: side of the square.
        separation, alignment, cohesion: strengths of the rules.
        separation_radius, alignment_radius, cohesion_radius: r_s, r_a, r_c, at most box/2.
        slowest, fastest: limits of the speed; the start has the speed in the middle.
        noise: standard deviation of the kicks, per coordinate and step.

    Raises:
        InvalidInput: fewer than two particles, a side, radius or fastest speed not positive, a
            strength or noise below 0, a radius above box/2, or slowest outside [0, fastest].

    Source: Reynolds, Computer Graphics 21, 25 (1987), which gives the rules in words; the weights
    1/r of separation and the means are the usual reading (Reynolds 1999, steering behaviours).
    """

    particles: int = 200
    box: float = 20.0
    separation: float = 0.02
    alignment: float = 0.1
    cohesion: float = 0.01
    separation_radius: float = 0.8
    alignment_radius: float = 2.0
    cohesion_radius: float = 2.0
    slowest: float = 0.1
    fastest: float = 0.3
    noise: float = 0.01

    def __check_init__(self) -> None:
        radii = ("separation_radius", "alignment_radius", "cohesion_radius")
        check_particles(self, self.particles)
        check_numbers(self, "box", "fastest", *radii)
        check_numbers(self, "separation", "alignment", "cohesion", "noise", strict=False)
        for name in radii:
            if getattr(self, name) > self.box / 2:
                raise InvalidInput(
                    f"Boids: {name} = {getattr(self, name)}; at most box/2 = {self.box / 2:g}, "
                    "since only the nearest image of a neighbour counts."
                )
        if not 0 <= self.slowest <= self.fastest:
            raise InvalidInput(
                f"Boids: slowest = {self.slowest}; expected a speed in [0, fastest = "
                f"{self.fastest}]."
            )

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(particles, 4)."""
        return (self.particles, 4)

    @property
    def domain(self) -> Product:
        """Positions on the torus, velocities free."""
        return Product((Torus(self.box), Free()), (2, 2))

    @checked
    def initial(self, key: Key) -> Float[Array, "particles 4"]:
        """Positions and headings uniform and independent, speeds (slowest + fastest)/2."""
        place_key, heading_key = jax.random.split(key)
        places = self.box * jax.random.uniform(place_key, (self.particles, 2))
        angle = 2 * math.pi * jax.random.uniform(heading_key, (self.particles, 1))
        speed = (self.slowest + self.fastest) / 2
        state = jnp.concatenate([places, speed * jnp.cos(angle), speed * jnp.sin(angle)], -1)
        return self.domain.project(state)

    @of_state
    def step(
        self, t: ScalarLike, x: Float[Array, "particles 4"], *, key: Key
    ) -> Float[Array, "particles 4"]:
        """Steer, limit the speed, move."""

        def rules(dx, dy, du, dv, square):
            # Itself, and whoever sits on top of it, has no direction to steer along.
            other = square > _CLOSEST**2
            within = lambda radius: jnp.where(other & (square < radius**2), 1.0, 0.0)
            apart = within(self.separation_radius) / jnp.maximum(square, _CLOSEST**2)
            alike, together = within(self.alignment_radius), within(self.cohesion_radius)
            return (
                *(-apart * dx, -apart * dy),
                *(alike, alike * du, alike * dv),
                *(together, together * dx, together * dy),
            )

        sums = sums_over_pairs(rules, x, self.box)
        mean = lambda count, *parts: jnp.stack(parts, -1) / jnp.maximum(count, 1.0)[:, None]
        steer = self.separation * jnp.stack(sums[:2], -1)
        steer = steer + self.alignment * mean(*sums[2:5]) + self.cohesion * mean(*sums[5:])
        kick = self.noise * jax.random.normal(key, (self.particles, 2))
        velocity = self._limited(x[:, 2:] + steer + kick)
        state = jnp.concatenate([x[:, :2] + velocity, velocity], -1)
        return self.domain.project(state)

    def _limited(self, velocity: Array) -> Array:
        """The same directions at an admitted speed."""
        speed = jnp.linalg.norm(velocity, axis=-1, keepdims=True)
        limited = jnp.clip(speed, self.slowest, self.fastest)
        return velocity * limited / jnp.maximum(speed, _CLOSEST)

"""The systems of NESTbench25, in units of kT and of their own times.

Written from the definitions of Whitelam et al. 2025, arXiv:2506.15122.
"""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.control.protocols.curve import Curve
from noneq.domains import Free
from noneq.systems.driven import AbstractDriven, HasProtocol
from noneq.systems.protocols import AbstractProtocol, Protocol
from noneq.systems.underdamped import AbstractUnderdamped


_QUALITY = 7.0
"""m omega0/gamma of the cantilever of both tasks with inertia; k = m = kT = 1."""


class Cantilever(AbstractUnderdamped, HasProtocol):
    """A cantilever in a harmonic trap that is moved, as an underdamped particle.

    **Equation**: V = (x − λ(t))²/2, dx = v dt, dv = −(x − λ) dt − v/7 dt + √(2/7) dW.
    """

    protocol: AbstractProtocol = Protocol((0.0, 0.3 * np.pi), (0.0, 5.0))
    mass: float = 1.0
    friction: float = 1 / _QUALITY

    @property
    def temperatures(self) -> tuple[float, ...]:
        """1."""
        return (1.0,)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(2,): x, v."""
        return (2,)

    @property
    def domain(self) -> Free:
        """All positions and velocities."""
        return Free()

    @property
    def time_step(self) -> float:
        """0.01."""
        return 0.01

    def initial(self, key: Key) -> Float[Array, "2"]:
        """Equilibrium before the start."""
        return jax.random.normal(key, (2,)) + jnp.asarray([1.0, 0.0]) * self.protocol.initial

    def potential_at(self, parameter: ScalarLike, t: ScalarLike, x: Float[Array, "1"]) -> Scalar:
        return (x[0] - parameter) ** 2 / 2

    def potential(self, t: ScalarLike, x: Float[Array, "1"]) -> Scalar:
        """V(x, λ(t))."""
        return self.potential_at(self.protocol(t), t, x)

    def nonconservative_force(self, t: ScalarLike, x: Float[Array, "1"]) -> Float[Array, "1"]:
        """Zero."""
        return jnp.zeros_like(x)


class Memory(AbstractUnderdamped, HasProtocol):
    """A bit in two parabolas that meet at c0 and have their minima at ±c1, with inertia.

    **Equation**: V = (x − S c1)²/2 + c0 c1 (S + sign c0), S = sign(x − c0); dv = −∂V dt − v/7 dt + √(2/7) dW.
    """

    protocol: AbstractProtocol
    mass: float = 1.0
    friction: float = 1 / _QUALITY

    @property
    def temperatures(self) -> tuple[float, ...]:
        """1."""
        return (1.0,)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(2,): x, v."""
        return (2,)

    @property
    def domain(self) -> Free:
        """All positions and velocities."""
        return Free()

    @property
    def time_step(self) -> float:
        """0.01."""
        return 0.01

    def initial(self, key: Key) -> Float[Array, "2"]:
        """Equilibrium in wells at ±5, whose common tails are e^{−12.5}."""
        side_key, noise_key = jax.random.split(key)
        side = jnp.where(jax.random.bernoulli(side_key), 5.0, -5.0)
        return jax.random.normal(noise_key, (2,)) + jnp.asarray([1.0, 0.0]) * side

    def potential_at(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, parameter: Float[Array, "2"], t: ScalarLike, x: Float[Array, "1"]
    ) -> Scalar:
        c0, c1 = parameter[0], parameter[1]
        side = jnp.where(x[0] > c0, 1.0, -1.0)
        return (x[0] - side * c1) ** 2 / 2 + c0 * c1 * (side + jnp.sign(c0))

    def potential(self, t: ScalarLike, x: Float[Array, "1"]) -> Scalar:
        """V(x, c(t))."""
        return self.potential_at(self.protocol(t), t, x)

    def nonconservative_force(self, t: ScalarLike, x: Float[Array, "1"]) -> Float[Array, "1"]:
        """Zero."""
        return jnp.zeros_like(x)


class ActiveTrap(AbstractDriven):
    """An active Brownian particle in a trap, stiffness and swimming speed controlled.

    **Equation**: dr = λ(t) (cos θ, sin θ) dt − κ(t) r dt + √2 dW, dθ = √2 dW; V = κ r²/2, of which
    work is done. Started in equilibrium at λ = 0.
    """

    symbols: ClassVar[tuple[str, ...]] = ("x", "y", "theta")

    protocol: AbstractProtocol
    beta: float = 1.0

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(3,): x, y, theta."""
        return (3,)

    @property
    def domain(self) -> Free:
        """The plane; the angle counts turns."""
        return Free()

    @property
    def time_step(self) -> float:
        """0.002."""
        return 0.002

    def initial(self, key: Key) -> Float[Array, "3"]:
        """Passive equilibrium, any direction."""
        turn_key, key = jax.random.split(key)
        place = jax.random.normal(key, (2,)) / jnp.sqrt(self.protocol.initial[0])
        turn = jax.random.uniform(turn_key, (1,), maxval=2 * jnp.pi)
        return jnp.concatenate([place, turn])

    def potential_at(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, parameter: Float[Array, "2"], t: ScalarLike, x: Float[Array, "3"]
    ) -> Scalar:
        return parameter[0] * (x[0] ** 2 + x[1] ** 2) / 2

    def nonconservative_force(self, t: ScalarLike, x: Float[Array, "3"]) -> Float[Array, "3"]:
        """Swimming."""
        speed = self.protocol(t)[1]
        return speed * jnp.stack([jnp.cos(x[2]), jnp.sin(x[2]), jnp.zeros_like(x[2])])


SIDE, SWEEPS = 32, 100
"""Of the lattice, and of the time in which its field is reversed."""


def reversal_entropy(curves: Curve, *, n: int, key: Key) -> Float[Array, "m n"]:
    """Entropy production of n replicas under each of m stacked curves (T, h)(t), t in [0, 1].

    **Equation**: 32² spins that start all down, E = −Σ s_i s_j − h Σ s_i; in each of 100 sweeps, in which T
    and h are held, one sublattice of the chessboard after the other attempts all its flips, with
    Glauber's probability 1/(1 + e^{ΔE/T}). sigma = E_f/T_f − E_0/T_0 − Σ ΔE/T over the flips.

    The chances are common to the curves. With attempts at random sites in place of sweeps slow
    driving costs twice as much, and no protocol gets below about 32² π²/100 = 101.
    """
    values = jnp.moveaxis(eqx.filter_vmap(lambda c: c.held(SWEEPS))(curves), 0, 1)
    m = values.shape[1]
    board = jnp.asarray(np.indices((SIDE, SIDE)).sum(0) % 2 == 0)

    def sweep(carry: tuple[Array, Array], frame: tuple[Array, Array]) -> tuple:
        value, sweep_key = frame
        temperature, field = (value[:, i][:, None, None, None] for i in (0, 1))

        def half(carry: tuple[Array, Array], part: tuple[Array, Array]) -> tuple:
            (spins, heat), (mask, half_key) = carry, part
            around = sum(jnp.roll(spins, shift, axis) for shift in (1, -1) for axis in (2, 3))
            change = 2 * spins * (around + field) / temperature
            chance = jax.random.uniform(half_key, (n, SIDE, SIDE))
            flips = mask & (chance < jax.nn.sigmoid(-change))
            heat = heat + jnp.sum(jnp.where(flips, change, 0.0), axis=(2, 3))
            return (jnp.where(flips, -spins, spins), heat), None

        parts = (jnp.stack([board, ~board]), jax.random.split(sweep_key))
        return jax.lax.scan(half, carry, parts)[0], None

    start = -jnp.ones((m, n, SIDE, SIDE))
    frames = (values, jax.random.split(key, SWEEPS))
    spins, heat = jax.lax.scan(sweep, (start, jnp.zeros((m, n))), frames)[0]

    def reduced(s: Array, temperature: float, field: float) -> Array:
        bonds = jnp.sum(s * (jnp.roll(s, 1, 2) + jnp.roll(s, 1, 3)), axis=(2, 3))
        return -(bonds + field * s.sum((2, 3))) / temperature

    return reduced(spins, *curves.end) - reduced(start, *curves.start) - heat

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

    **Equation**: 32² spins that start all down, E = −Σ s_i s_j − h Σ s_i; 100 × 32² attempts at random sites
    with Glauber's probability 1/(1 + e^{ΔE/T}); T and h are held during each sweep.
    sigma = E_f/T_f − E_0/T_0 − Σ_k ΔE_k/T_k.

    All replicas attempt the same sites, with chances of their own, which are common to the curves.
    """
    count = SIDE * SIDE
    values = eqx.filter_vmap(lambda c: c.held(SWEEPS))(curves)
    m = len(values)
    # One column for each replica of each curve.
    values = jnp.repeat(jnp.moveaxis(values, 0, -1), n, axis=-1)
    site = jnp.arange(count).reshape(SIDE, SIDE)
    near = jnp.stack(
        [jnp.roll(site, shift, axis).reshape(-1) for shift in (1, -1) for axis in (0, 1)], 1
    )
    site_key, chance_key = jax.random.split(key)

    def sweep(carry: tuple[Array, Array], frame: tuple[Array, Array]) -> tuple:
        (temperature, field), index = frame
        sites = jax.random.randint(jax.random.fold_in(site_key, index), (count,), 0, count)
        chances = jax.random.uniform(jax.random.fold_in(chance_key, index), (count, n))

        def attempt(carry: tuple[Array, Array], drawn: tuple[Array, Array]) -> tuple:
            (spins, heat), (i, chance) = carry, drawn
            row = lambda j: jax.lax.dynamic_index_in_dim(spins, j, keepdims=False)
            spin, around = row(i), near[i]
            local = row(around[0]) + row(around[1]) + row(around[2]) + row(around[3]) + field
            change = 2 * spin * local / temperature
            flips = jnp.tile(chance, m) * (1 + jnp.exp(jnp.minimum(change, 60.0))) < 1
            # Apart from the reads above, so that the update is in place.
            after = jax.lax.optimization_barrier(jnp.where(flips, -spin, spin))
            spins = jax.lax.dynamic_update_index_in_dim(spins, after, i, 0)
            return (spins, heat + jnp.where(flips, change, 0.0)), None

        return jax.lax.scan(attempt, carry, (sites, chances))[0], None

    start = -jnp.ones((count, m * n))
    frames = (values, jnp.arange(SWEEPS))
    spins, heat = jax.lax.scan(sweep, (start, jnp.zeros(m * n)), frames)[0]

    def reduced(s: Array, temperature: float, field: float) -> Array:
        bonds = jnp.sum(s * (s[near[:, 0]] + s[near[:, 2]]), axis=0)
        return -(bonds + field * s.sum(0)) / temperature

    found = reduced(spins, *curves.end) - reduced(start, *curves.start) - heat
    return found.reshape(m, n)

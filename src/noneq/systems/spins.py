"""Spins that are up or down, in equilibrium and driven."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Numbers, Scalar, ScalarLike
from noneq.domains import Discrete
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.systems.base import AbstractMap
from noneq.systems.one_state import of_state
from noneq.systems.spin_couplings import AbstractCouplings, Lattice
from noneq.systems.spin_dynamics import AbstractSpinDynamics, AbstractSweep, HeatBath


def _numbers(value: Numbers) -> Any:
    """A number or a tuple of numbers, from any array-like."""
    array = np.asarray(value, float)
    return float(array) if array.ndim == 0 else tuple(array.reshape(-1).tolist())


_ROUNDING = 2.0**-22
"""Probabilities nearer than this are the same."""


class Ising(AbstractMap):
    """The Ising model on a lattice or with any couplings; k_B = 1.

    **Equation**: E(s) = −½ Σ_ij J_ij s_i s_j − h Σ_i s_i, s_i = ±1. At one temperature and with
    J_ij = J_ji the stationary law is e^{−E/T}/Z. A temperature gradient, or couplings that are not
    reciprocal, drive the spins out of equilibrium.

    One unit of time is one attempt to flip per spin (see the dynamics). `simulate` keeps 32 replicas
    in the bits of a word where it can (32 trajectories or more on a reciprocal lattice with even sides,
    one temperature, sweeps): the same law, independent replicas, many times faster.

    Args:
        couplings: `Lattice` (periodic, any dimension) or `CouplingMatrix`.
        field: h.
        temperature: T > 0, or (cold, hot): T rises linearly along the first axis (along the list of
            spins for a matrix) from one to the other; where a periodic axis closes, hot meets cold.
        dynamics: `HeatBath`, `Metropolis` or `Glauber`.
        start: mean of the spins at the first time, which are independent: 0 is infinite
            temperature, 1 all up. A lattice quenched from 0 to below its critical temperature can
            stay in stripes for long.

    Raises:
        InvalidInput: a temperature that is not positive, a field that is not finite, or a start
            outside [−1, 1].

    Source: Ising, Z. Phys. 31, 253 (1925); Onsager, Phys. Rev. 65, 117 (1944), see `ising_exact`.
    """

    couplings: AbstractCouplings = Lattice()
    field: float = 0.0
    temperature: float | tuple[float, float] = eqx.field(default=2.5, converter=_numbers)
    dynamics: AbstractSpinDynamics = HeatBath()
    start: float = 0.0

    def __check_init__(self) -> None:
        ends = np.asarray(self.temperature)
        if ends.shape not in {(), (2,)} or not (np.isfinite(ends).all() and (ends > 0).all()):
            raise InvalidInput(
                f"Ising: temperature = {self.temperature}; expected a positive number, or (cold, "
                "hot), both positive."
            )
        if not math.isfinite(self.field):
            raise InvalidInput(f"Ising: field = {self.field}; it must be finite.")
        if not -1 <= self.start <= 1:
            raise InvalidInput(f"Ising: start = {self.start}; expected a mean spin in [-1, 1].")

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(1, *shape) on a lattice, (n,) for a matrix."""
        return self.couplings.event_shape

    @property
    def domain(self) -> Discrete:
        """−1 and 1."""
        return Discrete((-1.0, 1.0))

    @property
    def spins(self) -> int:
        """Number of spins."""
        return math.prod(self.event_shape)

    @checked
    def initial(self, key: Key) -> Float[Array, "*event"]:
        """Independent spins of mean ``start``."""
        up = jax.random.bernoulli(key, (1 + self.start) / 2, self.event_shape)
        return jnp.where(up, 1.0, -1.0)

    @of_state
    def step(self, t: ScalarLike, x: Float[Array, "*event"], *, key: Key) -> Float[Array, "*event"]:
        """One attempt per spin."""
        return self.dynamics.advance(
            self.couplings, self.field, self.inverse_temperature(), x, key=key
        )

    def inverse_temperature(self) -> float | np.ndarray:
        """1/T: a number, or one for every spin, of the shape of a state."""
        if not isinstance(self.temperature, tuple):
            return 1.0 / self.temperature
        shape = self.event_shape
        sides = shape if len(shape) == 1 else shape[1:]
        along = np.linspace(*self.temperature, sides[0]).reshape(-1, *(1,) * (len(sides) - 1))
        return np.broadcast_to(1.0 / along, shape).astype(float)

    def counted_chances(self) -> tuple[tuple[float, ...], ...] | None:
        """Probability that an attempt leaves a spin up, by spin (down, up) and number of neighbours up.

        None where more than this number matters: a lattice that is not reciprocal or has an odd
        side, a matrix, a temperature gradient, or attempts that are not made in sweeps.
        """
        lattice = self.couplings
        if not isinstance(lattice, Lattice) or not isinstance(self.dynamics, AbstractSweep):
            return None
        odd = any(side % 2 for side in lattice.shape)
        if odd or lattice.nonreciprocal or isinstance(self.temperature, tuple):
            return None
        most = 2 * len(lattice.shape)
        local = lattice.strength * (2.0 * np.arange(most + 1) - most)
        drive = jnp.asarray((local + self.field) / self.temperature)
        flips = [self.dynamics.flip(jnp.full_like(drive, spin), drive) for spin in (-1, 1)]
        down, up = np.asarray(flips[0], float), 1 - np.asarray(flips[1], float)
        up = np.where(np.abs(up - down) < _ROUNDING, down, up)
        return tuple(down.tolist()), tuple(up.tolist())

    @of_state
    def energy(self, x: Float[Array, "*event"]) -> Scalar:
        """E(s) of one state, in all; of J_ij only the reciprocal part enters."""
        return -jnp.sum(x * (self.couplings.local(x) / 2 + self.field))

    @of_state
    def magnetisation(self, x: Float[Array, "*event"]) -> Scalar:
        """Mean spin of one state."""
        return jnp.mean(x)

"""How spins change: heat bath, Metropolis, Glauber."""

from abc import abstractmethod

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key
from noneq.kinds import AbstractChecked
from noneq.systems.spin_couplings import AbstractCouplings
from noneq.systems.spin_updates import Chance, flip_at_random


class AbstractSpinDynamics(AbstractChecked):
    """A rule for one unit of time."""

    @abstractmethod
    def flip(self, spin: Float[Array, "*any"], drive: Float[Array, "*any"]) -> Float[Array, "*any"]:
        """Probability that an attempt flips a spin whose local field over temperature is drive."""

    @abstractmethod
    def advance(
        self,
        couplings: AbstractCouplings,
        field: float,
        beta: float | np.ndarray,
        x: Float[Array, "*event"],
        *,
        key: Key,
    ) -> Float[Array, "*event"]:
        """The state one unit of time later."""


class AbstractSweep(AbstractSpinDynamics):
    """One unit of time is one attempt of every spin, in a fixed order of classes.

    The spins of a class are not coupled and change together: two chessboard sublattices on a
    lattice with even sides, otherwise the colours of a greedy colouring. Every class leaves the
    Boltzmann law as it is, hence a sweep does; but its fixed order is not reversible, even in
    equilibrium. For entropy production take the chain of single flips, `flip_matrix`.
    """

    def advance(
        self,
        couplings: AbstractCouplings,
        field: float,
        beta: float | np.ndarray,
        x: Float[Array, "*event"],
        *,
        key: Key,
    ) -> Float[Array, "*event"]:
        """One sweep."""
        return couplings.sweep(x, _chance(self, field), beta, key=key)


class HeatBath(AbstractSweep):
    """Sweeps that draw every spin from its law given all others.

    **Equation**: P(flip) = 1/(1 + e^{2 s b}), b = (Σ_j J_ij s_j + h)/T_i, whatever the spin s was.

    Source: Creutz, Phys. Rev. D 21, 2308 (1980). The probability of a single attempt is Glauber's;
    the order of the attempts is not. Probabilities are resolved to 2⁻²³.
    """

    def flip(self, spin: Float[Array, "*any"], drive: Float[Array, "*any"]) -> Float[Array, "*any"]:
        """1/(1 + e^{2 s b})."""
        return jax.nn.sigmoid(-2 * spin * drive)


class Metropolis(AbstractSweep):
    """Sweeps that accept a flip of energy change ΔE with probability min(1, e^{−ΔE/T}).

    **Equation**: P(flip) = min(1, e^{−2 s b}), b = (Σ_j J_ij s_j + h)/T_i.

    Flips that cost nothing are certain. Where nothing ever costs energy (J = h = 0, infinite
    temperature) the sweep only turns the state round and visits no others: take `HeatBath`.

    Source: Metropolis et al., J. Chem. Phys. 21, 1087 (1953). Probabilities are resolved to 2⁻²³.
    """

    def flip(self, spin: Float[Array, "*any"], drive: Float[Array, "*any"]) -> Float[Array, "*any"]:
        """min(1, e^{−2 s b})."""
        return jnp.exp(jnp.minimum(-2 * spin * drive, 0.0))


class Glauber(AbstractSpinDynamics):
    """Glauber's master equation in continuous time, observed at whole times.

    **Equation**: spin i flips at rate 1/(1 + e^{2 s b}) = (1 − s tanh b)/2,
    b = (Σ_j J_ij s_j + h)/T_i.

    One unit of time is a Poisson number of attempts, on average one per spin, each at a random spin
    and one after the other: exact at whole times, and slower than the sweeps. Reversible in
    equilibrium.

    Source: Glauber, J. Math. Phys. 4, 294 (1963), with his rate alpha = 1. Probabilities are
    resolved to 2⁻²³.
    """

    def flip(self, spin: Float[Array, "*any"], drive: Float[Array, "*any"]) -> Float[Array, "*any"]:
        """1/(1 + e^{2 s b})."""
        return jax.nn.sigmoid(-2 * spin * drive)

    def advance(
        self,
        couplings: AbstractCouplings,
        field: float,
        beta: float | np.ndarray,
        x: Float[Array, "*event"],
        *,
        key: Key,
    ) -> Float[Array, "*event"]:
        """All flips of one unit of time."""
        return flip_at_random(x, couplings.table(), _chance(self, field), beta, key=key)


def _chance(dynamics: AbstractSpinDynamics, field: float) -> Chance:
    return lambda spin, local, beta: dynamics.flip(spin, (local + field) * beta)

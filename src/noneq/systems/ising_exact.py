"""What is known exactly of Ising models: few spins by enumeration, two dimensions by Onsager."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.systems.spin_dynamics import AbstractSweep
from noneq.systems.spins import Ising


_MOST_SPINS = 20
_MOST_CHAIN = 12


class Enumeration(eqx.Module):
    """The Boltzmann law of a few spins, state by state, in float64.

    State number Σ_k 2^k (1 + s_k)/2, spins counted row by row: 0 is all down.

    Attributes:
        probabilities: (2^n,) of the states.
        log_partition: ln Z = ln Σ e^{−E/T}.
        energy: ⟨E⟩, in all.
        heat_capacity: (⟨E²⟩ − ⟨E⟩²)/T², in all.
        magnetisation, absolute_magnetisation: ⟨m⟩ and ⟨|m|⟩ of the mean spin m.
    """

    probabilities: np.ndarray
    log_partition: float
    energy: float
    heat_capacity: float
    magnetisation: float
    absolute_magnetisation: float


@checked
def enumeration(ising: Ising) -> Enumeration:
    """The Boltzmann law of at most 20 spins by summing over all states.

    Raises:
        InvalidInput: more than 20 spins, or a model without Boltzmann law (two temperatures, or
            couplings that are not reciprocal).
    """
    _few(ising, _MOST_SPINS, "enumeration")
    if isinstance(ising.temperature, tuple) and len(set(ising.temperature)) == 2:
        raise InvalidInput(
            "enumeration: spins at two temperatures have no Boltzmann law; take the stationary law "
            "of flip_matrix or step_matrix (at most 12 spins)."
        )
    matrix = ising.couplings.matrix()
    if not np.array_equal(matrix, matrix.T):
        raise InvalidInput(
            "enumeration: couplings that are not reciprocal have no Boltzmann law; take the "
            "stationary law of flip_matrix or step_matrix (at most 12 spins)."
        )
    count = 2**ising.spins
    energy, mean = np.zeros(count), np.zeros(count)
    for i in range(ising.spins):
        spin = _spin(count, i)
        mean += spin / ising.spins
        energy -= ising.field * spin
        for j in np.flatnonzero(matrix[i, :i]):
            energy -= matrix[i, j] * (spin * _spin(count, int(j)))
    temperature = float(np.max(ising.temperature))
    lowest = energy.min()
    weight = np.exp((lowest - energy) / temperature)
    p = weight / weight.sum()
    average = float(p @ energy)
    return Enumeration(
        probabilities=p,
        log_partition=float(np.log(weight.sum()) - lowest / temperature),
        energy=average,
        heat_capacity=float(p @ (energy - average) ** 2) / temperature**2,
        magnetisation=float(p @ mean),
        absolute_magnetisation=float(p @ np.abs(mean)),
    )


@checked
def flip_matrix(ising: Ising) -> Float[np.ndarray, "states states"]:
    """Transition matrix of one attempt at one spin chosen at random, for at most 12 spins.

    **Equation**: T_{s s'} = P(flip of i)/n where s' is s with spin i flipped; T_{s s} is the rest.
    Rows sum to one. n(T − 1) is the rate matrix per unit of time, the generator of `Glauber`.
    In equilibrium T is in detailed balance with e^{−E/T}/Z for every dynamics. States are numbered
    as in `Enumeration`.

    Raises:
        InvalidInput: more than 12 spins.
    """
    _few(ising, _MOST_CHAIN, "flip_matrix")
    flips = _flip_probabilities(ising)
    count, n = flips.shape
    matrix = np.zeros((count, count))
    state = np.arange(count)
    for i in range(n):
        matrix[state, state ^ (1 << i)] = flips[:, i] / n
    matrix[state, state] = 1 - flips.sum(axis=1) / n
    return matrix


@checked
def step_matrix(ising: Ising) -> Float[np.ndarray, "states states"]:
    """Transition matrix of one unit of time (one call of ``step``), for at most 12 spins.

    **Equation**: ∏_i K_i over the spins in their order for sweeps, K_i an attempt at spin i;
    exp[n(T − 1)], T = `flip_matrix`, for `Glauber`. Rows sum to one; states are numbered as in
    `Enumeration`.

    Raises:
        InvalidInput: more than 12 spins.
    """
    _few(ising, _MOST_CHAIN, "step_matrix")
    if not isinstance(ising.dynamics, AbstractSweep):
        from scipy.linalg import expm

        return expm(ising.spins * (flip_matrix(ising) - np.eye(2**ising.spins)))
    flips = _flip_probabilities(ising)
    state = np.arange(len(flips))
    matrix = np.eye(len(flips))
    for i in (spin for colour in ising.couplings.colours() for spin in colour):
        other = state ^ (1 << i)
        matrix = matrix * (1 - flips[:, i]) + matrix[:, other] * flips[other, i]
    return matrix


@checked
def onsager_energy(temperature: float, strength: float = 1.0) -> float:
    """Energy per spin of the infinite square lattice without field.

    **Equation**: u = −J coth 2K [1 + (2/π)(2 tanh² 2K − 1) K₁(κ)], κ = 2 sinh 2K/cosh² 2K,
    K = J/T, K₁ the complete elliptic integral of the first kind. Antiferromagnets (J < 0) have the
    same energy.

    Raises:
        InvalidInput: a temperature that is not positive, or no coupling.

    Source: Onsager, Phys. Rev. 65, 117 (1944).
    """
    from scipy.special import ellipkm1

    K = _reduced(temperature, strength)
    # q = 2 tanh² 2K − 1, and 1 − κ² = q² without cancellation; at T_c, q K₁ → 0.
    q = 1 - 2 / math.cosh(2 * K) ** 2
    elliptic = float(ellipkm1(q**2)) if q else 0.0
    return -abs(strength) / math.tanh(2 * K) * (1 + 2 / math.pi * q * elliptic)


@checked
def onsager_magnetisation(temperature: float, strength: float = 1.0) -> float:
    """Spontaneous magnetisation of the infinite square lattice.

    **Equation**: m = (1 − sinh^{−4} 2K)^{1/8} below T_c = 2J/ln(1 + √2), 0 above; K = J/T.

    Raises:
        InvalidInput: a temperature that is not positive, or a coupling that is not.

    Source: Yang, Phys. Rev. 85, 808 (1952).
    """
    K = _reduced(temperature, strength)
    if strength < 0:
        raise InvalidInput(
            f"onsager_magnetisation: strength = {strength}; antiferromagnets have none, give J > 0."
        )
    return max(0.0, 1 - math.sinh(2 * K) ** -4) ** 0.125


@checked
def torus_energy(shape: tuple[int, int], temperature: float, strength: float = 1.0) -> float:
    """Energy per spin of a finite periodic square lattice without field.

    **Equation**: Z = ½ (2 sinh 2K)^{nm/2} [∏ 2cosh(mγ_{2r+1}/2) + ∏ 2sinh(mγ_{2r+1}/2)
    + ∏ 2cosh(mγ_{2r}/2) + ∏ 2sinh(mγ_{2r}/2)], r = 0 … n − 1,
    cosh γ_l = cosh 2K coth 2K − cos(πl/n), γ_0 = 2K + ln tanh K; u = −(J/nm) ∂ ln Z/∂K, K = J/T.

    A side of 2 has double bonds, as in `Lattice`.

    Raises:
        InvalidInput: sides below 2, a temperature that is not positive, no coupling, or J < 0 with
            an odd side.

    Source: Kaufman, Phys. Rev. 76, 1232 (1949).
    """
    K = _reduced(temperature, strength)
    if len(shape) != 2 or min(shape) < 2:
        raise InvalidInput(f"torus_energy: shape = {shape}; expected two sides of 2 or more.")
    if strength < 0 and (shape[0] % 2 or shape[1] % 2):
        raise InvalidInput(
            f"torus_energy: strength = {strength} on {shape}; an antiferromagnet with an odd side "
            "is frustrated and not covered. Enumerate it (at most 20 spins)."
        )
    n, m = shape
    ratio = math.cosh(2 * K) / math.sinh(2 * K)
    level = np.arange(2 * n)
    gamma = np.arccosh(np.maximum(1.0, math.cosh(2 * K) * ratio - np.cos(np.pi * level / n)))
    gamma[0] = 2 * K + math.log(math.tanh(K))
    slope = np.zeros(2 * n)
    slope[1:] = 2 * math.cosh(2 * K) * (1 - math.sinh(2 * K) ** -2) / np.sinh(gamma[1:])
    slope[0] = 2 + 2 / math.sinh(2 * K)
    terms = [
        _product(gamma[part::2], slope[part::2], m, sign) for part in (1, 0) for sign in (1, -1)
    ]
    top = max(log for log, _, _ in terms)
    total = sum(math.exp(log - top) * value for log, value, _ in terms)
    change = sum(math.exp(log - top) * value for log, _, value in terms)
    return -abs(strength) * (ratio + change / total / (n * m))


def _product(gamma: np.ndarray, slope: np.ndarray, m: int, sign: int) -> tuple[float, float, float]:
    """ln, factor and factor of the derivative of ∏ (e^a + sign e^{−a}), a = mγ/2."""
    half, slope = m * gamma / 2, m * slope / 2
    # The first factor may vanish or be negative: it stays outside the logarithm.
    log = abs(half[0]) + np.sum(half[1:] + np.log1p(sign * np.exp(-2 * half[1:])))
    rest = np.tanh(half[1:]) ** sign @ slope[1:]
    plus, minus = np.exp(half[0] - abs(half[0])), np.exp(-half[0] - abs(half[0]))
    value = plus + sign * minus
    return float(log), float(value), float(value * rest + slope[0] * (plus - sign * minus))


def _reduced(temperature: float, strength: float) -> float:
    """|J|/T, checked; cut where the ground state is all there is in float64."""
    if not (math.isfinite(temperature) and temperature > 0):
        raise InvalidInput(f"temperature = {temperature}; expected a positive number.")
    if not (math.isfinite(strength) and strength != 0):
        raise InvalidInput(f"strength = {strength}; expected a coupling other than 0.")
    return min(abs(strength) / temperature, 50.0)


def _few(ising: Ising, most: int, what: str) -> None:
    if ising.spins > most:
        raise InvalidInput(
            f"{what}: {ising.spins} spins; at most {most} can be enumerated, simulate more."
        )


def _spin(count: int, i: int) -> np.ndarray:
    """Spin i of every state, as float64."""
    return 2.0 * ((np.arange(count) >> i) & 1) - 1


def _flip_probabilities(ising: Ising) -> np.ndarray:
    """(2^n, n): an attempt at spin i in each state flips it."""
    count, n = 2**ising.spins, ising.spins
    spins = np.stack([_spin(count, i) for i in range(n)], axis=1)
    beta = np.broadcast_to(ising.inverse_temperature(), ising.event_shape).reshape(-1)
    drive = (spins @ ising.couplings.matrix().T + ising.field) * beta
    with jax.enable_x64(True):
        return np.asarray(ising.dynamics.flip(jnp.asarray(spins), jnp.asarray(drive)))

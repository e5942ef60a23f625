"""Steady states, currents and dissipation of Markov chains, to the last digits of float64."""

from typing import Any

import numpy as np
from jaxtyping import Complex, Float

from noneq.errors import InvalidInput
from noneq.needs import observable
from noneq.thermo.chain_input import CheckedChain, checked
from noneq.traits import HasChain


_MOST_DOUBLINGS = 60
_BISECTIONS = 40


@observable("model", traits=(HasChain,), number=False)
def stationary(chain: Any) -> Float[np.ndarray, " states"]:
    """The steady state: pi T = pi, or pi W = 0 for rates.

    Computed without subtractions, so each entry has its own full relative precision.

    Args:
        chain: transition matrix T[i, j] = P(j | i), rate matrix, or a model with `HasChain`.

    Raises:
        InvalidInput: no chain (shape, NaN, negative entries, row sums), or a reducible one, whose
            closed classes are named.

    Source: Grassmann, Taksar and Heyman 1985.
    """
    a = checked(chain).moves
    n = len(a)
    for k in range(n - 1, 0, -1):
        a[:k, k] /= a[k, :k].sum()
        a[:k, :k] += np.outer(a[:k, k], a[k, :k])
    law = np.ones(n)
    for k in range(1, n):
        law[k] = law[:k] @ a[:k, k]
        law[: k + 1] /= law[: k + 1].sum()
    return law


def fluxes(chain: Any) -> Float[np.ndarray, "states states"]:
    """Traffic F[i, j] = pi_i T_ij of the steady state, per step or unit time; diagonal 0.

    Raises:
        InvalidInput: as `stationary`.
    """
    given = checked(chain)
    return stationary(given)[:, None] * given.moves


def chain_currents(chain: Any) -> Float[np.ndarray, "states states"]:
    """Net currents J[i, j] = pi_i T_ij − pi_j T_ji, per step or unit time; antisymmetric.

    Raises:
        InvalidInput: as `stationary`.
    """
    flux = fluxes(chain)
    return flux - flux.T


def chain_entropy_production(chain: Any) -> float:
    """Entropy production in the steady state, nats per step (rates: per unit time), k_B = 1.

    **Equation**: ½ Σ_ij (pi_i T_ij − pi_j T_ji) ln[pi_i T_ij/(pi_j T_ji)]; 0 if and only if
    detailed balance holds, **inf** where a transition occurs whose reverse never does.

    Raises:
        InvalidInput: as `stationary`.

    Source: Schnakenberg 1976, equation 7.6.
    """
    given = checked(chain)
    moves = given.moves
    if ((moves > 0) != (moves.T > 0)).any():
        return float("inf")
    law = stationary(given)
    flux = law[:, None] * moves
    i, j = np.nonzero(np.triu(moves))
    force = log_ratio(given, i, j) + np.log(law[i] / law[j])
    return float(np.sum((flux[i, j] - flux[j, i]) * force))


def log_ratio(chain: CheckedChain, i: np.ndarray, j: np.ndarray) -> Float[np.ndarray, " pairs"]:
    """ln(T_ij/T_ji) of pairs of states; ±inf where one is zero, NaN where both are."""
    there, back = chain.matrix[i, j], chain.matrix[j, i]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(there) - np.log(back)


@observable("model", traits=(HasChain,))
def self_transition(chain: Any) -> float:
    """Probability that a step stays where it is, Σ_i pi_i T_ii.

    Raises:
        InvalidInput: as `stationary`, or a rate matrix, which has no steps.
    """
    given = checked(chain)
    if given.rates:
        raise InvalidInput(
            "self_transition: a rate matrix has no steps; give the transition matrix of a time "
            "step, scipy.linalg.expm(W * dt)."
        )
    return float(stationary(given) @ np.diag(given.matrix))


@observable("model", traits=(HasChain,), number=False)
def relaxation_spectrum(chain: Any) -> Complex[np.ndarray, " states"]:
    """Eigenvalues of the chain, slowest decay first.

    Of a transition matrix: λ_1 = 1, then by falling |λ|; a mode decays as λ^n. Of rates: λ_1 = 0,
    then by rising −Re λ; a mode decays as e^{λ t}. Complex pairs are damped oscillations, of period
    2π/|arg λ| steps (rates: 2π/|Im λ|); with detailed balance all are real.

    Raises:
        InvalidInput: as `stationary`.
    """
    given = checked(chain)
    values = np.linalg.eigvals(given.matrix).astype(np.complex128)
    decay = -values.real if given.rates else -np.abs(values)
    # The first is known; of a periodic chain others share its modulus.
    lead = int(np.argmin(np.abs(values - (0.0 if given.rates else 1.0))))
    values[lead], decay[lead] = (0.0 if given.rates else 1.0), -np.inf
    size = max(1.0, float(np.abs(values).max()))
    order = np.lexsort((-values.imag, -values.real.round(9), (decay / size).round(9)))
    return values[order]


@observable("model", traits=(HasChain,))
def mixing_time(chain: Any, *, distance: float = 0.25) -> float:
    """Steps (rates: time) until every start is nearly forgotten.

    **Equation**: min {t : max_i ½ Σ_j |P_t(i, j) − pi_j| ≤ distance}, P_t = T^t or e^{W t}; a whole
    number for steps, and **inf** for a periodic chain, which never forgets its phase.

    Args:
        chain: as `stationary`.
        distance: total variation, between 0 and 1.

    Raises:
        InvalidInput: as `stationary`, or another distance.

    Source: Levin, Peres and Wilmer 2009, section 4.5.
    """
    if not 0 < distance < 1:
        raise InvalidInput(f"mixing_time: distance = {distance}; expected 0 < distance < 1.")
    given = checked(chain)
    law = stationary(given)
    far = lambda power: float(np.abs(power - law).sum(1).max()) / 2 > distance
    if not far(np.eye(len(law))):
        return 0.0
    if given.rates:
        return _mixing_of_rates(given.matrix, far)
    powers = [given.matrix]
    while far(powers[-1]):
        if len(powers) > _MOST_DOUBLINGS:
            return float("inf")
        square = powers[-1] @ powers[-1]
        powers.append(square / square.sum(1, keepdims=True))
    # The largest t that is still far, bit by bit.
    done, steps = np.eye(len(law)), 0
    for k in range(len(powers) - 2, -1, -1):
        further = done @ powers[k]
        if far(further):
            done, steps = further, steps + 2**k
    return float(steps + 1)


def _mixing_of_rates(rates: np.ndarray, far: Any) -> float:
    from scipy.linalg import expm

    low, high = 0.0, 1 / float(np.abs(np.diag(rates)).max())
    for _ in range(_MOST_DOUBLINGS):
        if not far(expm(rates * high)):
            break
        low, high = high, 2 * high
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if far(expm(rates * middle)) else (low, middle)
    return high

"""Known entropy production of jump processes and chains (nats, k_B = 1), and what samples of them show."""

import numpy as np
from jaxtyping import Float

from noneq._typing import Numbers
from noneq.errors import InvalidInput
from noneq.estimate import Estimate, sample_mean
from noneq.systems.exclusion import ASEP
from noneq.systems.markov_jumps import FlashingRatchet
from noneq.systems.schlogl import Schlogl
from noneq.thermo.chains import chain_entropy_production, stationary


__all__ = [
    "asep",
    "flashing_ratchet",
    "hidden_ratchet",
    "hidden_window",
    "hill_cycle",
    "sampled_chain",
    "schlogl",
    "schnakenberg",
    "visible_transitions",
]


def schnakenberg(rates: Numbers) -> float:
    """Any rate matrix, see `noneq.thermo.entropy_production`; rates 3 and 1 on a ring: 2.197225."""
    return chain_entropy_production(np.asarray(rates, float))


def hill_cycle(forward: Numbers, backward: Numbers) -> float:
    """A single cycle of states with rates forward_i from i to i + 1 and backward_i from i + 1 to i.

    **Equation**: J ln(Π w⁺/Π w⁻), J = (Π w⁺ − Π w⁻)/Σ, Σ the weights of all spanning trees directed
    to any of the states, which are principal minors of −W.

    Raises:
        InvalidInput: fewer than three rates, or rates that are not positive.

    Source: Hill 1977.
    """
    up, down = np.asarray(forward, float), np.asarray(backward, float)
    if up.shape != down.shape or up.ndim != 1 or len(up) < 3 or not min(up.min(), down.min()) > 0:
        raise InvalidInput(
            f"hill_cycle: forward has the shape {up.shape}, backward {down.shape}; expected as many "
            "positive rates, at least three."
        )
    size = len(up)
    W = np.zeros((size, size))
    for i in range(size):
        W[i, (i + 1) % size] += up[i]
        W[(i + 1) % size, i] += down[i]
    minus = np.diag(W.sum(1)) - W
    trees = sum(np.linalg.det(np.delete(np.delete(minus, i, 0), i, 1)) for i in range(size))
    current = (np.prod(up) - np.prod(down)) / trees
    return float(current * np.sum(np.log(up / down)))


def asep(sites: int, particles: int, p: float, q: float) -> float:
    """Exclusion process on a ring, see `noneq.systems.ASEP`: L J ln(p/q)."""
    return ASEP(sites, particles, p, q).entropy_production_rate()


def schlogl(a: float, b: float, volume: float = 25.0) -> float:
    """Schlögl's model, see `noneq.systems.Schlogl`: J ln[k1 a k4/(k2 k3 b)]."""
    return Schlogl(a, b, volume).entropy_production_rate()


def flashing_ratchet(height: float, switch: float = 1.0) -> float:
    """The discrete flashing ratchet, see `noneq.systems.FlashingRatchet`: nats per jump."""
    return chain_entropy_production(FlashingRatchet(height=height, switch=switch).jump_matrix())


def sampled_chain(rates: Numbers, dt: float) -> float:
    """A chain in continuous time seen at interval dt: what `plug_in_rate` converges to.

    **Equation**: (1/dt) Σ_ij p_i T_ij ln[p_i T_ij/(p_j T_ji)], T = e^{W dt}.

    Raises:
        InvalidInput: an interval that is not positive, or no irreducible rate matrix.
    """
    if not 0 < dt < float("inf"):
        raise InvalidInput(f"sampled_chain: dt = {dt}; expected a positive interval.")
    from scipy.linalg import expm

    return chain_entropy_production(expm(np.asarray(rates, float) * dt)) / dt


def visible_transitions(
    rates: Numbers, pairs: tuple[tuple[int, int], ...], points: int = 4000
) -> float:
    """What waiting times between some visible transitions of a chain show, see `waiting_time_bound`.

    **Equation**: Σ_IJ ν_I ∫_0^∞ ψ_IJ(t) ln[ψ_IJ(t)/ψ_J̄Ī(t)] dt, ν_I = p_i W_ij the frequency of
    I = (i → j), ψ_IJ(t) = [e^{S t}]_{jk} W_kl for J = (k → l), S the rates without the visible ones.

    Args:
        rates: W, ``(H, H)``.
        pairs: visible transitions (i, j); each with its reverse.
        points: of the integral over ln t.

    Raises:
        InvalidInput: a transition whose reverse is not visible.

    Source: van der Meer, Ertel and Seifert, PRX 12, 031025 (2022); Harunari et al., PRX 12, 041026.
    """
    W = np.asarray(rates, float)
    W = W - np.diag(np.diag(W))
    order = {pair: r for r, pair in enumerate(pairs)}
    if any((j, i) not in order for i, j in pairs):
        raise InvalidInput(f"visible_transitions: {pairs}; expected each with its reverse.")
    source, target = np.asarray(pairs).T
    back = np.asarray([order[j, i] for i, j in pairs])
    hidden = W - np.diag(W.sum(1))
    hidden[source, target] = 0.0
    values, vectors = np.linalg.eig(hidden)
    inverse = np.linalg.inv(vectors)
    slowest = float(np.abs(values).min())
    t = np.geomspace(1e-7 / W.max(), 60 / slowest, points)
    decay = np.exp(values[:, None] * t)
    weights = W[source, target]
    # psi[I, J, t]
    psi = np.einsum("am,mt,mb->abt", vectors[target], decay, inverse[:, source]).real
    psi = np.maximum(psi * weights[None, :, None], 0.0)
    mirror = psi[back][:, back].transpose(1, 0, 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.where((psi > 0) & (mirror > 0), psi * np.log(psi / mirror), 0.0)
    flux = stationary(W - np.diag(W.sum(1)))[source] * weights
    return float(np.einsum("a,abt->t", flux, np.trapezoid(parts * t, np.log(t))[..., None])[0])


def hidden_window(
    chain: Numbers, labels: Numbers, window: int, *, n: int = 50_000, seed: int = 0
) -> Estimate:
    """Irreversibility of windows of a chain whose states are seen through labels alone.

    **Equation**: KL(P(y_1 … y_w) ‖ P(y_w … y_1))/(w − 1), both probabilities by filtering over the
    states behind the labels, averaged over n stationary windows. It rises with the window to the
    entropy production of the hidden process, which never exceeds that of the chain.

    Args:
        chain: transition matrix T[i, j] = P(j | i).
        labels: ``(H,)`` whole numbers, what is seen of each state.
        window: w, states in a window.
        n: independent windows.
        seed: of the Monte Carlo.

    Returns:
        Nats per transition, with the Monte-Carlo error.

    Raises:
        InvalidInput: labels that do not fit, a window below 2, or no chain.
    """
    T, seen = np.asarray(chain, float), np.asarray(labels, int)
    law = stationary(T)
    if seen.shape != law.shape or window < 2 or n < 2:
        raise InvalidInput(
            f"hidden_window: {seen.shape} labels for {len(law)} states, window = {window}; expected "
            "a label for each state and a window of at least 2."
        )
    rng = np.random.default_rng(seed)
    edges = T.cumsum(1)
    edges[:, -1] = 1.0
    x = rng.choice(len(law), n, p=law)
    y = np.empty((window, n), int)
    for k in range(window):
        y[k] = seen[x]
        x = (rng.random((n, 1)) >= edges[x]).sum(1)
    differences = _log_likelihood(T, law, seen, y) - _log_likelihood(T, law, seen, y[::-1])
    return sample_mean(differences / (window - 1), method="hidden_window")


def hidden_ratchet(height: float, window: int, *, n: int = 50_000, seed: int = 0) -> Estimate:
    """Windows of the flashing ratchet whose switch is not seen, by `hidden_window`.

    Per transition: .01002 (window 8) and .02883 (32) at height 1.5, .1544 (32) at height 3.
    """
    ratchet = FlashingRatchet(height=height)
    return hidden_window(ratchet.jump_matrix(), np.arange(6) % 3, window, n=n, seed=seed)


def _log_likelihood(
    T: np.ndarray, law: np.ndarray, labels: np.ndarray, y: np.ndarray
) -> Float[np.ndarray, " n"]:
    """ln P of each column of labels, by filtering."""
    shows = (labels[None, :] == np.unique(labels)[:, None]).astype(float)
    number = np.searchsorted(np.unique(labels), y)
    weight = law * shows[number[0]]
    total = np.zeros(y.shape[1])
    for k in range(len(y)):
        if k:
            weight = (weight @ T) * shows[number[k]]
        size = weight.sum(1)
        total += np.log(size)
        weight = weight / size[:, None]
    return total

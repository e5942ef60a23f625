"""Free energies of many states from samples of all of them."""

import warnings
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from noneq._typing import Numbers
from noneq.data.checks import host_array
from noneq.errors import InvalidInput, MissingTrait
from noneq.estimate import Estimate
from noneq.needs import observable
from noneq.systems.base import AbstractSystem
from noneq.systems.driven import HasProtocol
from noneq.thermo.free_energies.relations import Works, acceptance_ratio, exponential


_ROUNDS = 100
_LITTLE = 0.03
_HIGHEST = 1e6
"""Rise of energy, over kT, for which an infinite one counts."""

Energies = Float[np.ndarray, "K N"]


@observable("values")
def mbar(
    energies: Numbers,
    counts: Numbers,
    *,
    beta: float = 1.0,
    unit: str = "",
    bootstraps: int = 100,
    seed: int = 0,
) -> Estimate:
    """Free energies of K states relative to the first, from equilibrium samples of several of them.

    **Equation**: f_i = −ln Σ_n e^{−u_i(x_n)}/Σ_k N_k e^{f_k − u_k(x_n)}, u = βV, solved for all i:
    the likeliest values, and Bennett's for two states.

    Args:
        energies: ``(K, N)`` the potential of every state at every sample, samples of state 0 first,
            then those of state 1, … (see `state_energies`); ∞ where a state does not reach.
        counts: ``(K,)`` how many of the N samples are of each state; 0 for a state not sampled.
        beta: 1/kT in the inverse of the energies' unit.
        unit: of the energies, kept by the result.
        bootstraps: of the errors, samples drawn again state by state; at least 20.
        seed: of the bootstraps.

    Returns:
        ``(K,)``, the first one 0 ± 0. The least overlap of neighbours is in the notes.

    Raises:
        InvalidInput: shapes that do not fit, NaN, a sample that no state reaches, or no samples.

    Warns:
        UserWarning: neighbouring states (in their order) that share less than 0.03 of their samples.

    Source: Shirts and Chodera 2008; overlap: Klimovich, Shirts and Mobley 2015.
    """
    u, n = _checked(energies, counts, beta)
    if bootstraps < 20:
        raise InvalidInput(f"mbar: bootstraps = {bootstraps}; give at least 20.")
    if seed < 0:
        raise InvalidInput(f"mbar: seed = {seed}; give a whole number from 0.")
    owner = np.repeat(np.arange(len(n)), n)
    f = _solved(u, n, np.ones(u.shape[1]), _chained(u, n, owner))
    rng = np.random.default_rng(seed)
    drawn = np.empty((bootstraps, len(n)))
    for i in range(bootstraps):
        weights = np.concatenate([rng.multinomial(k, np.full(k, 1 / k)) for k in n if k])
        drawn[i] = _solved(u, n, weights.astype(float), f)
    beside = _overlaps(u, n, f)
    error = np.hypot(drawn.std(0, ddof=1), _unknown(u, n, owner, beside))
    error[0] = 0.0
    return Estimate(
        f / beta,
        error / beta,
        np.asarray(n.sum()),
        unit=unit,
        method="mbar",
        notes=(_overlap_note(n, beside),),
    )


@observable("values", more=("system",), number=False)
def state_energies(
    samples: Sequence[Any], system: AbstractSystem, parameters: Numbers, *, time: float = 0.0
) -> tuple[Energies, np.ndarray]:
    """What `mbar` takes, from equilibrium samples at several values of a protocol's parameter.

    Args:
        samples: for each value an array ``(n_k, *event_shape)``, empty where none were drawn.
        system: one with a protocol, such as `noneq.systems.Driven`; its protocol is not used.
        parameters: ``(K,)`` values λ_k.
        time: for potentials that depend on it.

    Returns:
        ``(K, N)`` energies V(x_n, λ_k) and ``(K,)`` counts.

    Raises:
        MissingTrait: a system without a parameter.
        InvalidInput: unequal numbers of samples and values, or states of another shape.
    """
    if not isinstance(system, HasProtocol):
        raise MissingTrait(
            f"state_energies needs a system with a protocol (Driven, DrivenLangevin, a trap), got "
            f"{type(system).__name__}."
        )
    values = host_array(parameters, "state_energies: parameters").astype(float)
    if values.ndim != 1 or len(values) != len(samples):
        raise InvalidInput(
            f"state_energies: {len(samples)} sets of samples for parameters of shape {values.shape}; "
            "give one set for each value."
        )
    sets = [host_array(x, "state_energies: samples") for x in samples]
    filled = [x for x in sets if x.size]
    if not filled or any(x.shape[1:] != system.event_shape for x in filled):
        raise InvalidInput(
            f"state_energies: samples of shapes {[x.shape for x in sets][:4]}; expected "
            f"(n, {', '.join(map(str, system.event_shape))}), at least one of them not empty."
        )
    states = jnp.asarray(np.concatenate(filled), float)
    at = lambda value: jax.vmap(lambda x: system.potential_at(value, time, x))(states)
    energies = np.asarray(jax.lax.map(at, jnp.asarray(values, states.dtype)), np.float64)
    return energies, np.asarray([len(x) if x.size else 0 for x in sets])


def _checked(energies: Any, counts: Any, beta: float) -> tuple[Energies, np.ndarray]:
    """u = βV less a number for each sample, which changes nothing; counts as whole numbers."""
    if not 0 < beta < float("inf"):
        raise InvalidInput(f"mbar: beta = {beta}; it must be > 0, 1 for energies over kT.")
    u, n = host_array(energies, "mbar: energies"), host_array(counts, "mbar: counts")
    whole = n.dtype.kind in "iu" or (n.dtype.kind == "f" and bool((n == np.round(n)).all()))
    if u.ndim != 2 or n.shape != u.shape[:1] or not whole or (n < 0).any():
        raise InvalidInput(
            f"mbar: energies of shape {u.shape} and counts of shape {n.shape}; expected (K, N), every "
            "state at every sample, and K whole numbers of samples."
        )
    n = n.astype(int)
    if n.sum() != u.shape[1] or not n.sum() or len(n) < 2:
        raise InvalidInput(
            f"mbar: counts add up to {n.sum()} for {u.shape[1]} samples of {len(n)} state(s); they "
            "must say of which of at least two states every sample is."
        )
    u = beta * u.astype(np.float64)
    if np.isnan(u).any() or (u == -np.inf).any():
        raise InvalidInput("mbar: energies hold NaN or −∞; leave out those samples.")
    least = u.min(0)
    own = u[np.repeat(np.arange(len(n)), n), np.arange(u.shape[1])]
    if not np.isfinite(own).all():
        raise InvalidInput("mbar: a sample has infinite energy in its own state; check the order.")
    return u - least, n


def _chained(u: Energies, n: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """A start: Bennett's difference of every two sampled neighbours, one-sided for the others."""
    f, last = np.zeros(len(n)), int(np.flatnonzero(n)[0])
    for k in range(len(n)):
        if k == last:
            continue
        here, there = owner == last, owner == k
        ahead = np.minimum(u[k, here] - u[last, here], _HIGHEST)
        if n[k] == 0 or k < last:
            low = ahead.min()
            f[k] = f[last] + low - np.log(np.mean(np.exp(low - ahead)))
            continue
        back = np.minimum(u[last, there] - u[k, there], _HIGHEST)
        ones = np.ones(ahead.size), np.ones(back.size)
        f[k] = f[last] + float(acceptance_ratio(Works(ahead, back, *ones)))
        last = k
    return f - f[0]


def _solved(u: Energies, n: np.ndarray, weights: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Newton's method on the convex function whose least value has these f, of sampled states."""
    sampled = np.flatnonzero(n)
    f, count = start[sampled] - start[sampled[0]], n[sampled].astype(float)
    logs = np.log(count)[:, None] - u[sampled]

    def height(f: np.ndarray) -> float:
        return float(weights @ _log_sum(logs + f[:, None]) - count @ f)

    value = height(f)
    for _ in range(_ROUNDS):
        p = np.exp(logs + f[:, None] - _log_sum(logs + f[:, None]))
        gradient = p @ weights - count
        curvature = np.diag(p @ weights) - (p * weights) @ p.T
        # The first state is held; a little on the diagonal where states do not overlap.
        ridge = 1e-9 * count.max() * np.eye(len(f) - 1)
        step = -np.linalg.solve(curvature[1:, 1:] + ridge, gradient[1:])
        step *= min(1.0, 10 / max(np.abs(step).max(initial=0.0), 1e-300))
        onward, share = f, 1.0
        while share > 1e-6:
            onward = f + share * np.concatenate([[0.0], step])
            if height(onward) <= value:
                break
            share /= 2
        else:
            break
        moved, f, value = np.abs(onward - f).max(initial=0.0), onward, height(onward)
        if moved < 1e-10:
            break
    mixture = _log_sum(logs + f[:, None])
    with np.errstate(divide="ignore"):
        whole = -_log_sum((np.log(weights) - mixture - u).T)
    return whole - whole[0]


def _overlaps(u: Energies, n: np.ndarray, f: np.ndarray) -> np.ndarray:
    """Overlap of every sampled state with the next sampled one, the lesser of both directions."""
    sampled = np.flatnonzero(n)
    logs = np.log(n[sampled])[:, None] + f[sampled, None] - u[sampled]
    p = np.exp(logs - _log_sum(logs))
    matrix = (p @ p.T) / n[sampled][:, None]
    return np.minimum(np.diag(matrix, 1), np.diag(matrix, -1))


def _unknown(u: Energies, n: np.ndarray, owner: np.ndarray, beside: np.ndarray) -> np.ndarray:
    """Half the width between the bounds on f across each gap that no sample bridges, added up."""
    sampled, width = np.flatnonzero(n), np.zeros(len(n))
    for i in np.flatnonzero(beside < _LITTLE):
        first, second = sampled[i], sampled[i + 1]
        bound = 0.0
        for here, there in ((first, second), (second, first)):
            rises = np.minimum(u[there, owner == here] - u[here, owner == here], _HIGHEST)
            bound += float(exponential(rises, np.ones(rises.size))) / 2
        width[second:] += max(bound, 0.0)
    return width


def _overlap_note(n: np.ndarray, beside: np.ndarray) -> str:
    if not beside.size:
        return "samples of one state only: all others are reweighted from it."
    sampled, worst = np.flatnonzero(n), int(np.argmin(beside))
    pair = f"states {sampled[worst]} and {sampled[worst + 1]}"
    text = f"{pair} share {beside[worst]:.2g} of their samples, the least of all neighbours"
    if beside[worst] < _LITTLE:
        warnings.warn(
            f"mbar: {text} and below {_LITTLE}; what lies between them is known within bounds only, "
            "which the errors include. Sample a state between them.",
            stacklevel=4,
        )
    return text + "."


def _log_sum(logs: np.ndarray) -> np.ndarray:
    """ln Σ exp over the first axis."""
    top = logs.max(0)
    top = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return top + np.log(np.exp(logs - top).sum(0))

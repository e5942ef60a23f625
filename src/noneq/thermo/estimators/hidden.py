"""Irreversibility of sequences with hidden states, by a hidden Markov model read both ways."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from noneq._typing import Key
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.needs import observable
from noneq.statistics.chains.aggregated_chain import (
    Aggregated,
    fit_aggregated,
    irreversibility,
    log_likelihoods,
)
from noneq.statistics.chains.reversed_counts import sum_error
from noneq.thermo.estimators.records import labelled


_MOST_SYMBOLS, _MOST_COPIES = 12, 4
_PIECE = 4
"""Windows in a piece of a sequence, the unit of fitting and of the errors."""
_LEAST_PIECES = 32
_LEAST_GAIN = 3.0
"""Nats of held-out likelihood that more hidden states must bring, whatever their error."""
_CERTAIN = 0.1
"""Largest standard error of ⟨e^{−f}⟩ with which it corrects the value."""


@observable("values", takes=("key",))
def hidden_path_rate(states: Any, *, window: int = 32, key: Key) -> Estimate:
    """Irreversibility of windows of a sequence that remembers more than its present state.

    **Equation**: KL(P(y_1 … y_w) ‖ P(y_w … y_1))/(w − 1), a lower bound on the entropy production
    of what is behind the symbols; it rises with the window. With Q a model of the sequence and
    f(y) = ln Q(y_1 … y_w) − ln Q(y_w … y_1), the value is [⟨f⟩ + 1 − ⟨e^{−f}⟩]/(w − 1), which for
    **any** Q lies below the divergence in expectation, and by a term of second order in the
    model's error.

    Q is a hidden Markov model, in which each symbol has K hidden states of its own; K = 1 is a
    Markov chain. One half of the data fits it, the likelihood of the other half chooses K, and f is
    averaged over that other half; then the halves change places. Nothing is known of the
    topology. With 10⁶ symbols of the flashing ratchet whose switch is hidden (height 1.5, window
    32) the error is about 2 %.

    Args:
        states: as `noneq.thermo.plug_in_rate` without `Events`: at most 12 different states, at
            least 64 pieces of four windows in all. From a steady state.
        window: w, states in a window.
        key: of the random starts of the fits.

    Returns:
        Nats per unit time (per step for sequences without times), with the error over blocks of
        successive windows. Where ⟨e^{−f}⟩ is not resolved (windows that dissipate more than a few
        nats) the value is ⟨f⟩/(w − 1), no longer a bound, and a note says so.

    Raises:
        InvalidInput: as `noneq.thermo.plug_in_rate`; more than 12 states, or too few data.

    Source: Roldán and Parrondo, PRL 105, 150607 (2010) for windows; the bound is that of Nguyen,
    Wainwright and Jordan 2010 and of NEEP (Kim et al. 2020); the model is ours.
    """
    if window < 2:
        raise InvalidInput(f"hidden_path_rate: window = {window}; expected at least 2 states.")
    y, symbols, step = _pieces(states, window)
    half = y.shape[1] // 2
    halves = (y[:, :half], y[:, half : 2 * half])
    first, second = jax.random.split(key)
    model, notes = _chosen(*halves, symbols, first)
    other = _fitted(halves[1], symbols, model.copies, second)
    f = np.concatenate(
        [_over_windows(model, halves[1], window), _over_windows(other, halves[0], window)]
    )
    back = np.exp(-f)
    reversed_mean, error = float(back.mean()), sum_error(back) / len(f)
    certain = error <= _CERTAIN
    parts = f + 1 - back if certain else f
    notes = (*notes, f"⟨e^(−f)⟩ = {reversed_mean:.4f} ± {error:.2g}, 1 for the exact law.")
    if not certain:
        notes = (*notes, "It is not resolved: the value trusts the model and is no bound.")
    scale = (window - 1) * step
    return Estimate(
        np.asarray(parts.mean() / scale),
        np.asarray(sum_error(parts) / len(f) / scale),
        np.asarray(len(f)),
        bound="lower" if certain else "none",
        method="hidden",
        notes=notes,
    )


def _pieces(states: Any, window: int) -> tuple[Int[np.ndarray, "L n"], int, float]:
    """Pieces of all sequences as columns, the number of symbols, and the time of a step."""
    paths, step = labelled(states, "hidden_path_rate")
    whole = [part for path in paths for part in _without_gaps(path)]
    longest = max(map(len, whole), default=0)
    length = window * min(_PIECE, max(longest // window, 1))
    pieces = [
        part[: len(part) // length * length].reshape(-1, length)
        for part in whole
        if len(part) >= length
    ]
    found = np.concatenate(pieces) if pieces else np.zeros((0, length), int)
    if len(found) < 2 * _LEAST_PIECES:
        raise InvalidInput(
            f"hidden_path_rate: {len(found)} pieces of {length} states; at least "
            f"{2 * _LEAST_PIECES} are needed: give longer sequences or a shorter window."
        )
    names, number = np.unique(found, return_inverse=True)
    if not 2 <= len(names) <= _MOST_SYMBOLS:
        raise InvalidInput(
            f"hidden_path_rate: {len(names)} different states; expected 2 to {_MOST_SYMBOLS}. Lump "
            "states, or take plug_in_rate."
        )
    return number.reshape(found.shape).T, len(names), step


def _without_gaps(path: np.ndarray) -> list[np.ndarray]:
    parts = np.split(path, np.flatnonzero(np.diff(path < 0)) + 1)
    return [part for part in parts if len(part) and part[0] >= 0]


def _chosen(
    train: np.ndarray, test: np.ndarray, symbols: int, key: Key
) -> tuple[Aggregated, tuple[str, ...]]:
    """More hidden states as long as the other half becomes likelier beyond its error."""
    model = _fitted(train, symbols, 1, key)
    scores, level = [], _log_likelihood(model, test)
    for copies in range(2, _MOST_COPIES + 1):
        richer = _fitted(train, symbols, copies, jax.random.fold_in(key, copies))
        gain = _log_likelihood(richer, test) - level
        error = float(gain.std(ddof=1) * np.sqrt(len(gain)))
        scores.append(f"{copies}: {gain.sum():+.1f} ± {error:.1f}")
        if gain.sum() < max(2 * error, _LEAST_GAIN):
            break
        model, level = richer, level + gain
    note = (
        f"{model.copies} hidden states for each of {symbols} symbols; held-out log likelihood of so "
        f"many against one less: {', '.join(scores)}."
    )
    return model, (note,)


def _fitted(train: np.ndarray, symbols: int, copies: int, key: Key) -> Aggregated:
    return fit_aggregated(train, symbols, copies, key=key)


def _log_likelihood(model: Aggregated, y: np.ndarray) -> Float[np.ndarray, " n"]:
    return np.asarray(_compiled(_device(model), jnp.asarray(y)), np.float64)


def _over_windows(model: Aggregated, y: np.ndarray, window: int) -> Float[np.ndarray, " N"]:
    """f of windows that overlap by a half, piece after piece."""
    stride = max(window // 2, 1)
    cuts = [y[i : i + window] for i in range(0, len(y) - window + 1, stride)]
    # Axes: window, piece, place; one compiled program for all places.
    values = [np.asarray(irreversibility(_device(model), jnp.asarray(cut))) for cut in cuts]
    return np.stack(values, axis=1).reshape(-1).astype(np.float64)


def _device(model: Aggregated) -> jax.Array:
    return jnp.asarray(model.logits, jnp.zeros(()).dtype)


_compiled = jax.jit(log_likelihoods)

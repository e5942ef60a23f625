"""Scores of the joint law over time and of the density itself."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq._typing import Key
from noneq.data.ensembles import Snapshots, Trajectories, as_snapshots
from noneq.domains import AbstractDomain
from noneq.errors import InvalidInput, SolveFailed, WrongType
from noneq.estimate import Estimate
from noneq.metrics.comparison import collect, listed, pair, shared_times, whole, wrapped
from noneq.metrics.divergence import cell_divergence, cell_finder
from noneq.models.traits import HasLogProb, require


def transition_jensen_shannon(
    samples: Trajectories,
    reference: Trajectories,
    *,
    lag: float,
    bins: int = 8,
    domain: AbstractDomain | None = None,
    truth: Trajectories | None = None,
    key: Key | None = None,
) -> Estimate:
    """Divergence in bits of the histograms of transitions cell(t) → cell(t + lag), per start t.

    It sees dynamics: ensembles with equal marginals but other motion differ. Never below the
    divergence of the marginals on the same cells. Keep the cells coarse: the number of
    transitions is the square of the number of cells.

    **Equation**: as `jensen_shannon`, with p, q the joint frequencies of the two cells.

    Args:
        samples, reference: paths; observations missing at t or t + lag are skipped.
        lag: in the unit of the times; t and t + lag must be times of both.
        bins: cells per coordinate, on the box as in `jensen_shannon`.
        domain, key: as in `jensen_shannon`.
        truth: second, independent paths for the floor; None: halves of the reference.

    Returns:
        One entry per start time, unit bit.

    Raises:
        InvalidInput: no pair of shared times at this lag, or as `jensen_shannon`.
        WrongType: data without paths.
    """
    given = {"samples": samples, "reference": reference}
    if truth is not None:
        given["truth"] = truth
    for name, data in given.items():
        if not isinstance(data, Trajectories):
            raise WrongType(
                f"{name} is {type(data).__name__}; transitions need Trajectories (paired in time). "
                "Use jensen_shannon for marginals."
            )
    cells = cell_finder(pair(samples, reference, truth, domain), bins)
    starts, pairs = _lagged(given, lag)
    domain = reference.domain if domain is None else domain
    frames = {
        name: tuple(_transitions(data, int(axis[i]), int(axis[j]), domain) for i, j in pairs)
        for (name, data), axis in zip(given.items(), shared_times(given)[1], strict=True)
    }
    joint = collect(frames, starts, domain, reference.event_shape)
    width = int(bins) ** int(np.prod(reference.event_shape)) + 1
    if width**2 > 2**62:
        raise InvalidInput(f"bins = {bins} gives {width}² transitions; use fewer bins (8).")
    both = lambda x: cells(x[:, 0]) * width + cells(x[:, 1])
    return joint.map(both).estimate(cell_divergence, key=key, unit="bit")


def _lagged(given: dict[str, Trajectories], lag: float) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Start times, and positions (start, end) among the shared times."""
    times, _ = shared_times(given)
    if not (np.isfinite(lag) and lag > 0):
        raise InvalidInput(f"lag = {lag}; expected a positive time.")
    miss = np.abs(times[None, :] - times[:, None] - lag)
    end = miss.argmin(axis=1)
    starts = np.flatnonzero(miss.min(axis=1) <= 1e-6 * np.ptp(times))
    if starts.size == 0:
        lags = np.unique(np.round(times[1:] - times[0], 12))
        raise InvalidInput(
            f"lag = {lag:g}: no two shared times are that far apart; "
            f"possible from the first time: {listed(lags)}."
        )
    return times[starts], [(int(i), int(end[i])) for i in starts]


def _transitions(data: Trajectories, i: int, j: int, domain: AbstractDomain) -> np.ndarray:
    """States at both ends of the paths seen at both, shape ``(n, 2, *event_shape)``."""
    seen = data.observed[:, i] & data.observed[:, j]
    ends = [wrapped(data.values[seen, k], domain) for k in (i, j)]
    return np.stack(ends, axis=1)


def nll(model: Any, reference: Any, *, batch: int = 1024) -> Estimate:
    """Mean negative log-likelihood of the reference under a model, in nats, per time.

    **Equation**: −(1/n) Σ log p(x_i | t, c_i), standard error std/√n.

    Args:
        model: one with the trait `HasLogProb`.
        reference: held-out `Snapshots`, `Trajectories`, or an array ``(n, *event_shape)`` for a
            model without time. Conditions of the samples are passed on.
        batch: states evaluated at once.

    Returns:
        One entry per time (a scalar for an array), without floor.

    Raises:
        MissingTrait: the model has no exact log density.
        InvalidInput: other event shape, or fewer than two states at a time.
        SolveFailed: the log density is NaN.
    """
    require(model, HasLogProb, "nll")
    batch = whole(batch, "batch", 1)
    timeless = not isinstance(reference, Snapshots | Trajectories)
    data = as_snapshots(reference)
    if data.event_shape != tuple(model.event_shape):
        raise InvalidInput(
            f"reference has states of shape {data.event_shape}, the model {model.event_shape}; "
            "give the coordinates that the model was fitted to."
        )
    rows = []
    for i, time in enumerate(data.times):
        here = data.time_index == i
        condition = None if data.condition is None else data.condition[here]
        clock = None if timeless else jnp.asarray(time, jnp.result_type(float))
        rows.append(_log_probs(model, data.values[here], clock, condition, batch))
        if len(rows[-1]) < 2:
            raise InvalidInput(
                f"one state at time {time:g}; a mean with an error needs at least 2."
            )
        if np.isnan(rows[-1]).any():
            raise SolveFailed(
                f"log_prob is NaN for {np.isnan(rows[-1]).sum()} of {len(rows[-1])} states at time "
                f"{time:g}; check the scale of the reference against the training data."
            )
    value = np.asarray([-row.mean() for row in rows])
    # A state of zero density makes the mean infinite, and its error too.
    spread = lambda row: row.std(ddof=1) if np.isfinite(row).all() else np.inf
    stderr = np.asarray([spread(row) / np.sqrt(len(row)) for row in rows])
    full = Estimate(value, stderr, data.counts, times=data.times, unit="nat")
    return full[0] if timeless else full


def _log_probs(
    model: Any, x: np.ndarray, time: Array | None, condition: np.ndarray | None, batch: int
) -> np.ndarray:
    """log_prob of every state, in chunks of one fixed shape (one compile for all times)."""
    out = []
    for start in range(0, len(x), batch):
        rows = np.arange(start, start + batch)
        rows = np.minimum(rows, len(x) - 1)
        some = None if condition is None else jnp.asarray(condition[rows])
        out.append(np.asarray(_chunk(model, jnp.asarray(x[rows]), time, some), np.float64))
    return np.concatenate(out)[: len(x)]


@eqx.filter_jit
def _chunk(model: Any, x: Array, time: Array | None, condition: Array | None) -> Array:
    each = lambda x, c: model.log_prob(x, time=time, condition=c)
    return jax.vmap(each, in_axes=(0, None if condition is None else 0))(x, condition)

"""Scores of the joint law over time."""

import numpy as np

from noneq._typing import Key
from noneq.data.ensembles import Trajectories
from noneq.domains import AbstractDomain
from noneq.errors import InvalidInput, WrongType
from noneq.estimate import Estimate
from noneq.metrics.comparison import collect, listed, pair, shared_times, wrapped
from noneq.metrics.divergence import cell_divergence, cell_finder
from noneq.needs import metric


@metric(takes=("truth", "key", "lag"))
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

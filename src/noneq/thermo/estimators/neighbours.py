"""Entropy production from neighbours: how much more often a move is seen than its reverse."""

import numpy as np

from noneq.data.ensembles import Trajectories
from noneq.domains import periods_of
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.needs import observable
from noneq.statistics.increment_blocks import increment_blocks
from noneq.thermo.path_checks import check_steady_paths


_COUNTS = (32, 128, 512)
_MOST_COORDINATES, _FEWEST = 3, 2_000
_BLOCKS = 64


@observable("trajectories")
def neighbour_rate(
    trajectories: Trajectories, *, neighbours: tuple[int, ...] = _COUNTS, most: int = 20_000
) -> Estimate:
    """Lower bound on the path divergence of neighbouring records, from nearest neighbours.

    **Equation**: of a pair of records take the midpoint m and the move Δ. Among the k pairs nearest to
    (m, Δ), forward and reversed ones (m, −Δ) together, a are forward and b reversed:
    f = c ln[(a + 1)/(b + 1)], which changes sign in reverse. For every such f

        KL(p(m, Δ) ‖ p(m, −Δ))/dt ≥ ⟨f + 1 − e^{−f}⟩/dt,

    with equality at f = ln p(m, Δ)/p(m, −Δ). A pair and its own reverse are left out of its
    neighbours; k and the factor c ≤ 1, which takes the noise of f away, are chosen on one half of the
    blocks and used on the other. Nothing is assumed of drift, noise or density: it also holds where
    noise depends on the state or is no Gaussian.

    What it converges to from below is the path divergence at the data's own interval. The smoothing
    over neighbours costs some ten per cent with 20,000 pairs of two coordinates, more where σ dt is far
    below 1/k.

    Args:
        trajectories: ``(n, T, dim)`` of a steady state with at most 3 coordinates; gaps, uneven times and
            tori are allowed.
        neighbours: numbers k that are tried.
        most: pairs that are used, spread over the record.

    Returns:
        Nats per unit time, ``bound`` lower; the error is that over 64 blocks of the record.

    Raises:
        InvalidInput: more than 3 coordinates, fewer than 2,000 pairs, numbers of neighbours that are no
            positive whole numbers, or paths that are not steady.

    Source: Wang, Kulkarni and Verdú 2009 (divergence by neighbours); Kim, Bae, Lee and Jeong 2020 (the
    bound); the combination is ours.
    """
    check_steady_paths(trajectories, "neighbour_rate")
    if trajectories.event_shape[0] > _MOST_COORDINATES:
        raise InvalidInput(
            f"neighbour_rate: {trajectories.event_shape[0]} coordinates; neighbours are too far apart "
            f"beyond {_MOST_COORDINATES}. Choose some, or use force_current_rate."
        )
    if not neighbours or min(neighbours) < 2:
        raise InvalidInput(
            f"neighbour_rate: neighbours = {neighbours}; expected numbers from 2 on."
        )
    if most < _FEWEST:
        raise InvalidInput(
            f"neighbour_rate: most = {most} pairs of records; expected at least {_FEWEST}."
        )
    middle, move, dt, block = _pairs(trajectories, most)
    if len(move) < max(_FEWEST, 4 * max(neighbours)):
        raise InvalidInput(
            f"neighbour_rate: {len(move)} pairs of records; expected at least "
            f"{max(_FEWEST, 4 * max(neighbours))}: give longer or more paths."
        )
    ratios = _log_ratios(trajectories, middle, move, sorted(neighbours))
    terms, kept = np.empty(len(move)), []
    for half in (0, 1):
        here = block % 2 == half
        k, factor = _best(ratios[:, ~here])
        f = factor * ratios[k, here]
        terms[here] = f + 1 - np.exp(-f)
        kept.append(f"k = {sorted(neighbours)[k]}, c = {factor:.2g}")
    sums = np.bincount(block, terms, _BLOCKS + 1)
    time = np.bincount(block, dt, _BLOCKS + 1)
    sums, time = sums[time > 0], time[time > 0]
    value = sums.sum() / time.sum()
    spread = sums - value * time
    error = np.sqrt(np.sum(spread**2) * len(sums) / max(len(sums) - 1, 1)) / time.sum()
    return Estimate(
        np.asarray(value),
        np.asarray(error),
        np.asarray(float(len(move))),
        method="neighbours",
        bound="lower",
        notes=(f"the two halves took {' and '.join(kept)}",),
    )


def _pairs(
    trajectories: Trajectories, most: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Midpoints, moves, durations and blocks of every so-manieth pair."""
    seen = trajectories.observed
    every = max(1, int((seen[:, 1:] & seen[:, :-1]).sum()) // most)
    parts, skip = [], 0
    for k, piece in increment_blocks(trajectories, 1, _BLOCKS):
        count = len(piece.dt)
        rows = np.arange(skip, count, every)
        skip = (skip - count) % every
        parts.append((piece.middle[rows], piece.move[rows], piece.dt[rows], np.full(len(rows), k)))
    middle, move, dt, block = (np.concatenate(column) for column in zip(*parts, strict=True))
    return middle, move, dt, block


def _log_ratios(
    trajectories: Trajectories, middle: np.ndarray, move: np.ndarray, counts: list[int]
) -> np.ndarray:
    """ln[(a + 1)/(b + 1)] of every pair, a row for each number of neighbours."""
    from scipy.spatial import KDTree

    period = periods_of(trajectories.domain, trajectories.event_shape)
    scale = np.where(period > 0, np.maximum(period, 1e-300) / 4, np.maximum(middle.std(0), 1e-300))
    size = np.sqrt((move**2).mean(0))
    place = np.where(period > 0, np.mod(middle, np.where(period > 0, period, 1.0)), middle) / scale
    # Rounding may give the period itself.
    place = np.where(place * scale >= np.where(period > 0, period, np.inf), 0.0, place)
    forward = np.concatenate([place, move / size], axis=1)
    backward = np.concatenate([place, -move / size], axis=1)
    if period.any():
        # A tree with periods takes no negative numbers: the others are moved far from the edge.
        shift = np.where(np.concatenate([period, np.zeros_like(period)]) > 0, 0.0, 1e3)
        box = np.concatenate([np.where(period > 0, period / scale, 0.0), np.zeros_like(period)])
        forward, backward = forward + shift, backward + shift
        tree = KDTree(np.concatenate([forward, backward]), boxsize=box)
    else:
        tree = KDTree(np.concatenate([forward, backward]))
    number, found = len(move), np.empty((len(counts), len(move)))
    for low in range(0, number, 2_000):
        rows = np.arange(low, min(low + 2_000, number))
        _, near = tree.query(forward[rows], k=counts[-1] + 2)
        own = near % number == rows[:, None]
        ahead = np.cumsum((near < number) & ~own, axis=1)
        back = np.cumsum((near >= number) & ~own, axis=1)
        for i, k in enumerate(counts):
            found[i, rows] = np.log1p(ahead[:, k]) - np.log1p(back[:, k])
    return found


def _best(ratios: np.ndarray) -> tuple[int, float]:
    """The row and the factor of the largest bound."""
    factors = np.linspace(0, 1, 41)
    bounds = [[np.mean(c * f + 1 - np.exp(-c * f)) for c in factors] for f in ratios]
    row, column = np.unravel_index(np.argmax(bounds), (len(ratios), len(factors)))
    return int(row), float(factors[column])

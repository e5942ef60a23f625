"""Loops of a Markov chain: where its currents run, and what drives them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from noneq.errors import InvalidInput
from noneq.needs import observable
from noneq.thermo.chain_input import CheckedChain, checked
from noneq.thermo.chains import fluxes, log_ratio
from noneq.traits import HasChain


@dataclass(frozen=True)
class Cycle:
    """A closed walk through states of a chain.

    Attributes:
        states: in the order of the walk; from the last it returns to the first.
        affinity: Σ ln(T_ij/T_ji) along it, nats; inf where it cannot be walked backwards.
        current: that runs along it, per step or unit time.
    """

    states: tuple[int, ...]
    affinity: float
    current: float

    @property
    def entropy_production(self) -> float:
        """Current times affinity: its share, nats per step or unit time."""
        return 0.0 if self.current == 0 else self.current * self.affinity


@observable("model", traits=(HasChain,), more=("cycle",))
def affinity(chain: Any, cycle: Cycle | Sequence[int]) -> float:
    """The force along a loop, Σ ln(T_ij/T_ji) over its steps i → j, in nats.

    0 for all loops if and only if detailed balance holds (Kolmogorov). inf where the loop cannot
    be walked backwards, −inf where not forwards, NaN where neither way.

    Args:
        chain: as `stationary`.
        cycle: a `Cycle`, or its states in order; from the last it returns to the first.

    Raises:
        InvalidInput: as `stationary`; fewer than two states, states that do not exist, or two
            neighbours without a transition either way.

    Source: Schnakenberg 1976, section 9.
    """
    given = checked(chain)
    states = np.asarray(cycle.states if isinstance(cycle, Cycle) else cycle)
    count = len(given.matrix)
    if states.ndim != 1 or states.size < 2 or states.dtype.kind not in "iu":
        raise InvalidInput(f"affinity: cycle = {cycle}; expected at least two states by number.")
    if states.min() < 0 or states.max() >= count:
        raise InvalidInput(f"affinity: cycle = {cycle}; the chain has states 0 to {count - 1}.")
    i, j = states, np.roll(states, -1)
    missing = (given.matrix[i, j] <= 0) & (given.matrix[j, i] <= 0)
    if missing.any() or (i == j).any():
        k = int(np.argmax(missing | (i == j)))
        raise InvalidInput(f"affinity: there is no transition between {i[k]} and {j[k]}.")
    return _affinity(given, states)


@observable("model", traits=(HasChain,), number=False)
def fundamental_cycles(chain: Any) -> list[Cycle]:
    """A basis of loops whose currents make up all currents, largest share of dissipation first.

    A spanning tree of the transitions with the most traffic; each transition i – j outside it (a
    chord) closes one loop. The loop's current is the net current of its chord, turned so that it is
    not negative. The net current of every transition is the sum over the loops through it, and
    **entropy production = Σ current × affinity**; shares of single loops may be negative, since
    the basis is one of many.

    Args:
        chain: as `stationary`.

    Returns:
        One `Cycle` per chord: E − H + 1 of them for E pairs of states with a transition.

    Raises:
        InvalidInput: as `stationary`.

    Source: Schnakenberg 1976, sections 8 and 9; the choice of tree is ours.
    """
    given = checked(chain)
    flux = fluxes(given)
    net, parent = flux - flux.T, _spanning_tree(flux + flux.T)
    found = []
    for i, j in _chords(given.moves, parent):
        i, j = (i, j) if net[i, j] >= 0 else (j, i)
        # Along the chord from i to j, then home through the tree.
        states = np.asarray([i, *_tree_path(parent, j, i)[:-1]])
        found.append(Cycle(tuple(states.tolist()), _affinity(given, states), float(net[i, j])))
    shares = [np.nan_to_num(cycle.entropy_production, nan=np.inf) for cycle in found]
    order = sorted(range(len(found)), key=lambda k: (-shares[k], found[k].states))
    return [found[k] for k in order]


@observable("model", traits=(HasChain,), number=False)
def dominant_cycle(chain: Any) -> Cycle | None:
    """The widest loop of net current: the one whose weakest net current is largest.

    Of several with the same weakest link, the rest is as wide as possible, then short. The
    `current` is the weakest net current along it, hence what the loop carries all around. It
    starts at its busiest state.

    Args:
        chain: as `stationary`.

    Returns:
        None where no net current stands out from rounding: detailed balance.

    Raises:
        InvalidInput: as `stationary`.
    """
    given = checked(chain)
    flux = fluxes(given)
    rounding = 4 * len(flux) * given.precision * (flux + flux.T)
    net = np.where(flux - flux.T > rounding, flux - flux.T, 0.0)
    levels = np.unique(net[net > 0])
    if not levels.size or not _has_loop(net > 0):
        return None
    # The highest level at which the remaining currents still close a loop.
    low, high = 0, levels.size
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _has_loop(net >= levels[middle]) else (low, middle)
    wide = np.where(net >= levels[low], net, 0.0)
    closing = np.argwhere(wide == levels[low]).tolist()
    paths = [(path, (i, j)) for i, j in closing if (path := _widest_path(wide, j, i))]
    best = max(paths, key=lambda found: (found[0][0], -len(found[0][1])))
    states = np.asarray(best[0][1])
    states = np.roll(states, -int(np.argmax(flux.sum(1)[states])))
    return Cycle(tuple(states.tolist()), _affinity(given, states), float(levels[low]))


def _affinity(chain: CheckedChain, states: np.ndarray) -> float:
    with np.errstate(invalid="ignore"):
        return float(np.sum(log_ratio(chain, states, np.roll(states, -1))))


def _spanning_tree(weight: np.ndarray) -> np.ndarray:
    """Parents in the tree of greatest weight (Prim); the root, state 0, has itself."""
    n = len(weight)
    parent, inside = np.zeros(n, int), np.zeros(n, bool)
    inside[0], best = True, weight[0].copy()
    for _ in range(n - 1):
        k = int(np.argmax(np.where(inside, -1.0, best)))
        inside[k] = True
        closer = ~inside & (weight[k] > best)
        parent[closer], best[closer] = k, weight[k][closer]
    return parent


def _chords(moves: np.ndarray, parent: np.ndarray) -> Iterator[tuple[int, int]]:
    """Pairs i < j with a transition that the tree does not hold."""
    for i, j in np.argwhere(np.triu((moves > 0) | (moves.T > 0))).tolist():
        if parent[j] != i and parent[i] != j:
            yield i, j


def _tree_path(parent: np.ndarray, start: int, end: int) -> list[int]:
    """States from start to end along the tree."""
    up, down = _to_root(parent, start), _to_root(parent, end)
    while len(up) > 1 and len(down) > 1 and up[-2] == down[-2]:
        up.pop()
        down.pop()
    return up + down[-2::-1]


def _to_root(parent: np.ndarray, state: int) -> list[int]:
    path = [state]
    while parent[path[-1]] != path[-1]:
        path.append(int(parent[path[-1]]))
    return path


def _has_loop(arrows: np.ndarray) -> bool:
    from scipy.sparse.csgraph import connected_components

    return connected_components(arrows, directed=True, connection="strong")[0] < len(arrows)


def _widest_path(width: np.ndarray, start: int, end: int) -> tuple[float, list[int]] | None:
    """Width and states of the widest path, the shortest of several; None if there is none."""
    n = len(width)
    reach, steps = np.zeros(n), np.full(n, n + 1)
    before, open_ = np.full(n, -1), np.ones(n, bool)
    reach[start], steps[start] = np.inf, 0
    for _ in range(n):
        widest = reach == np.max(reach[open_])
        k = int(np.argmin(np.where(open_ & widest, steps, n + 2)))
        if reach[k] == 0:
            return None
        if k == end:
            break
        open_[k] = False
        through = np.minimum(reach[k], width[k])
        better = (through > reach) | ((through == reach) & (steps[k] + 1 < steps))
        better &= open_ & (width[k] > 0)
        reach[better], steps[better], before[better] = through[better], steps[k] + 1, k
    path = [end]
    while path[-1] != start:
        path.append(int(before[path[-1]]))
    return float(reach[end]), path[::-1]

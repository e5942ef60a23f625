"""Committors, passage times and hitting probabilities as solutions on a grid."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from noneq.domains import periods_of
from noneq.errors import InvalidInput
from noneq.inference.rare.committor.grid_chain import GridChain, grid_chain
from noneq.inference.rare.committor.grid_functions import GridCommittor, GridFunction, on_grid
from noneq.inference.rare.membership import members, set_of
from noneq.inference.rare.sets import SetOf, StateSet
from noneq.kinds import shown
from noneq.needs import observable
from noneq.systems.base import AbstractDiffusion, HasRange


_CELLS = {1: 2000, 2: 250, 3: 60}
_MARGIN = 0.25


@observable("model", more=("start", "target"), number=False)
def grid_committor(
    system: AbstractDiffusion,
    start: SetOf,
    target: SetOf,
    *,
    bounds: Sequence[Any] | None = None,
    cells: int | Sequence[int] | None = None,
    time: float = 0.0,
) -> GridCommittor:
    """P(a path reaches the target before the start) for any diffusion of up to three coordinates.

    **Equation**: f·∇q + D:∇∇q = 0 outside the sets, q = 0 in ``start`` and 1 in ``target``; the
    scheme is that of `GridChain`, second order up to the borders of the sets.

    Args:
        system: any diffusion, with a drift that need not be a gradient; the system of a fitted model is
            `noneq.simulation.LearntSystem`.
        start, target: sets of states, as text ``"x < -0.9"`` or as a function of one state that is
            positive (or true) inside.
        bounds: ``((low, high), …)`` of each coordinate, walls that reflect. None takes those of the
            system's domain, or of the data that it was learnt from.
        cells: along each coordinate; None takes 2000, 250 or 60 in one, two and three dimensions.
        time: at which a system that follows time is held.

    Raises:
        InvalidInput: more than three coordinates, no bounds, sets that overlap or hold no cell.
        SolveFailed: cells from which no set is reached.

    Source: Metzner, Schütte and Vanden-Eijnden 2006.
    """
    chain, periodic = chain_of(system, bounds, cells, time)
    a, b = sets_of(system, start, target)
    refuse_overlap(chain.nodes, a, b)
    for name, one in (("start", a), ("target", b)):
        refuse_empty(chain, name, one)
    q = chain.solve(lambda x: members(a, x) | members(b, x), members(b, chain.nodes).astype(float))
    return GridCommittor(on_grid(chain, np.clip(q, 0.0, 1.0), periodic), a, b, chain)


@observable("model", more=("target",), number=False)
def grid_passage_time(
    system: AbstractDiffusion,
    target: SetOf,
    *,
    bounds: Sequence[Any] | None = None,
    cells: int | Sequence[int] | None = None,
    time: float = 0.0,
) -> GridFunction:
    """Mean time to reach a set, as a function of the state.

    **Equation**: f·∇τ + D:∇∇τ = −1 outside the target, τ = 0 in it.

    Args: as in `grid_committor`.

    Raises:
        InvalidInput: as `grid_committor`.
        SolveFailed: cells from which the target is never reached.
    """
    chain, periodic = chain_of(system, bounds, cells, time)
    (b,) = sets_of(system, target)
    refuse_empty(chain, "target", b)
    return on_grid(
        chain, chain.solve(lambda x: members(b, x), np.zeros(len(chain.nodes)), -1.0), periodic
    )


def sets_of(system: AbstractDiffusion, *sets: SetOf) -> list[StateSet]:
    """Sets of states of a system."""
    return [set_of(one, system.names, tuple(system.event_shape)) for one in sets]


def refuse_overlap(states: np.ndarray, a: StateSet, b: StateSet) -> None:
    """Refuse sets that have states in common.

    Raises:
        InvalidInput: naming one.
    """
    both = members(a, states) & members(b, states)
    if both.any():
        where = ", ".join(f"{part:.3g}" for part in np.ravel(states[np.argmax(both)]))
        raise InvalidInput(
            f"the sets {a.label!r} and {b.label!r} overlap, at ({where}); make one of them smaller."
        )


def refuse_empty(chain: GridChain, name: str, target: StateSet) -> None:
    """Refuse a set without a cell, or with all of them.

    Raises:
        InvalidInput: naming it and the bounds.
    """
    count = int(members(target, chain.nodes).sum())
    if 0 < count < len(chain.nodes):
        return
    box = " x ".join(f"[{axis[0]:.3g}, {axis[-1]:.3g}]" for axis in chain.axes)
    what = "no cell" if count == 0 else "every cell"
    raise InvalidInput(
        f"the {name} {target.label!r} holds {what} of the grid {box}; change the set, or the grid by "
        "bounds= and cells=."
    )


def chain_of(
    system: AbstractDiffusion, bounds: Any, cells: Any, time: float
) -> tuple[GridChain, tuple[bool, ...]]:
    """The chain of a system on a grid, and which coordinates are periodic."""
    shape, name = tuple(system.event_shape), type(system).__name__
    if len(shape) != 1 or shape[0] > 3:
        raise InvalidInput(
            f"grid: the states of {name} have the shape {shape}; a grid takes vectors of up to three "
            "coordinates. Take variational_committor or shooting_committor."
        )
    box = box_of(system, bounds)
    periodic = tuple((periods_of(system.domain, shape) > 0).tolist())
    counts = _CELLS[shape[0]] if cells is None else cells
    counts = tuple(counts) if isinstance(counts, Sequence | np.ndarray) else (counts,) * shape[0]
    if len(counts) != shape[0] or not all(
        isinstance(c, int | np.integer) and c >= 4 for c in counts
    ):
        raise InvalidInput(
            f"grid: cells = {shown(cells)}; expected a whole number, at least 4, or one for each of "
            f"{shape[0]} coordinates."
        )
    return grid_chain(system, box, counts, periodic, time), periodic


def box_of(system: AbstractDiffusion, bounds: Any) -> tuple[tuple[float, float], ...]:
    """Lowest and highest value of each coordinate."""
    dim, known = system.event_shape[0], system.domain.bounds
    if bounds is None and known is not None:
        bounds = np.stack([np.broadcast_to(side, (dim,)) for side in known], -1)
    if bounds is None and isinstance(system, HasRange) and system.seen:
        low, high = np.asarray(system.seen, float).T
        bounds = np.stack([low - _MARGIN * (high - low), high + _MARGIN * (high - low)], -1)
    if bounds is None:
        raise InvalidInput(
            f"grid: {type(system).__name__} lives in unbounded space; give bounds=, such as "
            f"{((-2.0, 2.0),) * dim}, wide enough that paths hardly leave them."
        )
    try:
        box = np.asarray(bounds, float)
    except (TypeError, ValueError):
        box = np.zeros(0)
    box = box[None] if box.shape == (2,) and dim == 1 else box
    if box.shape != (dim, 2) or not np.isfinite(box).all() or not (box[:, 0] < box[:, 1]).all():
        raise InvalidInput(
            f"grid: bounds = {shown(bounds)}; expected (low, high) with low < high for each of {dim} "
            "coordinates."
        )
    return tuple((float(low), float(high)) for low, high in box.tolist())  # pyright: ignore[reportGeneralTypeIssues]

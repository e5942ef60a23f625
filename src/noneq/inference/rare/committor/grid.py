"""Committors, passage times and hitting probabilities as solutions on a grid."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.sparse import csc_array, eye_array
from scipy.sparse.linalg import splu

from noneq._typing import Scalar, ScalarLike
from noneq.domains import periods_of
from noneq.errors import InvalidInput
from noneq.inference.rare.committor.grid_chain import GridChain, grid_chain, of_grid
from noneq.inference.rare.membership import members
from noneq.inference.rare.sets import SetOf, StateSet, state_set
from noneq.needs import observable
from noneq.systems.base import AbstractDiffusion, HasRange


_CELLS = {1: 2000, 2: 250, 3: 60}
_MARGIN = 0.25


class GridFunction(eqx.Module):
    """A function of the state known at the centres of cells, between which it is linear.

    Attributes:
        axes: the centres along each coordinate.
        values: at the centres; with more axes behind if it has several parts.
        periodic: whether each coordinate is.
    """

    axes: tuple[Array, ...]
    values: Array
    periodic: tuple[bool, ...] = eqx.field(static=True)

    def __call__(self, x: Float[Array, " dim"]) -> Array:
        """The value at one state; outside that at the nearest border."""
        return of_grid(self.axes, self.values, self.periodic, x)


class GridCommittor(eqx.Module):
    """q(x) = P(target before start | x), on a grid.

    Attributes:
        function: q between the centres of cells.
        start, target: the sets, where q is 0 and 1.
        chain: the generator that it solves.
    """

    function: GridFunction
    start: StateSet
    target: StateSet
    chain: GridChain = eqx.field(static=True)

    def __call__(self, x: Float[Array, " dim"]) -> Scalar:
        """q at one state."""
        q = jnp.where(self.target.contains(x), 1.0, self.function(x))
        return jnp.where(self.start.contains(x), 0.0, q)

    @property
    def axes(self) -> tuple[np.ndarray, ...]:
        """Centres of the cells along each coordinate."""
        return self.chain.axes

    @property
    def values(self) -> np.ndarray:
        """q at the centres, one axis a coordinate."""
        return np.asarray(self.function.values)


class HittingProbability(eqx.Module):
    """h(t, x) = P(target before ``horizon`` and before ``avoid`` | X_t = x), on a grid.

    Attributes:
        function: h at all kept times, the last axis.
        horizon: the last time.
        target, avoid: the sets, where h is 1 and 0; no set to avoid is None.
    """

    function: GridFunction
    times: Array
    target: StateSet
    avoid: StateSet | None
    horizon: float = eqx.field(static=True)

    def __call__(self, t: ScalarLike, x: Float[Array, " dim"]) -> Scalar:
        """h at one time and state."""
        every = self.function(x)
        h = jnp.interp(jnp.asarray(t, every.dtype), self.times, every)
        h = jnp.where(self.target.contains(x), 1.0, h)
        return h if self.avoid is None else jnp.where(self.avoid.contains(x), 0.0, h)


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
    chain, periodic = _chain(system, bounds, cells, time)
    a, b = sets_of(system, start, target)
    refuse_overlap(chain.nodes, a, b)
    for name, one in (("start", a), ("target", b)):
        refuse_empty(chain, name, one)
    q = chain.solve(lambda x: members(a, x) | members(b, x), members(b, chain.nodes).astype(float))
    return GridCommittor(_function(chain, np.clip(q, 0.0, 1.0), periodic), a, b, chain)


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
    chain, periodic = _chain(system, bounds, cells, time)
    (b,) = sets_of(system, target)
    refuse_empty(chain, "target", b)
    return _function(
        chain, chain.solve(lambda x: members(b, x), np.zeros(len(chain.nodes)), -1.0), periodic
    )


@observable("model", more=("target", "horizon"), number=False)
def hitting_probability(
    system: AbstractDiffusion,
    target: SetOf,
    horizon: float,
    *,
    avoid: SetOf | None = None,
    bounds: Sequence[Any] | None = None,
    cells: int | Sequence[int] | None = None,
    steps: int = 200,
    time: float = 0.0,
) -> HittingProbability:
    """P(a path reaches the target before a time), as a function of time and state.

    **Equation**: ∂_t h + f·∇h + D:∇∇h = 0, h = 1 in the target, 0 in ``avoid`` and at the horizon
    elsewhere; backward in time by Crank–Nicolson after two damped half steps, in steps that grow
    away from the horizon.

    Args:
        horizon: the last time; paths start at time 0.
        avoid: a set that ends a path, or none.
        steps: of time.
        bounds, cells, time: as in `grid_committor`.

    Raises:
        InvalidInput: as `grid_committor`; a horizon that is not positive.
    """
    if not 0 < horizon < float("inf") or steps < 4:
        raise InvalidInput(
            f"hitting_probability: horizon = {horizon:g}, steps = {steps}; expected a positive time "
            "and at least 4 steps."
        )
    chain, periodic = _chain(system, bounds, cells, time)
    b, *rest = sets_of(system, target, *(() if avoid is None else (avoid,)))
    refuse_empty(chain, "target", b)
    for other in rest:
        refuse_overlap(chain.nodes, other, b)
    within = lambda x: np.any([members(one, x) for one in (b, *rest)], axis=0)
    generator: Any = chain.absorbed(within)[0]
    free, h = ~within(chain.nodes), members(b, chain.nodes).astype(float)
    inner: Any = csc_array(generator[free][:, free])
    into = generator[free][:, ~free] @ h[~free]
    one = eye_array(inner.shape[0], format="csc")
    # Blocks of equal steps, each twice as long as the one before, share a factorisation.
    blocks = max(1, min(6, steps // 8))
    each = -(-steps // blocks)
    shortest = horizon / (each * (2**blocks - 1))
    now, kept, gone = h[free], [h], [0.0]
    for block in range(blocks):
        dt = shortest * 2**block
        half = splu(csc_array(one - dt / 2 * inner))
        for k in range(each):
            if block == k == 0:
                now = half.solve(half.solve(now + dt / 2 * into) + dt / 2 * into)
            else:
                now = half.solve(now + dt / 2 * (inner @ now) + dt * into)
            h = h.copy()
            h[free] = np.clip(now, 0.0, 1.0)
            kept.append(h)
            gone.append(gone[-1] + dt)
    values = np.stack(kept[::-1], axis=-1)
    times = jnp.asarray(horizon - np.asarray(gone[::-1]), float)
    return HittingProbability(
        _function(chain, values, periodic), times, b, rest[0] if rest else None, float(horizon)
    )


def sets_of(system: AbstractDiffusion, *sets: SetOf) -> list[StateSet]:
    """Sets of states of a system."""
    size = int(np.prod(system.event_shape))
    return [state_set(one, system.names, size, "set") for one in sets]


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


def _chain(
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
    counts = tuple(np.broadcast_to(np.asarray(counts, int), shape).tolist())
    if min(counts) < 4:
        raise InvalidInput(f"grid: cells = {counts}; expected at least 4 along each coordinate.")
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
    box = np.asarray(bounds, float)
    box = box[None] if box.shape == (2,) and dim == 1 else box
    if box.shape != (dim, 2) or not np.isfinite(box).all() or not (box[:, 0] < box[:, 1]).all():
        raise InvalidInput(
            f"grid: bounds = {bounds}; expected (low, high) with low < high for each of {dim} "
            "coordinates."
        )
    return tuple((float(low), float(high)) for low, high in box)


def _function(chain: GridChain, values: np.ndarray, periodic: tuple[bool, ...]) -> GridFunction:
    """Values at the nodes as a function of the state."""
    shaped = values.reshape(*chain.shape, *values.shape[1:])
    axes = tuple(jnp.asarray(axis, float) for axis in chain.axes)
    return GridFunction(axes, jnp.asarray(shaped, float), periodic)

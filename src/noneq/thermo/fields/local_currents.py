"""Where the current flows: density, mean local velocity and dissipation in cells, with errors."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from noneq._typing import Numbers
from noneq.data.ensembles import Trajectories
from noneq.domains import periods_of
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.needs import observable
from noneq.statistics.increment_blocks import block_count, increment_blocks
from noneq.thermo.chains import chain_currents
from noneq.thermo.path_checks import check_steady_paths
from noneq.traits import HasChain


_BLOCKS, _FEWEST_VISITS = 64, 10
_MOST_CELLS = 40_000


@dataclass(frozen=True)
class LocalCurrents:
    """Steady currents of continuous states in cells of one or two coordinates.

    Attributes:
        edges: of the cells, one array a coordinate.
        density: p in each cell, per unit of the coordinates.
        velocity: mean local velocity u, ``(*cells, coordinates)``, averaged over other coordinates.
        current: J = p u.
        diffusivity: D in each cell, ``(*cells, coordinates, coordinates)``, zero where nothing was seen.
        entropy_production: u·D⁻¹·u in each cell, nats per unit time, the noise of u taken off; that of
            the chosen coordinates, a lower bound if there are others.
            Zero in cells of fewer than 10 records.
        visits: records in each cell.
        total: ∫ σ(x) p(x) dx over the cells, a lower bound since what varies within a cell is averaged.
    """

    edges: tuple[np.ndarray, ...]
    density: Estimate
    velocity: Estimate
    current: Estimate
    diffusivity: np.ndarray
    entropy_production: Estimate
    visits: np.ndarray
    total: Estimate

    @property
    def centres(self) -> tuple[np.ndarray, ...]:
        """Middles of the cells, one array a coordinate."""
        return tuple((edge[1:] + edge[:-1]) / 2 for edge in self.edges)


@observable("model", traits=(HasChain,), number=False)
def currents(
    data: Any,
    *,
    bins: int | tuple[int, ...] = 20,
    coordinates: tuple[int, ...] | None = None,
    limits: Numbers | None = None,
) -> Float[np.ndarray, "states states"] | LocalCurrents:
    """Steady currents: of a chain between its states, of trajectories in cells.

    **Equation**: chains: J_ij = pi_i T_ij − pi_j T_ji. Trajectories: J = p u,
    u(cell) = Σ w Δx/Σ w dt with w the share of an increment that lies in the cell (half at its start
    and half at its end, so that u is of Stratonovich's kind, odd under time reversal);
    D(cell) = Σ w (Δx − u dt)(Δx − u dt)ᵀ/(2 Σ w dt). Errors by jackknife over 64 blocks of the record.

    Args:
        data: a transition or rate matrix or a model with `HasChain`; or `Trajectories` of a steady state,
            gaps and tori allowed.
        bins: cells of each coordinate.
        coordinates: one or two of the trajectories' coordinates; None takes the first two.
        limits: ``(coordinates, 2)`` range of the cells; None is the period, or all but 0.1 % of the states.

    Returns:
        Antisymmetric matrix for a chain, else `LocalCurrents`.

    Raises:
        InvalidInput: as `stationary`; other coordinates, too many cells, or paths that are not steady.
    """
    if not isinstance(data, Trajectories):
        return chain_currents(data)
    check_steady_paths(data, "currents")
    return cell_currents(data, *cells_of(data, bins, coordinates, limits))


@observable("trajectories", number=False)
def local_entropy_production(
    trajectories: Trajectories,
    *,
    bins: int | tuple[int, ...] = 20,
    coordinates: tuple[int, ...] | None = None,
    windows: int = 1,
    limits: Numbers | None = None,
) -> list[LocalCurrents]:
    """Map σ(x, t) of the entropy production in cells, in each window of the record.

    **Equation**: σ(x) = u·D⁻¹·u, see `currents`; its mean over p is the rate, `LocalCurrents.total`.
    In a record that is not steady u holds the velocity that changes the law, too.

    Args:
        trajectories: ``(n, T, dim)``.
        bins, coordinates, limits: as `currents`.
        windows: stretches of time, each with a map.

    Returns:
        One `LocalCurrents` a window, on the same cells.

    Raises:
        InvalidInput: as `currents`, or more windows than intervals.
    """
    frames = trajectories.times.size
    if not 1 <= windows < frames:
        raise InvalidInput(
            f"local_entropy_production: windows = {windows} of {frames} frames; expected 1 to "
            f"{frames - 1}."
        )
    edges, chosen = cells_of(trajectories, bins, coordinates, limits)
    cuts = np.linspace(0, frames - 1, windows + 1).astype(int)
    return [
        cell_currents(trajectories.frames(np.arange(a, b + 1)), edges, chosen)
        for a, b in zip(cuts[:-1], cuts[1:], strict=True)
    ]


def cells_of(
    trajectories: Trajectories,
    bins: int | tuple[int, ...],
    coordinates: tuple[int, ...] | None,
    limits: Numbers | None,
) -> tuple[tuple[np.ndarray, ...], tuple[int, ...]]:
    """Edges of the cells, and the coordinates they divide.

    Raises:
        InvalidInput: states that are no vectors, more than two coordinates, or cells that are none.
    """
    if len(trajectories.event_shape) != 1:
        raise InvalidInput(
            f"currents: states of shape {trajectories.event_shape}; expected vectors (dim,)."
        )
    dim = trajectories.event_shape[0]
    chosen = tuple(range(min(dim, 2))) if coordinates is None else tuple(coordinates)
    if (
        not 1 <= len(chosen) <= 2
        or len(set(chosen)) < len(chosen)
        or not set(chosen) <= set(range(dim))
    ):
        raise InvalidInput(
            f"currents: coordinates = {coordinates}; expected one or two different ones of 0 … {dim - 1}."
        )
    counts = (bins,) * len(chosen) if isinstance(bins, int) else tuple(bins)
    if len(counts) != len(chosen) or min(counts) < 1 or np.prod(counts) > _MOST_CELLS:
        raise InvalidInput(
            f"currents: bins = {bins}; expected a number from 1 on for each of {len(chosen)} "
            f"coordinates, at most {_MOST_CELLS} cells."
        )
    period = periods_of(trajectories.domain, trajectories.event_shape)
    corners = trajectories.domain.bounds
    if limits is None:
        every = max(1, trajectories.times.size * trajectories.n // 200_000)
        some = trajectories.values[:, ::every][trajectories.observed[:, ::every]]
        ranges = np.quantile(some[:, chosen].astype(np.float64), [0.0005, 0.9995], axis=0).T
        for row, i in enumerate(chosen):
            if period[i] > 0:
                low = 0.0 if corners is None else float(np.broadcast_to(corners[0], dim)[i])
                ranges[row] = low, low + period[i]
            elif not ranges[row, 1] > ranges[row, 0]:
                raise InvalidInput(
                    f"currents: coordinate {trajectories.names[i]!r} never moves; choose others with "
                    "coordinates=."
                )
    else:
        ranges = np.asarray(limits, np.float64)
    if ranges.shape != (len(chosen), 2) or not (ranges[:, 1] > ranges[:, 0]).all():
        raise InvalidInput(
            f"currents: limits of shape {ranges.shape}; expected (low, high) for each of "
            f"{len(chosen)} coordinates, low below high."
        )
    edges = tuple(np.linspace(a, b, c + 1) for (a, b), c in zip(ranges, counts, strict=True))
    return edges, chosen


def cell_currents(
    trajectories: Trajectories, edges: tuple[np.ndarray, ...], chosen: tuple[int, ...]
) -> LocalCurrents:
    """Density, velocity and dissipation in cells, in one pass over the record."""
    shape, dim = tuple(len(edge) - 1 for edge in edges), len(chosen)
    size = int(np.prod(shape))
    period = periods_of(trajectories.domain, trajectories.event_shape)[list(chosen)]
    count = block_count(trajectories, 1, _BLOCKS)
    time, moved, outside = np.zeros((count, size)), np.zeros((count, size, dim)), np.zeros(count)
    square, visits = np.zeros((size, dim, dim)), np.zeros(size)
    for block, piece in increment_blocks(trajectories, 1, _BLOCKS):
        move = piece.move[:, chosen]
        for end in (piece.start, piece.end):
            cell, inside = _cell(end[:, chosen], edges, period)
            move_in, dt = move[inside] / 2, piece.dt[inside] / 2
            time[block] += np.bincount(cell, dt, size)
            outside[block] += piece.dt[~inside].sum() / 2
            visits += np.bincount(cell, minlength=size) / 2
            for i in range(dim):
                moved[block, :, i] += np.bincount(cell, move_in[:, i], size)
                for j in range(dim):
                    both = move[inside][:, i] * move[inside][:, j] / 2
                    square[:, i, j] += np.bincount(cell, both, size)
    used = time.sum(1) + outside > 0
    return _finished(edges, shape, time[used], moved[used], square, visits, outside[used])


def _cell(
    x: np.ndarray, edges: tuple[np.ndarray, ...], period: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the cells of the states that lie in one, and which do."""
    number, inside = np.zeros(len(x), int), np.ones(len(x), bool)
    for i, edge in enumerate(edges):
        place = x[:, i]
        if period[i] > 0:
            place = edge[0] + np.mod(place - edge[0], period[i])
        k = np.floor((place - edge[0]) / (edge[1] - edge[0])).astype(int)
        inside &= (k >= 0) & (k < len(edge) - 1)
        number = number * (len(edge) - 1) + k
    return number[inside], inside


def _finished(
    edges: tuple[np.ndarray, ...],
    shape: tuple[int, ...],
    time: np.ndarray,
    moved: np.ndarray,
    square: np.ndarray,
    visits: np.ndarray,
    outside: np.ndarray,
) -> LocalCurrents:
    count, dim = len(time), moved.shape[-1]
    total, whole = time.sum(0), float(time.sum() + outside.sum())
    safe = np.where(total > 0, total, 1.0)
    u = moved.sum(0) / safe[:, None]
    cell = np.prod([edge[1] - edge[0] for edge in edges])
    # Of ratios of sums over blocks: the error of a linear function of the residuals.
    rest = moved - u * time[..., None]
    more = count / max(count - 1, 1)
    covariance = more * np.einsum("bci,bcj->cij", rest, rest) / safe[:, None, None] ** 2
    density = total / whole / cell
    share = time - total / whole * (time.sum(1) + outside)[:, None]
    density_error = np.sqrt(more * (share**2).sum(0)) / whole / cell
    moved_error = moved - moved.sum(0) / whole * (time.sum(1) + outside)[:, None, None]
    current_error = np.sqrt(more * (moved_error**2).sum(0)) / whole / cell
    mean_dt = safe / np.where(visits > 0, visits, 1.0)
    spread = square - np.einsum("ci,cj->cij", u, u) * (safe * mean_dt)[:, None, None]
    diffusivity = spread / (2 * safe)[:, None, None]
    seen = (visits >= _FEWEST_VISITS) & (np.linalg.det(diffusivity) > 0)
    inverse = np.zeros_like(diffusivity)
    inverse[seen] = np.linalg.inv(diffusivity[seen])
    raw = np.einsum("ci,cij,cj->c", u, inverse, u)
    noise = np.einsum("cij,cij->c", inverse, covariance)
    slope = 2 * np.einsum("cij,cj->ci", inverse, u)
    error = np.einsum("ci,cij,cj->c", slope, covariance, slope)
    squared = np.einsum("cij,cjk->cik", inverse, covariance)
    error = np.sqrt(error + 2 * np.einsum("cik,cki->c", squared, squared))
    # What each block adds to the total: through velocities, and through the time spent in cells.
    own = 2 * np.einsum("ci,cij,bcj->b", u, inverse, rest) + share @ (raw - noise)
    rate = float(np.sum((raw - noise) * total) / whole)
    summed = Estimate(
        np.asarray(rate),
        np.asarray(np.sqrt(more * np.sum(own**2)) / whole),
        np.asarray(visits.sum()),
        method="cells",
        bound="lower",
    )
    n = visits.reshape(shape)
    on = lambda a: a.reshape(*shape, *a.shape[1:])
    wide = np.broadcast_to(n[..., None], (*shape, dim))
    return LocalCurrents(
        edges,
        Estimate(on(density), on(density_error), n),
        Estimate(on(u), on(np.sqrt(np.einsum("cii->ci", covariance))), wide),
        Estimate(on(moved.sum(0) / whole / cell), on(current_error), wide),
        on(diffusivity * (total > 0)[:, None, None]),
        Estimate(on(raw - noise), on(error), n, bias=on(noise)),
        n,
        summed,
    )

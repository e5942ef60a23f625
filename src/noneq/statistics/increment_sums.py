"""Sums over the increments of paths that every regression on a library is made of."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from noneq.errors import InvalidInput
from noneq.statistics.increment_blocks import Paths, block_count, increment_blocks
from noneq.statistics.jackknife import jackknife
from noneq.statistics.libraries import AbstractLibrary


@dataclass(frozen=True)
class Totals:
    """Sums over the whole record, or over all of it but one block; as in `Sums`."""

    gram: Float[np.ndarray, "p p"]
    cross: Float[np.ndarray, "p dim"]
    square: Float[np.ndarray, "dim dim"]
    time: float | np.number
    count: float | np.number
    slope: Float[np.ndarray, "p dim"]
    paired: Float[np.ndarray, "p p"]
    lag: int = 1


@dataclass(frozen=True)
class Sums:
    """Sums over the increments of each of K blocks; w are weights, b the library at a point.

    Attributes:
        gram: Σ w b bᵀ dt, ``(K, p, p)``.
        cross: Σ w b Δxᵀ, ``(K, p, dim)``.
        square: Σ w Δx Δxᵀ/dt, ``(K, dim, dim)``.
        time, count: Σ w dt and Σ w, ``(K,)``.
        slope: Σ w ∇b dt, ``(K, p, dim)``; zeros if not asked for.
        paired: Σ w b(start) b(end)ᵀ dt made symmetric, free of noise that differs from frame to
            frame if b is linear; zeros if not asked for.
        lag: frames of an increment; those of a lag above 1 overlap.
    """

    gram: Float[np.ndarray, "K p p"]
    cross: Float[np.ndarray, "K p dim"]
    square: Float[np.ndarray, "K dim dim"]
    time: Float[np.ndarray, " K"]
    count: Float[np.ndarray, " K"]
    slope: Float[np.ndarray, "K p dim"]
    paired: Float[np.ndarray, "K p p"]
    lag: int = 1

    @property
    def parts(self) -> tuple[np.ndarray, ...]:
        """The sums in the order of the attributes, for `noneq.statistics.jackknife`."""
        return (
            self.gram,
            self.cross,
            self.square,
            self.time,
            self.count,
            self.slope,
            self.paired,
        )

    @property
    def total(self) -> Totals:
        """Sums of the blocks."""
        return Totals(*(part.sum(0) for part in self.parts), lag=self.lag)

    def beginning(self, size: int) -> "Sums":
        """Of the first ``size`` functions of the library."""
        return replace(
            self,
            gram=self.gram[:, :size, :size],
            cross=self.cross[:, :size],
            slope=self.slope[:, :size],
            paired=self.paired[:, :size, :size],
        )


def increment_sums(
    trajectories: Paths,
    library: AbstractLibrary,
    *,
    at: Literal["start", "middle"] = "middle",
    lag: int = 1,
    blocks: int = 64,
    weights: Float[np.ndarray, " n"] | None = None,
    slopes: bool = False,
    paired: bool = False,
) -> Sums:
    """One pass over the data, piece by piece, in float64.

    Args:
        trajectories: ``(n, T, dim)``, gaps and uneven times allowed.
        library: p functions of a state.
        at: where the functions are taken: at the start of an increment (Itô sums) or in its middle
            (Stratonovich sums).
        lag: frames of an increment.
        blocks: see `noneq.statistics.increment_blocks.increment_blocks`.
        weights: of the trajectories; None is 1 each.
        slopes, paired: whether to take these sums too.

    Raises:
        InvalidInput: no increment of that lag, or a library that is not finite on the data.
    """
    dim = int(np.prod(trajectories.event_shape))
    size, count = library.sizes(dim)[-1], block_count(trajectories, lag, blocks)
    zeros = lambda *shape: np.zeros((count, *shape))
    gram, cross, square = zeros(size, size), zeros(size, dim), zeros(dim, dim)
    time, number = zeros(), zeros()
    slope, pair = zeros(size, dim), zeros(size, size)
    rows = max(256, min(2**16, 2**22 // max(size, 1)))
    for k, piece in increment_blocks(trajectories, lag, blocks, rows):
        where = piece.start if at == "start" else piece.middle
        values, w = library.values(where), 1.0 if weights is None else weights[piece.path]
        w_dt = w * piece.dt
        gram[k] += _product(values, values, w_dt)
        cross[k] += _product(values, piece.move, w * np.ones_like(piece.dt))
        square[k] += _product(piece.move, piece.move, w / piece.dt)
        time[k] += w_dt.sum()
        number[k] += np.sum(w * np.ones_like(piece.dt))
        if slopes:
            slope[k] += np.einsum("n,npd->pd", w_dt, library.gradients(where))
        if paired:
            first = values if at == "start" else library.values(piece.start)
            both = _product(first, library.values(piece.end), w_dt)
            pair[k] += (both + both.T) / 2
    if not np.isfinite(gram).all():
        raise InvalidInput(
            f"The library {type(library).__name__} has values that are not finite on the data; "
            "give functions that are defined wherever the paths go."
        )
    return Sums(gram, cross, square, time, number, slope, pair, lag)


def over_blocks(
    function: Callable[..., Any], *sums: Sums
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`noneq.statistics.jackknife.jackknife` of a function of `Totals`, one argument for each sums."""
    width = len(sums[0].parts)

    def of(*parts: Any) -> Any:
        cuts = [parts[i * width : (i + 1) * width] for i in range(len(sums))]
        return function(*(Totals(*cut, lag=s.lag) for cut, s in zip(cuts, sums, strict=True)))

    return jackknife(of, [part for s in sums for part in s.parts])


def _product(
    left: Float[np.ndarray, "N p"],
    right: Float[np.ndarray, "N q"],
    weight: Float[np.ndarray, " N"],
) -> Float[np.ndarray, "p q"]:
    """Σ_n weight_n left_n right_nᵀ; a weight that is the same for all is taken out of the sum."""
    if np.ptp(weight) <= 1e-9 * abs(weight[0]):
        return left.T @ right * float(weight.mean())
    return (left * weight[:, None]).T @ right

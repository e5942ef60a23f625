"""Jensen–Shannon divergence of histograms."""

import math
from typing import Any

import numpy as np

from noneq._typing import Key
from noneq.domains import AbstractDomain
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.metrics.comparison import Comparison, pair, whole
from noneq.needs import metric


@metric(takes=("truth", "key"))
def jensen_shannon(
    samples: Any,
    reference: Any,
    *,
    bins: int = 32,
    domain: AbstractDomain | None = None,
    truth: Any = None,
    key: Key | None = None,
) -> Estimate:
    """Jensen–Shannon divergence in bits of two histograms, per time.

    **Equation**: JSD = ½ Σ p log₂(p/m) + ½ Σ q log₂(q/m), m = (p + q)/2; the divergence itself
    (0..1), not its root. Its expectation grows with cells and falls with samples: read it
    beside the floor.

    The standard error is a jackknife of both samples (mean of one sample more and one less)
    less half of the second-order part, which the jackknife counts twice.

    Args:
        samples, reference: `Snapshots`, `Trajectories` or an array ``(n, *event_shape)``;
            states of at most three coordinates.
        bins: cells per coordinate on the box ``domain.bounds``. States outside fall into one
            extra cell; on a torus they are wrapped first.
        domain: where the states live; None: the reference's. In free space the box is the
            range of the reference over all times, widened by 5 % on each side.
        truth: a second, independent truth sample for the floor; None: halves of the reference.
        key: for subsampling; None: ``jax.random.key(0)``.

    Returns:
        One entry per shared time (a scalar for arrays), unit bit.

    Raises:
        InvalidInput: more than three coordinates, bins < 2, no shared time, too few samples.
        WrongType: a domain or key of the wrong kind.
    """
    comparison = pair(samples, reference, truth, domain)
    cells = cell_finder(comparison, bins)
    return comparison.map(cells).estimate(cell_divergence, key=key, unit="bit")


def cell_finder(comparison: Comparison, bins: int):
    """Function from states ``(n, *event_shape)`` to cell numbers ``(n,)``; 0 is outside.

    Raises:
        InvalidInput: more than three coordinates, or bins < 2.
    """
    bins = whole(bins, "bins", 2)
    dim = math.prod(comparison.event_shape)
    if dim > 3:
        raise InvalidInput(
            f"a histogram of {dim} coordinates is not possible (at most 3); use sliced_w2 or mmd, "
            "or fewer coordinates (data.select(3), command line: --components 3)."
        )
    low, high = _box(comparison, dim)

    def cells(x: np.ndarray) -> np.ndarray:
        x = x.reshape(len(x), dim)
        inside = np.all((x >= low) & (x <= high), axis=1)
        scaled = np.where(inside[:, None], (x - low) / (high - low), 0.0)
        index = np.minimum((scaled * bins).astype(np.int64), bins - 1)
        flat = index @ np.asarray([bins**k for k in range(dim)], np.int64)
        return np.where(inside, flat + 1, 0)

    return cells


def _box(comparison: Comparison, dim: int) -> tuple[np.ndarray, np.ndarray]:
    bounds = comparison.domain.bounds
    if bounds is not None:
        low, high = (np.broadcast_to(b, comparison.event_shape).reshape(dim) for b in bounds)
        return low.astype(np.float64), high.astype(np.float64)
    frames = [frame.reshape(len(frame), dim) for frame in comparison.reference]
    low = np.min([frame.min(axis=0) for frame in frames], axis=0)
    high = np.max([frame.max(axis=0) for frame in frames], axis=0)
    # A constant coordinate still needs a box of some width.
    width = np.where(high > low, high - low, np.maximum(1.0, np.abs(low)))
    return low - 0.05 * width, high + 0.05 * width


def cell_divergence(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """Divergence in bits of two samples of cell numbers, and its standard error."""
    del rng
    _, inverse = np.unique(np.concatenate([x, y]), return_inverse=True)
    size = int(inverse.max()) + 1
    c = np.bincount(inverse[: len(x)], minlength=size)
    d = np.bincount(inverse[len(x) :], minlength=size)
    n, m = len(x), len(y)
    p, q = c / n, d / m
    value = float(_terms(p, q).sum())
    variance = np.mean(
        [_jackknife(c, q, n, step) + _jackknife(d, p, m, step) for step in (-1.0, 1.0)]
    )
    # Second-order (chi-square like) variance ½ tr(HΣHΣ); cells seen once or never have none.
    both = (c > 1) & (d > 1)
    p, q = p[both], q[both]
    second = np.sum(((q / n + p / m) / (p + q)) ** 2) / (8 * math.log(2) ** 2)
    return min(max(value, 0.0), 1.0), math.sqrt(max(variance - second, second))


def _terms(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Contribution of each cell to the divergence; 0 log 0 = 0."""
    half = (p + q) / 2
    ratio = lambda a: np.divide(a, half, out=np.ones_like(half), where=a > 0)
    return 0.5 * (p * np.log2(ratio(p)) + q * np.log2(ratio(q)))


def _jackknife(counts: np.ndarray, other: np.ndarray, n: int, step: float) -> float:
    """Variance over the samples of the change that one sample more or less makes."""
    p = counts / n
    change = np.where(
        counts > 0, _terms(np.maximum(p + step / n, 0.0), other) - _terms(p, other), 0
    )
    return float(counts @ (change - counts @ change / n) ** 2)

"""Least dissipation that fluctuations or a given time allow."""

from typing import Any

import numpy as np

from noneq._typing import Numbers
from noneq.data.checks import host_array
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.needs import observable
from noneq.statistics.assignment import line_transport
from noneq.systems.linear import square_root
from noneq.thermo.free_energies.inputs import as_vector


@observable("values")
def current_bound(current: Any, *, duration: float | None = None) -> Estimate:
    """Thermodynamic uncertainty relation: what the noise of a current says of its cost.

    **Equation**: S ≥ 2 ⟨J⟩²/Var J, S the mean entropy production over the window of J, for a steady
    state of overdamped or jump dynamics and any current that changes sign when time runs backwards
    (a distance, a charge, the work of a constant force). Transients and driven protocols do not obey it.

    Args:
        current: ``(n,)`` the current integrated over one window, for independent windows.
        duration: of the window, to give a rate; None gives the entropy of the window.

    Returns:
        Lower bound in nats (k_B = 1), or per unit time; ``bias`` is what the finite number of windows
        adds to ⟨J⟩² and was taken off; never below 0.

    Raises:
        InvalidInput: fewer than ten windows, a current that never changes, or a duration not positive.

    Source: Barato and Seifert 2015; Gingrich et al. 2016.
    """
    j = as_vector(current, "current_bound: current", least=10)
    if duration is not None and not 0 < duration < float("inf"):
        raise InvalidInput(f"current_bound: duration = {duration}; it must be > 0.")
    mean, variance, n = float(j.mean()), float(j.var(ddof=1)), j.size
    if not variance > 1e-24 * mean**2 or variance == 0:
        raise InvalidInput(
            "current_bound: the current is the same in all windows; without fluctuations the bound "
            "says infinity. Give the current of single windows, not their mean."
        )
    raw = 2 * mean**2 / variance
    bias = 2 / n
    # Delta method; the second term for a mean near zero.
    error = np.sqrt(4 * raw * 2 / n + 2 * raw**2 / n + 8 / n**2)
    per = 1.0 if duration is None else duration
    return Estimate(
        np.asarray(max(raw - bias, 0.0) / per),
        np.asarray(error / per),
        np.asarray(n),
        bound="lower",
        method="tur",
        bias=np.asarray(bias / per),
    )


@observable("values")
def speed_limit(
    start: Numbers, end: Numbers, *, duration: float, mobility: float = 1.0, unit: str = ""
) -> Estimate:
    """Least work that is lost when a law is carried into another in a given time.

    **Equation**: W_diss ≥ W₂²(p₀, p_τ)/(mobility τ) for overdamped motion at one temperature; over kT
    it is the least entropy production, W₂²/(D τ) with D = mobility/beta.

    W₂ is exact on a line. In more dimensions it is that of the Gaussians of the same mean and
    covariance, which is never more than W₂ (Gelbrich).

    Args:
        start, end: ``(n, dim)`` or ``(n,)`` samples of both laws; the numbers may differ.
        duration: τ.
        mobility: of the motion, 1 for the systems of this library.
        unit: of the result.

    Returns:
        Lower bound as energy. Two samples of one law are some distance apart: that is measured by
        halves of each, taken off as ``bias``, and the result is never below 0.

    Raises:
        InvalidInput: fewer than ten samples, other shapes, NaN, or numbers not positive.

    Source: Aurell, Mejía-Monasterio and Muratore-Ginanneschi 2011; Gelbrich 1990.
    """
    for name, value in (("duration", duration), ("mobility", mobility)):
        if not 0 < value < float("inf"):
            raise InvalidInput(f"speed_limit: {name} = {value}; it must be > 0.")
    x, y = _samples(start, "start"), _samples(end, "end")
    if x.shape[1] != y.shape[1]:
        raise InvalidInput(
            f"speed_limit: states of {x.shape[1]} and {y.shape[1]} coordinates; give the same ones."
        )
    rng = np.random.default_rng(0)
    square = _squared_distance(x, y)
    bias = sum(_own_distance(z, rng) for z in (x, y)) / 2
    draws = [
        _squared_distance(x[rng.integers(0, len(x), len(x))], y[rng.integers(0, len(y), len(y))])
        for _ in range(50)
    ]
    scale = 1 / (mobility * duration)
    return Estimate(
        np.asarray(max(square - bias, 0.0) * scale),
        np.asarray(np.std(draws, ddof=1) * scale),
        np.asarray(min(len(x), len(y))),
        bound="lower",
        unit=unit,
        method="speed_limit",
        bias=np.asarray(bias * scale),
    )


def _samples(values: Any, name: str) -> np.ndarray:
    array = host_array(values, f"speed_limit: {name}")
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or len(array) < 10 or array.dtype.kind not in "fiu" or not array.shape[1]:
        raise InvalidInput(
            f"speed_limit: {name} has shape {array.shape}; expected (n, dim), at least 10 samples."
        )
    array = array.astype(np.float64)
    if not np.isfinite(array).all() or np.abs(array).max() > 1e100:
        raise InvalidInput(f"speed_limit: {name} holds NaN or infinity; leave those samples out.")
    return array


def _squared_distance(x: np.ndarray, y: np.ndarray) -> float:
    if x.shape[1] == 1:
        return line_transport(x, y, 2)[0]
    shift = np.sum((x.mean(0) - y.mean(0)) ** 2)
    a, b = (np.cov(z.T) for z in (x, y))
    root = square_root(a)
    return float(shift + np.trace(a + b - 2 * square_root(root @ b @ root)))


def _own_distance(x: np.ndarray, rng: np.random.Generator) -> float:
    """What the finite number adds: halves of one sample differ by twice its variance."""
    order = rng.permutation(len(x))
    halves = np.array_split(x[order], 2)
    return _squared_distance(*halves) / 2

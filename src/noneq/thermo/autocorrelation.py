"""How long a chain remembers where it was."""

from typing import Any

import numpy as np
from jaxtyping import Float

from noneq._typing import Numbers
from noneq.data.ensembles import Trajectories
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.needs import observable


_WINDOW, _LEAST = 5.0, 4.0
_GROUPS = 16


@observable("trajectories")
def autocorrelation_time(paths: Trajectories | Numbers) -> Estimate:
    """Integrated autocorrelation time of a stationary chain, in its own time unit.

    **Equation**: τ = [1 + 2 Σ_{k=1}^{W} ρ(k)] Δ, ρ(k) = Σ_i C_i(k)/Σ_i C_i(0), C_i(k) the
    covariance of coordinate i over k records, Δ the recording interval, W the smallest window
    with W ≥ 5 max(τ/Δ, 4). A mean over T records of the chain is as good as one over T Δ/τ independent
    draws: 1 for independent records, less for a chain that avoids its own past.

    Args:
        paths: `Trajectories` on evenly spaced times, complete, or an array
            ``(n, T, *event_shape)`` of interval 1. Transients should be cut off before.

    Returns:
        Error by jackknife over (groups of) the n ≥ 2 chains.

    Raises:
        InvalidInput: fewer than two chains or ten times, uneven times, or constant states.

    Source: Sokal 1997, section 3 (window of five times τ; the least window is ours: the
    correlation of chains that avoid their past changes sign).
    """
    values, interval = _checked(paths)
    n, steps = values.shape[:2]
    flat = values.reshape(n, steps, -1)
    centred = flat - flat.mean((0, 1))
    # Zero padding keeps the end of a chain from meeting its beginning.
    spectrum = np.fft.rfft(centred, 2 * steps, axis=1)
    power = (np.abs(spectrum) ** 2).sum(-1)
    covariance = np.fft.irfft(power, axis=1)[:, :steps] / np.arange(steps, 0, -1)
    if not covariance[:, 0].sum() > 0:
        raise InvalidInput("autocorrelation_time: the states never change; there is no memory.")
    groups = np.array_split(np.arange(n), min(n, _GROUPS))
    whole = _windowed(covariance.mean(0))
    without = [_windowed(np.delete(covariance, group, axis=0).mean(0)) for group in groups]
    spread = np.sqrt((len(groups) - 1) * np.var(without))
    return Estimate(np.asarray(whole * interval), np.asarray(spread * interval), np.asarray(n))


def _windowed(covariance: Float[np.ndarray, " steps"]) -> float:
    """τ/Δ with the self-consistent window."""
    times = 1 + 2 * np.cumsum(covariance / covariance[0])[:-1] - 2
    times = np.concatenate([[1.0], times[1:]])
    wide = np.arange(len(times)) >= _WINDOW * np.maximum(times, _LEAST)
    return float(times[np.argmax(wide) if wide.any() else -1])


def _checked(paths: Any) -> tuple[np.ndarray, float]:
    """Values ``(n, T, *event)`` in float64, and the recording interval."""
    if isinstance(paths, Trajectories):
        steps = np.diff(paths.times)
        if paths.mask is not None and not paths.mask.all():
            raise InvalidInput("autocorrelation_time: observations are missing; give whole paths.")
        if steps.size and np.ptp(steps) > 1e-6 * steps.max():
            raise InvalidInput("autocorrelation_time: times must be evenly spaced.")
        values, interval = paths.values, float(steps[0]) if steps.size else 1.0
    else:
        values, interval = np.asarray(paths), 1.0
    if values.ndim < 2 or values.shape[0] < 2 or values.shape[1] < 10:
        raise InvalidInput(
            f"autocorrelation_time: paths have shape {values.shape}; expected at least 2 chains "
            "of 10 times, (n, T, *event_shape)."
        )
    if not np.isfinite(values).all():
        raise InvalidInput("autocorrelation_time: paths hold NaN or infinity.")
    return values.astype(np.float64), interval

"""Entropy production of the linear law that fits paths best."""

import numpy as np

from noneq.data.ensembles import Trajectories
from noneq.domains import is_periodic
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.needs import observable
from noneq.statistics.gram import solve
from noneq.statistics.increment_sums import Totals, increment_sums, over_blocks
from noneq.statistics.increments import even
from noneq.statistics.regression import check_noise, residual_rate
from noneq.thermo.estimators.library_choice import suited_library
from noneq.thermo.path_checks import (
    block_number,
    check_noise_of_all,
    check_rough,
    check_steady_paths,
)


_ROUNDING = 1e-10


@observable("trajectories")
def gaussian_rate(
    trajectories: Trajectories, *, localisation: bool = False, exposure: float = 0.0
) -> Estimate:
    """Entropy production rate of the linear law dX = −A X dt + √(2D) dW fitted to the paths.

    **Equation**: A = (1 − E)/dt with E = C(dt) C(0)^{-1}, 2D dt the covariance of the residuals,
    A S + S Aᵀ = 2D: σ = Tr[Aᵀ D^{-1} A S] − Tr A. ``limit`` takes A = −ln E/dt and D = (A S + S Aᵀ)/2
    instead, which is exact at any dt for records of a linear diffusion. (On records whose own law is a
    step of Euler's scheme it is ``value`` that is exact.) Bias and error are by jackknife over 64
    blocks of the record.

    With measurement noise E = C(2dt) C(dt)^{-1}, S = E^{-1} C(dt) and D from the growth of the residuals
    between two lags; none of these knows noise that is independent from frame to frame.

    Args:
        trajectories: ``(n, T, dim)`` of a steady state at even times; gaps are allowed; all
            coordinates even under time reversal.
        localisation: the positions carry measurement noise, independent from frame to frame.
        exposure: part of the interval over which the camera averages, 0…1.

    Returns:
        Nats per unit time, k_B = 1, with ``bias`` and ``limit`` (None where dt is so long that E has
        no logarithm).

    Raises:
        InvalidInput: uneven times, a periodic coordinate, a fitted law without a steady state, or what
            `noneq.thermo.force_current_rate` refuses.

    Source: Weiss 2003, eq. 20; Vestergaard, Blainey and Flyvbjerg 2014 (noise).
    """
    name = "gaussian_rate"
    if is_periodic(trajectories.domain):
        raise InvalidInput(
            f"{name}: a periodic coordinate has no linear law; use force_current_rate, or unwrapped "
            "cos and sin of it."
        )
    if trajectories.times.size > 1 and not even(np.diff(trajectories.times)):
        raise InvalidInput(
            f"{name}: the times are uneven; resample, mask missing frames, or use force_current_rate."
        )
    check_steady_paths(trajectories, name)
    check_noise(trajectories, localisation, exposure)
    library = suited_library(trajectories, 1)
    scale = np.asarray(library.scale)
    lags = (1, 2) if localisation or trajectories.times.size > 4 else (1,)
    blocks = block_number(trajectories, lags[-1])
    sums = [
        increment_sums(
            trajectories, library, at="start", lag=lag, blocks=blocks, paired=localisation
        )
        for lag in lags
    ]
    if not localisation and len(sums) > 1:
        first, second = (np.diag(residual_rate(s.total)) for s in sums)
        check_rough(second / first, trajectories, name)
        sums = sums[:1]
    law = lambda *totals: _law(totals, scale, exposure)
    A, D, _ = law(*(s.total for s in sums))
    check_noise_of_all(D, trajectories, name)
    if (slow := np.linalg.eigvals(A).real.min()) <= 0:
        raise InvalidInput(
            f"{name}: the fitted law has the relaxation rate {slow:.2g} and so no steady state; record "
            "longer, leave out coordinates that drift, or use force_current_rate on a torus."
        )
    try:
        value, bias, stderr = over_blocks(lambda *totals: _both(*law(*totals)), *sums)
    except _NoLogarithm:
        value, bias, stderr = over_blocks(lambda *totals: [_rate(*law(*totals)[:2])], *sums)
    # Two terms cancel: in one dimension exactly, up to rounding that blocks share.
    stderr = np.maximum(stderr, _ROUNDING * np.trace(A))
    notes = ["The drift is taken as linear and the noise as constant."]
    if len(value) == 1:
        notes.append("The interval is too long for an extrapolation to small ones.")
    else:
        notes.append(f"Limit of small intervals {value[1]:.4g} ± {stderr[1]:.2g}.")
    unit = f"1/{trajectories.time_unit}" if trajectories.time_unit else ""
    return Estimate(
        np.asarray(value[0]),
        np.asarray(stderr[0]),
        np.asarray(trajectories.n),
        method="gaussian",
        bias=np.asarray(bias[0]),
        limit=np.asarray(value[1]) if len(value) > 1 else None,
        limit_stderr=np.asarray(stderr[1]) if len(value) > 1 else None,
        notes=tuple(notes),
        unit=unit,
    )


class _NoLogarithm(Exception):
    """E has a negative eigenvalue: no diffusion in continuous time has it."""


def _law(
    totals: tuple[Totals, ...], scale: np.ndarray, exposure: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """(A, D, dt), every coordinate in the unit ``scale``, on which the rate does not depend."""
    one = totals[0]
    dt = float(one.time / one.count)
    if len(totals) == 1:
        slopes = solve(one.gram, one.cross)
        D = residual_rate(one) / (2 * (1 - exposure / 3))
    else:
        two = totals[1]
        # ⟨x(t) [x(t + 2) − x(t + 1)]⟩: noise of one frame meets none of the others.
        cross = two.cross / two.count - one.cross / one.count
        slopes = solve(one.paired / one.time * dt, cross)
        D = (2 * residual_rate(two) - residual_rate(one)) / 2
    A = -(slopes[1:] / scale).T
    return A, D / scale / scale[:, None], dt


def _rate(A: np.ndarray, D: np.ndarray) -> float:
    """Tr[Aᵀ D^{-1} A S] − Tr A."""
    from scipy.linalg import solve_continuous_lyapunov

    S = solve_continuous_lyapunov(A, 2 * D)
    return float(np.trace(A.T @ np.linalg.solve(D, A) @ S) - np.trace(A))


def _both(A: np.ndarray, D: np.ndarray, dt: float) -> list[float]:
    """At the data's interval, and extrapolated."""
    return [_rate(A, D), _limit(A, D, dt)]


def _limit(A: np.ndarray, D: np.ndarray, dt: float) -> float:
    """The same of the diffusion whose records at interval dt have the law of one step."""
    from scipy.linalg import logm, solve_discrete_lyapunov

    E = np.eye(len(A)) - A * dt
    values = np.linalg.eigvals(E)
    if ((values.real <= 0) & (abs(values.imag) < 1e-12)).any() or np.abs(values).max() >= 1:
        raise _NoLogarithm
    rates = -np.real(logm(E)) / dt
    S = solve_discrete_lyapunov(E, 2 * D * dt)
    return _rate(rates, (rates @ S + S @ rates.T) / 2)

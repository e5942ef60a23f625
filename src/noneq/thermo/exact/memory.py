"""Motion with a memory: correlations of the generalised Langevin equation, and slow relaxation."""

import math

import numpy as np

from noneq._typing import Numbers
from noneq.errors import InvalidInput
from noneq.systems.delays import LinearDelay
from noneq.systems.fractional import (
    FractionalTrap,
    fractional_covariance as fractional_covariance,
)
from noneq.systems.memory import MemoryLangevin


_REACH, _POINTS = 3.2, 2001
"""Reach and points of the tanh–sinh rule."""


def memory_kernel(times: Numbers, friction: float = 1.0, tau: float = 0.5) -> np.ndarray:
    """K(t) = (friction/tau) e^{−t/tau}, the memory of `noneq.systems.MemoryLangevin`.

    Args:
        times: (T,) ≥ 0.
        friction: ∫ K dt.
        tau: memory time.
    """
    return friction / tau * np.exp(-np.atleast_1d(np.asarray(times, float)) / tau)


def memory_correlation(
    times: Numbers,
    frequency: float = 1.0,
    friction: float = 1.0,
    tau: float = 0.5,
    temperature: float = 1.0,
) -> np.ndarray:
    """Stationary correlations of the same system.

    **Equation**: ⟨y(t) y(0)^T⟩ = e^{−A t} Sigma of y = (x, v, z).

    Args:
        times: (T,) lags ≥ 0.
        frequency, friction, tau, temperature: as of `noneq.systems.MemoryLangevin`.

    Returns:
        (T, 3, 3); [:, 1, 1] is the correlation of velocities.
    """
    from scipy.linalg import expm

    system = MemoryLangevin(frequency, friction, tau, temperature)
    lags = np.atleast_1d(np.asarray(times, float))[:, None, None]
    return expm(-system.matrices()[0] * lags) @ system.stationary_covariance()


def memory_laplace(
    s: float,
    frequency: float = 1.0,
    friction: float = 1.0,
    tau: float = 0.5,
    temperature: float = 1.0,
) -> float:
    """∫_0^∞ e^{−s t} ⟨v(t) v(0)⟩ dt of the same system.

    **Equation**: kT/[s + frequency²/s + friction/(1 + s tau)].
    """
    return temperature / (s + frequency**2 / s + friction / (1 + s * tau))


def fractional_relaxation(times: Numbers, alpha: float) -> np.ndarray:
    """E_alpha(−t^alpha), the Mittag-Leffler relaxation; alpha = 1/2 is e^t erfc(√t).

    **Equation**: (sin πα/π) ∫_0^∞ e^{−k t} k^{α−1}/(k^{2α} + 2 k^α cos πα + 1) dk, an average of
    exponentials over their rates k; ten digits.

    Args:
        times: (T,) ≥ 0.
        alpha: between 0 and 1, 1 included (e^{−t}).

    Raises:
        InvalidInput: alpha or times outside these.
    """
    times = np.atleast_1d(np.asarray(times, float))
    if not 0 < alpha <= 1 or not (times >= 0).all():
        raise InvalidInput(
            f"fractional_relaxation: alpha = {alpha}, times from {times.min()}; expected "
            "0 < alpha ≤ 1 and times ≥ 0."
        )
    if alpha == 1:
        return np.exp(-times)
    # The share φ of rates below k is known, so the integral is over φ, by the tanh–sinh rule.
    theta, s = math.pi * alpha, np.linspace(-_REACH, _REACH, _POINTS)
    share = np.tanh(math.pi / 2 * np.sinh(s))
    weight = np.cosh(s) / np.cosh(math.pi / 2 * np.sinh(s)) ** 2 * math.pi / 4 * (s[1] - s[0])
    with np.errstate(divide="ignore", over="ignore"):
        log_rate = 2 / alpha * np.arctanh(np.tan(share * theta / 2) / math.tan(theta / 2))
        return np.exp(-np.exp(log_rate.clip(max=700)) * times[:, None]) @ weight


def subdiffusion(times: Numbers, alpha: float, generalised_diffusivity: float = 1.0) -> np.ndarray:
    """Mean squared displacement of a coordinate that diffuses anomalously.

    **Equation**: 2 D_α t^α/Γ(1 + α).

    Args:
        times: (T,) ≥ 0.
        alpha: exponent, > 0; 1 is ordinary diffusion.
        generalised_diffusivity: D_α, length² per time^α.
    """
    times = np.atleast_1d(np.asarray(times, float))
    return 2 * generalised_diffusivity * times**alpha / math.gamma(1 + alpha)


def fractional_variance(hurst: float, rate: float = 1.0, strength: float = 1.0) -> float:
    """Stationary variance of `noneq.systems.FractionalTrap`.

    **Equation**: strength² Γ(2H + 1)/(2 rate^{2H}).

    Args:
        hurst, rate, strength: as of the system.
    """
    return FractionalTrap(hurst, rate, strength).stationary_variance()


def delay_variance(rate: float, feedback: float, delay: float, diffusivity: float = 1.0) -> float:
    """Stationary variance of `noneq.systems.LinearDelay`.

    **Equation**: diffusivity (l + b sin lτ)/(l (a + b cos lτ)), l = √(b² − a²), for rate a, feedback
    b and delay τ.

    Args:
        rate, feedback, delay, diffusivity: as of the system.
    """
    return LinearDelay(rate, feedback, delay, diffusivity).stationary_variance()

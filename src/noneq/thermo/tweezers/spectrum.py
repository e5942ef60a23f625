"""Power spectrum of a trapped bead as a camera or a sampling card records it."""

import numpy as np
from jaxtyping import Float


Vector = Float[np.ndarray, " K"]


def periodogram(values: Float[np.ndarray, "n T"], dt: float) -> tuple[Vector, Vector]:
    """Frequencies between 0 and Nyquist's, both left out, and the power at each, mean over paths.

    **Equation**: P_k = |Σ_j x_j e^{−2πi jk/T}|² dt/T, two-sided: its integral from −1/(2dt) to
    1/(2dt) is the variance.
    """
    T = values.shape[1]
    centred = values - values.mean(1, keepdims=True)
    power = np.abs(np.fft.rfft(centred, axis=1)) ** 2 * dt / T
    kept = slice(1, (T + 1) // 2)
    return np.fft.rfftfreq(T, dt)[kept], power.mean(0)[kept]


def trap_spectrum(
    frequency: Vector,
    corner: float,
    diffusion: float,
    dt: float,
    *,
    exposure: float = 0.0,
    noise: float = 0.0,
) -> Vector:
    """Power of a bead in a harmonic trap, aliased, blurred and with localisation noise.

    **Equation**: positions averaged over an exposure W ≤ dt have the covariances, σ² = D/a, a = 2π f_c,
    C_0 = σ² 2 (aW − 1 + e^{−aW})/(aW)² and C_m = σ² [sinh(aW/2)/(aW/2)]² e^{−a dt m}, whose sum over all
    lags is the spectrum with every alias; white noise adds noise² dt. W = 0 and dt → 0 is the
    Lorentzian D/(2π²(f_c² + f²)).

    Args:
        frequency: (K,).
        corner: f_c = stiffness/(2π drag).
        diffusion: D.
        dt: sampling interval.
        exposure: W; 0 for a sampling card.
        noise: standard deviation of the localisation error.

    Source: Berg-Sørensen and Flyvbjerg 2004, eq. 20 (aliasing); Wong and Halvorsen 2006 (blur).
    """
    rate = 2 * np.pi * corner
    variance, decay = diffusion / rate, np.exp(-rate * dt)
    first, later = _blur(rate * exposure)
    angle = np.cos(2 * np.pi * frequency * dt)
    series = decay * (angle - decay) / (1 - 2 * decay * angle + decay**2)
    return dt * (variance * (first + 2 * later * series) + noise**2)


def _blur(z: float) -> tuple[float, float]:
    """Factors of C_0 and of all other covariances, for z = aW."""
    if z < 1e-3:
        return 1 - z / 3, 1 + z**2 / 12
    # Beyond 60 the correlation over the next interval is below e^−60 in any case.
    half = min(z, 60.0) / 2
    return 2 * (z + np.expm1(-z)) / z**2, (np.sinh(half) / half) ** 2

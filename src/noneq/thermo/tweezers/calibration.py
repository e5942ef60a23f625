"""Stiffness, diffusion and length scale of an optical trap from its power spectrum."""

import warnings
from dataclasses import dataclass

import numpy as np

from noneq.data.ensembles import Trajectories
from noneq.errors import InvalidInput, NoneqError
from noneq.estimate import Estimate
from noneq.needs import observable
from noneq.thermo.tweezers.drag import stokes_drag
from noneq.thermo.tweezers.spectrum import periodogram, trap_spectrum
from noneq.thermo.units import size_of, thermal_energy


_LEAST = 64
_SHORTEST = 20.0
"""Relaxation times that a path must last, for a spectrum without much leakage."""
_BLOCK = 32
_COARSE = 3.0
"""Relaxation times between frames, beyond which neighbours hardly know of each other."""


@dataclass(frozen=True)
class Calibration:
    """A trap, from `trap_calibration`.

    Attributes:
        corner_frequency: f_c = stiffness/(2π drag), per unit time.
        diffusion: D in squared coordinates per unit time.
        stiffness: 2π f_c kT/D: in pN/nm where the unit of length is known, else kT per squared
            coordinate. It takes no drag and no radius, but the coordinate as a length.
        relaxation_time: 1/(2π f_c).
        noise: standard deviation of the localisation error, or None if none was fitted.
        conversion: nm per unit of the coordinate, √(D of a sphere/D measured); None without radius.
        converted_stiffness: 2π f_c times the drag of the sphere, pN/nm; None without radius.
        interval: sampling interval over the relaxation time.
        p_value: of the fit, χ² over blocks of 32 frequencies: a small one says no harmonic trap.
        notes: what was corrected.
    """

    corner_frequency: Estimate
    diffusion: Estimate
    stiffness: Estimate
    relaxation_time: Estimate
    noise: Estimate | None
    conversion: Estimate | None
    converted_stiffness: Estimate | None
    interval: float
    p_value: float
    notes: tuple[str, ...]


@observable("trajectories", number=False)
def trap_calibration(
    trajectories: Trajectories,
    *,
    coordinate: int = 0,
    temperature: float = 298.15,
    exposure: float = 0.0,
    fit_noise: bool = False,
    radius: float | None = None,
    viscosity: float = 8.9e-4,
    height: float | None = None,
    perpendicular: bool = False,
) -> Calibration:
    """Calibrate an optical trap by the power spectrum of a bead in it.

    **Equation**: the periodogram P̂_k of a stationary record is exponentially distributed around the
    aliased and blurred Lorentzian P_k (`trap_spectrum`); f_c, D and the noise minimise
    Σ_k ln P_k + P̂_k/P_k (Whittle's likelihood), with the errors of its Fisher information.

    Drag is a constant: the frequency dependence of the fluid's inertia (above some kHz for micrometre
    beads) is left out.

    Args:
        trajectories: positions on even times, complete, of a bead at rest in its trap.
        coordinate: which one.
        temperature: kelvin.
        exposure: of the camera, in the data's unit of time, at most the interval; 0 is none.
        fit_noise: whether a localisation error is fitted too.
        radius: of the bead in nm, for the conversion of a detector's volts to nm.
        viscosity: Pa s.
        height: of the bead's centre above the wall in nm (Faxén's drag); None is far away.
        perpendicular: whether the coordinate points towards the wall.

    Returns:
        `Calibration`.

    Raises:
        InvalidInput: gaps, uneven times, fewer than 64 frames, no motion, no such coordinate, an
            exposure longer than the interval, or a unit of time needed for the conversion that is unknown.

    Warns:
        UserWarning: an interval that is no longer resolved, or a record of few relaxation times.

    Source: Berg-Sørensen and Flyvbjerg 2004; Whittle 1953; blur: Wong and Halvorsen 2006; wall: Faxén.
    """
    values, dt = _checked(trajectories, coordinate, exposure)
    frequency, power = periodogram(values, dt)
    fit = _Fit(frequency, power, len(values), dt, exposure)
    parameters = fit.solved(fit_noise)
    errors = fit.covariance(parameters)
    corner, diffusion = np.exp(parameters[:2])
    notes = _notes(exposure, fit_noise, height)
    unit, clock, n = trajectories.units[coordinate], trajectories.time_unit, values.size
    per = lambda top: f"{top}/{clock}" if clock and top else ""
    made = lambda value, relative, unit: Estimate(
        np.asarray(value), np.asarray(abs(value) * relative), np.asarray(n), unit=unit
    )
    relative = np.sqrt(np.diag(errors))
    ratio_error = float(np.sqrt(errors[0, 0] + errors[1, 1] - 2 * errors[0, 1]))
    interval = 2 * np.pi * corner * dt
    _warn(float(relative[0]), interval, values.shape[1] * interval)
    ratio, stiff_unit = 2 * np.pi * corner / diffusion, f"kT/{unit}^2" if unit else "kT"
    try:
        ratio, stiff_unit = (
            ratio * thermal_energy(temperature) / size_of(unit, "length") ** 2,
            "pN/nm",
        )
    except NoneqError:
        thermal_energy(temperature)
    conversion, converted = None, None
    if radius is not None:
        drag = stokes_drag(radius, viscosity, height, perpendicular=perpendicular)
        seconds = size_of(clock, "time")
        free = thermal_energy(temperature) / drag * seconds
        scale = float(np.sqrt(free / diffusion))
        conversion = made(scale, relative[1] / 2, f"nm/{unit}" if unit else "nm")
        converted = made(2 * np.pi * corner / seconds * drag, relative[0], "pN/nm")
    noise = None
    if fit_noise:
        level, spread = float(np.sqrt(parameters[2])), float(relative[2])
        # Near 0 the error of the variance says how large the noise may be.
        error = spread / max(2 * level, np.sqrt(spread))
        noise = Estimate(np.asarray(level), np.asarray(error), np.asarray(n), unit=unit)
    return Calibration(
        made(corner, relative[0], "Hz" if clock == "s" else f"1/{clock}" if clock else ""),
        made(diffusion, relative[1], per(f"{unit}^2") if unit else ""),
        made(ratio, ratio_error, stiff_unit),
        made(1 / (2 * np.pi * corner), relative[0], clock),
        noise,
        conversion,
        converted,
        float(interval),
        fit.p_value(parameters),
        notes,
    )


class _Fit:
    """Whittle's likelihood of log f_c, log D and, if fitted, the variance of the noise."""

    def __init__(
        self, frequency: np.ndarray, power: np.ndarray, paths: int, dt: float, exposure: float
    ):
        self.frequency, self.power, self.paths = frequency, power, paths
        self.dt, self.exposure = dt, exposure

    def model(self, parameters: np.ndarray) -> np.ndarray:
        corner, diffusion = np.exp(np.clip(parameters[:2], -300, 300))
        noise = np.sqrt(parameters[2]) if len(parameters) > 2 else 0.0
        return trap_spectrum(
            self.frequency, corner, diffusion, self.dt, exposure=self.exposure, noise=float(noise)
        )

    def loss(self, parameters: np.ndarray) -> float:
        expected = np.maximum(self.model(parameters), 1e-300)
        return float(np.mean(np.log(expected) + self.power / expected))

    def solved(self, with_noise: bool) -> np.ndarray:
        from scipy.optimize import minimize

        variance = self.power.sum() * 2 * (self.frequency[1] - self.frequency[0])
        # Half of the power lies below the corner.
        half = np.cumsum(self.power) / self.power.sum()
        corner = max(float(self.frequency[np.searchsorted(half, 0.5)]), float(self.frequency[0]))
        start = np.log([corner, 2 * np.pi * corner * variance])
        simplex = {"xatol": 1e-8, "fatol": 1e-13, "maxiter": 2000}
        best = minimize(self.loss, start, method="Nelder-Mead", options=simplex)
        if not with_noise:
            return best.x
        three = np.append(best.x, np.log(0.01 * variance))
        natural = lambda x: np.append(x[:2], np.exp(min(x[2], 300.0)))
        loss = lambda x: self.loss(natural(x))
        return natural(minimize(loss, three, method="Nelder-Mead", options=simplex).x)

    def covariance(self, parameters: np.ndarray) -> np.ndarray:
        """Inverse of Fisher's information Σ_k ∂ln P ∂ln P."""
        step, slopes = 1e-4, []
        for i in range(2):
            shift = step * np.eye(len(parameters))[i]
            logs = [np.log(self.model(parameters + s * shift)) for s in (1, -1)]
            slopes.append((logs[0] - logs[1]) / (2 * step))
        if len(parameters) > 2:
            # By the variance itself, which may be 0 where its logarithm has no error.
            slopes.append(self.dt / self.model(parameters))
        information = self.paths * np.asarray(slopes) @ np.asarray(slopes).T
        size = np.sqrt(np.diag(information))
        return np.linalg.pinv(information / np.outer(size, size), hermitian=True) / np.outer(
            size, size
        )

    def p_value(self, parameters: np.ndarray) -> float:
        from scipy.stats import chi2

        ratio = self.power / self.model(parameters)
        blocks = len(ratio) // _BLOCK
        if blocks <= len(parameters):
            return 1.0
        mean = ratio[: blocks * _BLOCK].reshape(blocks, _BLOCK).mean(1)
        square = float(np.sum((mean - 1) ** 2) * _BLOCK * self.paths)
        return float(chi2.sf(square, blocks - len(parameters)))


def _checked(
    trajectories: Trajectories, coordinate: int, exposure: float
) -> tuple[np.ndarray, float]:
    """(n, T) positions in float64, and the interval."""
    what = "trap_calibration"
    if len(trajectories.event_shape) != 1 or not 0 <= coordinate < trajectories.event_shape[0]:
        raise InvalidInput(
            f"{what}: coordinate = {coordinate} of states of shape {trajectories.event_shape}; count "
            "from 0."
        )
    if trajectories.mask is not None:
        raise InvalidInput(f"{what}: observations are missing; keep a stretch without gaps.")
    times = trajectories.times
    if times.size < _LEAST:
        raise InvalidInput(f"{what}: {times.size} frames; give at least {_LEAST}.")
    dt = float(np.diff(times).mean())
    if np.abs(np.diff(times) - dt).max() > 0.01 * dt:
        raise InvalidInput(f"{what}: times are uneven by over 1 %; a spectrum takes even ones.")
    if not 0 <= exposure <= dt * 1.001:
        raise InvalidInput(
            f"{what}: exposure = {exposure}; expected 0 to the interval {dt:.4g}, in its unit."
        )
    values = trajectories.values[..., coordinate].astype(np.float64)
    if not np.ptp(values, axis=1).all():
        raise InvalidInput(
            f"{what}: {trajectories.names[coordinate]} never changes in a record; it is no free bead."
        )
    return values, dt


def _warn(error: float, interval: float, length: float) -> None:
    if not error < 0.5 or interval > _COARSE:
        warnings.warn(
            f"trap_calibration: the interval is {interval:.3g} relaxation times, and the corner "
            f"frequency is known to {error:.2g} of itself only; record faster.",
            stacklevel=4,
        )
    if length < _SHORTEST:
        warnings.warn(
            f"trap_calibration: a path lasts {length:.3g} relaxation times; below {_SHORTEST:g} the "
            "corner frequency is biased. Record longer paths.",
            stacklevel=4,
        )


def _notes(exposure: float, noise: bool, height: float | None) -> tuple[str, ...]:
    notes = ["aliasing is part of the model"]
    notes += (
        [f"motion blur of an exposure of {exposure:g} is part of the model"] if exposure else []
    )
    notes += ["a localisation error was fitted"] if noise else []
    notes += [f"drag at {height:g} nm above a wall (Faxén)"] if height is not None else []
    return tuple(f"{note}." for note in notes)

"""Energies, forces and rates in the units of a laboratory: kT, pN nm, k_B per second."""

from dataclasses import replace
from typing import Any, Literal

import numpy as np

from noneq.data.ensembles import Snapshots, Trajectories
from noneq.errors import InvalidInput
from noneq.estimate import Estimate


BOLTZMANN = 0.01380649
"""k_B in pN nm/K (exact since 2019); kT is 4.116 pN nm at 298.15 K."""

LENGTHS = {"m": 1e9, "mm": 1e6, "um": 1e3, "nm": 1.0, "angstrom": 0.1, "å": 0.1, "pm": 1e-3}
FORCES = {"n": 1e12, "mn": 1e9, "un": 1e6, "nn": 1e3, "pn": 1.0, "fn": 1e-3}
TIMES = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "min": 60.0, "h": 3600.0}
ENERGIES = {
    "pn nm": 1.0,
    "zj": 1.0,
    "aj": 1e3,
    "j": 1e21,
    "ev": 160.2176634,
    "kj/mol": 1.66053906717,
    "kcal/mol": 6.94769545705,
}
"""Sizes of units in nm, pN, s and pN nm, by their names in small letters, micro as u."""

_SPELT = {
    "micrometer": "um",
    "micrometre": "um",
    "micron": "um",
    "nanometer": "nm",
    "nanometre": "nm",
    "second": "s",
    "seconds": "s",
    "sec": "s",
    "piconewton": "pn",
    "pnnm": "pn nm",
}


def thermal_energy(temperature: float = 298.15) -> float:
    """kT in pN nm, from kelvin.

    Raises:
        InvalidInput: a temperature that is not positive, or above 10,000 K.
    """
    if not 0 < temperature <= 1e4:
        raise InvalidInput(f"temperature = {temperature}; give kelvin, 298.15 for 25 °C.")
    return BOLTZMANN * temperature


def size_of(unit: str, kind: Literal["length", "force", "time", "energy"]) -> float:
    """How many nm, pN, s or pN nm one of the unit is.

    Raises:
        InvalidInput: a unit that is unknown or empty, with those that are known.
    """
    known = {"length": LENGTHS, "force": FORCES, "time": TIMES, "energy": ENERGIES}[kind]
    plain = " ".join(
        unit.replace("µ", "u").replace("μ", "u").replace("·", " ").replace("*", " ").split()
    )
    name = _SPELT.get(plain.lower(), plain.lower())
    if name not in known:
        given = (
            f"{unit!r} is no unit of {kind} known here"
            if plain
            else f"the unit of {kind} is missing"
        )
        raise InvalidInput(
            f"{given}; say which of {', '.join(known)} it is (in Python units=, at the command line "
            "--units NAME=UNIT)."
        )
    return known[name]


def energy_over_kT(values: Any, unit: str, temperature: float = 298.15) -> np.ndarray:
    """Energies in any unit as multiples of kT.

    Raises:
        InvalidInput: an unknown unit, or a temperature that is not positive.
    """
    factor = size_of(unit, "energy") / thermal_energy(temperature)
    return np.asarray(np.asarray(values, float) * factor)


def entropy_rate_unit(data: Trajectories | Snapshots) -> str:
    """``k_B/s`` for data whose times are in seconds; empty if their unit is unknown."""
    return f"k_B/{data.time_unit}" if data.time_unit else ""


def as_entropy_rate(estimate: Estimate, data: Trajectories | Snapshots) -> Estimate:
    """The entropy production rate, in nats per unit time of the data, with its unit."""
    return replace(estimate, unit=entropy_rate_unit(data))


def as_power(
    estimate: Estimate, data: Trajectories | Snapshots, *, temperature: float | None = None
) -> Estimate:
    """An entropy production rate as dissipated power: kT/s, or pN nm/s at a temperature in kelvin.

    Raises:
        InvalidInput: a temperature that is not positive.
    """
    per = f"/{data.time_unit}" if data.time_unit else ""
    if temperature is None:
        return replace(estimate, unit=f"kT{per}")
    return scaled(estimate, thermal_energy(temperature), f"pN nm{per}")


def scaled(estimate: Estimate, factor: float, unit: str) -> Estimate:
    """The estimate in another unit, errors and corrections with it."""
    times = lambda a: None if a is None else np.asarray(a * factor)
    return replace(
        estimate,
        value=np.asarray(estimate.value * factor),
        stderr=np.asarray(estimate.stderr * abs(factor)),
        bias=times(estimate.bias),
        limit=times(estimate.limit),
        limit_stderr=None if estimate.limit_stderr is None else estimate.limit_stderr * abs(factor),
        floor=times(estimate.floor),
        floor_stderr=times(estimate.floor_stderr),
        unit=unit,
    )

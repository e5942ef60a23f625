"""Forms of a protocol by name: optimal, linear, swift and slow, for each kind of system."""

import dataclasses
from typing import Any

import numpy as np

from noneq.control.protocols.closed_forms import best_breathing, best_dragging
from noneq.control.protocols.friction import line_friction
from noneq.control.protocols.geodesics import slow_protocol
from noneq.control.protocols.least_work import LeastWork
from noneq.control.protocols.swift import swift_breathing, swift_dragging
from noneq.errors import InvalidInput
from noneq.spec.names import unknown
from noneq.systems import (
    AbstractDriven,
    AbstractLangevin,
    AbstractProtocol,
    AbstractSystem,
    BreathingTrap,
    DraggedTrap,
    Driven,
    Protocol,
)


SHAPES = ("optimal", "linear", "swift", "slow")
"""Forms of a protocol by name; further ones are given as a `Protocol`."""
_VALUES = 33
_LARGEST = 1e9
"""Above this the squares in a potential leave what single precision resolves."""
NO_POTENTIAL = (
    "{} has no potential at one temperature; give an overdamped system (AbstractLangevin), such as "
    "BreathingTrap or DoubleWell."
)


def ramp_of(start: float, end: float, duration: float) -> Protocol:
    """A straight line between two values. Raises `InvalidInput` for equal ends or no time."""
    if not (0 < duration < float("inf")):
        raise InvalidInput(f"control: the time is {duration}; it must be a finite number > 0.")
    if not (np.abs([start, end]) <= _LARGEST).all():
        raise InvalidInput(
            f"control: from {start} to {end}; expected finite values of at most {_LARGEST:g}: take a "
            "larger unit."
        )
    if start == end:
        raise InvalidInput(
            f"control: both ends are {start:g}, and nothing has to be done; give another end."
        )
    return Protocol((0.0, float(duration)), (float(start), float(end)))


def driven_by(
    system: AbstractSystem, parameter: str, protocol: AbstractProtocol, relax: float
) -> AbstractDriven:
    """The system with its number on a protocol."""
    if not isinstance(system, AbstractLangevin):
        raise InvalidInput(NO_POTENTIAL.format(type(system).__name__))
    if isinstance(system, BreathingTrap | DraggedTrap):
        if parameter == type(system).parameter:
            return dataclasses.replace(system, protocol=protocol)
        raise unknown(f"parameter of {type(system).__name__}", parameter, (type(system).parameter,))
    if isinstance(system, AbstractDriven):
        raise InvalidInput(
            f"control: {type(system).__name__} has a protocol already; name the system that it drives."
        )
    return Driven(system=system, protocol=protocol, parameter=parameter, equilibration=relax)  # pyright: ignore[reportCallIssue]


def refuse_shape(shape: Any, start: float, end: float, duration: float) -> None:
    """Refuse an unknown name, and a protocol with other ends, before anything is computed.

    Raises:
        InvalidInput: saying which.
    """
    if not isinstance(shape, AbstractProtocol):
        if shape not in SHAPES:
            raise unknown("shape of a protocol", str(shape), SHAPES)
        return
    sides = [float(shape.initial), float(shape.final), *map(float, shape.span)]
    if not np.allclose(sides, [start, end, 0.0, duration], rtol=1e-5, atol=1e-9):
        raise InvalidInput(
            f"control: a protocol from {sides[0]:g} to {sides[1]:g} in the times {sides[2]:g} to "
            f"{sides[3]:g}; expected {start:g} to {end:g} in 0 to {duration:g}."
        )


def shaped(
    driven: AbstractDriven,
    shape: Any,
    parameter: str,
    least: LeastWork | None,
    ends: tuple[float, float, float],
) -> tuple[str, AbstractDriven]:
    """Name and system of one form of protocol."""
    start, end, duration = ends
    if isinstance(shape, AbstractProtocol):
        return "given", dataclasses.replace(driven, protocol=shape)
    if shape == "linear":
        return shape, driven
    own: AbstractProtocol | None = None
    if isinstance(driven, BreathingTrap):
        own = {"optimal": best_breathing, "swift": swift_breathing}.get(shape, _none)(
            start, end, duration, beta=driven.beta
        )
    elif isinstance(driven, DraggedTrap):
        own = {"optimal": best_dragging, "swift": swift_dragging, "slow": _line}[shape](
            end - start, duration, stiffness=driven.stiffness, start=start
        )
    elif shape == "optimal" and least is not None:
        return shape, least.driving
    if own is None and shape == "slow":
        own = _slow(driven, parameter, ends)
    if own is None:
        raise InvalidInput(
            f"control: no {shape} protocol is known for {type(driven).__name__} with states of shape "
            f"{driven.event_shape}; take linear, or values of your own."
        )
    return shape, dataclasses.replace(driven, protocol=own)


def _line(distance: float, duration: float, *, stiffness: float, start: float) -> Protocol:
    """Constant speed: the friction of a trap's centre does not depend on it."""
    return Protocol((0.0, float(duration)), (start, start + distance))


def _none(*numbers: float, **more: float) -> None:
    """No protocol of that name."""


def _slow(
    driven: AbstractDriven, parameter: str, ends: tuple[float, float, float]
) -> AbstractProtocol | None:
    """The geodesic of the friction of a number, on a line."""
    if driven.event_shape != (1,):
        return None
    values = np.linspace(*ends[:2], _VALUES)
    if isinstance(driven, BreathingTrap):
        return slow_protocol(values, values**-3.0 / (4 * driven.beta), ends[2])
    if not isinstance(driven, Driven):
        return None
    return slow_protocol(
        values, [line_friction(driven.at(float(v)), parameter) for v in values], ends[2]
    )

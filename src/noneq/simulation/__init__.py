"""Simulation of systems: `simulate` and its solvers."""

from noneq._face import exported as _exported
from noneq.simulation.baoab import BAOAB as BAOAB
from noneq.simulation.ensemble import simulate as simulate
from noneq.simulation.event_record import Events as Events
from noneq.simulation.events import simulate_events as simulate_events
from noneq.simulation.fractional_noise import fractional_noise as fractional_noise
from noneq.simulation.learnt import LearntSystem as LearntSystem
from noneq.simulation.parts import simulate_to as simulate_to
from noneq.simulation.solvers import (
    AbstractSolver as AbstractSolver,
    Euler as Euler,
    EulerMaruyama as EulerMaruyama,
    RungeKutta4 as RungeKutta4,
    StochasticHeun as StochasticHeun,
)
from noneq.simulation.weak import WeakEuler as WeakEuler, WeakPlaten as WeakPlaten


__all__ = list(_exported(__file__))

"""Simulation of systems: `simulate` and its solvers."""

from noneq.simulation.ensemble import simulate as simulate
from noneq.simulation.solvers import (
    AbstractSolver as AbstractSolver,
    Euler as Euler,
    EulerMaruyama as EulerMaruyama,
    RungeKutta4 as RungeKutta4,
    StochasticHeun as StochasticHeun,
)

"""Simulation of systems: `simulate` and its solvers."""

from noneq.simulation.ensemble import simulate as simulate
from noneq.simulation.solvers import (
    AbstractSolver as AbstractSolver,
)
from noneq.simulation.solvers import (
    EulerMaruyama as EulerMaruyama,
)
from noneq.simulation.solvers import (
    RungeKutta4 as RungeKutta4,
)
from noneq.simulation.solvers import (
    StochasticHeun as StochasticHeun,
)

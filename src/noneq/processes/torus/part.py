"""What a Gaussian process becomes on a torus."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp

from noneq.constant import Constant
from noneq.errors import InvalidInput
from noneq.processes.schedules import VE, AbstractSchedule, Karras, Straight
from noneq.processes.torus.geodesic import Geodesic
from noneq.processes.torus.wrapped import Until, Wrapped


_LEFT = 1e-5
"""What may be left of the slowest mode where a law counts as uniform."""


def on_torus(schedule: AbstractSchedule, periods: tuple[float, ...]) -> Wrapped | Geodesic:
    """The process of this schedule on circles and lines.

    Args:
        schedule: of the Gaussian process.
        periods: of every number of the normalised state, 0 for a line.

    Raises:
        InvalidInput: a schedule that shrinks the state, which has no meaning on a circle.
    """
    period = Constant(jnp.asarray(periods))
    if isinstance(schedule, Straight):
        return Geodesic(period=period, schedule=schedule)
    if not isinstance(schedule, Karras | VE):
        raise InvalidInput(
            f"{type(schedule).__name__} shrinks the state, which has no meaning on a torus; take "
            "Karras or VE, or Straight for flow matching."
        )
    return Wrapped(period=period, schedule=schedule)


def shortened(process: Wrapped | Geodesic, periods: tuple[float, ...]) -> Wrapped | Geodesic:
    """The process with a clock that ends when the law is uniform, where all coordinates are circles."""
    schedule = process.schedule
    # e^{−2π² sigma²/P²} = _LEFT on the widest circle.
    enough = max(periods) * math.sqrt(-math.log(_LEFT) / 2) / math.pi
    if not isinstance(schedule, Karras | VE) or min(periods) == 0 or schedule.sigma_max <= enough:
        return process
    # A saved model's shapes are computed in a trace.
    with jax.ensure_compile_time_eval():
        end = float(schedule.tau(enough))
    return eqx.tree_at(lambda p: p.schedule, process, Until(schedule, end))

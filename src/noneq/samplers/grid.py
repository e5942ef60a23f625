"""Noise levels of a draw."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from noneq._typing import Scalar
from noneq.processes.schedules import AbstractSchedule


class Level(NamedTuple):
    """Noise levels of a grid, the prior first."""

    tau: Array
    alpha: Array
    sigma: Array


def levels(schedule: AbstractSchedule, count: int) -> Level:
    """``count`` levels, uniform in tau from 1 to the schedule's start (both if count > 1)."""
    tau = jnp.linspace(1.0, schedule.start, count)
    return Level(tau, *jax.vmap(schedule)(tau))


def pairs(grid: Level) -> tuple[Level, Level]:
    """Each level with the one after it."""
    return Level(*(a[:-1] for a in grid)), Level(*(a[1:] for a in grid))


def log_decay(t: Level, s: Level) -> Scalar:
    """ln of q = alpha_t sigma_s/(alpha_s sigma_t) ≤ 1; bounded where alpha_t = 0."""
    return jnp.maximum(jnp.log(t.alpha / s.alpha) + jnp.log(s.sigma / t.sigma), -80.0)

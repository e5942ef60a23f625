"""Paths that are followed until they enter one of several sets."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq._typing import Key, Numbers, ScalarLike
from noneq.errors import InvalidInput, SolveFailed
from noneq.inference.rare.crossings import added_variance
from noneq.inference.rare.membership import members
from noneq.inference.rare.sets import StateSet
from noneq.simulation.ensemble import own_solver
from noneq.simulation.solvers import AbstractSolver, noise_shape
from noneq.systems.base import AbstractDiffusion


_POOL = 1024
_BLOCK = 32
_BURST = 2**10
"""Blocks of steps between two looks at the clock."""
_HOPELESS = 2**22
"""Steps of every walker after which sets that nobody has reached are given up."""


class Arrivals(NamedTuple):
    """Where paths arrived, and when.

    Attributes:
        goal: number of the set, ``(n,)``.
        times: ``(n,)``.
        bridged: whether crossings between two steps were counted.
    """

    goal: np.ndarray
    times: np.ndarray
    bridged: bool


class _Pool(NamedTuple):
    """Walkers: state, age in steps, number of the path; and what all paths have come to."""

    x: Array
    age: Array
    path: Array
    following: Array
    goal: Array
    steps: Array


def arrivals(
    system: AbstractDiffusion,
    states: Numbers,
    goals: tuple[StateSet, ...],
    *,
    n: int,
    step: float | None,
    solver: AbstractSolver | None = None,
    key: Key,
) -> Arrivals:
    """The first of several sets that each of n paths enters.

    All paths are followed until they arrive: a walker that does takes the next path, so that none is
    cut short. For sets given by inequalities the path between two steps is a Brownian bridge
    (`crossing_probability`).

    Args:
        states: ``(m, *event_shape)`` outside the sets, that take turns as starts.

    Raises:
        InvalidInput: states of another shape or within a set, or a step that is not positive.
        SolveFailed: no set is reached, or a state is not finite.

    Source: Gobet 2000 (bridges).
    """
    shape = tuple(system.event_shape)
    starts = np.asarray(states, jnp.zeros(()).dtype)
    starts = starts[None] if starts.shape == shape else starts
    if starts.shape[1:] != shape or not len(starts) or not np.isfinite(starts).all():
        raise InvalidInput(
            f"start has the shape {np.shape(states)}; expected one finite state of shape {shape}, or "
            "several."
        )
    for goal in goals:
        if members(goal, starts).any():
            raise InvalidInput(f"a start lies in the set {goal.label!r}, where a path has arrived.")
    h = system.time_step if step is None else step
    if not 0 < h < float("inf"):
        raise InvalidInput(f"step = {h}; expected a positive time.")
    scheme = own_solver(system) if solver is None else solver
    noise = noise_shape(system, 0.0, starts[0]) if scheme.needs_noise else None
    width, begins, burst = min(n, _POOL), jnp.asarray(starts), 0
    none = jnp.full(n, -1, jnp.int32)
    pool = _Pool(
        begins[jnp.arange(width) % len(begins)],
        jnp.zeros(width, jnp.int32),
        jnp.arange(width),
        jnp.asarray(width),
        none,
        none,
    )
    while bool((pool.path < n).any()):
        pool = _follow(
            system, scheme, goals, begins, pool, h, jax.random.fold_in(key, burst), noise
        )
        burst += 1
        gone = burst * _BURST * _BLOCK
        if not np.isfinite(np.asarray(pool.x)).all():
            raise SolveFailed("a state is not finite; take a smaller step.")
        if gone >= _HOPELESS and not bool((pool.goal >= 0).any()):
            raise SolveFailed(
                f"none of {width} paths reached {' or '.join(g.label for g in goals)} in a time of "
                f"{gone * h:.3g}; solve for it on a grid (grid_passage_time), or move the sets."
            )
    slopes = [jax.vmap(jax.grad(goal.level))(begins) for goal in goals]
    bridged = all(bool(jnp.any(slope != 0)) for slope in slopes)
    # An arrival between two steps lies in their middle, on average.
    times = (np.asarray(pool.steps, np.float64) - (0.5 if bridged else 0.0)) * h
    return Arrivals(np.asarray(pool.goal), times, bridged)


@eqx.filter_jit
def _follow(
    system: AbstractDiffusion,
    solver: AbstractSolver,
    goals: tuple[StateSet, ...],
    starts: Array,
    pool: _Pool,
    h: ScalarLike,
    key: Key,
    noise: tuple[int, ...] | None,
) -> _Pool:
    """Some thousand steps of all walkers."""
    n = pool.goal.shape[0]

    def one(x, luck, xi):
        new = system.domain.project(solver.step(system, 0.0, x, h, xi))
        inside = [
            goal.contains(new) | (u < crossing_probability(system, goal, x, new, h))
            for goal, u in zip(goals, luck, strict=True)
        ]
        return new, jnp.stack(inside)

    def step(pool: _Pool, draws: Any) -> tuple[_Pool, None]:
        new, inside = jax.vmap(one, (0, 0, None if draws[1] is None else 0))(pool.x, *draws)
        hit, age = inside.any(-1), pool.age + 1
        place = jnp.where(hit, pool.path, n)
        turn = pool.following + jnp.cumsum(hit) - 1
        fresh = starts[turn % len(starts)]
        return _Pool(
            jnp.where(hit.reshape(-1, *(1,) * (new.ndim - 1)), fresh, new),
            jnp.where(hit, 0, age),
            jnp.where(hit, turn, pool.path),
            pool.following + hit.sum(),
            pool.goal.at[place].set(inside.argmax(-1).astype(jnp.int32), mode="drop"),
            pool.steps.at[place].set(age, mode="drop"),
        ), None

    def block(carry: Any) -> Any:
        i, pool = carry
        luck_key, noise_key = jax.random.split(jax.random.fold_in(key, i))
        size, dtype = (_BLOCK, len(pool.x)), pool.x.dtype
        luck = jax.random.uniform(luck_key, (*size, len(goals)), dtype)
        xi = None if noise is None else jax.random.normal(noise_key, (*size, *noise), dtype)
        return i + 1, jax.lax.scan(step, pool, (luck, xi))[0]

    going = lambda carry: (carry[0] < _BURST) & (carry[1].path < n).any()
    return jax.lax.while_loop(going, block, (0, pool))[1]


def crossing_probability(
    system: AbstractDiffusion, goal: StateSet, x: Array, new: Array, h: ScalarLike
) -> Array:
    """P(a bridge between two states outside a set enters it).

    **Equation**: exp(−2 d d'/(s² h)), d and d' the levels of the set at the ends, s = |Bᵀ∇d|; 0 for
    sets given by truth values, which have no slope.
    """
    before, slope = jax.value_and_grad(goal.level)(x)
    spread = added_variance(slope, system.diffusion(0.0, x), jnp.asarray(h, x.dtype))
    gap = jnp.maximum(before * goal.level(new), 0.0)
    return jnp.where(spread > 0, jnp.exp(-2 * gap / jnp.where(spread > 0, spread, 1.0)), 0.0)

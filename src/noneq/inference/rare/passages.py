"""Mean first-passage times by simulation."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq._typing import Key, Numbers, ScalarLike
from noneq.errors import InvalidInput, SolveFailed
from noneq.estimate import Estimate
from noneq.inference.rare.committor.grid import sets_of
from noneq.inference.rare.committor.targets import StateSet, Target
from noneq.needs import observable
from noneq.simulation.ensemble import own_solver
from noneq.simulation.solvers import AbstractSolver, noise_shape
from noneq.systems.base import AbstractDiffusion


_POOL = 256
_BURST = 2**14
_HOPELESS = 2**21
"""Steps of every walker after which a target that nobody has reached is given up."""


@observable("model", more=("start", "target"), takes=("key",))
def passage_time(
    system: AbstractDiffusion,
    start: Numbers,
    target: StateSet,
    *,
    n: int = 1000,
    step: float | None = None,
    solver: AbstractSolver | None = None,
    key: Key,
) -> Estimate:
    """Mean time at which paths first reach a set.

    All paths are followed until they arrive: a walker that does takes the next path, so that none is
    cut short. For sets given by inequalities the path between two steps is a Brownian bridge, which
    enters with probability exp(−2 d d'/(s² h)), d and d' the depths at its ends, s = |Bᵀ∇d|; for
    sets given by truth values only the ends of steps count, and times come out longer by O(√h).

    Args:
        system: any diffusion that does not follow time; the system of a fitted model is
            `noneq.simulation.LearntSystem`.
        start: one state, or several, ``(m, *event_shape)``, that take turns.
        target: text ``"x > 0.9"``, or a function of one state that is positive inside.
        n: number of paths.
        step: None takes the system's own.
        solver: as in `noneq.simulate`.
        key: typed random key.

    Returns:
        The mean, and its standard error over paths.

    Raises:
        InvalidInput: a start of another shape or within the target, fewer than two paths, or a step
            that is not positive.
        SolveFailed: the target is not reached, or a state is not finite.

    Source: Gobet 2000 (bridges).
    """
    if n < 2:
        raise InvalidInput(f"passage_time: n = {n}; an error needs at least 2 paths (1000 are usual).")
    dtype, shape = jnp.zeros(()).dtype, tuple(system.event_shape)
    states = np.asarray(start, dtype)
    states = states[None] if states.shape == shape else states
    if states.shape[1:] != shape or not len(states) or not np.isfinite(states).all():
        raise InvalidInput(
            f"passage_time: start has the shape {np.shape(start)}; expected one finite state of shape "
            f"{shape}, or several."
        )
    (goal,) = sets_of(system, target)
    if goal.of(states).any():
        raise InvalidInput(
            f"passage_time: a start lies in the target {goal.text!r}, where the time is 0."
        )
    h = system.time_step if step is None else step
    if not 0 < h < float("inf"):
        raise InvalidInput(f"passage_time: step = {h}; expected a positive time.")
    scheme = own_solver(system) if solver is None else solver
    noise = noise_shape(system, 0.0, states[0]) if scheme.needs_noise else None
    width = min(n, _POOL)
    counts = jnp.full(n, -1, jnp.int32)
    pool = (
        jnp.asarray(states)[jnp.arange(width) % len(states)],
        jnp.zeros(width, jnp.int32),
        jnp.arange(width),
        jnp.asarray(width),
        counts,
    )
    burst = 0
    while bool((pool[2] < n).any()):
        pool = _follow(
            system, scheme, goal, jnp.asarray(states), pool, h, jax.random.fold_in(key, burst), noise
        )
        burst += 1
        arrived = int((pool[4] >= 0).sum())
        if not np.isfinite(np.asarray(pool[0])).all():
            raise SolveFailed("passage_time: a state is not finite; take a smaller step.")
        if not arrived and burst * _BURST >= _HOPELESS:
            raise SolveFailed(
                f"passage_time: none of {width} paths reached {goal.text!r} in a time of "
                f"{burst * _BURST * h:.3g}; solve for it (grid_passage_time), or move the target."
            )
    # An arrival lies half a step before the step's end, on average.
    times = (np.asarray(pool[4], np.float64) - (0.5 if goal.smooth else 0.0)) * h
    note = () if goal.smooth else ("arrivals are seen at the ends of steps only",)
    return Estimate(times.mean(), times.std(ddof=1) / np.sqrt(n), n, notes=note)


@eqx.filter_jit
def _follow(
    system: AbstractDiffusion,
    solver: AbstractSolver,
    goal: Target,
    states: Array,
    pool: tuple[Any, ...],
    h: ScalarLike,
    key: Key,
    noise: tuple[int, ...] | None,
) -> tuple[Any, ...]:
    """Some thousand steps of all walkers: (state, steps, path) of each, next path, steps of all."""
    n = pool[4].shape[0]

    def one(x, xi, luck):
        new = system.domain.project(solver.step(system, 0.0, x, h, xi))
        inside = goal.holds(new)
        if goal.smooth:
            inside |= luck < crossing_probability(system, goal, x, new, h)
        return new, inside

    def step(carry):
        i, (x, age, path, following, counts) = carry
        noise_key, luck_key = jax.random.split(jax.random.fold_in(key, i))
        xi = None if noise is None else jax.random.normal(noise_key, (len(x), *noise), x.dtype)
        luck = jax.random.uniform(luck_key, (len(x),), x.dtype)
        new, hit = jax.vmap(one, (0, None if xi is None else 0, 0))(x, xi, luck)
        age = age + 1
        counts = counts.at[jnp.where(hit, path, n)].set(age, mode="drop")
        turn = following + jnp.cumsum(hit) - 1
        path = jnp.where(hit, turn, path)
        fresh = states[turn % len(states)]
        x = jnp.where(hit.reshape(-1, *(1,) * (x.ndim - 1)), fresh, new)
        return i + 1, (x, jnp.where(hit, 0, age), path, following + hit.sum(), counts)

    going = lambda carry: (carry[0] < _BURST) & (carry[1][2] < n).any()
    return jax.lax.while_loop(going, step, (0, pool))[1]


def crossing_probability(
    system: AbstractDiffusion, goal: Target, x: Array, new: Array, h: ScalarLike
) -> Array:
    """P(a bridge between two states outside a set enters it), exp(−2 d d'/(s² h))."""
    before, slope = jax.value_and_grad(goal.depth)(x)
    b = system.diffusion(0.0, x)
    along = b * slope if b.shape in ((), x.shape) else slope @ b
    spread = jnp.maximum(jnp.sum(along**2) * h, 1e-30)
    gap = jnp.maximum(before * goal.depth(new), 0.0)
    return jnp.exp(-2 * gap / spread)

"""Simulate a system on given times."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq._typing import Key
from noneq.data.ensembles import Trajectories
from noneq.devices import spread
from noneq.errors import InvalidInput, MissingTrait
from noneq.kinds import checked
from noneq.simulation.baoab import BAOAB
from noneq.simulation.checks import (
    checked_start,
    checked_times,
    refuse_nonfinite,
    refuse_oversize,
)
from noneq.simulation.gaussian_steps import exact_advance
from noneq.simulation.gillespie import jump_advance
from noneq.simulation.increments import noise_blocks
from noneq.simulation.learnt import MODEL_STEPS, LearntSystem
from noneq.simulation.maps import map_advance
from noneq.simulation.past import past_advance
from noneq.simulation.solvers import (
    AbstractSolver,
    EulerMaruyama,
    RungeKutta4,
    StochasticHeun,
    noise_shape,
)
from noneq.systems.base import (
    AbstractDiffusion,
    AbstractMap,
    AbstractODE,
    AbstractSystem,
    HasTransition,
    Intervened,
)
from noneq.systems.controlled import Controlled
from noneq.systems.jumps import AbstractJump
from noneq.systems.non_markov import AbstractNonMarkov
from noneq.systems.underdamped import AbstractUnderdamped
from noneq.traits import AbstractModel


_CHUNK_BYTES = 2**28  # of recorded frames held on the device
_CHUNK = 2**14  # particles advanced together, at most
_PAD = 64  # chunks are multiples of this, so that devices can share them evenly


@checked
def simulate(
    system: AbstractSystem | AbstractModel,
    times: Sequence[float | int] | np.ndarray | Array,
    *,
    n: int,
    key: Key,
    solver: AbstractSolver | None = None,
    substeps: int | None = None,
    start: Any = None,
) -> Trajectories:
    """Trajectories of a system on the given times.

    The first time holds the initial condition. Every interval between recorded times is cut into
    equal internal steps; noise is a function of the key, n and the step, on any number of devices.
    An `AbstractMap` makes one step per unit of time, and a linear system (`HasTransition`) goes from
    one recorded time to the next by its exact Gaussian law.
    An `AbstractJump` is followed event by event. An `AbstractNonMarkov` moves in equal steps and,
    unless ``start`` is given, runs its time ``rest`` before the first recorded time.

    Args:
        system: what to simulate; without dynamics (diffusion, map or jumps) only one time is
            possible. A fitted model with the trait `HasDrift` is simulated as a `LearntSystem`, in
            steps of a thousandth of the whole time.
        times: (T,) strictly increasing, even or not; whole steps apart for an `AbstractMap`.
        n: number of trajectories.
        key: typed random key.
        solver: None is the exact law for a linear system whose ``substeps`` are left out too,
            `RungeKutta4` for an `AbstractODE`, `BAOAB` for an `AbstractUnderdamped`, and
            `EulerMaruyama` for others; further `Euler` and `StochasticHeun`, and `WeakEuler` and
            `WeakPlaten` where only laws matter, whose noise costs next to nothing. Not for an
            `AbstractMap`.
        substeps: internal steps per interval; many are rounded up to whole noise blocks (of 20
            steps, 32 of `WeakEuler`, 10 of `WeakPlaten`). None takes as many as
            ``system.time_step`` asks for in each interval. Not for an `AbstractMap`.
        start: (n, *event_shape) states at the first time; None draws ``system.initial``.

    Returns:
        float32 `Trajectories` with the system's names and domain.

    Raises:
        InvalidInput: bad n, times, substeps or start, or a result larger than memory.
        MissingTrait: several times of a system without dynamics, or a model without drift.
        SolveFailed: a state is not finite.
    """
    times, labels, states, blocks = begun(
        system, times, n, key, solver, substeps, start, check=refuse_oversize
    )
    values = np.empty((n, times.size, *states.shape[1:]), states.dtype)
    values[:, 0] = states
    for rows, frames in blocks:
        values[rows, times.size - frames.shape[1] :] = frames
    return Trajectories(values, times, **labels)


Blocks: TypeAlias = Iterator[tuple[slice, np.ndarray]]
"""Rows of the ensemble, and their last frames ``(rows, frames, *event)``."""


def begun(
    system: AbstractSystem | AbstractModel,
    times: Any,
    n: int,
    key: Key,
    solver: AbstractSolver | None,
    substeps: int | None,
    start: Any,
    *,
    check: Callable[[tuple[int, ...], int], None] = lambda shape, itemsize: None,
) -> tuple[np.ndarray, dict[str, Any], np.ndarray, Blocks]:
    """Times, labels, first states and what follows block by block; ``check`` refuses shapes."""
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise InvalidInput(f"simulate: n = {n}; expected a positive whole number of trajectories.")
    times = checked_times(times)
    if isinstance(system, AbstractModel):
        step = float(times[-1] - times[0]) / MODEL_STEPS or 1.0
        system = LearntSystem(system, float(times[0]), step)
    event, dtype = system.event_shape, jnp.zeros(()).dtype
    check((n, times.size, *event), dtype.itemsize)
    start_key, noise_key, probe_key = jax.random.split(key, 3)
    if start is None:
        states = np.asarray(_initial(system, n, start_key), dtype)
    else:
        states = checked_start(start, system, n).astype(dtype)
    labels = {"names": system.names, "domain": system.domain}
    if isinstance(system, Intervened):
        states = np.asarray(jax.vmap(system.intervention.begun)(jnp.asarray(states)))
    if times.size == 1 and not isinstance(system, AbstractNonMarkov):
        refuse_nonfinite(states[:, None], times)
        return times, labels, states, iter([(slice(n), states[:, None][:, :0])])
    if isinstance(system, AbstractMap):
        advance = map_advance(system, times, solver, substeps)
    elif isinstance(system, AbstractJump):
        advance = jump_advance(system, times, solver, substeps)
    elif isinstance(system, AbstractNonMarkov):
        advance = past_advance(system, times, solver, substeps, rested=start is None)
    elif isinstance(system, AbstractDiffusion):
        if solver is None and substeps is None and isinstance(system, HasTransition):
            advance = exact_advance(system, times, dtype)
        else:
            solver = own_solver(system) if solver is None else solver
            _check_solver(solver, system, times[0], states, probe_key)
            advance = _diffusion_advance(system, times, solver, substeps, states[0])
    else:
        raise MissingTrait(
            f"simulate: {type(system).__name__} has no dynamics; give a single time to draw from "
            f"its law, got {times.size}."
        )
    size = _chunk_size(n, times.size * math.prod(event) * dtype.itemsize)
    return times, labels, states, _blocks_of(advance, states, times, size, noise_key)


def _blocks_of(
    advance: Callable[[Array, Key], Any],
    states: np.ndarray,
    times: np.ndarray,
    size: int,
    key: Key,
) -> Blocks:
    for i, first in enumerate(range(0, len(states), size)):
        part = states[first : first + size]
        padded = np.concatenate([part, np.repeat(part[-1:], size - len(part), 0)])
        frames = advance(spread(padded), jax.random.fold_in(key, i))
        chunk = np.moveaxis(np.asarray(frames), 0, 1)[: len(part)]
        refuse_nonfinite(chunk, times[times.size - chunk.shape[1] :])
        yield slice(first, first + len(part)), chunk


def own_solver(system: AbstractDiffusion) -> AbstractSolver:
    """The scheme of `simulate` where none is asked for."""
    if isinstance(system, Intervened | Controlled):
        whole = own_solver(system.system)
        # The splitting of inertial motion knows no changed equation; Heun is of second order too.
        return StochasticHeun() if isinstance(whole, BAOAB) else whole
    if isinstance(system, AbstractUnderdamped):
        return BAOAB()
    return RungeKutta4() if isinstance(system, AbstractODE) else EulerMaruyama()


@eqx.filter_jit
def _initial(system: AbstractSystem, n: int, key: Key) -> Array:
    return jax.vmap(system.initial)(jax.random.split(key, n))


def _diffusion_advance(
    system: AbstractDiffusion,
    times: np.ndarray,
    solver: AbstractSolver,
    substeps: int | None,
    some: np.ndarray,
) -> Callable[[Array, Key], Array]:
    """From (states at the first time, key) to the states at all others."""
    dtype = some.dtype
    most = solver.increments.most
    block, blocks = noise_blocks(np.diff(times), system.time_step, substeps, most)
    steps = np.diff(times) / (blocks * block)
    noise = noise_shape(system, times[0], some) if solver.needs_noise else None
    frames = (
        jnp.asarray(times[:-1], dtype),
        jnp.asarray(steps, dtype),
        jnp.asarray(blocks, jnp.int32),
    )
    return lambda states, key: _advance(system, solver, states, *frames, key, block, noise)


@eqx.filter_jit
def _advance(
    system: AbstractDiffusion,
    solver: AbstractSolver,
    states: Array,
    times: Array,
    steps: Array,
    blocks: Array,
    key: Key,
    block: int,
    noise: tuple[int, ...] | None,
) -> Array:
    """States at the end of every interval, ``(T − 1, n, *event)``."""

    def step(x, t, h, xi):
        return system.domain.project(solver.step(system, t, x, h, xi))

    law, every = solver.increments, jax.vmap(step, (0, None, None, None if noise is None else 0))

    def interval(x, frame):
        start, h, count, index = frame
        frame_key = jax.random.fold_in(key, index)

        def burst(i, x):
            draws, draw_key = None, jax.random.fold_in(frame_key, i)
            if noise is not None:
                draws = law.draw(block, (x.shape[0], *noise), x.dtype, key=draw_key)

            def one(x, k):
                # Times from the start of the interval, so that late times keep their precision.
                clock = start + (i * block + k) * h
                xi = None if draws is None else law.at(draws, k, x.dtype)
                return every(x, clock, h, xi), None

            return jax.lax.scan(one, x, jnp.arange(block))[0]

        x = jax.lax.fori_loop(0, count, burst, x)
        return x, x

    index = jnp.arange(times.shape[0])
    return jax.lax.scan(interval, states, (times, steps, blocks, index))[1]


def _chunk_size(n: int, bytes_each: int) -> int:
    most = min(_CHUNK, max(_PAD, _CHUNK_BYTES // bytes_each))
    even = math.ceil(n / math.ceil(n / most))
    return even if n < _PAD else math.ceil(even / _PAD) * _PAD


def _check_solver(
    solver: AbstractSolver, system: AbstractDiffusion, t: float, states: np.ndarray, key: Key
) -> None:
    some = jnp.asarray(states[:64])
    # Off the starts too: they may all sit where a slope happens to vanish.
    moved = some + jax.random.normal(key, some.shape, some.dtype)
    solver.check(system, t, jnp.concatenate([some, jax.vmap(system.domain.project)(moved)]))

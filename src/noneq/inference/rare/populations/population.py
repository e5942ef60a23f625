"""Where paths begin, their random keys, and what follows them: what all estimators here share."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from noneq._typing import Key, Numbers
from noneq.errors import InvalidInput
from noneq.inference.rare.black_box import BlackBox, BlackBoxClimbers
from noneq.inference.rare.membership import refuse_no_number
from noneq.inference.rare.motion import AbstractMotion, is_noiseless, motion_of
from noneq.inference.rare.populations.climbs import Climbers, Points, Quest, Records
from noneq.inference.rare.sets import SetOf, refuse_impossible, score_of, state_set
from noneq.simulation import LearntSystem
from noneq.systems.base import AbstractDiffusion, AbstractSystem
from noneq.systems.jumps import AbstractJump
from noneq.traits import AbstractModel


_SOME = 256
_PER_MODEL = 1000
_MOST = 10_000_000
"""Paths, repeats or rounds."""


@dataclass(frozen=True)
class Expedition:
    """A system, what is sought in it, and where paths begin.

    Attributes:
        system: as it is followed.
        quest: sets, score and end.
        climb: follows paths from given points.
        pool: starts (repeats or 1, m, *event_shape) of which paths draw; None: the system's own.
        start: time of the first states.
        noiseless: copies of a path would stay together.
    """

    system: Any
    quest: Quest
    climb: Callable[[Points], Records]
    judge: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
    pool: np.ndarray | None
    start: float
    noiseless: bool

    def begin(self, keys: np.ndarray, repeat: np.ndarray) -> Points:
        """First points of paths of these repeats under keys (m, 2), scores included.

        Raises:
            InvalidInput: all starts in the target, or all in the avoided set.
        """
        states = began(self.system, self.pool, keys, repeat)
        score, _ = self.judge(states)
        quest, one = self.quest, ", ".join(f"{v:.3g}" for v in states[0].ravel()[:4])
        if np.isposinf(score).all():
            raise InvalidInput(
                f"the start ({one}) lies in the target {quest.target.label}: its probability is 1; "
                "start elsewhere, or choose another target."
            )
        if quest.avoid is not None and np.isneginf(score).all():
            raise InvalidInput(
                f"the start ({one}) lies in the avoided set {quest.avoid.label}, where paths end; start "
                "outside of it, or give a horizon and no avoided set."
            )
        if np.isnan(score).any():
            raise InvalidInput("the score is not a number at a start; check its expression.")
        zero = np.zeros(len(states))
        dtype = states.dtype
        return Points(
            zero.astype(np.int32), np.full(len(states), self.start, dtype), states,
            score.astype(dtype), keys,
        )  # fmt: skip


def expedition(
    system: Any,
    *,
    target: SetOf,
    avoid: SetOf | None,
    start: Numbers | None,
    score: SetOf | None,
    horizon: float | None,
    time: float,
    step: float | None,
    continuous: bool,
    key: Key,
) -> Expedition:
    """What `splitting` and its like set out with; arguments as there.

    Raises:
        InvalidInput: neither a horizon nor an avoided set, sets that make no sense, a start of a wrong
            shape.
        MissingTrait: a system without dynamics.
    """
    if horizon is None and avoid is None:
        raise InvalidInput(
            "give horizon=, the time within which the target is to be reached, or avoid=, a set where "
            "paths end; without both, paths never stop (command line: --horizon 10)."
        )
    if horizon is not None and not 0 < horizon < math.inf:
        raise InvalidInput(f"horizon = {horizon}; it must be a positive time.")
    refuse_time(time, horizon)
    system = dynamics_of(system, horizon, time, step)
    size = math.prod(system.event_shape)
    for word, given in (("target", target), ("avoid", avoid), ("score", score)):
        if callable(given):
            refuse_no_number(given, tuple(system.event_shape), word)
    aim = state_set(target, system.names, size, "target")
    shun = None if avoid is None else state_set(avoid, system.names, size, "avoid")
    pool = None if start is None else _pool(start, system.event_shape)
    some_keys = keys_of(key, 2**31 - 1, np.zeros(_SOME, int), np.arange(_SOME))
    some = began(system, pool, some_keys, np.zeros(_SOME, int))
    refuse_impossible(aim, shun, some, system.domain)
    black = isinstance(system, BlackBox)
    end = math.inf if horizon is None else time + horizon
    crossed = continuous and isinstance(system, AbstractDiffusion)
    quest = Quest(aim, shun, score_of(score, aim, size), float(end), crossed)
    if black:
        climbers = BlackBoxClimbers(system, quest, time)
    else:
        steps = {"start": time, "horizon": horizon, "step": step, "some": some[0]}
        climbers = Climbers(motion_of(system, **steps), quest)
    still = not black and is_noiseless(system, time, some[:8])
    return Expedition(system, quest, climbers, climbers.judge, pool, float(time), still)


def followed(
    system: Any,
    *,
    horizon: float,
    start: Numbers | None,
    time: float,
    step: float | None,
    key: Key,
) -> tuple[Any, AbstractMotion, np.ndarray | None]:
    """A random system of ours, how it is stepped, and its pool of starts, where no set is sought.

    Raises:
        InvalidInput: a `BlackBox`, jumps, a system without a random part, a start of a wrong shape.
        MissingTrait: a system without dynamics.
    """
    refuse_time(time, horizon)
    system = dynamics_of(system, horizon, time, step)
    if isinstance(system, BlackBox | AbstractJump):
        raise InvalidInput(
            f"cloning: {type(system).__name__} is not stepped in equal times by noneq; expected a "
            "diffusion, a map, or a model with a drift."
        )
    pool = None if start is None else _pool(start, system.event_shape)
    keys = keys_of(key, 2**31 - 1, np.zeros(_SOME, int), np.arange(_SOME))
    some = began(system, pool, keys, np.zeros(_SOME, int))
    motion = motion_of(system, start=time, horizon=horizon, step=step, some=some[0])
    if is_noiseless(system, time, some[:8]):
        raise InvalidInput(
            f"cloning: {type(system).__name__} has no noise, so that clones stay together; expected a "
            "system with noise."
        )
    return system, motion, pool


def refuse_counts(caller: str, least: dict[str, int], **counts: int) -> None:
    """Refuse numbers of paths, repeats and the like that are too small, or more than memory holds.

    Raises:
        InvalidInput: naming the first one.
    """
    for name, value in counts.items():
        if value < least[name]:
            raise InvalidInput(f"{caller}: {name} = {value}; expected at least {least[name]}.")
        if value > _MOST:
            raise InvalidInput(f"{caller}: {name} = {value:.3g}; expected at most {_MOST:,}.")
    paths = counts.get("n", 1) * counts.get("repeats", 1)
    if paths > _MOST:
        raise InvalidInput(
            f"{caller}: n × repeats = {paths:,} paths; expected at most {_MOST:,} at once: several runs "
            "with other seeds can be averaged."
        )


def refuse_time(time: float, horizon: float | None) -> None:
    """Refuse a start, or one at which numbers do not resolve the horizon.

    Raises:
        InvalidInput: saying which.
    """
    if not math.isfinite(time):
        raise InvalidInput(f"time = {time}; expected a finite time of the start.")
    if horizon is not None and np.float32(time + 1e-3 * horizon) == np.float32(time):
        raise InvalidInput(
            f"time = {time:g}: a horizon of {horizon:g} is lost in its digits; count time from the start."
        )


def dynamics_of(system: Any, horizon: float | None, time: float, step: float | None) -> Any:
    """The system itself, or that of a fitted model.

    Raises:
        InvalidInput: no system.
    """
    if isinstance(system, AbstractModel):
        system = LearntSystem(system, time, step or (horizon or 1.0) / _PER_MODEL)
    if not isinstance(system, BlackBox | AbstractSystem):
        raise InvalidInput(
            f"{type(system).__name__} is no system; expected one of noneq.systems, a model with a "
            "drift, or BlackBox(step, initial)."
        )
    return system


def keys_of(key: Key, round_: int, repeat: np.ndarray, slot: np.ndarray) -> np.ndarray:
    """Data (m, 2) of one key for each path: a function of the repeat, the round and its place."""
    size = 64
    while size < len(slot):
        size *= 4
    fill = lambda a: np.resize(np.asarray(a, np.uint32), size)
    found = _keys(key, np.uint32(round_), fill(repeat), fill(slot))
    return np.asarray(found)[: len(slot)]


@jax.jit
def _keys(key: Key, round_: Any, repeat: Any, slot: Any) -> Any:
    def one(r, s):
        own = jax.random.fold_in(jax.random.fold_in(key, r), round_)
        return jax.random.key_data(jax.random.fold_in(own, s))

    return jax.vmap(one)(repeat, slot)


def _pool(start: Numbers, event: tuple[int, ...]) -> np.ndarray:
    states = np.asarray(start, np.float64)
    for _ in range(2):
        states = states[None] if states.ndim < len(event) + 2 else states
    if states.shape[2:] != event or not states.size or not np.isfinite(states).all():
        raise InvalidInput(
            f"start has the shape {np.shape(start)}; expected a finite state {event}, or several of "
            f"them, {('m', *event)}."
        )
    return states


def began(system: Any, pool: np.ndarray | None, keys: np.ndarray, repeat: np.ndarray) -> np.ndarray:
    """A first state for each key."""
    black = isinstance(system, BlackBox)
    if pool is None and not black:
        size = 64
        while size < len(keys):
            size *= 4
        filled = np.resize(keys, (size, 2)) if len(keys) else keys
        made = jax.jit(jax.vmap(lambda k: system.initial(jax.random.wrap_key_data(k))))
        return np.asarray(made(filled))[: len(keys)]
    states = system.states[None] if pool is None else pool
    dtype = np.float64 if black else np.zeros(0, np.float32).dtype
    return states[repeat % len(states), keys[:, 1] % states.shape[1]].astype(dtype)

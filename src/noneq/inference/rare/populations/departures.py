"""Rate of transitions between two sets: how often paths leave the first, times splitting from there."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq._typing import Key
from noneq.errors import InvalidInput, SolveFailed
from noneq.estimate import Estimate
from noneq.inference.rare.membership import refuse_no_number
from noneq.inference.rare.motion import AbstractMotion, is_noiseless, motion_of
from noneq.inference.rare.outcome import RareEvent
from noneq.inference.rare.populations.climbs import noise_of
from noneq.inference.rare.populations.population import keys_of
from noneq.inference.rare.populations.splitting import splitting
from noneq.inference.rare.sets import SetOf, StateSet, state_set
from noneq.needs import observable
from noneq.simulation import LearntSystem
from noneq.systems.base import AbstractDiffusion, AbstractMap
from noneq.traits import AbstractModel


_WALKERS, _STEPS, _ROOM = 16, 20_000, 64


@dataclass(frozen=True)
class TransitionRate:
    """Transitions from one set to another.

    Attributes:
        rate: transitions per unit time that the path was last in the first set.
        passage_time: 1/rate, the mean time from entering the first set to reaching the second.
        flux: departures from the first set per unit time.
        event: from a departure to the second set before returning: its probability, levels, paths.
    """

    rate: Estimate
    passage_time: Estimate
    flux: Estimate
    event: RareEvent


@observable("values", takes=("key",), number=False)
def transition_rate(
    system: Any,
    *,
    origin: SetOf,
    target: SetOf,
    score: SetOf | None = None,
    n: int = 200,
    repeats: int = 10,
    share: float = 0.1,
    time: float = 0.0,
    step: float | None = None,
    paths: int = 0,
    workers: int = 1,
    progress: Callable[..., Any] | None = None,
    key: Key,
) -> TransitionRate:
    """Rate of transitions between two sets of states, in the steady state.

    **Equation**: k = Φ p: Φ departures from the origin per unit time, p the probability that a path
    reaches the target before it is back, from the states in which paths leave; 1/k is the mean first
    passage time (Hill). Φ comes from a simulation that starts anew after each arrival, p from
    `splitting`; each repeat has departures of its own. Sets are looked at after each step, for both
    factors alike, so that k is that of the simulated chain.

    Args:
        system: a diffusion, a map, or a fitted model with a drift.
        origin, target: sets, as in `splitting`.
        score, n, repeats, share, time, step, paths, workers, progress, key: as in `splitting`.

    Raises:
        InvalidInput: sets that overlap or are empty, a system without noise, or one that does not leave
            the origin or never comes there.
        SolveFailed: a state is not finite.

    Source: Hill (1989), Free Energy Transduction; Allen, Frenkel, ten Wolde, J. Chem. Phys. 124,
    024102 (2006).
    """
    system, inside, aim = refuse_no_rate(system, origin, target, time=time, step=step, key=key)
    flux, pool = departures_of(system, inside, aim, repeats, time, step, key)
    event = splitting(
        system, target=target, avoid=origin, start=pool, score=score, n=n, repeats=repeats, share=share,
        time=time, step=step, continuous=False, paths=paths, workers=workers, progress=progress,
        key=jax.random.fold_in(key, 1),
    )  # fmt: skip
    return rate_from(flux, event)


def refuse_no_rate(
    system: Any,
    origin: SetOf,
    target: SetOf,
    *,
    time: float,
    step: float | None,
    key: Key,
    caller: str = "transition_rate",
) -> tuple[Any, StateSet, StateSet]:
    """The system, a fitted model as one, and the two sets.

    Raises:
        InvalidInput: a system that has no rate: no dynamics in time, or none that is random.
    """
    if isinstance(system, AbstractModel):
        system = LearntSystem(system, time, step or 1e-3)
    if not isinstance(system, AbstractDiffusion | AbstractMap):
        raise InvalidInput(
            f"{caller}: {type(system).__name__} is no diffusion or map; give splitting a horizon "
            "instead (command line: --horizon)."
        )
    if is_noiseless(system, time, _first_states(system, key)):
        raise InvalidInput(
            f"{caller}: {type(system).__name__} has no noise, so that its path is one for ever; give "
            "splitting a horizon and a perturbation (command line: --horizon, --perturbation), or a system "
            "with noise."
        )
    size = int(np.prod(system.event_shape))
    for word, given in (("origin", origin), ("target", target)):
        if callable(given):
            refuse_no_number(given, tuple(system.event_shape), word)
    inside = state_set(origin, system.names, size, "origin")
    aim = state_set(target, system.names, size, "target")
    return system, inside, aim


def rate_from(flux: np.ndarray, event: RareEvent) -> TransitionRate:
    """k = Φ p over repeats: ``flux`` (repeats,), and the event from a departure to the target."""
    repeats = len(flux)
    each = flux * event.repeats
    count = np.asarray(repeats)
    mean = lambda v: (np.asarray(v.mean()), np.asarray(v.std(ddof=1) / np.sqrt(repeats)), count)
    value, error, _ = mean(each)
    notes = event.probability.notes
    if event.upper is not None:
        error = np.asarray(flux.mean() * event.probability.stderr)
    rate = Estimate(value, error, count, method=event.probability.method, notes=notes)
    wait = np.asarray(1 / value if value > 0 else np.inf)
    spread = np.asarray(error / value**2 if value > 0 else np.inf)
    return TransitionRate(
        rate, replace(rate, value=wait, stderr=spread), Estimate(*mean(flux)), event
    )


def _first_states(system: Any, key: Key) -> np.ndarray:
    """A few initial states."""
    return np.asarray(jax.vmap(system.initial)(jax.random.split(key, 8)))


def departures_of(
    system: Any,
    inside: StateSet,
    aim: StateSet,
    repeats: int,
    time: float,
    step: float | None,
    key: Key,
) -> tuple[np.ndarray, np.ndarray]:
    """Departures per unit time of each repeat, and their states (repeats, m, *event_shape)."""
    walkers = _WALKERS * repeats
    slot = np.arange(walkers)
    keys = keys_of(key, 2**31 - 2, slot // _WALKERS, slot)
    first = jax.vmap(lambda k: system.initial(jax.random.wrap_key_data(k)))(jnp.asarray(keys))
    motion = motion_of(system, start=time, horizon=None, step=step, some=np.asarray(first[0]))
    found = jax.device_get(_wander(motion, inside, aim, first, jnp.asarray(keys), float(time)))
    states, count, spent = found
    if not np.isfinite(states).all():
        raise SolveFailed("a state is not finite; take shorter steps (--step).")
    count = count.reshape(repeats, _WALKERS)
    spent = spent.reshape(repeats, _WALKERS).sum(1)
    if (count.sum(1) == 0).any():
        where = "come to" if (spent == 0).any() else "leave"
        raise InvalidInput(
            f"paths do not {where} {inside.label} within {_WALKERS} × {_STEPS:,} steps; "
            "check the set, and give starts and a horizon (--start, --horizon) instead."
        )
    states = states.reshape(repeats, _WALKERS * _ROOM, *states.shape[2:])
    held = (np.arange(_ROOM)[None, None] < np.minimum(count, _ROOM)[:, :, None]).reshape(
        repeats, -1
    )
    pools = np.stack([np.resize(s[h], s.shape) for s, h in zip(states, held, strict=True)])
    return count.sum(1) / spent, pools


@eqx.filter_jit
def _wander(
    motion: AbstractMotion, inside: StateSet, aim: StateSet, first: Array, keys: Array, start: float
) -> tuple[Array, Array, Array]:
    """States after the latest _ROOM departures of each walker, their number, and the time counted."""
    n = len(first)
    own = jax.random.wrap_key_data(keys)

    def step(k, t, x, key):
        noise, _, other = noise_of(motion, key, k, x)
        return motion.step(t, k, x, noise, other)

    def one(k, carry):
        t, x, was, belongs, kept, count, spent = carry
        after, y = jax.vmap(step, (None, 0, 0, 0))(k, t, x, own)
        there, hit = jax.vmap(inside.contains)(y), jax.vmap(aim.contains)(y)
        # An arrival sends the walker back to its first state, and departures count from the origin.
        y = jnp.where(hit.reshape(-1, *(1,) * (y.ndim - 1)), first, y)
        there = jnp.where(hit, jax.vmap(inside.contains)(first), there)
        settled = k >= _STEPS // 10
        leaves = was & ~there & ~hit & settled
        # The latest ones are kept.
        kept = kept.at[jnp.arange(n), jnp.where(leaves, count % _ROOM, _ROOM)].set(y, mode="drop")
        belongs = there | (belongs & ~hit)
        spent = spent + jnp.where(belongs & settled, after - t, 0.0)
        return after, y, there, belongs, kept, count + leaves, spent

    was = jax.vmap(inside.contains)(first)
    kept = jnp.zeros((n, _ROOM, *first.shape[1:]), first.dtype)
    zero = jnp.zeros(n, jnp.int32)
    t = jnp.full(n, start)
    carry = (t, first, was, was, kept, zero, jnp.zeros(n))
    _, _, _, _, kept, count, spent = jax.lax.fori_loop(0, _STEPS, one, carry)
    return kept, count, spent

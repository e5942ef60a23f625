"""Cloning: large deviations of time averages, such as heat waves or a current that stays low."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq._typing import Key, Numbers
from noneq.errors import InvalidInput, SolveFailed
from noneq.estimate import Estimate, sample_mean
from noneq.inference.rare.membership import refuse_no_number
from noneq.inference.rare.motion import AbstractMotion
from noneq.inference.rare.outcome import RareEvent, mean_of_repeats
from noneq.inference.rare.populations.climbs import noise_of
from noneq.inference.rare.populations.population import began, followed, keys_of, refuse_counts
from noneq.inference.rare.sets import SetOf, quantity_of
from noneq.needs import observable


_TRIES = 12
_WIDEST = 1e4


@dataclass(frozen=True)
class TimeAverage:
    """How probable it is that a time average reaches a level.

    Attributes:
        event: its probability, over repeats.
        tilt: k of the weights exp(k T A) under which paths were cloned.
        scaled_cumulant: ψ(k) = ln⟨exp(k T A)⟩/T at this k.
        mean: of A among the clones, which should be near the level.
    """

    event: RareEvent
    tilt: float
    scaled_cumulant: Estimate
    mean: Estimate


@observable("values", takes=("key",), number=False)
def cloning(
    system: Any,
    quantity: SetOf,
    level: float,
    *,
    horizon: float,
    below: bool = False,
    tilt: float | None = None,
    start: Numbers | None = None,
    n: int = 1000,
    repeats: int = 10,
    rounds: int = 50,
    time: float = 0.0,
    step: float | None = None,
    key: Key,
) -> TimeAverage:
    """Probability that the mean of a quantity over a time reaches a level.

    **Equation**: A = ∫₀ᵀ O dt/T along a path. After each of ``rounds`` parts of the time, paths are
    drawn anew in proportion to exp(k ∫ O dt) of that part, of mean Z_j. Then ⟨exp(k T A)⟩ =
    ⟨Π Z_j⟩ and P(A ≥ a) = ⟨Π Z_j · mean over clones of 1(A ≥ a) exp(−k T A)⟩, A of each clone with
    its history: unbiased for every k and every n. The error is least where the clones have A ≈ a.

    Args:
        system: a diffusion, a map, or a fitted model with a drift.
        quantity: O: an expression of the coordinates, ``"x**2"``, or a function of one state.
        level: a.
        horizon: T.
        below: P(A ≤ a) instead.
        tilt: k; None seeks the one whose clones have the mean a.
        start: a state, or states (m, *event_shape) of which paths draw one; None the system's own.
        n: paths of a repeat.
        repeats: independent ones; they make the error bar.
        rounds: of drawing anew.
        time: of the start.
        step: of the simulation; None is the system's own. O is integrated by trapezia.
        key: typed random key.

    Returns:
        Where no clone of any repeat reaches the level, the bound P ≤ exp(−T (k a − ψ(k))) of Chernoff
        stands in ``event.upper``.

    Raises:
        InvalidInput: text that is no expression, numbers that make no sense, a system without a random
            part, or a level that clones do not come near.
        SolveFailed: a state is not finite.

    Source: Giardinà, Kurchan, Peliti, Phys. Rev. Lett. 96, 120603 (2006); Lecomte, Tailleur, J. Stat.
    Mech. P03007 (2007); Ragone, Wouters, Bouchet, PNAS 115, 24 (2018).
    """
    if not math.isfinite(level):
        raise InvalidInput(f"cloning: level = {level}; expected a finite number.")
    trip = _trip(system, quantity, horizon, n, repeats, rounds, start, time, step, key)
    sign = -1.0 if below else 1.0
    k = _tilt(trip, level, sign) if tilt is None else float(tilt)
    if not math.isfinite(k):
        raise InvalidInput(f"cloning: tilt = {tilt}; expected a finite number.")
    logs, means = trip(k, 1)
    there = sign * (means - level) >= 0
    back = np.where(there, np.exp(logs[:, None] - k * horizon * means), 0.0)
    values = back.mean(1)
    psi = _scaled(logs, horizon)
    gone = np.asarray(~there.any(1))
    chernoff = math.exp(min(0.0, -horizon * (k * level - float(psi.value))))
    reached = np.full(repeats, chernoff * n * repeats / 3)
    estimate, upper = mean_of_repeats(values, gone, reached, n, method="cloning")
    mean = sample_mean(means.mean(1))
    event = RareEvent(estimate, values, gone, upper, (), (), trip.steps)
    return TimeAverage(event, k, psi, mean)


@observable("values", takes=("key",), number=False)
def scaled_cumulants(
    system: Any,
    quantity: SetOf,
    tilts: Sequence[float] | np.ndarray,
    *,
    horizon: float,
    start: Numbers | None = None,
    n: int = 1000,
    repeats: int = 10,
    rounds: int = 50,
    time: float = 0.0,
    step: float | None = None,
    key: Key,
) -> Estimate:
    """Scaled cumulant generating function of a time average.

    **Equation**: ψ(k) = ln⟨exp(k T A)⟩/T, A = ∫₀ᵀ O dt/T. For long T its Legendre transform
    I(a) = max_k (k a − ψ(k)) is the rate function, P(A ≈ a) ≈ exp(−T I(a)).

    Args:
        tilts: values of k.
        system, quantity, horizon, start, n, repeats, rounds, time, step, key: as in `cloning`.

    Returns:
        ψ, one number for each tilt.

    Raises:
        InvalidInput, SolveFailed: as `cloning`.

    Source: Giardinà, Kurchan, Peliti, Phys. Rev. Lett. 96, 120603 (2006).
    """
    values = np.asarray(tilts, np.float64)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise InvalidInput("scaled_cumulants: tilts must be finite numbers, such as [-1, 0, 1].")
    trip = _trip(system, quantity, horizon, n, repeats, rounds, start, time, step, key)
    found = [_scaled(trip(float(k), i + 1)[0], horizon) for i, k in enumerate(values)]
    value, stderr = (
        np.asarray([getattr(one, part) for one in found]) for part in ("value", "stderr")
    )
    return Estimate(value, stderr, np.full(len(found), repeats), method="cloning")


class _Clones:
    """Runs of all repeats; called with a tilt and the number of the run."""

    def __init__(
        self, system: Any, motion: AbstractMotion, quantity: Any, pool: Any, sizes: tuple[int, int, int],
        horizon: float, time: float, key: Key,
    ):  # fmt: skip
        self.system, self.motion, self.quantity, self.pool = system, motion, quantity, pool
        self.sizes, self.horizon, self.time, self.key = sizes, horizon, time, key
        self.steps = 0

    def __call__(self, tilt: float, run: int) -> tuple[np.ndarray, np.ndarray]:
        """ln Π Z of each repeat, and A of each clone (repeats, n)."""
        repeats, n, _ = self.sizes
        owner, slot = np.repeat(np.arange(repeats), n), np.tile(np.arange(n), repeats)
        keys = keys_of(self.key, run, owner, slot)
        states = began(self.system, self.pool, keys, owner)
        dtype = jnp.zeros(()).dtype
        logs, sums, steps = jax.device_get(
            _cloned(
                self.motion, self.quantity, jnp.asarray(states, dtype), jnp.asarray(keys),
                self.sizes, self.horizon, self.time, jnp.asarray(tilt, dtype),
            )
        )  # fmt: skip
        self.steps += int(steps)
        if not (np.isfinite(sums).all() and np.isfinite(logs).all()):
            raise SolveFailed(
                "cloning: a state, or the quantity there, is not finite; take shorter steps (step=), or "
                "a smaller tilt."
            )
        return logs.astype(np.float64), sums.astype(np.float64).reshape(repeats, n) / self.horizon


def _trip(
    system: Any, quantity: SetOf, horizon: float, n: int, repeats: int, rounds: int,
    start: Numbers | None, time: float, step: float | None, key: Key,
) -> _Clones:  # fmt: skip
    least = {"n": 2, "repeats": 2, "rounds": 1}
    refuse_counts("cloning", least, n=n, repeats=repeats, rounds=rounds)
    if not 0 < horizon < math.inf:
        raise InvalidInput(f"cloning: horizon = {horizon}; it must be a positive time.")
    system, motion, pool = followed(
        system, horizon=horizon, start=start, time=time, step=step, key=key
    )
    size = math.prod(system.event_shape)
    if callable(quantity):
        refuse_no_number(quantity, tuple(system.event_shape), "quantity")
    law = quantity_of(quantity, system.names, size)
    return _Clones(
        system, motion, law, pool, (repeats, n, rounds), float(horizon), float(time), key
    )


def _tilt(trip: _Clones, level: float, sign: float) -> float:
    """k at which the mean of the clones is the level: doubled until it is beyond, then halved.

    Raises:
        InvalidInput: a level that no tilt reaches.
    """
    mean = lambda k, i: float(trip(k, 2 + i)[1].mean())
    free = mean(0.0, 0)
    if sign * (level - free) <= 0:
        return 0.0
    low, high, tries = 0.0, sign / trip.horizon, 1
    while sign * (mean(high, tries) - level) < 0:
        low, high, tries = high, 2 * high, tries + 1
        if tries > 2 * _TRIES or abs(high) * trip.horizon > _WIDEST:
            raise InvalidInput(
                f"cloning: clones do not come near the level {level:g}, their mean without a tilt is "
                f"{free:.3g}; name a nearer level, more paths (n), or a tilt."
            )
    for i in range(4):
        middle = (low + high) / 2
        far = sign * (mean(middle, tries + 1 + i) - level) < 0
        low, high = (middle, high) if far else (low, middle)
    return (low + high) / 2


def _scaled(logs: np.ndarray, horizon: float) -> Estimate:
    """ln of the mean over repeats of Π Z, over T; its error by the delta method."""
    top = logs.max()
    weights = np.exp(logs - top)
    count = len(logs)
    error = weights.std(ddof=1) / np.sqrt(count) / weights.mean() / horizon
    value = (top + math.log(weights.mean())) / horizon
    return Estimate(np.asarray(value), np.asarray(error), np.asarray(count), method="cloning")


@eqx.filter_jit
def _cloned(
    motion: AbstractMotion,
    quantity: Callable[[Any], Any],
    states: Array,
    keys: Array,
    sizes: tuple[int, int, int],
    horizon: float,
    start: float,
    tilt: Array,
) -> tuple[Array, Array, Array]:
    """ln Π Z (repeats,), ∫ O dt of every clone with its history (repeats n,), and steps in all."""
    repeats, n, rounds = sizes
    own = jax.random.wrap_key_data(keys)
    length = motion.kick(jnp.asarray(start), states[0])[1]
    total = max(1, round(horizon / length))
    look = jax.vmap(quantity)

    def one(k, carry):
        t, x, o, part = carry

        def step(t, x, key):
            noise, _, other = noise_of(motion, key, k, x)
            return motion.step(t, k, x, noise, other)

        t, x = jax.vmap(step)(t, x, own)
        new = look(x)
        return t, x, new, part + 0.5 * (o + new) * length

    def drawn(w, key):
        edge = jnp.cumsum(w) / jnp.sum(w)
        at = (jnp.arange(n) + jax.random.uniform(key)) / n
        return jnp.minimum(jnp.searchsorted(edge, at), n - 1)

    def round_(i, carry):
        t, x, o, whole, logs = carry
        first, last = (i * total) // rounds, ((i + 1) * total) // rounds
        t, x, o, part = jax.lax.fori_loop(first, last, one, (t, x, o, jnp.zeros_like(o)))
        log = (tilt * part).reshape(repeats, n)
        top = log.max(1, keepdims=True)
        w = jnp.exp(log - top)
        logs = logs + top[:, 0] + jnp.log(w.mean(1))
        draws = jax.random.split(jax.random.fold_in(own[0], 2**30 + i), repeats)
        chosen = (jax.vmap(drawn)(w, draws) + n * jnp.arange(repeats)[:, None]).reshape(-1)
        return t, x[chosen], o[chosen], (whole + part)[chosen], logs

    size = repeats * n
    carry = (jnp.full(size, start), states, look(states), jnp.zeros(size), jnp.zeros(repeats))
    _, _, _, whole, logs = jax.lax.fori_loop(0, rounds, round_, carry)
    return logs, whole, jnp.asarray(total * size)

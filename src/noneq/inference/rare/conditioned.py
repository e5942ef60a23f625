"""Paths of a transformed motion, and what they tell of the free one."""

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq._typing import Key, Numbers, ScalarLike
from noneq.errors import InvalidInput, SolveFailed
from noneq.estimate import Estimate, sample_mean
from noneq.inference.rare.arrivals import crossing_probability
from noneq.inference.rare.committor.grid import refuse_overlap, sets_of
from noneq.inference.rare.doob import DoobTransform
from noneq.inference.rare.membership import members
from noneq.inference.rare.sets import SetOf, StateSet
from noneq.needs import observable
from noneq.simulation.solvers import noise_shape


_BURST = 512
_HOPELESS = 2**20
_LONE = 10
"""Arrivals below which the weights say nothing."""


@dataclass(frozen=True, eq=False)
class ConditionedPaths:
    """Paths of the transformed motion, and what they tell of the free one.

    Attributes:
        probability: of the event under the free motion, E[1 dP/dP^u].
        log_weights: ln dP/dP^u of the paths that arrive, ``(arrivals,)``.
        variance: of the log weights; 0 if h is exact.
        effective: (Σw)²/Σw² over all paths, per path; 1 if all weights are the same.
        arrived: share of the paths that reach the target.
        paths, times: some of those that do, thinned, from the start to the arrival.
        durations: of the paths that arrive.
    """

    probability: Estimate
    log_weights: np.ndarray
    variance: float
    effective: float
    arrived: float
    paths: tuple[np.ndarray, ...]
    times: tuple[np.ndarray, ...]
    durations: np.ndarray

    def __str__(self) -> str:
        return (
            f"ConditionedPaths(probability {self.probability}, {self.arrived:.1%} arrive, log-weight "
            f"variance {self.variance:.3g}, effective {self.effective:.2g})"
        )


@observable("model", more=("start", "target"), takes=("key",), number=False)
def conditioned_paths(
    transform: DoobTransform,
    start: Numbers,
    target: SetOf,
    *,
    avoid: SetOf | None = None,
    horizon: float | None = None,
    time: float = 0.0,
    n: int = 1000,
    step: float | None = None,
    continuous: bool = True,
    keep: int = 20,
    every: int = 1,
    key: Key,
) -> ConditionedPaths:
    """Sample a rare event by a transformed motion, and its probability under the free one.

    **Equation**: ln dP/dP^u = −Σ (u·ΔW + ½ |u|² h) along Euler steps, ΔW the noise that was drawn; the
    mean weight of the paths that arrive is unbiased for every h or control, as the probability of
    the chain of these steps.

    Args:
        transform: see `DoobTransform`.
        start: a state, or several ``(m, *event_shape)``, which the paths take in turns.
        target: the set to reach, ``"x > 0.9"`` or a function of one state, positive inside.
        avoid: a set that ends a path in failure, the start of a committor.
        horizon: the time until which the target must be reached; None for a committor, which needs
            ``avoid``.
        time: of the start.
        n: number of paths.
        step: None takes the system's own.
        continuous: count crossings of the sets between steps by Brownian bridges, as in continuous
            time.
        keep, every: how many of the arriving paths to record, among the first of all, and at which
            steps.
        key: typed random key.

    Raises:
        InvalidInput: a start of another shape or inside a set, neither a horizon nor a set to avoid,
            or bad numbers.
        SolveFailed: paths that never end, or are not finite.

    Source: Girsanov 1960; Hartmann and Schütte 2012.
    """
    system, shape = transform.system, tuple(transform.event_shape)
    begins = np.asarray(start, jnp.zeros(()).dtype)
    begins = begins[None] if begins.shape == shape else begins
    if begins.shape[1:] != shape or not len(begins) or not np.isfinite(begins).all():
        raise InvalidInput(
            f"conditioned_paths: start has the shape {np.shape(start)}; expected one finite state "
            f"{shape}, or several {('m', *shape)}."
        )
    if horizon is None and avoid is None:
        raise InvalidInput(
            "conditioned_paths: give horizon=, the time to reach the target, or avoid=, a set."
        )
    h = system.time_step if step is None else step
    longest = _HOPELESS if horizon is None else round(horizon / h) if h > 0 else 0
    if n < 2 or not 0 < h < float("inf") or longest < 1 or keep < 0 or every < 1:
        raise InvalidInput(
            f"conditioned_paths: n = {n}, step = {h}, horizon = {horizon}, keep = {keep}, every = "
            f"{every}; expected at least 2 paths, a step within the horizon, keep ≥ 0 and every ≥ 1."
        )
    sets = sets_of(system, target, *(() if avoid is None else (avoid,)))
    if len(sets) == 2:
        refuse_overlap(begins, *sets)
    for one in sets:
        if members(one, begins).any():
            raise InvalidInput(f"conditioned_paths: a start lies in the set {one.label!r}.")
    noise = noise_shape(system, time, begins[0])
    state = (
        jnp.asarray(begins)[jnp.arange(n) % len(begins)],
        jnp.zeros(n),
        jnp.full(n, -1, jnp.int32),
        jnp.zeros(n, jnp.int32),
    )
    recorded, done = [np.asarray(state[0][:keep])[None]], 0
    while done < longest and bool((state[2] < 0).any()):
        count = min(_BURST, longest - done)
        state, seen = _burst(
            transform, tuple(sets), state, jnp.asarray(done), jnp.asarray(count), h, time,
            jax.random.fold_in(key, done), noise, continuous, keep,
        )  # fmt: skip
        recorded.append(np.asarray(seen)[:count])
        done += count
    last, logs, goal, age = (np.asarray(part) for part in state)
    if not np.isfinite(last).all():
        raise SolveFailed("conditioned_paths: a state is not finite; take a smaller step.")
    if horizon is None and (goal < 0).any():
        raise SolveFailed(
            f"conditioned_paths: {int((goal < 0).sum())} of {n} paths end in no set within {done} "
            "steps; move the sets or give a horizon."
        )
    return _summary(np.concatenate(recorded), logs.astype(np.float64), goal == 0, age, h, every)


@eqx.filter_jit
def _burst(
    transform: DoobTransform,
    sets: tuple[StateSet, ...],
    state: tuple[Any, ...],
    done: Array,
    count: Array,
    h: ScalarLike,
    time: ScalarLike,
    key: Key,
    noise: tuple[int, ...],
    continuous: bool,
    keep: int,
) -> tuple[Any, Array]:
    """Up to 512 steps of all paths: (state, log weight, set reached, steps), and the recorded ones."""
    system = transform.system

    def one(x, xi, luck, t):
        u = transform.guide(t, x, h)
        b = system.diffusion(t, x)
        kick = b * xi if b.shape in ((), x.shape) else b @ xi
        new = x + h * (system.drift(t, x) + transform.push(t, x, u)) + jnp.sqrt(h) * kick
        new = system.domain.project(new)
        gain = -jnp.sqrt(h) * u @ xi.reshape(-1) - 0.5 * h * u @ u
        inside = [goal.contains(new) for goal in sets]
        if continuous:
            chance = [crossing_probability(system, goal, x, new, h) for goal in sets]
            inside = [
                a | (luck[i] < p) for i, (a, p) in enumerate(zip(inside, chance, strict=True))
            ]
        return new, gain, jnp.stack(inside)

    def step(state, i):
        x, logs, goal, age = state
        noise_key, luck_key = jax.random.split(jax.random.fold_in(key, i))
        xi = jax.random.normal(noise_key, (len(x), *noise), x.dtype)
        luck = jax.random.uniform(luck_key, (len(x), len(sets)), x.dtype)
        t = time + (done + i) * jnp.asarray(h, x.dtype)
        new, gain, inside = jax.vmap(one, (0, 0, 0, None))(x, xi, luck, t)
        going = (goal < 0) & (i < count)
        x = jnp.where(going.reshape(-1, *(1,) * (x.ndim - 1)), new, x)
        hit = going & inside.any(-1)
        goal = jnp.where(hit, inside.argmax(-1).astype(jnp.int32), goal)
        return (x, logs + jnp.where(going, gain, 0.0), goal, age + going), x[:keep]

    return jax.lax.scan(step, state, jnp.arange(_BURST))


def _summary(
    recorded: np.ndarray, logs: np.ndarray, hit: np.ndarray, age: np.ndarray, h: float, every: int
) -> ConditionedPaths:
    weights = np.where(hit, np.exp(logs), 0.0)
    total, share = weights.sum(), hit.mean()
    effective = float(total**2 / (weights**2).sum() / len(hit)) if total > 0 else 0.0
    own = logs[hit]
    spread = float(own.var(ddof=1)) if len(own) > 1 else float("nan")
    notes = [f"{share:.1%} of {len(hit)} paths arrive; log-weight variance {spread:.3g}"]
    if len(own) < _LONE:
        notes.append("too few arrive for an error to be trusted; take a better h")
    if effective < 0.05:
        notes.append(f"effective share of the paths {effective:.2g}; take a better h")
    paths, times = [], []
    for row in np.flatnonzero(hit[: recorded.shape[1]]):
        steps = np.unique(np.append(np.arange(0, age[row], every), age[row]))
        paths.append(recorded[steps, row])
        times.append(steps * h)
    return ConditionedPaths(
        sample_mean(weights, notes=tuple(notes)),
        own,
        spread,
        effective,
        float(share),
        tuple(paths),
        tuple(times),
        age[hit] * h,
    )

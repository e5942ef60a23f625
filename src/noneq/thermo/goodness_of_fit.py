"""Whether recorded trajectories are of a given system: its own transitions beside the recorded."""

import math
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key
from noneq.data.ensembles import Trajectories
from noneq.errors import InvalidInput
from noneq.simulation.ensemble import own_solver
from noneq.simulation.solvers import StochasticHeun, noise_shape
from noneq.systems.base import AbstractDiffusion, HasTransition


_LEVEL = 1e-6
"""Share of false alarms, over all that one call tests."""
_COPIES = 8  # simulated transitions beside each recorded one
_LEAST, _MOST = 64, 4096  # recorded transitions, where there are as many
_STEPS = 2**23  # internal steps of all copies together, if that leaves the least number
_NUMBERS = 2**24  # numbers held at once
_GROWTH = 4  # of one lag to the next
_DIVERGENT = 0.01  # share of transitions that the system may fail to follow


@dataclass(frozen=True)
class _Transitions:
    """Displacements of states over one lag: the recorded one first, then those of the copies.

    Args:
        lag: mean duration.
        moves: ``(n, 1 + copies, dim)``.
        drift: ``(n, dim)``, the system's at the start.
        weights: ``(n, J)``, functions of state and time at the start.
    """

    lag: float
    moves: Float[np.ndarray, "n rows dim"]
    drift: Float[np.ndarray, "n dim"]
    weights: Float[np.ndarray, "n J"]


def check_recorded_by(trajectories: Trajectories, system: AbstractDiffusion, what: str) -> None:
    """Refuse trajectories that are not of the system.

    **Equation**: from recorded states x_i the system is simulated 8 times to later recorded times.
    If the data are of the system, the rank r_i ∈ {0 … 8} of the recorded displacement among the
    nine is uniform and independent of x_i and of all other ranks, however far apart the records
    are. Tested are z = Σ_i w(x_i) (r_i − 4)/[Σ_i w(x_i)² 20/3]^{1/2} with the weights 1, every
    coordinate and the time, for the ranks of every coordinate and of the component along the drift
    (a wrong drift), and of the squared deviations from the mean of the nine (a wrong noise), over
    1, 4, 16, … recorded intervals. P(|z| > c) ≤ 2 exp(−c²/2) holds for any number of records, so
    that c² = 2 ln(2 M/1e-6) for M such z bounds false alarms by 1e-6.

    At most 4096 transitions are tested: a drift or a noise wrong by less than about a tenth passes.

    Args:
        trajectories: complete; of a single time nothing is tested.
        system: with noise in every coordinate.
        what: name of the caller.

    Raises:
        InvalidInput: states of another shape; or data that are not of that system, saying whether
            drift or noise, and over which time.
    """
    check_shape(trajectories, system, what)
    if trajectories.times.size < 2:
        return
    groups = _transitions(trajectories, system, what)
    dim = groups[0].moves.shape[-1]
    z = np.stack([_scores(group) for group in groups])
    allowed = math.sqrt(2 * math.log(2 * z.size / _LEVEL))
    if np.abs(z).max() <= allowed:
        return
    lag, quantity, _ = np.unravel_index(np.argmax(np.abs(z)), z.shape)
    kind = "drift" if quantity <= dim else "noise"
    raise InvalidInput(
        f"{what}: these trajectories are not of {system}: over {groups[lag].lag:.3g} units of time "
        f"the {kind} of the data is another (|z| = {np.abs(z).max():.1f}, of its own recordings "
        f"all but {_LEVEL:g} stay below {allowed:.1f}). Give the system that they follow, or "
        "check=False to use this one nevertheless."
    )


def check_shape(trajectories: Trajectories, system: AbstractDiffusion, what: str) -> None:
    """Refuse states that the system cannot have.

    Raises:
        InvalidInput: states of another shape.
    """
    if trajectories.event_shape != system.event_shape:
        raise InvalidInput(
            f"{what}: states of shape {trajectories.event_shape}; those of {type(system).__name__} "
            f"have {system.event_shape}. Name another system, or change its size (command line: "
            "--set)."
        )


def _transitions(
    trajectories: Trajectories, system: AbstractDiffusion, what: str
) -> list[_Transitions]:
    """Recorded and simulated displacements over every lag."""
    times, dtype = trajectories.times, jnp.zeros(()).dtype
    n, dim = len(trajectories.values), math.prod(system.event_shape)
    per_interval = max(1.0, float(np.diff(times).mean()) / system.time_step)
    most = min(_MOST, max(_LEAST, _NUMBERS // (dim * (_COPIES + 1) * 4)))
    wanted = int(np.clip(_STEPS / (_COPIES * per_interval), _LEAST, most))
    longest = max(1, min(times.size - 1, int(_STEPS / (_COPIES * per_interval * wanted))))
    lags = _GROWTH ** np.arange(int(math.log(longest, _GROWTH) + 1e-9) + 1)
    # Windows that do not overlap: their ranks are independent.
    frames = np.arange(0, times.size - lags[-1], lags[-1])
    rng = np.random.default_rng(0)
    picks = rng.permutation(n * frames.size)[:wanted]
    path, frame = picks % n, frames[picks // n]
    clocks = times[frame[:, None] + np.concatenate([[0], lags])]
    start = trajectories.values[path, frame]
    counts = np.ceil(np.diff(clocks).max(0) / system.time_step - 0.01).clip(1)
    x, t = jnp.asarray(start, dtype), jnp.asarray(clocks[:, 0], dtype)
    later = np.stack([trajectories.values[path, frame + lag] for lag in lags])
    noise = noise_shape(system, times[0], np.asarray(start[0], dtype))
    moves, drift = _moves(
        system,
        x,
        t,
        jnp.asarray((np.diff(clocks) / counts).T, dtype),
        jnp.asarray(counts, jnp.int32),
        jnp.asarray(later, dtype),
        jax.random.key(0),
        noise,
    )
    moves = np.asarray(moves, np.float64).reshape(len(lags), len(picks), _COPIES + 1, dim)
    drift = np.asarray(drift, np.float64).reshape(len(picks), dim)
    finite = np.isfinite(moves).all((0, 2, 3)) & np.isfinite(drift).all(1)
    if finite.mean() < 1 - _DIVERGENT:
        raise InvalidInput(
            f"{what}: these trajectories are not of {system}: from {(~finite).sum()} of "
            f"{finite.size} recorded states its own motion diverges."
        )
    columns = [np.ones((len(picks), 1)), start.reshape(len(picks), dim), clocks[:, :1]]
    weights = np.concatenate(columns, 1).astype(np.float64)[finite]
    spread = weights[:, 1:].std(0)
    weights[:, 1:] = (weights[:, 1:] - weights[:, 1:].mean(0)) / np.where(spread > 0, spread, 1.0)
    durations = (clocks[:, 1:] - clocks[:, :1]).mean(0)
    return [
        _Transitions(float(lag), part[finite], drift[finite], weights)
        for lag, part in zip(durations, moves, strict=True)
    ]


def _scores(group: _Transitions) -> Float[np.ndarray, "quantities J"]:
    """z of every ranked quantity with every weight."""
    along = np.einsum("nrd,nd->nr", group.moves, group.drift)[..., None]
    square = (group.moves - group.moves.mean(1, keepdims=True)) ** 2
    scale = np.maximum(square.mean((0, 1)), 1e-300)
    ranked = np.concatenate(
        [group.moves, along, square, (square / scale).sum(-1, keepdims=True)], axis=-1
    )
    recorded, copies = ranked[:, :1], ranked[:, 1:]
    # Half a rank for ties, so that rounding never favours one side.
    rank = ((copies < recorded).sum(1) + (copies <= recorded).sum(1)) / 2 - _COPIES / 2
    variance = ((_COPIES + 1) ** 2 - 1) / 12
    norms = np.sqrt(variance * np.sum(group.weights**2, axis=0))
    return rank.T @ group.weights / np.where(norms > 0, norms, np.inf)


@eqx.filter_jit
def _moves(
    system: AbstractDiffusion,
    x: Float[Array, "n *event"],
    t: Float[Array, " n"],
    steps: Float[Array, "lags n"],
    counts: Array,
    later: Float[Array, "lags n *event"],
    key: Key,
    noise: tuple[int, ...],
) -> tuple[Float[Array, "lags n rows *event"], Float[Array, "n *event"]]:
    """Displacements from the starts, recorded and simulated, over every lag; drift at the starts."""
    # A linear system is recorded without the error of steps: that of Heun's is small enough.
    solver = StochasticHeun() if isinstance(system, HasTransition) else own_solver(system)

    def step(x: Array, t: Array, h: Array, xi: Array) -> Array:
        return system.domain.project(solver.step(system, t, x, h, xi))

    # Copies of one start share its clock.
    every = jax.vmap(jax.vmap(step, (0, None, None, 0)))
    from_start = jax.vmap(jax.vmap(system.domain.difference, (0, None)))

    def interval(carry: tuple[Array, Array], part: tuple[Array, ...]) -> tuple[tuple, Array]:
        y, clock = carry
        h, count, recorded, part_key = part

        def one(i: Array, y: Array) -> Array:
            xi = jax.random.normal(jax.random.fold_in(part_key, i), (*y.shape[:2], *noise), y.dtype)
            return every(y, clock + i * h, h, xi)

        y = jax.lax.fori_loop(0, count, one, y)
        return (y, clock + count * h), from_start(jnp.concatenate([recorded[:, None], y], 1), x)

    copies = jnp.repeat(x[:, None], _COPIES, 1)
    keys = jax.random.split(key, counts.shape[0])
    _, moves = jax.lax.scan(interval, (copies, t), (steps, counts, later, keys))
    return moves, jax.vmap(system.drift)(t, x)

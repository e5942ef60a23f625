"""Which end a state comes to: fate probabilities of anything that moves, and what drives them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from noneq._typing import Key, Numbers
from noneq.errors import InvalidInput, MissingTrait
from noneq.estimate import Estimate
from noneq.inference.regions import Region
from noneq.needs import observable
from noneq.simulation import simulate
from noneq.systems.base import AbstractDiffusion, AbstractMap
from noneq.traits import AbstractModel, HasDrift, HasPaths


_TOGETHER = 2**16


@dataclass(frozen=True)
class Fates:
    """Where states end.

    Attributes:
        names: of the fates.
        states: ``(n, *event_shape)``, where the paths began.
        probability: `Estimate` of shape ``(n, fates)``.
        undecided: `Estimate` of shape ``(n,)``: paths that end in none of them.
        names_of_coordinates: one for each number of a state.
    """

    names: tuple[str, ...]
    states: np.ndarray
    probability: Estimate
    undecided: Estimate
    names_of_coordinates: tuple[str, ...]

    def shares(self) -> Estimate:
        """Mean probability of each fate over the states, shape ``(fates,)``.

        The error holds the spread over the states and the binomial one of the paths.
        """
        q = self.probability.value
        n, paths = len(q), int(np.min(self.probability.n))
        middle = (q.sum(0) * paths + 1) / (n * paths + 2)
        binomial = middle * (1 - middle) / (n * paths)
        spread = q.var(0, ddof=1) / n if n > 1 else 0.0
        return Estimate(q.mean(0), np.sqrt(np.maximum(spread, binomial)), np.full(q.shape[1], n))

    def drivers(self) -> Estimate:
        """Correlation over the states of each coordinate with each fate's probability.

        Returns:
            `Estimate` of shape ``(fates, coordinates)``; 0 where a coordinate or a probability does
            not vary. The error (1 − r²)/√(n − 2) is that over the states.

        Raises:
            InvalidInput: fewer than four states.
        """
        n = len(self.states)
        if n < 4:
            raise InvalidInput(f"drivers: {n} states; a correlation needs at least 4 (hundreds).")
        unit = lambda a: (a - a.mean(0)) / np.where(a.std(0) > 0, a.std(0), np.inf)
        x = unit(np.asarray(self.states, np.float64).reshape(n, -1))
        r = unit(self.probability.value).T @ x / n
        return Estimate(r, (1 - r**2) / np.sqrt(n - 2), np.full(r.shape, n))


@observable("model", more=("states", "fates", "start", "end"), takes=("key",), number=False)
def fate_probabilities(
    dynamics: Any,
    states: Numbers,
    fates: Mapping[str, Region],
    *,
    start: float,
    end: float,
    paths: int = 100,
    looks: int | None = None,
    condition: Any = None,
    names: Sequence[str] | None = None,
    key: Key,
) -> Fates:
    """Where paths from each state x end, or which region they enter first, by simulation.

    **Equation**: q_A(x) = E 1[X_end in A | X_start = x], the solution of the backward equation
    ∂_t q + f·∇q + ½ B Bᵀ:∇∇q = 0 with q(end) = 1_A, here the share of ``paths``. With ``looks`` it
    is the committor P(A is entered first, before ``end``): the same equation with q = 1 in A and 0 in
    all other regions (`noneq.inference.grid_committor` solves it).

    Args:
        dynamics: a fitted model with the trait `HasPaths` or `HasDrift`, or a system.
        states: ``(n, *event_shape)``.
        fates: regions by name; a region is a function of a batch of states and gives truth values.
        start, end: times.
        paths: from each state; the error is √(q(1 − q)/paths) (Wilson's midpoint near 0 and 1).
        looks: None judges the state at ``end``; a number decides a path at the first region that it is
            seen in, at so many even times after the start. Visits between two looks are missed.
        condition: of conditional models, shared by all paths.
        names: of the coordinates; None takes x0, x1, ….
        key: typed random key.

    Raises:
        MissingTrait: no paths and no drift.
        InvalidInput: an end before the start, no or overlapping regions, a region that gives
            something else than one truth value a state, or fewer than two paths.
        SolveFailed: a path is not finite.
    """
    states = np.asarray(states, np.float32)
    if not end > start:
        raise InvalidInput(f"fate_probabilities: end = {end:g} must lie after start = {start:g}.")
    if not fates:
        raise InvalidInput('fate_probabilities: no fate; give {"right": lambda x: x[:, 0] > 0}.')
    if looks is not None and looks < 1:
        raise InvalidInput(
            f"fate_probabilities: looks = {looks}; expected at least 1 (hundreds), or None for the end."
        )
    if paths < 2 or states.ndim < 2 or not len(states):
        raise InvalidInput(
            f"fate_probabilities: paths = {paths}, states of shape {states.shape}; expected at least "
            "2 paths and states (n, *event_shape)."
        )
    counts = np.zeros((len(states), len(fates)))
    times = np.linspace(start, end, 2 if looks is None else looks + 1)
    step = max(1, _TOGETHER // (paths * (len(times) - 1)))
    for i in range(0, len(states), step):
        some = states[i : i + step]
        begin = np.repeat(some, paths, axis=0)
        seen = _paths(dynamics, begin, times, condition, jax.random.fold_in(key, i))
        seen = seen[:, -1:] if looks is None else seen
        flat = seen.reshape(-1, *seen.shape[2:])
        inside = np.stack([_members(name, region, flat) for name, region in fates.items()], -1)
        if (inside.sum(1) > 1).any():
            raise InvalidInput(
                f"fate_probabilities: a state lies in two of the regions {', '.join(fates)}; "
                "regions must not overlap."
            )
        inside = inside.reshape(len(some) * paths, -1, len(fates))
        first = inside.any(-1).argmax(1)
        decided = inside[np.arange(len(inside)), first]
        counts[i : i + step] = decided.reshape(len(some), paths, -1).sum(1)
    known = [f"x{i}" for i in range(states[0].size)] if names is None else names
    return Fates(
        tuple(fates),
        states,
        _share(counts, paths),
        _share(paths - counts.sum(1), paths),
        tuple(known),
    )


def _paths(
    dynamics: Any, start: np.ndarray, times: np.ndarray, condition: Any, key: Key
) -> np.ndarray:
    """Paths from ``start`` at these times."""
    if isinstance(dynamics, HasPaths):
        more = {} if condition is None else {"condition": condition}
        made = dynamics.sample_paths(len(start), times=times, start=start, key=key, **more)
    elif (isinstance(dynamics, AbstractModel) and isinstance(dynamics, HasDrift)) or isinstance(
        dynamics, AbstractDiffusion | AbstractMap
    ):
        made = simulate(dynamics, times, n=len(start), start=start, key=key)
    else:
        kind = "model" if isinstance(dynamics, AbstractModel) else "object"
        raise MissingTrait(
            f"fate_probabilities needs paths; the {kind} {type(dynamics).__name__} has neither "
            "HasPaths nor HasDrift and is no system with dynamics (SF2M, OUBridge, Transition have)."
        )
    return np.asarray(made.values)


def _members(name: str, region: Region, states: np.ndarray) -> np.ndarray:
    inside = np.asarray(region(states))
    if inside.shape != (len(states),) or inside.dtype != np.bool_:
        raise InvalidInput(
            f"fate_probabilities: the region {name} gave {inside.dtype} of shape {inside.shape}; "
            f"expected {len(states)} truth values, one a state."
        )
    return inside


def _share(counts: np.ndarray, n: int) -> Estimate:
    """Binomial share; its error is never 0, as no event in n trials leaves about 1/n open."""
    middle = (counts + 1) / (n + 2)
    return Estimate(counts / n, np.sqrt(middle * (1 - middle) / n), np.full(counts.shape, n))

"""Mean first-passage times by simulation."""

from noneq._typing import Key, Numbers
from noneq.errors import InvalidInput
from noneq.estimate import Estimate, sample_mean
from noneq.inference.rare.arrivals import arrivals
from noneq.inference.rare.committor.grid import sets_of
from noneq.inference.rare.sets import SetOf
from noneq.needs import observable
from noneq.simulation.solvers import AbstractSolver
from noneq.systems.base import AbstractDiffusion


@observable("model", more=("start", "target"), takes=("key",))
def passage_time(
    system: AbstractDiffusion,
    start: Numbers,
    target: SetOf,
    *,
    n: int = 1000,
    step: float | None = None,
    solver: AbstractSolver | None = None,
    key: Key,
) -> Estimate:
    """Mean time at which paths first reach a set; every path is followed until it arrives.

    For sets given by inequalities the path between two steps is a Brownian bridge, which enters with
    probability exp(−2 d d'/(s² h)), d and d' the levels of the set at its ends, s = |Bᵀ∇d|; for sets
    given by truth values only the ends of steps count, and times come out longer by O(√h).

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
        raise InvalidInput(f"passage_time: n = {n}; an error needs at least 2 paths (1000 usual).")
    found = arrivals(
        system, start, tuple(sets_of(system, target)), n=n, step=step, solver=solver, key=key
    )
    note = () if found.bridged else ("arrivals are seen at the ends of steps only",)
    return sample_mean(found.times, notes=note)

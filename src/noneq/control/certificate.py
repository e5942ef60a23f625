"""How good a control is, by the weights of its paths."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from noneq._typing import Key, Numbers
from noneq.control.chain import Control, run, starts_of
from noneq.control.end_region import EndRegion
from noneq.control.model import ControlledModel
from noneq.control.problem import ControlProblem
from noneq.errors import InvalidInput, SolveFailed
from noneq.estimate import Estimate, sample_mean
from noneq.kinds import checked


@dataclass(frozen=True)
class Certificate:
    """What the paths of a controlled system say of its control.

    Attributes:
        cost: E[∫(q + ½|u|²) dt + g] under the control; of an `EndRegion` with its smooth cost.
        least_cost: −ln E e^{−∫q − g}, which no control goes below, from the weights; of an
            `EndRegion` −ln P.
        log_weight_variance: of ln(e^{−∫q − g} dP/dP^u), over the paths that reach an `EndRegion`; 0 if
            and only if the control is optimal for paths from one state.
        effective_share: (Σw)²/(n Σw²), 1 if all paths count alike.
        probability: E e^{−∫q − g} without control, by the weights: for an `EndRegion` without running
            cost P(X_T in the region).
        reached: share of controlled paths that end in the region; 1 without one.
        costs: of each path, ``(n,)``.
        weights: of each path, with the mean 1, ``(n,)``.
        ends: last states, ``(n, *event_shape)``; with the weights they are a sample of the
            conditioned or tilted law.
        notes: what the numbers do not say.
    """

    cost: Estimate
    least_cost: Estimate
    log_weight_variance: Estimate
    effective_share: float
    probability: Estimate
    reached: float
    costs: np.ndarray
    weights: np.ndarray
    ends: np.ndarray
    notes: tuple[str, ...] = ()


@checked
def certificate(
    problem: ControlProblem,
    control: Any,
    *,
    n: int = 10_000,
    key: Key,
    start: Numbers | None = None,
) -> Certificate:
    """Cost, weights and optimality of a control.

    **Equation**: ln w = −∫q dt − g(X_T) − ∫u·dW − ½∫|u|² dt along controlled paths; E w is free of u,
    and Var ln w = 0 at the optimum.

    Args:
        problem: what is asked for.
        control: u, a function of ``(t, x)`` in ``jax.numpy``, a fitted controlled model, or the
            control of `lqg`.
        n: paths.
        key: typed random key.
        start: one state, or ``(n, *event_shape)``; None draws the system's own.

    Raises:
        InvalidInput: n below 2, a start of another shape, or no path that ends in the region.
        SolveFailed: a path that is not finite.

    Source: Thijssen and Kappen 2015, Phys. Rev. E 91, 032104.
    """
    if n < 2:
        raise InvalidInput(f"certificate: n = {n}; expected at least 2 paths.")
    start_key, path_key = jax.random.split(key)
    states = starts(problem, start, n, start_key)
    chain = run(problem, as_control(control), states, path_key, False)
    cost = np.asarray(chain.cost(problem), np.float64)
    logs = np.asarray(chain.log_weight(problem), np.float64)
    if not np.isfinite(cost).all():
        raise SolveFailed(
            "certificate: a controlled path is not finite; take more steps=, or a weaker control."
        )
    there = logs > -np.inf
    if not there.any():
        raise InvalidInput(
            f"certificate: none of {n} controlled paths ends in {_region(problem)}, so that its "
            f"probability is below {3 / n:.2g} of what the control makes likely; train longer, or "
            "widen EndRegion(width=…)."
        )
    top = logs.max()
    scaled = np.exp(logs - top)
    mean = scaled.mean()
    factor = np.exp(top)
    error = scaled.std(ddof=1) / np.sqrt(n)
    notes = [f"the law of the chain: Euler–Maruyama steps of {problem.step:.3g}"]
    if problem.channels:
        notes.append("the control leaves out a direction of the noise: no weights certify it")
    if not problem.smooth:
        notes.append("cost is that of the smooth end region")
    count = np.asarray(n)
    return Certificate(
        cost=sample_mean(cost),
        least_cost=Estimate(np.asarray(-(top + np.log(mean))), np.asarray(error / mean), count),
        log_weight_variance=_variance(logs[there]),
        effective_share=float(scaled.sum() ** 2 / (n * (scaled**2).sum())),
        probability=Estimate(np.asarray(factor * mean), np.asarray(factor * error), count),
        reached=float(there.mean()),
        costs=cost,
        weights=scaled / mean,
        ends=np.asarray(chain.end),
        notes=tuple(notes),
    )


def as_control(control: Any) -> Control:
    """u of a controlled model, or the function itself. Raises `InvalidInput` for anything else."""
    if isinstance(control, ControlledModel):
        return control.control
    if not callable(control):
        raise InvalidInput(
            "control must be a function of (t, x), a fitted controlled model, or lqg(…).control."
        )
    return control


def starts(problem: ControlProblem, start: Any, n: int, key: Key) -> jax.Array:
    """(n, *event_shape) states: the system's own, one for all, or those given."""
    if start is None:
        return starts_of(problem, n, key)
    event = problem.system.event_shape
    states = np.asarray(start, float)
    if states.shape not in (event, (n, *event)) or not np.isfinite(states).all():
        raise InvalidInput(
            f"start has the shape {states.shape}; expected finite states of {event} or {(n, *event)}."
        )
    return jnp.broadcast_to(jnp.asarray(states, jnp.zeros(()).dtype), (n, *event))


def _variance(values: np.ndarray) -> Estimate:
    """Variance with its error by the fourth moment."""
    n = len(values)
    if n < 2:
        return Estimate(np.asarray(np.nan), np.asarray(np.nan), np.asarray(n))
    squares = (values - values.mean()) ** 2
    return Estimate(
        np.asarray(values.var(ddof=1)), np.asarray(squares.std(ddof=1) / np.sqrt(n)), np.asarray(n)
    )


def _region(problem: ControlProblem) -> str:
    final = problem.final
    return repr(final.text) if isinstance(final, EndRegion) else "a finite cost"

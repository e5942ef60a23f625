"""A few observed transitions, which fix direction and speed of a flow."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from noneq._typing import Key, Scalar
from noneq.data.ensembles import Trajectories
from noneq.errors import InvalidInput, WrongType
from noneq.frames.normaliser import Normaliser
from noneq.kinds import AbstractChecked
from noneq.methods.invariant_flows.priors import AbstractFlowLoss, Field, check_weight


class Pairs(eqx.Module):
    """Transitions in normalised coordinates.

    Attributes:
        before, step: state at ``time``, and the way (the short one) to that at ``time + lag``.
        time, lag: in the unit of the data.
        condition: of each, or None.
        path: whole numbers from 0, the same for pairs of one trajectory.
    """

    before: Float[Array, "pairs dim"]
    step: Float[Array, "pairs dim"]
    time: Float[Array, " pairs"]
    lag: Float[Array, " pairs"]
    condition: Float[Array, "pairs columns"] | None
    path: Int[Array, " pairs"]

    @property
    def after(self) -> Float[Array, "pairs dim"]:
        """States at ``time + lag``."""
        return self.before + self.step

    @property
    def rate(self) -> Float[Array, "pairs dim"]:
        """Mean velocity between the two states."""
        return self.step / self.lag[:, None]

    @property
    def pace(self) -> Scalar:
        """Root of the mean squared rate of a coordinate, in standard deviations per time."""
        return jnp.sqrt(jnp.mean(self.rate**2))


def pairs_of(transitions: Any, normaliser: Normaliser, name: str) -> Pairs:
    """Every pair of consecutive observed states.

    Args:
        transitions: trajectories, two or more times each.
        name: of the caller.

    Raises:
        WrongType: no `Trajectories`.
        InvalidInput: other states than the data's, no pair, or states that do not move.
    """
    if not isinstance(transitions, Trajectories):
        raise WrongType(
            f"{name}: transitions is a {type(transitions).__name__}; expected Trajectories, or a "
            "file of such: values (n, 2, *event_shape) and 2 times for n pairs."
        )
    if transitions.event_shape != normaliser.event_shape:
        raise InvalidInput(
            f"{name}: transitions are of states of shape {transitions.event_shape}, the data of "
            f"{normaliser.event_shape}."
        )
    starts, ends = [], []
    for i, seen in enumerate(transitions.observed):
        at = np.flatnonzero(seen)
        starts += [(i, j) for j in at[:-1]]
        ends += [(i, j) for j in at[1:]]
    if not starts:
        raise InvalidInput(f"{name}: transitions hold no path of two observed times.")
    (path, first), (_, second) = np.transpose(starts), np.transpose(ends)
    values = transitions.values.astype(np.float64)
    times, condition = transitions.times, transitions.condition
    before, after = values[path, first], values[path, second]
    step = jax.vmap(transitions.domain.difference)(jnp.asarray(after), jnp.asarray(before))
    step = np.asarray(step, np.float64).reshape(len(path), -1) / np.asarray(normaliser.scale.value)
    pairs = Pairs(
        jnp.asarray(normaliser.host(before), dtype=float),
        jnp.asarray(step, dtype=float),
        jnp.asarray(times[first], dtype=float),
        jnp.asarray(times[second] - times[first], dtype=float),
        None if condition is None else jnp.asarray(condition[path], dtype=float),
        jnp.asarray(np.unique(path, return_inverse=True)[1]),
    )
    if float(pairs.pace) == 0:
        raise InvalidInput(f"{name}: no state moves in transitions; give pairs that differ.")
    return pairs


class ObservedTransitions(AbstractChecked):
    """How much a few observed transitions count.

    **Equation**: weight ⟨|x(t + lag) − Φ_lag(x(t))|²/lag²⟩/⟨|x(t + lag) − x(t)|²/lag²⟩, Φ the flow of v
    by ``steps`` Runge–Kutta steps: 0 if v explains all of them, 1 if it explains none.

    Args:
        weight: factor.
        steps: per transition; the lag need not be short, but shorter than the time in which
            neighbours part.

    Raises:
        InvalidInput: a weight that is not positive, or fewer than one step.
    """

    weight: float = 10.0
    steps: int = 4

    def __check_init__(self) -> None:
        check_weight(self)
        if self.steps < 1:
            raise InvalidInput(f"ObservedTransitions: steps = {self.steps}; expected at least 1.")

    def on(self, pairs: Pairs, pace: float) -> "TransitionLoss":
        """The term for given pairs, of a field in units of ``pace``."""
        return TransitionLoss(self, pairs, pace)


class TransitionLoss(AbstractFlowLoss):
    """`ObservedTransitions` for given pairs.

    Args:
        recipe: weight and steps.
        pairs: the transitions.
        pace: v of the data over the field that the loss gets.
    """

    recipe: ObservedTransitions
    pairs: Pairs
    pace: float

    def __call__(self, field: Field, batch: dict[str, Any], *, key: Key) -> Scalar:
        pairs = self.pairs
        condition = pairs.condition
        rate = lambda y, t, c: self.pace * field(y, t, c)
        one = lambda y, t, lag, c: advanced(rate, y, t, lag, c, self.recipe.steps)
        over = (0, 0, 0, None if condition is None else 0)
        ends = jax.vmap(one, over)(pairs.before, pairs.time, pairs.lag, condition)
        missed = (pairs.after - ends) / pairs.lag[:, None]
        return self.recipe.weight * jnp.mean(missed**2) / pairs.pace**2


def advanced(
    rate: Field, y: Float[Array, " dim"], t: Scalar, lag: Scalar, condition: Any, steps: int
) -> Float[Array, " dim"]:
    """The state after ``lag`` along dy/dt = rate(y, t, condition), by the classical method."""
    h = lag / steps
    for i in range(steps):
        s = t + i * h
        a = rate(y, s, condition)
        b = rate(y + h / 2 * a, s + h / 2, condition)
        c = rate(y + h / 2 * b, s + h / 2, condition)
        d = rate(y + h * c, s + h, condition)
        y = y + h / 6 * (a + 2 * b + 2 * c + d)
    return y

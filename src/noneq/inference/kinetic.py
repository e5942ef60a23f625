"""What it costs a flow to carry its law through time."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq._typing import Key
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.needs import observable
from noneq.traced import jit
from noneq.traits import AbstractModel, HasVelocity, require


@observable("model", traits=(HasVelocity,), takes=("key",), more=("times",))
def kinetic_cost(
    model: Any,
    times: Sequence[float] | np.ndarray,
    *,
    n: int = 1000,
    condition: Any = None,
    key: Key,
) -> Estimate:
    """∫ E|u(X_t, t)|² dt of the model's own law, u its velocity; squared states per time.

    **Equation**: the trapezoid rule over ``times`` of the mean of |u|² over n draws at each. No flow
    between two laws a time Δ apart costs less than W₂²/Δ (Benamou and Brenier 2000).

    Args:
        model: with the trait `HasVelocity`.
        times: at least two, increasing; as many as the velocity needs to be followed.
        n: draws at each time.
        condition: as the model takes it.

    Returns:
        One number; its standard error is that of the draws.

    Raises:
        InvalidInput: fewer than two times, times that do not increase, or n < 2.
        MissingTrait: a model without velocity.
    """
    require(model, HasVelocity, "a kinetic cost")
    at = np.asarray(times, np.float64)
    if at.ndim != 1 or at.size < 2 or not (np.diff(at) > 0).all() or n < 2:
        raise InvalidInput(
            f"kinetic_cost: {at.size} times, n = {n}; expected at least two increasing times and "
            "n ≥ 2."
        )
    weight = np.zeros(at.size)
    weight[1:] += np.diff(at) / 2
    weight[:-1] += np.diff(at) / 2
    total, variance = 0.0, 0.0
    for i, time in enumerate(at.tolist()):
        x = model.sample(n, time=time, condition=condition, key=jax.random.fold_in(key, i))
        squares = np.asarray(_squares(model, x, jnp.asarray(time), condition), np.float64)
        total += weight[i] * squares.mean()
        variance += weight[i] ** 2 * squares.var(ddof=1) / n
    return Estimate(np.asarray(total), np.asarray(np.sqrt(variance)), np.asarray(n * at.size))


@jit
def _squares(model: AbstractModel, x: Array, time: Array, condition: Any) -> Array:
    velocity: Any = model
    each = lambda x: jnp.sum(velocity.velocity(x, time=time, condition=condition) ** 2)
    return jax.vmap(each)(x)

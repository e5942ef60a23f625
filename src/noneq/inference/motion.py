"""What a fitted motion is made of: a gradient, and a rest that leaves p as it is."""

from typing import Any

import numpy as np

from noneq._typing import Key, Numbers, ScalarLike
from noneq.data.base import AbstractEnsemble
from noneq.errors import InvalidInput
from noneq.inference.velocities import check_field, states_of, values_on
from noneq.needs import observable
from noneq.statistics.helmholtz import HelmholtzSplit, helmholtz


_MOST = 4096


@observable("model", more=("states",), number=False)
def helmholtz_split(
    field: Any,
    states: AbstractEnsemble | Numbers,
    *,
    time: ScalarLike | None = None,
    condition: Numbers | None = None,
    degree: int = 4,
    most: int = _MOST,
    key: Key | None = None,
) -> HelmholtzSplit:
    """The velocity of a model, or the drift of a system, as a gradient and a rest.

    Args:
        field: a model with the trait `HasVelocity` or `HasDrift`, a system, or a function of one
            state.
        states: samples of p at that time: `Snapshots`, `Trajectories` or ``(n, dim)``.
        time: physical time.
        condition: of conditional models, shared.
        degree: of the polynomial potential.
        most: states that are used.
        key: for their draw; None: ``jax.random.key(0)``.

    Returns:
        `noneq.statistics.helmholtz.HelmholtzSplit`; the potential is that of ∇φ = gradient.

    Raises:
        MissingTrait: no vector field.
        InvalidInput: states that are no vectors, fewer than 20 of them, or a degree below 1.
    """
    if degree < 1:
        raise InvalidInput(
            f"helmholtz_split: degree = {degree}; expected a whole number from 1 on."
        )
    check_field(field, "helmholtz_split")
    x = states_of(states, most, key)
    if np.ndim(x) != 2:
        raise InvalidInput(f"helmholtz_split: states of shape {np.shape(x)[1:]}; expected vectors.")
    return helmholtz(np.asarray(x), values_on(field, x, time, condition), degree=degree)

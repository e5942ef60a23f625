"""What a fitted motion is made of: its gradient and its rest, and the energy of its paths."""

from typing import Any

import numpy as np

from noneq._typing import Key, Numbers, ScalarLike
from noneq.data.base import AbstractEnsemble
from noneq.errors import InvalidInput
from noneq.estimate import Estimate, sample_mean
from noneq.inference.velocities import check_field, states_of, values_on
from noneq.needs import observable
from noneq.statistics.helmholtz import HelmholtzSplit, helmholtz
from noneq.traits import HasPaths, HasVelocity


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
        InvalidInput: states that are no vectors, fewer than 20 of them.
    """
    check_field(field, "helmholtz_split")
    x = states_of(states, most, key)
    if np.ndim(x) != 2:
        raise InvalidInput(f"helmholtz_split: states of shape {np.shape(x)[1:]}; expected vectors.")
    return helmholtz(np.asarray(x), values_on(field, x, time, condition), degree=degree)


@observable("model", traits=(HasVelocity,), takes=("key",), more=("times",))
def path_energy(
    model: Any,
    *,
    times: np.ndarray,
    n: int = 1000,
    condition: Any = None,
    key: Key,
) -> Estimate:
    """Kinetic cost of the motion: (t_T − t_0) ∫ E|v|² dt, which no path from p_0 to p_T undercuts.

    **Equation**: by Benamou and Brenier (t_T − t_0) ∫ E|v(X_t, t)|² dt ≥ W2²(p_0, p_T), equal for
    optimal transport; v is the velocity of the continuity equation, so that noise costs nothing.

    Args:
        model: with the traits `HasVelocity` and `HasPaths`.
        times: of the trapezoidal rule, increasing; at least two.
        n: paths.
        condition: of conditional models, shared.
        key: typed random key.

    Returns:
        The cost in squared units of the states, its error over the paths.

    Raises:
        MissingTrait: a model without velocity.
        InvalidInput: fewer than two times or paths.
    """
    times = np.asarray(times, float)
    if times.size < 2 or n < 2 or not isinstance(model, HasPaths):
        raise InvalidInput(
            f"path_energy: {times.size} times, n = {n}; expected at least 2 of each, and a model "
            "with the trait HasPaths."
        )
    more = {} if condition is None else {"condition": condition}
    paths = model.sample_paths(n, times=times, key=key, **more)
    speed = np.empty((n, times.size))
    for i, t in enumerate(times):
        v = values_on(model, paths.values[:, i], float(t), condition)
        speed[:, i] = (np.asarray(v, float).reshape(n, -1) ** 2).sum(1)
    return sample_mean((times[-1] - times[0]) * np.trapezoid(speed, times, axis=1))

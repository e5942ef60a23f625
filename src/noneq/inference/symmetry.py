"""Whether a vector field shares a mirror symmetry with the law of the data."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from noneq._typing import Key, Numbers, ScalarLike
from noneq.data.base import AbstractEnsemble
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.inference.velocities import scale_of, states_of, values_on
from noneq.needs import observable


_MOST = 4096


@observable("model", more=("states", "signs"))
def even_share(
    field: Any,
    states: AbstractEnsemble | Numbers,
    signs: Sequence[int],
    *,
    scale: Numbers | None = None,
    time: ScalarLike | None = None,
    condition: Numbers | None = None,
    most: int = _MOST,
    key: Key | None = None,
) -> Estimate:
    """Part of ⟨|v|²⟩ that is even under a change of signs R: 1 if v(R x) = R v(x), 0 if −R v(x).

    **Equation**: ⟨|v_e|²⟩/⟨|v|²⟩, v_e(x) = (v(x) + R v(R x))/2, over the states and their mirror
    images, vectors in units of the data's standard deviation in every coordinate. If the law of the
    states is unchanged by R, ⟨a·b⟩ of an even and an odd field is 0: a field of even share w has
    at most the flattened cosine √w with any even field.

    Args:
        field: a model with the trait `HasVelocity`, a system (its drift), or a function of one
            state.
        states: `Snapshots`, `Trajectories` or an array ``(n, *event_shape)``.
        signs: R, +1 or −1 for each number of the flattened state, in the data's own coordinates.
        scale, time, condition, most, key: as in `field_cosine`.

    Returns:
        The share with its error over the states (delta method); 0 ± 0 for a field at rest.

    Raises:
        MissingTrait: no vector field.
        InvalidInput: signs that are not ±1 or of another number than the state has, or values that
            are not finite.
    """
    x = states_of(states, most, key)
    mirror = np.asarray(signs, np.float64)
    if mirror.shape != (x[0].size,) or not np.all(np.abs(mirror) == 1):
        raise InvalidInput(
            f"even_share: signs = {tuple(signs)}; expected +1 or −1 for each of {x[0].size} numbers."
        )
    units = scale_of(scale, states_of(states)).reshape(-1)
    there = x * mirror.reshape(x.shape[1:]).astype(x.dtype)
    here, there = (values_on(field, at, time, condition) / units for at in (x, there))
    even = np.sum((here + mirror * there) ** 2, axis=1) / 4
    whole = np.sum(here**2 + there**2, axis=1) / 2
    if not whole.any():
        return Estimate(np.zeros(()), np.zeros(()), np.asarray(len(x)))
    share = even.mean() / whole.mean()
    error = np.std(even - share * whole, ddof=1) / (np.sqrt(len(x)) * whole.mean())
    return Estimate(np.asarray(share), np.asarray(error), np.asarray(len(x)))

"""How far states come along paths, and whether two dynamics take them the same way."""

import numpy as np
from jaxtyping import Float

from noneq._typing import Numbers
from noneq.data.ensembles import Trajectories
from noneq.errors import InvalidInput
from noneq.estimate import Estimate, sample_mean
from noneq.needs import observable


@observable("values", number=False)
def displacement(
    paths: Trajectories | Numbers, decay: float = 0.9
) -> Float[np.ndarray, "n *event"]:
    """Exponential moving average of the states of a path, minus its start.

    **Equation**: m_0 = x_0, m_k = decay m_{k−1} + (1 − decay) x_k; the result is m_K − x_0. The
    average takes out part of the noise of stochastic paths; decay = 0 is the plain displacement.

    Args:
        paths: `Trajectories` without gaps, or an array ``(n, K + 1, *event_shape)``.
        decay: per recorded step, in [0, 1).

    Raises:
        InvalidInput: a decay out of range, fewer than two times, or paths with gaps.

    Source: Zhang and Levin 2025 (200 steps of .01 with eta = .1, decay = .9, against 20 steps of 1
    of Gray and Scott's equations without noise or average).
    """
    if not 0 <= decay < 1:
        raise InvalidInput(f"displacement: decay = {decay}; expected a number in [0, 1).")
    if isinstance(paths, Trajectories) and paths.mask is not None:
        raise InvalidInput("displacement: the paths have gaps; give paths observed at all times.")
    values = np.asarray(paths.values if isinstance(paths, Trajectories) else paths)
    if values.ndim < 3 or values.shape[1] < 2:
        raise InvalidInput(
            f"displacement: paths have shape {values.shape}; expected (n, times, *event_shape) with "
            "at least 2 times."
        )
    start = values[:, 0].astype(np.float64)
    mean = np.zeros_like(start)
    for k in range(1, values.shape[1]):
        mean = decay * mean + (1 - decay) * (values[:, k] - start)
    return mean


@observable("values", more=("b",))
def displacement_cosine(a: Numbers, b: Numbers, *, absolute: bool = False) -> Estimate:
    """Mean over states of the cosine between two displacements of each.

    **Equation**: ⟨a·b/(|a| |b|)⟩ over the first axis, each state flattened; a state that stays
    where it is counts as 0.

    Args:
        a, b: ``(n, *event_shape)``, of the same states in the same order.
        absolute: mean of |cosine|, for dynamics whose direction of time is free.

    Raises:
        InvalidInput: unequal shapes, fewer than two states, or NaN.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape or a.ndim < 2:
        raise InvalidInput(
            f"displacement_cosine: shapes {a.shape} and {b.shape}; expected (n, *event_shape) twice."
        )
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise InvalidInput("displacement_cosine: NaN or infinity; leave those states out.")
    a, b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosines = np.sum(a * b, axis=1) / np.where(lengths > 0, lengths, 1.0)
    return sample_mean(np.abs(cosines) if absolute else cosines)

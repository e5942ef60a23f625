"""Whether fields on a grid go on at its far edge, as circular convolutions take them to."""

import numpy as np

from noneq.data.ensembles import Snapshots, Trajectories
from noneq.errors import InvalidInput


_RATIO, _CHANCE = 2.0, 1e-4


def check_edges(data: Snapshots | Trajectories, name: str, remedy: str) -> None:
    """Refuse fields that jump where the grid wraps around.

    **Equation**: along each axis the squared step between the last and the first site, against that
    between the two neighbouring sites where it is largest (periodic data may jump at fixed places
    too), both as means over the other axes and channels (in units of each channel's standard
    deviation) of every snapshot; a one-sided t-test over snapshots.

    Args:
        data: fields (channels, *grid).
        name: of the caller.
        remedy: what to do, a sentence for the error.

    Raises:
        InvalidInput: a step across an edge more than twice as large in square, at a chance of 1e-4.
    """
    from scipy.stats import t

    values = data.snapshots().values.astype(np.float64)
    spread = values.std(axis=(0, *range(2, values.ndim)), keepdims=True)
    values = values / np.where(spread > 0, spread, 1.0)
    n = len(values)
    for axis in range(2, values.ndim):
        if values.shape[axis] < 3:
            continue
        moved = np.moveaxis(values, axis, -1)
        each = lambda steps: np.mean((steps**2).reshape(n, -1, steps.shape[-1]), axis=1)
        inside, across = each(np.diff(moved)), each(moved[..., :1] - moved[..., -1:])[:, 0]
        inside = inside[:, np.argmax(inside.mean(axis=0))]
        excess = across - _RATIO * inside
        error = excess.std(ddof=1) / np.sqrt(n)
        if excess.mean() > 0 and t.sf(excess.mean() / max(error, 1e-300), n - 1) < _CHANCE:
            ratio = np.sqrt(across.mean() / max(inside.mean(), 1e-300))
            raise InvalidInput(
                f"{name}: along axis {axis - 2} of the grid the fields jump {ratio:.2g} times as far "
                "from the last site to the first as anywhere between neighbours, so their edges do "
                f"not meet; circular convolutions need periodic fields. {remedy}"
            )

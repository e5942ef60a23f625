"""What data must be for a flow that keeps their law, checked before anything is trained."""

import math
import warnings

import numpy as np

from noneq.data.ensembles import Snapshots, Trajectories
from noneq.data.lattice import lattice_step
from noneq.domains import AbstractDomain, Discrete, Free, Product, Torus
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


_FEW = 100
_CHANCE = 0.01
"""That some mean or spread of a steady law seems to move, so that nothing is said."""


def check_states(data: Snapshots | Trajectories, name: str) -> None:
    """Refuse data whose law no flow keeps, or none but rest.

    Raises:
        InvalidInput: discrete data, states with walls, or single numbers of one time.
    """
    if not isinstance(data.domain, Discrete) and not _without_walls(data.domain):
        raise InvalidInput(
            f"{name}: states live in a {type(data.domain).__name__}; the flow crosses its walls "
            "and keeps no law there. Give data on free space or a torus."
        )
    snapshots = data.snapshots()
    if (
        snapshots.event_shape == (1,)
        and len(snapshots.times) == 1
        and isinstance(data.domain, Free)
    ):
        raise InvalidInput(
            f"{name}: states are single numbers of one time; on a line only rest keeps a law. Give "
            "states of two or more coordinates, or snapshots of several times."
        )
    step = 1.0 if isinstance(data.domain, Discrete) else lattice_step(data)
    if step is not None:
        raise InvalidInput(
            f"{name}: the values are discrete (multiples of {step:g}), so that no flow moves them; "
            f"expected continuous states. Add uniform noise of width {step:g} if they were rounded."
        )


def _without_walls(domain: AbstractDomain) -> bool:
    parts = domain.parts if isinstance(domain, Product) else (domain,)
    return all(isinstance(part, Free | Torus) for part in parts)


class FewSnapshots(UserWarning):
    """Fewer than 100 snapshots per dimension: the score is that of the sample."""


def few_snapshots(data: Snapshots | Trajectories, name: str) -> list[str]:
    """The warning there is about the number of states, to be kept with the fit; or none.

    Warns:
        FewSnapshots: fewer than 100 snapshots per dimension.
    """
    snapshots = data.snapshots()
    dim = math.prod(snapshots.event_shape)
    if snapshots.n >= _FEW * dim:
        return []
    text = (
        f"{name}: {snapshots.n} snapshots in {dim} dimension(s) are few; expected {_FEW * dim} or "
        f"more ({_FEW} per dimension): the flow keeps the law of these snapshots."
    )
    warnings.warn(text, FewSnapshots, stacklevel=3)
    return [text]


class SteadyLaw(UserWarning):
    """The law of several times does not seem to move."""


def steady_law(data: Snapshots | Trajectories, name: str) -> list[str]:
    """The warning there is about a law that stands still at its several times; or none.

    **Equation**: of every coordinate the mean and the mean square at each time, against those of
    all times together, in standard errors; none above what one of so many reaches at a chance of
    .01.

    Warns:
        SteadyLaw: no mean and no spread moves.
    """
    from scipy.stats import norm

    flat = data.snapshots()
    if len(flat.times) < 2:
        return []
    frames = [flat.at(t).reshape(len(flat.at(t)), -1).astype(np.float64) for t in flat.times]
    pooled = np.concatenate(frames)
    shift, scale = pooled.mean(0), pooled.std(0)
    most = norm.isf(_CHANCE / (4 * shift.size * len(frames)))
    for frame in frames:
        y = (frame - shift) / np.where(scale > 0, scale, 1.0)
        both = np.concatenate([y, y**2 - 1], axis=1)
        error = both.std(0, ddof=1) / np.sqrt(len(both)) if len(both) > 1 else np.inf
        if np.any(np.abs(both.mean(0)) > most * np.maximum(error, 1e-6)):
            return []
    text = (
        f"{name}: neither means nor spreads change over the {len(flat.times)} times; a flow v(x, t) "
        "of a moving law is fitted. If the law is steady, give the states of all times as one array."
    )
    warnings.warn(text, SteadyLaw, stacklevel=3)
    return [text]

"""Regions of states by name: where an inequality holds, near a cluster, or near states of a label."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from scipy.cluster.vq import kmeans2
from scipy.spatial import KDTree

from noneq._typing import Numbers
from noneq.data.ensembles import Snapshots
from noneq.errors import InvalidInput, WrongType
from noneq.needs import observable
from noneq.symbolic.condition import Condition, identifiers


Region: TypeAlias = Callable[[np.ndarray], Any]
"""States ``(n, *event_shape)`` to n truth values."""

_CLEAR = 0.5
"""Mean silhouette from which clusters count as clusters."""
_TOLD = 400
"""States that tell the silhouette, and most states that are clustered, in tenths."""


@observable("values", number=False)
def half_space(text: str, names: Sequence[str]) -> Region:
    """The states where inequalities hold, such as ``"x > 0"`` or ``"x**2 + y**2 < 1 and x > 0"``.

    Args:
        text: inequalities of two `Expression`, joined by "and", "or" and "not" (`Condition`).
        names: of the coordinates; those that are no identifiers are called x0, x1, ….

    Raises:
        InvalidInput: text that is no such inequality, or a name that is no coordinate.
    """
    condition = Condition(text, identifiers(tuple(names), len(names)))

    def region(states: np.ndarray) -> np.ndarray:
        flat = jnp.asarray(np.reshape(states, (len(states), -1)), float)
        return np.asarray(jax.vmap(condition.contains)(flat))

    return region


@observable("values", number=False)
def nearest_regions(states: Numbers, labels: Sequence[str] | np.ndarray) -> dict[str, Region]:
    """A region for each label: the states whose nearest one of ``states`` has it.

    Distances are those of the coordinates as they are. The regions cover all states and do not
    overlap.

    Args:
        states: (n, *event_shape).
        labels: (n,) texts.

    Raises:
        InvalidInput: states that are no array (n, *event_shape), labels of another number than the
            states, or a single label.
        WrongType: labels that are no list.
    """
    flat = _flat(states, "nearest_regions")
    if not isinstance(labels, Sequence | np.ndarray):
        raise WrongType(
            f"nearest_regions: labels = {labels!r}; expected a list with one text for each state."
        )
    words = np.asarray([str(label) for label in labels])
    if len(words) != len(flat) or len(set(words)) < 2:
        raise InvalidInput(
            f"regions: {len(words)} labels, {len(set(words))} kinds, for {len(flat)} states; expected "
            "one for each, of two kinds or more."
        )
    tree = KDTree(flat)

    def of(name: str) -> Region:
        def region(states: np.ndarray) -> np.ndarray:
            there = np.reshape(np.asarray(states, np.float64), (len(states), -1))
            return np.asarray(words[tree.query(there)[1]] == name)

        return region

    return {str(name): of(str(name)) for name in np.unique(words)}


@observable("values", number=False)
def cluster_regions(
    states: Numbers, clusters: int | None = None, *, seed: int = 0
) -> dict[str, Region]:
    """Regions nearest to the centres of clusters (k-means), largest first.

    Args:
        states: (n, *event_shape), of the last snapshot for fates.
        clusters: how many; None takes the number from 2 to 5 with the largest mean silhouette, and
            none at all (an empty mapping) where even that is below 0.5.
        seed: of the first centres.

    Raises:
        InvalidInput: states that are no array (n, *event_shape), a negative seed, fewer than two
            clusters, or fewer states than ten for each.
    """
    flat = _flat(states, "cluster_regions")
    if seed < 0:
        raise InvalidInput(f"cluster_regions: seed = {seed}; expected a whole number from 0 on.")
    if clusters is not None and not 2 <= clusters <= len(flat) // 10:
        raise InvalidInput(
            f"clusters = {clusters} of {len(flat)} states; expected at least 2, and ten states for each."
        )
    rng = np.random.default_rng(seed)
    some = rng.permutation(flat)[: 10 * _TOLD]
    tried = [clusters] if clusters is not None else range(2, min(5, len(flat) // 10) + 1)
    found = {k: _centres(some, k, seed) for k in tried}
    if clusters is None:
        quality = {k: _silhouette(some[:_TOLD], centres) for k, centres in found.items()}
        found = {k: c for k, c in found.items() if quality[k] == max(quality.values()) >= _CLEAR}
    if not found:
        return {}
    (centres,) = list(found.values())[:1]
    sizes = np.bincount(_owner(some, centres), minlength=len(centres))
    centres = centres[np.argsort(-sizes)]
    names = [f"cluster {i + 1}" for i in range(len(centres))]
    return _of_centres(centres, names)


def _flat(states: Numbers, name: str) -> np.ndarray:
    values = np.asarray(states, np.float64)
    if values.ndim < 2 or not values.size or not np.isfinite(values).all():
        raise InvalidInput(
            f"{name}: states of shape {values.shape}; expected finite numbers (n, *event_shape), "
            "at least one state."
        )
    return values.reshape(len(values), -1)


def _of_centres(centres: np.ndarray, names: list[str]) -> dict[str, Region]:
    def of(i: int) -> Region:
        def region(states: np.ndarray) -> np.ndarray:
            there = np.reshape(np.asarray(states, np.float64), (len(states), -1))
            return np.asarray(_owner(there, centres) == i)

        return region

    return {name: of(i) for i, name in enumerate(names)}


def _centres(x: np.ndarray, k: int, seed: int) -> np.ndarray:
    """The best of several k-means."""
    best, least = x[:k], np.inf
    for i in range(4):
        centres, owner = kmeans2(x, k, minit="++", rng=seed + i)
        spread = float(((x - centres[owner]) ** 2).sum())
        if spread < least:
            best, least = centres, spread
    return best


def _owner(x: np.ndarray, centres: np.ndarray) -> np.ndarray:
    return ((x[:, None] - centres) ** 2).sum(-1).argmin(1)


def _silhouette(x: np.ndarray, centres: np.ndarray) -> float:
    """Mean of (b − a)/max(a, b): distances to the own and to the nearest other cluster."""
    owner = _owner(x, centres)
    gaps = np.sqrt(((x[:, None] - x) ** 2).sum(-1))
    mean = np.stack([gaps[:, owner == i].mean(1) for i in np.unique(owner)], axis=1)
    if mean.shape[1] < len(centres) or mean.shape[1] < 2:
        return 0.0
    rows = np.arange(len(x))
    own = mean[rows, owner]
    mean[rows, owner] = np.inf
    other = mean.min(1)
    return float(np.mean((other - own) / np.maximum(own, other)))


def regions_of(
    data: Snapshots, *, texts: Mapping[str, str] | None, by: str | None, clusters: int | None
) -> dict[str, Region]:
    """Regions by inequalities, by a condition of the last snapshot, or by its clusters.

    Raises:
        InvalidInput: two ways at once, no such condition, or no clusters to be seen.
    """
    if sum([bool(texts), by is not None, clusters is not None]) > 1:
        raise InvalidInput(
            "fates: give regions, or a condition, or a number of clusters; one of them."
        )
    if texts:
        return {name: half_space(text, data.names) for name, text in texts.items()}
    last = data.time_index == data.times.size - 1
    if by is not None:
        if by not in data.condition_names or data.condition is None:
            raise InvalidInput(
                f"fates: the data have no condition {by!r} (command line: --condition-column {by})."
            )
        place = data.condition_names.index(by)
        words = data.categories[place] if data.categories else ()
        codes = data.condition[last, place]
        return nearest_regions(
            data.values[last], [words[int(c)] if words else f"{by} {c:g}" for c in codes]
        )
    found = cluster_regions(data.values[last], clusters)
    if not found:
        raise InvalidInput(
            "fates: the last snapshot falls into no clear clusters; name the fates (command line: "
            "--fate right='x > 0'), or give their number (--clusters 2)."
        )
    return found

"""A model's motion beside what was measured of it: velocities of samples, clones that they found."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from noneq._typing import Key
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.data.readings.lineages import lineage_of
from noneq.data.readings.velocities import apart
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.metrics.comparison import whole
from noneq.needs import metric
from noneq.statistics.linear_reference import squared_distances
from noneq.traits import HasDrift, HasPaths, HasVelocity, require


@metric("model", traits=(HasDrift, HasVelocity), takes=("velocities",))
def velocity_cosine(
    model: Any,
    reference: Snapshots | Trajectories,
    *,
    velocities: Snapshots | Trajectories | np.ndarray | None = None,
) -> Estimate:
    """Mean cosine of the angle between a model's drift and measured velocities, per time.

    **Equation**: ⟨f·v/(|f| |v|)⟩ with f the drift (the velocity for a model without one), lengths in
    units of the standard deviations of v. 1 is the same direction, 0 none in common.

    Args:
        model: one with the trait `HasDrift` or `HasVelocity`.
        reference: states; with coordinates ``velocity_x`` … beside ``x`` … they hold the velocities
            themselves.
        velocities: of the states of the reference, in their order.

    Returns:
        One entry per time, with the error over its states.

    Raises:
        InvalidInput: no velocities, or of another shape than the states.
    """
    states, own = apart(reference)
    given = own if velocities is None else velocities
    if given is None:
        raise InvalidInput(
            "velocity_cosine: the data hold no velocities; give coordinates velocity_NAME beside each "
            "NAME (h5ad, command line: --read velocities=auto), or velocities=."
        )
    flat = states.snapshots()
    v = given.snapshots().values if isinstance(given, Snapshots | Trajectories) else given
    v = np.asarray(v, np.float64)
    if v.shape != flat.values.shape or flat.event_shape != tuple(model.event_shape):
        raise InvalidInput(
            f"velocity_cosine: velocities of shape {v.shape}, states of shape {flat.values.shape}, model "
            f"of states {tuple(model.event_shape)}; expected one velocity for each state."
        )
    if not isinstance(model, HasDrift):
        require(model, HasVelocity, "velocity_cosine")
    f = np.empty_like(v)
    for i, time in enumerate(flat.times):
        rows = flat.time_index == i
        condition = None if flat.condition is None else jnp.asarray(flat.condition[rows], float)
        x = jnp.asarray(flat.values[rows], float)
        f[rows] = np.asarray(_motion(model, x, jnp.asarray(time, float), condition))
    scale = v.std(0)
    scale = np.where(scale > 0, scale, 1.0)
    unit = lambda a: (a / scale).reshape(len(a), -1)
    length = np.linalg.norm(unit(f), axis=1) * np.linalg.norm(unit(v), axis=1)
    cosine = (unit(f) * unit(v)).sum(1) / np.where(length > 0, length, np.inf)
    return _means(cosine, flat)


@metric("model", traits=(HasPaths,), takes=("lineage", "key"))
def lineage_agreement(
    model: Any,
    reference: Snapshots | Trajectories,
    *,
    lineage: str | np.ndarray | None = None,
    states: int = 2000,
    key: Key | None = None,
) -> Estimate:
    """Share of paths that come to a state of their own clone at the next time of the reference.

    A path of the model starts at each labelled state whose clone is also at the next time, and ends
    at the nearest labelled state there. The floor is the share that a random labelled state would
    have: what is above it was found.

    Args:
        model: one with the trait `HasPaths`.
        reference: states at two times or more.
        lineage: the number of its clone for every state, −1 for none; or the column of the condition
            that holds clones, None the one called clone, lineage or barcode.
        states: at most so many paths an interval.
        key: None: ``jax.random.key(0)``.

    Returns:
        One entry for every interval, at its later time.

    Raises:
        InvalidInput: no labels, one time, or no clone at two successive times.
    """
    require(model, HasPaths, "lineage_agreement")
    most, key = whole(states, "states", 1), jax.random.key(0) if key is None else key
    flat = reference.snapshots()
    given = isinstance(lineage, np.ndarray)
    codes = lineage if given else lineage_of(flat, lineage)[1]
    if codes.shape != (flat.n,):
        raise InvalidInput(
            f"lineage_agreement: lineage has shape {codes.shape}; expected a number for each of the "
            f"{flat.n} states."
        )
    rows: list[tuple[float, float, int, float, float]] = []
    for i in range(flat.times.size - 1):
        here, there = (np.flatnonzero((flat.time_index == k) & (codes >= 0)) for k in (i, i + 1))
        here = here[np.isin(codes[here], codes[there])]
        if not len(here):
            continue
        pick_key, path_key = jax.random.split(jax.random.fold_in(key, i))
        here = here[np.asarray(jax.random.permutation(pick_key, len(here)))[:most]]
        times = flat.times[i : i + 2]
        begin = flat.values[here]
        paths = model.sample_paths(len(here), times=times, start=begin, key=path_key)
        end = np.asarray(paths.values[:, -1], np.float64).reshape(len(here), -1)
        goals = flat.values[there].astype(np.float64).reshape(len(there), -1)
        same = codes[there][squared_distances(end, goals).argmin(1)] == codes[here]
        chance = np.mean([np.mean(codes[there] == code) for code in codes[here]])
        middle = (same.sum() + 1) / (len(same) + 2)
        error = float(np.sqrt(middle * (1 - middle) / len(same)))
        rows.append((float(same.mean()), error, len(same), float(chance), float(times[1])))
    if not rows:
        raise InvalidInput(
            "lineage_agreement: no clone has states at two successive times; give data of two times "
            "or more whose clones are seen again."
        )
    value, error, n, chance, times = (np.asarray(part) for part in zip(*rows, strict=True))
    return Estimate(value, error, n, floor=chance, times=times)


def _means(values: np.ndarray, data: Snapshots) -> Estimate:
    """Mean over the states of each time, with its error."""
    parts = [values[data.time_index == i] for i in range(data.times.size)]
    value = np.asarray([part.mean() for part in parts])
    error = np.asarray([part.std(ddof=len(part) > 1) / np.sqrt(len(part)) for part in parts])
    return Estimate(value, error, np.asarray([len(part) for part in parts]), times=data.times)


@eqx.filter_jit
def _motion(model: Any, x: Any, time: Any, condition: Any) -> Any:
    def one(x: Any, condition: Any) -> Any:
        if isinstance(model, HasDrift):
            more = {} if condition is None else {"condition": condition}
            return model.drift(time, x, **more)
        return model.velocity(x, time=time, condition=condition)

    return jax.vmap(one, (0, None if condition is None else 0))(x, condition)

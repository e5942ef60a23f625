"""`noneq inspect` of data that stay in their file."""

import numpy as np

from noneq.data.inspection import Inspection, doubts
from noneq.data.lattice import lattice_step
from noneq.data.lazy.ensemble import LazyEnsemble
from noneq.data.lazy.measures import measured
from noneq.data.snapshots import Snapshots
from noneq.data.summary import summary_of
from noneq.errors import NoneqError


_FEW = 10_000


def look(data: LazyEnsemble, file: str) -> Inspection:
    """What two passes over the chunks find.

    Args:
        data: what is looked at.
        file: its name in the recommended command.

    Raises:
        DataFileError: a chunk is missing or damaged.
    """
    found, labels = measured(data), data.labels()
    problem = ""
    try:
        summary_of(data, found)
    except NoneqError as error:
        problem = str(error)
    times, width = found.times, len(found.low)
    steps = np.diff(times) if times.size > 1 else np.full(1, np.nan)
    median = float(np.median(steps))
    names = labels["names"]
    condition_dim = len(found.conditions["condition_levels"])
    step = lattice_step(Snapshots(found.sample[:_FEW].astype(np.float64)))
    more = "" if step is None else f" --set dequantise={step:g}"
    drawn = labels["drawn_from"]
    warnings = (
        [f"these are samples of the model in {drawn}, no data to learn from"] if drawn else []
    )
    numbers = lambda values: tuple(map(float, values))
    return Inspection(
        kind=data.kind,
        n=data.n,
        event_shape=data.event_shape,
        times=numbers(times),
        counts=tuple(map(int, found.counts)),
        dt_min=float(steps.min()),
        dt_median=median,
        dt_max=float(steps.max()),
        irregularity=float(np.ptp(steps)) / median if times.size > 2 else 0.0,
        observed=float(found.counts.sum() / (data.n * times.size))
        if data.kind == "trajectories"
        else 1.0,
        names=names,
        units=labels["units"],
        time_unit=labels["time_unit"],
        mean=numbers(found.mean),
        std=numbers(found.std),
        low=numbers(found.low),
        high=numbers(found.high),
        nan=(0,) * width,
        infinite=(0,) * width,
        constant=tuple(
            name
            for name, low, high in zip(names, found.low, found.high, strict=True)
            if low == high
        ),
        outside=0,
        condition_dim=condition_dim,
        condition_names=labels["condition_names"] if condition_dim else (),
        categories=labels["categories"] if condition_dim else (),
        understood=None,
        warnings=(*warnings, *doubts(found.sample, names)),
        problem=problem,
        command=f"noneq fit ScoreMatching {file} -o run/ --lazy{more}",
    )

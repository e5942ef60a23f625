"""Two files of one kind: coordinates are matched by their names, by place only where there are none."""

import re
import warnings
from dataclasses import replace

import numpy as np

from noneq.data.conditions import listed, recoded
from noneq.data.layouts import as_raw, domain_record, ensemble
from noneq.data.readings.labels import SECONDS, time_unit
from noneq.data.readings.options import Reading
from noneq.data.readings.refinement import refine, wrapped
from noneq.data.snapshots import Snapshots
from noneq.data.summary import Summary
from noneq.data.trajectories import Trajectories
from noneq.domains import Free, is_periodic
from noneq.errors import InvalidInput


_NAMELESS = re.compile(r"x\d+")


def matched(data: Snapshots | Trajectories, summary: Summary) -> Snapshots | Trajectories:
    """The data with the coordinates and conditions of a run, in its order, on its domain.

    Data without names (``x0``, ``x1`` …) are taken by place, with a warning where the other side
    has names. Angles without a domain are wrapped into that of the run.

    Args:
        summary: of the data that the run was fitted to.

    Raises:
        InvalidInput: a coordinate or condition that is not there, a category that the fit has not
            seen, another unit, or another periodic domain.
    """
    _check_time_unit(data.time_unit, summary.time_unit)
    return _on_domain(_by_name(_conditioned(data, summary), summary), summary)


def _check_time_unit(found: str, fitted: str) -> None:
    size = lambda unit: SECONDS.get(time_unit(unit) or unit, unit)
    if found and fitted and size(found) != size(fitted):
        raise InvalidInput(
            f"the times are in {found}, the run was fitted in {fitted}; convert them (or correct the "
            f"unit: --units time={fitted})."
        )


def _conditioned(data: Snapshots | Trajectories, summary: Summary) -> Snapshots | Trajectories:
    """The conditions of the run, by name where both sides have names, categories by theirs."""
    found, own, wanted = data.condition, data.condition_names, summary.condition_names
    if found is None or not summary.condition_dim:
        return data
    places = list(range(found.shape[1]))
    if own and wanted:
        missing = [name for name in wanted if name not in own]
        if missing:
            raise InvalidInput(
                f"the data have no condition {missing[0]!r}, which the run was fitted with; they have "
                f"{listed(own)} (command line: --condition-column)."
            )
        places = [own.index(name) for name in wanted]
    if len(places) != summary.condition_dim:
        return data
    categories = tuple(data.categories[place] for place in places) if data.categories else ()
    numbers = recoded(found[:, places], categories, summary.categories, wanted or own)
    if categories == summary.categories and np.array_equal(numbers, found):
        return data
    return replace(data, condition=numbers, condition_names=wanted, categories=summary.categories)


def _by_name(data: Snapshots | Trajectories, summary: Summary) -> Snapshots | Trajectories:
    own, names = data.names, summary.names
    nameless = [all(_NAMELESS.fullmatch(name) for name in side) for side in (own, names)]
    if any(nameless):
        if len(own) == len(names) and list(own) != list(names):
            warnings.warn(
                f"coordinates are taken by place: {', '.join(own[:6])} for {', '.join(names[:6])}.",
                stacklevel=4,
            )
        return data
    missing = [name for name in names if name not in own]
    if missing:
        raise InvalidInput(
            f"the data have no coordinate {missing[0]!r}, which the run was fitted to; they have "
            f"{', '.join(own[:12])}. Rename the column, or fit again."
        )
    for name, unit in zip(names, summary.units, strict=True):
        found = data.units[own.index(name)]
        if found and unit and found != unit:
            raise InvalidInput(
                f"{name} is in {found}, the run was fitted in {unit}; convert it (or correct the unit: "
                f"--units {name}={unit})."
            )
    if list(own) == list(names):
        return data
    picked = ensemble(refine(as_raw(data), Reading(columns=tuple(names))), "error")
    return picked if isinstance(data.domain, Free) else replace(picked, domain=data.domain)


def _on_domain(data: Snapshots | Trajectories, summary: Summary) -> Snapshots | Trajectories:
    domain = summary.domain
    if not (is_periodic(domain) or is_periodic(data.domain)):
        return data
    if domain_record(domain) == domain_record(data.domain):
        return data
    if isinstance(data.domain, Free) and data.event_shape == summary.event_shape:
        return replace(data, values=wrapped(domain, data.values), domain=domain)
    raise InvalidInput(
        f"the data live on {data.domain}, the run on {domain}; read them with the domain of the fit "
        "(--domain)."
    )

"""Metrics and observables by name: those of the public rooms, and a user's own."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from noneq.errors import InvalidInput
from noneq.needs import Needs, needs_of
from noneq.spec import own_function, public, unknown


Measure: TypeAlias = Callable[..., Any]

ROOMS = ("metrics", "thermo", "inference")


def declared(room: str) -> dict[str, Measure]:
    """Functions of a room that say what they need, by name."""
    return {name: f for name, f in public(room).items() if needs_of(f) is not None}


def known_metrics() -> dict[str, Measure]:
    """The metrics: functions of a model or samples, and a reference."""
    return {name: f for name, f in declared("metrics").items() if needs(f).metric}


def measures_named(names: Sequence[str], data: Any, *, trust: bool = False) -> dict[str, Measure]:
    """Metrics and observables by name; none named means the metrics that suit the data.

    Args:
        names: public names, or ``my_file:my_metric``.
        data: what they are to be compared with.
        trust: allow a name that is code outside noneq.

    Raises:
        InvalidInput: an unknown name, or a function that cannot be a row.
    """
    if not names:
        cells = int(np.prod(data.event_shape)) <= 3
        names = [*(["jensen_shannon"] if cells else []), "sliced_w2", "energy_distance"]
    known = {name: f for room in ROOMS for name, f in declared(room).items()}
    chosen = {}
    for name in names:
        if ":" not in name and name not in known:
            raise unknown("metric", name, known_metrics())
        function = own_function(name, trust=trust) if ":" in name else known[name]
        _check_row(name, function)
        chosen[name.rpartition(":")[2]] = function
    return chosen


def by_traits(model: Any) -> dict[str, Measure]:
    """Observables that a model answers by itself: those of thermo and inference for its traits."""
    found = {name: f for room in ROOMS[1:] for name, f in declared(room).items()}
    return {
        name: f
        for name, f in found.items()
        if needs(f).of == "model" and needs(f).number and not needs(f).more
        if not needs(f).metric and not needs(f).takes and isinstance(model, needs(f).traits)
    }


def needs(function: Measure) -> Needs:
    """What a function declares.

    Raises:
        InvalidInput: nothing.
    """
    found = needs_of(function)
    if found is None:
        raise InvalidInput(
            f"{function.__name__} does not say what it needs; put @metric() or "
            '@observable("model") of noneq.needs before it.'
        )
    return found


def _check_row(name: str, function: Measure) -> None:
    asks = needs(function)
    if asks.more:
        raise InvalidInput(
            f"{name} needs {', '.join(asks.more)}, which neither a run nor its data give; call it "
            "from Python."
        )
    if not asks.number or asks.of == "values":
        raise InvalidInput(
            f"{name} gives no number of a model; call it from Python, or choose one of "
            "`noneq list metrics`."
        )

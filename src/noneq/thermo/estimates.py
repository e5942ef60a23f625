"""Entropy production from data, a model, a chain or a matrix: every method under one name."""

import warnings
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from noneq._face import late
from noneq._typing import Key
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.domains import Discrete
from noneq.errors import Interrupted, InvalidInput, NoneqError
from noneq.estimate import Estimate
from noneq.needs import observable
from noneq.simulation.event_record import Events
from noneq.systems.base import AbstractDiffusion, AbstractSystem
from noneq.thermo.agreement import Agreement, own_words, together
from noneq.thermo.chains import chain_entropy_production
from noneq.thermo.detailed_balance import detailed_balance_test
from noneq.thermo.reversal.equilibrium_test import verdict
from noneq.thermo.reversal.verdict_line import Verdict, chain_verdict
from noneq.traits import AbstractModel, HasChain


Kind: TypeAlias = Literal["paths", "fields", "states", "events", "model", "snapshots", "chain"]


@dataclass(frozen=True)
class _Use:
    """Where an estimator is, and what it applies to.

    Args:
        place: module and function.
        of: kinds of data.
        asks: arguments without which it is left out of the table: ``key``, ``system``, ``model``.
        most: coordinates at most; None for any number.
        least: coordinates of continuous states at least; a linear law on a line is in equilibrium
            whatever its paths do.
    """

    place: tuple[str, str]
    of: tuple[Kind, ...]
    asks: tuple[str, ...] = ()
    most: int | None = None
    least: int = 1


_HERE = "noneq.thermo.estimators"
_METHODS = {
    "gaussian": _Use((f"{_HERE}.gaussian", "gaussian_rate"), ("paths",), least=2),
    "force_current": _Use((f"{_HERE}.force_current", "force_current_rate"), ("paths",)),
    "tur": _Use((f"{_HERE}.uncertainty", "uncertainty_bound"), ("paths",)),
    "neighbours": _Use((f"{_HERE}.neighbours", "neighbour_rate"), ("paths",), most=3),
    "neep": _Use((f"{_HERE}.variational", "variational_rate"), ("paths", "states"), ("key",)),
    "system": _Use(("noneq.thermo.path_entropy", "system_rate"), ("paths",), ("system",)),
    "spectral": _Use((f"{_HERE}.spectral", "spectral_rate"), ("fields",)),
    "plug_in": _Use((f"{_HERE}.plug_in", "plug_in_rate"), ("states", "events")),
    "cycles": _Use((f"{_HERE}.cycles", "cycle_bound"), ("states", "events")),
    "waiting_times": _Use((f"{_HERE}.waiting_times", "waiting_time_bound"), ("events",)),
    "hidden_path": _Use((f"{_HERE}.hidden", "hidden_path_rate"), ("states",), ("key",)),
    "score": _Use((f"{_HERE}.score", "score_rate"), ("model",), ("key",)),
    "snapshots": _Use((f"{_HERE}.snapshots", "snapshot_rate"), ("snapshots",), ("model", "key")),
    "chain": _Use(("noneq.thermo.chains", "chain_entropy_production"), ("chain",)),
}
"""Which method applies to what."""


@observable("model", traits=(HasChain,))
def entropy_production(
    data: Any,
    *,
    method: str | None = None,
    system: AbstractSystem | None = None,
    model: Any = None,
    level: float = 0.01,
    key: Key | None = None,
    **options: Any,
) -> float | Estimate | Agreement:
    """Entropy production rate in the steady state, k_B = 1, by one method or all that apply.

    - A transition or rate matrix, a model with `HasChain`: exact, a plain number.
    - `Trajectories` of vectors: gaussian (from 2 coordinates), force_current, tur, neighbours (up to 3
      coordinates), neep (with ``key``), system (with ``system``).
    - `Trajectories` of fields: spectral.
    - Discrete states (whole numbers, lists of sequences, a `Discrete` domain): plug_in, cycles, and
      neep and hidden_path (with ``key``).
    - Events of jump processes: plug_in, cycles, waiting_times.
    - A fitted model: score (with ``key``). `Snapshots`: snapshots (with ``model`` and ``key``).

    **Equation** of chains: ½ Σ_ij (pi_i T_ij − pi_j T_ji) ln[pi_i T_ij/(pi_j T_ji)] in nats per step
    (rates: per unit time); 0 if and only if detailed balance holds, **inf** where a transition
    occurs whose reverse never does. A square array whose rows sum to one or to zero is a chain;
    other arrays of an integer type are states.

    Estimators differ in what they converge to at the data's recording interval, and bounds are
    bounds: each is described where it is defined (``noneq.thermo.gaussian_rate`` and so on).

    Args:
        data: see the list.
        method: one of these names; None for all that apply.
        system: a true system that the paths are claimed to follow. The claim is tested, see
            `noneq.thermo.goodness_of_fit`.
        model: fitted transport between snapshots.
        level: of the verdict below the table.
        key: for methods that draw or learn; without one they are left out of the table.
        options: passed to the method.

    Returns:
        Of a chain a number. Else with ``method`` an `Estimate` in nats per unit time, without one an
        `Agreement`: the table of estimates and the verdict.

    Raises:
        InvalidInput: an unknown method, or one that does not apply; what the method refuses.

    Source: Schnakenberg 1976, equation 7.6 (chains); else see each method.
    """
    kind = _kind(data)
    if kind == "chain" and method in (None, "chain"):
        return chain_entropy_production(data)
    given = {"key": key, "system": system, "model": model}
    if method is None:
        if options:
            raise InvalidInput(
                f"entropy_production: {', '.join(options)} belong to one method; name it with method=."
            )
        return _agreement(data, kind, given, level)
    if method not in _METHODS:
        raise InvalidInput(
            f"entropy_production: method {method!r}; expected one of {', '.join(_METHODS)}."
        )
    use = _METHODS[method]
    if kind not in use.of and not (kind == "chain" and "states" in use.of):
        raise InvalidInput(
            f"entropy_production: method {method!r} is for {' or '.join(use.of)}, and these data are "
            f"{kind}; for them there are {', '.join(_applicable(data, kind, given)) or 'none'}."
        )
    missing = [name for name in use.asks if given[name] is None]
    if missing:
        raise InvalidInput(f"entropy_production: method {method!r} needs {' and '.join(missing)}=.")
    return _call(use, data, given, options)


def _agreement(data: Any, kind: Kind, given: dict[str, Any], level: float) -> Agreement:
    names = _applicable(data, kind, given)
    if not names:
        asks = {m: u.asks for m, u in _METHODS.items() if kind in u.of}
        raise InvalidInput(
            f"entropy_production: no method for {kind} with what was given; "
            + "; ".join(f"{m} needs {' and '.join(a)}=" for m, a in asks.items() if a)
        )
    rows, refused, told = [], [], []
    for name in names:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                rows.append(_call(_METHODS[name], data, given, {}))
            except Interrupted:
                raise
            except NoneqError as error:
                refused.append((name, str(error)))
        told += [(name, text) for text in own_words(caught)]
    # Several methods ask the same of the paths.
    for line in together(told):
        warnings.warn(line, stacklevel=3)
    return Agreement(tuple(rows), _verdict(data, kind, level), tuple(refused))


def _verdict(data: Any, kind: Kind, level: float) -> Verdict | None:
    if kind == "paths":
        return verdict(data, level=level)
    if kind == "states":
        unit = data.time_unit if isinstance(data, Trajectories) else "step"
        step = float(np.diff(data.times).mean()) if isinstance(data, Trajectories) else 1.0
        return chain_verdict(detailed_balance_test(data), level, step, unit)
    return None


def _applicable(data: Any, kind: Kind, given: dict[str, Any]) -> list[str]:
    """Names of methods in the order of the table."""
    dim = data.event_shape[0] if kind == "paths" else 0
    return [
        name
        for name, use in _METHODS.items()
        if kind in use.of
        and all(given[ask] is not None for ask in use.asks)
        and (use.most is None or dim <= use.most)
        and (kind != "paths" or dim >= use.least)
    ]


def _call(use: _Use, data: Any, given: dict[str, Any], options: dict[str, Any]) -> Estimate:
    function = late(*use.place)
    named = {"key": given["key"]} if "key" in use.asks else {}
    if "system" in use.asks:
        return function(data, given["system"], **named, **options)
    if "model" in use.asks:
        options = {"times": data.times, "data": data, **options}
        return function(given["model"], **named, **options)
    return function(data, **named, **options)


def _kind(data: Any) -> Kind:
    """What the data are.

    Raises:
        InvalidInput: nothing that has an entropy production here.
    """
    if isinstance(data, HasChain):
        return "chain"
    if isinstance(data, Trajectories):
        if isinstance(data.domain, Discrete):
            return "states"
        return "paths" if len(data.event_shape) == 1 else "fields"
    if isinstance(data, Snapshots):
        return "snapshots"
    if isinstance(data, AbstractModel):
        return "model"
    if isinstance(data, AbstractDiffusion):
        raise InvalidInput(
            f"entropy_production: {type(data).__name__} is a system; simulate it, or ask "
            "system.entropy_production_rate() where it is known."
        )
    if isinstance(data, Events):
        return "events"
    return "states" if _sequences(data) else "chain"


def _sequences(data: Any) -> bool:
    """Whether arrays or lists hold states (of an integer type) rather than a matrix."""
    whole = lambda part: np.asarray(part).dtype.kind in "iub"
    try:
        array = np.asarray(data)
    except TypeError:
        # Random keys.
        return False
    except ValueError:
        # Lists of sequences of different lengths.
        return isinstance(data, list | tuple) and all(map(whole, data))
    if not whole(array) or array.size == 0:
        return False
    if array.ndim == 2 and array.shape[0] == array.shape[1]:
        sums = array.sum(1)
        chain = bool((sums == sums[0]).all() and sums[0] in (0, 1))
        return not chain and bool(array.min() >= 0)
    return array.ndim in (1, 2)

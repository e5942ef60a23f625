"""What `noneq thermo` is asked, and how its answer is told."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from noneq.cli.requests import load_data, make_system, mapped_data
from noneq.cli.words import typed_protocol
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.runs.thermodynamics import (
    Findings,
    chain_thermodynamics,
    run_thermodynamics,
    thermodynamics,
)
from noneq.runs.works import driven_thermodynamics, work_thermodynamics, works_in
from noneq.systems import AbstractSystem, HasProtocol, Protocol
from noneq.thermo import Agreement


_TABLES = (".csv", ".tsv", ".txt", ".dat")
_USES = {"work": ("direction", "method"), "pulls": ("method",), "matrix": ()}
"""Options that make another question of the file, and those that it listens to."""
_NUMBERED = re.compile(r"(?:x|column )?\d+")
"""Names that a table without a header gets."""
_OF_PATHS = ("method", "system", "protocol")


def findings(what: Path, layout: dict[str, Any], asked: dict[str, Any]) -> Findings:
    """The answer to one call; what ``what`` is decides between run, chain, works and paths.

    Raises:
        InvalidInput: options that do not go together, or data that the question does not fit.
    """
    trust, seed = asked["trust"], asked["seed"]
    run = (what / "meta.json").exists()
    _check_together(asked, run)
    if asked["lazy"] and (run or asked["matrix"]):
        raise InvalidInput("--lazy is for a zarr folder of trajectories; leave it out.")
    if run:
        other = None
        if asked["data"] is not None:
            other = load_data(asked["data"], layout, quiet=asked["quiet"], trust=trust)
        return run_thermodynamics(what, other, seed=seed, trust=trust)
    if asked["direction"] and asked["work"]:
        column = asked["direction"].partition("=")[0]
        conditions = [*dict.fromkeys([*layout["condition_columns"], column])]
        layout = layout | {"condition_columns": conditions}
    if asked["matrix"] and what.suffix in _TABLES and not layout["time_column"]:
        layout = layout | {"time_column": "none"}
    if asked["lazy"]:
        data = mapped_data(what, layout, quiet=asked["quiet"])
    else:
        data = load_data(what, layout, quiet=asked["quiet"], trust=trust)
    if asked["pulls"]:
        return _pulls(data, asked["temperature"], asked["method"])
    if asked["work"]:
        works = works_in(data, asked["work"], asked["direction"], asked["temperature"])
        return work_thermodynamics(*works, method=asked["method"])
    if asked["matrix"]:
        return chain_thermodynamics(_matrix(data), _state_names(data))
    if isinstance(data, Snapshots) and _is_square(data):
        raise InvalidInput(
            f"{what}: snapshots do not say how states move. If the file is the matrix of a chain, add "
            "--matrix."
        )
    system = _system(asked["system"], asked["settings"], asked["protocol"])
    if isinstance(system, HasProtocol):
        own = not (asked["protocol"] or any(s.startswith("protocol") for s in asked["settings"]))
        return _driven(data, system, asked["method"], own)
    return thermodynamics(
        data, system=system, method=asked["method"], level=asked["level"], seed=seed
    )


def _check_together(asked: dict[str, Any], run: bool) -> None:
    """Refuse options that the answer would leave out.

    Raises:
        InvalidInput: naming one.
    """
    subject = "a run folder" if run else next((f"--{s}" for s in _USES if asked[s]), "paths")
    if subject == "paths" and asked["data"] is not None:
        raise InvalidInput("--data goes with a run folder; a file of data is the first argument.")
    used = ("data",) if run else _USES.get(subject[2:], _OF_PATHS)
    left = [o for o in (*_USES, "method", "system", "protocol", "direction", "data") if asked[o]]
    for option in left:
        if option not in used and f"--{option}" != subject:
            raise InvalidInput(f"--{option} says nothing about {subject}; leave one of both out.")


def _own_protocol(system: Any) -> str:
    """The protocol that a system has by itself, as it is typed."""
    protocol = system.protocol
    pairs = zip(np.asarray(protocol.times), np.asarray(protocol.values), strict=True)
    return ",".join(f"{time:g}:{value:g}" for time, value in pairs)


def _matrix(data: Snapshots | Trajectories) -> Any:
    """The rows of a table as the matrix of a chain.

    Raises:
        InvalidInput: not square.
    """
    values = data.snapshots().values
    if not _is_square(data):
        raise InvalidInput(
            f"--matrix: the file has shape {values.shape}; expected one row and one column a state, "
            "and a header of names in a text table."
        )
    return values


def _state_names(data: Snapshots | Trajectories) -> tuple[str, ...]:
    """Names in the header of a matrix; none where it has no header."""
    return () if all(map(_NUMBERED.fullmatch, data.names)) else tuple(data.names)


def _is_square(data: Snapshots | Trajectories) -> bool:
    values = data.snapshots().values
    return values.ndim == 2 and values.shape[0] == values.shape[1]


def _pulls(data: Snapshots | Trajectories, temperature: float, method: str | None) -> Findings:
    """Works of records of force and extension, and what they say."""
    from noneq.thermo import pulling_work

    if not isinstance(data, Trajectories):
        raise InvalidInput("--pulls: the file holds no paths; give force and extension over time.")
    pulls = pulling_work(data, temperature=temperature)
    found = work_thermodynamics(pulls.forward, pulls.backward, method=method)
    low, high = pulls.between
    unit = data.units[data.names.index("extension")] or ""
    between = f"Works between extensions {low:g} and {high:g} {unit}".rstrip()
    notes = (f"{between}.", *found.notes)
    if pulls.dropped:
        notes = (f"{pulls.dropped} pulls that do not reach both ends were left out.", *notes)
    return replace(found, notes=notes)


def _driven(data: Snapshots | Trajectories, system: Any, method: str | None, own: bool) -> Findings:
    """Works of recorded paths of a driven system, and the least that they could be.

    ``own``: nobody typed its protocol.
    """
    if not isinstance(data, Trajectories):
        raise InvalidInput("--system: the file holds no paths, and work is done along paths.")
    found = driven_thermodynamics(data, system, method=method)
    if not own:
        return found
    note = (
        f"No protocol was given: works are along that of {type(system).__name__} itself, --protocol "
        f"{_own_protocol(system)}."
    )
    return replace(found, notes=(note, *found.notes))


def _system(name: str | None, settings: list[str], protocol: str | None) -> AbstractSystem | None:
    """The system that the data follow, under the protocol that was typed.

    Raises:
        InvalidInput: settings or a protocol without a system that takes them.
    """
    if name is None:
        if settings or protocol:
            raise InvalidInput("--set and --protocol change a system; name it with --system.")
        return None
    typed = [] if protocol is None else [f"protocol={_protocol(protocol)}"]
    return make_system(name, [*settings, *typed])


def _protocol(text: str) -> str:
    """``0:1,1:4`` as the table of a `Protocol`; a time that stands twice is a jump.

    Raises:
        InvalidInput: no pairs of numbers.
    """
    times, values = typed_protocol(text, "--protocol")
    Protocol(times, values)
    return f'{{kind="Protocol", times={list(times)}, values={list(values)}}}'


def facts(found: Findings) -> dict[str, Any]:
    """The answer for machines; what has a value at each of several times is a list."""
    numbers = [
        {
            "quantity": name,
            "method": one.method,
            "value": _plain(one.value),
            "stderr": _plain(one.stderr),
            "times": None if one.times is None else one.times.tolist(),
            "bound": one.bound,
            "unit": one.unit,
            "bias": _plain(one.bias),
            "limit": _plain(one.limit),
            "limit_stderr": _plain(one.limit_stderr),
            "notes": list(one.notes),
        }
        for name, one in found.estimates
    ]
    test = found.detail.verdict if isinstance(found.detail, Agreement) else None
    return {
        "subject": found.subject,
        "verdict": found.sentence,
        "test": None
        if test is None
        else {
            "equilibrium": test.equilibrium,
            "stationary": test.stationary,
            "level": test.level,
            "p_value": test.p_value,
            "at_least": test.bound,
        },
        "estimates": numbers,
        "notes": list(found.notes),
        "assumptions": list(found.assumptions),
    }


def _limit(one: Estimate) -> str:
    if one.limit is None or one.value.size != 1:
        return ""
    error = "" if one.limit_stderr is None else f" ± {one.limit_stderr.item():.2g}"
    return f"{one.limit.item():.4g}{error}"


def _plain(values: np.ndarray | None) -> Any:
    """One number, or lists of them."""
    if values is None:
        return None
    return float(values.item()) if values.size == 1 else values.tolist()


def table(found: Findings) -> tuple[list[str], list[list[str]]]:
    """Columns and rows for people: quantity, method, value, and where there is one the limit of small
    intervals."""
    rows = [
        [
            name.replace("_", " "),
            one.method.replace("_", " "),
            _value(one),
            _limit(one),
        ]
        for name, one in found.estimates
    ]
    columns = ["quantity", "method", "value", "interval → 0"]
    kept = 4 if any(row[3] for row in rows) else 3
    return columns[:kept], [row[:kept] for row in rows]


def _value(one: Estimate) -> str:
    """The value with its error, which an exact one has not."""
    if one.value.size != 1:
        return f"{one.value.size} values, mean {one.mean()}"
    return str(one) if one.stderr.any() else str(one).replace(" ± 0", "", 1)

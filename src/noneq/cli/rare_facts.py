"""What `noneq rare` is asked of, and what it says."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from noneq.cli.interventions import system_or_run
from noneq.errors import InvalidInput
from noneq.inference.rare import BlackBox
from noneq.runs.events.rare import RareFindings
from noneq.spec import own_value


def sought(name: str, settings: Sequence[str], *, trust: bool) -> Any:
    """The system of this name, the model of a run folder, or a `BlackBox` of a file.

    Raises:
        InvalidInput: unknown system or field.
        MissingTrait: a model without drift.
    """
    if ":" in name and not Path(name).is_dir():
        found = own_value(name, BlackBox)
        if found is not None:
            if settings:
                raise InvalidInput(
                    f"--set {settings[0]}: {name} is a BlackBox, which has no fields."
                )
            return found
    return system_or_run(name, settings, trust=trust)[0]


def begun(text: str | None, system: Any) -> np.ndarray | None:
    """The state that ``--start 1,0`` or ``--start x=1,y=0`` says.

    Raises:
        InvalidInput: no numbers, or another number of them than the state has.
    """
    if text is None:
        return None
    names = [part.partition("=")[0].strip() for part in text.split(",")]
    size = int(np.prod(system.event_shape))
    try:
        values = [float(part.rpartition("=")[2]) for part in text.split(",")]
    except ValueError as error:
        raise InvalidInput(
            f"--start {text}: expected numbers, such as --start x=-1,y=0."
        ) from error
    if "=" in text:
        known = list(system.names)
        if sorted(names) != sorted(known):
            raise InvalidInput(
                f"--start {text}: expected each of {', '.join(known[:6])} once, such as --start "
                f"{known[0]}=0."
            )
        values = [values[names.index(name)] for name in known]
    if len(values) != size or not np.isfinite(values).all():
        raise InvalidInput(f"--start {text}: expected {size} finite numbers, got {len(values)}.")
    return np.asarray(values).reshape(system.event_shape)


def facts(found: RareFindings) -> dict[str, Any]:
    """The answer for ``--json`` and ``rare.json``."""
    event = found.event
    numbers = {
        name: {"value": float(one.value), "stderr": float(one.stderr), "n": int(one.n)}
        for name, one in found.estimates
    }
    return {
        "question": found.question,
        "answer": found.sentence,
        **numbers,
        "repeats": event.repeats.tolist(),
        "extinct": int(event.extinct.sum()),
        "upper": event.upper,
        "levels": [len(one) for one in event.levels],
        "steps": event.steps,
        "notes": list(found.notes),
    }


def lines(found: RareFindings) -> list[list[str]]:
    """Rows of the table that people see."""
    return [
        [name.replace("_", " "), f"{float(one.value):.4g}", f"{float(one.stderr):.2g}"]
        for name, one in found.estimates
    ]

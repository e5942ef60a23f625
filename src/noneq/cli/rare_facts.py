"""What `noneq rare` is asked of, and what it says."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from noneq.cli.interventions import system_or_run
from noneq.errors import InvalidInput
from noneq.inference.rare import BlackBox
from noneq.runs.events.averages import AverageFindings, time_average
from noneq.runs.events.rare import RareFindings, rare
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


def several(text: str | None, option: str) -> list[float] | None:
    """The numbers of ``--levels -2,-1`` or ``--tilts -1,0,1``.

    Raises:
        InvalidInput: no numbers.
    """
    if text is None:
        return None
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise InvalidInput(
            f"{option} {text}: expected numbers with commas, such as {option} -1,0,1."
        ) from error
    if not np.isfinite(values).all():
        raise InvalidInput(f"{option} {text}: expected finite numbers.")
    return values


def found_for(
    nature: Any,
    *,
    sets: tuple[str | None, str | None],
    average: str | None,
    averages: dict[str, Any],
    transitions: dict[str, Any],
    both: dict[str, Any],
    show: Callable[..., Any] | None,
) -> RareFindings | AverageFindings:
    """What `runs.rare` finds between two sets, or `runs.time_average` of an expression.

    Args:
        nature: system, model or box.
        sets: ``--from`` and ``--to``.
        average: ``--average``.
        averages, transitions: options of the one question and of the other, None where not given.
        both: options of either.
        show: told of the progress.

    Raises:
        InvalidInput: options of both questions, or of none.
    """
    given = lambda options: {name: value for name, value in options.items() if value is not None}
    one, other = given(averages), given(transitions)
    if average is None:
        if one:
            raise InvalidInput(
                f"--{next(iter(one))}: is of a time average; name its quantity, such as --average x, or "
                "leave it out."
            )
        if None in sets:
            raise InvalidInput(
                "give --from SET and --to SET, such as --from 'x<-0.9' --to 'x>0.9', or a time average: "
                "--average x --above 2 --horizon 10."
            )
        asked: dict[str, Any] = {"origin": sets[0], "target": sets[1]} | other | given(both)
        return rare(nature, progress=show, **asked)
    wrong = list(given({"from": sets[0], "to": sets[1]} | other))
    if wrong:
        raise InvalidInput(
            f"--{wrong[0]}: is of transitions between two sets, --average asks for a time average; leave "
            "one of them out."
        )
    if both.get("horizon") is None:
        raise InvalidInput("--average needs --horizon, the time over which the mean is taken.")
    return time_average(nature, average=average, **one, **given(both))


def facts(found: RareFindings | AverageFindings) -> dict[str, Any]:
    """The answer for ``--json`` and ``rare.json``."""
    event = found.event
    told: dict[str, Any] = {"question": found.question, "answer": found.sentence}
    values = [
        {"value": float(one.value), "stderr": float(one.stderr), "n": int(one.n)}
        for _, one in found.estimates
    ]
    if isinstance(found, AverageFindings):
        if event is None:
            rows = [{"tilt": float(k), **one} for k, one in zip(found.tilts, values, strict=True)]
            return told | {"scaled_cumulants": rows, "notes": list(found.notes)}
        told |= {"tilt": float(found.tilts[0])}
    assert event is not None
    numbers = {name: one for (name, _), one in zip(found.estimates, values, strict=True)}
    return (
        told
        | numbers
        | {
            "repeats": event.repeats.tolist(),
            "extinct": int(event.extinct.sum()),
            "upper": event.upper,
            "levels": [len(one) for one in event.levels],
            "steps": event.steps,
            "notes": list(found.notes),
        }
    )


def lines(found: RareFindings | AverageFindings) -> list[list[str]]:
    """Rows of the table that people see."""
    return [
        [name.replace("_", " "), f"{float(one.value):.4g}", f"{float(one.stderr):.2g}"]
        for name, one in found.estimates
    ]

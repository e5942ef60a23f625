"""What `noneq simulate` acts on: a system or a run, what is done to it, and by which scheme."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from noneq.cli.requests import make_system
from noneq.errors import InvalidInput
from noneq.runs import members
from noneq.simulation import AbstractSolver, LearntSystem
from noneq.spec import find, modules, unknown
from noneq.store import load
from noneq.systems.base import AbstractDiffusion, AbstractSystem


_WORD = re.compile(r"(?:(noise|start):)?(.+?)\s*(\+=|-=|=)\s*(.+)")
_WEAK = "weak"
_USUAL = np.linspace(0.0, 10.0, 201)


def system_or_run(
    name: str, settings: Sequence[str], *, trust: bool
) -> tuple[AbstractSystem, np.ndarray]:
    """The system of this name, or of the model of this run folder, and the usual times.

    Raises:
        InvalidInput: unknown system or field, or settings of a model that is fitted already.
        MissingTrait: a model without drift.
    """
    path = Path(name)
    if not path.is_dir():
        return make_system(name, settings), _USUAL
    if settings:
        raise InvalidInput(
            f"--set {settings[0]}: {name} is fitted already; change its dynamics with --intervene."
        )
    fit = load(members(path)[0], trust=trust)
    times = np.asarray(fit.summary.times)
    return LearntSystem.of(fit.model, fit.summary), times if times.size > 1 else _USUAL


def intervention(system: AbstractSystem, words: Sequence[str]) -> AbstractDiffusion:
    """``x=1`` clamps, ``x+=0.5`` and ``x-=0.5`` shift, ``noise:x=0`` and ``start:x=2`` say so.

    Raises:
        InvalidInput: another word, or a system that is no diffusion.
    """
    if not isinstance(system, AbstractDiffusion):
        raise InvalidInput(
            f"--intervene: {type(system).__name__} has no drift to intervene on; expected a system "
            "dX = f dt + B dW or a run of a model with a drift."
        )
    parts: dict[str, dict[str | int, float]] = {}
    for word in words:
        found = _WORD.fullmatch(word.strip())
        kind, name, sign, text = found.groups() if found else (None, "", "", "")
        value = _number(text)
        if found is None or value is None or (kind and sign != "="):
            raise InvalidInput(
                f"--intervene {word}: expected x=1 (clamp), x+=0.5 (shift), noise:x=0 or start:x=2, "
                "with a number."
            )
        part = kind or ("clamp" if sign == "=" else "shift")
        place = int(name) if name.isdecimal() and name not in system.names else name
        if place in parts.setdefault(part, {}):
            raise InvalidInput(f"--intervene {word}: {name} is given twice.")
        parts[part][place] = -value if sign == "-=" else value
    return system.intervene(**parts)


def solver_of(name: str, *, trust: bool) -> AbstractSolver:
    """A scheme by its name, or ``file.py:Class``; ``weak`` is `WeakEuler`.

    Raises:
        InvalidInput: unknown, or code that is not trusted.
    """
    if ":" in name:
        return find(name, base=AbstractSolver, trust=trust)()
    known = modules("simulation", AbstractSolver)
    chosen = "WeakEuler" if name == _WEAK else name
    if chosen not in known:
        raise unknown("solver", name, [*known, _WEAK])
    return known[chosen]()


def _number(text: str) -> float | None:
    """The number that a text is, if it is one."""
    try:
        return float(text)
    except ValueError:
        return None

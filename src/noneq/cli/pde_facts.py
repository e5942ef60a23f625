"""From the words of `noneq pde` to a PDE and to a plain record of all that is known of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from noneq.cli.words import assignments
from noneq.data.atomic import atomic_path
from noneq.errors import InvalidInput, WriteFailed
from noneq.pde import (
    PDE,
    Verdict,
    branches,
    judge,
    judged,
    modify,
    process,
    rewrite,
    smoothing_factors,
    zoo,
)
from noneq.spec import to_dict, unknown
from noneq.store import write_text


TIME = 2.0
WAVENUMBERS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Where the smoothing factors are given: a time, and wavenumbers in units of 1/scale."""


def asked(text: str | None, settings: Sequence[str], dim: int) -> PDE:
    """The PDE of the command: a name of the zoo or an equation, with parameters set.

    Raises:
        InvalidInput: no text, a value that is no number, or an equation that `PDE` refuses.
    """
    if text is None:
        raise InvalidInput(
            'no PDE; give one like "u_t - D*lap(u)" or a name of the zoo, or --table for all.'
        )
    values = {name: _number(name, value) for name, value in assignments(settings).items()}
    for taken in ("dim", "equation", "self"):
        if taken in values:
            raise InvalidInput(f"--set {taken}=…: no parameter can have this name; choose another.")
    known = zoo(dim)
    name = text.strip().lower().replace("-", "_").replace(" ", "_")
    if name in known:
        return PDE(known[name].text, dim=dim, **(known[name].values | values))
    if text.strip().isidentifier() and not text.strip().startswith("u"):
        raise unknown("PDE", text.strip(), known)
    return PDE(text, dim=dim, **values)


def lengths(scale: float, box: float | None) -> None:
    """Check what is given in units of length.

    Raises:
        InvalidInput: one that is not positive, or whose powers cannot be computed.
    """
    for name, value in (("scale", scale), ("box", box)):
        if value is not None and not 1e-60 < value < 1e60:
            raise InvalidInput(
                f"{name} = {value:g}; expected a positive length, in units in which it is nearer 1."
            )


def judgement(pde: PDE, *, scale: float, box: float | None) -> dict[str, Any]:
    """All that is known of a PDE, as plain values.

    Raises:
        InvalidInput: no branch of it decays.
    """
    verdict = judge(pde, scale=scale, box=box)
    best = judged(pde)
    factors = smoothing_factors(pde, np.array(WAVENUMBERS) / scale, TIME)
    return _facts(pde) | {
        "scale": scale,
        "box": box,
        "verdict": verdict.to_dict(),
        "branches": [
            {
                "omega": branch.formula,
                "admissible": branch.admissible,
                "judged": branch is best,
            }
            for branch in sorted(branches(pde), key=lambda branch: branch is not best)
        ],
        "density_flow": _flow(pde),
        "smoothing": {
            "time": TIME,
            "k_scale": list(WAVENUMBERS),
            "factor": [float(factor) for factor in factors],
        },
        **_process(pde, verdict, scale, box),
        "modifications": [
            {"change": each.change} | _facts(each.pde) | {"verdict": each.verdict.to_dict()}
            for each in modify(pde, scale=scale, box=box)
        ],
    }


def table_of_all(*, dim: int, scale: float, box: float | None) -> list[dict[str, Any]]:
    """`judgement` of every PDE of the zoo, with its name."""
    return [{"name": name} | judgement(pde, scale=scale, box=box) for name, pde in zoo(dim).items()]


def draw(pde: PDE, found: dict[str, Any], folder: Path) -> list[Path]:
    """Write the verdict and its pictures into a folder; each file at once, after all are made.

    Raises:
        WriteFailed: the disk refused.
    """
    from noneq.report.pde import pictures
    from noneq.store.records import to_json

    made = pictures(pde, scale=found["scale"], box=found["box"])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in made.items():
            with atomic_path(folder / name) as temporary:
                temporary.write_bytes(content)
    except OSError as error:
        raise WriteFailed(f"cannot write to {folder}: {error.strerror or error}.") from error
    write_text(folder / "verdict.json", to_json(found))
    return [folder / name for name in ("verdict.json", *made)]


def _flow(pde: PDE) -> dict[str, str] | None:
    """p, p v, R and the identity's residual; None where no density is known."""
    try:
        flow = rewrite(pde)
    except InvalidInput:
        return None
    return {
        "density": flow.density,
        "flux": flow.flux,
        "source": flow.source,
        "residual": flow.residual,
    }


def _facts(pde: PDE) -> dict[str, Any]:
    """Text, dimension and parameters; complex ones as text."""
    values = {name: complex(value) for name, value in pde.values.items()}
    return {
        "pde": pde.text,
        "dim": pde.dim,
        "values": {n: v.real if v.imag == 0 else str(v).strip("()") for n, v in values.items()},
    }


def _number(name: str, text: str) -> complex | float:
    try:
        value = complex(text.replace(" ", "").replace("i", "j"))
    except ValueError:
        value = complex("nan")
    if not np.isfinite(value):
        raise InvalidInput(f"--set {name}={text}: expected a number, like 0.5 or 1+2j.")
    return value.real if value.imag == 0 else value


def _process(pde: PDE, verdict: Verdict, scale: float, box: float | None) -> dict[str, Any]:
    """The process that the PDE yields, and if it passes without one, why."""
    if not verdict.passes:
        return {"process": None, "no_process": None}
    try:
        return {"process": to_dict(process(pde, scale=scale, box=box)), "no_process": None}
    except InvalidInput as error:
        return {"process": None, "no_process": str(error)}

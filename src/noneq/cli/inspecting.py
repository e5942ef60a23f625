"""What `noneq inspect` shows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from noneq.cli.requests import load_data, load_lazy
from noneq.data.conditions import listed
from noneq.data.inspection import Inspection
from noneq.data.lazy.drawing import drawn
from noneq.data.pictures import picture
from noneq.errors import InvalidInput


_MOST = 12
_DRAWN = 10_000
"""Samples of each time in a picture of data that stay in their file."""


def describe(found: Inspection) -> tuple[str, Sequence[str], list[list[str]], list[str]]:
    """Headline, columns and rows of the table of coordinates, and remarks."""
    unit = f" {found.time_unit}" if found.time_unit else ""
    shape = " × ".join(map(str, found.event_shape))
    counts = f"{min(found.counts):,}" + (
        "" if min(found.counts) == max(found.counts) else f" to {max(found.counts):,}"
    )
    one, several = (
        ("sample", "samples") if found.kind == "snapshots" else ("trajectory", "trajectories")
    )
    ending = "" if found.event_shape == (1,) else "s"
    lines = [
        f"{found.n:,} {one if found.n == 1 else several} of states with {shape} coordinate{ending}"
    ]
    first, *rest = found.times
    if rest:
        lines += [
            f"{len(found.times)} times from {first:g} to {rest[-1]:g}{unit}, "
            f"{counts} states at each",
            f"interval {found.dt_median:.4g}{unit.partition(' since ')[0]} "
            f"({found.dt_min:.4g} to {found.dt_max:.4g}, irregularity {found.irregularity:.2g})",
        ]
    else:
        lines.append(f"one time, {first:g}{unit}")
    if found.condition_dim:
        lines.append(_condition(found))
    columns = ("coordinate", "unit", "mean", "std", "lowest", "highest", "missing")
    return "\n".join(lines), columns, _rows(found), _remarks(found)


def _condition(found: Inspection) -> str:
    """The condition by the names of its columns and categories, where there are any."""
    if not found.condition_names and not any(found.categories):
        count = found.condition_dim
        return f"a condition of {count} numbers with each" if count > 1 else "a condition with each"
    names = found.condition_names or [f"column {i}" for i in range(found.condition_dim)]
    own = found.categories or ((),) * found.condition_dim
    texts = [
        f"{name} ({listed(levels)})" if levels else name
        for name, levels in zip(names, own, strict=True)
    ]
    return f"a condition with each: {', '.join(texts)}"


def _rows(found: Inspection) -> list[list[str]]:
    scales = zip(found.mean, found.std, found.low, found.high, strict=True)
    rows = [
        [name, unit, *_numbers(*scale), str(nan + infinite)]
        for name, unit, scale, nan, infinite in zip(
            found.names, found.units, scales, found.nan, found.infinite, strict=True
        )
    ]
    if len(rows) > _MOST:
        rows = [*rows[:_MOST], [f"… {len(rows) - _MOST} more", *[""] * 6]]
    return rows


def _numbers(mean: float, std: float, low: float, high: float) -> list[str]:
    """Mean, standard deviation, lowest and highest, with digits enough to tell them apart."""
    size = max(abs(low), abs(high))
    digits = 4 if not 0 < std < size else min(17, max(4, 3 + int(np.ceil(np.log10(size / std)))))
    return [
        f"{mean:.{digits}g}", f"{std:.4g}", f"{low:.{digits}g}", f"{high:.{digits}g}"
    ]  # fmt: skip


def _remarks(found: Inspection) -> list[str]:
    remarks = []
    if found.understood is not None:
        remarks += found.understood.lines()
    remarks += [f"warning: {text}" for text in found.warnings]
    if found.observed < 1:
        remarks.append(f"observed: {100 * found.observed:.1f} % of the trajectories' times")
    if found.constant:
        names = ", ".join(found.constant[:_MOST])
        remarks.append(f"constant: {names}; nothing to learn there, consider leaving it out")
    if found.outside:
        remarks.append(f"{found.outside} entries lie outside the domain")
    if found.problem:
        remarks.append(f"cannot be used as it is: {found.problem}")
    return remarks


def draw(file: Path, out: Path, layout: dict[str, Any], *, lazy: bool = False) -> None:
    """Write a picture of a data file, missing entries left out; lazily of some of the data.

    Raises:
        InvalidInput: another format than png, svg or pdf, or no such folder.
    """
    if out.suffix not in (".png", ".svg", ".pdf") or not out.parent.is_dir():
        raise InvalidInput(
            f"cannot draw {out}; expected .png, .svg or .pdf in a folder that exists."
        )
    if lazy:
        data = drawn(load_lazy(file, layout, quiet=True), _DRAWN, key=jax.random.key(0))
    else:
        data = load_data(file, layout | {"drop_missing": True}, quiet=True)
    picture(data, out)

"""How a value shows itself: a title and a few facts at a prompt, and tables that fold out in a
notebook. All texts are escaped: a name of a coordinate is no markup.
"""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from noneq.plain_text import visible


_MOST_ROWS = 40
_STYLE = (
    "font-family:inherit;font-size:.95em;line-height:1.5;border-left:3px solid #0072b2;"
    "padding:.2em .8em;margin:.3em 0"
)
_CELL = "text-align:left;padding:.1em 1em .1em 0;border:0"


@dataclass(frozen=True)
class Section:
    """A table that folds out in a notebook; the prompt leaves it out.

    Args:
        title: what one clicks on.
        columns: headings.
        rows: cells; of many the first and the last ones are shown.
        unfolded: whether it is shown at once.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    unfolded: bool = False


@dataclass(frozen=True)
class Card:
    """What a value says of itself.

    Args:
        title: one line.
        facts: pairs of a name and a text.
        sections: shown by notebooks alone.
    """

    title: str
    facts: Sequence[tuple[str, str]] = ()
    sections: Sequence[Section] = ()

    def text(self) -> str:
        """For a prompt: the title, and a line for each fact."""
        width = max((len(name) for name, _ in self.facts), default=0)
        lines = [f"  {name:<{width}}  {text}" for name, text in self.facts]
        return visible("\n".join([self.title, *lines]))

    def html(self) -> str:
        """For a notebook: the same, and the sections."""
        facts = "".join(_row(pair) for pair in self.facts)
        parts = [f"<b>{escaped(self.title)}</b>"]
        parts += [f'<table style="border:0;margin:0">{facts}</table>'] if facts else []
        parts += [_folded(section) for section in self.sections if section.rows]
        return f'<div class="noneq" style="{_STYLE}">{"".join(parts)}</div>'


def escaped(text: object) -> str:
    """A text as HTML that shows it letter by letter."""
    return html.escape(visible(text, keep=""))


def counted(count: int, noun: str) -> str:
    """``1 path``, ``2,000 paths``."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def times_text(times: Sequence[float], unit: str = "") -> str:
    """``time 3 s`` or ``20 times from 0 to 9.5 s``."""
    tail = f" {unit}" if unit else ""
    if len(times) == 1:
        return f"time {times[0]:g}{tail}"
    return f"{len(times):,} times from {times[0]:g} to {times[-1]:g}{tail}"


def coordinates_text(names: Sequence[str], units: Sequence[str], most: int = 6) -> str:
    """Names with their units, of many the first."""
    labels = [f"{n} ({u})" if u else n for n, u in zip(names, units, strict=True)]
    more = f" and {len(labels) - most} more" if len(labels) > most else ""
    return ", ".join(labels[:most]) + more


def number(value: float) -> str:
    """Four digits, or a dash for what is not known."""
    return "–" if math.isnan(value) else f"{value:.4g}"


def _folded(section: Section) -> str:
    rows = list(section.rows)
    cut = len(rows) > _MOST_ROWS
    half = _MOST_ROWS // 2
    shown = [*rows[:half], ["…"] * len(section.columns), *rows[-half:]] if cut else rows
    head = "".join(f'<th style="{_CELL}">{escaped(name)}</th>' for name in section.columns)
    state = " open" if section.unfolded else ""
    return (
        f"<details{state}><summary>{escaped(section.title)}</summary>"
        f'<table style="border:0;margin:0"><tr>{head}</tr>{"".join(map(_row, shown))}</table>'
        "</details>"
    )


def _row(cells: Sequence[Any]) -> str:
    return "<tr>" + "".join(f'<td style="{_CELL}">{escaped(c)}</td>' for c in cells) + "</tr>"

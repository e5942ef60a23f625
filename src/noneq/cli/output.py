"""What the user sees: results on stdout, everything else on stderr."""

import json
import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from noneq.plain_text import visible
from noneq.progress import reporter


def emit(as_json: bool, data: Any, *text: Any, hint: str = "", quiet: bool = False) -> None:
    """Print ``data`` as JSON, or the text (strings and rich tables) meant for people.

    The hint says what to do next; ``quiet`` leaves it out.
    """
    if as_json:
        sys.stdout.write(json.dumps(_plain(data), indent=1) + "\n")
        return
    # A pipe or file has no width to fold tables for.
    width = None if sys.stdout.isatty() else 160
    console = Console(file=sys.stdout, highlight=False, soft_wrap=True, width=width)
    for piece in [*text, f"next: {hint}"] if hint and not quiet else text:
        console.print(visible(piece) if isinstance(piece, str) else piece, markup=False)


def say(text: str) -> None:
    """One line on stderr."""
    sys.stderr.write(visible(" ".join(f"noneq: {text}".split())) + "\n")


def table(rows: Sequence[dict[str, Any]], title: str = "") -> Table:
    """Rows of numbers with ± and floor, for people."""
    made = _titled(title)
    for column in ("case", "method", "metric"):
        made.add_column(column, overflow="fold")
    for column in ("value", "±", "floor", "seeds"):
        made.add_column(column, justify="right")
    for row in rows:
        numbers = (_number(row[k]) for k in ("value", "stderr", "floor"))
        names = (_cell(row[k]) for k in ("case", "method", "metric"))
        made.add_row(*names, *numbers, str(row["seeds"]))
    return made


def listing(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> Table:
    """A plain table of texts."""
    made = _titled(title)
    for column in columns:
        made.add_column(_cell(column), overflow="fold")
    for row in rows:
        made.add_row(*map(_cell, row))
    return made


def _titled(title: str) -> Table:
    return Table(title=_cell(title) if title else None, title_justify="left")


def _cell(text: object) -> Text:
    """A text as it is: brackets in it are no markup, and its codes do nothing."""
    return Text(visible(text, keep=""))


@contextmanager
def progress(quiet: bool, what: str) -> Iterator[Any]:
    """Progress on stderr: a bar on a terminal, else a line for each tenth; None if quiet.

    The callable takes (done, total, row of numbers or text).
    """
    if quiet:
        yield None
        return
    with reporter(what, always=True) as show:
        yield show


def _plain(value: Any) -> Any:
    """For JSON, which has no NaN and no NumPy."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value if isinstance(value, str | int | None) else str(value)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"

"""Names and texts of strangers, shown as what they are: nothing in them is an instruction.

A coordinate may be called ``$x_{``, ``[b]``, ``=SUM(A1)`` or hold the codes that clear a terminal.
Every way out escapes for itself: pictures (`legible`), tables on the terminal and pages (`visible`),
cells of a spreadsheet (`cell`).
"""

import unicodedata
from collections.abc import Iterator
from functools import partial
from typing import Any


FORMULA = "formula"
"""The ``gid`` of a text in a picture whose dollars enclose a formula of our own."""
_FORMULA = tuple("=+-@'")


def visible(text: object, keep: str = "\n\t") -> str:
    r"""The text with everything that does not print written out, ``\x1b`` for the escape code.

    That is: control codes, marks that turn the direction of writing, halves of surrogate pairs and
    characters without a meaning.

    Args:
        text: anything; what is no text is written as one.
        keep: characters that stay although they do not print.
    """
    return "".join(
        c if c.isprintable() or c in keep or unicodedata.category(c) == "Zs" else _code(c)
        for c in str(text)
    )


def _code(character: str) -> str:
    return character.encode("unicode_escape").decode()


def cell(text: str) -> str:
    """The text as a cell of a csv file that no spreadsheet takes for a formula.

    A quote stands before one that begins with ``=``, ``+``, ``-``, ``@`` or a quote, so that
    different texts stay different.
    """
    return f"'{text}" if text.startswith(_FORMULA) else text


def legible(figure: Any) -> None:
    """Let every text of a Matplotlib figure be `visible`, and every dollar in it a dollar.

    Formulas are those with the ``gid`` `FORMULA`, and what Matplotlib writes at logarithmic axes.
    """
    from matplotlib.ticker import FixedFormatter, FuncFormatter

    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            formatter = axis.get_major_formatter()
            if isinstance(formatter, FuncFormatter | FixedFormatter):  # labels of one's own
                axis.set_major_formatter(partial(_label, formatter))
    for text in _texts(figure):
        text.set_text(visible(text.get_text()))
        text.set_parse_math(text.get_gid() == FORMULA)


def _label(formatter: Any, x: Any, place: Any = None) -> str:
    return visible(formatter(x, place)).replace("$", r"\$")


def _texts(artist: Any) -> Iterator[Any]:
    """All texts in a figure but those of ticks, which their axes write anew when they are drawn."""
    from matplotlib.axis import Tick
    from matplotlib.text import Text

    if isinstance(artist, Text):
        yield artist
    for child in () if isinstance(artist, Tick) else artist.get_children():
        yield from _texts(child)

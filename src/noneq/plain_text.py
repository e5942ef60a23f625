"""Names and texts of strangers, shown as what they are: nothing in them is an instruction.

A coordinate may be called ``$x_{``, ``[b]``, ``=SUM(A1)`` or hold the codes that clear a terminal.
Every way out escapes for itself: pictures (`legible`, `NO_MATH`), tables on the terminal and pages
(`visible`), cells of a spreadsheet (`cell`).
"""

import unicodedata
from functools import partial
from typing import Any


NO_MATH: dict[Any, Any] = {"text.parse_math": False}
"""Setting of Matplotlib under which a dollar is a dollar."""
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


def _label(formatter: Any, x: Any, place: Any = None) -> str:
    return visible(formatter(x, place))


def legible(figure: Any) -> None:
    """Make all texts of a Matplotlib figure `visible`, those of its ticks too."""
    from matplotlib.text import Text
    from matplotlib.ticker import FixedFormatter, FuncFormatter

    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            formatter = axis.get_major_formatter()
            if isinstance(formatter, FuncFormatter | FixedFormatter):  # labels of one's own
                axis.set_major_formatter(partial(_label, formatter))
    for text in figure.findobj(Text):
        text.set_text(visible(text.get_text()))

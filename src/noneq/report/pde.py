"""Pictures of a PDE: its dispersion relation, and what `noneq.report.blobs` draws."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from noneq.errors import InvalidInput
from noneq.pde import PDE, Branch, branches, judged, rewrite
from noneq.report.blobs import field_lines, film, named, readable, smoothing
from noneq.report.figures import canvas, svg


_COLOURS = ("#0072b2", "#d55e00")
_GREY = "#57606a"
_SHADE = "#f3d9c9"
_LONGEST = 88


def pictures(pde: PDE, *, scale: float = 1.0, box: float | None = None) -> dict[str, bytes]:
    """File names and contents: ``dispersion.svg``, ``smoothing.png``, ``field_lines.png``.

    A PDE that no density is known for has the first only.

    Args:
        pde: which.
        scale: of the data: a length, the standard deviation of each blob.
        box: side of the periodic box they live in; None takes twelve scales.

    Raises:
        InvalidInput: a PDE without a branch that decays.
    """
    drawn = {"dispersion.svg": dispersion(pde, scale=scale)}
    try:
        rewrite(pde)
    except InvalidInput:
        return drawn
    shown = film(pde, scale=scale, box=box)
    return drawn | {"smoothing.png": smoothing(shown), "field_lines.png": field_lines(shown)}


def dispersion(pde: PDE, *, scale: float = 1.0) -> bytes:
    """Im and Re of omega(k) on every branch; wavenumbers that are not smoothed are shaded.

    Args:
        pde: which.
        scale: the k axis ends at 4/scale, or beyond the last wavenumber that fails.

    Raises:
        InvalidInput: a PDE without a branch that decays.
    """
    best = judged(pde)
    lines = [best, *(branch for branch in branches(pde) if branch is not best)]
    along = any(str(symbol) == "q" for symbol in pde.symbol.free_symbols)
    omega = lambda branch, k: np.asarray(branch.omega(k, k if along else 0.0))
    k = np.linspace(0.0, _last_wavenumber(lambda k: np.imag(omega(best, k)), scale), 801)
    curves = [omega(branch, k) for branch in lines]
    with canvas(1, 2, size=(7.4, 3.0 + 0.2 * len(lines))) as (figure, axes):
        for axis, part, name in zip(axes, (np.imag, np.real), ("Im", "Re"), strict=True):
            values = [part(curve) for curve in curves]
            for i, branch in enumerate(lines):
                style = "-" if branch.admissible else (0, (4, 3))
                axis.plot(k, values[i], color=_COLOURS[i], linestyle=style, lw=2.0 - 0.6 * i)
            axis.set_title(f"{name} ω(k)")
            axis.set_xlabel("wavenumber k" + (" = q, along the advection" if along else ""))
            axis.set_xlim(0.0, k[-1])
            _frame(axis, values)
            _number_ends(axis, values)
        _judge_against_zero(axes[0], k, np.imag(curves[0]))
        _headline(figure, pde, _legend(lines))
        return svg(figure)


def _last_wavenumber(growth: Any, scale: float) -> float:
    """A bit beyond the last wavenumber that is not smoothed, if some later one is."""
    k = np.geomspace(1e-3 / scale, 1e3 / scale, 2000)
    fails = _not_smoothed(growth(k), growth(np.zeros(1)))
    usual = 4 / scale
    if fails.all() or not fails.any() or fails[-1]:
        return usual
    return max(usual, 1.6 * float(k[fails].max()))


def _not_smoothed(growth: np.ndarray, at_zero: Any) -> np.ndarray:
    """Where Im omega(k) is not below Im omega(0), rounding aside."""
    return growth >= at_zero - 1e-13 * (1.0 + np.abs(growth))


def _frame(axis: Any, values: Sequence[np.ndarray]) -> None:
    """Limits with room at the top and bottom; a flat line lies in the middle."""
    low, high = min(v.min() for v in values), max(v.max() for v in values)
    room = 0.08 * (high - low) or max(0.5, 0.5 * abs(high))
    axis.set_ylim(low - room, high + room)


def _number_ends(axis: Any, values: Sequence[np.ndarray]) -> None:
    """ω₁ and ω₂ at the right ends of their lines, one above the other if they meet."""
    low, high = axis.get_ylim()
    ends = [(float(v[-1]) - low) / (high - low) for v in values]
    if len(ends) == 2 and abs(ends[0] - ends[1]) < 0.09:
        middle, sign = sum(ends) / 2, 1 if ends[0] >= ends[1] else -1
        ends = [middle + 0.045 * sign, middle - 0.045 * sign]
    for i, end in enumerate(ends):
        axis.text(
            1.02, end, f"ω{'₁₂'[i] if len(ends) > 1 else ''}", color=_COLOURS[i],
            transform=axis.transAxes, va="center", fontsize=10.5, fontweight="bold",
        )  # fmt: skip


def _judge_against_zero(axis: Any, k: np.ndarray, growth: np.ndarray) -> None:
    """A line at Im omega(0), and a shade where the judged branch is not below it."""
    top = float(growth[0])
    axis.axhline(top, color=_GREY, lw=0.9, ls=":")
    fails = _not_smoothed(growth, top)
    fails[0] = fails[1]
    axis.fill_between(
        k, 0, 1, where=fails, transform=axis.get_xaxis_transform(), color=_SHADE, lw=0, zorder=0
    )
    low, high = axis.get_ylim()
    above = (top - low) / (high - low) < 0.5
    axis.annotate(
        f"Im ω(0) = {round(top, 12) + 0.0:.3g}".replace("-", "−"), (k[-1], top), (-3, 4 if above else -4),
        textcoords="offset points", ha="right", va="bottom" if above else "top",
        color=_GREY, fontsize=8.5,
    )  # fmt: skip
    if fails.any():
        axis.text(
            1.0, 1.03, "shaded: not smoothed", fontsize=8.5, color="#8a3b12",
            transform=axis.transAxes, ha="right", va="bottom",
        )  # fmt: skip


def _legend(lines: Sequence[Branch]) -> list[tuple[str, str]]:
    """What the headline says of each branch, and its colour."""
    said = []
    for i, branch in enumerate(lines):
        text = readable(branch.formula)
        text = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
        remark = "" if branch.admissible else "  (grows without bound: left out)"
        if len(lines) > 1 and i == 0:
            remark = "  (judged)"
        said.append((f"ω{'₁₂'[i] if len(lines) > 1 else ''} = {text}{remark}", _COLOURS[i]))
    return said


def _headline(figure: Any, pde: PDE, lines: Sequence[tuple[str, str]]) -> None:
    """The PDE and its branches, one below the other above the axes."""
    height = figure.get_size_inches()[1]
    step = 0.22 / height
    head = named(pde)
    figure.text(0.02, 1 - 0.4 * step, head, va="top", fontsize=10.5, fontweight="bold")
    for i, (text, colour) in enumerate(lines):
        figure.text(0.02, 1 - (1.5 + i) * step, text, va="top", fontsize=9.5, color=colour)
    figure.get_layout_engine().set(rect=(0, 0, 0.99, 1 - (1.8 + len(lines)) * step))

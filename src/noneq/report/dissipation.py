"""Pictures of what motion costs: estimates beside each other, works and where they cross."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from noneq.data.ensembles import Trajectories
from noneq.estimate import Estimate
from noneq.report.currents import draw_current
from noneq.report.figures import canvas, png, svg
from noneq.report.html import Picture
from noneq.statistics.increments import increments


_FORWARD, _BACKWARD, _MARK = "#0072b2", "#d55e00", "#1b1f24"
_MOST_STATES = 200_000
_BINS = 40


def agreement_picture(rows: Sequence[Estimate], unit: str = "") -> Picture:
    """Every estimate with two standard errors; a bound is an arrow towards where the value may lie.

    Args:
        rows: of one quantity, with their methods.
        unit: of the values.
    """
    places = np.arange(len(rows))[::-1]
    with canvas(size=(7.0, 1.0 + 0.34 * len(rows))) as (figure, axes):
        for y, row in zip(places, rows, strict=True):
            value, error = row.value.item(), row.stderr.item()
            axes.plot(
                [value - 2 * error, value + 2 * error], [y, y], color=_FORWARD, lw=1.6, zorder=2
            )
            marker = {"none": "o", "lower": ">", "upper": "<"}[row.bound]
            axes.plot(value, y, marker, color=_FORWARD, ms=6, zorder=3)
            if row.limit is not None:
                axes.plot(row.limit.item(), y, "D", mfc="none", color=_BACKWARD, ms=5, zorder=3)
        axes.axvline(0.0, color="#8c959f", lw=0.8, zorder=1)
        axes.set_yticks(places, [row.method.replace("_", " ") for row in rows])
        axes.set_ylim(-0.7, len(rows) - 0.3)
        axes.set_xlabel(f"entropy production rate ({unit})" if unit else "entropy production rate")
        data = svg(figure)
    return Picture(
        "All methods that apply.",
        "Dots: estimates with two standard errors, for the data's own recording interval; "
        "triangles: bounds, the value lies where they point; open diamonds: extrapolated to "
        "interval 0.",
        "Entropy production rate by every method, with error bars.",
        data,
    )


def current_picture(data: Trajectories) -> list[Picture]:
    """Current of recorded paths over the states, first two coordinates; none on a line.

    **Equation**: in cells, the sum of displacements over their time, taken at their middles.
    """
    if len(data.event_shape) != 1 or data.event_shape[0] < 2:
        return []
    steps = increments(data)
    chosen = slice(None, None, -(-len(steps.dt) // _MOST_STATES))
    middle, move = steps.middle[chosen], steps.move[chosen] / steps.dt[chosen, None]
    with canvas(size=(5.0, 4.4)) as (figure, axes):
        draw_current(axes, middle, move)
        axes.set_xlabel(_label(data, 0))
        axes.set_ylabel(_label(data, 1))
        drawn = png(figure, 130)
    more = ", averaged over the other coordinates" if data.event_shape[0] > 2 else ""
    return [
        Picture(
            "Probability current of the data.",
            f"Arrows: mean displacement per time at its middle, times the density{more}; grey: "
            "states. In equilibrium only noise remains.",
            "Quiver plot of the measured current over the states.",
            drawn,
        )
    ]


def work_picture(forward: Any, backward: Any, free_energy: Estimate, unit: str = "kT") -> Picture:
    """Histograms of W and, turned round, of the backward W, and the free energy where they cross.

    Args:
        forward: ``(n,)`` works.
        backward: ``(m,)`` works of the backward protocol, or an empty array.
        free_energy: the difference that was found.
        unit: of the works.
    """
    ahead, back = np.asarray(forward, float), -np.asarray(backward, float)
    both = np.concatenate([ahead, back])
    bins = np.linspace(both.min(), both.max() or 1.0, _BINS + 1) if np.ptp(both) else _BINS
    with canvas(size=(6.4, 3.2)) as (figure, axes):
        axes.hist(
            ahead, bins, density=True, histtype="stepfilled", alpha=0.45, color=_FORWARD,
            label="forward, W",
        )  # fmt: skip
        if back.size:
            axes.hist(
                back, bins, density=True, histtype="stepfilled", alpha=0.45, color=_BACKWARD,
                label="backward, −W",
            )  # fmt: skip
        value, error = free_energy.value.item(), free_energy.stderr.item()
        axes.axvspan(value - 2 * error, value + 2 * error, color=_MARK, alpha=0.15, lw=0)
        axes.axvline(value, color=_MARK, lw=1.4, label=f"ΔF, {free_energy.method}")
        axes.axvline(ahead.mean(), color=_FORWARD, lw=1.0, ls=":", label="mean forward work")
        axes.set_xlabel(f"work ({unit})")
        axes.set_ylabel("density")
        axes.legend()
        data = svg(figure)
    crossing = "; by Crooks' theorem the densities cross at ΔF" if back.size else ""
    return Picture(
        "Work.",
        f"Line: the free-energy difference with two standard errors{crossing}. The distance of "
        "the mean work from it is dissipated.",
        "Histograms of work with the free-energy difference.",
        data,
    )


def _label(data: Trajectories, place: int) -> str:
    unit = data.units[place]
    return f"{data.names[place]} ({unit})" if unit else data.names[place]


def local_picture(data: Trajectories) -> list[Picture]:
    """Where entropy is produced, first two coordinates; none on a line."""
    return []

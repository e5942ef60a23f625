"""Pictures of what motion costs: estimates beside each other, works and where they cross."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from noneq.data.ensembles import Trajectories
from noneq.domains import periods_of
from noneq.estimate import Estimate, log_average
from noneq.report.currents import draw_current
from noneq.report.figures import canvas, png, svg
from noneq.report.html import Picture
from noneq.statistics.increments import increments
from noneq.thermo import LocalCurrents, currents, local_entropy_production


_FORWARD, _BACKWARD, _MARK, _ZERO = "#0072b2", "#d55e00", "#1b1f24", "#8c959f"
_MOST_STATES = 200_000
_BINS = 40
_EACH, _MOST_CELLS, _FEWEST_VISITS = 150, 20, 10


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
                error = 0.0 if row.limit_stderr is None else 2 * row.limit_stderr.item()
                style = {"fmt": "D", "mfc": "none", "color": _BACKWARD, "ms": 5, "lw": 0.8}
                axes.errorbar(row.limit.item(), y, xerr=error, zorder=3, **style)
        axes.axvline(0.0, color=_ZERO, lw=0.8, zorder=1)
        axes.set_yticks(places, [row.method.replace("_", " ") for row in rows])
        axes.set_ylim(-0.7, len(rows) - 0.3)
        axes.set_xlabel(f"entropy production rate ({unit})" if unit else "entropy production rate")
        data = svg(figure)
    return Picture(
        "All methods that apply.",
        "Dots: estimates with two standard errors, for the data's own recording interval; "
        "triangles: bounds, the value lies where they point; open diamonds: extrapolated to "
        "interval 0, with two of their standard errors.",
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
    period = periods_of(data.domain, data.event_shape)
    middle = np.where(period > 0, np.mod(middle, np.where(period > 0, period, 1.0)), middle)
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
    apart = free_energy.bound == "upper" and back.size > 0 and free_energy.method != "jarzynski"
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
        if apart:
            low = float(log_average(back))
            axes.axvspan(low, value, color=_MARK, alpha=0.15, lw=0, label="ΔF lies here")
        else:
            sign = {"none": "", "lower": " ≥", "upper": " ≤"}[free_energy.bound]
            axes.axvspan(value - 2 * error, value + 2 * error, color=_MARK, alpha=0.15, lw=0)
            axes.axvline(value, color=_MARK, lw=1.4, label=f"ΔF{sign}, {free_energy.method}")
        axes.axvline(ahead.mean(), color=_FORWARD, lw=1.0, ls=":", label="mean forward work")
        axes.set_xlabel(f"work ({unit})")
        axes.set_ylabel("density")
        axes.legend()
        data = svg(figure)
    crossing = "; by Crooks' theorem the densities cross at ΔF" if back.size else ""
    line = f"Line: the free-energy difference with two standard errors{crossing}."
    if apart:
        line = (
            "Shaded: between the bounds from the exponential means of each direction, as the works do "
            "not overlap."
        )
    elif free_energy.bound == "upper":
        line = "Line: an upper bound of the free-energy difference with two standard errors."
    return Picture(
        "Work.",
        f"{line} The distance of the mean work from it is dissipated.",
        "Histograms of work with the free-energy difference.",
        data,
    )


def _label(data: Trajectories, place: int) -> str:
    unit = data.units[place]
    return f"{data.names[place]} ({unit})" if unit else data.names[place]


def angle_picture(data: Trajectories) -> list[Picture]:
    """Current, drift and mean local velocity against the angle, of one periodic coordinate."""
    if not _is_ring(data):
        return []
    found = currents(data, bins=_cells(data, 1))
    assert isinstance(found, LocalCurrents)
    centres, edges = found.centres[0], found.edges[0]
    steps = increments(data)
    angle = edges[0] + np.mod(steps.start[:, 0] - edges[0], edges[-1] - edges[0])
    cell = np.clip(np.searchsorted(edges, angle, side="right") - 1, 0, len(centres) - 1)
    spent = np.bincount(cell, steps.dt, len(centres))
    drift = np.bincount(cell, steps.move[:, 0], len(centres)) / np.where(spent > 0, spent, np.nan)
    with canvas(1, 2, size=(7.6, 3.2)) as (figure, (left, right)):
        _curve(left, centres, found.current, "current J")
        right.plot(centres, drift, color=_BACKWARD, label="drift F")
        _curve(right, centres, found.velocity, "mean local velocity J/p")
        for axes, what in ((left, "current"), (right, "velocity")):
            axes.axhline(0.0, color=_ZERO, lw=0.8, zorder=1)
            axes.set_xlabel(_label(data, 0))
            axes.set_ylabel(what)
            axes.legend()
        drawn = svg(figure)
    return [
        Picture(
            "Probability current against the angle.",
            "Left: the current, which in a steady state is the same everywhere, and 0 in equilibrium. "
            "Right: mean displacement per time from where it starts (drift), and at its middle. Bands: "
            "two standard errors.",
            "Current, drift and mean local velocity against the angle.",
            drawn,
        )
    ]


def local_picture(data: Trajectories) -> list[Picture]:
    """Where entropy is produced, first two coordinates or one angle; none on a line.

    **Equation**: sigma(x) = u·D⁻¹·u in cells, see `noneq.thermo.local_entropy_production`.

    Raises:
        InvalidInput: as `noneq.thermo.local_entropy_production`.
    """
    if len(data.event_shape) != 1 or (data.event_shape[0] < 2 and not _is_ring(data)):
        return []
    found = local_entropy_production(data, bins=_cells(data, min(data.event_shape[0], 2)))[0]
    local, seen = found.entropy_production, found.visits >= _FEWEST_VISITS
    unit = f"k_B/{data.time_unit or 'unit time'}"
    if not seen.any():
        return []
    if len(found.edges) == 1:
        with canvas(size=(5.0, 3.2)) as (figure, axes):
            _curve(axes, found.centres[0], local, "σ")
            axes.axhline(0.0, color=_ZERO, lw=0.8, zorder=1)
            axes.set_xlabel(_label(data, 0))
            axes.set_ylabel(f"local entropy production ({unit})")
            drawn = svg(figure)
    else:
        share = found.visits / found.visits.sum()
        value, error = local.value * share, local.stderr * share
        top = float(max(value[seen].max(), error[seen].max())) or 1.0
        with canvas(1, 2, size=(8.2, 3.6), sharey=True) as (figure, panels):
            meshes = [
                axes.pcolormesh(
                    *found.edges,
                    np.where(seen, values, np.nan).T,
                    cmap="viridis",
                    vmin=0.0,
                    vmax=top,
                    rasterized=True,
                )
                for axes, values in zip(panels, (value, error), strict=True)
            ]
            for axes, title in zip(panels, ("σ p, per cell", "standard error"), strict=True):
                axes.set_title(title)
                axes.set_xlabel(_label(data, 0))
            panels[0].set_ylabel(_label(data, 1))
            figure.colorbar(meshes[0], ax=panels, extend="both", label=unit)
            drawn = png(figure, 130)
    weighted = ", times the probability of the cell" if len(found.edges) == 2 else ""
    more = ""
    if data.event_shape[0] > len(found.edges):
        more = " Of these coordinates alone: a lower bound."
    return [
        Picture(
            "Where entropy is produced.",
            "Mean local velocity u and diffusivity D in cells: σ = u·D⁻¹·u, the noise of u taken off"
            f"{weighted}; cells of few records are blank. A cell differs from zero where it is well "
            f"above its error. Mean over the states: {found.total} {unit}, a lower bound.{more}",
            "Map of the local entropy production and of its standard error.",
            drawn,
        )
    ]


def _is_ring(data: Trajectories) -> bool:
    return data.event_shape == (1,) and bool(periods_of(data.domain, data.event_shape)[0] > 0)


def _cells(data: Trajectories, dim: int) -> int:
    """Cells a coordinate: about 150 records in each of them."""
    return int(np.clip((int(data.observed.sum()) / _EACH) ** (1 / dim), 6, _MOST_CELLS))


def _curve(axes: Any, x: np.ndarray, found: Estimate, label: str) -> None:
    """A line through cells with a band of two standard errors."""
    value, error = found.value.reshape(len(x)), found.stderr.reshape(len(x))
    axes.plot(x, value, color=_FORWARD, label=label)
    axes.fill_between(x, value - 2 * error, value + 2 * error, color=_FORWARD, alpha=0.2, lw=0)

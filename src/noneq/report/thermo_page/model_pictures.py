"""Pictures of what a fitted model dissipates: its rate over time, its noise levels beside each other."""

from collections.abc import Sequence

import numpy as np

from noneq.estimate import Estimate
from noneq.report.figures import canvas, svg
from noneq.report.html import Picture
from noneq.thermo import Audit, ScheduleCosts


_LINE, _OWN, _SUGGESTED, _ZERO = "#0072b2", "#1b1f24", "#d55e00", "#8c959f"


def audit_pictures(audit: Audit, rows: Sequence[tuple[str, Estimate]]) -> list[Picture]:
    """Of every quantity with values at several times a curve, and the costs of the noise levels.

    Args:
        audit: of the model.
        rows: its estimates, with their units.
    """
    drawn = [
        _over_time(name, one) for name, one in rows if one.times is not None and one.times.size > 1
    ]
    return drawn if audit.schedule is None else [*drawn, schedule_picture(audit.schedule)]


def _over_time(name: str, found: Estimate) -> Picture:
    label = name.replace("_", " ")
    times, value, error = np.asarray(found.times), found.value, found.stderr
    with canvas(size=(6.4, 3.0)) as (figure, axes):
        axes.plot(times, value, color=_LINE)
        axes.fill_between(times, value - 2 * error, value + 2 * error, color=_LINE, alpha=0.2, lw=0)
        axes.axhline(0.0, color=_ZERO, lw=0.8, zorder=1)
        axes.set_xlabel("time")
        axes.set_ylabel(f"{label} ({found.unit})" if found.unit else label)
        data = svg(figure)
    more = " A bound from below." if found.bound == "lower" else ""
    return Picture(
        f"{label[:1].upper()}{label[1:]} over time.",
        f"Of the model, at the times of the data; band: two standard errors of the sampling.{more}",
        f"Curve of the {label} against time.",
        data,
    )


def schedule_picture(costs: ScheduleCosts) -> Picture:
    """Entropy production of a draw against its accuracy, a point for each choice of noise levels.

    Args:
        costs: with the model's own levels first.
    """
    entropy, accuracy = costs.entropy_production, costs.w2
    with canvas(size=(8.0, 3.4)) as (figure, axes):
        for i, blend in enumerate(costs.blend):
            colour = _SUGGESTED if i == costs.suggested else _OWN if i == 0 else _LINE
            word = [w for w, yes in (("own", i == 0), ("suggested", i == costs.suggested)) if yes]
            axes.errorbar(
                entropy.value[i],
                accuracy.value[i],
                xerr=2 * entropy.stderr[i],
                yerr=2 * accuracy.stderr[i],
                fmt="o",
                color=colour,
                label=f"blend {blend:g}{' (' + ', '.join(word) + ')' if word else ''}",
            )
        axes.axvline(
            float(costs.bound.value), color=_ZERO, ls=":", label="least for this transport, W₂²"
        )
        if accuracy.floor is not None:
            axes.axhline(
                float(np.mean(accuracy.floor)),
                color=_ZERO,
                lw=0.8,
                label="W₂ of two samples of data",
            )
        axes.set_xlabel("entropy production of a draw (nat)")
        axes.set_ylabel("W₂ to the data")
        axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1.0))
        data = svg(figure)
    return Picture(
        "What accuracy costs.",
        "Each point: a choice of the noise levels at equal numbers of steps, with two standard errors, "
        "between the model's own clock (blend 0) and one of equal lengths in W₂ (blend 1). Lower is "
        "nearer to the data, left is cheaper.",
        "Entropy production against distance to the data for several choices of noise levels.",
        data,
    )

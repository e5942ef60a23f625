"""Pictures of a learnt flow: the probability current in the plane, and its figures."""

from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float

from noneq.estimate import Estimate
from noneq.report.figures import canvas, png
from noneq.report.html import Picture, Table, with_error
from noneq.traits import AbstractModel, HasInvariantFlow


_STATES, _CELLS, _MOST_TIMES = 4096, 20, 3


def flow_pictures(fit: Any) -> list[Picture]:
    """The current p v over the density p, first two coordinates, at up to three times.

    None for models without a velocity in physical time, of fields, of conditions, or on a line.
    """
    model, summary = fit.model, fit.summary
    shape, every = summary.event_shape, summary.times
    if not isinstance(model, AbstractModel) or not isinstance(model, HasInvariantFlow):
        return []
    if summary.condition_dim:
        return []
    if len(shape) != 1 or shape[0] < 2:
        return []
    chosen = np.linspace(0, len(every) - 1, min(_MOST_TIMES, len(every)))
    times = np.asarray(every)[np.unique(chosen.round().astype(int))]
    width = max(6.4, 3.6 * len(times))
    with canvas(1, len(times), size=(width, 3.6), squeeze=False) as (figure, axes):
        for panel, time in zip(axes[0], times, strict=True):
            asked = float(time) if len(every) > 1 else None
            x = model.sample(_STATES, time=asked, key=jax.random.key(0))
            v = np.asarray(_velocities(model, x, asked), np.float64)
            draw_current(panel, np.asarray(x, np.float64), v)
            panel.set_xlabel(summary.names[0])
            panel.set_ylabel(summary.names[1])
            if len(times) > 1:
                panel.set_title(f"t = {time:g}")
        data = png(figure, 130)
    more = ", averaged over the other coordinates" if shape[0] > 2 else ""
    return [
        Picture(
            "Probability current of the learnt flow.",
            f"Arrows: current p v in cells of the first two coordinates{more}; grey: samples of the "
            "law that it keeps. Where the law alone was given, sign and speed are free.",
            "Quiver plot of the probability current over samples of the law.",
            data,
        )
    ]


def flow_tables(fit: Any) -> list[Table]:
    """Residual and speed of a flow."""
    model, summary, made = fit.model, fit.summary, []
    if not isinstance(model, HasInvariantFlow):
        return []
    if not summary.condition_dim and summary.dim <= 64:
        time = summary.times[0] if len(summary.times) > 1 else None
        key = jax.random.key(1)
        lines = [["speed", _text(model.speed(time=time, n=1024, key=key))]]
        if not model.residual_says_nothing:
            residual = model.invariance_residual(time=time, n=1024, key=key)
            lines.append(["invariance residual", _text(residual)])
        made.append(
            Table(
                "The flow and its law",
                ("quantity", "value"),
                lines,
                "Speed: √⟨|v|²⟩. Residual: ⟨(∂_t log p + div v + v·s)²⟩ over the size of its terms, "
                "0 if the law is kept (skew flows keep it by their form). The law is that of the "
                "score, after its noise. At the first time; ± one standard error.",
            )
        )
    return made


def _text(estimate: Estimate) -> str:
    return with_error(float(estimate.value), float(estimate.stderr))


def draw_current(panel: Any, x: np.ndarray, v: np.ndarray) -> None:
    """Arrows of the current p v in cells, first two coordinates, over the states x."""
    low, high = np.quantile(x[:, :2], [0.005, 0.995], axis=0)
    width = np.where(high > low, high - low, 1.0)
    cell = np.floor((x[:, :2] - low) / width * _CELLS).astype(int)
    inside = ((cell >= 0) & (cell < _CELLS)).all(axis=1)
    place = cell[inside, 0] * _CELLS + cell[inside, 1]
    total = [np.bincount(place, v[inside, i], _CELLS**2) for i in (0, 1)]
    centre = (np.stack(np.divmod(np.arange(_CELLS**2), _CELLS), 1) + 0.5) / _CELLS
    at = low + centre * (high - low)
    panel.plot(x[:1500, 0], x[:1500, 1], ".", ms=1.5, color="#b6bec7", rasterized=True)
    seen = np.hypot(*total) > 0
    panel.quiver(
        at[seen, 0], at[seen, 1], total[0][seen], total[1][seen],
        angles="xy", color="#0072b2", width=0.005,
    )  # fmt: skip


@eqx.filter_jit
def _velocities(
    model: HasInvariantFlow, x: Float[Array, "n dim"], time: Any
) -> Float[Array, "n dim"]:
    return jax.vmap(lambda x: model.velocity(x, time=time))(x)

"""A steady diffusion taken apart: its potential, its mobility, and what circulates."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from noneq.report.currents import draw_current
from noneq.report.figures import canvas, png
from noneq.report.html import Picture, Table, with_error
from noneq.report.observed import axis_label
from noneq.traits import AbstractModel, HasSplit


_CELLS, _STATES = 61, 4096
_HIGHEST = 10.0
"""V/ε above its minimum at which the map ends."""


def split_pictures(fit: Any) -> list[Picture]:
    """Maps of V, M and W in the first two coordinates, the others at their means.

    None for models without the trait `HasSplit`, or on a line.
    """
    model, summary = fit.model, fit.summary
    if not isinstance(model, AbstractModel) or not isinstance(model, HasSplit) or summary.dim < 2:
        return []
    states = np.asarray(model.sample(_STATES, key=jax.random.key(0)), np.float64)
    low, high = np.quantile(states[:, :2], [0.002, 0.998], axis=0)
    low, high = low - 0.1 * (high - low), high + 0.1 * (high - low)
    axes = [np.linspace(low[i], high[i], _CELLS) for i in (0, 1)]
    grid = _plane(axes, states)
    energy, _, curl = _fields(model, grid)
    energy, curl = energy.reshape(_CELLS, _CELLS), curl[:, 0, 1].reshape(_CELLS, _CELLS)
    velocity = np.asarray(_velocities(model, jnp.asarray(states, float)), np.float64)
    with canvas(1, 3, size=(10.2, 3.4)) as (figure, panels):
        above = np.minimum(energy - energy.min(), _HIGHEST)
        drawn = panels[0].contourf(*axes, above.T, levels=21, cmap="viridis")
        figure.colorbar(drawn, ax=panels[0], shrink=0.8)
        panels[0].set_title("potential V/ε")
        panels[1].contour(*axes, above.T, levels=7, colors="#b6bec7", linewidths=0.7)
        _ellipses(panels[1], model, [a[5:-5:8] for a in axes], states)
        panels[1].set_title("mobility M")
        most = float(np.abs(curl).max()) or 1.0
        drawn = panels[2].pcolormesh(
            *axes, curl.T, cmap="RdBu_r", vmin=-most, vmax=most, alpha=0.6, rasterized=True
        )
        figure.colorbar(drawn, ax=panels[2], shrink=0.8)
        draw_current(panels[2], states, velocity)
        panels[2].set_title("circulation W and current")
        for panel in panels:
            panel.set_xlim(low[0], high[0])
            panel.set_ylim(low[1], high[1])
            panel.set_xlabel(axis_label(summary, 0))
            panel.set_ylabel(axis_label(summary, 1))
        data = png(figure, 130)
    rest = "; the other coordinates at their means" if summary.dim > 2 else ""
    return [
        Picture(
            "Dissipation and circulation.",
            "Left: V over ε, cut ten above its least value. Middle: M as ellipses, whose axes are its "
            "principal mobilities, over lines of equal V. Right: the element W of the first two "
            f"coordinates, arrows: the current p v, grey: draws of e^{{−V/ε}}{rest}.",
            "Maps of the potential, of the mobility as ellipses, and of the circulation with arrows.",
            data,
        )
    ]


def split_tables(fit: Any) -> list[Table]:
    """Entropy production of the split, with the error of the fit."""
    if not isinstance(fit.model, HasSplit):
        return []
    rate = fit.model.entropy_production_rate()
    unit = f"k_B/{fit.summary.time_unit or 'unit time'}"
    line = [f"entropy production ({unit})", with_error(float(rate.value), float(rate.stderr))]
    note = "⟨vᵀ (ε M)⁻¹ v⟩ over the states of the data; ± one standard error, that of the fit included."
    return [Table("Dissipation", ("quantity", "value"), [line], note)]


def _plane(axes: list[np.ndarray], states: np.ndarray) -> jax.Array:
    """States on a grid of the first two coordinates, in rows, the first one slowest."""
    first = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
    rest = np.broadcast_to(states[:, 2:].mean(0), (len(first), states.shape[1] - 2))
    return jnp.asarray(np.concatenate([first, rest], 1), float)


def _ellipses(panel: Any, model: HasSplit, axes: list[np.ndarray], states: np.ndarray) -> None:
    from matplotlib.patches import Ellipse

    grid = _plane(axes, states)
    every = _fields(model, grid)[1][:, :2, :2]
    values, vectors = np.linalg.eigh(every)
    # In units of the cells, or a coordinate on a large scale would hide the other.
    cell = np.array([np.diff(a).min() for a in axes]).min()
    scale = 0.9 * cell / values.max()
    for at, size, way in zip(np.asarray(grid), values, vectors, strict=True):
        angle = float(np.degrees(np.arctan2(way[1, 1], way[0, 1])))
        shape = (scale * float(size[1]), scale * float(size[0]))
        panel.add_patch(
            Ellipse((float(at[0]), float(at[1])), *shape, angle=angle, color="#d55e00", lw=0)
        )


def _fields(model: HasSplit, x: jax.Array) -> list[np.ndarray]:
    """Energy, mobility and circulation of states."""
    return [np.asarray(v, np.float64) for v in _compiled(model, x)]


@eqx.filter_jit
def _compiled(model: HasSplit, x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    return jax.vmap(lambda x: (model.energy(x), model.mobility(x), model.circulation(x)))(x)


@eqx.filter_jit
def _velocities(model: HasSplit, x: jax.Array) -> jax.Array:
    return jax.vmap(model.velocity)(x)

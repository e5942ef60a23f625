"""A learnt law of motion: its force field with errors, its terms with intervals, its residuals."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from noneq.data.ensembles import Trajectories
from noneq.report.figures import canvas, svg
from noneq.report.html import Picture, Table
from noneq.report.observed import axis_label, observed
from noneq.traits import HasDrift, HasDriftError, HasLaw


_GRID, _LINE, _NORMAL, _STATES = 15, 121, 1.96, 2048


def force_pictures(fit: Any) -> list[Picture]:
    """The drift of a model that tells its error, along one coordinate or over two."""
    model, summary = fit.model, fit.summary
    if not (isinstance(model, HasDrift) and isinstance(model, HasDriftError)):
        return []
    if summary.condition_dim or len(summary.event_shape) != 1 or summary.dim > 2:
        return []
    states = _states(fit)
    return [_line(fit, states)] if summary.dim == 1 else [_plane(fit, states)]


def law_tables(fit: Any) -> list[Table]:
    """Residuals first, then the equations, and every term with its interval."""
    made = []
    residuals = fit.meta.get("residuals")
    if residuals:
        made.append(
            Table(
                "Residuals",
                ("finding",),
                [[str(line)] for line in residuals],
                "u = B⁻¹(Δx − f dt)/√dt: white, Gaussian and of energy 1 if the law is right.",
            )
        )
    equations = [[str(line)] for line in fit.meta.get("equations", ())]
    if equations:
        made.append(Table("Equations of motion", ("law",), equations))
    if isinstance(fit.model, HasLaw):
        law = fit.model.law
        lines = [
            [
                f"d{name}/dt",
                term.code,
                f"{term.value:.4g}",
                "{:.4g} … {:.4g}".format(*term.interval),
            ]
            for name, terms in zip(law.moving, law.terms, strict=True)
            for term in terms
        ]
        caption = (
            f"{'; '.join(law.lines)}. Intervals are given the terms, and right if the library holds "
            "the law."
        )
        header = ("equation", "term", "coefficient", "95 % interval")
        made.append(Table("The law of motion", header, lines, caption))
    return made


def _states(fit: Any) -> np.ndarray:
    """States of the data, or of the model's own paths where the file is gone."""
    data = observed(fit)
    if data is not None and data.values.shape[1:] == tuple(fit.summary.event_shape):
        return np.asarray(data.values, np.float64)
    times = fit.summary.times[:: max(1, len(fit.summary.times) // 50)]
    paths: Trajectories = fit.model.sample_paths(64, times=times, key=jax.random.key(0))
    return paths.values.reshape(-1, fit.summary.dim).astype(np.float64)


def _drift(model: Any, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """f and its standard error at states ``(N, dim)``."""
    states = jnp.asarray(x, dtype=float)
    drift = jax.vmap(lambda y: model.drift(0.0, y))(states)
    return np.asarray(drift), np.asarray(jax.vmap(model.drift_stderr)(states))


def _line(fit: Any, states: np.ndarray) -> Picture:
    low, high = np.quantile(states, [0.001, 0.999])
    x = np.linspace(low, high, _LINE)
    drift, error = (part[:, 0] for part in _drift(fit.model, x[:, None]))
    with canvas(size=(6.4, 3.4)) as (figure, axes):
        axes.axhline(0.0, color="#57606a", lw=0.8)
        half = _NORMAL * error
        axes.fill_between(x, drift - half, drift + half, color="#0072b2", alpha=0.25, lw=0)
        axes.plot(x, drift, color="#0072b2")
        below = axes.twinx()
        below.hist(states[:, 0], 60, (low, high), density=True, color="#b6bec7", alpha=0.5)
        below.set_ylim(0, 4 * below.get_ylim()[1])
        below.set_yticks([])
        axes.set(xlabel=axis_label(fit.summary, 0), ylabel="drift")
        return Picture(
            "Force, with its confidence.",
            "Line: the learnt drift; band: 95 % interval at each state; grey: the data's density.",
            "The drift against the coordinate, with a band of its error.",
            svg(figure),
        )


def _plane(fit: Any, states: np.ndarray) -> Picture:
    low, high = np.quantile(states, [0.005, 0.995], axis=0)
    lines = [np.linspace(a, b, _GRID) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*lines, indexing="ij"), -1).reshape(-1, 2)
    drift, error = _drift(fit.model, grid)
    size = np.linalg.norm(drift, axis=1)
    share = np.linalg.norm(error, axis=1) / np.maximum(size, 1e-12 * size.max())
    some = states[:: max(1, len(states) // _STATES)]
    with canvas(size=(6.0, 4.8)) as (figure, axes):
        axes.plot(some[:, 0], some[:, 1], ".", ms=1.5, color="#b6bec7", rasterized=True)
        # Lengths by the square root, so that small forces are seen too.
        arrows = drift / np.sqrt(np.maximum(size, 1e-12 * size.max()))[:, None]
        made = axes.quiver(
            *grid.T, *arrows.T, np.minimum(share, 1.0), cmap="viridis_r", clim=(0, 1)
        )
        figure.colorbar(made, ax=axes, label="standard error / size (1: or more)")
        axes.set(xlabel=axis_label(fit.summary, 0), ylabel=axis_label(fit.summary, 1))
        return Picture(
            "Force field, with its confidence.",
            "Arrows: the learnt drift, their lengths by the square root; colour: its standard error "
            "over its size, so that dark arrows are not known; grey: states of the data.",
            "Quiver plot of the drift over the states of the data, coloured by its relative error.",
            svg(figure),
        )

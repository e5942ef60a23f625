"""Pictures of transports between snapshots: streamlines of the velocity, masses, and fates."""

from typing import Any

import equinox as eqx
import jax
import numpy as np

from noneq.data.ensembles import Snapshots
from noneq.inference.fates import Fates, fate_probabilities
from noneq.inference.regions import Region, cluster_regions
from noneq.report.figures import canvas, colour_of, png, svg
from noneq.report.html import Picture
from noneq.report.observed import axis_label, observed, time_label
from noneq.traits import HasInvariantFlow, HasMass, HasPaths, HasVelocity


_STATES, _CELLS, _LEAST = 4096, 16, 3
_FATED, _PATHS = 128, 40
_TIMES = 41


def transport_pictures(fit: Any) -> list[Picture]:
    """Nothing for models of one time, of fields, of conditions, of a steady flow, or of paths as data."""
    model, summary = fit.model, fit.summary
    plain = len(summary.event_shape) == 1 and not summary.condition_dim and len(summary.times) > 1
    if not plain or isinstance(model, HasInvariantFlow) or summary.kind != "snapshots":
        return []
    made = []
    if isinstance(model, HasVelocity) and summary.dim > 1:
        made.append(_streams(fit))
    if isinstance(model, HasMass):
        made.append(_masses(fit))
    data = observed(fit)
    if isinstance(model, HasPaths) and data is not None and data.times.size > 1:
        made += _fates(fit, data)
    return made


def _streams(fit: Any) -> Picture:
    """Streamlines of the mean velocity in cells of the first two coordinates, at three times."""
    model, summary = fit.model, fit.summary
    first, last = summary.times[0], summary.times[-1]
    times = [first, 0.5 * (first + last), last]
    clouds = [
        np.asarray(model.sample(_STATES, time=time, key=jax.random.key(i)), np.float64)
        for i, time in enumerate(times)
    ]
    low, high = np.quantile(np.concatenate(clouds)[:, :2], [0.002, 0.998], axis=0)
    with canvas(1, 3, size=(9.6, 3.4), squeeze=False, sharex=True, sharey=True) as (figure, axes):
        for axis, time, x in zip(axes[0], times, clouds, strict=True):
            v = np.asarray(_velocities(model, x, time), np.float64)
            u, w, edges = _means(x, v, low, high)
            axis.plot(x[:1200, 0], x[:1200, 1], ".", ms=1.5, color="#b6bec7", rasterized=True)
            if np.isfinite(u).any():
                speed = np.hypot(u, w)
                width = 0.4 + 1.6 * speed / np.nanmax(speed, initial=1e-12)
                axis.streamplot(
                    *edges, u, w, density=0.9, color="#0072b2", linewidth=np.nan_to_num(width),
                    arrowsize=0.8, broken_streamlines=True,
                )  # fmt: skip
            axis.set_title(f"t = {time:g} {summary.time_unit}".rstrip())
            axis.set_xlabel(axis_label(summary, 0))
        axes[0, 0].set_ylabel(axis_label(summary, 1))
        more = ", averaged over the other coordinates" if summary.dim > 2 else ""
        return Picture(
            "Streamlines of the velocity.",
            f"Blue: lines along the mean velocity{more} where the model has samples (grey), thicker "
            "where it is faster. Snapshots leave open every velocity that keeps them.",
            "Streamlines over samples of the first two coordinates at three times.",
            png(figure, 130),
        )


def _means(
    x: np.ndarray, v: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Mean velocity in cells (rows: second coordinate), NaN where hardly a sample is; centres."""
    width = np.where(high > low, high - low, 1.0)
    cell = np.floor((x[:, :2] - low) / width * _CELLS).astype(int)
    inside = ((cell >= 0) & (cell < _CELLS)).all(axis=1)
    place = cell[inside, 1] * _CELLS + cell[inside, 0]
    count = np.bincount(place, minlength=_CELLS**2)
    mean = [
        np.where(count >= _LEAST, np.bincount(place, v[inside, i], _CELLS**2), np.nan)
        / np.maximum(count, 1)
        for i in (0, 1)
    ]
    middle = (np.arange(_CELLS) + 0.5) / _CELLS
    u, w = (part.reshape(_CELLS, _CELLS) for part in mean)
    return u, w, (low[0] + middle * width[0], low[1] + middle * width[1])


def _masses(fit: Any) -> Picture:
    """The whole mass against time, with its error."""
    model, summary = fit.model, fit.summary
    times = np.linspace(summary.times[0], summary.times[-1], _TIMES)
    found = model.mass(times)
    name = type(fit.method).__name__
    with canvas(size=(5.2, 3.0)) as (figure, axis):
        axis.plot(times, found.value, color=colour_of(name))
        axis.fill_between(
            times, found.value - found.stderr, found.value + found.stderr,
            color=colour_of(name), alpha=0.25, lw=0,
        )  # fmt: skip
        axis.plot(summary.times, np.ones(len(summary.times)), "|", color="#57606a")
        axis.set_xlabel(time_label(summary))
        axis.set_ylabel("mass")
        axis.set_ylim(bottom=0)
        return Picture(
            "Mass against time.",
            "The whole mass relative to the first snapshot, ± one standard error; marks: the times of "
            "the data.",
            "Line of the mass against time.",
            svg(figure),
        )


def _fates(fit: Any, data: Snapshots) -> list[Picture]:
    """Which cluster of the last snapshot the states of the first one come to; none without clusters."""
    last = data.values[data.time_index == data.times.size - 1]
    regions = cluster_regions(last) if len(last) >= 20 else {}
    if not regions:
        return []
    summary = fit.summary
    first = data.values[data.time_index == 0]
    rows = np.random.default_rng(0).permutation(len(first))[:_FATED]
    found = fate_probabilities(
        fit.model, first[rows], regions, start=float(data.times[0]), end=float(data.times[-1]),
        paths=_PATHS, names=summary.names, key=jax.random.key(2),
    )  # fmt: skip
    with canvas(1, 2, size=(7.6, 3.3), squeeze=False) as (figure, axes):
        _start_states(figure, axes[0, 0], found, summary, last)
        _bars(axes[0, 1], found, regions, last)
        drivers = ""
        if len(found.states) >= 4:
            r = found.drivers().value[0]
            order = np.argsort(-np.abs(r))[:3]
            listed = ", ".join(f"{summary.names[i]} {r[i]:+.2f}" for i in order)
            drivers = f" Correlation of the coordinates with it: {listed}."
        return [
            Picture(
                "Fates.",
                f"Clusters of the last snapshot as ends of {_PATHS} paths from each of "
                f"{len(found.states)} states of the first one. Left: probability of {found.names[0]}."
                f"{drivers} Right: shares of all ends, ± one standard error, and of the data.",
                "States of the first snapshot coloured by fate, and bars of the shares.",
                png(figure, 130),
            )
        ]


def _start_states(figure: Any, axis: Any, found: Fates, summary: Any, last: np.ndarray) -> None:
    flat = found.states.reshape(len(found.states), -1)
    q = found.probability.value[:, 0]
    if flat.shape[1] == 1:
        error = found.probability.stderr[:, 0]
        axis.errorbar(flat[:, 0], q, error, fmt=".", ms=3, lw=0.6, color="#0072b2")
        axis.set_ylabel(f"probability of {found.names[0]}")
    else:
        axis.plot(last[:1200, 0], last[:1200, 1], ".", ms=1.5, color="#d0d5da", rasterized=True)
        drawn = axis.scatter(flat[:, 0], flat[:, 1], c=q, s=9, cmap="coolwarm", vmin=0, vmax=1)
        figure.colorbar(drawn, ax=axis, label=f"probability of {found.names[0]}", shrink=0.8)
        axis.set_ylabel(axis_label(summary, 1))
    axis.set_xlabel(axis_label(summary, 0))
    axis.set_title("states of the first snapshot")


def _bars(axis: Any, found: Fates, regions: dict[str, Region], last: np.ndarray) -> None:
    """Shares of ends and of the data in each region, with errors."""
    shares = found.shares()
    data = np.asarray([np.mean(region(last)) for region in regions.values()])
    error = np.sqrt(data * (1 - data) / len(last))
    place = np.arange(len(data))
    style = {"width": 0.36, "capsize": 2, "error_kw": {"lw": 0.8}}
    axis.bar(place - 0.2, shares.value, yerr=shares.stderr, color="#0072b2", label="paths", **style)
    axis.bar(place + 0.2, data, yerr=error, color="#b6bec7", label="data", **style)
    axis.set_xticks(place, found.names)
    axis.set_ylim(0, 1)
    axis.set_title("share of the ends")
    axis.legend(loc="upper right")


@eqx.filter_jit
def _velocities(model: Any, x: Any, time: Any) -> Any:
    return jax.vmap(lambda x: model.velocity(x, time=time))(x)

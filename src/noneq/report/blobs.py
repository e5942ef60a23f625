"""What a PDE does to two blobs: their density over time, and the lines along which it flows."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from noneq.pde import PDE, evolve, judged, rewrite
from noneq.report.figures import canvas, png


_NEGATIVE = 1e-4
"""Density below minus this, relative to the highest, is shown as negative."""
_FRACTIONS = (0.0, 0.05, 0.2, 0.5, 1.0)
_LONGEST = 84
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_SIGNS = {
    r"\bI\b": "i",
    r"\bsqrt\(": "√(",
    r"\blap\(lap\((\w+)\)\)": r"∇⁴\1",
    r"\blap\((\w+)\)": r"∇²\1",
    r"\bflap\((\w+), (\w+)\)": r"(-∇²)^(\2/2) \1",
    r"\bflap\((\w+), ([^()]+)\)": r"(-∇²)^((\2)/2) \1",
    r"\bgrad\((\w+)\)": r"∇\1",
    r"\bgrad\(": "∇(",
    r"phi": "φ",
    r"\bpi\b": "π",
    r"\beps\b": "ε",
    r"\bomega\b": "ω",
    r"-": "−",
}
_TINTS = ("#7f2704", "#d94801", "#fdae6b", "#ffffff", "#9ecae1", "#4292c6", "#1c65ac")
_WARM = "#a03c00"


class Frame(NamedTuple):
    """The blobs at one time: density ``(n, …)`` and flux ``(dim, n, …)``."""

    time: float
    density: np.ndarray
    flux: np.ndarray


class Film(NamedTuple):
    """The blobs at several times.

    Attributes:
        pde: in one dimension, or in the plane.
        side: of the periodic box.
        frames: from the data on.
    """

    pde: PDE
    side: float
    frames: tuple[Frame, ...]


def film(pde: PDE, *, scale: float = 1.0, box: float | None = None) -> Film:
    """Two blobs of unequal weight evolved in a periodic box until it is nearly flat, if ever.

    Args:
        pde: which; more than two dimensions are drawn in the plane.
        scale: standard deviation of the blobs (at most a twelfth of the box).
        box: side of the box; None takes twelve scales. More than a hundred are cut to that.

    Raises:
        InvalidInput: a PDE without a branch that decays.
    """
    shown = pde if pde.dim <= 2 else PDE(pde.text, dim=2, **pde.values)
    side = min(12 * scale if box is None else box, 100 * scale)
    std = min(scale, side / 12)
    n = 128 if side <= 40 * std else 256
    axis = _axis(side, n)
    grid = np.stack(np.meshgrid(*[axis] * shown.dim, indexing="ij"))
    shift = np.zeros((shown.dim, *[1] * shown.dim))
    shift[0] = 2.4 * std
    blob = lambda centre: np.exp(-((grid - centre) ** 2).sum(axis=0) / (2 * std**2))
    start = 0.62 * blob(-shift) + 0.38 * blob(shift)
    start /= start.sum() * (side / n) ** shown.dim
    frames = []
    for time in _last_time(shown, side) * np.array(_FRACTIONS):
        density, flux, _ = evolve(shown, start, side, float(time))
        frames.append(Frame(float(time), density, flux))
    return Film(shown, side, tuple(frames))


def smoothing(shown: Film) -> bytes:
    """Density at each time, on a scale of its own; negative densities in orange."""
    with canvas(1, len(shown.frames), size=(9.6, 2.75), sharey=True) as (figure, axes):
        _strip(axes, shown)
        figure.suptitle(
            f"{named(shown.pde)}: two blobs in a periodic box of side {shown.side:.3g}",
            x=0.01, ha="left", fontsize=10.5, fontweight="bold",
        )  # fmt: skip
        return png(figure)


def smoothing_sheet(films: Mapping[str, Film]) -> bytes:
    """`smoothing` of several, a line for each, with their names on the left."""
    across = max(len(shown.frames) for shown in films.values())
    with canvas(len(films), across, size=(9.6, 2.25 * len(films)), squeeze=False) as (figure, grid):
        figure.get_layout_engine().set(h_pad=0.1)
        for axes, (name, shown) in zip(grid, films.items(), strict=True):
            _strip(axes, shown)
            axes[0].set_ylabel(name, fontsize=10.5, fontweight="bold")
            for axis in axes:
                axis.set_xticks([])
                axis.set_yticks([])
                axis.spines[:].set(visible=True, color="#d0d7de")
        return png(figure, 110)


def field_lines(*shown: Film) -> bytes:
    """Lines of v = flux/density over the density at a middle time, a panel for each film."""
    with canvas(1, len(shown), size=(5.2 * len(shown), 5.0), squeeze=False) as (figure, axes):
        for axis, each in zip(axes[0], shown, strict=True):
            _flow(axis, each)
        return png(figure)


def named(pde: PDE) -> str:
    """The PDE and its parameters, for a title."""
    values = ", ".join(f"{readable(n)} = {_number(v)}" for n, v in pde.values.items())
    text = readable(pde.text)
    text = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    text = text if "=" in text else f"{text} = 0"
    return f"{text}   ({values})" if values else text


def readable(formula: str) -> str:
    """``-I*sqrt(k**2 + m**2)`` as ``−i √(k² + m²)``."""
    for pattern, sign in _SIGNS.items():
        formula = re.sub(pattern, sign, formula)
    text = re.sub(r"(?:\*\*|\^)(\d+)", lambda power: power[1].translate(_SUPERSCRIPTS), formula)
    return text.replace("**", "^").replace("*", " ")


def _strip(axes: Any, shown: Film) -> None:
    """One density for each time."""
    for axis, (time, density, _) in zip(axes, shown.frames, strict=True):
        draw = _curve if density.ndim == 1 else _heat
        draw(axis, density, shown.side)
        axis.set_title(f"t = {time:.3g}")
        text, negative = _evenness(density)
        axis.set_xlabel(text, color=_WARM if negative else "#57606a", fontsize=9)


def _flow(axis: Any, shown: Film) -> None:
    """Field lines at the middle time; in one dimension over time."""
    time, density, flux = shown.frames[len(shown.frames) // 2]
    form = rewrite(shown.pde)
    if density.ndim == 1:
        what = "paths dx/dt = v"
        _space_time(axis, shown)
    else:
        what = f"lines of v at t = {time:.3g}"
        _heat(axis, density, shown.side)
        _streams(axis, density, flux, shown.side)
        axis.set_xlabel("x")
        axis.set_ylabel("y")
    axis.set_title(
        f"{named(shown.pde)}\n{what}\np = {readable(form.density)},  p v = {readable(form.flux)}",
        fontsize=9,
    )


def _number(value: complex | float) -> str:
    value = complex(value)
    return f"{value.real:g}" if value.imag == 0 else f"{value:g}".strip("()").replace("j", "i")


def _axis(side: float, n: int) -> np.ndarray:
    return side * (np.arange(n) / n - 0.5)


def _last_time(pde: PDE, side: float) -> float:
    """When the longest wave of the box has all but decayed; else when it has turned by half."""
    omega = np.asarray(judged(pde).omega(np.array([0.0, 2 * np.pi / side])))
    decay = float(omega[0].imag - omega[1].imag)
    turn = float(max(abs(omega[1].real - omega[0].real), abs(omega[0].real) / 4))
    slowest = 1e-6 * max(1.0, float(abs(omega[1])))
    if decay > slowest:
        # Where mass is lost, not so late that none is left.
        return min(2.5 / decay, 200 / max(abs(float(omega[0].imag)), 1e-9))
    return np.pi / turn if turn > slowest else 1.0


def _evenness(density: np.ndarray) -> tuple[str, bool]:
    """Lowest over highest density as text, and whether there is any below 0."""
    low, high = float(density.min()), float(density.max())
    if high <= 0:
        return "all negative", True
    share = low / high
    text = f"lowest/highest {share:.2g}".replace("-", "−") if abs(share) > _NEGATIVE else ""
    return text, share < -_NEGATIVE


def _shares(density: np.ndarray, axis: int | None = None) -> np.ndarray:
    """Density over the highest, and below 0 over the lowest: from −1 to 1."""
    high = np.maximum(density.max(axis, keepdims=True), 0.0)
    low = np.maximum(-density.min(axis, keepdims=True), 0.0)
    below = density < -_NEGATIVE * high
    return np.where(below, density / (low + (low == 0)), density.clip(0) / (high + (high == 0)))


def _curve(axis: Any, density: np.ndarray, side: float) -> None:
    x = _axis(side, density.size)
    density = density / (np.abs(density).max() or 1.0)
    axis.fill_between(x, density, where=density >= 0, color="#0072b2", alpha=0.25, lw=0)
    axis.fill_between(x, density, where=density <= 0, color="#d55e00", alpha=0.6, lw=0)
    axis.plot(x, density, color="#0072b2")
    axis.axhline(0, color="#57606a", lw=0.6)
    axis.set_xlim(-side / 2, side / 2)


def _heat(axis: Any, density: np.ndarray, side: float) -> None:
    where = (-side / 2, side / 2, -side / 2, side / 2)
    axis.imshow(_shares(density).T, origin="lower", extent=where, **_tint())


def _tint() -> dict[str, Any]:
    """White to blue up to the highest density, white to orange down to the lowest."""
    from matplotlib.colors import LinearSegmentedColormap

    return {"cmap": LinearSegmentedColormap.from_list("signed", _TINTS), "vmin": -1, "vmax": 1}


def _streams(axis: Any, density: np.ndarray, flux: np.ndarray, side: float) -> None:
    every = max(1, density.shape[0] // 64)
    thin = slice(None, None, every)
    x = _axis(side, density.shape[0])[thin]
    p = density[thin, thin]
    velocity = _velocity(p, flux[:, thin, thin])
    if np.any(np.nan_to_num(velocity) != 0):
        axis.streamplot(
            x, x, velocity[0].T, velocity[1].T, color="#24292f", linewidth=0.7, arrowsize=0.8,
            density=1.2,
        )  # fmt: skip
    axis.set_xlim(-side / 2, side / 2)
    axis.set_ylim(-side / 2, side / 2)


def _space_time(axis: Any, shown: Film) -> None:
    """One dimension: density over x and t, and the paths dx/dt = v through it."""
    start, side = shown.frames[0].density, shown.side
    times = np.linspace(0.0, shown.frames[-2].time, 128)
    past = [evolve(shown.pde, start, side, float(time)) for time in times]
    density = np.stack([each.density for each in past])
    flux = np.stack([each.flux[0] for each in past])
    x = _axis(side, start.size)
    axis.pcolormesh(x, times, _shares(density, 1), shading="nearest", **_tint())
    velocity = _velocity(density, flux, 1)
    axis.streamplot(
        x, times, velocity, np.where(np.isnan(velocity), np.nan, 1.0),
        color="#24292f", linewidth=0.7, arrowsize=0.8, density=1.0,
    )  # fmt: skip
    axis.set_xlim(-side / 2, side / 2)
    axis.set_ylim(0, times[-1])
    axis.set_xlabel("x")
    axis.set_ylabel("t")


def _velocity(density: np.ndarray, flux: np.ndarray, axis: int | None = None) -> np.ndarray:
    """Flux over density; NaN where there is next to no density."""
    there = _shares(density, axis) > 1e-6
    return np.where(there, flux / np.where(there, density, 1.0), np.nan)

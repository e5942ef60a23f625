"""Pictures of protocols: λ(t) with its jumps, works against the bound, paths with and without control."""

import jax
import jax.numpy as jnp
import numpy as np

from noneq.report.figures import canvas, svg
from noneq.report.html import Picture
from noneq.runs.control import ControlFindings, Measured
from noneq.systems.protocols import AbstractProtocol, sides


_GREY, _MARK = "#8c959f", "#1b1f24"
_TINTS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_STAGES = 7
_PATHS = 15
_BINS = 60


def pictures(found: ControlFindings) -> list[Picture]:
    """Protocol, works, paths; for a path of potentials these instead of a protocol."""
    numbers = [i for i, one in enumerate(found.measured) if not _is_path(one)]
    drawn = [protocol_picture(numbers, found)] if numbers else []
    drawn += [potential_picture(one) for one in found.measured if _is_path(one)]
    return [*drawn, work_picture(found), path_picture(found)]


def _is_path(one: Measured) -> bool:
    """Whether a whole potential is moved: the protocol then only counts the stages."""
    protocol = one.system.protocol
    return bool(protocol.initial == -1) and bool(protocol.final == 2)


def protocol_picture(places: list[int], found: ControlFindings) -> Picture:
    """λ(t) of each protocol with the values before and after, jumps drawn upright."""
    first, last = found.driven.protocol.span
    wide = 0.08 * (last - first)
    with canvas(size=(6.4, 3.4)) as (figure, axes):
        for i in places:
            one = found.measured[i]
            times, values = _with_jumps(one.system.protocol, first, last, wide)
            axes.plot(times, values, color=_TINTS[i % len(_TINTS)], label=one.name)
        for edge in (first, last):
            axes.axvline(edge, color=_GREY, lw=0.7, ls=":")
        axes.set(xlabel="time", ylabel=found.title.split(":")[1].split()[0])
        axes.legend()
        data = svg(figure)
    jumps = {
        one.name: len(one.system.protocol.jumps) for one in map(found.measured.__getitem__, places)
    }
    return Picture(
        "Protocols.",
        "The driven number over time, its values before the start and after the end included; upright "
        "parts are jumps, which do work too.",
        "; ".join(f"{name}: {count} jumps" for name, count in jumps.items()) + ".",
        data,
    )


def potential_picture(one: Measured) -> Picture:
    """V of the best driving at several stages, and before and after it."""
    first, last = one.system.protocol.span
    states = one.paths[..., 0]
    low, high = np.quantile(states, [0.002, 0.998])
    x = np.linspace(low - 0.15 * (high - low), high + 0.15 * (high - low), 300)
    stages = [
        ("before", -1.0),
        *((f"{s:.2g} τ", s) for s in np.linspace(0, 1, _STAGES)),
        ("after", 2.0),
    ]
    many = jax.jit(
        jax.vmap(lambda s, x: one.system.potential_at(s, first, x[None]), in_axes=(None, 0))
    )
    with canvas(size=(6.4, 3.8)) as (figure, axes):
        from matplotlib import colormaps

        cap = 0.0
        for name, s in stages:
            v = np.asarray(many(jnp.asarray(s), jnp.asarray(x, float)), float)
            v = v - v.min()
            inside = 0 <= s <= 1
            cap = max(cap, float(np.quantile(v, 0.8)))
            axes.plot(
                x, v, color=colormaps["viridis"](0.9 * s) if inside else _MARK,
                ls="-" if inside else ("--" if s < 0 else ":"), lw=1.2, label=name,
            )  # fmt: skip
        axes.set_ylim(-0.05 * cap, 1.3 * cap)
        axes.set(xlabel="x", ylabel="V, from its least value")
        axes.legend(ncols=2, fontsize=7.5)
        data = svg(figure)
    return Picture(
        "Potentials of the best driving.",
        f"Solid: at shares of the time τ = {last - first:g}; dashed and dotted: before the start and "
        "after the end. From one to the next at both ends V jumps.",
        f"Potential curves at {_STAGES} stages and at both ends.",
        data,
    )


def work_picture(found: ControlFindings) -> Picture:
    """Histogram of works of every protocol with its mean, against the least mean work and ΔF."""
    every = np.concatenate([one.works for one in found.measured])
    bins = _edges(every)
    with canvas(size=(6.4, 3.4)) as (figure, axes):
        for i, one in enumerate(found.measured):
            tint = _TINTS[i % len(_TINTS)]
            axes.hist(one.works, bins, density=True, histtype="stepfilled", alpha=0.3, color=tint)
            axes.axvline(float(one.work.value), color=tint, lw=1.4, label=f"mean, {one.name}")
        if found.bound is not None and found.free_energy is not None:
            axes.axvline(found.bound, color=_MARK, lw=1.4, ls="--", label="least mean work")
            axes.axvline(found.free_energy, color=_GREY, lw=1.4, ls=":", label="free energy")
        axes.set(xlabel="work", ylabel="density")
        axes.legend()
        data = svg(figure)
    means = "; ".join(f"{one.name} {one.work}" for one in found.measured)
    return Picture(
        "Work of single paths.",
        "A single path may take less than the least mean work; no mean can. What lies between the free "
        "energy and a mean is dissipated.",
        f"Histograms of work; means: {means}.",
        data,
    )


def path_picture(found: ControlFindings) -> Picture:
    """Paths of the system left alone, and under each protocol."""
    first, last = found.driven.protocol.span
    panels: list[tuple[str, np.ndarray, np.ndarray, str]] = [
        ("left alone", np.linspace(first, last, found.free.shape[1]), found.free, _GREY)
    ]
    panels += [
        (one.name, one.times, one.paths, _TINTS[i % len(_TINTS)])
        for i, one in enumerate(found.measured)
    ]
    with canvas(1, len(panels), size=(2.1 * len(panels) + 0.8, 3.0), sharey=True) as (figure, row):
        for axes, (name, times, paths, tint) in zip(np.atleast_1d(row), panels, strict=True):
            flat = paths.reshape(*paths.shape[:2], -1)[..., 0]
            step = max(1, len(flat) // _PATHS)
            axes.plot(times, flat[::step].T, color=tint, lw=0.6, alpha=0.7)
            axes.set_title(name)
            axes.set_xlabel("time")
        np.atleast_1d(row)[0].set_ylabel("x")
        data = svg(figure)
    return Picture(
        "Paths.",
        "Some paths of the first coordinate: with the parameter left at its first value, and under each "
        "protocol.",
        "Sample paths with and without control.",
        data,
    )


def _with_jumps(
    protocol: AbstractProtocol, first: float, last: float, wide: float
) -> tuple[np.ndarray, np.ndarray]:
    """Times and values, both sides of every jump."""
    times = np.unique([*np.linspace(first, last, 201), *protocol.knots])
    after, before = sides(protocol, times)
    both = np.stack([before, after], 1).ravel()
    ends = ([float(protocol.initial)], [float(protocol.final)])
    clock = np.concatenate([[first - wide], np.repeat(times, 2), [last + wide]])
    return clock, np.concatenate([ends[0], both, ends[1]])


def _edges(works: np.ndarray) -> np.ndarray:
    """Bins that hold nearly all works."""
    low, high = np.quantile(works, [0.001, 0.999])
    return np.linspace(low, high, _BINS + 1)

"""Pictures of `noneq rare`: how the answer converges, and the paths that made it."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from noneq.inference.rare import RareEvent, state_set
from noneq.report.figures import canvas, svg
from noneq.report.html import Picture
from noneq.runs.events.rare import RareFindings


_BLUE, _RED, _GREY = "#0072b2", "#d55e00", "#57606a"


def repeats_picture(event: RareEvent) -> Picture:
    """Each repeat's probability, and the mean of those so far with its error."""
    p = event.repeats
    count = np.arange(1, len(p) + 1)
    mean = np.cumsum(p) / count
    spread = np.asarray([p[:k].std(ddof=1) / np.sqrt(k) if k > 1 else np.nan for k in count])
    with canvas(size=(6.4, 3.2)) as (figure, axes):
        axes.plot(count, p, "o", color=_GREY, ms=4, label="one repeat")
        axes.plot(count, mean, color=_BLUE, label="mean so far")
        axes.fill_between(count, mean - spread, mean + spread, color=_BLUE, alpha=0.2, lw=0)
        axes.set(xlabel="repeat", ylabel="probability", ylim=(0, None))
        axes.legend()
        data = svg(figure)
    return Picture(
        "Convergence over repeats.",
        f"{len(p)} independent repeats{_ended(int(event.extinct.sum()))}; band: one standard error of the "
        "mean so far.",
        f"Probabilities of {len(p)} repeats; their mean ends at {mean[-1]:.3g}.",
        data,
    )


def _ended(extinct: int) -> str:
    return f", {extinct} of them extinct, which count as 0" if extinct else ""


def levels_picture(found: RareFindings) -> Picture | None:
    """Probability of reaching each level of the score; None if the first level was the target."""
    levels = [one for one in found.event.levels if len(one)]
    if not levels:
        return None
    with canvas(size=(6.4, 3.2)) as (figure, axes):
        for one in levels:
            shown = np.isfinite(one[:, 0])
            axes.plot(one[shown, 0], one[shown, 1], color=_BLUE, alpha=0.5, lw=1)
        axes.set(xlabel="level of the score", ylabel="probability to exceed it", yscale="log")
        data = svg(figure)
    most = max(len(one) for one in levels)
    return Picture(
        "How rare each level is.",
        f"A line for each repeat, up to {most} levels. The score is 0 on the boundary of the target unless "
        "another one was given. A cliff is a level that few paths pass: a better score would help there.",
        "Probability of reaching a level against the level, falling.",
        data,
    )


def paths_picture(found: RareFindings) -> Picture | None:
    """Paths that reached the target; None if there are none."""
    paths = found.event.paths
    if not paths:
        return None
    flat = [(one.times, one.states.reshape(len(one.states), -1)) for one in paths]
    system, names = found.system, found.names
    sets = [state_set(text, names, len(names), "set") for text in (found.origin, found.target)]
    used = sorted({place for one in sets for place in one.places})
    used = [*used, *(i for i in range(len(names)) if i not in used)][:2]
    with canvas(size=(6.4, 4.0)) as (figure, axes):
        for i, (times, x) in enumerate(flat):
            look = {"color": _GREY, "alpha": 0.55, "lw": 0.8}
            if len(used) == 1:
                axes.plot(times, x[:, used[0]], **look, label="" if i else "path")
                axes.plot(times[-1], x[-1, used[0]], "o", color=_RED, ms=3)
            else:
                axes.plot(x[:, used[0]], x[:, used[1]], **look, label="" if i else "path")
                axes.plot(x[-1, used[0]], x[-1, used[1]], "o", color=_RED, ms=3)
        if len(used) == 1:
            axes.set(xlabel="time", ylabel=names[used[0]])
            low, high = axes.get_ylim()
            grid = np.linspace(low, high, 400)
            for one, colour in zip(sets, (_BLUE, _RED), strict=True):
                inside = _inside(one, grid[:, None], used, system, flat)
                axes.fill_betweenx(
                    grid, 0, 1, where=inside, transform=axes.get_yaxis_transform(), color=colour,
                    alpha=0.12, lw=0,
                )  # fmt: skip
        else:
            axes.set(xlabel=names[used[0]], ylabel=names[used[1]])
            _shade(axes, sets, used, system, flat)
        data = svg(figure)
    return Picture(
        "Paths that made it.",
        f"{len(paths)} of the paths that reached the target (dots), from where they began; shaded: the sets "
        "(blue: from, red: to). They share beginnings, as copies of each other.",
        f"{len(paths)} paths into the target.",
        data,
    )


def _shade(axes: Any, sets: list[Any], used: list[int], system: Any, flat: list[Any]) -> None:
    """The two sets in the plane of two coordinates."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    u, v = np.meshgrid(np.linspace(left, right, 200), np.linspace(low, high, 200))
    points = np.stack([u.ravel(), v.ravel()], 1)
    for one, colour in zip(sets, (_BLUE, _RED), strict=True):
        inside = _inside(one, points, used, system, flat).reshape(u.shape)
        axes.contourf(u, v, inside, levels=[0.5, 1.5], colors=[colour], alpha=0.15)


def _inside(one: Any, points: np.ndarray, used: list[int], system: Any, flat: list[Any]) -> Any:
    """Whether points of some coordinates lie in a set, the others as at the first start."""
    states = np.repeat(flat[0][1][:1], len(points), 0).astype(np.float32)
    states[:, used] = points
    shaped = jnp.asarray(states.reshape(-1, *system.event_shape))
    return np.asarray(jax.vmap(one.contains)(shaped))

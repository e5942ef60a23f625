"""Pictures on axes of your own: Matplotlib axes in, the same axes out.

``ax=None`` draws on new axes. The pictures are those of ``noneq report`` and ``noneq inspect``.
"""

from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from noneq.data.ensembles import Snapshots, Trajectories, as_snapshots
from noneq.data.pictures import draw_cloud, draw_grid, draw_histograms, draw_paths
from noneq.errors import InvalidInput, MissingTrait
from noneq.estimate import Estimate
from noneq.kinds import checked
from noneq.plain_text import legible
from noneq.report.currents import draw_current
from noneq.report.figures import FLOOR, draw_history
from noneq.systems.base import AbstractDiffusion
from noneq.traits import AbstractModel, HasDrift, HasScore, HasVelocity


if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["density", "estimate", "field", "history", "paths", "snapshots"]

_STATES = 4096


@checked
def snapshots(
    data: Any, *, time: float | None = None, coordinates: tuple[int, int] = (0, 1), ax: Any = None
) -> "Axes":
    """States at one time: points of two coordinates, the field of one, histograms of a single one.

    Args:
        data: `Snapshots`, `Trajectories`, or an array ``(n, *event_shape)``.
        time: one of the data's; None is the first. Histograms show several times.
        coordinates: which two.
        ax: axes to draw on.

    Raises:
        InvalidInput: no such time or coordinate.
    """
    data = _ensemble(data)
    when = float(data.times[0]) if time is None else float(time)
    axes = _axes(ax)
    if len(data.event_shape) > 1:
        field = data.at(when)[0, 0]
        draw_grid(axes, field, float(field.min()), float(field.max()))
    elif len(data.names) == 1:
        chosen = data if time is None else Snapshots(data.at(when), [when], **data.labels())
        draw_histograms(axes, chosen, 0)
    else:
        _check_coordinates(data, coordinates)
        draw_cloud(axes, data, when, coordinates)
    return _done(axes)


@checked
def paths(data: Trajectories, *, coordinate: int = 0, n: int = 40, ax: Any = None) -> "Axes":
    """One coordinate of at most n paths over time.

    Raises:
        WrongType: snapshots, which have no paths.
        InvalidInput: fields, or no such coordinate.
    """
    if len(data.event_shape) > 1:
        raise InvalidInput("plot.paths: the states are fields; take plot.snapshots.")
    _check_coordinates(data, (coordinate,))
    axes = _axes(ax)
    draw_paths(axes, data, coordinate, n)
    return _done(axes)


@checked
def density(
    law: Any,
    *,
    time: float | None = None,
    coordinates: tuple[int, ...] = (0, 1),
    n: int = 20_000,
    bins: int = 60,
    seed: int = 0,
    ax: Any = None,
) -> "Axes":
    """Density of one or two coordinates at one time, a histogram of samples.

    Args:
        law: data, or a fitted model, of which n samples are drawn with the seed.
        time: of the data or of the model; None is the first, or the only one.
        coordinates: one or two; of states of one number always that.
        bins: along each axis.
        ax: axes to draw on.

    Raises:
        InvalidInput: fields, or no such time or coordinate.
    """
    if isinstance(law, AbstractModel):
        states = np.asarray(law.sample(n, time=time, key=jax.random.key(seed)))
        data = Snapshots(states, [0.0 if time is None else float(time)])
    else:
        data = _ensemble(law)
        when = float(data.times[0]) if time is None else float(time)
        data = Snapshots(data.at(when), [when], **data.labels())
    if len(data.event_shape) > 1:
        raise InvalidInput("plot.density: the states are fields; take plot.snapshots.")
    chosen = coordinates[: len(data.names)]
    _check_coordinates(data, chosen)
    axes = _axes(ax)
    x = data.values.astype(np.float64)
    if len(chosen) == 1:
        axes.hist(x[:, chosen[0]], bins, density=True, histtype="step")
        axes.set_ylabel("density")
    else:
        axes.hist2d(x[:, chosen[0]], x[:, chosen[1]], bins, density=True, cmap="Blues")
        axes.set_ylabel(_label(data, chosen[1]))
    axes.set_xlabel(_label(data, chosen[0]))
    return _done(axes)


@checked
def history(fit: Any, *, ax: Any = None) -> "Axes":
    """Losses of a `Fit`, or the columns of its history, against the step.

    Raises:
        InvalidInput: a fit without steps.
    """
    columns = fit if isinstance(fit, dict) else fit.history
    if not columns.get("step"):
        raise InvalidInput("plot.history: this fit took no steps.")
    axes = _axes(ax)
    draw_history(axes, columns)
    return _done(axes)


@checked
def field(
    mover: Any, *, time: float | None = None, x: Any = None, seed: int = 0, ax: Any = None
) -> "Axes":
    """Arrows of what moves the first two coordinates, over the states that it moves.

    The velocity of a model with one, in cells weighted by the density (a probability current); else
    its drift, or the score; the drift of a system.

    Args:
        mover: a fitted model or a system.
        time: physical time.
        x: states ``(n, dim)`` to show it at; None draws them from the model, or from the system's
            initial states.
        seed: of the states that are drawn.
        ax: axes to draw on.

    Raises:
        MissingTrait: nothing that moves states.
        InvalidInput: states of fewer than two numbers.
    """
    shape = getattr(mover, "event_shape", None) or (0,)
    if len(shape) != 1 or max(shape) < 2:
        raise InvalidInput(f"plot.field: states of shape {shape}; expected at least two numbers.")
    if isinstance(mover, AbstractDiffusion):
        draw = lambda: jax.vmap(mover.initial)(jax.random.split(jax.random.key(seed), _STATES))
    else:
        draw = lambda: mover.sample(_STATES, time=time, key=jax.random.key(seed))
    velocity = _velocity(mover, time)
    states = draw() if x is None else jnp.asarray(x, float)
    axes = _axes(ax)
    arrows = eqx.filter_jit(jax.vmap(velocity))(states)
    draw_current(axes, np.asarray(states, np.float64), np.asarray(arrows, np.float64))
    names = mover.names if isinstance(mover, AbstractDiffusion) else ("x0", "x1")
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[1])
    return _done(axes)


@checked
def estimate(value: Estimate, *, label: str = "", ax: Any = None) -> "Axes":
    """Values over their times with error bars of one standard error, and the floor.

    Raises:
        WrongType: no `Estimate`.
        InvalidInput: more than one value at a time.
    """
    if value.value.ndim > 1:
        raise InvalidInput(f"plot.estimate: values of shape {value.value.shape}; choose by index.")
    axes = _axes(ax)
    flat = np.atleast_1d(value.value)
    places = np.arange(flat.size, dtype=float) if value.times is None else value.times
    axes.errorbar(
        places, flat, np.atleast_1d(value.stderr), fmt="o", capsize=2, label=label or None
    )
    if value.floor is not None:
        axes.plot(places, np.atleast_1d(value.floor), ":", color=FLOOR, label="floor")
    axes.set_xlabel("entry" if value.times is None else "time")
    axes.set_ylabel(value.unit)
    if label or value.floor is not None:
        axes.legend()
    return _done(axes)


def _velocity(mover: Any, time: float | None) -> Any:
    """What moves one state."""
    clock = 0.0 if time is None else time
    if isinstance(mover, HasVelocity):
        return lambda x: mover.velocity(x, time=time)
    if isinstance(mover, HasDrift | AbstractDiffusion):
        return lambda x: mover.drift(clock, x)
    if isinstance(mover, HasScore):
        return lambda x: mover.score(x, time=time)
    raise MissingTrait(
        f"plot.field needs a model with HasVelocity, HasDrift or HasScore, or a system with a drift; "
        f"{type(mover).__name__} has none."
    )


def _ensemble(data: Any) -> Snapshots | Trajectories:
    return data if isinstance(data, Snapshots | Trajectories) else as_snapshots(data)


def _check_coordinates(data: Snapshots | Trajectories, places: tuple[int, ...]) -> None:
    count = data.event_shape[0]
    if not all(0 <= place < count for place in places):
        raise InvalidInput(f"there is no coordinate {max(places)}; there are 0 to {count - 1}.")


def _label(data: Snapshots, place: int) -> str:
    unit = data.units[place]
    return data.names[place] + (f" ({unit})" if unit else "")


def _axes(ax: Any) -> "Axes":
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(layout="constrained")[1]


def _done(axes: Any) -> "Axes":
    """The axes, dollars in names shown as dollars."""
    legible(axes.figure)
    return axes


def __dir__() -> list[str]:
    return __all__

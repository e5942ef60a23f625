"""The report of a fitted run: how it learned, what it generates, how good that is."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from noneq.data.files import read
from noneq.data.snapshots import Snapshots
from noneq.data.summary import Summary
from noneq.errors import InvalidInput, NoneqError, WrongType
from noneq.report.chains import model_pictures
from noneq.report.citations import bibtex
from noneq.report.currents import flow_pictures, flow_tables
from noneq.report.figures import colour_of, history
from noneq.report.html import Clouds, Figure, Picture, Table, render, with_error
from noneq.spec import to_toml
from noneq.store import fingerprint, inside, load, read_rows
from noneq.traits import HasInvariantFlow


_TIMES, _SAMPLES = 25, 500


def cloud_pictures(fit: Any) -> list[Clouds]:
    """Data and samples over the model's times."""
    return clouds(fit, type(fit.method).__name__)


def chain_pictures(fit: Any) -> list[Picture]:
    """Currents, main loop and spectrum of a hidden Markov chain, if the model has one."""
    return model_pictures(fit.model)


PICTURES: tuple[Callable[[Any], Sequence[Figure]], ...] = (
    cloud_pictures,
    chain_pictures,
    flow_pictures,
)
"""Functions of a `Fit`, in the order of the page; each gives none where the model lacks the trait."""


def run_report(
    run_path: str | Path, *, pictures: Sequence[Callable[[Any], Sequence[Figure]]] = ()
) -> Path:
    """Write ``report.html`` of a fitted run.

    Args:
        run_path: run folder of `noneq.save`.
        pictures: further functions of the `Fit`, as those of `PICTURES`.

    Returns:
        The page.

    Raises:
        InvalidInput: no finished run there.
        DataFileError: a file that is damaged.
        WriteFailed: the disk refused.
    """
    folder = Path(run_path)
    fit = load(folder)
    name = type(fit.method).__name__
    rows = read_rows(folder)
    notes = [str(text) for text in fit.meta.get("warnings", ())]
    figures: list[Figure] = []
    for draw in (*PICTURES, *pictures):
        try:
            figures += _checked(draw, fit)
        except InvalidInput as error:
            notes.append(f"No {draw.__name__.replace('_', ' ')}: {error}")
    figures += [*_kept_pictures(folder), *_history(fit)]
    return render(
        folder / "report.html",
        title=f"{name} fitted to {fit.summary.kind}",
        lead=_lead(fit.summary),
        notes=notes,
        figures=figures,
        tables=[*_scores(rows), *flow_tables(fit), _data_table(fit.summary)],
        limits=_limits(fit, rows),
        sources=[bibtex(fit.method.source)],
        command=str(fit.meta.get("command", "")) or f"noneq report {folder}",
        settings=to_toml(fit.method),
    )


def _checked(draw: Callable[[Any], Sequence[Figure]], fit: Any) -> list[Figure]:
    """What the function draws.

    Raises:
        WrongType: something that is no list of figures.
    """
    drawn = draw(fit)
    if not isinstance(drawn, list | tuple) or not all(
        isinstance(f, Picture | Clouds) for f in drawn
    ):
        raise WrongType(
            f"{draw.__name__} gave a {type(drawn).__name__}; expected a list of Picture or Clouds "
            "(noneq.report.html)."
        )
    return list(drawn)


def _lead(summary: Summary) -> str:
    count, shape = sum(summary.counts), " × ".join(map(str, summary.event_shape))
    unit = f" {summary.time_unit}" if summary.time_unit else ""
    when = (
        f"one time, {summary.times[0]:g}{unit}"
        if len(summary.times) == 1
        else f"{len(summary.times)} times from {summary.times[0]:g} to {summary.times[-1]:g}{unit}"
    )
    return f"{count:,} states of {shape} numbers at {when}."


def clouds(fit: Any, name: str) -> list[Clouds]:
    """The data and generated samples, first two coordinates, over the model's times."""
    summary = fit.summary
    if summary.condition_dim or len(summary.event_shape) != 1:
        return []
    chosen = np.linspace(0, len(summary.times) - 1, min(_TIMES, len(summary.times)))
    times = np.asarray(summary.times)[np.unique(chosen.round().astype(int))]
    key, other_key = jax.random.split(jax.random.key(0))
    observed = _observed(fit.meta.get("data", {}))
    panels = {} if observed is None else {"data": _points(observed, times)}
    panels[name] = _points(fit.model.snapshots(_SAMPLES, times=times, key=key), times)
    names = _axes(summary)
    if summary.dim == 1:
        # One coordinate: the other axis only spreads the points.
        spread = np.asarray(jax.random.uniform(other_key, panels[name].shape))
        panels = {k: np.concatenate([x, spread], axis=2) for k, x in panels.items()}
        names = (names[0], "(spread)")
    if summary.domain.bounds is not None and summary.dim > 1:
        low, high = (np.broadcast_to(b, (summary.dim,))[:2] for b in summary.domain.bounds)
    else:
        low, high = _range(np.concatenate(list(panels.values())))
    shown = "the first two coordinates" if summary.dim > 2 else "all coordinates"
    return [
        Clouds(
            "Generated distribution over time.",
            f"At most {_SAMPLES} samples at each time, {shown}; move the slider or press play.",
            times,
            panels,
            {panel: colour_of(panel) for panel in panels},
            np.asarray(low, float),
            np.asarray(high, float),
            names,
            summary.time_unit,
        )
    ]


def _observed(source: Mapping[str, Any]) -> Snapshots | None:
    """The data of the fit, if their file is still there and unchanged."""
    path = Path(source.get("path", ""))
    if not path.is_absolute():
        return None
    try:
        # A run may come from a stranger: only the user lifts the limit.
        data = read(path, **{**source.get("reading", {}), "unpack_limit": None})
    except NoneqError:
        return None
    return data.snapshots() if fingerprint(data) == source["fingerprint"] else None


def _points(data: Snapshots, times: np.ndarray) -> np.ndarray:
    """At most so many states of each time, first two coordinates; NaN where there are fewer."""
    points = np.full((times.size, _SAMPLES, min(2, data.event_shape[0])), np.nan)
    for i, t in enumerate(times):
        states = data.at(t)
        some = np.linspace(0, len(states) - 1, min(_SAMPLES, len(states))).astype(int)
        points[i, : some.size] = states[some, :2]
    return points


def _axes(summary: Summary) -> tuple[str, str]:
    labels = [
        f"{name} ({unit})" if unit else name
        for name, unit in zip(summary.names, summary.units, strict=True)
    ]
    return (labels[0], labels[1] if len(labels) > 1 else "")


def _range(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Box of the central 99.8 % of the points, widened by a tenth."""
    flat = points.reshape(-1, points.shape[-1])
    low, high = np.nanquantile(flat, [0.001, 0.999], axis=0)
    width = np.where(high > low, high - low, 1.0)
    return low - 0.1 * width, high + 0.1 * width


def _history(fit: Any) -> list[Figure]:
    if len(fit.history.get("step", ())) < 2:
        return []
    return [
        Picture(
            "Training.",
            "Means over each chunk of steps; the level has no meaning across methods.",
            "Line chart of the training history against the step.",
            history(fit.history),
        )
    ]


def _kept_pictures(folder: Path) -> list[Figure]:
    """Pictures that other commands left in ``figures/``.

    Raises:
        DataFileError: links.
    """
    kept = inside(folder, "figures")
    names = sorted(p.name for p in kept.glob("*") if p.suffix in (".svg", ".png"))
    found = [inside(folder, "figures", name) for name in names]
    return [
        Picture(f"{p.stem.replace('_', ' ')}.", "", p.stem.replace("_", " "), p.read_bytes())
        for p in found
    ]


def _scores(rows: Sequence[Mapping[str, Any]]) -> list[Table]:
    if not rows:
        return []
    lines = [
        [
            str(row.get("case", "")),
            str(row.get("metric", "")).replace("_", " "),
            with_error(row["value"], row.get("stderr")),
            "" if row.get("floor") is None else f"{row['floor']:.4g}",
        ]
        for row in rows
    ]
    caption = (
        "± one standard error; floor: the same metric between two disjoint halves of the "
        "evaluated data, hence of smaller samples."
    )
    return [Table("Evaluation", ("case", "metric", "value", "floor"), lines, caption)]


def _data_table(summary: Summary) -> Table:
    """Coordinates of the training data."""
    lines = [
        [name, unit, f"{shift:.4g}", f"{scale:.4g}"]
        for name, unit, shift, scale in zip(
            summary.names, summary.units, summary.shift, summary.scale, strict=False
        )
    ]
    fewest, most = min(summary.counts), max(summary.counts)
    counts = f"{most:,}" if fewest == most else f"{fewest:,} to {most:,}"
    caption = (
        f"Normalisation y = (x − shift)/scale; {counts} states per time; "
        f"time band {summary.time_band:g} per unit time; "
        f"domain {type(summary.domain).__name__}."
    )
    return Table("Training data", ("coordinate", "unit", "shift", "scale"), lines, caption)


def _limits(fit: Any, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    summary = fit.summary
    limits = [
        f"The model was fitted to times {summary.times[0]:g} to {summary.times[-1]:g}; outside "
        "them it extrapolates, and between them it interpolates."
        if len(summary.times) > 1
        else "The model knows one time only.",
        "Its error bars hold the sampling noise of the evaluation, not that of the fit: fit "
        "several seeds for that.",
    ]
    if isinstance(fit.model, HasInvariantFlow):
        limits.append(
            "A law does not determine its flow: every part of the velocity without divergence "
            "against the law, its sign and its unit of time are chosen by the method, unless "
            "transitions or a known motion fixed them."
        )
    elif summary.kind == "snapshots":
        limits.append("Snapshots hold marginals: nothing here says how single states move.")
    if not rows:
        limits.append("Not evaluated yet: `noneq evaluate RUN FILE` adds the numbers.")
    if summary.condition_dim:
        limits.append("Conditional model: no samples are drawn here, as they need a condition.")
    return limits

"""The report of a fitted run: how it learned, what it generates, how good that is."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from noneq.data.summary import Summary
from noneq.errors import InvalidInput, WrongType
from noneq.report.chains import model_pictures
from noneq.report.citations import bibtex
from noneq.report.clouds import clouds
from noneq.report.currents import flow_pictures, flow_tables
from noneq.report.figures import history
from noneq.report.html import Clouds, Figure, Picture, Table, render, with_error
from noneq.report.lines import line_pictures
from noneq.report.observed import data_name
from noneq.report.paths.kernels import kernel_pictures
from noneq.report.paths.laws import force_pictures, law_tables
from noneq.report.paths.motions import path_pictures
from noneq.report.paths.residuals import residual_pictures
from noneq.report.sheets import sheet_pictures
from noneq.report.thermo_page.split import split_pictures, split_tables
from noneq.report.transports import transport_pictures
from noneq.spec import to_toml
from noneq.store import inside, load, read_rows
from noneq.traits import HasInvariantFlow


def cloud_pictures(fit: Any) -> list[Clouds]:
    """Data and samples over the model's times."""
    return clouds(fit, type(fit.method).__name__)


def chain_pictures(fit: Any) -> list[Picture]:
    """Currents, main loop and spectrum of a hidden Markov chain, if the model has one."""
    return model_pictures(fit.model)


PICTURES: tuple[Callable[[Any], Sequence[Figure]], ...] = (
    cloud_pictures,
    line_pictures,
    sheet_pictures,
    path_pictures,
    kernel_pictures,
    transport_pictures,
    chain_pictures,
    flow_pictures,
    split_pictures,
    residual_pictures,
    force_pictures,
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
        title=f"{name} fitted to {data_name(fit) or fit.summary.kind}",
        lead=_lead(fit.summary),
        notes=notes,
        figures=figures,
        tables=[
            *_scores(rows),
            *flow_tables(fit),
            *split_tables(fit),
            *law_tables(fit),
            _data_table(fit.summary),
        ],
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

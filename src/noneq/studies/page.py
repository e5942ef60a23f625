"""The report of a study: its own pictures if it has any, and tables of all rows."""

import importlib
import importlib.util
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from noneq.errors import DataFileError, InvalidInput
from noneq.report.citations import bibtex
from noneq.report.figures import metric_over_cases
from noneq.report.html import Figure, Picture, Table, render, with_error
from noneq.studies.naming import studies
from noneq.studies.running import read_cells


def study_report(path: str | Path) -> Path:
    """Write ``report.html`` of a finished study.

    Args:
        path: run folder of `noneq.studies.run_study`.

    Returns:
        The page.

    Raises:
        InvalidInput: no finished study there.
        DataFileError: its files cannot be read.
        WriteFailed: the disk refused.
    """
    folder = Path(path)
    result = read_result(folder)
    study = studies().get(result["study"])
    spec = folder / "spec.toml"
    failed = [
        f"{cell['case']} {cell['method']} (seed {cell['replicate']}) failed: {cell['error']}"
        for cell in result.get("failed", ())
    ]
    sources = () if study is None else study.sources
    return render(
        folder / "report.html",
        title=result["study"] if study is None else study.title,
        lead="" if study is None else study.question,
        notes=failed,
        figures=_figures(result, folder),
        tables=tables(result["rows"]),
        limits=() if study is None else study.limits,
        sources=[bibtex(key) for key in sources],
        command=result["command"],
        made_with=_made_with(result),
        settings=spec.read_text(encoding="utf-8") if spec.exists() else "",
    )


def read_result(folder: Path) -> dict[str, Any]:
    """The results file of a study.

    Raises:
        InvalidInput: there is none.
        DataFileError: it cannot be read.
    """
    file = folder / "metrics.json"
    if not file.is_file():
        raise InvalidInput(f"{folder} holds no finished study; run `noneq study NAME -o {folder}`.")
    try:
        result = json.loads(file.read_bytes())
        missing = {"study", "command", "versions", "machine", "rows"} - result.keys()
    except (OSError, ValueError, AttributeError) as error:
        raise DataFileError(f"{file} cannot be read ({error}); run the study again.") from error
    if missing:
        raise DataFileError(f"{file} has no {', '.join(sorted(missing))}; it is no study's.")
    return result


def tables(rows: Sequence[Mapping[str, Any]]) -> list[Table]:
    """One table per metric, the most compared first: cases down, methods across, the floor last."""
    made = []
    methods_of = lambda metric: len({r["method"] for r in rows if r["metric"] == metric})
    metrics = dict.fromkeys(row["metric"] for row in rows)
    for metric in sorted(metrics, key=methods_of, reverse=True):
        chosen = {(r["case"], r["method"]): r for r in rows if r["metric"] == metric}
        cases = list(dict.fromkeys(case for case, _ in chosen))
        methods = list(dict.fromkeys(method for _, method in chosen))
        floored = any(row["floor"] is not None for row in chosen.values())
        lines = []
        for case in cases:
            mine = [chosen.get((case, method)) for method in methods]
            floors = [r["floor"] for r in mine if r is not None and r["floor"] is not None]
            floor = [f"{floors[0]:.4f}" if floors else ""] if floored else []
            seeds = sorted({r["seeds"] for r in mine if r is not None})
            lines.append([case, *map(_cell, mine), *floor, "–".join(map(str, seeds))])
        header = ("case", *methods, *(["floor"] if floored else []), "seeds")
        made.append(Table(metric, header, lines, _explain(metric)))
    return made


def _cell(row: Mapping[str, Any] | None) -> str:
    return "" if row is None else with_error(row["value"], row["stderr"])


def _explain(metric: str) -> str:
    explained = {
        "jensen_shannon": "Jensen–Shannon divergence in bits, mean over the times after the "
        "transient; ± one standard error; floor: the same between two independent samples of the "
        "truth.",
        "jensen_shannon_transient": "The same, mean over the transient.",
        "jensen_shannon_excess": "Divergence minus floor with many samples at few times, in bits: "
        "what remains is the model's own error.",
        "transition_jensen_shannon": "Divergence of the histograms of transitions over one lag, "
        "in bits; learners of marginals know no motion.",
        "entropy_production_rate": "Nats per unit time.",
    }
    return explained.get(metric, "")


def _made_with(result: Mapping[str, Any]) -> str:
    """Versions and machine, in one line."""
    machine = result["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
    facts = [machine.get("processor"), f"{machine.get('cores')} cores", machine.get("system")]
    return f"Made with {versions} on {', '.join(str(fact) for fact in facts if fact)}."


def _figures(result: Mapping[str, Any], folder: Path) -> list[Figure]:
    """The study's own pictures (`noneq.report.NAME`), else one chart per metric."""
    name = f"noneq.report.{result['study']}"
    if importlib.util.find_spec(name) is not None:
        return importlib.import_module(name).figures(result["rows"], read_cells(folder))
    return [
        Picture(
            metric.replace("_", " "),
            "Points with one standard error; the floor dotted.",
            f"Chart of {metric.replace('_', ' ')} for every case and method.",
            metric_over_cases(result["rows"], metric),
        )
        for metric in dict.fromkeys(row["metric"] for row in result["rows"])
    ]

"""The report of a study: its own pictures if it has any, and tables of all rows."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from noneq.errors import DataFileError, InvalidInput
from noneq.report.citations import bibtex
from noneq.report.html import render
from noneq.report.tables import charts, tables
from noneq.store import inside
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
    spec = inside(folder, "spec.toml")
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
        figures=(
            charts(result["rows"])
            if study is None
            else study.figures(result["rows"], read_cells(folder))
        ),
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
    file = inside(folder, "metrics.json")
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


def _made_with(result: Mapping[str, Any]) -> str:
    """Versions and machine, in one line."""
    machine = result["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
    facts = [machine.get("processor"), f"{machine.get('cores')} cores", machine.get("system")]
    return f"Made with {versions} on {', '.join(str(fact) for fact in facts if fact)}."

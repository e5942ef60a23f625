"""The study control: its plan, a cell against the closed form, pictures and page."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest

from noneq.errors import InvalidInput
from noneq.spec import from_toml, to_toml
from noneq.studies import ControlStudy, study_named
from noneq.studies.control.pictures import figures
from noneq.studies.control.protocols import ProtocolCell
from noneq.studies.running import Kept


def test_the_plan():
    study = study_named("control")
    assert study == ControlStudy()
    cases = [cell.case for cell in study.cells()]
    assert len({(c.case, c.method_name, c.replicate) for c in study.cells()}) == len(cases)
    for tau in ("0.1", "1", "10"):
        assert f"control:breathing,tau={tau}" in cases
    for tau in ("0.25", "1", "4"):
        assert f"control:tilted,tau={tau}" in cases
    assert {"control:dragged,tau=1", "control:erasure"} < set(cases)
    assert len(study.cells(quick=True)) < len(cases)
    for one in (study, study.reduced()):
        assert from_toml(to_toml(one)) == one
    with pytest.raises(InvalidInput, match="did you mean protocols"):
        dataclasses.replace(study, parts=("protocol",))


@pytest.mark.stat
def test_a_cell_finds_the_least_work_and_not_less(key):
    outcome = ProtocolCell(process="dragged", duration=1.0, n=4000)(key)
    work = {row.method: row for row in outcome.rows if row.metric == "work"}
    assert work["optimal"].value == pytest.approx(1 / 3, abs=1e-5)
    assert abs(work["noneq"].value - 1 / 3) < 5 * work["noneq"].stderr
    # A ramp takes 1/e.
    assert abs(work["linear"].value - np.exp(-1)) < 5 * work["linear"].stderr
    assert work["linear"].stderr < 0.012
    assert set(outcome.arrays) == {"noneq", "linear"}


def rows():
    row = lambda case, method, metric, value, stderr=0.01: {
        "case": case, "method": method, "metric": metric, "value": value, "stderr": stderr,
        "floor": None, "seeds": 1,
    }  # fmt: skip
    made = []
    for case in ("control:dragged,tau=1", "control:erasure"):
        for method, value in (("noneq", 0.36), ("linear", 0.5), ("optimal", 0.33)):
            made.append(row(case, method, "work", value))
        made.append(row(case, "optimal", "free_energy", 0.1))
    return [*made, row("control:erasure", "noneq", "success", 0.999)]


def test_pictures():
    rng = np.random.default_rng(0)
    works = {"noneq": rng.normal(0.36, 1, 500), "linear": rng.normal(0.5, 1, 500)}
    made = figures(rows(), [Kept("control:erasure", "noneq", 0, works)])
    assert [p.title for p in made] == ["What protocols dissipate.", "Work of single paths."]
    assert all(b"<svg" in p.data for p in made)
    assert figures([], []) == []


def test_the_page_says_how_far_each_work_is_from_the_least(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "docs"))
    import control_pages  # pyright: ignore[reportMissingImports]

    text = control_pages.page({"rows": rows()}, tmp_path)
    assert "+9.1 %" in text
    assert "z = +3.0" in text
    assert "99.9" in text
    assert len(list(tmp_path.glob("*.svg"))) == 1
    sys.modules.pop("control_pages")

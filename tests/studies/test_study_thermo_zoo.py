"""The study thermo_zoo: its plan, cells that find their targets, and its pictures and page."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest

from noneq.errors import InvalidInput
from noneq.spec import from_toml, to_toml
from noneq.studies import PathRecord, ThermoZooStudy, study_named
from noneq.studies.running import Kept
from noneq.studies.thermo_zoo.cells import EstimateCell
from noneq.studies.thermo_zoo.chains import RatchetCell
from noneq.studies.thermo_zoo.pictures import figures
from noneq.studies.thermo_zoo.snapshots import SnapshotCell
from noneq.studies.thermo_zoo.streamed import streamed
from noneq.systems import BeadSpring
from noneq.thermo import exact


def values_of(cell, key):
    return {row.metric: row.value for row in cell(key).rows}


def test_the_full_plan():
    study = study_named("thermo_zoo")
    assert study == ThermoZooStudy()
    cells = study.cells()
    names = [(c.case, c.method_name) for c in cells]
    for beads in (2, 5, 8, 64):
        assert (f"bead_spring:N={beads},dt=0.01,euler", "force_current") in names
    assert names.count(("hidden_ratchet:V=1.5,window=32", "hidden_path")) == 5
    for trap in ("ramp", "dragged_trap"):
        assert {m for c, m in names if c == trap} == {"Jarzynski", "BAR", "Crooks"}
    assert {c for c, _ in names if c[:8] == "coverage"} == {
        "coverage:ou", "coverage:ring", "coverage:ramp",
    }  # fmt: skip
    assert ("blind", "verdict") in names
    assert names.count(("release:w=2", "snapshots")) == 5
    assert ("bead_spring:N=64,dt=0.01,euler", "neep") in names
    assert len({(c.case, c.method_name, c.replicate) for c in cells}) == len(cells)
    assert len(study.cells(quick=True)) < len(cells)


def test_settings_survive_a_file():
    for study in (ThermoZooStudy(), ThermoZooStudy().reduced()):
        assert from_toml(to_toml(study)) == study


def test_an_unknown_part_is_refused():
    with pytest.raises(InvalidInput, match="did you mean blind"):
        dataclasses.replace(ThermoZooStudy(), parts=("blnd",))


@pytest.mark.stat
def test_a_cell_is_judged_by_the_target_of_its_own_data(key):
    """Steps of Euler at a long interval: the laws of the two generators differ by far more than the error."""
    record = PathRecord("beads", BeadSpring(2), 0.1, 300, 200, "euler")
    found = values_of(EstimateCell(record=record, method="gaussian"), key)
    assert found["target"] == pytest.approx(2.025, abs=1e-6)
    assert abs(found["z"]) < 4.5
    wrong = exact.target(BeadSpring(2), 0.1, estimator="plug_in")
    error = (found["entropy_production_rate"] - found["target"]) / found["z"]
    assert abs(found["entropy_production_rate"] - wrong) > 5 * error


@pytest.mark.stat
def test_states_and_sites_of_the_ratchet(key):
    whole = values_of(RatchetCell(height=3.0, method="plug_in", steps=300, n=40), key)
    assert whole["target"] == pytest.approx(0.398201, abs=1e-6)
    assert abs(whole["z"]) < 4.5


@pytest.mark.stat
def test_snapshots_tell_the_change_and_not_the_turning(key):
    found = values_of(SnapshotCell(w=2.0, n=2000), key)
    assert found["relative_error"] < 0.15
    # All that is dissipated, which includes 2 s w², is more than twice as much.
    assert found["not_seen"] > found["target"]


def test_a_record_on_disk_is_that_of_its_key(key, monkeypatch):
    """Groups of paths with keys of their own, in a file that is read and not held."""
    monkeypatch.setattr("noneq.studies.thermo_zoo.streamed._GROUP", 2**14)
    record = PathRecord("beads", BeadSpring(3), 0.01, 100, 200, "euler")
    paths = streamed(record, key)
    assert paths.values.shape == (200, 100, 3)
    assert not paths.values.flags.writeable
    assert len(np.unique(paths.values[:, 0, 0])) == 200
    spread = paths.values[:, ::50].std((0, 1))
    exact_spread = np.sqrt(np.diag(BeadSpring(3).stationary_covariance()))
    np.testing.assert_allclose(spread, exact_spread, rtol=0.25)


def rows():
    row = lambda case, method, metric, value, stderr=0.1: {
        "case": case, "method": method, "metric": metric, "value": value, "stderr": stderr,
        "floor": None, "seeds": 1,
    }  # fmt: skip
    made = [
        row(f"s{i}", method, metric, value)
        for i in range(4)
        for method in ("gaussian", "tur")
        for metric, value in (
            ("entropy_production_rate", 1.0 + i), ("target", 1.1 + i), ("z", 3.5 - i), ("seconds", 1.0),
        )
    ]  # fmt: skip
    made += [row("s0", "neep", "entropy_production_rate", 1.0), row("s0", "neep", "target", 1.1)]
    made += [row("s0", "neep", "relative_error", 0.1)]
    made += [row(f"coverage:{name}", "BAR", "coverage95", 0.95) for name in ("ou", "ramp")]
    for method, value in (("own", 9.0), ("blend 1", 6.0), ("lower bound", 4.0)):
        made.append(row("schedule:EDM", method, "entropy_production", value))
        if method != "lower bound":
            made.append(row("schedule:EDM", method, "w2", 0.2))
    made += [row("blind", "verdict", m, v) for m, v in BLIND.items()]
    return made


BLIND = {"false_alarms": 2.0, "alarms_tried": 200.0, "power_150": 0.97}


def test_pictures():
    rng = np.random.default_rng(0)
    panel = {
        "dissipated": np.geomspace(5, 1000, 50),
        "rejected": rng.random(50) > 0.3,
        "bound": np.zeros(50),
        "level": np.asarray(0.01),
    }
    made = figures(rows(), [Kept("blind", "verdict", 0, panel)])
    assert [p.title.split(":")[0].split(".")[0] for p in made] == [
        "Entropy production", "Are the errors true?", "Blind panel", "Coverage",
        "What generation dissipates",
    ]  # fmt: skip
    assert all(b"<svg" in p.data for p in made)
    assert figures([], []) == []


def test_the_page_counts_what_is_far(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "docs"))
    import thermo_zoo_pages  # pyright: ignore[reportMissingImports]

    text = thermo_zoo_pages.page({"rows": rows()}, tmp_path)
    assert "Of 8 z = (estimate − target)/error, 2 are beyond ±3" in text
    assert "2 false alarms in 200" in text
    assert "10.0% (1)" in text
    assert len(list(tmp_path.glob("*.svg"))) == 4
    sys.modules.pop("thermo_zoo_pages")


@pytest.mark.slow
def test_the_quick_study(tmp_path):
    """Every cell gives rows; with a fiftieth of the data the errors still hold."""
    from noneq.studies import run_study

    result = run_study(ThermoZooStudy(), tmp_path, quick=True)
    assert result.get("failed") is None
    z = np.asarray([row["value"] for row in result["rows"] if row["metric"] == "z"])
    assert len(z) > 60
    assert (np.abs(z) > 3).sum() <= 5
    assert all(np.isfinite(row["value"]) for row in result["rows"])

"""Kept results are what the committed code gives: one cheap cell of every study, computed anew."""

import json
import math
from importlib.metadata import version
from pathlib import Path

import pytest

from noneq.runs.rows import combine
from noneq.studies import studies, study_named
from noneq.studies.running import cell_key, machine


RESULTS = Path(__file__).parents[2] / "docs" / "results"
SENTINELS = {
    "bridges": ("mvou:d=5", "PlugInGaussian"),
    "control": ("control:breathing,tau=1", "noneq"),
    "dynamics": ("intervention:chain", "intervene"),
    "equilibrium_flow": ("lorenz", "PolynomialFlow"),
    "genphys": ("verdict:diffusion", "GenPhys"),
    "latent_cycle": ("bars:H=6", "MixtureEM"),
    "prinz": ("drive=4", "simulation"),
    "rare_events": ("double_well:beta=5", "direct"),
    "table_one": ("8gaussians", "optimal"),
    "thermo_zoo": ("ramp", "BAR"),
}
"""Case and method of one cheap cell of every study."""
PART = 0.1
"""Of a standard error that a number may differ by on another machine: the keys are the same, so
that all that differs is rounding."""
ROUNDING = 1e-6
"""Relative difference of a number on the same machine, whose libraries order sums by its load."""
CHAOTIC = ("lyapunov_max", "lyapunov_per_time")
"""Averages over paths that amplify rounding: they are compared by their errors, at most 4."""


def cells_of(name):
    case, method = SENTINELS[name]
    cells = [c for c in study_named(name).cells() if (c.case, c.method_name) == (case, method)]
    assert cells, f"{name} has no cells {case} {method}"
    return cells


def differences(new, kept, *, same_machine):
    """Metrics whose rows do not agree; clocks are not asked."""
    place = lambda row: (row["case"], row["method"], row["metric"])
    old = {place(row): row for row in kept}
    wrong = []
    for row in new:
        before = old.get(place(row))
        if row["metric"].endswith("seconds"):
            continue
        if before is None:
            wrong.append(row["metric"])
            continue
        error = math.hypot(row["stderr"], before["stderr"] or 0.0)
        size = abs(before["value"])
        allowed = ROUNDING * size if same_machine else PART * error + 1e-4 * size
        if row["metric"] in CHAOTIC:
            allowed = 4.0 * error
        if abs(row["value"] - before["value"]) > allowed:
            wrong.append(row["metric"])
    return wrong


def maker(record, cells):
    """Versions and machine of the rows of these cells."""
    names = {cell["hash"] for cell in cells}
    later = [part for part in record.get("refreshed", ()) if names & set(part["cells"])]
    made = later[-1] if later else record
    return made["versions"], made["machine"]


def test_every_study_has_a_sentinel_among_its_cells_and_its_kept_rows():
    assert SENTINELS.keys() == studies().keys()
    for name, (case, method) in SENTINELS.items():
        rows = json.loads((RESULTS / f"{name}.json").read_text())["rows"]
        assert any((row["case"], row["method"]) == (case, method) for row in rows), name
        assert cells_of(name)


def test_a_number_of_other_code_is_seen():
    row = {"case": "a", "method": "m", "metric": "k", "value": 4.1465, "stderr": 0.0231}
    new = row | {"value": 4.0873}
    assert differences([row], [row], same_machine=True) == []
    assert differences([new], [row], same_machine=False) == ["k"]
    near = row | {"value": row["value"] * (1 + 1e-5)}
    assert differences([near], [row], same_machine=False) == []
    assert differences([near], [row], same_machine=True) == ["k"]
    chaotic = row | {"metric": CHAOTIC[0]}
    assert differences([chaotic | {"value": 4.2}], [chaotic], same_machine=True) == []
    assert differences([chaotic | {"value": 4.3}], [chaotic], same_machine=True) == [CHAOTIC[0]]
    assert differences([row | {"metric": "other"}], [row], same_machine=False) == ["other"]
    assert differences([row | {"metric": "train_seconds"}], [row], same_machine=True) == []


@pytest.mark.slow
@pytest.mark.optimised
@pytest.mark.parametrize("name", SENTINELS)
def test_the_sentinel_gives_its_kept_rows(name):
    record = json.loads((RESULTS / f"{name}.json").read_text())
    case, method = SENTINELS[name]
    known = [c for c in record.get("cells", ()) if (c["case"], c["method"]) == (case, method)]
    versions, there = maker(record, known)
    same = there == machine() and all(version(p) == v for p, v in versions.items() if p != "python")
    new = combine([cell(cell_key(cell, 0)).rows for cell in cells_of(name)])
    assert differences(new, record["rows"], same_machine=same) == []

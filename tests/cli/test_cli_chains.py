"""`evaluate` and `report` of models with a chain of hidden states."""

import numpy as np
import pytest


RING = "stub_chains:Ring"


def rows_of(noneq, *settings):
    words = [word for setting in settings for word in ("--set", setting)]
    assert noneq("fit", RING, "snaps.npz", "--out", "run", *words).code == 0
    done = noneq("evaluate", "run", "snaps.npz", "--metrics", "energy_distance", "--json")
    assert done.code == 0, done.err
    return {row["metric"]: row for row in done.json["rows"]}, done.err


def test_rows_and_pictures(noneq, snapshots):
    rows, _ = rows_of(noneq)
    assert set(rows) == {"energy_distance", "entropy_production", "self_transition", "mixing_time"}
    assert rows["entropy_production"]["value"] == pytest.approx(0.2 * np.log(3), rel=1e-5)
    assert rows["self_transition"]["value"] == pytest.approx(0.6, rel=1e-6)
    assert rows["mixing_time"]["value"] == 2
    assert all(rows[name]["stderr"] == 0 for name in rows if name != "energy_distance")
    assert noneq("report", "run").code == 0
    with open("run/report.html", encoding="utf-8") as file:
        page = file.read()
    for heading in ("Currents between hidden states", "The dominant loop", "Relaxation spectrum"):
        assert heading in page


def test_one_way_traffic_has_no_row_but_a_warning(noneq, snapshots):
    rows, said = rows_of(noneq, "backward=0.0")
    assert set(rows) == {"energy_distance", "self_transition", "mixing_time"}
    assert "entropy_production" in said
    assert noneq("report", "run").code == 0


def test_reducible_chains_are_named(noneq, snapshots):
    rows, said = rows_of(noneq, "forward=0.0", "backward=0.0")
    assert set(rows) == {"energy_distance"}
    assert "{0} and {1} and {2}" in said
    assert noneq("report", "run").code == 0
    with open("run/report.html", encoding="utf-8") as file:
        page = file.read()
    assert "No chain pictures" in page


def test_other_models_have_no_such_rows(noneq, snapshots):
    assert noneq("fit", "stub_methods:Stub", "snaps.npz", "--out", "run").code == 0
    done = noneq("evaluate", "run", "snaps.npz", "--json")
    assert "entropy_production" not in done.out

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest

from browser import BROWSER, browse
from noneq.data import Snapshots
from noneq.errors import InvalidInput, WrongType
from noneq.methods import OracleBoltzmann
from noneq.spec import from_toml, to_toml
from noneq.studies import PrinzStudy, studies, study_named
from noneq.studies.ensembles import Recording
from noneq.studies.prinz.cells import (
    LearnerCell,
    Scoring,
    TruthCell,
    as_independent_paths,
    cloud_frames,
)
from noneq.systems import Linear, Prinz


SMALL = Recording(Prinz(drive=20.0), n=200, until=1.6, interval=0.02)
COARSE = Scoring(frames=8, fine_n=400, fine_frames=3, starts=3, clouds=5, cloud_n=20, steady=0.5)


def cells_of(study, quick=False):
    return [(c.case, c.method_name, c.replicate) for c in study.cells(quick)]


def test_found_by_name():
    assert study_named("prinz") == PrinzStudy()
    assert studies()["prinz"] is PrinzStudy
    with pytest.raises(InvalidInput, match="did you mean prinz"):
        study_named("print")


def test_the_full_plan():
    cells = cells_of(PrinzStudy())
    for drive, seeds in ((1, 3), (4, 1), (10, 3), (20, 3), (40, 1)):
        for method in (
            "simulation",
            "ScoreMatching",
            "OracleBoltzmann",
            "BoltzmannField",
            "FlowMatching",
        ):
            assert sum(c[:2] == (f"drive={drive}", method) for c in cells) == seeds
    assert [c for c in cells if c[1] == "Transition"] == [
        ("drive=1", "Transition", 0),
        ("drive=20", "Transition", 0),
    ]
    assert {c[0] for c in cells_of(PrinzStudy(), quick=True)} == {"drive=1", "drive=20"}
    # The source's settings.
    recording = PrinzStudy().recording
    assert (2 * recording.n, recording.until, recording.interval) == (2000, 20.0, 0.02)
    assert recording.times.size == 1001
    assert recording.interval / Prinz().time_step >= 20


def test_settings_survive_a_file():
    study = PrinzStudy().reduced()
    assert from_toml(to_toml(study)) == study


def test_times_that_are_scored():
    study = PrinzStudy()
    scoring, recording = study.scoring, study.recording
    assert scoring.early(recording) == pytest.approx(np.arange(1, 11) * 0.02)
    late = scoring.late(recording, 100)
    assert late.size == 100
    assert late.min() > 0.2
    assert late.max() == pytest.approx(20.0)
    pairs = scoring.pairs(recording).reshape(-1, 2)
    assert len(pairs) == 20
    assert np.diff(pairs, axis=1) == pytest.approx(0.1)
    assert pairs.min() > 0.2
    assert recording.times[cloud_frames(recording, scoring)][[0, -1]] == pytest.approx([0, 20])


def test_ensembles_are_independent_and_drawn_once(key):
    data = SMALL.draw(key)
    assert SMALL.draw(key) is data
    assert {part.values.shape for part in (data.train, data.test, data.truth)} == {(200, 81, 2)}
    starts = np.concatenate([part.values[:, 0] for part in (data.train, data.test, data.truth)])
    assert len(np.unique(starts, axis=0)) == 600
    one, other = SMALL.frames(50, (0.4, 0.8), key)
    assert one.times == pytest.approx([0.4, 0.8])
    assert not np.isin(one.values, other.values).any()
    with pytest.raises(InvalidInput, match="interval"):
        Recording(Prinz(), until=0.01)


def test_the_truth_cell_knows_the_entropy_production(key):
    outcome = TruthCell(recording=SMALL, scoring=COARSE, replicate=0)(key)
    measured, exact = outcome.rows
    assert (measured.method, exact.method) == ("simulation", "exact")
    # |z| < 5: false alarm 6e-7; half or twice the rate (σ² against 2D) must not pass.
    z = lambda value: abs(measured.value - value) / measured.stderr
    assert exact.value == pytest.approx(103.1, rel=2e-3)
    assert z(exact.value) < 5
    assert z(exact.value / 2) > 5
    assert z(exact.value * 2) > 5
    assert outcome.arrays["potential"].shape == (128, 128)
    assert outcome.arrays["cloud"].shape == (5, 20, 2)
    other = dataclasses.replace(SMALL, system=Linear())
    with pytest.raises(WrongType, match="Prinz"):
        TruthCell(recording=other, scoring=COARSE, replicate=0)(key)


@pytest.mark.slow
def test_a_learner_cell_gives_all_rows(key):
    method = OracleBoltzmann(SMALL.system)
    cell = LearnerCell(
        recording=SMALL, scoring=COARSE, method=method, replicate=0, transitions=True
    )
    outcome = cell(key)
    rows = {row.metric: row for row in outcome.rows}
    assert list(rows) == [
        "jensen_shannon_transient",
        "jensen_shannon",
        "jensen_shannon_excess",
        "transition_jensen_shannon",
    ]
    # At drive 20 the Boltzmann law is wrong: its divergence lies .11 above the floor (.165 against
    # .05), with many samples as with few.
    late, excess = rows["jensen_shannon"], rows["jensen_shannon_excess"]
    assert late.floor is not None
    assert abs(late.value - late.floor - 0.11) < 0.05
    assert abs(excess.value - 0.11) < 0.04
    assert 0 < excess.stderr < 0.02
    # Independent frames lose the wells that particles keep.
    assert rows["transition_jensen_shannon"].value > 0.3
    assert outcome.arrays["energy"].shape == (128, 128)
    assert outcome.arrays["score"].shape == (24, 24, 2)
    assert set(outcome.arrays["times"]) == {*COARSE.early(SMALL), *COARSE.late(SMALL, 8)}
    again = cell(key)
    assert [r.value for r in again.rows] == [r.value for r in outcome.rows]
    second = dataclasses.replace(cell, replicate=1)(key)
    assert "cloud" not in second.arrays


def test_independent_paths_keep_the_marginals(rng):
    frames = [rng.random((5, 2)) for _ in range(3)]
    paths = as_independent_paths(Snapshots.from_frames(frames, [0.0, 1.0, 2.0]))
    assert paths.values.shape == (5, 3, 2)
    assert np.sort(paths.at(1.0), axis=0) == pytest.approx(np.sort(frames[1], axis=0))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_demo_ranks_score_matching_above_the_oracle(tmp_path):
    """The quick study as a newcomer runs it; about two minutes on two idle cores."""
    command = [sys.executable, "-m", "noneq", "demo", "-o", str(tmp_path / "demo"), "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1100)
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "demo" / "metrics.json").read_text())
    assert "failed" not in result
    rows = {(r["case"], r["method"], r["metric"]): r for r in result["rows"]}
    late = {m: rows["drive=20", m, "jensen_shannon"] for m in ("ScoreMatching", "OracleBoltzmann")}
    assert late["OracleBoltzmann"]["value"] > 1.8 * late["ScoreMatching"]["value"]
    # The transition model knows motion, which independent frames do not.
    moves = "transition_jensen_shannon"
    unpaired, paired = (
        rows["drive=20", m, moves]["value"] for m in ("ScoreMatching", "Transition")
    )
    assert paired < 0.5 * unpaired
    page = tmp_path / "demo" / "report.html"
    assert str(page) in done.stdout
    assert page.read_text().count("<figure") == 7
    if BROWSER is not None:
        dom, console = browse(tmp_path, page, fragment="#t=1.5")
        assert console == []
        assert dom.count('data-time="1.5"') == 2

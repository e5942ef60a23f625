"""LatentCycle from the command line: fit, sample, evaluate, report, and what it refuses."""

import numpy as np
import pytest

from noneq.systems import BarsAndStripes


QUICK = ["--set", "hidden=14", "--set", "training.steps=150", "--quiet"]


@pytest.fixture
def bars(tmp_path):
    np.savez(tmp_path / "bars.npz", values=BarsAndStripes(3).patterns())
    return "bars.npz"


@pytest.mark.slow
def test_the_verbs_in_turn(noneq, bars):
    words = ["--set", "gradient=TwoStepGradient", "--set", "fantasies=Persistent"]
    more = ["--set", "fantasies.chains=50"]
    assert noneq("fit", "LatentCycle", bars, "-o", "run", *QUICK, *words, *more).code == 0
    scored = noneq("evaluate", "run", bars, "--metrics", "nll", "--json")
    assert scored.code == 0
    rows = {row["metric"]: row["value"] for row in scored.json["rows"]}
    assert np.log(14) < rows["nll"] < 6
    assert rows["entropy_production"] > 0
    assert 0 < rows["self_transition"] < 1
    assert noneq("sample", "run", "--n", "20", "-o", "drawn.npz").code == 0
    with np.load("drawn.npz") as drawn:
        assert any(set(np.unique(drawn[name])) == {0.0, 1.0} for name in drawn.files)
    assert noneq("report", "run").code == 0


def test_refusals_are_one_line(noneq, bars):
    grey = np.random.default_rng(0).uniform(0, 16, (30, 9)).round()
    np.savez("grey.npz", values=grey)
    noneq("fit", "LatentCycle", "grey.npz", "-o", "a", "--quiet").refuses(2, "binarise")
    none = noneq("fit", "LatentCycle", bars, "-o", "b", "--quiet", "--set", "hidden=0")
    none.refuses(2, "hidden = 0")

"""Planted faults are found by the test module that is named for them."""

import json

import pytest

import mutants
from faults import FAULTS, Fault
from mutants import planted, tried


def test_every_fault_is_one_line_of_a_file_and_has_a_module():
    assert len(FAULTS) >= 20
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    for fault in FAULTS:
        text = (mutants.ROOT / "src" / "noneq" / fault.file).read_text()
        assert text.count(fault.line) == 1, fault
        assert "\n" not in fault.line + fault.wrong
        assert (mutants.ROOT / "tests" / fault.module).exists(), fault
    assert len({fault.file.split("/")[0] for fault in FAULTS}) >= 8


def test_a_line_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ValueError, match="0 times"):
        planted(Fault("none", "estimate.py", "no such line", "", ""), tmp_path)


def test_kept_rows_are_of_these_faults():
    kept = json.loads((mutants.ROOT / "docs" / "results" / "mutants.json").read_text())
    assert [row["case"] for row in kept["rows"]] == [fault.name for fault in FAULTS]
    caught = sum(row["value"] for row in kept["rows"])
    assert caught >= len(FAULTS) - 1


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_planted_fault_is_found(fault):
    outcome = tried(fault, fault.module, fault.only)
    assert outcome.caught, outcome.said


@pytest.mark.slow
@pytest.mark.parametrize("module", sorted({fault.module for fault in FAULTS}))
def test_nothing_is_found_where_nothing_is_planted(module):
    """The broken twin of the test above: a copy without a fault passes the same tests."""
    each = [fault.only for fault in FAULTS if fault.module == module]
    only = "" if "" in each else " or ".join(each)
    outcome = tried(None, module, only, seconds=600)
    assert not outcome.caught, outcome.said
    assert "passed" in outcome.said

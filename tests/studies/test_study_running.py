import json
import signal
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from stub_study import CoinCell, CoinStudy

from noneq.errors import DataFileError, Interrupted, InvalidInput
from noneq.runs import Row, combine
from noneq.store import lock
from noneq.studies import provenance, run_study
from noneq.studies.provenance import code_of, commit, hash_of, spec_of
from noneq.studies.running import cell_key, read_cells


def test_results_have_the_agreed_form(tmp_path):
    seen = []
    result = run_study(CoinStudy(), tmp_path, progress=lambda *step: seen.append(step))
    assert result == json.loads((tmp_path / "metrics.json").read_text())
    assert list(result) == ["study", "command", "versions", "machine", "rows", "cells"]
    assert result["study"] == "coins"
    assert result["command"] == f"noneq study coins -o {tmp_path}"
    assert [list(row) for row in result["rows"]] == [
        ["case", "method", "metric", "value", "stderr", "floor", "seeds", "cells"]
    ] * 2
    assert [row["case"] for row in result["rows"]] == ["bias=0.2", "bias=0.5"]
    assert all(row["seeds"] == 3 and row["floor"] is None for row in result["rows"])
    # 1,200 tosses: |z| < 5 has false-alarm rate 6e-7; half the bias must not pass.
    z = [
        (row["value"] - p) / row["stderr"]
        for row, p in zip(result["rows"], (0.2, 0.5), strict=True)
    ]
    assert np.abs(z).max() < 5
    assert abs(result["rows"][1]["value"] - 0.25) / result["rows"][1]["stderr"] > 5
    assert [s[0] for s in seen] == list(range(7))
    assert all(s[1] == 6 for s in seen)
    assert "n = 400" in (tmp_path / "spec.toml").read_text()


def test_quick_and_seed_are_in_the_command_and_change_the_numbers(tmp_path):
    first = run_study(CoinStudy(), tmp_path / "a", quick=True)
    other = run_study(CoinStudy(), tmp_path / "b", quick=True, seed=1)
    assert other["command"].endswith("--quick --seed 1")
    assert first["rows"][0]["seeds"] == 1
    assert first["rows"] != other["rows"]
    assert "n = 50" in (tmp_path / "a" / "spec.toml").read_text()


def test_a_second_run_computes_nothing_and_gives_the_same_bytes(tmp_path):
    log = tmp_path / "log"
    study = CoinStudy(log=str(log))
    run_study(study, tmp_path / "run")
    first = (tmp_path / "run" / "metrics.json").read_bytes()
    calls = log.read_text()
    assert calls.count("\n") == 6
    run_study(study, tmp_path / "run")
    assert log.read_text() == calls
    assert (tmp_path / "run" / "metrics.json").read_bytes() == first
    run_study(study, tmp_path / "run", seed=5)
    assert log.read_text().count("\n") == 12


def test_rows_name_their_cells_and_these_their_code(tmp_path):
    result = run_study(CoinStudy(), tmp_path)
    study, names = CoinStudy(), [cell["hash"] for cell in result["cells"]]
    assert names == [hash_of(spec_of(cell, 0)) for cell in study.cells()]
    assert [row["cells"] for row in result["rows"]] == [names[:3], names[3:]]
    assert {cell["code"] for cell in result["cells"]} == {code_of(CoinCell)}
    assert {cell["commit"] for cell in result["cells"]} == {commit()}


def test_numbers_of_other_code_are_not_taken(tmp_path, monkeypatch):
    log = tmp_path / "log"
    run_study(CoinStudy(log=str(log)), tmp_path / "run")
    monkeypatch.setattr(provenance, "code_of", lambda cell: "changed")
    run_study(CoinStudy(log=str(log)), tmp_path / "run")
    assert log.read_text().count("\n") == 12


def test_some_cells_alone(tmp_path):
    only = run_study(CoinStudy(), tmp_path / "a", only=lambda cell: cell.bias == 0.5)
    assert only["rows"] == run_study(CoinStudy(), tmp_path / "b")["rows"][1:]


def test_a_damaged_cell_is_run_again(tmp_path):
    log = tmp_path / "log"
    study = CoinStudy(log=str(log))
    before = run_study(study, tmp_path / "run")["rows"]
    records = sorted((tmp_path / "run" / "cells").glob("*.json"))
    records[0].write_text(records[0].read_text()[:40])
    records[1].with_suffix(".npz").unlink()
    assert run_study(study, tmp_path / "run")["rows"] == before
    assert log.read_text().count("\n") == 8


@pytest.mark.kill
def test_a_killed_run_goes_on_where_it_stopped(tmp_path):
    log = tmp_path / "log"
    program = f"""
import sys, time
sys.path.insert(0, {str(Path(__file__).parent)!r})
from stub_study import CoinStudy
from noneq.studies import run_study
def slow(done, count, text):
    if done == 3:
        print("here", flush=True)
        time.sleep(60)
run_study(CoinStudy(log={str(log)!r}), {str(tmp_path / "run")!r}, progress=slow)
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "here\n"
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=20)
    assert log.read_text().count("\n") == 3
    assert not (tmp_path / "run" / "metrics.json").exists()
    killed = run_study(CoinStudy(log=str(log)), tmp_path / "run")
    whole = run_study(CoinStudy(), tmp_path / "whole")
    assert log.read_text().count("\n") == 6
    numbers = lambda result: [row | {"cells": 0} for row in result["rows"]]  # the log has a path
    assert numbers(killed) == numbers(whole)


def test_a_failed_cell_is_recorded_and_the_others_count(tmp_path):
    result = run_study(CoinStudy(broken=0.2), tmp_path)
    assert [row["case"] for row in result["rows"]] == ["bias=0.5"]
    assert [cell["error"] for cell in result["failed"]] == ["ValueError: the coin"] * 3
    assert result["failed"][0]["case"] == "bias=0.2"
    # Not kept: the next run tries again.
    assert len(read_cells(tmp_path)) == 3
    assert "failed" not in run_study(CoinStudy(), tmp_path)


def test_an_interruption_is_not_a_failed_cell(tmp_path, monkeypatch):
    def stopped(self, key):
        raise Interrupted("stopped", signal=2)

    monkeypatch.setattr(CoinCell, "__call__", stopped)
    with pytest.raises(Interrupted):
        run_study(CoinStudy(), tmp_path)
    assert not (tmp_path / "metrics.json").exists()


def test_a_folder_in_use_is_refused(tmp_path):
    with lock(tmp_path), pytest.raises(InvalidInput, match="in use"):
        run_study(CoinStudy(), tmp_path)


def test_cells_come_back_with_their_arrays(tmp_path):
    run_study(CoinStudy(), tmp_path)
    cells = read_cells(tmp_path)
    assert [(c.case, c.method, c.replicate) for c in cells][:3] == [
        ("bias=0.2", "Toss", i) for i in range(3)
    ]
    assert cells[0].arrays["tosses"].shape == (400,)
    next((tmp_path / "cells").glob("*.npz")).write_bytes(b"PK\x03\x04 no zip")
    with pytest.raises(DataFileError):
        read_cells(tmp_path)
    with pytest.raises(DataFileError, match="run the study again"):
        read_cells(tmp_path / "nowhere")


def test_methods_share_a_key_and_cases_and_seeds_do_not():
    same = jax.random.key_data(cell_key(CoinCell(0.2, 1, 0), 3))
    assert (same == jax.random.key_data(cell_key(CoinCell(0.2, 99, 0), 3))).all()
    for cell, seed in (
        (CoinCell(0.3, 1, 0), 3),
        (CoinCell(0.2, 1, 1), 3),
        (CoinCell(0.2, 1, 0), 4),
    ):
        assert (same != jax.random.key_data(cell_key(cell, seed))).any()


def test_rows_are_averaged_over_seeds():
    rows = [(Row("c", "m", "k", v, 0.1, f),) for v, f in ((1.0, 0.2), (3.0, 0.4))]
    [row] = combine(rows)
    # s² = 2 beats w² = 0.01: √(2/2).
    assert row == {
        "case": "c",
        "method": "m",
        "metric": "k",
        "value": 2.0,
        "stderr": pytest.approx(1.0),
        "floor": pytest.approx(0.3),
        "seeds": 2,
    }
    # Equal values: the error within remains, √(0.01/2).
    [row] = combine([(Row("c", "m", "k", 1.0, 0.1),)] * 2)
    assert row["stderr"] == pytest.approx(0.1 / np.sqrt(2))
    assert row["floor"] is None


def test_cells_that_unpack_to_more_than_they_say_are_refused(tmp_path):
    run_study(CoinStudy(), tmp_path, quick=True)
    path = next((tmp_path / "cells").glob("*.npz"))
    np.savez_compressed(path, x=np.zeros(2_000_000))
    packed, size = path.read_bytes(), (16_000_128).to_bytes(4, "little")
    assert size in packed
    path.write_bytes(packed.replace(size, (152).to_bytes(4, "little")))
    with pytest.raises(DataFileError, match="refused as unsafe"):
        read_cells(tmp_path)

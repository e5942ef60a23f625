"""The main job through the command line, with a method that needs no training."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from conftest import STUB
from noneq import load, store
from noneq.data import Trajectories, read


def test_help_imports_no_array_library():
    code = (
        "import sys; from noneq.cli import run; run(['--help']);"
        "sys.exit(any(name in sys.modules for name in ('jax', 'numpy', 'equinox')))"
    )
    done = subprocess.run([sys.executable, "-c", code], timeout=60, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert b"inspect" in done.stdout


def test_simulate_inspect(noneq):
    words = ["--n", "30", "--times", "0:1:5", "--json"]
    done = noneq("simulate", "DrivenRing", "-o", "x.nc", *words)
    assert done.code == 0, done.err
    data = read("x.nc")
    assert isinstance(data, Trajectories)
    assert (data.n, data.times.tolist()) == (30, [0, 0.25, 0.5, 0.75, 1])
    assert done.json["fingerprint"] == store.fingerprint(data)
    again = noneq("simulate", "DrivenRing", "-o", "y.nc", *words)
    other = noneq(
        *[
            "simulate",
            "DrivenRing",
            "-o",
            "z.nc",
            "--n",
            "30",
            "--times",
            "0:1:5",
            "--json",
            "--seed",
            "1",
        ]
    )
    assert again.json["fingerprint"] == done.json["fingerprint"] != other.json["fingerprint"]
    seen = noneq("inspect", "x.nc", "--picture", "x.png")
    assert seen.code == 0
    assert seen.out.splitlines()[-1].startswith("next: noneq fit")
    assert Path("x.png").read_bytes().startswith(b"\x89PNG")
    assert noneq("inspect", "x.nc", "--json").json["n"] == 30


def test_fit_sample_evaluate_report_cite(noneq, snapshots):
    done = noneq("fit", STUB, snapshots, "-o", "run", "--set", "nested.width=5", "--json")
    assert done.code == 0, done.err
    assert done.json["loss"] == 0.25
    assert "Stub 1/1 loss 0.25" in done.err
    fit = load("run")
    assert fit.method.nested.width == 5
    assert fit.meta["seed"] == 0
    assert fit.meta["data"]["fingerprint"] == store.fingerprint(read(snapshots))
    assert not os.path.exists("run/checkpoint")
    assert not os.path.exists("run/.lock")

    assert noneq("sample", "run", "-o", "s.npz", "--n", "20").code == 0
    assert read("s.npz").counts.tolist() == [20, 20, 20]
    assert noneq("sample", "run", "-o", "t.npz", "--n", "20", "--times", "0,2.5").code == 0
    assert read("t.npz").times.tolist() == [0, 2.5]

    names = "jensen_shannon,w2,nll"
    scored = noneq("evaluate", "run", snapshots, "--metrics", names, "--n", "60", "--json")
    assert scored.code == 0, scored.err
    assert "was fitted to these data" in scored.err
    rows = {row["metric"]: row for row in scored.json["rows"]}
    assert set(rows) == set(names.split(","))
    assert {"case", "method", "value", "stderr", "floor", "seeds"} < set(rows["w2"])
    assert rows["w2"]["case"] == "snaps"
    # The mean entropy of Gaussians of width 1, 2, 3 in two dimensions, in nats.
    entropy = 2 * (0.5 + 0.5 * np.log(2 * np.pi) + np.log([1, 2, 3]).mean())
    assert abs(rows["nll"]["value"] - entropy) < 5 * rows["nll"]["stderr"]
    assert 0 < rows["jensen_shannon"]["value"] < 2 * rows["jensen_shannon"]["floor"]
    assert json.loads(Path("run/metrics.json").read_bytes()) == scored.json["rows"]
    wide = noneq("fit", STUB, snapshots, "-o", "wide", "--set", "widen=4", "--quiet")
    assert (wide.code, wide.err) == (0, "")
    broad = noneq("evaluate", "wide", snapshots, "--metrics", "w2", "--n", "60", "--json")
    assert broad.json["rows"][0]["value"] > 2 * rows["w2"]["value"], "a wrong model must show"

    assert noneq("report", "run").code == 0
    assert "w2" in Path("run/report.html").read_text()
    assert "@" in noneq("cite", "ScoreMatching").out


def test_the_same_command_gives_the_same_bytes(noneq, snapshots):
    for name in ("a", "b"):
        assert noneq("fit", STUB, snapshots, "-o", name, "--seed", 3).code == 0
        assert noneq("sample", name, "-o", f"{name}.npz", "--n", "9").code == 0
    assert Path("a/model.safetensors").read_bytes() == Path("b/model.safetensors").read_bytes()
    # The files say of which run they are.
    first, second = (read(f"{name}.npz") for name in ("a", "b"))
    assert (first.drawn_from, second.drawn_from) == ("a", "b")
    assert first.values.tobytes() == second.values.tobytes()


def test_resume(noneq, snapshots, paths):
    stopped = noneq("fit", STUB, snapshots, "-o", "run", "--set", "interrupt=true")
    stopped.refuses(143, "--resume")
    noneq("fit", STUB, snapshots, "-o", "run", "--set", "interrupt=true").refuses(2, "--resume")
    noneq("fit", STUB, snapshots, "-o", "run", "--resume").refuses(
        2, "other method or settings (interrupt = true, asked for is false)"
    )
    os.rename("run/checkpoint/fit.json", "note")
    assert noneq("fit", STUB, snapshots, "-o", "run", "--resume").code == 0
    before = Path("run/meta.json").read_bytes()
    noneq("fit", STUB, snapshots, "-o", "run").refuses(2, "a finished fit", "--resume")
    noneq("fit", STUB, snapshots, "-o", "run", "--resume", "--seed", "1").refuses(2, "other seed")
    noneq("fit", STUB, paths, "-o", "run", "--resume").refuses(2, "other data")
    again = noneq("fit", STUB, snapshots, "-o", "run", "--resume", "--json")
    assert (again.code, again.json["loss"]) == (0, 0.25)
    assert Path("run/meta.json").read_bytes() == before


def test_an_ensemble_over_seeds_gives_the_error_bar(noneq, snapshots):
    done = noneq("fit", STUB, snapshots, "-o", "run", "--seeds", "3", "--json")
    assert done.code == 0, done.err
    assert done.json["seeds"] == 3
    extra = [np.asarray(load(f"run/seed_{i}").model.extra) for i in range(3)]
    assert not np.allclose(extra[0], extra[1])
    noneq("fit", STUB, snapshots, "-o", "one", "--seed", "2")
    assert (np.asarray(load("one").model.extra) == extra[2]).all()
    rows = noneq("evaluate", "run", snapshots, "--metrics", "w2", "--json").json["rows"]
    assert rows[0]["seeds"] == 3
    assert noneq("sample", "run", "-o", "s.npz", "--n", "10").code == 0
    assert read("s.npz").counts.tolist() == [10, 10, 10]


def test_comparisons_and_ensembles_have_a_page_of_their_own(noneq, snapshots):
    words = ["--metrics", "w2", "--n", "60", "--quiet"]
    assert (
        noneq("compare", snapshots, "--methods", f"{STUB},{STUB}", "-o", "both", *words).code == 0
    )
    assert noneq("fit", STUB, snapshots, "-o", "many", "--seeds", "2").code == 0
    assert noneq("evaluate", "many", snapshots, *words).code == 0
    for folder, runs in {"both": ["Stub", "Stub_2"], "many": ["seed_0", "seed_1"]}.items():
        pages = noneq("report", folder, "--json").json["reports"]
        assert pages == [f"{folder}/report.html", *(f"{folder}/{r}/report.html" for r in runs)]
        page = Path(folder, "report.html").read_text()
        assert "<b>w2</b>" in page
        assert all(f"<h3>{run}</h3>" in page for run in runs)


def test_compare_splits_or_holds_times_out(noneq, snapshots):
    words = ["compare", snapshots, "--methods", f"{STUB},{STUB}", "--metrics", "w2,sliced_w2"]
    done = noneq(*words, "--json", "--quiet")
    assert done.code == 0, done.err
    rows = done.json["rows"]
    assert {(r["method"], r["metric"]) for r in rows} == {
        (m, k) for m in ("Stub", "Stub_2") for k in ("w2", "sliced_w2")
    }
    assert all(row["floor"] is not None for row in rows)
    assert json.loads(Path("compare_snaps/metrics.json").read_bytes()) == rows
    kept = load("compare_snaps/Stub").summary.counts
    assert kept == (48, 48, 48), "four fifths of 60"
    assert noneq(*words, "--json", "--quiet").json["rows"] == rows, "resumed, the same"
    held = noneq(*words, "--hold-out", "1", "-o", "held", "--json", "--quiet")
    assert held.json["rows"][0]["case"] == "snaps t=1"
    assert load("held/Stub").summary.times == (0.0, 2.5)
    noneq(*words, "--hold-out", "1.7", "-o", "no").refuses(2, "no data at time 1.7")
    assert not os.path.exists("no")


def test_dry_run_writes_nothing(noneq, snapshots):
    done = noneq("fit", STUB, snapshots, "-o", "run", "--dry-run", "--json")
    assert done.code == 0, done.err
    assert done.json["parameters"] == 3 + 3 * 2 * 2 + 3
    assert not os.path.exists("run")


def test_dry_run_times_real_steps(noneq, snapshots):
    words = "--set training.steps=15 --set net.width=8 --set net.depth=1 --dry-run --json"
    done = noneq("fit", "ScoreMatching", snapshots, "-o", "run", *words.split())
    assert done.code == 0, done.err
    assert done.json["steps"] == 15
    assert 0 < done.json["seconds"] < 600
    assert done.json["memory_megabytes"] > 50
    assert not os.path.exists("run")


@pytest.mark.slow
def test_dry_run_counts_the_score_that_comes_first(noneq, snapshots):
    words = "--set training.steps=6 --set score.training.steps=5 --set net.width=8 "
    words += "--set net.depth=1 --set score.net=MLP --set score.net.width=8 --json"
    done = noneq("fit", "EquilibriumFlow", snapshots, "-o", "run", "--dry-run", *words.split())
    assert done.code == 0, done.err
    assert done.json["steps"] == 11


def test_a_system_of_another_name_is_near_one(noneq, snapshots):
    fit = ("fit", "EquilibriumFlow", snapshots, "-o", "run", "--with", "known=Lorentz")
    noneq(*fit).refuses(2, "did you mean Lorenz")


def test_a_further_input_goes_to_the_method(noneq, snapshots):
    assert noneq("fit", STUB, snapshots, "-o", "first").code == 0
    assert noneq("fit", STUB, snapshots, "-o", "b", "--with", "shift=first").code == 0
    noneq("fit", STUB, snapshots, "-o", "c", "--with", "shfit=first").refuses(2, "shift")


KINDS = [
    "methods",
    "systems",
    "metrics",
    "studies",
    "processes",
    "nets",
    "samplers",
    "domains",
    "pdes",
]


@pytest.mark.parametrize("kind", KINDS)
def test_list(noneq, kind):
    entries = noneq("list", kind, "--json").json[kind]
    assert entries
    assert all(entry["name"] and entry["what"] for entry in entries)
    assert entries[0]["name"] in noneq("list", kind).out


def test_domains_are_domains(noneq):
    entries = noneq("list", "domains", "--json").json["domains"]
    names = ["Box", "Discrete", "Free", "Product", "Region", "Torus"]
    assert [entry["name"] for entry in entries] == names


def test_every_source_is_in_the_bibliography(noneq):
    names = [entry["name"] for entry in noneq("list", "methods", "--json").json["methods"]]
    names += [entry["name"] for entry in noneq("list", "studies", "--json").json["studies"]]
    for name in names:
        done = noneq("cite", name)
        assert done.code == 0
        assert done.out.startswith("@"), name


def test_brackets_in_descriptions_are_shown(noneq):
    assert "[low, high]" in noneq("list", "domains").out


def test_convert_keeps_what_the_file_says(noneq, snapshots):
    assert noneq("convert", snapshots, "b.csv", "--record").code == 0
    assert noneq("convert", "b.csv", "c.nc", "--json").json["kind"] == "snapshots"
    first, last = read(snapshots), read("c.nc")
    assert np.array_equal(first.values, last.values)
    assert np.array_equal(first.times, last.times)
    noneq("convert", "b.csv", "c.nc").refuses(2, "exists", "--force")
    noneq("convert", "b.csv", "b.csv", "--force").refuses(2, "is the file itself")
    noneq("convert", "b.csv", "c.mat").refuses(2, "read only")
    assert noneq("convert", "b.csv", "c.nc", "--force").code == 0


def test_sweep_refusals(noneq, snapshots):
    noneq("sweep", "ScoreMatching", snapshots, "--set", "net.width").refuses(2, "NAME=VALUE")
    noneq("sweep", "ScoreMatching", snapshots, "--set", "net.wide=1,2").refuses(2, "width")
    noneq("sweep", "ScoreMatching", snapshots, "--set", "net.width=16,").refuses(2, "empty")
    noneq("sweep", "ScoreMatching", snapshots, "--workers", "0").refuses(2, "workers")
    words = ("sweep", "ScoreMatching", snapshots, "--set", "net.width=8,16", "-o", "s", "--quiet")
    has_dask = find_spec("distributed") is not None
    said = "expected tcp://HOST:PORT" if has_dask else "pip install 'noneq[cluster]'"
    noneq(*words, "--scheduler", "nowhere").refuses(2, said)
    with store.lock("s"):
        noneq(*words).refuses(2, "is in use by process", "choose another folder")

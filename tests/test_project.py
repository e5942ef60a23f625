"""The project's shell: what README promises exists, versions agree, results obey their form."""

import ast
import importlib
import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import noneq
from noneq.studies import PrinzStudy, Scoring
from noneq.studies.provenance import hash_of, spec_of


ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
RESULTS = sorted((DOCS / "results").glob("*.json"))
GOOD_ROW = {
    "case": "drive=1",
    "method": "ScoreMatching",
    "metric": "jensen_shannon",
    "value": 0.0512,
    "stderr": 0.0004,
    "floor": 0.0466,
    "seeds": 3,
}


@pytest.fixture(scope="module")
def generator():
    """The modules that write tables and pictures, which live beside the documentation."""
    sys.path.insert(0, str(DOCS))
    try:
        import generate
        import keep
        import refresh
        import results_pages

        modules = {"keep": keep, "refresh": refresh, "generate": generate}
        yield modules | {"pages": results_pages}
    finally:
        sys.path.remove(str(DOCS))


def record(rows: list[dict], command: str = "noneq study prinz -o runs/prinz") -> dict:
    machine = {"processor": "one", "cores": 2, "system": "any"}
    versions = {"noneq": noneq.__version__}
    fixed = {"study": "prinz", "command": command, "versions": versions, "machine": machine}
    return fixed | {"rows": rows}


def written(path: Path, content: dict) -> Path:
    path.write_text(json.dumps(content))
    return path


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("file", ["README.md", "CONTRIBUTING.md", "docs/quickstart.md"])
def test_make_commands_that_the_texts_name_exist(file):
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", (ROOT / file).read_text(), re.MULTILINE))
    assert named
    assert named <= targets()


def test_ci_runs_the_test_command_of_the_readme():
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert "set -euo pipefail" in lines
    assert lines[-1] == "make test"
    assert "make test" in (ROOT / "README.md").read_text()


def test_versions_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = re.search(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert citation is not None
    assert project["version"] == citation[1] == noneq.__version__
    assert f"## {noneq.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_links_of_the_texts_lead_to_files():
    texts = [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *DOCS.glob("*.md"),
        *DOCS.glob("tutorials/*.md"),
    ]
    for text in texts:
        for link in re.findall(r"\]\((?!http|#)([^)#]+)", text.read_text()):
            if not link.startswith(("generated/", "../generated/")):
                assert (text.parent / link).exists(), f"{text.name} links to {link}"


def test_every_promise_names_tests_that_exist():
    lines = (DOCS / "reliability.md").read_text().splitlines()
    rows = [line.split("|") for line in lines if line.startswith("| ")][1:]
    assert len(rows) >= 13
    for _, promise, _, where, _ in rows:
        names = re.findall("`([^`]+)`", where)
        assert names, promise
        for name in names:
            there = ROOT / "tests" / name
            assert there.is_dir() or there.with_suffix(".py").exists(), name


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.name)
def test_kept_results_have_the_documented_form(path, generator):
    kept = generator["pages"].read(path)
    assert kept["study"] == path.stem
    assert kept["rows"]
    assert "--quick" not in kept["command"]


def test_readme_shows_the_kept_results(generator):
    text = (ROOT / "README.md").read_text()
    assert text == generator["generate"].with_block(text), "run docs/generate.py"


def test_malformed_rows_are_refused(tmp_path, generator):
    read = generator["pages"].read
    assert read(written(tmp_path / "good.json", record([GOOD_ROW])))["rows"] == [GOOD_ROW]
    broken = [
        GOOD_ROW | {"value": None},
        GOOD_ROW | {"value": float("nan")},
        GOOD_ROW | {"seeds": 1.5},
        GOOD_ROW | {"extra": 1},
        {k: v for k, v in GOOD_ROW.items() if k != "floor"},
    ]
    for i, row in enumerate(broken):
        with pytest.raises(ValueError, match=f"{i}.json"):
            read(written(tmp_path / f"{i}.json", record([row])))


def test_only_full_and_complete_runs_are_kept(tmp_path, generator):
    keep, target = generator["keep"].keep, tmp_path / "kept.json"
    quick = record([GOOD_ROW], "noneq study prinz -o x --quick")
    partial = record([GOOD_ROW]) | {"failed": [{"case": "drive=1"}]}
    for content in (quick, partial, record([GOOD_ROW | {"value": "a"}])):
        with pytest.raises(SystemExit):
            keep(written(tmp_path / "metrics.json", content), target)
    with pytest.raises(SystemExit, match="there is no"):
        keep(tmp_path / "nothing.json", target)
    assert not target.exists()
    with pytest.raises(SystemExit, match="name no cells"):
        keep(written(tmp_path / "metrics.json", record([GOOD_ROW])), target)
    assert not target.exists()
    keep(written(tmp_path / "metrics.json", record([GOOD_ROW]) | {"cells": present()}), target)
    assert json.loads(target.read_text())["rows"] == [GOOD_ROW]


def present() -> list[dict]:
    """Where the rows of the study prinz would come from now."""
    return [
        {"case": cell.case, "method": cell.method_name, "hash": hash_of(spec_of(cell, 0))}
        for cell in PrinzStudy().cells()
    ]


def test_rows_of_other_code_or_settings_are_not_kept(generator):
    stale, study, cells = generator["keep"].stale, PrinzStudy(), present()
    assert stale({"cells": cells}, study) == ""
    other = [cells[0] | {"hash": "0" * 16}, *cells[1:]]
    assert "changed since (drive=1 simulation" in stale({"cells": other}, study)
    assert "1 cells are missing" in stale({"cells": cells[:-1]}, study)
    changed = PrinzStudy(scoring=Scoring(bins=16))
    assert f"settings of {len(cells)} cells changed" in stale({"cells": cells}, changed)


def test_refreshed_rows_take_the_place_of_stale_ones(generator):
    row = lambda **changes: GOOD_ROW | changes
    old = record([row(method="a"), row(method="b", value=1.0), row(metric="train_seconds"), row()])
    new = record(
        [row(value=2.0, cells=["new"]), row(metric="train_seconds", value=9.0)]
        + [row(metric="w2", value=3.0, cells=["new"])],
        command="refresh",
    ) | {"cells": [{"case": GOOD_ROW["case"], "method": GOOD_ROW["method"], "hash": "new"}]}
    merged = generator["refresh"].merged(old, new)
    shown = [(r["method"], r["metric"], r["value"]) for r in merged["rows"]]
    mine, metric = GOOD_ROW["method"], GOOD_ROW["metric"]
    assert shown[:2] == [("a", metric, 0.0512), ("b", metric, 1.0)]
    assert shown[2:] == [(mine, "train_seconds", 0.0512), (mine, metric, 2.0), (mine, "w2", 3.0)]
    assert merged["cells"] == new["cells"]
    assert merged["command"] == old["command"]
    assert [part["command"] for part in merged["refreshed"]] == ["refresh"]
    assert generator["refresh"].merged(merged, new)["rows"] == merged["rows"]


def test_tables_and_picture_come_from_the_rows(tmp_path, generator):
    pages = generator["pages"]
    rows = [GOOD_ROW, GOOD_ROW | {"case": "drive=20", "value": 0.161, "floor": 0.0492}]
    rows += [
        GOOD_ROW
        | {"case": c, "metric": "entropy_production_rate", "method": "simulation", "value": v}
        for c, v in (("drive=1", 0.258), ("drive=20", 103.1))
    ]
    table = pages.metric_table(record(rows), "jensen_shannon")
    assert "| ScoreMatching | 0.05120 ± 0.00040 | 0.16100 ± 0.00040 |" in table
    assert "| *sampling floor* | 0.0466 | 0.0492 |" in table
    pages.sweep_picture(record(rows), tmp_path / "a.svg")
    pages.sweep_picture(record(rows), tmp_path / "b.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_speed_ratio_is_peer_over_ours():
    code = (
        "import timing; t = {'noneq': timing.Timing([1.0, 1.0, 1.1], 3.0),"
        " 'X (peer)': timing.Timing([2.0, 2.2, 2.0], 2.5)};"
        "print([r['value'] for r in timing.speed_rows('c', t) if r['metric'] == 'ratio'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT / "benchmarks",
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == "[2.0]"


def test_benchmarks_import_names_that_exist():
    for path in sorted((ROOT / "benchmarks").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("noneq"):
                module = importlib.import_module(node.module)
                absent = [a.name for a in node.names if getattr(module, a.name, None) is None]
                assert not absent, f"{path.name}: {node.module} has no {absent}"


@pytest.fixture
def bench(monkeypatch):
    """The runner of benchmarks, which lives beside them."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    for name in ("run", "timing"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import run

    yield run
    for name in ("run", "timing"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("torch", [False, True])
def test_benchmarks_keep_finished_rows_and_those_of_absent_peers(
    bench, tmp_path, monkeypatch, torch, generator
):
    def row(case, method, value):
        return GOOD_ROW | {"case": case, "method": method, "metric": "seconds", "value": value}

    old = [row("a", "noneq", 1.0), row("a", "PyTorch eager (peer)", 2.0), row("b", "noneq", 3.0)]
    path = tmp_path / "speed.json"
    written(path, record([*old, row("a", "gone (peer)", 4.0)]) | {"study": "speed"})

    def collect(name):
        if name == "failing":
            raise subprocess.CalledProcessError(1, name)
        if name == "stopped":
            raise KeyboardInterrupt
        return [row("a", "noneq", 5.0)]

    monkeypatch.setattr(bench, "LEFT_OUT", () if torch else ("PyTorch",))
    monkeypatch.setattr(bench, "collect", collect)
    with pytest.raises(KeyboardInterrupt):
        bench.main(["failing", "first", "stopped", "-o", str(path)])
    kept = generator["pages"].read(path)
    found = {(r["case"], r["method"]): r["value"] for r in kept["rows"]}
    peer = {} if torch else {("a", "PyTorch eager (peer)"): 2.0}
    assert found == {("a", "noneq"): 5.0, ("b", "noneq"): 3.0} | peer
    (before,) = kept["earlier"]
    assert before["machine"] == record([])["machine"]
    assert set(before["of"]) == {f"{case}: {method}" for case, method in peer} | {"b: noneq"}
    assert "Measured earlier on 2 cores (one)" in generator["pages"].provenance(kept)
    assert bench.main(["failing", "-o", str(path)]) == 1
    assert generator["pages"].read(path)["rows"] == kept["rows"]


def commands_in(text: str) -> list[list[str]]:
    """Every ``noneq …`` line of the shell blocks, comments cut, continued lines joined."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    words = [shlex.split(line, comments=True) for line in lines]
    return [w[1:] for w in words if w[:1] == ["noneq"]]


@pytest.mark.parametrize(
    "file",
    ["README.md", "CONTRIBUTING.md"]
    + [
        f"docs/{name}.md"
        for name in (
            "quickstart",
            "choose",
            "denoising",
            "flows",
            "bridges",
            "control",
            "genphys",
            "equilibrium",
            "equilibrium_flow",
            "thermodynamics",
        )
    ],
)
def test_commands_that_the_texts_show_are_understood(file):
    from typer.main import get_command

    from noneq.cli.app import app

    verbs = get_command(app).commands
    shown = commands_in((ROOT / file).read_text())
    assert shown
    for verb, *arguments in shown:
        # Parses names, options and types; runs nothing.
        context = verbs[verb].make_context(verb, list(arguments))
        assert not context.args, f"{verb} {arguments}"
    with pytest.raises(Exception, match="--nonsense"):
        verbs["fit"].make_context("fit", ["A", "b.npz", "-o", "c", "--nonsense"])

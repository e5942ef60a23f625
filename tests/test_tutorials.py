"""The tutorials' own blocks, run in order as a reader would, and what they lead to."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest


ROOT = Path(__file__).parents[1]
TUTORIALS = ROOT / "docs" / "tutorials"
RUNS = {
    "colloid": "colloid.txt",
    "cells": "cells.npz",
    "fields": "field.nc",
    "digits": "digits.npz",
}
SECONDS = 3 * 60
"""What a tutorial may take on two free cores."""


def blocks(name: str, language: str) -> list[str]:
    text = (TUTORIALS / f"{name}.md").read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def commands(name: str) -> list[str]:
    return [line for block in blocks(name, "sh") for line in block.splitlines() if line]


def test_every_tutorial_is_run():
    assert {path.stem for path in TUTORIALS.glob("*.md")} == set(RUNS)


@pytest.mark.parametrize("name", RUNS)
def test_a_file_becomes_a_report_in_three_commands(name):
    first, *rest = commands(name)
    assert first.startswith("python examples/laboratory_files.py ")
    assert [line.split()[0] for line in rest] == ["noneq"] * len(rest)
    verbs = [line.split()[1] for line in rest if line.split()[1] != "sample"]
    assert verbs in (["inspect", "fit", "report"], ["inspect", "compare", "report"])


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", RUNS)
def test_the_tutorial_runs(name, tmp_path):
    start = time.monotonic()
    for line in commands(name):
        words = line.replace("examples/", f"{ROOT}/examples/").split()
        program = [sys.executable] if words[0] == "python" else [sys.executable, "-m", "noneq"]
        done = subprocess.run([*program, *words[1:]], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
    seconds = time.monotonic() - start
    for code in blocks(name, "python"):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        check_output(name, done.stdout)
    (page,) = tmp_path.glob("runs/*/report.html")
    assert f" {'on' if name == 'cells' else 'fitted to'} {RUNS[name]}" in page.read_text()
    assert seconds < 3 * SECONDS, f"{name}: {seconds:.0f} s"


def check_output(name: str, text: str) -> None:
    """The numbers that a page promises."""
    if name == "colloid":
        (data, error), (model, own) = re.findall(r"([\d.]+) ± ([\d.]+)", text)
        assert abs(float(data) - 2.88) < 4 * float(error)
        assert abs(float(model) - float(data)) < 4 * (float(error) + float(own))
    if name == "fields":
        found = [float(number) for number in re.findall(r"\d+\.\d+(?:e[-+]\d+)?", text)]
        true, made = found[: len(found) // 2], found[len(found) // 2 :]
        assert len(true) == len(made) == 8
        assert all(0.5 < b / a < 2.0 for a, b in zip(true, made, strict=True))

"""`noneq pde`: what it prints, what it writes, and one line for whatever is wrong."""

import json
import os

import pytest

from noneq.pde import zoo


NAMES = tuple(zoo())
PICTURES = {"dispersion.svg", "smoothing.png", "field_lines.png"}


def test_a_pde_that_passes(noneq):
    done = noneq("pde", "u_tt + lap(u) - m**2*u", "--set", "m=1", "--dim", "2")
    assert (done.code, done.err) == (0, "")
    assert "u_tt + lap(u) - m**2*u = 0  (m = 1)" in done.out
    assert "2 dimensions, data of scale 1, infinite space" in done.out
    for part in ("C1", "C2", "s-generative", "yes", "sqrt(k**2 + m**2)", "left out", "1/scale"):
        assert part in done.out
    for factor in ("0.94", "0.79", "0.437", "0.0844", "0.00194"):
        assert factor in done.out
    assert "modifications" not in done.out
    assert os.listdir() == []


def test_a_pde_that_fails_comes_with_modifications(noneq):
    done = noneq("pde", "u_tt - lap(u)")
    assert done.code == 0
    assert "no" in done.out
    assert "modifications" in done.out
    assert "2*eps*u_t" in done.out


def test_machine_output(noneq):
    found = noneq("pde", "yukawa", "--set", "m=2", "--scale", "0.5", "--json").json
    assert found["values"] == {"m": 2.0}
    assert (found["dim"], found["scale"], found["box"]) == (2, 0.5, None)
    assert [found["verdict"][part]["value"] for part in ("c1", "c2", "s_generative")] == [1, 1, 1]
    assert all(found["verdict"][part]["reason"] for part in ("c1", "c2", "s_generative"))
    assert sorted(branch["admissible"] for branch in found["branches"]) == [False, True]
    assert [branch["judged"] for branch in found["branches"] if branch["admissible"]] == [True]
    assert found["density_flow"]["residual"] == "0"
    assert found["smoothing"]["k_scale"] == [0.25, 0.5, 1.0, 2.0, 4.0]
    k_is_1 = found["smoothing"]["factor"][1]  # exp(2 (2 − √5))
    assert k_is_1 == pytest.approx(0.6237, abs=1e-4)
    assert found["modifications"] == []
    assert found["files"] == []


def test_complex_values_and_a_minus_in_front(noneq):
    found = noneq("pde", "--json", "--set", "c=1+2j", "--", "-c*lap(u) + u_t").json
    assert found["values"] == {"c": "1+2j"}
    assert found["pde"].startswith("-c*lap(u)")
    assert "--" in noneq("pde", "--help").out


def test_a_pde_without_a_known_density(noneq):
    words = ["pde", "u_tt = lap(u) - b*u_t", "--set", "b=1+2j"]
    found = noneq(*words, "--json").json
    assert found["density_flow"] is None
    assert found["verdict"]["s_generative"]["value"] == 0
    done = noneq(*words, "-o", "out")
    assert done.code == 0
    assert "density flow" not in done.out
    assert set(os.listdir("out")) == {"verdict.json", "dispersion.svg"}


def test_a_condition_is_evaluated_for_the_box(noneq):
    holds = noneq("pde", "helmholtz", "--box", "5", "--json").json["verdict"]["c2"]
    fails = noneq("pde", "helmholtz", "--box", "7", "--json").json["verdict"]["c2"]
    assert (holds["value"], holds["holds"]) == (0.5, True)
    assert (fails["value"], fails["holds"]) == (0.5, False)
    assert "box" in holds["condition"]
    assert "does not hold" in noneq("pde", "helmholtz", "--box", "7").out


@pytest.mark.slow
def test_the_whole_zoo_as_a_table(noneq):
    found = {each["name"]: each for each in noneq("pde", "--table", "--json").json["pdes"]}
    assert tuple(found) == NAMES
    generative = {name for name in NAMES if found[name]["verdict"]["s_generative"]["value"] == 1}
    assert generative == {"diffusion", "poisson", "yukawa", "fractional"}
    out = noneq("pde", "--table").out
    for name in NAMES:
        assert name in out
    for column in ("omega(k)", "p v", "R", "C1", "C2", "s-generative", "smoothing"):
        assert column in out


def test_files_are_written_and_named(noneq):
    done = noneq("pde", "diffusion", "-o", "a/b")
    assert done.code == 0
    assert set(os.listdir("a/b")) == PICTURES | {"verdict.json"}
    for name in PICTURES | {"verdict.json"}:
        assert os.path.join("a", "b", name) in done.out
    with open("a/b/verdict.json") as file:
        kept = json.load(file)
    shown = noneq("pde", "diffusion", "--json").json
    assert {**kept, "files": []} == shown
    # Again, over the old ones; what else is there stays.
    with open("a/b/thesis.tex", "w") as file:
        file.write("dear")
    assert noneq("pde", "poisson", "-o", "a/b").code == 0
    assert set(os.listdir("a/b")) == PICTURES | {"verdict.json", "thesis.tex"}


def test_the_zoo_can_be_listed(noneq):
    entries = noneq("list", "pdes", "--json").json["pdes"]
    assert {entry["name"] for entry in entries} == set(NAMES)
    assert all("u" in entry["what"] for entry in entries)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ([], ["no PDE", "--table"]),
        (["u_tt + lap(u) - m**2*u"], ["m has no value", "--set m=1"]),
        (["u_t - lap(u)", "--set", "m=1"], ["m"]),
        (["u_t - D*lap(u)", "--set", "d=1"], ["D has no value"]),
        (["u_t - D*lap(u)", "--set", "D"], ["NAME=VALUE"]),
        (["u_t - D*lap(u)", "--set", "D=one"], ["expected a number"]),
        (["u_t - D*lap(u)", "--set", "D=nan"], ["expected a number"]),
        (["u_t - D*lap(u)", "--set", "D=1e999"], ["expected a number"]),
        (["yukava"], ["did you mean yukawa"]),
        (["u_t - lap(u)", "--dim", "0"], ["dim"]),
        (["u_t - lap(u)", "--dim", "-1"], ["dim"]),
        (["u_t - lap(u)", "--dim", "x"], ["dim"]),
        (["--table", "--dim", "0"], ["dim"]),
        (["u_t - lap(u)", "--scale", "0"], ["scale"]),
        (["u_t - lap(u)", "--scale", "nan"], ["scale"]),
        (["u_t - lap(u)", "--scale", "-1"], ["scale"]),
        (["u_t - lap(u)", "--scale", "1e-200"], ["scale", "units"]),
        (["u_t - lap(u)", "--box", "0"], ["box"]),
        (["u_t - lap(u)", "--box", "inf"], ["box"]),
        (["u_t - lap(u**2)"], []),
        (["u_t - u*lap(u)"], []),
        (["u_t - x*lap(u)"], []),
        (["u_t - lap(u) + 1"], []),
        (["u_t - grd(u)"], ["grd"]),
        (["u_t + lap(u)"], ["C2"]),
        (["u_t - lap(u", "-o", "out"], []),
        (["u_t - dim*lap(u)", "--set", "dim=1"], ["dim"]),
        (["lap(u)"], []),
        ([""], []),
        (["u_t - __import__('os').system('touch ran')"], []),
        (["u_t - (lambda: 1)()*u"], []),
        (["u_t - [red]lap(u)[/red]"], []),
        (["u_t - lap(u)\x1b[2J"], []),
        (["u_t - " + "(" * 500 + "u" + ")" * 500], []),
        (["u_t - 9**9**9**9*lap(u)"], []),
        (["u_t - " + "lap(u) + " * 5000 + "u"], []),
        (["-lap(u) + u_t"], []),
        (["--table", "yukawa"], ["--table"]),
        (["--table", "-o", "out"], ["--table"]),
        (["--table", "--set", "m=1"], ["--table"]),
    ],
)
def test_a_wrong_request_is_one_line(noneq, arguments, parts):
    done = noneq("pde", *arguments)
    done.refuses(2, *parts)
    assert "\x1b" not in done.err
    assert os.listdir() == [], "nothing written"


def test_a_folder_that_is_a_file_is_one_line(noneq):
    with open("out", "w") as file:
        file.write("dear")
    noneq("pde", "diffusion", "-o", "out").refuses(3, "out")
    assert os.listdir() == ["out"]


def test_a_full_disk_leaves_nothing_half_written(noneq, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    noneq("pde", "diffusion", "-o", "out").refuses(3, "No space left on device")
    assert os.listdir("out") == []


def test_nothing_is_written_if_a_picture_cannot_be_drawn(noneq, monkeypatch):
    def broken(*_, **__):
        raise MemoryError

    monkeypatch.setattr("noneq.report.pde.field_lines", broken)
    noneq("pde", "diffusion", "-o", "out").refuses(2, "memory")
    assert os.listdir() == []

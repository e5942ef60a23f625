"""The examples of CONTRIBUTING.md do what the guide says: each extension point, as it is printed."""

import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
import typer

from noneq.cli.app import app
from noneq.data import Snapshots, read, write
from noneq.errors import InvalidInput


GUIDE = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text()
FILES = dict(re.findall(r"```python\n# (\w+)\.py\n(.*?)```", GUIDE, re.DOTALL))
COMMANDS = re.findall(r"^noneq (\w+ .*)$", GUIDE, re.MULTILINE)
SMALL = [
    word
    for setting in ("net.width=8", "net.depth=1", "training.steps=4", "training.batch=16")
    for word in ("--set", setting)
] + ["--set", "sampler.steps=12"]


def command(start):
    (found,) = [line for line in COMMANDS if line.startswith(start)]
    return shlex.split(found)


@pytest.fixture
def folder(noneq, tmp_path):
    """A user's folder with data and the files of the guide; what they import is forgotten."""
    for name, text in FILES.items():
        (tmp_path / f"{name}.py").write_text(text)
    write(Snapshots(np.random.default_rng(0).normal(size=(80, 2))), tmp_path / "data.npz")
    yield tmp_path
    for name in FILES:
        sys.modules.pop(name, None)


def test_every_extension_point_has_an_example():
    assert set(FILES) == {"my_process", "my_measures", "my_pictures", "points", "moments"}


def test_process_measures_and_picture_of_a_users_file(noneq, folder):
    done = noneq(*command("fit ScoreMatching"), *SMALL)
    assert done.code == 0, done.err
    done = noneq(*command("evaluate run"), "--json")
    assert done.code == 0, done.err
    assert {row["metric"] for row in done.json["rows"]} == {"mean_shift", "spread", "w2"}
    report = command("report run")
    noneq(*[word for word in report if word != "--trust"]).refuses(2, "--trust")
    done = noneq(*report)
    assert done.code == 0, done.err
    assert "First coordinate" in (folder / "run" / "report.html").read_text()


def test_format(noneq, folder):
    (folder / "cloud.points").write_text("1 2\n3 4\n5 9\n")
    with pytest.raises(InvalidInput, match="points"):
        read(folder / "cloud.points")
    words = command("inspect cloud.points")
    noneq(*[word for word in words if word != "--trust"]).refuses(2, "--trust")
    done = noneq(*words)
    assert done.code == 0, done.err
    assert "3 samples of states with 2 coordinates" in done.out
    data = read(folder / "cloud.points", reading=["reader=points:Points"])
    np.testing.assert_array_equal(data.values, [[1, 2], [3, 4], [5, 9]])


def test_verb(noneq, folder, monkeypatch):
    monkeypatch.setattr(app, "registered_commands", list(app.registered_commands))
    names: dict = {"__name__": "moments"}
    exec(FILES["moments"], names)
    app.command(name="moments")(names["moments"])
    assert "moments" in typer.main.get_command(app).commands  # pyright: ignore
    done = noneq("moments", "data.npz", "--json")
    assert done.code == 0, done.err
    truth = read("data.npz").values
    np.testing.assert_allclose(done.json["std"], truth.std(0), rtol=1e-5)

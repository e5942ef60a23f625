"""What a stranger's folder shows lies in it: no links, no names that lead out."""

import json
import os

import jax
import numpy as np
import pytest

from noneq.cli.reporting import write_report
from noneq.data import Snapshots
from noneq.errors import DataFileError
from noneq.report import run_report
from noneq.store import inside, save
from noneq.studies.page import study_report
from noneq.studies.running import read_cells
from stub_methods import Stub


pytestmark = pytest.mark.skipif(os.name == "nt", reason="links need a privilege")


@pytest.fixture
def secret(tmp_path):
    (tmp_path / "secret.svg").write_text("<svg>private</svg>")
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "a.png").write_bytes(b"\x89PNGprivate")
    return tmp_path


@pytest.fixture
def run(secret):
    data = Snapshots(np.random.default_rng(0).normal(size=(40, 2)))
    save(Stub().fit(data, key=jax.random.key(0)), secret / "run")
    return secret / "run"


def test_plain_files_and_a_linked_folder_are_taken(secret):
    (secret / "folder").symlink_to(secret / "private")
    for name in ("a.png", "not there"):
        assert inside(secret / "folder", name) == secret / "folder" / name


@pytest.mark.parametrize(
    "parts",
    [("..", "secret.svg"), ("/etc/passwd",), ("link",), ("deep", "a.png"), ("loop",), ("pipe",),
     ("nul\0",), ("x" * 5000,), ("sub", "..", "here")],
)  # fmt: skip
def test_what_leads_out_is_refused(secret, parts):
    folder = secret / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "here").write_text("x")
    (folder / "link").symlink_to(secret / "secret.svg")
    (folder / "deep").symlink_to(secret / "private")
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "pipe")
    with pytest.raises(DataFileError, match="leads out"):
        inside(folder, *parts)


@pytest.mark.parametrize("link", ["figures", "figures/x.svg", "metrics.json"])
def test_a_run_shows_no_file_from_outside(run, secret, link):
    target = secret / ("private" if link == "figures" else "secret.svg")
    (run / link).parent.mkdir(exist_ok=True)
    (run / link).symlink_to(target)
    with pytest.raises(DataFileError, match=link):
        run_report(run)
    assert not (run / "report.html").exists()


def test_a_group_shows_no_run_from_outside(run, secret):
    (secret / "group").mkdir()
    (secret / "group" / "seed_0").symlink_to(run)
    with pytest.raises(DataFileError, match="seed_0"):
        write_report(secret / "group", trust=True)
    assert not (run / "report.html").exists()


def test_a_study_shows_no_file_from_outside(secret):
    np.savez(secret / "other.npz", samples=np.zeros(3))
    study = secret / "study"
    study.mkdir()
    cell = {"case": "a", "method": "m", "replicate": 0, "hash": "../../other"}
    (study / "cells.json").write_text(json.dumps([cell]))
    with pytest.raises(DataFileError, match="leads out"):
        read_cells(study)
    result = {"study": "mine", "command": "", "versions": {}, "machine": {}, "rows": []}
    (study / "metrics.json").write_text(json.dumps(result))
    (study / "spec.toml").symlink_to(secret / "secret.svg")
    with pytest.raises(DataFileError, match=r"spec\.toml"):
        study_report(study)

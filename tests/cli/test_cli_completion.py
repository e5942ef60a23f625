"""What the shell offers after a tab, and what help and dir list."""

import pydoc
import subprocess
import sys

import pytest

import noneq
from noneq.cli import completion
from noneq.methods import AbstractMethod
from noneq.spec.names import modules, public
from noneq.studies import studies
from noneq.systems import AbstractSystem


def offered(*words, folder=None):
    """What bash would offer for the last of the words, from a process of its own."""
    code = "from noneq.cli import main; main()"
    environment = {
        "_NONEQ_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(("noneq", *words)),
        "COMP_CWORD": str(len(words)),
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder or "/nowhere"),
        "PYTHONPATH": ":".join(filter(None, sys.path)),
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment, capture_output=True, text=True, timeout=60, cwd=folder,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.split()


def test_verbs_and_methods_are_offered(tmp_path):
    assert offered("insp", folder=tmp_path) == ["inspect"]
    assert offered("fit", "Score", folder=tmp_path) == ["ScoreMatching", "ScoreSDE"]


def test_names_are_those_that_there_are():
    assert set(completion.methods("")) == set(modules("methods", AbstractMethod))
    assert set(completion.systems("")) >= set(modules("systems", AbstractSystem))
    assert set(completion.studies("")) == set(studies())
    assert completion.methods("edm") == ["EDM"]
    assert completion.systems("prinz") == ["Prinz"]
    assert completion.methods("Abstract") == []


def test_it_can_be_installed(noneq):
    text = noneq("--help").out
    assert "--install-completion" in text
    assert "--show-completion" in text


@pytest.mark.parametrize("room", ["thermo", "metrics", "methods", "systems", "plot", "runs"])
def test_help_and_dir_list_what_a_room_shows(room):
    module = getattr(noneq, room)
    shown = set(public(room))
    assert len(shown) > 4
    assert shown <= set(dir(module))
    text = pydoc.plain(pydoc.render_doc(module))
    for name in shown:
        assert f"\n    {name}(" in text or f"class {name}(" in text, name
    assert set(module.__all__) >= shown

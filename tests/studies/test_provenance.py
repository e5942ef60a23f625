"""The hash of a study's code: statements count, words and pictures do not."""

import importlib.util
import subprocess
import sys

from noneq.studies import provenance
from noneq.studies.latent_cycle.cells import CycleCell
from noneq.studies.prinz.cells import LearnerCell, TruthCell
from noneq.studies.provenance import code_of, commit
from noneq.studies.rare_events.cells import EventCell


CELL = '''
from noneq.studies import AbstractCell, Outcome
class Own(AbstractCell):
    """A cell."""
    replicate: int = 0
    case = method_name = "own"
    def __call__(self, key):
        return Outcome(())
'''


def own(folder, name, text):
    """The hash of a cell that a user's file defines."""
    (folder / f"{name}.py").write_text(text)
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    try:
        code_of.cache_clear()
        return code_of(module.Own)
    finally:
        del sys.modules[name]
        code_of.cache_clear()


def test_statements_count_and_words_do_not(tmp_path):
    first = own(tmp_path, "mine", CELL)
    words = CELL.replace("A cell.", "Another.").replace("return", "\n        # why\n        return")
    assert own(tmp_path, "mine", words) == first
    assert own(tmp_path, "mine", CELL.replace("replicate: int = 0", "replicate: int = 1")) != first
    # A module of the studies that it uses is part of it.
    used = CELL.replace("class", "from noneq.studies.prinz.time_average import time_average\nclass")
    assert own(tmp_path, "mine", used) != first


def modules_of(cell, monkeypatch):
    seen = []
    plain = provenance._imports

    def note(tree):
        seen.extend(plain(tree))
        return plain(tree)

    code_of.cache_clear()
    monkeypatch.setattr(provenance, "_imports", note)
    code_of(cell)
    code_of.cache_clear()
    return {name.removeprefix("noneq.studies.") for name in seen}


def test_data_of_a_study_are_its_code_and_pictures_are_not(monkeypatch):
    assert modules_of(TruthCell, monkeypatch) >= {"ensembles", "prinz.time_average"}
    assert "latent_cycle.data" in modules_of(CycleCell, monkeypatch)
    assert "rare_events.exact" in modules_of(EventCell, monkeypatch)  # imported as a module
    for cell in (TruthCell, CycleCell):
        assert not [n for n in modules_of(cell, monkeypatch) if "pictures" in n or "study" in n]
    assert code_of(TruthCell) == code_of(LearnerCell) != code_of(CycleCell)


def test_the_commit_is_that_of_the_library_or_unknown(monkeypatch):
    changed = ""

    def run(words, **_):
        answers = {"ls-files": "provenance.py", "status": changed, "rev-parse": "0123456789ab"}
        return subprocess.CompletedProcess(words, 0, stdout=f"{answers[words[3]]}\n")

    def nothing(words, **_):
        raise subprocess.CalledProcessError(128, words)

    monkeypatch.setattr(subprocess, "run", run)
    commit.cache_clear()
    assert commit() == "0123456789ab"
    changed = " M x.py"
    commit.cache_clear()
    assert commit() == "0123456789ab-dirty"
    monkeypatch.setattr(subprocess, "run", nothing)
    commit.cache_clear()
    assert commit() == ""
    commit.cache_clear()

"""Code that a stranger's run folder names runs only where the caller trusts it."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import noneq as nq
from noneq.data import Snapshots
from noneq.errors import InvalidInput
from noneq.store.records import to_json
from noneq.store.runs import _digest, _meta_core
from stub_methods import Stub


FOREIGN = "open('ran', 'w').close()\nfrom stub_methods import Stub\n"


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("stranger.py").write_text(FOREIGN)
    yield Snapshots(np.random.default_rng(0).normal(size=(40, 2)))
    sys.modules.pop("stranger", None)


def alter(run, *, kind=None, given=None):
    """Let the spec, or an input, of a finished run name another class; then seal it again."""
    meta = json.loads((run / "meta.json").read_text())
    if kind:
        text = (run / "spec.toml").read_text().replace("stub_methods:Stub", kind)
        (run / "spec.toml").write_text(text)
        meta["sha256"]["spec.toml"] = _digest(text.encode())
    if given:
        meta["given"] = {"score": {"kind": given, "fields": {}}}
    meta["sha256"]["meta.json"] = _digest(_meta_core(meta))
    (run / "meta.json").write_text(to_json(meta))


@pytest.mark.parametrize("verb", ["resume", "compare"])
def test_a_spec_that_is_not_the_request_is_not_built(data, verb):
    folder = Path("out")
    run = folder / "Stub" if verb == "compare" else folder

    def go():
        if verb == "compare":
            return nq.runs.compare([Stub()], data, folder, ["w2"], n=8, trust=True)
        return nq.runs.fit(Stub(), data, folder, resume=True, trust=True)

    go()
    alter(run, kind="stranger:Stub")
    with pytest.raises(InvalidInput, match=r"spec\.toml describes another method"):
        go()
    assert not Path("ran").exists()


def test_an_input_that_brings_code_needs_trust(data):
    nq.runs.fit(Stub(), data, "run")
    alter(Path("run"), given="stranger:Score")
    with pytest.raises(InvalidInput, match="--trust"):
        nq.runs.fit(Stub(), data, "run", resume=True)
    assert not Path("ran").exists()
    with pytest.raises(InvalidInput, match="stranger"):  # now looked for: there is no such class
        nq.runs.fit(Stub(), data, "run", resume=True, trust=True)
    assert Path("ran").exists()


def test_the_callers_own_method_needs_no_trust(data):
    first = nq.runs.fit(Stub(), data, "run")
    again = nq.runs.fit(Stub(), data, "run", resume=True)
    assert again.method == first.method

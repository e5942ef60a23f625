"""Run folders whose files were edited and whose checksums were made anew: one clear line each."""

import json
import re

import jax
import numpy as np
import pytest
from safetensors.numpy import load as tensors_of, save as as_tensors

from noneq import cli, store
from noneq.data import Snapshots
from noneq.errors import NoneqError
from noneq.learning.training import Training
from noneq.methods import ScoreMatching
from noneq.nets import MLP
from noneq.store.runs import _digest, _meta_core


def without(*path):
    """An edit of meta.json that drops what the path leads to."""

    def edit(meta):
        for name in path[:-1]:
            meta = meta[name]
        del meta[path[-1]]

    return edit


def put(value, *path):
    """An edit of meta.json that sets what the path leads to."""

    def edit(meta):
        for name in path[:-1]:
            meta = meta[name]
        meta[path[-1]] = value

    return edit


META = {
    "no summary": without("summary"),
    "summary a list": put([1, 2], "summary"),
    "summary a number": put(5, "summary"),
    "summary without times": without("summary", "times"),
    "times text": put("now", "summary", "times"),
    "times empty": put([], "summary", "times"),
    "times not a number": put([None], "summary", "times"),
    "event shape negative": put([-2], "summary", "event_shape"),
    "event shape text": put("ab", "summary", "event_shape"),
    "event shape huge": put([10**9, 10**9], "summary", "event_shape"),
    "scale too short": put([1.0], "summary", "scale"),
    "scale zero": put([0.0, 0.0], "summary", "scale"),
    "domain unknown": put({"kind": "Nowhere"}, "summary", "domain"),
    "domain a number": put(3, "summary", "domain"),
    "levels text": put(["a"], "summary", "condition_levels"),
    "names of numbers": put([1, 2], "summary", "names"),
    "unknown field": put(1, "summary", "colour"),
    "given a list": put([1], "given"),
    "given a number": put({"score": 5}, "given"),
    "given unknown": put({"score": {"kind": "x:Y", "fields": {}}}, "given"),
    "given without fields": put({"score": {"kind": "noneq.frames.frame:Frame"}}, "given"),
    "format text": put("one", "format"),
    "format new": put(99, "format"),
    "no format": without("format"),
    "data a number": put(5, "data"),
}
SPEC = {
    "empty": b"",
    "no kind": b"a = 1\n",
    "kind a number": b"kind = 5\n",
    "kind unknown": b'kind = "Nothing"\n',
    "kind no method": b'kind = "Box"\n',
    "kind of a stranger": b'kind = "os:system"\n',
    "no TOML": b"kind = [",
    "bytes": b"\xff\xfe\x00",
    "unknown field": b'kind = "ScoreMatching"\nnoise = 1\n',
    "field of text": b'kind = "ScoreMatching"\ntime_band = "a"\n',
    "table for number": b'kind = "ScoreMatching"\ntime_band = {a = 1}\n',
    "number for table": b'kind = "ScoreMatching"\nnet = 5\n',
    "negative width": b'kind = "ScoreMatching"\n[net]\nkind = "MLP"\nwidth = -3\n',
    "huge width": b'kind = "ScoreMatching"\n[net]\nkind = "MLP"\nwidth = 1000000000\n',
    "not a number": b'kind = "ScoreMatching"\ndrop_condition = nan\n',
    "deep": b'kind = "ScoreMatching"\nnet = ' + b"[" * 2000 + b"]" * 2000 + b"\n",
    "another method": b'kind = "RBM"\n',
}
HISTORY = {
    "empty": b"",
    "ragged": b"step,loss\n1\n",
    "text": b"step,loss\n1,a\n",
    "bytes": b"\xff\xfe\x00",
    "zeros": b"step,loss\n\x00,1\n",
}
ARRAYS = {
    "none": lambda arrays: {},
    "one more": lambda arrays: arrays | {"more": np.zeros(2)},
    "another name": lambda arrays: {f"x{name}": array for name, array in arrays.items()},
    "flat": lambda arrays: {name: array.ravel() for name, array in arrays.items()},
    "whole numbers": lambda arrays: {
        name: array.astype(np.int32) for name, array in arrays.items()
    },
    "halves": lambda arrays: {name: array.astype(np.float16) for name, array in arrays.items()},
}
BLOBS = {"empty": b"", "text": b"hello", "long header": b"\xff" * 8, "pickle": b"\x80\x04."}


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """The files of a small run."""
    folder = tmp_path_factory.mktemp("malformed") / "run"
    method = ScoreMatching(net=MLP(width=4, depth=1), training=Training(steps=1, batch=4))
    data = Snapshots(np.random.default_rng(0).normal(size=(16, 2)))
    store.save(method.fit(data, key=jax.random.key(0)), folder)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture
def sealed(content, tmp_path):
    """Writes the run with some files changed, and with the checksums of what is written."""

    def write(edit=None, **changed):
        blobs = content | {name.replace("_", "."): blob for name, blob in changed.items()}
        meta = json.loads(blobs["meta.json"])
        if edit is not None:
            edit(meta)
        for name, blob in blobs.items():
            if name != "meta.json":
                meta["sha256"][name] = _digest(blob)
        meta["sha256"]["meta.json"] = _digest(_meta_core(meta))
        for name, blob in blobs.items():
            (tmp_path / name).write_bytes(blob)
        (tmp_path / "meta.json").write_text(json.dumps(meta))
        return tmp_path

    return write


def refused(folder):
    with pytest.raises(NoneqError) as error:
        store.load(folder)
    assert re.fullmatch(r".{10,600}", str(error.value)), "one line"


def test_untouched_it_loads(sealed):
    assert store.load(sealed()).summary.event_shape == (2,)


@pytest.mark.sweep(6)
@pytest.mark.parametrize("fault", [name for name in META if name != "data a number"])
def test_facts(sealed, fault):
    refused(sealed(META[fault]))


@pytest.mark.sweep(2)
@pytest.mark.parametrize("fault", SPEC)
def test_method(sealed, fault):
    refused(sealed(spec_toml=SPEC[fault]))


@pytest.mark.sweep(2)
@pytest.mark.parametrize("fault", HISTORY)
def test_history(sealed, fault):
    refused(sealed(history_csv=HISTORY[fault]))


@pytest.mark.sweep(2)
@pytest.mark.parametrize("fault", ARRAYS)
def test_arrays(sealed, content, fault):
    arrays = ARRAYS[fault](tensors_of(content["model.safetensors"]))
    refused(sealed(model_safetensors=as_tensors(arrays)))


@pytest.mark.sweep(2)
@pytest.mark.parametrize("fault", BLOBS)
def test_no_arrays(sealed, fault):
    refused(sealed(model_safetensors=BLOBS[fault]))


@pytest.mark.sweep(3)
@pytest.mark.parametrize("verb", ["sample", "report", "evaluate"])
@pytest.mark.parametrize("fault", ["data a number", "times text", "given a list"])
def test_verbs(sealed, verb, fault, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = sealed(META[fault])
    more = {"sample": ["-o", "x.npz"], "report": [], "evaluate": ["x.csv"]}[verb]
    (tmp_path / "x.csv").write_text("a,b\n1,2\n2,1\n3,4\n")
    code = cli.run([verb, str(run), *more])
    err = capsys.readouterr().err
    assert "unexpected" not in err
    assert code in (0, 2, 4), err

"""Whatever is wrong: one line that names the cure, the right exit code, nothing half-written."""

import os
import subprocess
import sys

import numpy as np
import pytest

from conftest import STUB
from noneq.cli.app import _verdict
from noneq.cli.requests import parse_times
from noneq.data import Snapshots, write
from noneq.domains import Torus
from noneq.errors import FitDiverged, InvalidInput


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("fti", ["did you mean", "fit"]),
        ("fit", ["METHOD"]),
        ("fit ScoreMaching {snaps} -o run", ["did you mean ScoreMatching"]),
        ("fit {stub} {snaps} -o run --set lable=1", ["did you mean label"]),
        ("fit {stub} {snaps} -o run --set nested.width=x", ["a whole number"]),
        ("fit {stub} {snaps} -o run --set nested.width", ["NAME=VALUE"]),
        ("fit {stub} {snaps} -o run --set training.steps=2", ["training"]),
        ("fit {stub} nothing.npz -o run", ["nothing.npz"]),
        ("fit {stub} {snaps} -o run --components 9", ["components"]),
        ("fit {stub} {snaps} -o run --seeds 0", ["seeds"]),
        ("fit {stub} {snaps} -o run --seed -1", ["seed"]),
        ("fit {stub} {snaps} -o run --seeds 2 --together", ["--together", "one gradient loop"]),
        ("simulate Prinz -o x.nc --solver WeakOiler", ["did you mean WeakEuler"]),
        ("simulate Prinz -o x.nc --substeps 0", ["substeps"]),
        ("fit {stub} {snaps} -o run --with a", ["NAME=VALUE"]),
        ("fit no_such_file:Method {snaps} -o run", ["no_such_file"]),
        ("fit spec.toml {snaps} -o run", ["spec.toml"]),
        ("simulate Prin -o x.nc", ["did you mean Prinz"]),
        ("simulate Prinz.litral -o x.nc", ["did you mean literal"]),
        ("simulate Prinz -o x.nc --times 0:1", ["START:STOP:COUNT"]),
        ("simulate Prinz -o x.nc --times 1:0:5", ["increase"]),
        ("simulate Prinz -o x.nc --n 0", ["n"]),
        ("simulate Prinz -o x.xyz --n 2 --times 0:1:2", [".xyz"]),
        ("simulate Prinz -o no/such/x.nc --n 2 --times 0:1:2", ["no/such"]),
        ("simulate Prinz -o x.nc --set drve=2", ["did you mean drive"]),
        ("sample nothing -o s.nc", ["nothing"]),
        ("evaluate nothing {snaps}", ["nothing"]),
        ("evaluate nothing {snaps} --metrics w3", ["did you mean w"]),
        ("fit ScoreMatching {snaps} -o run --set net.width=1e9", ["width of 1 to"]),
        ("compare {snaps} --methods ,", ["no method"]),
        ("compare {snaps} --methods {stub} --metrics jensen", ["did you mean jensen_shannon"]),
        ("compare {snaps} --methods {stub} --hold-out x", ["hold-out"]),
        ("report nothing", ["nothing"]),
        ("study prins -o s", ["did you mean prinz"]),
        ("list method", ["did you mean methods"]),
        ("cite nobody", ["unknown name to cite"]),
        ("inspect", ["FILE"]),
        ("inspect {snaps} --nonsense", ["--nonsense"]),
        ("inspect {snaps} --picture x.xyz", ["x.xyz"]),
        ("inspect {snaps} --picture no/x.png", ["no/x.png"]),
    ],
)
def test_a_wrong_request_is_one_line(noneq, snapshots, words, parts):
    words = words.format(snaps="snaps.npz", stub=STUB).split()
    done = noneq(*words)
    code = 4 if "spec.toml" in words else 2
    assert all(part.lower() in done.err.lower() for part in parts), done.err
    done.refuses(code)
    assert os.listdir() == ["snaps.npz"], "nothing half-written"


def test_a_method_that_takes_angles_for_numbers_is_named(noneq, tmp_path):
    angles = np.random.default_rng(0).uniform(0, 6, (60, 1))
    write(Snapshots(angles, domain=Torus()), tmp_path / "ring.npz")
    done = noneq("fit", "DDPM", "ring.npz", "-o", "run")
    done.refuses(2, "DDPM", "ScoreMatching, EDM, FlowMatching or Transition")
    assert os.listdir() == ["ring.npz"], "nothing half-written"


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("empty.csv", b"", (2, 4)),
        ("header.csv", b"time,x\n", (2,)),
        ("words.csv", b"time,x\n0,abc\n1,def\n", (2, 4)),
        ("one.csv", b"time,x\n0,1\n", (2,)),
        ("nan.csv", b"time,x\n0,1\n0,nan\n1,2\n1,3\n", (2,)),
        ("inf.csv", b"time,x\n0,1\n0,inf\n1,2\n1,3\n", (2,)),
        ("nantime.csv", b"time,x\n0,1\nnan,1\n1,2\n", (2,)),
        ("ragged.csv", b"time,x\n0,1\n0,1,2\n", (2, 4)),
        ("binary.csv", bytes(range(256)), (2, 4)),
        ("empty.npz", b"", (4,)),
        ("text.npz", b"not a zip", (4,)),
        ("empty.nc", b"", (4,)),
        ("text.nc", b"nothing", (4,)),
        ("old.nc", b"CDF nothing", (4,)),
        ("x.txt", b"1 2 3", (2,)),
    ],
)
def test_a_bad_file_is_one_line(noneq, tmp_path, name, content, code):
    (tmp_path / name).write_bytes(content)
    done = noneq("fit", STUB, name, "-o", "run", "--quiet")
    assert done.code in code, done.err
    done.refuses(done.code)
    assert os.listdir() == [name]


@pytest.mark.parametrize("shape", [(0, 2), (5, 0)])
def test_arrays_without_numbers_are_one_line(noneq, shape):
    np.savez("nothing.npz", t_0=np.zeros(shape), t_1=np.zeros(shape))
    noneq("inspect", "nothing.npz").refuses(2, "no number")
    noneq("fit", STUB, "nothing.npz", "-o", "run", "--drop-missing").refuses(2, "no number")


def test_no_command_is_recommended_that_would_fail(noneq):
    np.savez("dates.npz", t_2459000=np.eye(2), **{"t_2459000.25": np.eye(2)})
    seen = noneq("inspect", "dates.npz")
    assert (seen.code, "next:" in seen.out) == (0, False)
    assert "Subtract the first time" in seen.out


def test_pickles_are_never_run(noneq, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    np.savez(tmp_path / "bomb.npz", values=np.array([Bomb()], dtype=object), times=np.zeros(1))
    for words in (("inspect", "bomb.npz"), ("fit", STUB, "bomb.npz", "-o", "run")):
        done = noneq(*words)
        done.refuses(done.code)
        assert done.code in (2, 4)
    assert os.listdir() == ["bomb.npz"]


def test_a_spec_file_runs_foreign_code_only_with_trust(noneq, snapshots, tmp_path):
    (tmp_path / "own_method.py").write_text(
        "open('ran', 'w').close()\nfrom stub_methods import Stub\n"
    )
    (tmp_path / "spec.toml").write_text('kind = "own_method:Stub"\nlabel = "mine"\n')
    noneq("fit", "spec.toml", snapshots, "-o", "run").refuses(2, "--trust")
    assert not os.path.exists("ran")
    assert noneq("fit", "spec.toml", snapshots, "-o", "run", "--trust").code == 0
    assert os.path.exists("ran")


def test_a_folder_of_other_things_is_left_alone(noneq, snapshots, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").write_text("dear")
    noneq("fit", STUB, snapshots, "-o", "run").refuses(2, "thesis.tex")
    noneq("fit", STUB, snapshots, "-o", "run", "--resume").refuses(2, "thesis.tex")
    assert os.listdir("run") == ["thesis.tex"]


def test_a_damaged_run_is_refused(noneq, snapshots):
    noneq("fit", STUB, snapshots, "-o", "run")
    with open("run/model.safetensors", "r+b") as file:
        file.seek(-1, 2)
        file.write(b"\xff")
    for words in (
        ["sample", "run", "-o", "s.nc"],
        ["evaluate", "run", snapshots],
        ["report", "run"],
    ):
        noneq(*words).refuses(4, "checksum")
    assert not os.path.exists("s.nc")


def test_model_and_data_must_fit(noneq, snapshots, paths):
    noneq("fit", STUB, snapshots, "-o", "run")
    noneq("evaluate", "run", paths).refuses(2, "--components")
    words = ["evaluate", "run", snapshots, "--metrics", "transition_jensen_shannon"]
    noneq(*words).refuses(2, "trajectories")


def test_a_full_disk_while_training_is_one_line(noneq, snapshots, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("stub_methods.Stub.fit", full)
    noneq("fit", STUB, snapshots, "-o", "run").refuses(3, "run", "No space left on device")
    assert os.listdir() == ["snaps.npz"]


def test_a_closed_pipe_is_no_error():
    command = [sys.executable, "-m", "noneq", "--help"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        child.stdout.close()
        assert child.stderr.read() == b""
        assert child.wait(60) in (0, 1)


def test_debug_shows_the_traceback(noneq):
    with pytest.raises(InvalidInput):
        noneq("--debug", "sample", "nothing", "-o", "s.nc")


def test_exit_codes_of_other_failures():
    assert _verdict(FitDiverged("x", step=1, leaf="loss"))[0] == 5
    assert _verdict(KeyboardInterrupt())[0] == 130
    assert _verdict(OSError(28, "No space left on device", "f"))[0] == 3
    code, text = _verdict(RuntimeError("first\nsecond"))
    assert code == 1
    assert "second" not in text
    assert "--debug" in text


@pytest.mark.parametrize("text", ["", "a", "0:1", "0:1:0", "0:1:x", "0:1:2:3", "1,,2", "0:1:1e9"])
def test_times_that_cannot_be_read(text):
    with pytest.raises(InvalidInput, match="START:STOP:COUNT"):
        parse_times(text)


def test_times():
    assert parse_times("-1:1:3").tolist() == [-1, 0, 1]
    assert parse_times("0.5").tolist() == [0.5]
    assert parse_times("0,2,3").tolist() == [0, 2, 3]


def test_a_single_fit_is_no_ensemble(noneq, snapshots):
    assert noneq("fit", STUB, snapshots, "-o", "run").code == 0
    noneq("fit", STUB, snapshots, "-o", "run", "--seeds", "2", "--resume").refuses(2, "single fit")
    assert noneq("fit", STUB, snapshots, "-o", "many", "--seeds", "2").code == 0
    noneq("fit", STUB, snapshots, "-o", "many", "--resume").refuses(2, "other files")


def test_a_method_that_fails_costs_only_its_own_rows(noneq, snapshots):
    words = ["--methods", f"{STUB},Transition", "--metrics", "w2", "--json", "--quiet"]
    done = noneq("compare", snapshots, *words)
    assert done.code == 3
    assert [row["method"] for row in done.json["rows"]] == ["Stub"]
    assert "Trajectories" in done.json["failed"]["Transition"]
    assert done.err.startswith("noneq: Transition failed: ")
    noneq("compare", snapshots, *words[2:], "--methods", "Transition").refuses(2, "Trajectories")

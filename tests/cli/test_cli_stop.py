"""SIGINT and SIGTERM end every verb with one line and 130 or 143, at once or nearly."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from noneq import cli
from noneq.data import Snapshots, write


STUCK = """
import hashlib, os, signal, threading
from noneq.cli import stopping
stopping._SECONDS = 0.2
stopping.stop_on_signals()
threading.Timer(0.2, os.kill, (os.getpid(), signal.{name})).start()
hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)
"""
"""One call that answers no signal for minutes, as a compiled program does."""

EARLY = """
import os, signal, sys

class Impatient:
    def find_spec(self, name, *_):
        if name == "noneq.cli.app":
            os.kill(os.getpid(), signal.{name})

sys.meta_path.insert(0, Impatient())
from noneq.cli import main
main()
"""
"""A signal while the program is still being imported."""

DYING = """
import os, signal, time
from noneq.cli import stopping
stopping.stop_on_signals()

class Dying:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)

try:
    Dying()
    time.sleep(5)
except stopping.Stopped as stopped:
    print(stopped)
"""
"""A signal that comes where no exception can rise."""

SMALL = ("net.width=8", "net.depth=1", "training.batch=16")
LONG = "training.steps=100000000"
VERBS = {
    "simulate": "simulate Prinz -o x.npz --n 4 --times 0:100000:3",
    "sample": "sample run -o x.npz --n 4 --set sampler.steps=20000000",
    "compare": "compare data.npz --methods ScoreMatching -o out --set " + LONG,
    "study": f"study prinz -o out --set score_matching.{LONG}",
    "fit": "fit ScoreMatching data.npz -o out --set " + LONG,
}


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("program", [STUCK, EARLY], ids=["stuck", "early"])
def test_a_program_that_is_busy_is_ended(program, name):
    done = subprocess.run(
        [sys.executable, "-c", program.format(name=name)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 128 + getattr(signal, name)
    assert done.stderr.startswith("noneq: stopped on request")
    assert done.stderr.count("\n") == 1


def test_an_interrupt_in_a_verb_is_one_line(monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("noneq.cli.catalogue.catalogue", interrupt)
    assert cli.run(["list"]) == 130
    assert capsys.readouterr().err == "noneq: interrupted.\n"


def test_a_signal_during_the_end_of_an_object_is_not_lost():
    done = subprocess.run(
        [sys.executable, "-c", DYING], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("stopped on request.\n", "")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with data and a small run."""
    folder = tmp_path_factory.mktemp("stop")
    write(Snapshots(np.random.default_rng(0).normal(size=(64, 2))), folder / "data.npz")
    words = ["fit", "ScoreMatching", folder / "data.npz", "-o", folder / "run"]
    words += [word for setting in (*SMALL, "training.steps=4") for word in ("--set", setting)]
    assert cli.run([*map(str, words), "--quiet"]) == 0
    return folder


@pytest.mark.kill
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("verb", VERBS)
def test_stopped_in_the_middle(place, verb, number, tmp_path):
    words = VERBS[verb].replace(" out", f" {tmp_path / 'out'}").split()
    if verb in ("compare", "fit"):
        words += [word for setting in SMALL for word in ("--set", setting)]
    command = [sys.executable, "-m", "noneq", *words]
    pipe = subprocess.PIPE
    child = subprocess.Popen(command, cwd=place, stdout=pipe, stderr=pipe, text=True)
    with child:
        time.sleep(12)
        assert child.poll() is None, child.stderr.read()
        asked = time.monotonic()
        os.kill(child.pid, number)
        out, err = child.communicate(timeout=30)
    assert time.monotonic() - asked < 10
    assert child.returncode == 128 + number
    assert out == ""
    last = err.splitlines()[-1]
    assert last.startswith("noneq: stopped on request")
    assert "Traceback" not in err
    assert not list(place.glob("*.part"))

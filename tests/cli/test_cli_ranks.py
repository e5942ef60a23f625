"""One fit in several processes: the same numbers, one line when one of them dies, and going on."""

import csv
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from queue import Queue

import numpy as np
import pytest

import noneq as nq
from noneq.cli import ranks
from noneq.cli.stopping import Stopped
from noneq.data import Snapshots
from noneq.errors import Interrupted


RUNS = Path(__file__).parents[1] / "store" / "runs"


def test_what_does_not_go_together_is_refused(noneq, snapshots, monkeypatch):
    fit = ("fit", "ScoreMatching", snapshots, "-o", "run")
    noneq(*fit, "--processes", "2", "--rank", "0").refuses(2, "--coordinator HOST:PORT")
    noneq(*fit, "--coordinator", "a:1").refuses(2, "--processes N")
    noneq(*fit, "--processes", "2", "--coordinator", "here", "--rank", "0").refuses(2, "HOST:PORT")
    noneq(*fit, "--processes", "2", "--coordinator", "a:1", "--rank", "2").refuses(2, "0 to 1")
    for i in range(5):
        # A batch script has some of the variables, a step all of them.
        for name in ranks._SLURM:
            monkeypatch.setenv(name, "0")
        monkeypatch.delenv(ranks._SLURM[i])
        noneq(*fit, "--coordinator", "slurm").refuses(2, f"{ranks._SLURM[i]} is not set", "srun")
    for name in ranks._SLURM:
        monkeypatch.delenv(name, raising=False)
    sample = ("sample", "run", "-o", "drawn.npz", "--processes", "2")
    noneq(*sample, "--rank", "1").refuses(2, "--coordinator HOST:PORT")
    assert not Path("run").exists()


def test_a_rank_gets_the_command_without_the_ranks():
    words = ["fit", "--processes", "2", "A", "--rank=1", "--coordinator", "a:1", "-o", "x"]
    assert ranks._without(words) == ["fit", "A", "-o", "x"]


def test_ranks_that_meet_nobody_give_one_line(capsys):
    """JAX aborts such a process, with a page of its own."""
    told, facts = Queue(), {ranks.RANK: "1", ranks.RANKS: "2", ranks.COORDINATOR: "host0:9123"}
    before = "import os; print('F1130 client.h:80]'); "
    met = f"import sys; sys.stderr.write('{ranks._MET}\\n'); sys.stderr.flush(); "
    for words, code, said in ((before, 2, "did not meet at host0:9123"), (met, 3, "by SIGABRT")):
        one = ranks._Rank([sys.executable, "-c", f"{words}import os; os.abort()"], facts, told)
        assert ranks._watch([one], told) == code
        found = capsys.readouterr()
        assert found.out == ""
        assert found.err.count("\n") == 1
        assert said in found.err


STEP = """
import signal, sys, time
def end(*_):
    sys.stderr.write("noneq: stopped on request at step 7; its state is saved in x.\\n")
    sys.exit(143)
signal.signal(signal.SIGTERM, end)
sys.stderr.write("noneq-ranks: met\\n")
sys.stderr.flush()
time.sleep(60)
"""


def test_ranks_that_are_stopped_say_at_which_step(monkeypatch):
    told, facts = Queue(), {ranks.RANKS: "2", ranks.COORDINATOR: "host0:9123"}
    command = [sys.executable, "-c", STEP]
    crew = [ranks._Rank(command, facts | {ranks.RANK: str(i)}, told) for i in range(2)]
    listen = ranks._listen

    def interrupt(*given, **how):
        listen(*given, **how)
        if all(one.met for one in crew):
            monkeypatch.setattr(ranks, "_listen", listen)
            raise Stopped(signal.SIGTERM)

    monkeypatch.setattr(ranks, "_listen", interrupt)
    with pytest.raises(Interrupted, match="at step 7; its state is saved") as stopped:
        ranks._watch(crew, told)
    assert stopped.value.signal == signal.SIGTERM
    assert [one.process.poll() for one in crew] == [143, 143]


@pytest.fixture
def call(tmp_path):
    """Starts the same fit, in a folder and with further words."""
    rng = np.random.default_rng(0)
    nq.data.write(Snapshots(rng.normal(size=(400, 2))), tmp_path / "d.npz")
    words = ["fit", "ScoreMatching", "d.npz", "--set", "training.batch=64", "--set", "net.width=16"]

    def start(folder, *more, steps=200, **variables):
        command = [sys.executable, "-m", "noneq", *words, "--set", f"training.steps={steps}"]
        return subprocess.Popen(
            [*command, "-o", folder, *more], cwd=tmp_path, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | variables,
        )  # fmt: skip

    return start


def finished(process):
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    return out


def losses(folder):
    with (folder / "history.csv").open() as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_processes_give_the_losses_of_one(call, tmp_path):
    out = finished(call("two", "--processes", "2", "--json"))
    assert out.startswith("{")  # nothing else on stdout
    finished(call("one"))
    one, two = losses(tmp_path / "one"), losses(tmp_path / "two")
    assert np.allclose(one[0], two[0], rtol=1e-6)
    assert np.allclose(one, two, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_ranks_take_all_from_the_variables_of_srun(call, tmp_path):
    step = {"SLURM_JOB_ID": "4321", "SLURM_NTASKS": "2", "SLURM_STEP_NODELIST": "localhost"}
    own = [step | {"SLURM_PROCID": str(i), "SLURM_LOCALID": str(i)} for i in range(2)]
    pair = [call("both", "--coordinator", "slurm", "--json", **facts) for facts in own]
    out = [finished(process) for process in pair]
    assert out[0].startswith("{")
    assert out[1] == ""
    finished(call("one"))
    assert np.allclose(losses(tmp_path / "both"), losses(tmp_path / "one"), rtol=1e-3)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_processes_draw_the_samples_of_one(tmp_path):
    """Whole paths; the number of samples does not divide by that of the processes."""

    def start(*words):
        command = [sys.executable, "-m", "noneq", "sample", str(RUNS / "transition"), *words]
        return subprocess.Popen(
            command, cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    out = finished(start("-o", "two.npz", "--n", "101", "--processes", "2", "--json"))
    assert out.count("{") == 1
    finished(start("-o", "one.npz", "--n", "101"))
    one, two = (nq.data.read(tmp_path / f"{name}.npz").values for name in ("one", "two"))
    assert one.std() > 0.1
    np.testing.assert_allclose(two, one, rtol=1e-5, atol=1e-5)
    place = ("-o", "x.npz", "--processes", "2", "--coordinator", "127.0.0.1:39423", "--rank")
    pair = start(*place, "0", "--n", "101"), start(*place, "1", "--n", "102")
    said = [process.communicate(timeout=600)[1] for process in pair]
    assert "was given other request than rank" in said[0] + said[1]
    assert {process.returncode for process in pair} == {2}
    assert not (tmp_path / "x.npz").exists()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_killed_rank_ends_all_and_the_command_goes_on(call, tmp_path):
    """Either rank: one line within 15 s, and the model of a fit that nobody killed."""
    steps = 4_000
    finished(call("whole", "--processes", "2", "--quiet", steps=steps))
    for which in (0, 1):
        folder = tmp_path / f"killed_{which}"
        running = call(folder.name, "--processes", "2", "--quiet", steps=steps)
        while not (folder / "checkpoint" / "state.safetensors").exists():
            assert running.poll() is None
            time.sleep(0.1)
        os.kill(ranks_of(running.pid)[which], signal.SIGKILL)
        began = time.monotonic()
        _, err = running.communicate(timeout=60)
        assert time.monotonic() - began < 15
        assert running.returncode == 3
        assert err.count("\n") == 1
        assert f"rank {which} was killed by SIGKILL" in err
        finished(call(folder.name, "--processes", "2", "--quiet", "--resume", steps=steps))
        same = [f / "model.safetensors" for f in (folder, tmp_path / "whole")]
        assert same[0].read_bytes() == same[1].read_bytes()


@pytest.mark.multi
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("first", "then"), [(("--processes", "2"), ()), ((), ("--processes", "2"))]
)
def test_a_fit_goes_on_with_another_number_of_processes(call, tmp_path, first, then):
    """What differs is the order of sums, so that losses agree but for what training makes of it."""
    steps = 1_000
    finished(call("whole", *first, "--quiet", steps=steps))
    running = call("moved", *first, steps=steps)
    while "loss" not in running.stderr.readline():
        assert running.poll() is None
    running.send_signal(signal.SIGTERM)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 143
    found = re.search(r"stopped on request at step (\d+); its state is saved in", err)
    assert found, err
    at = int(found[1])
    assert 0 < at < steps
    finished(call("moved", *then, "--quiet", "--resume", steps=steps))
    one, two = losses(tmp_path / "whole"), losses(tmp_path / "moved")
    before = at * len(one) // steps
    assert one[:before] == two[:before]  # the state that was left, not a new start
    np.testing.assert_allclose(two, one, rtol=1e-4)


LATE = """
import os, sys, time
from noneq.cli import ranks
ranks.join()
if os.environ["NONEQ_RANK"] == "0":
    time.sleep(40)
sys.stderr.write("noneq: written\\n")
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_ranks_wait_for_one_that_writes_for_long(capsys):
    """JAX's own limit of their end is half a minute or so, after which it aborts them."""
    told = Queue()
    facts = {ranks.RANKS: "2", ranks.COORDINATOR: "127.0.0.1:39429"}
    command = [sys.executable, "-c", LATE]
    crew = [ranks._Rank(command, facts | {ranks.RANK: str(i)}, told) for i in range(2)]
    assert ranks._watch(crew, told) == 0
    assert capsys.readouterr().err == "noneq: written\n"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ranks_on_other_data_or_alone_say_so(call, tmp_path):
    uneven = call("uneven", "--processes", "2", "--set", "training.batch=63")
    assert "does not divide by 2 devices; take 64" in uneven.communicate(timeout=300)[1]
    place = ("--processes", "2", "--coordinator", "127.0.0.1:39417", "--rank")
    one, two = call("a", *place, "0", "--seed", "1"), call("b", *place, "1", "--seed", "2")
    said = [process.communicate(timeout=300)[1] for process in (one, two)]
    assert "was given other seed than rank" in said[0] + said[1]
    alone = call("c", *place, "1")
    assert "did not meet at 127.0.0.1:39417" in alone.communicate(timeout=300)[1]


def ranks_of(pid):
    """Process numbers by rank."""
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True)
    facts = {}
    for word in found.stdout.split():
        environment = Path(f"/proc/{word}/environ").read_bytes().split(b"\0")
        named = dict(line.split(b"=", 1) for line in environment if b"=" in line)
        facts[int(named[b"NONEQ_RANK"])] = int(word)
    return facts

"""Replacing a folder: killed before every step, the old or the new one is there at the next open."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from noneq.data import Snapshots, atomic, read, write
from noneq.errors import InvalidInput


pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")

CHILD = """
import importlib.util, os, signal, sys
spec = importlib.util.spec_from_file_location("atomic", sys.argv[1])
atomic = importlib.util.module_from_spec(spec)
spec.loader.exec_module(atomic)
left = int(sys.argv[3])

def count(event, arguments):
    global left
    if event in ("os.rename", "shutil.rmtree", "os.remove", "os.rmdir"):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(count)
with atomic.atomic_path(sys.argv[2]) as temporary:
    (temporary / "c").mkdir(parents=True)
    for name in ("a", "b", "c/d"):
        (temporary / name).write_text("new")
"""
FILES = ("a", "b", "c/d")


def replace(path, steps):
    """Replace the folder in another process, killed after so many steps; its exit code."""
    command = [sys.executable, "-S", "-c", CHILD, atomic.__file__, str(path), str(steps)]
    return subprocess.run(command, timeout=60, check=False).returncode


def make(path, text):
    (path / "c").mkdir(parents=True)
    for name in FILES:
        (path / name).write_text(text)


@pytest.fixture(scope="module")
def dead():
    """Number of a process that has ended."""
    done = subprocess.Popen([sys.executable, "-S", "-c", ""])
    done.wait()
    return done.pid


def test_a_kill_before_every_step_leaves_the_old_or_the_new_folder(tmp_path):
    codes, seen, gone = [], [], 0
    while not codes or codes[-1]:
        path = tmp_path / str(len(codes)) / "x.zarr"
        make(path, "old")
        codes.append(replace(path, len(codes)))
        gone += not path.exists()
        atomic.recover(path)
        texts = {(path / name).read_text() for name in FILES}
        assert len(texts) == 1
        seen.append(texts.pop())
        assert os.listdir(path.parent) == ["x.zarr"]
    assert set(codes[:-1]) == {-signal.SIGKILL}
    assert gone == 1  # between the two renames
    assert seen == ["old", "old"] + ["new"] * (len(codes) - 2)
    assert len(codes) >= 5


def test_the_next_reading_or_writing_recovers(tmp_path, dead):
    old, new = (Snapshots(np.full((3, 2), x, np.float32)) for x in (1.0, 2.0))
    path, left = tmp_path / "x.zarr", f".x.zarr.{atomic._host()}-{dead}.0123abcd.part"

    def lost():
        write(old, path)
        write(new, tmp_path / "y.zarr")
        path.rename(tmp_path / f"{left}.old")
        (tmp_path / "y.zarr").rename(tmp_path / left)
        assert not path.exists()

    lost()
    np.testing.assert_array_equal(read(path).values, old.values)
    assert os.listdir(tmp_path) == ["x.zarr"]
    lost()
    write(new, path)
    np.testing.assert_array_equal(read(path).values, new.values)
    assert os.listdir(tmp_path) == ["x.zarr"]


def test_only_what_dead_writers_of_this_file_left_is_removed(tmp_path, dead):
    host, ours = atomic._host(), os.getpid()
    stay = [
        f".x.csv.{host}-{ours}.0123abcd.part",  # at work
        f".x.csv.00000000-{dead}.0123abcd.part",  # on another machine, just now
        f".y.csv.{host}-{dead}.0123abcd.part",  # of another file
        ".x.csv.part",
        "x.csv.0123abcd.part",
    ]
    go = [f".x.csv.{host}-{dead}.0123abcd.part", f".x.csv.{host}-{dead}.0123abcd.part.old"]
    aged = [".x.csv.0123abcd.part", f".x.csv.00000000-{dead}.4567abcd.part"]
    for name in (*stay, *go, *aged, "x.csv"):
        (tmp_path / name).write_text(name)
    atomic.recover(tmp_path / "x.csv")
    assert sorted(os.listdir(tmp_path)) == sorted([*stay, *aged, "x.csv"])


def test_what_nobody_owns_is_removed_after_a_day(tmp_path, monkeypatch):
    (tmp_path / ".x.csv.0123abcd.part").write_text("half")
    now = atomic.time.time()
    monkeypatch.setattr(atomic.time, "time", lambda: now + 90_000)
    with pytest.raises(InvalidInput, match="no file"):
        read(tmp_path / "x.csv")
    assert os.listdir(tmp_path) == []


def test_an_interruption_between_the_renames_puts_the_old_one_back(tmp_path, monkeypatch):
    make(tmp_path / "x.zarr", "old")
    plain, calls = os.replace, []

    def interrupted(source, target):
        calls.append(source)
        if len(calls) == 2:
            raise KeyboardInterrupt
        plain(source, target)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt), atomic.atomic_path(tmp_path / "x.zarr") as temporary:
        make(temporary, "new")
    assert Path(tmp_path / "x.zarr" / "a").read_text() == "old"
    assert os.listdir(tmp_path) == ["x.zarr"]

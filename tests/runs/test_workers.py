"""Work on processes that die: nothing is lost, nothing is done for ever."""

import pytest

from noneq.errors import InvalidInput
from noneq.runs.sweeps.workers import work
from worker_tasks import Doubling


def test_a_killed_workers_piece_is_done_again(tmp_path):
    told = []
    task = Doubling(str(tmp_path), once=(1, 3), always=(4,), refuses=(2,))
    failed = work(task, range(6), workers=2, progress=lambda *words: told.append(words))
    assert failed[2] == "2 is refused."
    assert "killed by SIGKILL (out of memory?) 3 times" in failed[4]
    assert list(failed) == [2, 4]
    assert [int((tmp_path / str(n)).read_text()) for n in (0, 1, 3, 5)] == [0, 2, 6, 10]
    tries = [len((tmp_path / f"{n}.tries").read_text()) for n in range(6)]
    assert tries == [1, 2, 1, 2, 3, 1]
    assert [done for done, _, _ in told] == [1, 2, 3, 4, 5, 6]


def test_no_worker_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="workers = 0"):
        work(Doubling(str(tmp_path)), [1], workers=0)

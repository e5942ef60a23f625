"""Independent pieces of work on processes that may die: a piece of a killed one is done again."""

import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from typing import Any

from noneq.errors import InvalidInput, NoneqError
from noneq.runs.sweeps.cluster import on_cluster


RETRIES = 2
"""How often a piece is given out again after the death of who was at it."""
_ALONE = {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "OMP_NUM_THREADS": "1",
}
"""Workers share the cores instead of each taking all; sums then have one order on every machine."""

Task = Callable[[Any], None]
Said = Callable[[int, int, str], None]


def work(
    task: Task,
    pieces: Sequence[Any],
    *,
    workers: int = 1,
    scheduler: str = "",
    retries: int = RETRIES,
    progress: Said | None = None,
) -> dict[int, str]:
    """Call ``task(piece)`` for every piece, in ``workers`` processes.

    What a piece gives is what the task leaves on disk, so that a killed worker takes nothing with
    it but the piece it was at, which another one does again.

    Args:
        task: importable function or instance; it is sent to each worker once.
        pieces: arguments of its calls.
        workers: processes, each with one thread.
        scheduler: address of a ``dask`` scheduler whose workers see the same disk; used instead.
        retries: how often a piece is done again whose worker died.
        progress: called as progress(done, all, what) after each piece.

    Returns:
        Why pieces failed, in one line, by their number.

    Raises:
        InvalidInput: workers < 1; no scheduler answers at the address, or dask is not installed.
    """
    if workers < 1:
        raise InvalidInput(f"workers = {workers}; expected at least 1.")
    say = progress or (lambda done, count, text: None)
    if scheduler:
        return on_cluster(task, pieces, scheduler, attempt=_attempt, environment=_ALONE, say=say)
    with _environment():
        crew = _Crew(task, min(workers, max(1, len(pieces))))
        try:
            return _share(crew, pieces, retries, say)
        finally:
            crew.end()


@dataclass
class _Worker:
    process: SpawnProcess
    pipe: Any
    piece: int | None = None


class _Crew:
    """Processes that wait for pieces; a dead one is replaced."""

    def __init__(self, task: Task, count: int) -> None:
        self.task = task
        self.all = [self._start() for _ in range(count)]

    def _start(self) -> _Worker:
        context = get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(target=_serve, args=(there, self.task), daemon=True)
        process.start()
        there.close()
        return _Worker(process, here)

    def replace(self, worker: _Worker) -> None:
        worker.pipe.close()
        self.all[self.all.index(worker)] = self._start()

    def end(self) -> None:
        for worker in self.all:
            worker.process.kill()
            worker.process.join()


def _share(crew: _Crew, pieces: Sequence[Any], retries: int, say: Said) -> dict[int, str]:
    """Give the pieces out until all are done or given up."""
    waiting, deaths = deque(range(len(pieces))), Counter[int]()
    failed: dict[int, str] = {}
    done = 0
    while done < len(pieces):
        for worker in crew.all:
            if worker.piece is None and waiting:
                worker.piece = waiting.popleft()
                with suppress(OSError):  # it died while idle: its pipe tells so below
                    worker.pipe.send(pieces[worker.piece])
        for pipe in wait([worker.pipe for worker in crew.all if worker.piece is not None]):
            worker = next(w for w in crew.all if w.pipe is pipe)
            number, worker.piece = worker.piece, None
            assert number is not None
            try:
                fault = worker.pipe.recv()
            except (EOFError, OSError):
                worker.process.join()
                fault = _death(worker.process.exitcode)
                crew.replace(worker)
                deaths[number] += 1
                if deaths[number] <= retries:
                    waiting.appendleft(number)
                    continue
                fault += f" {deaths[number]} times"
            if fault:
                failed[number] = fault
            done += 1
            say(done, len(pieces), str(pieces[number]))
    return dict(sorted(failed.items()))


def _death(code: int | None) -> str:
    if code is None or code >= 0:
        return f"its worker ended with code {code}"
    name = signal.Signals(-code).name
    more = " (out of memory?)" if -code == getattr(signal, "SIGKILL", 9) else ""
    return f"its worker was killed by {name}{more}"


def _serve(pipe: Any, task: Task) -> None:
    """The life of a worker: a piece comes, a line about its fault goes back ('' if none)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it ends it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            piece = pipe.recv()
        except EOFError:
            return
        pipe.send(_attempt(task, piece))


def _attempt(task: Task, piece: Any) -> str:
    try:
        task(piece)
    except NoneqError as error:
        return str(error)
    except MemoryError:
        return "not enough memory; use fewer workers, or smaller data or nets."
    except Exception as error:  # one broken piece must not cost the others
        text = str(error) or "no message"
        return f"unexpected {type(error).__name__}: {text.splitlines()[0]}"
    return ""


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _environment() -> Iterator[None]:
    """What the processes inherit: one thread each."""
    before = {name: os.environ.get(name) for name in _ALONE}
    os.environ["XLA_FLAGS"] = f"{before['XLA_FLAGS'] or ''} {_ALONE['XLA_FLAGS']}".strip()
    os.environ["OMP_NUM_THREADS"] = _ALONE["OMP_NUM_THREADS"]
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value

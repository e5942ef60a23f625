"""One command in several processes: started together, ended together, one line when one of them dies."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, Queue

from noneq.cli.output import say
from noneq.cli.stopping import Stopped
from noneq.errors import Interrupted, InvalidInput


RANK, RANKS, COORDINATOR = "NONEQ_RANK", "NONEQ_RANKS", "NONEQ_COORDINATOR"
SLURM = "slurm"
_SLURM = ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID", "SLURM_JOB_ID", "SLURM_STEP_NODELIST")
"""What JAX reads of srun's variables."""
_JOINING = 60
"""Seconds that all ranks have to find each other."""
_BEAT = 10
"""Seconds after which a silent rank counts as dead."""
_WRITING = 86_400
"""Seconds that ranks wait at the end for the first one, which may write a large file; a dead one is
known by its silence."""
_GRACE = 5.0
"""Seconds that ranks have to end by themselves once one of them is dead."""
_MET = "noneq-ranks: met"
"""What a rank tells the process that started it, on a line of its own."""
_OPTIONS = ("--processes", "--coordinator", "--rank")


def shares(processes: int, coordinator: str, rank: int | None) -> bool:
    """Whether this process is to start ranks, after a look at what was asked for.

    Raises:
        InvalidInput: parts that do not go together.
    """
    if RANK in os.environ:
        return False
    if coordinator == SLURM:
        missing = [name for name in _SLURM if name not in os.environ]
        if missing:
            raise InvalidInput(
                f"--coordinator slurm: {missing[0]} is not set; start with srun, or give HOST:PORT."
            )
        return True
    if coordinator and not re.fullmatch(r"[^:\s]+:\d{1,5}", coordinator):
        raise InvalidInput(f"--coordinator {coordinator}: expected HOST:PORT or slurm.")
    if bool(coordinator) != (rank is not None) or (coordinator and processes < 2):
        raise InvalidInput(
            "several hosts need all of --processes N --coordinator HOST:PORT --rank I; one host needs "
            "--processes N alone."
        )
    if rank is not None and not 0 <= rank < processes:
        raise InvalidInput(f"--rank {rank}: expected 0 to {processes - 1}.")
    return processes > 1


def start(words: Sequence[str], processes: int, coordinator: str, rank: int | None) -> int:
    """Run the command in all ranks of this host (with a coordinator: in one) and wait for them.

    Returns:
        The exit code: that of the rank that failed first.
    """
    command = [sys.executable, "-m", "noneq", *_without(words)]
    if coordinator == SLURM:
        given = [{RANK: os.environ["SLURM_PROCID"], RANKS: os.environ["SLURM_NTASKS"]}]
    else:
        numbers = range(processes) if rank is None else [rank]
        given = [{RANK: str(i), RANKS: str(processes)} for i in numbers]
    place = coordinator or f"127.0.0.1:{_free_port()}"
    told: Queue[tuple[int, str]] = Queue()
    crew = [_Rank(command, facts | {COORDINATOR: place}, told) for facts in given]
    try:
        return _watch(crew, told)
    finally:
        for one in crew:
            one.process.kill()
            one.process.wait()


def join() -> None:
    """Meet the other ranks, if this process is one; before anything else asks JAX for devices.

    Raises:
        InvalidInput: they do not answer.
    """
    if RANK not in os.environ:
        return
    import jax

    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    place = os.environ[COORDINATOR]
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    where = (
        {}
        if place == SLURM
        else {
            "coordinator_address": place,
            "num_processes": int(os.environ[RANKS]),
            "process_id": int(os.environ[RANK]),
        }
    )
    try:
        jax.distributed.initialize(
            **where,
            initialization_timeout=_JOINING,
            heartbeat_timeout_seconds=_BEAT,
            shutdown_timeout_seconds=_WRITING,
        )
    except (RuntimeError, ValueError, OSError) as error:
        raise InvalidInput(_apart(os.environ)) from error
    sys.stderr.write(f"{_MET}\n")
    sys.stderr.flush()


def _apart(facts: Mapping[str, str]) -> str:
    return (
        f"the {facts[RANKS]} ranks did not meet at {facts[COORDINATOR]} within {_JOINING} s; is "
        "rank 0 running, and can its port be reached?"
    )


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


def is_first() -> bool:
    """Whether this process speaks for all ranks."""
    return os.environ.get(RANK, "0") == "0"


@dataclass
class _Rank:
    """A child; what it says on stderr goes to the queue ``told``."""

    command: list[str]
    facts: dict[str, str]
    told: "Queue[tuple[int, str]]"
    process: subprocess.Popen = field(init=False)
    met: bool = field(init=False, default=False)
    threads: list[threading.Thread] = field(init=False)

    def __post_init__(self) -> None:
        first = self.facts[RANK] == "0"
        self.process = subprocess.Popen(
            self.command,
            env=os.environ | self.facts,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if first else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        threads = [self._hear, *([self._show] if first else [])]
        self.threads = [threading.Thread(target=one, daemon=True) for one in threads]
        for thread in self.threads:
            thread.start()

    @property
    def number(self) -> int:
        return int(self.facts[RANK])

    def _show(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if not line.startswith("[Gloo]"):
                sys.stdout.write(line)

    def _hear(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.met |= line.startswith(_MET)
            self.told.put((self.number, line.rstrip("\n")))


def _watch(crew: Sequence[_Rank], told: "Queue[tuple[int, str]]") -> int:
    """Pass on what the first rank says, until all are done or one has died.

    Raises:
        Interrupted: a signal came; in the words of the first rank, if it has come to the end of its
            step.
    """
    last: dict[int, str] = {}
    try:
        while True:
            _listen(told, last, crew[0].number)
            codes = [one.process.poll() for one in crew]
            if any(codes):
                return _end(crew, told, last)
            if None not in codes:
                for thread in (t for one in crew for t in one.threads):
                    thread.join()
                _listen(told, last, crew[0].number)
                if crew[0].number in last:
                    say(last[crew[0].number])
                return 0
    except BaseException as stopped:
        # Ranks that are asked to stop agree on the step and save their state.
        if not isinstance(stopped, Stopped | KeyboardInterrupt):
            raise
        code = stopped.signal if isinstance(stopped, Stopped) else signal.SIGINT
        for one in crew:
            one.process.send_signal(code)
        _until(lambda: all(one.process.poll() is not None for one in crew), _GRACE)
        _listen(told, last, crew[0].number, wait=0.5)
        if crew[0].process.poll() == 128 + code and " at step " in last.get(crew[0].number, ""):
            raise Interrupted(last[crew[0].number], signal=code) from stopped
        text = f"stopped on request, before the ranks agreed on a step; {_next(crew[0])}"
        raise Interrupted(text, signal=code) from stopped


def _listen(
    told: "Queue[tuple[int, str]]", last: dict[int, str], first: int, *, wait: float = 0.1
) -> None:
    """Lines of the first rank to stderr, but for its last word, which may be about another's death."""
    with suppress(Empty):
        while True:
            number, line = told.get(timeout=wait)
            if not line.startswith("noneq: "):
                continue  # what libraries below say when a connection is lost
            if number == first and number in last:
                say(last[number])
            last[number] = line.removeprefix("noneq: ")


def _end(crew: Sequence[_Rank], told: "Queue[tuple[int, str]]", last: dict[int, str]) -> int:
    """One line on the rank that failed; the others are ended."""
    _listen(told, last, crew[0].number, wait=0.5)
    # One that lost a neighbour aborts or meets an unexpected error: the neighbour's end explains it.
    blame = {-signal.SIGABRT: 3, 1: 2}
    order = lambda one: blame.get(one.process.poll() or 0, 0 if one.process.poll() else 4)
    dead = min(crew, key=order)
    code = dead.process.wait()
    for one in crew:
        one.process.kill()
    if code > 1 and dead.number in last:
        say(last[dead.number])
        return code
    if code == -signal.SIGABRT and not dead.met:  # JAX aborts where it meets nobody
        say(_apart(dead.facts))
        return 2
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    more = f" ({last[dead.number]})" if code == 1 and dead.number in last else ""
    say(f"rank {dead.number} {how}{more}, and the others were ended; {_next(dead)}")
    return 3


def _next(one: _Rank) -> str:
    """What to do after an end in the middle."""
    if "fit" in one.command[3:4]:
        return "the last saved state is kept: the same command with --resume goes on."
    return "give the same command again."


def _until(done: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not done():
        time.sleep(0.05)


def _without(words: Sequence[str]) -> list[str]:
    """The command without the options of this file."""
    kept, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word in _OPTIONS:
            skip = True
        elif not word.startswith(tuple(f"{name}=" for name in _OPTIONS)):
            kept.append(word)
    return kept


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

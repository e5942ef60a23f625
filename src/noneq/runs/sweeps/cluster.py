"""Independent pieces of work on the workers of a ``dask`` scheduler, which see the same disk."""

import logging
import os
import re
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from noneq.errors import InvalidInput


_FIRST = 60
"""Seconds that a scheduler without workers is given to get one."""
_LOOK = 30
"""Seconds after which a silent cluster is looked at."""
_LOGGERS = ("distributed", "tornado", "asyncio")
_ONE = threading.Lock()
"""A worker with several threads still does one piece at a time: a fit takes what is global."""

Task = Callable[[Any], None]
Attempt = Callable[[Task, Any], str]


def on_cluster(
    task: Task,
    pieces: Sequence[Any],
    address: str,
    *,
    attempt: Attempt,
    environment: dict[str, str],
    say: Callable[[int, int, str], None],
) -> dict[int, str]:
    """As `noneq.runs.sweeps.workers.work`: why pieces failed, by their number.

    A piece whose worker dies is done again by another one, as often as the scheduler allows
    (``distributed.scheduler.allowed-failures``, 3 by default).

    Args:
        task, pieces: see there.
        address: of the scheduler, ``tcp://HOST:8786``.
        attempt: calls the task and gives a line about its fault.
        environment: variables that each worker has before it computes anything.
        say: called as say(done, all, what) after each piece.

    Raises:
        InvalidInput: dask is not installed, no scheduler answers, or it has no worker.
    """
    try:
        import distributed  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise InvalidInput(
            "a scheduler needs dask.distributed: pip install 'noneq[cluster]', or give --workers."
        ) from error

    if not re.fullmatch(r"(\w+://)?[^/\s]+:\d{1,5}", address):
        raise InvalidInput(
            f"--scheduler {address}: expected tcp://HOST:PORT, such as tcp://host:8786."
        )

    class OneThread(distributed.WorkerPlugin):
        """Also workers that come later, or that are started again, get the environment."""

        def setup(self, worker: Any) -> None:
            for name, value in environment.items():
                given = os.environ.get(name, "")
                os.environ[name] = given if value in given else f"{given} {value}".strip()

    try:
        client = distributed.Client(address, timeout="10s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise InvalidInput(
            f"no dask scheduler answers at {address}; start one with `dask scheduler`."
        ) from error
    with _quiet(), client, client.as_current():
        try:
            client.wait_for_workers(1, timeout=_FIRST)
        except distributed.TimeoutError as error:
            raise InvalidInput(
                f"the scheduler at {address} has no worker; start some with `dask worker {address} "
                "--nthreads 1`."
            ) from error
        client.register_plugin(OneThread())
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sending large graph")
            # Not scattered: what a dead worker takes with it is sent again.
            shared = client.submit(_same, task, pure=False)
            waiting = {
                client.submit(_alone, attempt, shared, piece, pure=False): number
                for number, piece in enumerate(pieces)
            }
        failed: dict[int, str] = {}
        while waiting:
            with suppress(distributed.CancelledError):  # the scheduler was lost: seen below
                try:
                    distributed.wait(list(waiting), timeout=_LOOK, return_when="FIRST_COMPLETED")
                except distributed.TimeoutError:
                    _tell_if_alone(client, address)
            for future in [future for future in waiting if future.done()]:
                number = waiting.pop(future)
                if fault := _fault(future):
                    failed[number] = fault
                say(len(pieces) - len(waiting), len(pieces), str(pieces[number]))
    return dict(sorted(failed.items()))


@contextmanager
def _quiet() -> Iterator[None]:
    """What dask and its loop log of lost connections is told by the pieces that fail."""
    known = [name for name in logging.root.manager.loggerDict if name.startswith(_LOGGERS)]
    before = {name: logging.getLogger(name).level for name in known}
    for name in known:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


def _same(task: Task) -> Task:
    return task


def _alone(attempt: Attempt, task: Task, piece: Any) -> str:
    with _ONE:
        return attempt(task, piece)


def _fault(future: Any) -> str:
    """What a finished future says went wrong; '' if nothing."""
    if future.status == "finished":
        return future.result()
    if future.status != "error":
        return "the scheduler was lost; the same command does what is missing"
    error = future.exception()
    if type(error).__name__ == "KilledWorker":
        return "its workers died again and again (out of memory?)"
    lines = str(error).splitlines() or ["no message"]
    return f"a worker could not take it: {type(error).__name__}: {lines[0]}"


def _tell_if_alone(client: Any, address: str) -> None:
    if not client.scheduler_info()["workers"]:
        warnings.warn(
            f"the scheduler at {address} has no worker any more; start one and this goes on, or stop: "
            "finished cells are kept.",
            stacklevel=2,
        )

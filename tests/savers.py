"""What the child processes of test_store do; started by a fork server that has imported noneq."""

import os
import resource
from multiprocessing.connection import Connection
from pathlib import Path
from time import sleep

from noneq.errors import NoneqError
from noneq.store.journal import replace_all
from noneq.store.locks import lock


def naive(folder: Path, content: dict[str, bytes]) -> None:
    """The writer that must fail: every file in place, one after the other."""
    for name, blob in content.items():
        (folder / name).write_bytes(blob)


WRITERS = {"journal": replace_all, "naive": naive}


def save_for_ever(writer: str, folder: Path, versions: list, pipe: Connection) -> None:
    """Save one version after the other, telling after each which one is safe."""
    while True:
        for i, content in enumerate(versions):
            WRITERS[writer](folder, content)
            pipe.send(i)


def save_on_full_disk(folder: Path, content: dict, limit: int, pipe: Connection) -> None:
    """Save where no file may grow beyond the limit."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        replace_all(folder, content)
        pipe.send("saved")
    except NoneqError as error:
        pipe.send(str(error))


def hold(folder: Path, pipe: Connection) -> None:
    """Hold the lock until killed."""
    with lock(folder):
        pipe.send(os.getpid())
        sleep(60)

"""Columns of a HDF5 or parquet file, opened by the process `noneq.unpacking`."""

import json
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from noneq.data.safety import refuse_bomb
from noneq.errors import DataFileError, InvalidInput


_PATIENCE = 30.0
"""Seconds without a word from the process until it is ended."""
_PROGRAM = ("-m", "noneq.unpacking")


@dataclass(frozen=True)
class Column:
    """One array of a file.

    Attributes:
        dims: names of its axes.
        attrs: what its file says of it.
        values: its entries; text as Python strings.
    """

    dims: tuple[str, ...]
    attrs: dict[str, Any]
    values: np.ndarray


Form = Literal["hdf5", "matlab", "molecules", "netcdf3", "parquet", "tree"]


@dataclass(frozen=True)
class Listed:
    """What is known of an array before it is read; its dtype is None for text."""

    shape: tuple[int, ...]
    dtype: np.dtype | None
    attrs: dict[str, Any]


def listing(
    path: Path, form: Form, limit: int, **more: Any
) -> tuple[dict[str, Any], dict[str, Listed]]:
    """The attributes of a file and its arrays by name, unread.

    Raises:
        DataFileError: as `unpacked`.
    """
    with _Listener(path, *_call(path, form, limit, (), more)) as process:
        start = process.message()
    kinds = [None if c["dtype"] is None else np.dtype(c["dtype"]) for c in start["columns"]]
    pairs = zip(start["columns"], kinds, strict=True)
    return start["attrs"], {c["name"]: Listed(tuple(c["shape"]), k, c["attrs"]) for c, k in pairs}


def unpacked(
    path: Path, form: Form, limit: int, texts: Collection[str] = (), **more: Any
) -> tuple[dict[str, Any], list[tuple[str, Column]]]:
    """The file's own attributes and its columns by name (which may be double).

    Args:
        path: the file.
        form: its format.
        limit: bytes that its columns may take together.
        texts: names of columns whose text is wanted.
        more: further arguments of the reader in `noneq.unpacking`.

    Raises:
        DataFileError: damaged or unsafe; its library crashed, or went on for 30 s without a word.
    """
    with _Listener(path, *_call(path, form, limit, texts, more)) as process:
        start = process.message()
        columns = start["columns"]
        dtypes = [np.dtype(column["dtype"] or np.int64) for column in columns]
        shapes = [tuple(column["shape"]) for column in columns]
        sizes = [math.prod(s) * d.itemsize for s, d in zip(shapes, dtypes, strict=True)]
        refuse_bomb(path, sum(sizes), limit)
        arrays = [np.zeros(*pair) for pair in zip(shapes, dtypes, strict=True)]
        while "column" in (message := process.message()):
            place, ends = message["column"], message["at"]
            piece = np.frombuffer(process.body(message["nbytes"]), dtypes[place])
            shape = [stop - begin for begin, stop in ends]
            arrays[place][tuple(slice(*pair) for pair in ends)] = piece.reshape(shape)
        labels = message["labels"]
    for i, column in enumerate(columns):
        if column["name"] in labels:
            words = np.array([*labels[column["name"]], ""], object)
            arrays[i] = words[arrays[i].ravel()].reshape(arrays[i].shape)
    return start["attrs"], [
        (column["name"], Column(tuple(column["dims"]), column["attrs"], array))
        for column, array in zip(columns, arrays, strict=True)
    ]


def unpacked_blocks(
    path: Path, form: Form, limit: int, texts: Collection[str] = ()
) -> Generator[dict[str, Any], None, None]:
    """As `unpacked`, some rows of all columns at a time; texts as places in ``labels``.

    Yields:
        First ``attrs``, then arrays by the name of their column, at the end ``labels``.

    Raises:
        DataFileError: as `unpacked`.
    """
    with _Listener(path, *_call(path, form, limit, texts, {})) as process:
        start = process.message()
        yield {"attrs": start["attrs"]}
        names = [column["name"] for column in start["columns"]]
        dtypes = [np.dtype(column["dtype"] or np.int64) for column in start["columns"]]
        rows: dict[str, np.ndarray] = {}
        while "column" in (message := process.message()):
            place = message["column"]
            if names[place] in rows:
                yield rows
                rows = {}
            rows[names[place]] = np.frombuffer(process.body(message["nbytes"]), dtypes[place])
        if rows:
            yield rows
        yield {"labels": message["labels"]}


def _call(
    path: Path, form: Form, limit: int, texts: Collection[str], more: dict[str, Any]
) -> tuple[list[str], dict[str, str]]:
    """Command and environment of the process."""
    request = {"path": str(path.absolute()), "format": form, "limit": limit, "texts": [*texts]}
    # Of the memory pools of arrow only the system's keeps to a limit.
    paths = os.pathsep.join(filter(None, sys.path))
    environment = os.environ | {"PYTHONPATH": paths, "ARROW_DEFAULT_MEMORY_POOL": "system"}
    return [sys.executable, "-P", *_PROGRAM, json.dumps(request | {"more": more})], environment


class _Listener:
    """Hears what a process says, and ends it when it is silent for too long."""

    def __init__(self, path: Path, command: list[str], environment: dict[str, str]):
        self._path = path
        self._heard = time.monotonic()
        self._late = False
        self._done = threading.Event()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        self._watch = threading.Thread(target=self._end_when_silent, daemon=True)
        self._watch.start()

    def __enter__(self) -> "_Listener":
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._process.kill()
        self._process.communicate()
        self._watch.join()

    def message(self) -> dict[str, Any]:
        """What it says next.

        Raises:
            DataFileError: that something is wrong with the file, or nothing any more.
            InvalidInput: that the file has not what was asked for.
        """
        assert self._process.stdout is not None
        message = json.loads(self._whole(self._process.stdout.readline(), ends=b"\n"))
        if "claimed" in message:
            refuse_bomb(self._path, message["claimed"], message["limit"])
        if "unfit" in message:
            raise InvalidInput(f"{self._path}: {message['unfit']}")
        if "error" in message:
            raise DataFileError(f"{self._path} cannot be read: {message['error']}")
        return message

    def body(self, size: int) -> bytes:
        """So many bytes that follow a message."""
        assert self._process.stdout is not None
        return self._whole(self._process.stdout.read(size), size=size)

    def _whole(self, said: bytes, *, ends: bytes = b"", size: int | None = None) -> bytes:
        self._heard = time.monotonic()
        if said.endswith(ends) and len(said) == (size or len(said)):
            return said
        why = f"makes its library work for {_PATIENCE:.0f} s without a word"
        why = why if self._late else "makes its library crash"
        raise DataFileError(f"{self._path} {why}; it is damaged: restore it from a copy.")

    def _end_when_silent(self) -> None:
        while not self._done.wait(max(0.0, self._heard + _PATIENCE - time.monotonic())):
            if time.monotonic() >= self._heard + _PATIENCE:
                self._late = True
                self._process.kill()
                return

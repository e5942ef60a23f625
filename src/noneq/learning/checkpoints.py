"""Training state on disk, and stopping on request."""

import hashlib
import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from noneq import devices
from noneq.data.atomic import atomic_path
from noneq.errors import DataFileError, Interrupted, InvalidInput, WriteFailed


_EVERY_SECONDS = 5.0


class Checkpoint:
    """One file ``state.safetensors``: every array of the state, the history, and who it is of.

    Replaced atomically, so that a kill at any moment leaves the previous or the new state.

    Args:
        folder: where it lives; None makes every call a no-op.
        identity: what must be equal for a state to be resumed (settings, key).
    """

    def __init__(self, folder: Path | None, identity: dict[str, Any]):
        self.path = None if folder is None else Path(folder) / "state.safetensors"
        text = "" if folder is None else repr(jax.tree.map(_plain, identity))
        self.identity = hashlib.sha256(text.encode()).hexdigest()
        self.last = time.monotonic()

    def save(self, state: PyTree, history: dict, *, only_if_due: bool = False) -> None:
        """Write the state; with ``only_if_due`` at most every few seconds.

        Raises:
            WriteFailed: the disk refused; the previous state is intact.
        """
        now = time.monotonic()
        due = now - self.last >= _EVERY_SECONDS or not only_if_due
        if self.path is None or not due or devices.rank():
            return
        from safetensors.numpy import save

        arrays = _arrays(state)
        meta = {
            "identity": self.identity,
            "history": json.dumps(history),
            "sha256": _digest(arrays),
        }
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(self.path) as temporary:
                temporary.write_bytes(save(arrays, meta))
        except OSError as error:
            raise WriteFailed(f"cannot write {self.path}: {error.strerror or error}.") from error
        self.last = now

    def stopped(self, error: DataFileError, step: int) -> DataFileError:
        """The error of data that cannot be read any more, and how to go on."""
        where = (
            f"its state is saved in {self.path}: put the file back as it was and go on with --resume"
            if self.path
            else "put the file back as it was and fit again"
        )
        return DataFileError(f"{error} Training stopped at step {step}; {where}.")

    def restore(self, state: PyTree, history: dict) -> tuple[PyTree, dict]:
        """The saved (state, history), or the given ones if there is none; rank 0's for all ranks.

        Raises:
            DataFileError: the file is damaged.
            InvalidInput: it belongs to another fit.
        """
        if self.path is None:
            return state, history
        found, told = (state, history) if devices.rank() else self._read(state, history)
        return devices.of_first_arrays(found), json.loads(devices.of_first(json.dumps(told)))

    def _read(self, state: PyTree, history: dict) -> tuple[PyTree, dict]:
        if self.path is None or not self.path.exists():
            return state, history
        from safetensors import safe_open

        try:
            with safe_open(self.path, "numpy") as file:
                meta = file.metadata() or {}
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except Exception as error:
            raise DataFileError(
                f"{self.path} cannot be read ({error}); delete it to start anew."
            ) from error
        if meta.get("sha256") != _digest(arrays):
            raise DataFileError(f"{self.path} fails its checksum; delete it to start anew.")
        if meta.get("identity") != self.identity or arrays.keys() != _arrays(state).keys():
            raise InvalidInput(
                f"{self.path} belongs to a fit with other settings, seed or data; "
                "resume with the same ones or choose another output folder."
            )
        leaves, treedef = jax.tree.flatten(state)
        fresh = [_like(leaf, arrays[f"{i:05d}"]) for i, leaf in enumerate(leaves)]
        return jax.tree.unflatten(treedef, fresh), json.loads(meta["history"])


def _plain(leaf: Any) -> Any:
    if isinstance(leaf, jax.Array) and jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return np.asarray(jax.random.key_data(leaf)).tolist()
    if isinstance(leaf, jax.Array | np.ndarray):
        return hashlib.sha256(np.asarray(leaf).tobytes()).hexdigest()
    return leaf


def _arrays(state: PyTree) -> dict[str, np.ndarray]:
    """Leaves by position; typed keys as their integers."""
    plain = lambda a: (
        jax.random.key_data(a) if jax.dtypes.issubdtype(a.dtype, jax.dtypes.prng_key) else a
    )
    # A scalar view may be non-contiguous; safetensors stores raw bytes.
    return {
        f"{i:05d}": np.array(plain(leaf), order="C", copy=True)
        for i, leaf in enumerate(jax.tree.leaves(state))
    }


def _like(leaf: jax.Array, array: np.ndarray) -> jax.Array:
    if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(jnp.asarray(array))
    return jnp.asarray(array)


def _digest(arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name}{array.dtype}{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


class Stop:
    """While inside, SIGINT and SIGTERM are noted instead of killing; main thread only."""

    def __init__(self) -> None:
        self.asked: int | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> "Stop":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: Any) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: Any) -> None:
        if self.asked is not None:
            # Asked twice: the user means it.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self.asked = number

    def raise_if_asked(self, step: int, path: Path | None, *, elsewhere: bool = False) -> None:
        """End in good order.

        Raises:
            Interrupted: if a signal came, here or to another process that computes the same.
        """
        if self.asked is None and elsewhere:
            self.asked = signal.SIGTERM
        if self.asked is not None:
            where = (
                f"its state is saved in {path}; the same command (of `noneq fit` with --resume) goes on"
                if path
                else "the same command goes on with what was finished before this fit"
            )
            raise Interrupted(f"stopped on request at step {step}; {where}.", signal=self.asked)

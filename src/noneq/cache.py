"""Compiled programs kept on disk, so that the next process need not compile them again."""

import hashlib
import os
import platform
import shutil
import sys
import time
import warnings
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any


_MEGABYTES = 64
"""Some thousand programs. JAX looks at all of them when it writes one, so more would cost time."""
_SHORTEST = 0.02
"""Seconds of compiling below which an entry costs about as much as it saves."""

_FOLDER = "jax_compilation_cache_dir"
_BOUND = "jax_compilation_cache_max_size"
_FROM = "jax_persistent_cache_min_compile_time_secs"
_OF_JAX = {_BOUND: -1, _FROM: 1.0}
"""What JAX sets by itself; anything else is the user's own."""

_FORGOTTEN = 90 * 86_400.0
"""Seconds after which the programs of another version of jaxlib, or of another processor, go."""


def enable_cache(folder: str | Path | None = None, *, megabytes: int = _MEGABYTES) -> Path | None:
    """Keep compiled programs on disk and use them again, in this process and in later ones.

    ``import noneq`` never does this by itself; the command line does. A folder that was chosen
    before (``JAX_COMPILATION_CACHE_DIR``, ``jax.config``) stays, and so does a cache that was
    switched off (``JAX_ENABLE_COMPILATION_CACHE=0``). The least recently used programs go first.

    Args:
        folder: where to keep them; else a folder of this version of jaxlib and this processor in
            the user's cache folder (``XDG_CACHE_HOME``), which nobody else can read. Whoever can
            write to it can run code as you: do not share it.
        megabytes: bound of the folder.

    Returns:
        The folder in use, or None if there is none: switched off, or it cannot be written (which
        is a warning).
    """
    import jax

    if not jax.config.values["jax_enable_compilation_cache"]:
        return None
    if chosen := jax.config.values[_FOLDER]:
        return Path(chosen)
    try:
        settings = _settings(folder, megabytes)
    except OSError as error:
        warnings.warn(f"compiled programs are not kept: {error}.", stacklevel=2)
        return None
    for name, value in settings.items():
        if jax.config.values[name] == _OF_JAX.get(name):
            jax.config.update(name, value)
    return Path(settings[_FOLDER])


def environment() -> dict[str, str]:
    """The same as environment variables, for a process that has not imported JAX yet.

    Empty if the user has chosen, or if the folder cannot be written.
    """
    if {_FOLDER.upper(), "JAX_ENABLE_COMPILATION_CACHE"} & set(os.environ):
        return {}
    try:
        settings = _settings(None, _MEGABYTES)
    except OSError:
        return {}
    ours = {name.upper(): str(value) for name, value in settings.items()}
    return {name: value for name, value in ours.items() if name not in os.environ}


def _settings(folder: str | Path | None, megabytes: int) -> dict[str, Any]:
    """JAX's settings for a folder that is there and ours."""
    path = _default_folder() if folder is None else Path(folder)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder is None:
        for own in (path.parent, path):
            own.chmod(0o700)  # fails if it belongs to somebody else
        _forget_others(path)
    _remove_halves(path)
    return {_FOLDER: str(path), _BOUND: megabytes * 10**6, _FROM: _SHORTEST}


def _default_folder() -> Path:
    home = Path.home()
    system = {"darwin": home / "Library" / "Caches", "win32": home / "AppData" / "Local"}
    base = os.environ.get("XDG_CACHE_HOME") or system.get(sys.platform, home / ".cache")
    return Path(base).absolute() / "noneq" / f"jaxlib-{version('jaxlib')}-{_processor()}"


def _processor() -> str:
    """Digest of what XLA compiles for: instruction sets and number of cores."""
    facts = [platform.machine(), platform.processor(), str(os.cpu_count())]
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        facts += sorted({line for line in lines if line.startswith(("flags", "Features"))})
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:12]


def _forget_others(path: Path) -> None:
    for other in path.parent.glob("jaxlib-*"):
        if other != path and time.time() - other.stat().st_mtime > _FORGOTTEN:
            shutil.rmtree(other, ignore_errors=True)


def _remove_halves(path: Path) -> None:
    """Entries of a process that was killed while it wrote: JAX dates an entry when it is whole.

    Raises:
        OSError: the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    with suppress(Timeout), FileLock(path / ".lockfile", timeout=0):
        for entry in path.glob("*-cache"):
            if not entry.with_name(entry.name.removesuffix("cache") + "atime").exists():
                entry.unlink(missing_ok=True)

"""A limit on the memory of this process."""

import sys
from pathlib import Path


WORK = 96_000_000
"""Bytes that a library may take for its own work."""


def used_memory() -> int:
    """Bytes of data that this process has allocated; 0 where nobody knows."""
    if sys.platform != "linux":
        return 0
    lines = Path("/proc/self/status").read_text().splitlines()
    sizes = dict(line.split(":", 1) for line in lines)
    return int(sizes["VmData"].split()[0]) * 1024


def limit_memory(size: int) -> None:
    """Allow this process so many bytes of data; only Linux keeps to it."""
    if sys.platform != "linux":
        return
    import resource

    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    soft = size if hard == resource.RLIM_INFINITY else min(size, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))

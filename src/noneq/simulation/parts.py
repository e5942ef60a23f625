"""Simulations larger than memory: some thousand trajectories at a time."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Array

from noneq._typing import Key
from noneq.data.atomic import atomic_path
from noneq.data.ensembles import Trajectories
from noneq.data.files import check_target, read
from noneq.data.hints import reason
from noneq.data.layouts import Raw, as_raw
from noneq.data.lazy.ensemble import LazyEnsemble
from noneq.data.lazy.writer import write_parts
from noneq.errors import InvalidInput, NoneqError, WriteFailed
from noneq.kinds import checked
from noneq.simulation.ensemble import begun
from noneq.simulation.solvers import AbstractSolver
from noneq.systems.base import AbstractSystem
from noneq.traits import AbstractModel


@checked
def simulate_to(
    path: str | Path,
    system: AbstractSystem | AbstractModel,
    times: Sequence[float | int] | np.ndarray | Array,
    *,
    n: int,
    key: Key,
    solver: AbstractSolver | None = None,
    substeps: int | None = None,
    start: Any = None,
) -> LazyEnsemble:
    """`simulate` into a zarr folder, written as it goes: the same numbers, held in parts.

    In memory are the states at one time of all trajectories, and a few hundred MB of frames. The
    folder appears when it is whole.

    Args:
        path: of the folder, ending in ``.zarr``.
        system, times, n, key, solver, substeps, start: as in `simulate`.

    Returns:
        The folder, read lazily.

    Raises:
        InvalidInput: another format, or what `simulate` refuses but for the size.
        WriteFailed: the disk refused; what was there before is intact.
        MissingTrait, SolveFailed: as `simulate`.
    """
    path = check_target(path)
    if path.suffix.lower() != ".zarr":
        raise InvalidInput(f"simulate_to: {path} is no zarr folder; name one that ends in .zarr.")
    clock, labels, states, blocks = begun(system, times, n, key, solver, substeps, start)
    try:
        with atomic_path(path) as temporary:
            write_parts(_parts(clock, labels, states, blocks), temporary, n=n, times=clock)
    except NoneqError:
        raise
    except OSError as error:
        raise WriteFailed(f"cannot write {path}: {reason(error)}; free space or change it.") from (
            error
        )
    return read(path, lazy=True)


def _parts(
    times: np.ndarray, labels: dict[str, Any], states: np.ndarray, blocks: Iterator[Any]
) -> Iterator[Raw]:
    """Whole trajectories of each block, checked as data are."""
    for rows, frames in blocks:
        first = states[rows][:, None][:, : times.size - frames.shape[1]]
        yield as_raw(Trajectories(np.concatenate([first, frames], axis=1), times, **labels))

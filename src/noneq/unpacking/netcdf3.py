"""Classic netCDF, through SciPy: numeric variables, one piece each."""

import math
from collections.abc import Collection

import numpy as np

from noneq.unpacking.attributes import attributes
from noneq.unpacking.memory import WORK, limit_memory, used_memory
from noneq.unpacking.pieces import Say, refuse_bomb, send


def read_netcdf3(path: str, limit: int, texts: Collection[str], say: Say) -> None:
    """Say the numeric variables.

    Raises:
        Bomb: they take more than ``limit`` bytes.
        MemoryError: the file claims far more than it holds.
    """
    from scipy.io import netcdf_file

    limit_memory(used_memory() + WORK + 4 * limit)
    with netcdf_file(path, "r", mmap=False, maskandscale=False) as file:
        kept = {n: v for n, v in file.variables.items() if np.dtype(v.data.dtype).kind in "fiu"}
        shapes = {name: np.shape(variable.data) for name, variable in kept.items()}
        sizes = [math.prod(shapes[n]) * v.data.dtype.itemsize for n, v in kept.items()]
        refuse_bomb(sum(sizes), limit)
        columns = [
            {
                "name": name,
                "dims": variable.dimensions,
                "attrs": attributes(vars(variable)["_attributes"]),
                "dtype": variable.data.dtype.str,
                "shape": shapes[name],
            }
            for name, variable in kept.items()
        ]
        say({"attrs": attributes(vars(file)["_attributes"]), "columns": columns})
        for place, (name, variable) in enumerate(kept.items()):
            send(say, place, [(0, n) for n in shapes[name]], variable.data)
        say({"labels": {}})

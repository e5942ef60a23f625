"""Works as they are given: arrays of finite numbers, over kT."""

from typing import Any

import numpy as np

from noneq.data.checks import host_array
from noneq.errors import InvalidInput
from noneq.thermo.free_energies.relations import Works


_LEAST = 2
_FORBIDDEN = 5.0
"""Standard errors by which two mean works may add up to less than nothing."""


def as_works(forward: Any, backward: Any, beta: float, what: str) -> Works:
    """Both sets of works over kT, of weight one each.

    Raises:
        InvalidInput: too few, NaN, beta not positive, or works against the second law, which a wrong
            sign of the backward ones gives.
    """
    if not 0 < beta < float("inf"):
        raise InvalidInput(f"{what}: beta = {beta}; it must be > 0, 1 for works in units of kT.")
    ahead = beta * as_vector(forward, f"{what}: forward")
    back = np.zeros(0) if backward is None else beta * as_vector(backward, f"{what}: backward")
    works = Works(ahead, back, np.ones(ahead.size), np.ones(back.size))
    if back.size:
        loss = ahead.mean() + back.mean()
        error = np.sqrt(ahead.var(ddof=1) / ahead.size + back.var(ddof=1) / back.size)
        if loss < -_FORBIDDEN * error:
            raise InvalidInput(
                f"{what}: mean forward plus mean backward work is {loss / beta:.4g}, negative by "
                f"{-loss / max(error, 1e-300):.3g} standard errors, which the second law forbids; give "
                "the backward work as done on the system (is its sign turned round?), in the unit "
                "of the forward one."
            )
    return works


def as_vector(values: Any, what: str, least: int = _LEAST) -> np.ndarray:
    """``(n,)`` finite numbers in float64.

    Raises:
        InvalidInput: another shape, too few, or NaN.
    """
    array = host_array(values, what)
    if array.ndim != 1 or array.dtype.kind not in "fiu":
        raise InvalidInput(
            f"{what}: shape {array.shape} of {array.dtype}; expected one number for each path, (n,), "
            "such as noneq.thermo.work gives."
        )
    if array.size < least:
        raise InvalidInput(
            f"{what}: {array.size} value(s); give at least {least} paths, for an error at all."
        )
    array = array.astype(np.float64)
    bad = ~np.isfinite(array)
    if bad.any() or np.abs(array).max() > 1e100:
        raise InvalidInput(
            f"{what}: {max(int(bad.sum()), 1)} of {array.size} values, the first at place "
            f"{int(np.argmax(bad))}, are not finite; leave those paths out, and say how many."
        )
    return array

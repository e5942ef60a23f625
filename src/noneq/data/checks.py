"""What every ensemble checks of the arrays and labels it is given."""

import contextlib
import warnings
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from noneq._typing import Key
from noneq.domains import AbstractDomain, Free, Product, Region, Torus
from noneq.errors import InvalidInput, WrongType
from noneq.kinds import as_key, shown


_AT_ONCE = 2**22
_EXACT = 2**24
"""Up to here float32 holds every integer."""


def as_floats(values: Any, name: str) -> np.ndarray:
    """Host array of float32 or float64 from anything array-like.

    Integers and booleans become float32 (float64 above 2^24, so that none changes), float16
    is promoted to float32 with a warning.

    Raises:
        WrongType: strings, objects, complex numbers, masked arrays, typed random keys.
        InvalidInput: nested lists of unequal lengths.
    """
    if isinstance(values, np.ma.MaskedArray):
        raise WrongType(f"{name} is a masked array; give plain numbers, and the mask as mask=.")
    array = host_array(values, name)
    if array.dtype.kind not in "fiub":
        raise WrongType(
            f"{name} has dtype {array.dtype}; expected real numbers. Convert it to float first."
        )
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.dtype in (np.float32, np.float64):
        return array
    if array.dtype.kind == "f":
        if array.dtype.itemsize > 8:
            return array.astype(np.float64)
        warnings.warn(f"{name}: {array.dtype} promoted to float32.", stacklevel=3)
    elif array.size and array.dtype.itemsize > 2:
        exact = array.astype(np.float64)
        if np.abs(exact).max() > _EXACT:
            return exact
    return array.astype(np.float32)


def as_index(index: Any, size: int, what: str) -> np.ndarray:
    """Positions ``(k,)`` from whole numbers, truth values (one each) or a slice.

    Raises:
        InvalidInput: other numbers, or one that does not exist.
    """
    chosen = index if isinstance(index, slice) else host_array(index, f"{what}: index")
    try:
        return np.atleast_1d(np.arange(size)[chosen]).ravel()
    except (IndexError, TypeError, ValueError) as error:
        raise InvalidInput(
            f"{what}: index = {shown(index)}; expected whole numbers from 0 to {size - 1}, or one "
            "truth value for each."
        ) from error


def host_array(values: Any, name: str) -> np.ndarray:
    """The values as an array of NumPy, of whatever type.

    Raises:
        WrongType, InvalidInput: NumPy cannot read them, or rows of unequal length.
    """
    try:
        return np.asarray(values)
    except ValueError as error:
        raise InvalidInput(
            f"{name} is no rectangular array (rows of unequal length?); give arrays of one shape, "
            "or Trajectories with mask= for ragged paths."
        ) from error
    except Exception as error:
        kind = type(values).__name__
        raise WrongType(f"{name} is a {kind} that NumPy cannot read; give an array.") from error


def as_times(times: Any) -> np.ndarray:
    """Finite, strictly increasing float64 vector of times.

    Raises:
        InvalidInput: empty, not a vector, non-finite, unsorted or duplicate.
    """
    array = np.atleast_1d(as_floats(times, "times")).astype(np.float64)
    if array.ndim != 1 or array.size == 0:
        raise InvalidInput(
            f"times has shape {array.shape}; expected one non-empty vector (T,) shared by all "
            "samples; for own times per trajectory use the union of all times and mask=."
        )
    if not np.isfinite(array).all():
        raise InvalidInput("times holds NaN or infinity; every time must be a finite number.")
    steps = np.diff(array)
    if (steps <= 0).any():
        i = int(np.argmax(steps <= 0))
        raise InvalidInput(
            f"times must increase strictly, but times[{i}] = {array[i]:g} is followed by "
            f"{array[i + 1]:g}; sort the frames and merge duplicates."
        )
    return array


def as_condition(condition: Any, n: int) -> np.ndarray | None:
    """Finite ``(n, k)`` numbers, one row per sample or trajectory; None stays None.

    Whole numbers (and booleans) stay integers: they are labels of categories, while
    floating-point numbers are quantities that a model may interpolate.

    Raises:
        WrongType: text or objects.
        InvalidInput: other than one row each, or not finite.
    """
    if condition is None:
        return None
    array = host_array(condition, "condition")
    if array.dtype.kind in "USO":
        raise WrongType(
            f"condition has dtype {array.dtype}; give categories as whole numbers "
            "(np.unique(labels, return_inverse=True)[1]) and quantities as floats."
        )
    labels = array.dtype.kind in "iub"
    array = array.astype(np.int64) if labels else as_floats(condition, "condition")
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2 or array.shape[0] != n or array.shape[1] == 0:
        raise InvalidInput(f"condition has shape {array.shape}; expected ({n}, k), one row each.")
    if not np.isfinite(array).all():
        raise InvalidInput(
            "condition holds NaN or infinity, or a missing category; leave those samples out "
            "(command line: --drop-missing)."
        )
    if labels and np.abs(array).max() > _EXACT:
        raise InvalidInput(f"condition holds labels beyond {_EXACT}; number the categories from 0.")
    return array


def as_labels(
    labels: Sequence[str] | None, event_shape: tuple[int, ...], what: str, prefix: str
) -> tuple[str, ...]:
    """One label per leading event coordinate (component or channel)."""
    count = event_shape[0]
    if labels is None:
        return tuple(f"{prefix}{i}" for i in range(count)) if prefix else ("",) * count
    if isinstance(labels, str):
        raise WrongType(f"{what} = {labels!r}; expected a list of {count}, one per coordinate.")
    if len(labels) != count:
        raise InvalidInput(f"{what} has {len(labels)} entries; expected {count}, one each.")
    return tuple(str(label) for label in labels)


def as_domain(domain: Any, event_shape: tuple[int, ...]) -> AbstractDomain:
    """A domain whose corners fit the state; None is free space."""
    if domain is None:
        return Free()
    if not isinstance(domain, AbstractDomain):
        raise WrongType(
            f"domain is a {type(domain).__name__}; expected Free(), Box, Torus, Region, Discrete or "
            "Product."
        )
    if domain.bounds is not None and domain.bounds[0].size not in (1, event_shape[0]):
        raise InvalidInput(
            f"domain has {domain.bounds[0].size} coordinates, the data {event_shape[0]}; "
            "give one corner per coordinate or one number for all."
        )
    return domain


def refuse_outside(states: np.ndarray, domain: AbstractDomain) -> None:
    """Refuse states ``(n, *event_shape)`` that the domain does not hold, up to rounding.

    Raises:
        InvalidInput: with their number and the first of them.
    """
    out = _outside(states, domain)
    if out.any():
        far = np.asarray(out.reshape(len(out), -1).any(axis=1))
        numbers = states[far][0].ravel()[:4]
        wrap = "wrap them (domain.project)" if isinstance(domain, Torus) else "correct the unit"
        raise InvalidInput(
            f"{far.sum()} of {len(far)} states lie outside {_name(domain)}, the first at "
            f"({', '.join(f'{number:.4g}' for number in numbers)}); {wrap}, or give a larger domain."
        )


def _outside(states: np.ndarray, domain: AbstractDomain) -> np.ndarray:
    """Which numbers (for a region which states) lie outside."""
    if isinstance(domain, Product):
        cuts = np.cumsum(domain.sizes)[:-1]
        pieces = zip(np.split(states, cuts, axis=-1), domain.parts, strict=True)
        flat = [_outside(piece, part).reshape(len(states), -1) for piece, part in pieces]
        return np.concatenate(flat, axis=1)
    if domain.bounds is None:
        return np.zeros(len(states), bool)
    low, high = (b.reshape(-1, *(1,) * (states.ndim - 2)) for b in domain.bounds)
    rounding = 1e-5 * np.maximum(high - low, np.maximum(np.abs(low), np.abs(high)))
    out = (states < low - rounding) | (states > high + rounding)
    if isinstance(domain, Region) and not out.any():
        # A finite step of an integrator may end this far behind a curved wall. A function that is
        # no distance is named by the method that uses the region.
        with contextlib.suppress(Exception):
            distance = np.asarray(jax.vmap(domain.signed_distance)(jnp.asarray(states)))
            if distance.ndim == 1:
                return distance > 1e-3 * float((high - low).max())
    return out


def _name(domain: AbstractDomain) -> str:
    corners = domain.bounds
    text = "" if corners is None else f" from {corners[0].tolist()} to {corners[1].tolist()}"
    return f"the {type(domain).__name__}{text}"


def refuse_nonfinite(values: np.ndarray, cure: str) -> None:
    """Raise InvalidInput where values hold NaN or infinity."""
    # Row by row where there are many numbers: values may lie in a file larger than memory.
    rows = max(1, _AT_ONCE * len(values) // max(values.size, 1))
    if not all(np.isfinite(values[k : k + rows]).all() for k in range(0, len(values), rows)):
        nan, inf = int(np.isnan(values).sum()), int(np.isinf(values).sum())
        raise InvalidInput(f"values hold {nan} NaN and {inf} infinite entries; {cure}")


def nearest(times: np.ndarray, time: float) -> int:
    """Position of the time that equals ``time`` to 1e-6 of the span (or its float32 rounding)."""
    i = int(np.argmin(np.abs(times - time)))
    span, size = float(np.ptp(times)), float(np.abs(times).max())
    tolerance = max(1e-6 * span, 1.2e-7 * size) or 1e-6
    if not abs(times[i] - time) <= tolerance:
        near = ", ".join(f"{t:g}" for t in times[max(0, i - 2) : i + 3])
        raise InvalidInput(f"no data at time {time:g}; nearest times: {near}.")
    return i


def held_out(times: np.ndarray, chosen: Sequence[float] | np.ndarray) -> np.ndarray:
    """(T,) booleans: which times are held out.

    Raises:
        InvalidInput: an unknown time, none chosen, or none left.
    """
    wanted = as_floats(chosen, "hold_out: times").ravel()
    out = np.isin(np.arange(times.size), [nearest(times, float(t)) for t in wanted])
    if out.all():
        raise InvalidInput("hold_out: every time is held out; leave at least one to learn from.")
    if not out.any():
        raise InvalidInput("hold_out: no time given; name at least one.")
    return out


def check_fraction(fraction: float) -> None:
    """Raise InvalidInput unless 0 < fraction < 1."""
    if not 0.0 < fraction < 1.0:
        raise InvalidInput(f"fraction = {fraction}; expected a number between 0 and 1.")


def permutation(key: Key, n: int) -> np.ndarray:
    """A random order of n things on the host."""
    return np.asarray(jax.random.permutation(as_key(key), n))

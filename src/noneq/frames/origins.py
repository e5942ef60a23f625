"""Coordinates far from zero: what float32 cannot tell apart is centred in float64 on the host.

A model whose data have coordinates such as 384230484.47 ± 0.02 keeps their means, the origin, in
double precision. `about_origin` gives the model of x − origin, in which nothing is lost; that one is
asked, and the host adds or subtracts the origin.
"""

import warnings
from dataclasses import replace
from typing import Any, TypeVar

import equinox as eqx
import numpy as np
from jax.core import Tracer

from noneq.data.snapshots import Snapshots


M = TypeVar("M")
_MOST = 0.01
"""Spacing of float32 numbers, in standard deviations, from which on a warning is given."""


class HasFrame(eqx.Module):
    """A model with a `noneq.frames.frame.Frame` between its states and the user's."""

    frame: eqx.AbstractVar[Any]


class Rounded(UserWarning):
    """States in single precision that have lost digits of the data."""


def origin_of(model: Any) -> np.ndarray | None:
    """The origin of a model's states ``(*event_shape)`` in float64; None if it is zero."""
    return model.frame.normaliser.origin_state if isinstance(model, HasFrame) else None


def about_origin(model: M) -> tuple[M, np.ndarray | None]:
    """The model of x − origin, and the origin ``(*event_shape)``; None where there is none."""
    origin = origin_of(model)
    if origin is None:
        return model, None
    where = lambda m: m.frame.normaliser.origin
    return eqx.tree_at(where, model, (), is_leaf=lambda leaf: type(leaf) is tuple), origin


def centred(model: M, data: Snapshots) -> tuple[M, Snapshots]:
    """The model of x − origin, and data minus the origin, in float64."""
    inner, origin = about_origin(model)
    if origin is None:
        return model, data
    return inner, replace(data, values=data.values.astype(np.float64) - origin)


def warn_rounded(origin: np.ndarray | None, scale: Any, what: str, stacklevel: int = 3) -> None:
    """Warn where float32 numbers about the origin lie over 1 % of the spread apart."""
    if origin is None or isinstance(scale, Tracer):
        return
    spread = np.broadcast_to(np.reshape(np.asarray(scale, np.float64), origin.shape), origin.shape)
    spacing = np.spacing(np.abs(origin).astype(np.float32)).astype(np.float64)
    coarse = spacing / spread
    if coarse.max() > _MOST:
        worst = origin.ravel()[int(np.argmax(coarse))]
        warnings.warn(
            f"{what} are in single precision, whose numbers near {worst:.6g} lie "
            f"{spacing.ravel()[int(np.argmax(coarse))]:.2g} apart, {100 * coarse.max():.0f} % of the "
            "standard deviation; snapshots(…), files and metrics keep double precision.",
            Rounded,
            stacklevel=stacklevel,
        )

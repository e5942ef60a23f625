"""One way to ask anything that moves for its velocity."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, ScalarLike
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.domains import AbstractDomain, Free
from noneq.errors import InvalidInput, MissingTrait, NoneqError
from noneq.kinds import shown
from noneq.systems.base import AbstractDiffusion, AbstractSystem
from noneq.traits import AbstractModel, HasDrift, HasVelocity


_TOGETHER = 2**18


def check_field(field: Any, purpose: str) -> None:
    """Refuse what has no velocity.

    Raises:
        MissingTrait: neither `HasVelocity`, `HasDrift`, a diffusion or ODE, nor a function.
    """
    known = isinstance(field, HasVelocity | HasDrift | AbstractDiffusion)
    other = isinstance(field, AbstractModel | AbstractSystem | type) or not callable(field)
    if not known and other:
        raise MissingTrait(
            f"{purpose} needs a vector field, got {type(field).__name__}; give a model with the "
            "trait HasVelocity or HasDrift, a system with a drift, or a function of one state."
        )


def velocity_at(
    field: Any, x: Float[Array, "*event"], time: ScalarLike | None, condition: Any = None
) -> Array:
    """v(x, time) of one state: a model's velocity, else a drift (the noise left out), else field(x).

    ``time`` None means a model of a single time, and time 0 of a system.

    Raises:
        InvalidInput: a function that fails, or gives no numbers of the shape of the state.
    """
    if isinstance(field, HasVelocity):
        return field.velocity(x, time=time, condition=condition)
    if isinstance(field, HasDrift | AbstractDiffusion):
        return field.drift(0.0 if time is None else time, x)
    return _value_of(field, x)


def _value_of(field: Any, x: Float[Array, "*event"]) -> Array:
    """field(x) of a function that a user gives."""
    name = shown(field)
    try:
        given = field(x)
    except NoneqError:
        raise
    except Exception as error:
        raise InvalidInput(
            f"{name} fails at one state of shape {x.shape}: {type(error).__name__}: "
            f"{' '.join(str(error).split())[:200]}; give a function of one state, in jax.numpy."
        ) from error
    try:
        value = jnp.asarray(given)
        real = value.dtype.kind in "iufb"
    except (TypeError, ValueError):
        value, real = given, False
    if not real:
        what = "complex numbers" if isinstance(value, jax.Array) else f"a {type(given).__name__}"
        raise InvalidInput(f"{name} gives {what}; expected real numbers of shape {x.shape}.")
    if value.shape != x.shape:
        raise InvalidInput(
            f"{name} gives {value.shape} for a state of {x.shape}; expected the same."
        )
    return value.astype(x.dtype)


def domain_of(field: Any) -> AbstractDomain:
    """Where the field's states live; free space for a function."""
    return field.domain if isinstance(field, AbstractModel | AbstractSystem) else Free()


@eqx.filter_jit
def velocities(
    field: Any, x: Float[Array, "n *event"], time: ScalarLike | None, condition: Any
) -> Float[Array, "n *event"]:
    """v at every state of a batch, few large states at a time."""
    one = lambda x: velocity_at(field, x, time, condition)
    return jax.lax.map(one, x, batch_size=max(1, min(x.shape[0], _TOGETHER // x[0].size)))


def values_on(
    field: Any, states: Float[np.ndarray, "n *event"], time: ScalarLike | None, condition: Any
) -> Float[np.ndarray, "n dim"]:
    """v at every state, flattened, in float64.

    Raises:
        MissingTrait: no vector field.
        InvalidInput: values of another shape than the states, or not finite.
    """
    check_field(field, "this comparison")
    x = jnp.asarray(states, dtype=float)
    name = type(field).__name__
    shape = jax.eval_shape(lambda x: velocity_at(field, x, time, condition), x[0]).shape
    if shape != x.shape[1:]:
        raise InvalidInput(f"{name} gives {shape} for a state of {x.shape[1:]}; expected the same.")
    values = np.asarray(velocities(field, x, time, condition), np.float64)
    if not np.isfinite(values).all():
        bad = int((~np.isfinite(values.reshape(len(values), -1))).any(1).sum())
        raise InvalidInput(
            f"{name} is not finite at {bad} of {len(values)} states; leave them out."
        )
    return values.reshape(len(values), -1)


def states_of(
    states: Any, most: int | None = None, key: Key | None = None, least: int = 2
) -> np.ndarray:
    """States as an array ``(n, *event_shape)``, at most ``most`` of them, drawn without replacement.

    Raises:
        InvalidInput: fewer than ``least`` states, states that are not finite, or a bad ``most``.
    """
    if isinstance(states, Trajectories):
        values = states.values.reshape(-1, *states.values.shape[2:])
        values = values if states.mask is None else values[states.mask.reshape(-1)]
    else:
        values = np.asarray(states.values if isinstance(states, Snapshots) else states)
    if values.ndim < 2 or len(values) < least:
        raise InvalidInput(
            f"states have shape {values.shape}; expected (n, *event_shape), n ≥ {least}."
        )
    if not np.isfinite(values).all():
        raise InvalidInput("states hold NaN or infinity; clean them first.")
    if most is not None:
        if most < 2:
            raise InvalidInput(f"most = {most}; expected at least 2 states.")
        if len(values) > most:
            key = jax.random.key(0) if key is None else key
            pick = np.asarray(jax.random.permutation(key, len(values))[:most])
            values = values[np.sort(pick)]
    return values


def moments(states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation per coordinate in float64; 1 where a coordinate never changes."""
    values = states.astype(np.float64)
    spread = values.std(0)
    return values.mean(0), np.where(spread > 1e-12 * np.max(spread, initial=0.0), spread, 1.0)


def scale_of(scale: Any, states: np.ndarray) -> np.ndarray:
    """Units of the coordinates, shape ``event_shape``: given, or the states' standard deviations.

    Raises:
        InvalidInput: a scale that is not positive, or of a shape that does not fit.
    """
    if scale is None:
        return moments(states)[1]
    given = np.asarray(scale, np.float64)
    try:
        full = np.broadcast_to(given, states.shape[1:])
    except ValueError:
        full = np.asarray(np.nan)
    if not (np.isfinite(full).all() and (full > 0).all()):
        raise InvalidInput(
            f"scale has shape {given.shape}; expected positive numbers, one or one per coordinate."
        )
    return full

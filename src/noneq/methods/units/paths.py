"""Paths of models that are Markov chains in whole steps."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key
from noneq.data.ensembles import Trajectories
from noneq.errors import InvalidInput
from noneq.frames.checks import check_count, check_steps
from noneq.methods.units.units import AbstractUnits
from noneq.traced import jit


_MOST_STEPS = 10_000_000


@runtime_checkable
class Stepping(Protocol):
    """What `stepped_paths` asks of a model beside a frame and draws."""

    def step(self, x: Float[Array, "n dim"], key: Key) -> Float[Array, "n dim"]:
        """One step of the chain, in units."""
        ...


def stepped_paths(
    model: Any,
    visible: AbstractUnits,
    n: int,
    *,
    times: Sequence[float] | np.ndarray,
    start: Any,
    condition: Any = None,
    key: Key,
) -> Trajectories:
    """n paths of a chain, one step per unit of time.

    Args:
        model: an `AbstractLaw` with a ``step`` (`Stepping`).
        visible: its visible units.
        n: number of paths.
        times: whole numbers of steps apart.
        start: states at the first time ``(n, *event_shape)``; None draws the steady state.
        condition: as the model's frame asks; None for chains without conditions.
        key: typed random key.

    Raises:
        InvalidInput: times that are no whole numbers of steps apart or more than ten million steps
            away, or a condition.
    """
    check_count(n)
    condition = model.frame.asked.check(condition, n)
    clock = step_counts(times)
    check_steps(f"time {times[-1]:g}", int(clock[-1]), n * model.frame.dim, most=_MOST_STEPS)
    start_key, path_key = jax.random.split(key)
    if start is None:
        first = model.sample(n, condition=condition, key=start_key)
    else:
        first = model.frame.batch(start)[0]
    y = jax.vmap(model.frame.normaliser.forward)(first)
    every = _run(model, visible.read(y, model.domain), int(clock[-1]), path_key)
    chosen = visible.written(every[jnp.asarray(clock)], model.domain)
    values = jax.vmap(jax.vmap(model.frame.normaliser.inverse))(chosen)
    return Trajectories(
        np.moveaxis(np.asarray(values), 0, 1), np.asarray(times, float), **model.frame.described()
    )


def step_counts(times: Any) -> np.ndarray:
    """Steps from the first of the times to each of them."""
    array = np.asarray(times, np.float64)
    if array.ndim != 1 or not array.size or not np.isfinite(array).all():
        raise InvalidInput(f"times have shape {array.shape}; expected a vector of finite times.")
    counts = np.round(array - array[0])
    if np.abs(counts - (array - array[0])).max() > 1e-6 or (np.diff(counts) < 1).any():
        raise InvalidInput(
            "times of a chain must rise by whole numbers of steps, e.g. 0, 1, 2 … "
            "(command line: --times 0:10:11)."
        )
    return counts.astype(int)


@jit
def _run(model: Any, first: Array, steps: int, key: Key) -> Array:
    """States at all steps, ``(steps + 1, n, dim)``."""

    def step(x: Array, key: Key) -> tuple[Array, Array]:
        x = model.step(x, key)
        return x, x

    rest = jax.lax.scan(step, first, jax.random.split(key, steps))[1]
    return jnp.concatenate([first[None], rest])

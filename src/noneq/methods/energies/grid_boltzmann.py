"""Boltzmann laws of any energy on a box of at most three dimensions, sampled on a grid."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.constant import Constant
from noneq.data.ensembles import Snapshots
from noneq.domains import AbstractDomain
from noneq.errors import InvalidInput
from noneq.frames.checks import check_count, check_time
from noneq.frames.frame import Asked
from noneq.kinds import checked
from noneq.traced import jit, words
from noneq.traits import AbstractModel, HasEnergy, HasLogProb, HasScore


MOST_DIMENSIONS = 3
"""A grid of more dimensions has too many cells."""


class GridBoltzmann(AbstractModel, HasEnergy, HasScore, HasLogProb):
    """The Boltzmann law of an energy at each time, on a box.

    **Equation**: p(x | t) = exp(−β E(t, x)) / Z(t) inside the box and 0 outside, with Z(t) by
    the midpoint rule on a regular grid: 2,048 points in one dimension, 128² in two, 32³ in three.

    Sampling is inverse CDF over the cells and a uniform place inside the cell: independent
    draws whose density differs from p by second order in the cell's width.

    Args:
        landscape: the energy E(t, x) of one state, up to a constant per time.
        beta: inverse temperature, in 1/(unit of the energy).
        low, high: corners of the box, shape ``(dim,)``, unit of x.
        domain: where the states live; the box lies in it.
        times: times of the training data; a model of one time needs no ``time``.
        labels: names, units and time unit of the data.

    Raises:
        InvalidInput: above three dimensions, or states that are no vectors.
    """

    landscape: Callable[[ScalarLike, Array], Scalar]
    low: Constant
    high: Constant
    beta: float
    domain: AbstractDomain
    event_shape: tuple[int, ...] = eqx.field(static=True)
    times: tuple[float, ...]
    labels: tuple[tuple[str, ...], tuple[str, ...], str] = words()

    def __check_init__(self) -> None:
        check_grid_dimension(self.event_shape)

    @checked
    def energy(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Scalar:
        """E(time, x); β E is in units of kT."""
        return self.landscape(self._time(time, condition), x)

    @checked
    def score(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Float[Array, "*event"]:
        """−β ∇E(time, x), by autodiff: conservative by construction."""
        time = self._time(time, condition)
        return -self.beta * jax.grad(lambda y: self.landscape(time, y))(x)

    @checked
    def log_prob(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Scalar:
        """−β E(time, x) − log Z(time) inside the box, −inf outside."""
        time = self._time(time, condition)
        points, log_cell = self._grid()
        log_z = jax.nn.logsumexp(self._log_weights(time, points)) + log_cell
        inside = jnp.all((x >= self.low.value) & (x <= self.high.value))
        return jnp.where(inside, -self.beta * self.landscape(time, x) - log_z, -jnp.inf)

    @checked
    def sample(
        self, n: int, *, time: ScalarLike | None = None, condition: Any = None, key: Key
    ) -> Float[Array, "n *event"]:
        """n independent draws from p(x | time).

        Raises:
            InvalidInput: n < 1, a missing time, or a condition (this model takes none).
        """
        check_count(n)
        return _draw(self, int(n), self._time(time, condition), key)

    @checked
    def snapshots(
        self, n: int, *, times: Sequence[float] | np.ndarray, condition: Any = None, key: Key
    ) -> Snapshots:
        """n draws at each of the times."""
        check_count(n)
        times = np.atleast_1d(np.asarray(times, np.float64))
        clock = jnp.stack([self._time(time, condition) for time in times.tolist()])
        frames = _draw_each(self, int(n), clock, key)
        names, units, time_unit = self.labels
        return Snapshots.from_frames(
            list(np.asarray(frames)),
            times,
            names=names,
            units=units,
            time_unit=time_unit,
            domain=self.domain,
        )

    def _time(self, time: ScalarLike | None, condition: Any) -> Scalar:
        Asked().check(condition)
        return jnp.asarray(check_time(time, self.times), dtype=float)

    def _grid(self) -> tuple[Float[Array, "cells dim"], Scalar]:
        """Cell centres and the log volume of a cell."""
        dim = self.event_shape[0]
        count = points_per_axis(dim)
        width = (self.high.value - self.low.value) / count
        index = jnp.stack(jnp.unravel_index(jnp.arange(count**dim), (count,) * dim), axis=-1)
        return self.low.value + (index + 0.5) * width, jnp.sum(jnp.log(width))

    def _log_weights(
        self, time: ScalarLike, points: Float[Array, "cells dim"]
    ) -> Float[Array, " cells"]:
        return -self.beta * jax.vmap(lambda x: self.landscape(time, x))(points)


def points_per_axis(dim: int) -> int:
    """Points per axis of the sampling grid: at most 2^15 in all and 2^11 on an axis."""
    return 2 ** min(11, 15 // dim)


def check_grid_dimension(event_shape: tuple[int, ...]) -> None:
    """Refuse what no grid can hold.

    Raises:
        InvalidInput: states that are no vectors of at most three coordinates.
    """
    if len(event_shape) != 1 or event_shape[0] > MOST_DIMENSIONS:
        raise InvalidInput(
            f"states of shape {event_shape} are too large for a grid; expected vectors of at most "
            f"{MOST_DIMENSIONS} coordinates. Keep the first few with --components "
            f"{MOST_DIMENSIONS} (data.select({MOST_DIMENSIONS})), or choose EnergyBased, which "
            "learns an energy without a grid."
        )


def check_no_condition(condition_dim: int, method: str) -> None:
    """Refuse data with a condition vector.

    Raises:
        InvalidInput: naming the method.
    """
    if condition_dim:
        raise InvalidInput(
            f"the data carry a condition of {condition_dim} numbers; {method} models p(x, t) "
            "alone. Leave the condition out, or choose ScoreMatching."
        )


@jit
def _draw(model: GridBoltzmann, n: int, time: Scalar, key: Key) -> Float[Array, "n dim"]:
    cell_key, place_key = jax.random.split(key)
    points, _ = model._grid()
    cdf = jnp.cumsum(jax.nn.softmax(model._log_weights(time, points)))
    u = cdf[-1] * jax.random.uniform(cell_key, (n,))
    cell = jnp.minimum(jnp.searchsorted(cdf, u, side="right"), cdf.size - 1)
    width = (model.high.value - model.low.value) / points_per_axis(points.shape[1])
    place = jax.random.uniform(place_key, (n, points.shape[1]), minval=-0.5, maxval=0.5)
    x = jnp.clip(points[cell] + place * width, model.low.value, model.high.value)
    return jax.vmap(model.domain.project)(x)


@jit
def _draw_each(
    model: GridBoltzmann, n: int, times: Float[Array, " times"], key: Key
) -> Float[Array, "times n dim"]:
    keys = jax.random.split(key, times.size)
    return jax.lax.map(lambda pair: _draw(model, n, *pair), (times, keys))

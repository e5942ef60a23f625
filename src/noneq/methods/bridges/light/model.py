"""Fitted light Schrödinger bridges: exact draws, an SDE with closed-form drift."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Numbers, ScalarLike
from noneq.constant import Constant
from noneq.data.ensembles import Trajectories
from noneq.devices import by_all, here
from noneq.frames.frame import AbstractLaw, Frame
from noneq.kinds import checked
from noneq.methods.bridges.light.potentials import Potential
from noneq.methods.bridges.requests import path_request
from noneq.methods.bridges.starts import Starts
from noneq.traced import jit
from noneq.traits import HasDrift, HasPaths, HasPlan


_LEAST_REST = 1e-4


class LightBridge(AbstractLaw, HasDrift, HasPaths, HasPlan):
    """dX = drift dt + sigma dW of mixture potentials, one for each interval.

    Draws and paths are exact: the end of the interval from a mixture, then a Brownian bridge. A
    draw at time t starts from training states of the last snapshot strictly before t. Beyond the
    snapshots the law is that of the nearest one.

    Attributes:
        potential: what is learnt.
        starts: training states of every snapshot.
        frame: the user's side.
        unit: of the potential's states, in the user's units.
        sigma: noise, in the user's units.
    """

    potential: Potential
    starts: Starts
    frame: Frame
    unit: Constant
    sigma: Constant

    def scale(self) -> Array:
        """Units of the potential per normalised state."""
        return self.frame.normaliser.scale.value / self.unit.value

    def place(self, time: Any) -> tuple[Array, Array]:
        """(interval, phase in it); the time of a snapshot is the end of the interval before it."""
        times = jnp.asarray(self.frame.times)
        slack = 1e-6 * (times[-1] - times[0]) / (times.size - 1)
        which = jnp.clip(jnp.searchsorted(times, time - slack) - 1, 0, times.size - 2)
        phase = (time - times[which]) / (times[which + 1] - times[which])
        return which, jnp.clip(phase, 0.0, 1.0)

    def move(
        self, x: Float[Array, " dim"], which: Any, begin: ScalarLike, end: ScalarLike, *, key: Key
    ) -> Float[Array, " dim"]:
        """From a state at phase ``begin`` of an interval to ``end`` of the same, exactly."""
        end_key, noise_key = jax.random.split(key)
        rest = jnp.maximum(1 - begin, _LEAST_REST)
        goal = self.potential.future(x, which, rest).draw(end_key)
        share = jnp.clip((end - begin) / rest, 0.0, 1.0)
        width = jnp.sqrt(self.potential.epsilon.value[which] * rest * share * (1 - share))
        return x + share * (goal - x) + width * jax.random.normal(noise_key, x.shape, x.dtype)

    def draw(self, n: int, *, time: Any, condition: Any, key: Key) -> Float[Array, "n dim"]:
        start_key, move_key = jax.random.split(key)
        which, phase = self.place(time)
        x = self.starts.draw(n, which, condition, key=start_key) * self.scale()
        go = lambda x, key: self.move(x, which, 0.0, phase, key=key)
        return jax.vmap(go)(x, jax.random.split(move_key, n)) / self.scale()

    @checked
    def sample_paths(
        self,
        n: int,
        *,
        times: Sequence[float] | np.ndarray,
        start: Numbers | None = None,
        condition: Any = None,
        key: Key,
    ) -> Trajectories:
        """n exact paths from the first time on.

        Args: as in `HasPaths.sample_paths`; times strictly increasing.

        Raises:
            InvalidInput: times that do not increase, or a start of another shape.
        """
        asked = path_request(self, n, times, start, condition, False, key)
        if asked.times.size == 1:
            return asked.paths(self, None)
        # Every snapshot inside is a stop, as the potential changes there.
        knots = np.asarray(self.frame.times)
        inside = knots[(knots > asked.times[0]) & (knots < asked.times[-1])]
        stops = np.union1d(asked.times, inside)
        rest = here(_stops(self, asked.x, jnp.asarray(stops, float), asked.key))
        kept = np.searchsorted(stops, asked.times[1:]) - 1
        return asked.paths(self, jnp.asarray(np.asarray(rest)[kept]))

    @checked
    def plan_moments(self, x: Numbers) -> tuple[np.ndarray, np.ndarray]:
        """Moments of the mixture p(x1 | x0) of the first interval, in the user's units.

        Raises:
            InvalidInput: states of another shape.
        """
        y = self.frame.batch(x)[0]
        states = jax.vmap(self.frame.normaliser.forward)(y) * self.scale()
        axes = self.potential.axes()
        future = jax.vmap(lambda x: self.potential.future(x, 0, axes=axes)._replace(axes=None))(
            states
        )
        share = np.asarray(jax.nn.softmax(future.log_weight), np.float64)
        unit = float(self.unit.value)
        means = np.asarray(future.mean, np.float64) * unit
        mean = np.einsum("nk,nki->ni", share, means)
        away = means - mean[:, None]
        variance = np.asarray(future.variance, np.float64) * unit**2
        spread = share[..., None] * variance
        covariance = np.einsum("nk,nki,nkj->nij", share, away, away)
        if axes is None:
            covariance += np.einsum("nki,ij->nij", spread, np.eye(mean.shape[1]))
        else:
            R = np.asarray(axes[0], np.float64)
            covariance += np.einsum("nkb,kab,kcb->nac", spread, R, R, optimize=True)
        return mean + np.asarray(self.frame.normaliser.shift.value), covariance

    @checked
    def drift(self, t: ScalarLike, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """sigma² ∇ log h of the interval that t lies in, (E[x1 | x] − x)/(t1 − t)."""
        y, t, _ = self.frame.enter(x, t, None)
        assert t is not None
        which, phase = self.place(t)
        times = jnp.asarray(self.frame.times)
        rest = jnp.maximum(1 - phase, _LEAST_REST)
        pull = self.potential.pull(y * self.scale(), which, rest)
        return (pull * self.unit.value / (times[which + 1] - times[which])).reshape(
            self.event_shape
        )

    @checked
    def diffusion(self, t: ScalarLike, x: Float[Array, "*event"]) -> Array:
        """sigma."""
        return self.sigma.value


@jit
def _stops(model: LightBridge, x: Array, stops: Array, key: Key) -> Float[Array, "stops n *event"]:
    """States at all stops but the first; no two neighbours have a snapshot between them."""
    normaliser, scale = model.frame.normaliser, model.scale()

    def go(x: Array, gap: tuple[Array, Array, Array]) -> tuple[Array, Array]:
        start, end, i = gap
        which, phase = model.place(end)
        times = jnp.asarray(model.frame.times)
        begin = jnp.clip((start - times[which]) / (times[which + 1] - times[which]), 0.0, 1.0)
        keys = jax.random.split(jax.random.fold_in(key, i), x.shape[0])
        x = jax.vmap(lambda x, key: model.move(x, which, begin, phase, key=key))(x, keys)
        return x, jax.vmap(lambda x: model.domain.project(normaliser.inverse(x / scale)))(x)

    x = jax.vmap(normaliser.forward)(x) * scale
    gaps = stops[:-1], stops[1:], jnp.arange(stops.size - 1)
    return by_all(jax.lax.scan(go, x, gaps)[1], axis=1)

"""The law p(x, t) of Schrödinger bridges between Gaussians, tabulated over time."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.constant import Constant
from noneq.data.summary import Summary
from noneq.frames.frame import Frame
from noneq.kinds import checked
from noneq.methods.bridges.integrators import AbstractIntegrator
from noneq.methods.bridges.matching import AbstractTransportField
from noneq.methods.bridges.model import AbstractMovingLaw
from noneq.statistics.gaussian_bridge import GaussianBridge
from noneq.traits import HasScore


PHASES = 64
"""Parts of an interval at whose ends the law is tabulated, linear in between: right to 1e-4."""


class GaussianField(AbstractTransportField):
    """Moments and velocity of a Gaussian law through all intervals, of normalised states.

    **Equation**: u = rate + turn (y − mean), s = −covariance⁻¹ (y − mean), y = x/scale.

    Attributes:
        times: of the snapshots, (T,).
        mean, rate: (T − 1, phases, dim).
        covariance, turn: (T − 1, phases, dim, dim).
        scale: (dim,) of the normaliser.
        sigma: noise in the user's units.
        pace: mean interval.
    """

    times: Constant
    mean: Constant
    rate: Constant
    covariance: Constant
    turn: Constant
    scale: Constant
    sigma: Constant
    pace: Constant

    def __init__(self, summary: Summary):
        """A standard normal at rest; `filled` puts the bridges in."""
        dim, intervals = summary.dim, len(summary.times) - 1
        table = (intervals, PHASES + 1)
        constant = lambda part: Constant(jnp.asarray(part, float))
        self.times = constant(summary.times)
        self.mean = self.rate = constant(np.zeros((*table, dim)))
        self.covariance = constant(np.broadcast_to(np.eye(dim), (*table, dim, dim)))
        self.turn = constant(np.zeros((*table, dim, dim)))
        self.scale = constant(np.repeat(np.asarray(summary.scale), dim // len(summary.scale)))
        self.sigma = constant(1.0)
        self.pace = constant(summary.span / intervals)

    def filled(self, bridges: list[GaussianBridge], sigma: float) -> "GaussianField":
        """With these bridges, one for each interval, of states from the centre of the data."""
        scale = np.asarray(self.scale.value, np.float64)
        rows = []
        for bridge in bridges:
            bridge.reference.march(bridge.duration, PHASES)
            for phase in np.arange(PHASES + 1) / PHASES:
                mean, covariance = bridge.moments(phase * bridge.duration)
                rate, turn = bridge.velocity(phase * bridge.duration)
                square = np.outer(scale, scale)
                turn = turn * scale / scale[:, None]
                rows.append((mean / scale, rate / scale, covariance / square, turn))
        shape = lambda part: (len(bridges), PHASES + 1, *np.shape(part)[1:])
        parts = (np.stack(part) for part in zip(*rows, strict=True))
        tables = [Constant(jnp.asarray(part.reshape(shape(part)), float)) for part in parts]
        return eqx.tree_at(
            lambda f: (f.mean, f.rate, f.covariance, f.turn, f.sigma),
            self,
            (*tables, Constant(jnp.asarray(sigma, float))),
        )

    @property
    def stochastic(self) -> bool:
        return True

    def diffusion(self) -> Scalar:
        return self.sigma.value

    def at(self, time: ScalarLike) -> tuple[Array, Array, Array, Array]:
        """Mean, rate, covariance and turn at a time; at the ends beyond the data."""
        times = self.times.value
        which = jnp.clip(jnp.searchsorted(times, time) - 1, 0, times.size - 2)
        phase = (time - times[which]) / (times[which + 1] - times[which])
        place = jnp.clip(phase, 0.0, 1.0) * PHASES
        low = jnp.clip(jnp.floor(place).astype(int), 0, PHASES - 1)
        share = place - low
        look = lambda table: (1 - share) * table[which, low] + share * table[which, low + 1]
        tables = (self.mean, self.rate, self.covariance, self.turn)
        mean, rate, covariance, turn = (look(table.value) for table in tables)
        return mean, rate, covariance, turn

    def __call__(
        self, x: Float[Array, " dim"], time: ScalarLike, condition: Any
    ) -> tuple[Array, Array]:
        mean, rate, covariance, turn = self.at(time)
        gap = x / self.scale.value - mean
        score = -jax.scipy.linalg.cho_solve((jnp.linalg.cholesky(covariance), True), gap)
        return (rate + turn @ gap) * self.scale.value, score / self.scale.value


class GaussianTransport(AbstractMovingLaw, HasScore):
    """Gaussian p(x, t) between Gaussians; draws and densities are exact, paths by ``sampler``."""

    field: GaussianField  # pyright: ignore[reportIncompatibleVariableOverride]
    frame: Frame
    sampler: AbstractIntegrator

    def draw(self, n: int, *, time: Any, condition: Any, key: Key) -> Float[Array, "n dim"]:
        mean, _, covariance, _ = self.field.at(time)
        xi = jax.random.normal(key, (n, self.frame.dim))
        return mean + xi @ jnp.linalg.cholesky(covariance).T

    @checked
    def score(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Float[Array, "*event"]:
        y, when, condition = self.frame.enter(x, time, condition)
        score = self.field(y * self.frame.normaliser.scale.value, when, condition)[1]
        return score.reshape(self.event_shape)

    @checked
    def log_prob(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Scalar:
        """log N(x; mean, covariance) at that time, nats."""
        y, when, _ = self.frame.enter(x, time, condition)
        assert when is not None
        mean, _, covariance, _ = self.field.at(when)
        value = jax.scipy.stats.multivariate_normal.logpdf(y, mean, covariance)
        return jnp.asarray(value) - self.frame.normaliser.log_scale

"""The affine part of a transport: what the moments of its pairs give in closed form."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import ScalarLike
from noneq.constant import Constant
from noneq.data.summary import Summary
from noneq.statistics.gaussian_bridge import GaussianBridge
from noneq.statistics.linear_reference import LinearReference


_PHASES = 64
"""Parts of an interval at whose ends the part is tabulated, linear in between."""
_EDGE = 1 / 128
"""Phases nearer to an end than this take the matrices there, where the noise has a width."""
_RIDGE = 1e-6
"""Added to the variances of the ends, relative."""
MOST_DIM = 128
"""Above this the tables cost more than the network."""


class AffinePart(eqx.Module):
    """The best affine velocity and score for the bridges of a linear reference between given pairs.

    **Equation**: with m_t, S_t the moments of X_t and u the conditional velocity, both linear in the
    ends and the noise, velocity = A x + rate + turn (x − m_t) and score = −press (x − m_t) with
    rate + A m_t = E u, turn + A = Cov(u, X_t) S_t⁻¹, press = S_t⁻¹. A network has to learn the rest,
    which is zero for Gaussian pairs.

    Attributes:
        times: of the snapshots, (T,).
        mean, rate: (T − 1, phases, dim), from the centre of the data.
        turn, press: (T − 1, phases, dim, dim).

    Source: least squares; between Gaussians with their optimal plan it is the Schrödinger bridge of
    Bunne et al. 2023, theorem 3.
    """

    times: Constant
    mean: Constant
    rate: Constant
    turn: Constant
    press: Constant

    def __init__(self, summary: Summary):
        """Nothing yet; `filled` puts the moments in."""
        table = (len(summary.times) - 1, _PHASES + 1, summary.dim)
        zeros = lambda *shape: Constant(jnp.zeros(shape))
        self.times = Constant(jnp.asarray(summary.times, float))
        self.mean, self.rate = zeros(*table), zeros(*table)
        self.turn, self.press = zeros(*table, summary.dim), zeros(*table, summary.dim)

    def filled(self, reference: LinearReference, pairs: dict[str, Any]) -> "AffinePart":
        """Of the moments of a pool of pairs; unchanged where this precision cannot hold them."""
        bridges = _bridges(reference, pairs)
        rows = []
        for bridge in bridges:
            bridge.reference.march(bridge.duration, 2 * _PHASES)
            for phase in np.arange(_PHASES + 1) / _PHASES:
                inside = min(max(phase, _EDGE), 1 - _EDGE) * bridge.duration
                mean, _ = bridge.moments(phase * bridge.duration)
                rate, turn = bridge.velocity(inside)
                rate = rate - reference.A @ (bridge.moments(inside)[0] - reference.centre)
                rows.append((mean, rate, turn - reference.A, bridge.precision(inside)))
        shape = lambda part: (len(bridges), _PHASES + 1, *np.shape(part)[1:])
        parts = (np.stack(part) for part in zip(*rows, strict=True))
        tables = [Constant(jnp.asarray(part.reshape(shape(part)), float)) for part in parts]
        if not all(bool(jnp.isfinite(table.value).all()) for table in tables):
            return self
        where = lambda own: (own.mean, own.rate, own.turn, own.press)
        return eqx.tree_at(where, self, tuple(tables))

    def __call__(self, x: Float[Array, " dim"], time: ScalarLike) -> tuple[Array, Array]:
        """(what is added to the drift of the reference for the velocity, score)."""
        times = self.times.value
        which = jnp.clip(jnp.searchsorted(times, time) - 1, 0, times.size - 2)
        phase = (time - times[which]) / (times[which + 1] - times[which])
        place = jnp.clip(phase, 0.0, 1.0) * _PHASES
        low = jnp.clip(jnp.floor(place).astype(int), 0, _PHASES - 1)
        share = place - low
        look = lambda table: (
            (1 - share) * table.value[which, low] + share * table.value[which, low + 1]
        )
        gap = x - look(self.mean)
        return look(self.rate) + look(self.turn) @ gap, -look(self.press) @ gap


def _bridges(reference: LinearReference, pairs: dict[str, Any]) -> list[GaussianBridge]:
    """One for each interval, between Gaussians of the moments of its pairs."""
    found = []
    for begin in np.unique(pairs["time"]):
        rows = pairs["time"] == begin
        x0, x1 = (np.asarray(pairs[name][rows], np.float64) for name in ("start", "end"))
        means, away = (x0.mean(0), x1.mean(0)), (x0 - x0.mean(0), x1 - x1.mean(0))
        covariances = [part.T @ part / len(part) for part in away]
        start, end = (
            (mean, covariance + _RIDGE * np.diag(np.diag(covariance)))
            for mean, covariance in zip(means, covariances, strict=True)
        )
        cross = away[0].T @ away[1] / len(x0)
        duration = float(pairs["duration"][rows][0])
        found.append(GaussianBridge(reference, start, end, duration, plan=cross))
    return found

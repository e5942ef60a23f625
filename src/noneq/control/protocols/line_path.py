"""Potentials that carry a law on a line along its monotone map at constant speed."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Scalar, ScalarLike
from noneq.control.protocols.path import AbstractPath
from noneq.statistics.line_laws import LineLaw


_THIN = 4
"""Of the nodes of the law one in four goes into the tables."""
_DEPTH = 10.0


class LinePath(AbstractPath):
    """On a line, by cubic pieces between nodes that move with the map.

    **Equation**: at the node y = (1 − s) x + s T(x), V_s = −[ln p_0(x) − ln J]/beta − φ_0(x)
    − s (T − x)²/(2τ), J = 1 − s + s T'(x), φ_0' = (T − x)/τ. Beyond the last nodes V goes on straight.
    """

    nodes: Float[Array, "5 m"]
    slope: Float[Array, " m"]
    bend: Float[Array, " m"]
    duration: float
    beta: float

    def __init__(self, law: LineLaw, image: np.ndarray, duration: float, beta: float):
        x, t = law.x, np.asarray(image)
        phi = np.concatenate([[0.0], np.cumsum(((t - x)[1:] + (t - x)[:-1]) / 2 * np.diff(x))])
        rise = np.gradient(t, x, edge_order=2)
        rise = np.maximum(rise, 1e-6)
        score = np.gradient(law.log_density, x, edge_order=2)
        table = np.stack([x, t, law.log_density, score, phi / duration])[:, ::_THIN]
        self.nodes = jnp.asarray(table, float)
        self.slope = jnp.asarray(rise[::_THIN], float)
        self.bend = jnp.asarray(np.gradient(rise, x)[::_THIN], float)
        self.duration, self.beta = float(duration), float(beta)

    def _at_nodes(self, s: ScalarLike) -> tuple[Array, Array, Array]:
        """Where the nodes are at s, V there, and V'."""
        x, image, log_density, score, phi = self.nodes
        move = image - x
        stretch = 1 - s + s * self.slope
        value = (jnp.log(stretch) - log_density) / self.beta - phi - s * move**2 / (
            2 * self.duration
        )
        pull = (score - s * self.bend / stretch) / stretch
        return x + s * move, value, -move / self.duration - pull / self.beta

    def potential(self, s: ScalarLike, x: Float[Array, "1"]) -> Scalar:
        """V_s(x)."""
        y, value, slope = self._at_nodes(s)
        place = jnp.clip(x[0], y[0], y[-1])
        i = jnp.clip(jnp.searchsorted(y, place, side="right") - 1, 0, y.size - 2)
        h = y[i + 1] - y[i]
        u = (place - y[i]) / h
        low, high = value[i], value[i + 1]
        left, right = h * slope[i], h * slope[i + 1]
        inside = (
            low
            + u * left
            + u**2 * (3 * (high - low) - 2 * left - right)
            + u**3 * (2 * (low - high) + left + right)
        )
        edge = jnp.where(x[0] < y[0], slope[0], slope[-1])
        return inside + edge * (x[0] - place)

    @property
    def stiffness(self) -> float:
        """The largest curvature where states are found, over seventeen stages."""
        most = 0.0
        for s in np.linspace(0, 1, 17):
            y, value, slope = (np.asarray(part, float) for part in self._at_nodes(float(s)))
            x, image, log_density, *_ = np.asarray(self.nodes, float)
            deep = log_density - np.log(1 - s + s * np.asarray(self.slope, float))
            seen = (deep > deep.max() - _DEPTH)[1:]
            curve = np.abs(np.diff(slope) / np.diff(y))[seen]
            most = max(most, float(curve.max(initial=0.0)))
        return most

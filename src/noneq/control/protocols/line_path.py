"""Potentials that carry a law on a line along its monotone map at constant speed."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Scalar, ScalarLike
from noneq.control.protocols.path import AbstractPath
from noneq.statistics.work.line_laws import LineLaw


_THIN = 4
"""Of the nodes of the law one in four goes into the tables."""
_RARE = 1e-7
"""Probability that counts as never."""


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

    def __init__(
        self,
        law: LineLaw,
        image: np.ndarray,
        duration: float,
        beta: float,
        rise: np.ndarray | None = None,
        bend: np.ndarray | None = None,
    ):
        """``image`` is T at the law's nodes; T' and T'' by differences where they are not given."""
        x, move = law.x, np.asarray(image) - law.x
        phi = np.concatenate([[0.0], np.cumsum((move[1:] + move[:-1]) / 2 * np.diff(x))])
        score = np.gradient(law.log_density, x, edge_order=2)
        slope = np.maximum(np.gradient(image, x, edge_order=2) if rise is None else rise, 1e-6)
        bends = np.gradient(slope, x) if bend is None else bend
        level = law.cumulative()
        seen = np.flatnonzero((level > _RARE / 10) & (level < 1 - _RARE / 10))[::_THIN]
        table = np.stack([x, image, law.log_density, score, phi / duration])
        self.nodes = jnp.asarray(table[:, seen], float)
        self.slope = jnp.asarray(slope[seen], float)
        self.bend = jnp.asarray(bends[seen], float)
        self.duration, self.beta = float(duration), float(beta)

    def _at_nodes(self, s: ScalarLike) -> tuple[Array, Array, Array]:
        """Where the nodes are at s, V there, and V'."""
        x, image, log_density, score, phi = self.nodes
        move = image - x
        stretch = 1 - s + s * self.slope
        value = (
            (jnp.log(stretch) - log_density) / self.beta - phi - s * move**2 / (2 * self.duration)
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
    def curvatures(self) -> tuple[float, float]:
        """Largest over nine stages: root mean square of V_s'' over the law, and its largest size."""
        typical = largest = 0.0
        log_density = np.asarray(self.nodes[2], float)
        for s in np.linspace(0, 1, 9):
            y, _, slope = (np.asarray(part, float) for part in self._at_nodes(float(s)))
            stretch = 1 - s + s * np.asarray(self.slope, float)
            bend = np.abs(np.diff(slope) / np.diff(y))
            mass = np.exp(log_density - np.log(stretch))[1:] * np.diff(y)
            mass = mass / mass.sum()
            typical = max(typical, float(np.sqrt(mass @ bend**2)))
            largest = max(largest, float(bend[mass > _RARE].max(initial=0.0)))
        return typical, largest

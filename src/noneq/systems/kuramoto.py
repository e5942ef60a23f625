"""Phases on a graph that pull each other along."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, ScalarLike
from noneq.domains import Torus
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.systems.base import AbstractDiffusion
from noneq.systems.one_state import of_state


KARATE = (
    "1-2 1-3 1-4 1-5 1-6 1-7 1-8 1-9 1-11 1-12 1-13 1-14 1-18 1-20 1-22 1-32 2-3 2-4 2-8 2-14 2-18 "
    "2-20 2-22 2-31 3-4 3-8 3-9 3-10 3-14 3-28 3-29 3-33 4-8 4-13 4-14 5-7 5-11 6-7 6-11 6-17 7-17 "
    "9-31 9-33 9-34 10-34 14-34 15-33 15-34 16-33 16-34 19-33 19-34 20-34 21-33 21-34 23-33 23-34 "
    "24-26 24-28 24-30 24-33 24-34 25-26 25-28 25-32 26-32 27-30 27-34 28-34 29-32 29-34 30-33 30-34 "
    "31-33 31-34 32-33 32-34 33-34"
)
"""Friendships among the 34 members of Zachary's club, counted from 1."""


def _edges(given: Any) -> tuple[tuple[int, int], ...]:
    return tuple((int(a), int(b)) for a, b in given)


class Kuramoto(AbstractDiffusion):
    """Phases with rates of their own, coupled along the edges of a graph.

    **Equation**: dθ_i = [ω_i + coupling Σ_j A_ij sin(θ_j − θ_i)] dt + sigma dW_i; the ω_i are evenly
    spaced quantiles of N(0, spread²), in an order that ``seed`` shuffles; starts are uniform.

    Args:
        edges: pairs of nodes, counted from 0, each of which acts both ways; the default is a ring of 5.
        coupling: strength of one edge.
        spread: of the rates.
        sigma: noise.
        seed: of the order of the rates.

    Raises:
        InvalidInput: no edge, an edge from a node to itself, or numbers that are not finite.

    Source: Kuramoto 1975; the club of Zachary 1977.
    """

    edges: tuple[tuple[int, int], ...] = eqx.field(
        default=((0, 1), (1, 2), (2, 3), (3, 4), (0, 4)), converter=_edges
    )
    coupling: float = 0.5
    spread: float = 1.0
    sigma: float = 0.1
    seed: int = 0

    @classmethod
    def karate(cls) -> "Kuramoto":
        """On Zachary's club: 34 nodes, 78 edges; the coupling leaves most phases apart."""
        pairs = [pair.split("-") for pair in KARATE.split()]
        return cls(
            tuple((int(a) - 1, int(b) - 1) for a, b in pairs), coupling=0.3, spread=2.0, sigma=0.3
        )

    def __check_init__(self) -> None:
        numbers = (self.coupling, self.spread, self.sigma)
        good = self.edges and all(a != b and min(a, b) >= 0 for a, b in self.edges)
        if not good or not all(map(math.isfinite, numbers)) or min(self.spread, self.sigma) < 0:
            raise InvalidInput(
                f"Kuramoto: edges = {self.edges[:4]} …, coupling, spread, sigma = {numbers}; expected "
                "pairs of different nodes from 0 on, and finite numbers, spread and sigma ≥ 0."
            )

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(nodes,)."""
        return (1 + max(map(max, self.edges)),)

    @property
    def domain(self) -> Torus:
        """Angles."""
        return Torus()

    @property
    def time_step(self) -> float:
        """0.05 over the largest rate."""
        busiest = np.abs(self.coupling) * self.adjacency().sum(0).max()
        return 0.05 / max(1.0, float(busiest), 3 * self.spread)

    def adjacency(self) -> np.ndarray:
        """A, symmetric, ``(nodes, nodes)`` of 0 and 1."""
        count = self.event_shape[0]
        found, ends = np.zeros((count, count)), np.asarray(self.edges)
        found[ends[:, 0], ends[:, 1]] = found[ends[:, 1], ends[:, 0]] = 1.0
        return found

    def rates(self) -> np.ndarray:
        """ω."""
        from scipy.stats import norm

        count = self.event_shape[0]
        levels = norm.ppf((np.arange(count) + 0.5) / count)
        return self.spread * np.random.default_rng(self.seed).permutation(levels)

    @checked
    def initial(self, key: Key) -> Float[Array, "nodes"]:
        """Uniform phases."""
        return jax.random.uniform(key, self.event_shape, maxval=2 * jnp.pi)

    @of_state
    def drift(self, t: ScalarLike, x: Float[Array, "nodes"]) -> Float[Array, "nodes"]:
        """Own rates and pulls."""
        A, sine, cosine = jnp.asarray(self.adjacency(), x.dtype), jnp.sin(x), jnp.cos(x)
        pull = cosine * (A @ sine) - sine * (A @ cosine)
        return jnp.asarray(self.rates(), x.dtype) + self.coupling * pull

    def diffusion(self, t: ScalarLike, x: Float[Array, "nodes"]) -> Array:
        """sigma."""
        return jnp.asarray(self.sigma, x.dtype)

"""Births and deaths on the way back: what becomes of the weights of the particles."""

from abc import abstractmethod
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from noneq._typing import Key, Scalar
from noneq.errors import InvalidInput
from noneq.kinds import AbstractChecked


FEWEST = 0.1
"""Effective fraction below which a draw warns."""


class Population(NamedTuple):
    """Particles on their way.

    Attributes:
        x: states.
        log_weights: up to a common constant.
        families: which of the first particles each descends from; members of a family move
            together, as the flow is deterministic.
    """

    x: Float[Array, "n *event"]
    log_weights: Float[Array, " n"]
    families: Int[Array, " n"]

    def picked(self, chosen: Int[Array, " n"]) -> "Population":
        """The particles chosen, with equal weights."""
        return Population(self.x[chosen], jnp.zeros_like(self.log_weights), self.families[chosen])

    @property
    def effective(self) -> Scalar:
        """1/(n Σ W_f²), W_f the share of family f: of independent particles, not of copies."""
        n = self.families.size
        weights = jax.nn.softmax(self.log_weights)
        return 1 / (n * jnp.sum(jax.ops.segment_sum(weights, self.families, n) ** 2))


class AbstractHandling(AbstractChecked):
    """What is done with the factors by which births and deaths change the particles' weights."""

    @abstractmethod
    def __call__(
        self, population: Population, change: Float[Array, " n"], *, key: Key
    ) -> Population:
        """The population after a step in which log weights change by ``change``."""

    @abstractmethod
    def remark(self, effective: float) -> str:
        """What a user must know of a draw of this smallest effective fraction; "" is nothing."""


class Weights(AbstractHandling):
    """Importance weights, made equal by one systematic resampling at the end.

    **Equation**: d log w = −b dtau along the flow. The mean over particles with weights w/Σw has
    the variance of n Σw²/(Σw)² times fewer samples.

    Source: Kong, Liu and Wong 1994 (the effective sample size).
    """

    def __call__(
        self, population: Population, change: Float[Array, " n"], *, key: Key
    ) -> Population:
        return population._replace(log_weights=population.log_weights + change)

    def remark(self, effective: float) -> str:
        return _few("Weights", effective, "Resampling() keeps their weights equal, but ")


class Resampling(AbstractHandling):
    """Systematic resampling whenever the effective sample size falls below a part of n.

    No weights pile up between the draws, but as the flow is deterministic copies stay together:
    independent particles are not more than with `Weights`, and `Population.effective`, which
    counts families, says how many are left.

    Args:
        threshold: that part, in (0, 1].

    Raises:
        InvalidInput: a threshold that is no such part.

    Source: Kitagawa 1996 (systematic); Liu and Chen 1998 (the threshold).
    """

    threshold: float = 0.5

    def __check_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise InvalidInput(
                f"Resampling: threshold = {self.threshold}; expected a part of n in (0, 1]."
            )

    def __call__(
        self, population: Population, change: Float[Array, " n"], *, key: Key
    ) -> Population:
        log_weights = population.log_weights + change
        weighted = population._replace(log_weights=log_weights)
        n = log_weights.size
        share = 1 / (n * jnp.sum(jax.nn.softmax(log_weights) ** 2))
        again = lambda p: p.picked(systematic(p.log_weights, n, key=key))
        return jax.lax.cond(share < self.threshold, again, lambda p: p, weighted)

    def remark(self, effective: float) -> str:
        return _few("Resampling", effective, "")


class Branching(AbstractHandling):
    """Birth and death at a fixed number of particles.

    **Equation**: with g = e^{change}/mean e^{change}, a particle of g < 1 dies with probability
    1 − g, and a copy of one of g > 1 takes its place, chosen in proportion to g − 1: the mean
    number of copies is g for steps of any size. Weights stay equal.

    Source: Rotskoff et al. 2019 and Lu et al. 2019, whose jumps hold in small steps; this rule is
    exact in the mean (derived).
    """

    def __call__(
        self, population: Population, change: Float[Array, " n"], *, key: Key
    ) -> Population:
        n = change.size
        die_key, take_key = jax.random.split(key)
        rise = n * jax.nn.softmax(change) - 1
        dead = jax.random.uniform(die_key, (n,), change.dtype) < -rise
        parents = searched(jnp.maximum(rise, 0.0), jax.random.uniform(take_key, (n,), change.dtype))
        # Without a rise there is no parent to take, and only rounding to die of.
        dead &= jnp.any(rise > 0)
        return population.picked(jnp.where(dead, parents, jnp.arange(n)))

    def remark(self, effective: float) -> str:
        return _few("Branching", effective, "")


class Ignored(AbstractHandling):
    """Wrong on purpose, for comparison: the flow without its births and deaths.

    Modes come out with wrong weights: the smaller one of charges .8 and .2 at m = 1 as .18 from
    z_max = 1, as .13 from 3, and is lost from 30. Every draw warns.
    """

    def __call__(
        self, population: Population, change: Float[Array, " n"], *, key: Key
    ) -> Population:
        return population

    def remark(self, effective: float) -> str:
        return (
            "Ignored: births and deaths were left out, so that the weights of modes come out "
            "wrong; use Weights, Resampling or Branching."
        )


def systematic(log_weights: Float[Array, " n"], count: int, *, key: Key) -> Int[Array, " count"]:
    """``count`` indices, each index its expected number of times rounded up or down.

    Source: Kitagawa 1996, appendix.
    """
    u = jax.random.uniform(key, dtype=log_weights.dtype)
    return searched(jax.nn.softmax(log_weights), (jnp.arange(count) + u) / count)


def searched(weights: Float[Array, " n"], u: Float[Array, " count"]) -> Int[Array, " count"]:
    """Indices at which the cumulative share of the weights passes u in [0, 1)."""
    cumulative = jnp.cumsum(weights)
    found = jnp.searchsorted(cumulative, u * cumulative[-1], side="right")
    return jnp.minimum(found, weights.size - 1)


def _few(name: str, effective: float, addition: str) -> str:
    if effective >= FEWEST:
        return ""
    return (
        f"{name}: births and deaths left {100 * effective:.2g} % of the particles effective; "
        f"{addition}only more particles, a smaller mass times z_max or the source-free velocity "
        "(ScaleMixture) give more independent ones."
    )

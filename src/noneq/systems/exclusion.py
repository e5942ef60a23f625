"""Particles that hop on a ring and never share a site."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from noneq._typing import Key, Scalar, ScalarLike
from noneq.domains import Discrete
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.systems.base import HasEntropyProduction, HasStationaryDensity
from noneq.systems.jumps import AbstractSteadyJump
from noneq.systems.one_state import of_state


class ASEP(AbstractSteadyJump, HasStationaryDensity, HasEntropyProduction):
    """The asymmetric simple exclusion process on a ring.

    **Equation**: each particle hops to the right at rate p and to the left at rate q if that site
    is empty. All arrangements are equally likely in the steady state; the current through a bond is
    J = (p − q) N(L − N)/[L(L − 1)].

    Reaction i hops over bond i, from site i to i + 1; reaction L + i the other way.

    Args:
        sites: L.
        particles: N.
        p, q: rates of hops to the right and to the left.

    Raises:
        InvalidInput: fewer than three sites, no particle or no empty site, or rates that are
            negative, infinite or both zero.

    Source: Spitzer 1970; Derrida, Phys. Rep. 301, 65 (1998).
    """

    sites: int = 8
    particles: int = 3
    p: float = 2.0
    q: float = 0.5

    def __check_init__(self) -> None:
        if self.sites < 3 or not 0 < self.particles < self.sites:
            raise InvalidInput(
                f"ASEP: {self.particles} particles on {self.sites} sites; expected at least three "
                "sites, a particle and an empty site."
            )
        if not (min(self.p, self.q) >= 0 and 0 < max(self.p, self.q) < math.inf):
            raise InvalidInput(f"ASEP: p = {self.p}, q = {self.q}; expected rates ≥ 0, one > 0.")

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(L,)."""
        return (self.sites,)

    @property
    def domain(self) -> Discrete:
        """0 empty, 1 occupied."""
        return Discrete(2)

    @property
    def reverse(self) -> tuple[int, ...]:
        """The hop back over the same bond."""
        return tuple((r + self.sites) % (2 * self.sites) for r in range(2 * self.sites))

    @checked
    def initial(self, key: Key) -> Float[Array, "L"]:
        """Every arrangement is equally likely."""
        filled = jnp.arange(self.sites) < self.particles
        return jax.random.permutation(key, filled).astype(jnp.zeros(()).dtype)

    @of_state
    def rates(self, t: ScalarLike, x: Float[Array, "L"]) -> Float[Array, "R"]:
        """p or q where the hop finds an empty site."""
        ahead = jnp.roll(x, -1)
        return jnp.concatenate([self.p * x * (1 - ahead), self.q * ahead * (1 - x)])

    @of_state
    def after(self, x: Float[Array, "L"], reaction: Int[Array, ""] | int) -> Float[Array, "L"]:
        """The particle one site further."""
        site = jnp.asarray(reaction) % self.sites
        way = jnp.where(jnp.asarray(reaction) < self.sites, 1.0, -1.0).astype(x.dtype)
        left = (jnp.arange(self.sites) == site).astype(x.dtype)
        return x + way * (jnp.roll(left, 1) - left)

    @of_state
    def log_density(self, x: Float[Array, "L"]) -> Scalar:
        """−ln of the number of arrangements."""
        each = -math.log(math.comb(self.sites, self.particles))
        return jnp.where(jnp.sum(x) == self.particles, each, -jnp.inf)

    def current(self) -> float:
        """J, hops per unit time through each bond, to the right less to the left."""
        n, sites = self.particles, self.sites
        return (self.p - self.q) * n * (sites - n) / (sites * (sites - 1))

    def entropy_production_rate(self) -> float:
        """L J ln(p/q); inf if hops go one way only."""
        if min(self.p, self.q) == 0:
            return math.inf
        return self.sites * self.current() * math.log(self.p / self.q)

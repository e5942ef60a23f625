"""Schlögl's model: a chemical reaction that keeps itself going, with one or two steady states."""

import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from noneq._typing import Key, Scalar, ScalarLike
from noneq.domains import Free
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.systems.base import HasEntropyProduction, HasStationaryDensity
from noneq.systems.jumps import AbstractSteadyJump, index_draw
from noneq.systems.one_state import of_state


_MOST = 2**22
_NEGLIGIBLE = 60.0
"""ln of how far below its maximum the law is cut off."""


class Schlogl(AbstractSteadyJump, HasStationaryDensity, HasEntropyProduction):
    """Schlögl's model, the number n of molecules X between two reservoirs A and B.

    **Equation**: A + 2X ⇌ 3X, B ⇌ X. Reactions, in order: n → n + 1 at k1 a n(n−1)/V, n → n − 1 at
    k2 n(n−1)(n−2)/V², n → n + 1 at k3 b V, n → n − 1 at k4 n. In equilibrium if
    a/b = k2 k3/(k1 k4).

    Args:
        a, b: concentrations of the reservoirs.
        volume: V.
        k1, k2, k3, k4: rate constants.
        start: number of molecules at the first time; None draws the stationary law.

    Raises:
        InvalidInput: a parameter that is not positive and finite, or a negative start.

    Source: Schlögl, Z. Phys. 253, 147 (1972); parameters of Vellela and Qian 2009.
    """

    a: float = 1.0
    b: float = 1.0
    volume: float = 25.0
    k1: float = 3.0
    k2: float = 0.6
    k3: float = 0.25
    k4: float = 2.95
    start: int | None = None

    def __check_init__(self) -> None:
        for name in ("a", "b", "volume", "k1", "k2", "k3", "k4"):
            if not 0 < getattr(self, name) < math.inf:
                raise InvalidInput(
                    f"Schlogl: {name} = {getattr(self, name)}; expected a positive, finite number."
                )
        if self.start is not None and self.start < 0:
            raise InvalidInput(f"Schlogl: start = {self.start}; expected a number ≥ 0.")

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(1,)."""
        return (1,)

    @property
    def domain(self) -> Free:
        """All of space; only whole numbers ≥ 0 occur."""
        return Free()

    @property
    def reverse(self) -> tuple[int, ...]:
        """Of each pair the other."""
        return (1, 0, 3, 2)

    @checked
    def initial(self, key: Key) -> Float[Array, "1"]:
        """``start``, or a draw of the stationary law."""
        if self.start is not None:
            return jnp.full((1,), float(self.start))
        return index_draw(key, self.stationary())[None].astype(jnp.zeros(()).dtype)

    @of_state
    def rates(self, t: ScalarLike, x: Float[Array, "1"]) -> Float[Array, "4"]:
        """Of the four reactions."""
        return jnp.stack(self._rates(x[0]))

    @of_state
    def after(self, x: Float[Array, "1"], reaction: Int[Array, ""] | int) -> Float[Array, "1"]:
        """One molecule more or less."""
        return x + 1.0 - 2.0 * (jnp.asarray(reaction, x.dtype) % 2)

    def stationary(self) -> Float[np.ndarray, " n"]:
        """p(n), n = 0, 1, … to where it is below e⁻⁶⁰ of its maximum.

        **Equation**: p(n + 1)/p(n) = [w1(n) + w3(n)]/[w2(n + 1) + w4(n + 1)].

        Raises:
            InvalidInput: more than four million molecules.
        """
        size = 256
        while size <= _MOST:
            n = np.arange(size, dtype=float)
            up, _, feed, _ = self._rates(n[:-1])
            _, down, _, decay = self._rates(n[1:])
            log_p = np.concatenate([[0.0], np.cumsum(np.log(up + feed) - np.log(down + decay))])
            if log_p[-1] < log_p.max() - _NEGLIGIBLE and log_p[-1] < log_p[-2]:
                p = np.exp(log_p - log_p.max())
                return p / p.sum()
            size *= 2
        raise InvalidInput(f"Schlogl: more than {_MOST} molecules; take a smaller volume.")

    @of_state
    def log_density(self, x: Float[Array, "1"]) -> Scalar:
        """ln p(n), of the whole number nearest to x."""
        with np.errstate(divide="ignore"):
            log_p = jnp.asarray(np.log(self.stationary()), x.dtype)
        n = jnp.round(x[0]).astype(int)
        return jnp.where((n >= 0) & (n < log_p.size), log_p[n.clip(0, log_p.size - 1)], -jnp.inf)

    def current(self) -> float:
        """Net rate J at which A becomes B: reactions 1 less 2, in the steady state."""
        p = self.stationary()
        up, down, _, _ = self._rates(np.arange(p.size, dtype=float))
        return float(p @ (up - down))

    def entropy_production_rate(self) -> float:
        """J ln[k1 a k4/(k2 k3 b)]; raises as `stationary`."""
        force = math.log(self.k1 * self.a * self.k4 / (self.k2 * self.k3 * self.b))
        return self.current() * force

    def _rates(self, n):
        pairs = n * (n - 1.0)
        return (
            self.k1 * self.a / self.volume * pairs,
            self.k2 / self.volume**2 * pairs * (n - 2.0),
            self.k3 * self.b * self.volume + 0.0 * n,
            self.k4 * n,
        )

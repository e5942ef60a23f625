"""A particle driven around a ring."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.domains import Torus
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.systems.base import AbstractLangevin, HasEntropyProduction, HasStationaryDensity
from noneq.systems.one_state import of_state


_CELLS_PER_FOLD, _MOST_CELLS, _SHOWN = 8, 2**22, 8192
"""Cells for one factor e of the Boltzmann weight, the most of them, and those interpolated."""


class DrivenRing(AbstractLangevin, HasStationaryDensity, HasEntropyProduction):
    """A constant force around a ring with a cosine potential.

    **Equation**: dX = (F + a sin x) dt + √(2/beta) dW on [0, 2π), V = a cos x.

    Args:
        force: F.
        amplitude: a.
        beta: inverse temperature.

    Raises:
        InvalidInput: beta not positive, or a number that is not finite.
    """

    force: float = 1.0
    amplitude: float = 1.0
    beta: float = 1.0

    def __check_init__(self) -> None:
        if not (np.isfinite([self.force, self.amplitude, self.beta]).all() and self.beta > 0):
            raise InvalidInput(
                f"DrivenRing: force = {self.force}, amplitude = {self.amplitude}, beta = "
                f"{self.beta}; expected finite numbers and beta > 0."
            )

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(1,)."""
        return (1,)

    @property
    def domain(self) -> Torus:
        """The circle [0, 2π)."""
        return Torus()

    @property
    def time_step(self) -> float:
        """0.01 over the largest of curvature, force² beta and 1/beta."""
        speed = abs(self.force) + abs(self.amplitude)
        return 0.01 / max(abs(self.amplitude), speed**2 * self.beta, 1 / self.beta)

    @checked
    def initial(self, key: Key) -> Float[Array, "1"]:
        """Uniform on the circle."""
        return jax.random.uniform(key, (1,), maxval=2 * np.pi)

    @of_state
    def potential(self, t: ScalarLike, x: Float[Array, "1"]) -> Scalar:
        """a cos x."""
        return self.amplitude * jnp.cos(x[0])

    @of_state
    def nonconservative_force(self, t: ScalarLike, x: Float[Array, "1"]) -> Float[Array, "1"]:
        """F."""
        return jnp.full_like(x, self.force)

    def current(self) -> float:
        """Steady probability current J: turns per unit time, with the sign of F.

        **Equation**: J = D/∫_0^{2π} Z(x) dx with Z(x) = ∫_x^∞ e^{[U(y) − U(x)]/D} dy for F > 0,
        U = V − F x, D = 1/beta; the mirror image x → −x for F < 0.

        Raises:
            InvalidInput: beta (|F| + |a|) is too large for the grid, and the value unresolved.
        """
        if self.force == 0:
            return 0.0
        log_z, step = self._log_steady()
        return float(np.sign(self.force) * np.exp(-_log_sum(log_z) - np.log(step * self.beta)))

    @of_state
    def log_density(self, x: Float[Array, "1"]) -> Scalar:
        """Steady log p(x), interpolated on a fine grid; p ∝ Z, see `current`."""
        if self.force == 0:
            grid = np.arange(_SHOWN) * 2 * np.pi / _SHOWN
            log_z, step = -self.beta * self.amplitude * np.cos(grid), grid[1]
        else:
            log_z, step = self._log_steady()
            grid = np.arange(log_z.size) * step
        log_p = log_z - _log_sum(log_z) - np.log(step)
        kept = slice(None, None, max(1, log_z.size // _SHOWN))
        return jnp.interp(x[0], jnp.asarray(grid[kept]), jnp.asarray(log_p[kept]), period=2 * np.pi)

    def entropy_production_rate(self) -> float:
        """Work of the force over kT: 2π F J beta; raises as `current`."""
        return float(2 * np.pi * self.force * self.current() * self.beta)

    def _log_steady(self) -> tuple[np.ndarray, float]:
        """log Z on a regular grid of [0, 2π), and its step.

        Z(x) = ∫_x^{x+h} e^{[U(y) − U(x)]/D} dy + e^{[U(x+h) − U(x)]/D} Z(x + h): a sum of positive
        terms from the right, taken in logarithms, which no force or temperature overflows.
        """
        steepest = self.beta * (abs(self.force) + abs(self.amplitude))
        count = max(1024, 2 ** int(np.ceil(np.log2(2 * np.pi * _CELLS_PER_FOLD * steepest))))
        if count > _MOST_CELLS:
            raise InvalidInput(
                f"DrivenRing: beta (|force| + |amplitude|) = {steepest:.3g} is too large for the "
                f"exact steady state, which resolves up to {_MOST_CELLS / 50:.0f}; lower beta."
            )
        step, force = 2 * np.pi / count, abs(self.force)
        edges = np.arange(count + 1) * step
        rise = lambda y: self.beta * (self.amplitude * np.cos(y) - force * y)
        nodes, weights = np.polynomial.legendre.leggauss(4)
        inside = edges[:-1, None] + step * (nodes + 1) / 2
        local = np.log(np.exp(rise(inside) - rise(edges[:-1, None])) @ weights * step / 2)
        terms = local + rise(edges[:-1])
        # A whole turn lowers U by 2πF: the turns after the first are a geometric series.
        turn = _log_sum(terms) - np.log(-np.expm1(-2 * np.pi * force * self.beta))
        terms = np.append(terms, turn - 2 * np.pi * force * self.beta)
        log_z = np.logaddexp.accumulate(terms[::-1])[::-1][:-1] - rise(edges[:-1])
        # The force to the left is that to the right of the mirrored ring.
        return (log_z if self.force > 0 else np.roll(log_z[::-1], 1)), step


def _log_sum(logs: np.ndarray) -> float:
    top = logs.max()
    return float(top + np.log(np.exp(logs - top).sum()))

"""An active field: the noisy complex Ginzburg–Landau equation on a ring."""

import functools
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.domains import Free
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.systems.base import AbstractLangevin, HasEntropyProduction, HasStationaryDensity
from noneq.systems.one_state import of_state


_MOVES, _LEAPS = 30, 12
"""Moves of the hybrid Monte Carlo that draws a start, and the leapfrog steps of each."""
_FOLDS, _LEAST = 45.0, 1e-15
"""Of a Boltzmann weight at the edge of the radial grid, and of a wave that no longer counts."""


class GinzburgLandau(AbstractLangevin, HasStationaryDensity, HasEntropyProduction):
    """Two fields on a ring that slide down a landscape and turn around each other on the way.

    **Equation**: dφ = −(I + q J) ∇U dt + √(2/beta) dW, J = [[0, −1], [1, 0]] at every site,
    U = Σ_i [r |φ_i|²/2 + g |φ_i|⁴/4 + |φ_{i+1} − φ_i|²/2], φ = (u, v): the complex Ginzburg–Landau
    equation with equal dispersions q. The law is p = e^{−beta U}/Z at any q, and entropy is
    produced at the rate q² ⟨ΔU⟩ = q² sites (2r + 4 + 4g ⟨|φ|²⟩), known from the transfer operator.

    Args:
        sites: of the ring.
        r: rate at which a small uniform field relaxes; below 0 it grows.
        g: strength of saturation.
        q: how fast the fields turn; 0 is equilibrium.
        beta: inverse temperature.

    Raises:
        InvalidInput: fewer than three sites, beta not positive, or a landscape that does not bind
            (g > 0, or g = 0 and r > 0).
    """

    symbols: ClassVar[tuple[str, ...]] = ("u", "v")

    sites: int = 16
    r: float = 0.5
    g: float = 1.0
    q: float = 0.5
    beta: float = 1.0

    def __check_init__(self) -> None:
        finite = np.isfinite([self.r, self.g, self.q, self.beta]).all()
        binds = self.g > 0 or (self.g == 0 and self.r > 0)
        if self.sites < 3 or not (finite and binds and self.beta > 0):
            raise InvalidInput(
                f"GinzburgLandau: sites = {self.sites}, r = {self.r}, g = {self.g}, q = {self.q}, "
                f"beta = {self.beta}; expected at least three sites, beta > 0, and g > 0 (or g = 0 "
                "and r > 0)."
            )

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(2, sites): u and v."""
        return (2, self.sites)

    @property
    def domain(self) -> Free:
        """All fields."""
        return Free()

    @property
    def time_step(self) -> float:
        """0.02 over the largest rate of change of the drift at a high amplitude."""
        return 0.02 / (self._stiffness * float(np.hypot(1, self.q)))

    @property
    def _stiffness(self) -> float:
        """Largest second derivative of U, with |φ|² two standard deviations of a lone site up."""
        spread = np.sqrt(2 / (self.beta * self.g)) if self.g > 0 else 0.0
        square = max(-self.r / self.g, 0.0) + 2 * spread if self.g > 0 else 0.0
        return abs(self.r) + 4 + 3 * self.g * float(square)

    @of_state
    def potential(self, t: ScalarLike, x: Float[Array, "2 sites"]) -> Scalar:
        """U(φ)."""
        square = jnp.sum(x**2, axis=0)
        steps = jnp.sum((jnp.roll(x, -1, axis=1) - x) ** 2)
        return jnp.sum(self.r * square / 2 + self.g * square**2 / 4) + steps / 2

    @of_state
    def nonconservative_force(
        self, t: ScalarLike, x: Float[Array, "2 sites"]
    ) -> Float[Array, "2 sites"]:
        """−q J∇U."""
        gradient = jax.grad(self.potential, argnums=1)(t, x)
        return -self.q * jnp.stack([-gradient[1], gradient[0]])

    @checked
    def initial(self, key: Key) -> Float[Array, "2 sites"]:
        """A draw from p by hybrid Monte Carlo, in the relaxed part for r not far below 0."""
        first, *keys = jax.random.split(key, _MOVES + 1)
        width = 1 / np.sqrt(self.beta * self._stiffness)
        start = width * jax.random.normal(first, self.event_shape)
        move = lambda x, key: (self._move(x, key), None)
        return jax.lax.scan(move, start, jnp.stack(keys))[0]

    def _move(self, x: Float[Array, "2 sites"], key: Key) -> Float[Array, "2 sites"]:
        """A few leapfrog steps from a random momentum, taken or left by Metropolis."""
        for_momentum, for_length, for_choice = jax.random.split(key, 3)
        energy = lambda x: self.beta * self.potential(0.0, x)
        slope = jax.grad(energy)
        # Of random length, so that no wave returns to where it was.
        h = jax.random.uniform(for_length, minval=0.2, maxval=0.8)
        h = h / np.sqrt(self.beta * self._stiffness)
        momentum = jax.random.normal(for_momentum, x.shape)

        def leap(state, _):
            y, p = state
            y = y + h * p
            return (y, p - h * slope(y)), None

        # Half a kick before and after: the last whole one is halved.
        (y, p), _ = jax.lax.scan(leap, (x, momentum - h / 2 * slope(x)), length=_LEAPS)
        p = p + h / 2 * slope(y)
        gain = energy(x) - energy(y) + jnp.sum(momentum**2 - p**2) / 2
        return jnp.where(jnp.log(jax.random.uniform(for_choice)) < gain, y, x)

    @of_state
    def log_density(self, x: Float[Array, "2 sites"]) -> Scalar:
        """−beta U − log Z."""
        log_z, _ = _ring(self.sites, self.r, self.g, self.beta)
        return -self.beta * self.potential(0.0, x) - log_z

    def mean_square(self) -> float:
        """⟨|φ|²⟩ of a site."""
        return _ring(self.sites, self.r, self.g, self.beta)[1]

    def entropy_production_rate(self) -> float:
        """q² sites (2r + 4 + 4g ⟨|φ|²⟩)."""
        return self.q**2 * self.sites * (2 * self.r + 4 + 4 * self.g * self.mean_square())


@functools.lru_cache(maxsize=64)
def _ring(sites: int, r: float, g: float, beta: float) -> tuple[float, float]:
    """log Z and ⟨|φ|²⟩ by the transfer operator, wave by wave around the circle.

    **Equation**: Z = Σ_m Tr K_m^sites with the radial kernels K_m(ρ, ρ') = 2π I_m(beta ρ ρ')
    e^{−beta [W(ρ) + W(ρ') + ρ² + ρ'²]/2} √(ρ ρ'), W = r ρ²/2 + g ρ⁴/4.
    """
    from scipy.special import ive

    landscape = lambda rho: beta * (r * rho**2 / 2 + g * rho**4 / 4)
    # The neighbours' mean lies anywhere, so the edge is where the site's own landscape is high.
    trial = np.linspace(0, 1, 4001)
    reach = 1.0
    while landscape(trial * reach)[-1] - landscape(trial * reach).min() < _FOLDS:
        reach *= 1.1
    nodes, weights = np.polynomial.legendre.leggauss(int(64 + 6 * reach * np.sqrt(beta)))
    rho, weights = reach * (nodes + 1) / 2, reach * weights / 2
    height = landscape(rho)
    lowest = height.min()
    shape = np.exp(-(height - lowest) / 2) * np.sqrt(rho * weights)
    outside = np.exp(-beta * (rho[:, None] - rho) ** 2 / 2) * shape[:, None] * shape
    total, second, top, wave = 0.0, 0.0, 1.0, 0
    while True:
        kernel = outside * ive(wave, beta * rho[:, None] * rho)
        values, vectors = np.linalg.eigh(kernel)
        top = float(values[-1]) if wave == 0 else top
        powers = (2 if wave else 1) * (values / top).clip(0) ** sites
        total += float(powers.sum())
        second += float(powers @ (vectors**2).T @ rho**2)
        if powers.sum() < _LEAST * total:
            break
        wave += 1
    return float(np.log(total) + sites * (np.log(2 * np.pi * top) - lowest)), second / total

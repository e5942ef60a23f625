"""The Helmholtz equation in a periodic box below whose modes the resonance lies."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.errors import InvalidInput
from noneq.processes.base import AbstractPrior, Perturbed
from noneq.processes.field_lines import AbstractFieldLines
from noneq.processes.schedules import AbstractSchedule, Karras
from noneq.processes.torus import torus_kernel
from noneq.traced import AbstractUntraced


_MOST_SIGNAL = 1e-3
LARGEST_CUTOFF = {1: 0.75, 2: 0.645, 3: 0.595}
"""Largest cutoff L/2π at which the kernel is positive at all times and places, by dimension."""
# Largest ratio of the kernel to that of cutoff 0 below these, 1.25 in 3-D, and a margin.
_BOUND = 1.3


class TorusPrior(AbstractPrior):
    """The uniform law on [−box/2, box/2)^dim."""

    box: float

    def sample(self, shape: tuple[int, ...], *, key: Key) -> Array:
        return self.box * jax.random.uniform(key, shape, minval=-0.5, maxval=0.5)

    def log_prob(self, x: Float[Array, "*event"]) -> Scalar:
        inside = jnp.all(jnp.abs(x) <= self.box / 2)
        return jnp.where(inside, -x.size * math.log(self.box), -jnp.inf)


class Helmholtz(AbstractFieldLines, AbstractUntraced):
    """Field lines of φ_tt + ∇²φ + cutoff² φ = 0 on a torus of side box, uniform at the end.

    **Equation**: in free space waves longer than 2π/cutoff do not decay, and the equation is not
    generative; all modes of the box do if cutoff < 2π/box. Then, with ψ = √(k² − cutoff²),

    p_t(x|y) = box^{−N}[1 + Σ_{k≠0} e^{−tψ} cos k·(x − y)], k in (2π/box) Z^N, t = sigma(tau),

    whose mean, which the equation would let grow or oscillate, is held at 1. The velocity J/p is
    that of the irrotational current J = box^{−N} Σ (ψ/k²) e^{−tψ} k sin k·(x − y). Both are exact
    to rounding (`torus_kernel`). cutoff = 0 is Poisson's equation on the torus. Draws are exact:
    wrapped Cauchy noise, the kernel of cutoff 0, accepted with a probability of at least
    1/1.3 on average.

    A point's kernel is positive at all times only if cutoff box/2π ≤ 0.75, 0.645, 0.595 in 1, 2
    and 3 dimensions (it turns negative at 0.752, 0.647, 0.598, first for t → 0 in the corner
    opposite to the point). States are positions in [−box/2, box/2)^N, in normalised coordinates,
    which `project` restores; the data must lie inside.

    Args:
        cutoff: wavenumber k0.
        box: side L of the torus, in normalised coordinates.
        schedule: t = sigma(tau), with alpha = 1.

    Raises:
        InvalidInput: a cutoff beyond the slowest mode, a schedule that shrinks the state or whose
            last level is not uniform to 1e-3, 6 e^{−t √((2π/L)² − k0²)}; from the first use, a
            kernel that is negative somewhere, or more than 3 dimensions.

    Source: Liu et al. 2023 (GenPhys) for the equation, which they find not to be generative in
    free space; this kernel and its velocity are ours.
    """

    cutoff: float
    box: float
    schedule: AbstractSchedule = Karras(sigma_max=20.0)

    def __check_init__(self) -> None:
        if not (0 <= self.cutoff < float("inf") and 0 < self.box < float("inf")):
            raise InvalidInput(
                f"Helmholtz: cutoff = {self.cutoff}, box = {self.box}; expected cutoff ≥ 0 and a "
                "positive box."
            )
        if not self._ratio < 1:
            raise InvalidInput(
                f"Helmholtz: cutoff = {self.cutoff:g}; the slowest mode of the box decays only if "
                f"cutoff < 2 pi/box = {2 * math.pi / self.box:.4g}. Lower cutoff or box."
            )
        alpha, sigma = (float(value) for value in self.schedule(1.0))
        if alpha != 1.0:
            raise InvalidInput(
                f"Helmholtz: {type(self.schedule).__name__} shrinks the state; on a torus it only "
                "spreads. Use Karras or VE."
            )
        rate = 2 * math.pi / self.box * math.sqrt(1 - self._ratio**2)
        if not 6 * math.exp(-sigma * rate) <= _MOST_SIGNAL:
            raise InvalidInput(
                f"Helmholtz: terminal signal too high: the six slowest modes leave "
                f"{6 * math.exp(-sigma * rate):.2g} at tau = 1 (sigma = {sigma:g}); the uniform "
                f"prior needs at most {_MOST_SIGNAL:g}. Set sigma_max to "
                f"{math.log(6 / _MOST_SIGNAL) / rate:.3g} or more."
            )

    def perturb(self, y: Float[Array, "*event"], tau: ScalarLike, *, key: Key) -> Perturbed:
        self._check(y.size)
        scale = 2 * math.pi / self.box
        t = jnp.asarray(scale * self.schedule(tau)[1], y.dtype)

        def propose(state):
            key, _, _ = state
            key, noise_key, depth_key, keep_key = jax.random.split(key, 4)
            depth = jnp.abs(jax.random.normal(depth_key, (), y.dtype))
            noise = jax.random.normal(noise_key, (y.size,), y.dtype)
            z = _wrap(t * noise / jnp.maximum(depth, 1e-7), 2 * math.pi)
            height = _BOUND * torus_kernel.density(z, t, 0.0)
            keep = jax.random.uniform(keep_key, (), y.dtype)
            return key, z, keep * height < torus_kernel.density(z, t, self._ratio)

        start = key, jnp.zeros(y.size, y.dtype), jnp.asarray(False)
        _, z, _ = jax.lax.while_loop(lambda state: ~state[2], propose, start)
        x = self.project(y + z.reshape(y.shape) / scale)
        return Perturbed(x, self._velocity(z, tau).reshape(y.shape), None, None)

    def conditional_velocity(
        self, x: Float[Array, "*event"], y: Float[Array, "*event"], tau: ScalarLike
    ) -> Float[Array, "*event"]:
        self._check(x.size)
        return self._velocity(self._away(x, y), tau).reshape(x.shape)

    def log_kernel(
        self, x: Float[Array, "*event"], y: Float[Array, "*event"], tau: ScalarLike
    ) -> Scalar:
        self._check(x.size)
        scale = 2 * math.pi / self.box
        p = torus_kernel.density(self._away(x, y), scale * self.schedule(tau)[1], self._ratio)
        return jnp.log(jnp.maximum(p, 1e-30)) + x.size * math.log(scale)

    def prior(self, std: ScalarLike) -> TorusPrior:
        return TorusPrior(self.box)

    def project(self, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        return _wrap(x, self.box)

    def rate(self, radius: ScalarLike, dim: int, tau: ScalarLike) -> Scalar:
        _, sigma, _, d_sigma = self.schedule.rates(tau)
        return d_sigma / sigma

    def spread(self, radius: ScalarLike, dim: int, tau: ScalarLike) -> Scalar:
        return jnp.square(self.schedule(tau)[1])

    @property
    def _ratio(self) -> float:
        """Cutoff over the slowest mode."""
        return self.cutoff * self.box / (2 * math.pi)

    def _away(self, x: Array, y: Array) -> Float[Array, " dim"]:
        """x − y the short way round, on a torus of side 2π."""
        return _wrap((x - y).ravel() * (2 * math.pi / self.box), 2 * math.pi)

    def _velocity(self, z: Float[Array, " dim"], tau: ScalarLike) -> Float[Array, " dim"]:
        _, sigma, _, d_sigma = self.schedule.rates(tau)
        return d_sigma * torus_kernel.velocity(z, 2 * math.pi / self.box * sigma, self._ratio)

    def _check(self, dim: int) -> None:
        if dim not in LARGEST_CUTOFF:
            raise InvalidInput(
                f"Helmholtz: a state of {dim} numbers; the kernel is summed in 1, 2 and 3 "
                "dimensions. Use ScaleMixture."
            )
        if self._ratio > LARGEST_CUTOFF[dim]:
            raise InvalidInput(
                f"Helmholtz: cutoff box/2 pi = {self._ratio:.4g}; in {dim} dimensions the kernel is "
                f"negative somewhere unless it is at most {LARGEST_CUTOFF[dim]}. Lower cutoff to "
                f"{LARGEST_CUTOFF[dim] * 2 * math.pi / self.box:.4g} or box to "
                f"{LARGEST_CUTOFF[dim] * self.box / self._ratio:.4g}."
            )


def _wrap(x: Array, side: float) -> Array:
    """Each coordinate in [−side/2, side/2)."""
    # What is inside stays as it is, to the last bit.
    return jnp.where(jnp.abs(x) <= side / 2, x, jnp.mod(x + side / 2, side) - side / 2)

"""The damped wave equation: particles that run at one speed and turn at random."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.errors import InvalidInput
from noneq.processes.base import NormalPrior, Perturbed
from noneq.processes.field_lines import AbstractFieldLines
from noneq.processes.schedules import AbstractSchedule, Karras
from noneq.processes.waves import kac_walk
from noneq.processes.waves.damped_wave import (
    Table,
    Transport,
    log_density,
    radius_of,
    transport,
    wave_table,
)
from noneq.traced import AbstractUntraced


LEAST_BLUR = {2: 0.32, 3: 0.61}
"""Blur, in units of speed/damping, from which the kernel is positive."""
_LEAST_LEVEL = 21.0
_ROUNDING = 1e-5


class Telegraph(AbstractFieldLines, AbstractUntraced):
    """x_tau = y + walk + blur ξ: the damped wave (telegraph) equation.

    **Equation**: p_tt + 2 damping p_t = speed² ∇²p, p(0) the data blurred by N(0, blur² I),
    p_t(0) = 0: characteristic function e^{−εt}[cos qt + (ε/q) sin qt], q² = c²k² − ε². It
    spreads like a wave for t ≪ 1/ε and like heat for t ≫ 1/ε. sigma(tau) is the standard
    deviation per coordinate without the blur, in any dimension:
    sigma² = (c/ε)²[εt − (1 − e^{−2εt})/2], which sets the clock t(tau).

    One dimension is Kac's walk, which reverses at rate ε, drawn exactly: two fronts at ±ct of mass
    ½ e^{−εt} each, and between them a density in Bessel functions. The conditional velocity is the
    mean ±c given the displacement. Without blur the fronts are points and there is no
    `log_kernel`.

    In two and three dimensions the kernel of a point is negative somewhere; blurred by
    blur ≥ 0.32 c/ε (2-D) or 0.61 c/ε (3-D) it is positive at all times (the least density is 0 at
    0.3196 and 0.6035). It is then tabulated on the host as the radial map between kernel and normal
    law, whose own flow is the velocity: draws, density and velocity belong to one another
    exactly, and to the equation up to the table's error (4e-5 of the largest density at these
    limits, 4e-6 for a quarter more blur).

    Models learn the data as blurred, like those of `VE` with its smallest level. The prior is
    the normal law with the variance of data, blur and walk.

    Args:
        damping: ε, the rate of reversals.
        speed: c, in normalised coordinates per unit time.
        blur: standard deviation of the blur, in normalised coordinates.
        schedule: levels sigma(tau), with alpha = 1.

    Raises:
        InvalidInput: numbers that are not positive, a schedule that shrinks the state or whose
            last level is not diffusive (sigma ≥ 21 c/ε, where the normal law is right to 1e-3 in
            total variation); from the first use, too little blur for the dimension, or more than
            3 dimensions.

    Source: Kac 1974 (the walk); Liu et al. 2023 (GenPhys) for the equation; the
    positive kernels by blur and their flow are ours.
    """

    damping: float
    speed: float = 1.0
    blur: float = 0.0
    schedule: AbstractSchedule = Karras()

    def __check_init__(self) -> None:
        finite = max(self.damping, self.speed, self.blur) < float("inf")
        if not (finite and self.damping > 0 and self.speed > 0 and self.blur >= 0):
            raise InvalidInput(
                f"Telegraph: damping = {self.damping}, speed = {self.speed}, blur = {self.blur}; "
                "expected positive damping and speed and blur ≥ 0."
            )
        alpha, sigma = (float(value) for value in self.schedule(1.0))
        if alpha != 1.0:
            raise InvalidInput(
                f"Telegraph: {type(self.schedule).__name__} shrinks the state; the walk only adds "
                "noise. Use Karras or VE."
            )
        if not sigma >= _LEAST_LEVEL * self._unit * (1 - _ROUNDING):
            raise InvalidInput(
                f"Telegraph: the last level is {sigma:g}; the normal prior needs "
                f"{_LEAST_LEVEL:g} speed/damping = {_LEAST_LEVEL * self._unit:.4g}. Raise "
                "sigma_max or damping."
            )

    def perturb(self, y: Float[Array, "*event"], tau: ScalarLike, *, key: Key) -> Perturbed:
        table = self._table(y.size)
        level, rate = self._level(tau)
        walk_key, noise_key = jax.random.split(key)
        xi = jax.random.normal(noise_key, y.shape, y.dtype)
        if table is None:
            t = kac_walk.walk_time(level)
            away, velocity = kac_walk.draw(t, key=walk_key)
            velocity *= kac_walk.stretch(t, level) * level * rate
            away = self._unit * away + self.blur * xi
            velocity = jnp.full_like(y, self._unit * velocity)
            return Perturbed(y + away, velocity, None, None)
        r = radius_of(table, jnp.linalg.norm(xi), level, self._blur)
        away = self._spread(level) / self._map(table, r, level).share * xi
        return Perturbed(y + away, self._radial(table, away, level, rate), None, None)

    def conditional_velocity(
        self, x: Float[Array, "*event"], y: Float[Array, "*event"], tau: ScalarLike
    ) -> Float[Array, "*event"]:
        table = self._table(x.size)
        level, rate = self._level(tau)
        if table is not None:
            return self._radial(table, x - y, level, rate)
        t, away = kac_walk.walk_time(level), jnp.sum(x - y) / self._unit
        if self.blur > 0:
            velocity = kac_walk.blurred(away, t, level, self.blur / self._unit).velocity
        else:
            velocity = kac_walk.mean_velocity(away, t)
        velocity *= kac_walk.stretch(t, level) * level * rate
        return jnp.full_like(x, self._unit * velocity)

    def log_kernel(
        self, x: Float[Array, "*event"], y: Float[Array, "*event"], tau: ScalarLike
    ) -> Scalar:
        table = self._table(x.size)
        level, _ = self._level(tau)
        if table is not None:
            s = self._spread(level)
            log_p = log_density(table, self._radius(x - y, s), level, self._blur, x.size)
            return log_p - x.size * jnp.log(s)
        if self.blur == 0:
            raise InvalidInput(
                "Telegraph: without blur the kernel has two points of mass and no density; give a "
                "small blur."
            )
        t, away = kac_walk.walk_time(level), jnp.sum(x - y) / self._unit
        return kac_walk.blurred(away, t, level, self._blur).away - jnp.log(self._unit)

    def prior(self, std: ScalarLike) -> NormalPrior:
        _, sigma = self.schedule(1.0)
        return NormalPrior(jnp.sqrt(sigma**2 + self.blur**2 + jnp.square(std)))

    def project(self, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        return x

    def rate(self, radius: ScalarLike, dim: int, tau: ScalarLike) -> Scalar:
        return self._level(tau)[1]

    def spread(self, radius: ScalarLike, dim: int, tau: ScalarLike) -> Scalar:
        return jnp.square(self.schedule(tau)[1])

    @property
    def _unit(self) -> float:
        return self.speed / self.damping

    @property
    def _blur(self) -> float:
        return self.blur / self._unit

    def _level(self, tau: ScalarLike) -> tuple[Scalar, Scalar]:
        """sigma in units of c/ε, and sigma'/sigma."""
        _, sigma, _, d_sigma = self.schedule.rates(tau)
        return sigma / self._unit, d_sigma / sigma

    def _table(self, dim: int) -> Table | None:
        if dim == 1:
            return None
        if dim not in LEAST_BLUR:
            raise InvalidInput(
                f"Telegraph: a state of {dim} numbers; the kernel is known in 1, 2 and 3 "
                "dimensions. Use ScaleMixture."
            )
        if self._blur < LEAST_BLUR[dim]:
            raise InvalidInput(
                f"Telegraph: blur = {self.blur:g}; in {dim} dimensions the density is negative "
                f"somewhere below blur = {LEAST_BLUR[dim]} speed/damping = "
                f"{LEAST_BLUR[dim] * self._unit:.4g}. Raise blur or damping."
            )
        with jax.ensure_compile_time_eval():
            ends = [float(jnp.log(self.schedule(tau)[1] / self._unit)) for tau in (0.0, 1.0)]
        return wave_table(self._blur, dim, *ends)

    def _spread(self, level: ScalarLike) -> Scalar:
        """Standard deviation per coordinate of walk and blur."""
        return self._unit * jnp.sqrt(jnp.square(level) + self._blur**2)

    def _radius(self, away: Array, s: ScalarLike) -> Scalar:
        return jnp.sqrt(jnp.sum(jnp.square(away / s)) + 1e-12)

    def _map(self, table: Table, r: ScalarLike, level: ScalarLike) -> Transport:
        return transport(table, r, level, self._blur)

    def _radial(self, table: Table, away: Array, level: Scalar, rate: Scalar) -> Array:
        """The flow along which h, and with it the mass inside, stays as it is."""
        found = self._map(table, self._radius(away, self._spread(level)), level)
        growth = jnp.square(level) / (jnp.square(level) + self._blur**2)
        return rate * (growth - found.drift / found.slope) * away

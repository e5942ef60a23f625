"""Laws of the operational time s in x = y + √s ξ: each makes one physical equation of the mixture.

All speak of one noise level sigma, so that one schedule, one loss and one network fit all; the
clock of each equation is a function of it.
"""

import math
from abc import abstractmethod

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.errors import InvalidInput
from noneq.kinds import AbstractChecked
from noneq.processes.mixtures.bessel import log_bessel_ke, saddle_nodes
from noneq.processes.mixtures.stable import stable_nodes
from noneq.traced import AbstractUntraced


class AbstractSubordinator(AbstractChecked):
    """Law of the operational time s at noise level sigma, and what follows from it.

    ``squared`` is |x − y|² and ``dim`` the number N of coordinates.
    """

    @abstractmethod
    def draw(self, sigma: ScalarLike, *, key: Key) -> Scalar:
        """One operational time s: the variance of x − y per coordinate."""

    @abstractmethod
    def log_kernel(self, squared: ScalarLike, dim: int, sigma: ScalarLike) -> Scalar:
        """ln of the density of x given y, E_s N(x; y, s I)."""

    @abstractmethod
    def rate(self, squared: ScalarLike, dim: int, sigma: ScalarLike) -> Scalar:
        """c of the conditional velocity dx/dsigma = c (x − y) that carries the kernel."""

    @abstractmethod
    def spread(self, squared: ScalarLike, dim: int, sigma: ScalarLike) -> Scalar:
        """Typical s given |x − y|²: sigma² near y, the most probable s far out."""


class Fixed(AbstractSubordinator):
    """s = sigma²: heat, φ_t = D ∇²φ with 2 D t = sigma²."""

    def draw(self, sigma: ScalarLike, *, key: Key) -> Scalar:
        return jnp.square(jnp.asarray(sigma, float))

    def log_kernel(self, squared: ScalarLike, dim: int, sigma: ScalarLike) -> Scalar:
        return _log_normal(squared, dim, jnp.square(sigma))

    def rate(self, squared: ScalarLike, dim: int, sigma: ScalarLike) -> Scalar:
        return 1 / jnp.asarray(sigma, float)

    def spread(self, squared: ScalarLike, dim: int, sigma: ScalarLike) -> Scalar:
        return jnp.square(jnp.asarray(sigma, float))


class InverseGamma(AbstractSubordinator, AbstractUntraced):
    """s = D sigma²/χ²_D: Student's t kernel of D degrees of freedom and scale sigma.

    **Equation**: p(x|y) ∝ (1 + |x − y|²/D sigma²)^{−(N + D)/2}. D = 1 is Poisson's equation
    φ_zz + ∇²φ = 0 at z = sigma (the Cauchy law); other D are the Poisson equation in N + D
    dimensions at r = sigma √D; D → ∞ is heat.

    Args:
        dof: D, any positive number.

    Raises:
        InvalidInput: D that is not positive and finite.

    Source: Xu et al. 2023 (PFGM++), eq. 3 and theorem 4.1.
    """

    dof: float = 1.0

    def __check_init__(self) -> None:
        _check_positive("InverseGamma", "dof", self.dof, "1 is Poisson; for infinity use Fixed()")

    def draw(self, sigma: ScalarLike, *, key: Key) -> Scalar:
        half = jax.random.gamma(key, self.dof / 2, dtype=float)
        # χ²_D = 2 gamma; a float32 must hold the square of the farthest state (cuts 1e-7 at D = 1).
        return jnp.square(sigma) * self.dof / (2 * jnp.maximum(half, 1e-14))

    def log_kernel(self, squared: ScalarLike, dim: int, sigma: ScalarLike) -> Scalar:
        scale = self.dof * jnp.square(jnp.asarray(sigma, float))
        power = (dim + self.dof) / 2
        constant = math.lgamma(power) - math.lgamma(self.dof / 2) - dim / 2 * math.log(math.pi)
        return constant - dim / 2 * jnp.log(scale) - power * jnp.log1p(squared / scale)

    def rate(self, squared: ScalarLike, dim: int, sigma: ScalarLike) -> Scalar:
        return 1 / jnp.asarray(sigma, float)

    def spread(self, squared: ScalarLike, dim: int, sigma: ScalarLike) -> Scalar:
        return jnp.square(jnp.asarray(sigma, float)) + squared / (dim + self.dof)


class InverseGaussian(AbstractSubordinator):
    """s ~ InverseGaussian(mean z/m, shape z²): the screened Poisson (Yukawa) equation.

    **Equation**: φ_zz + ∇²φ − m²φ = 0, characteristic function e^{−z(√(k² + m²) − m)}; kernel
    p(x|y) = 2 e^{mz} (m/2πρ)^{d/2} z K_{d/2}(mρ), d = N + 1, ρ² = |x − y|² + z². It is Poisson
    for z ≪ 1/m and heat for z ≫ 1/m, with variance z/m per coordinate; sigma = z/√(1 + mz).

    The velocity is the source-free one: dx/dz = c (x − y),
    c = E[(1 − m √s Mills((ms + z)/√s))/z | x], Mills(a) = Φ(−a)/φ(a), the mean over s given
    |x − y|, a Bessel integral. It carries the same laws as the field lines (x − y)/z with the
    births `growth`, without births.

    Args:
        mass: m, in units of 1/std of the normalised data.

    Raises:
        InvalidInput: a mass that is not positive and finite.

    Source: Liu et al. 2023 (GenPhys), section 4.3, for the equation; the velocity is ours.
    """

    mass: float = 1.0

    def __check_init__(self) -> None:
        _check_positive("InverseGaussian", "mass", self.mass, "m → 0 is InverseGamma(1)")

    def height(self, sigma: ScalarLike) -> Scalar:
        """z at which the noise level is sigma."""
        power = self.mass * jnp.square(jnp.asarray(sigma, float))
        return (power + jnp.sqrt(power**2 + 4 * jnp.square(sigma))) / 2

    def level(self, z: ScalarLike) -> Scalar:
        """sigma at z."""
        z = jnp.asarray(z, float)
        return z / jnp.sqrt(1 + self.mass * z)

    def stretch(self, z: ScalarLike) -> Scalar:
        """dz/dsigma at z."""
        z = jnp.asarray(z, float)
        mz = self.mass * z
        return 2 * (1 + mz) ** 1.5 / (2 + mz)

    def draw(self, sigma: ScalarLike, *, key: Key) -> Scalar:
        z = self.height(sigma)
        normal_key, choice_key = jax.random.split(key)
        mean = z / self.mass
        # Michael, Schucany and Haas 1976, with the smaller root free of cancellation.
        part = jnp.square(jax.random.normal(normal_key, dtype=float)) / (2 * self.mass * z)
        small = 1 / (1 + part + jnp.sqrt(part * (part + 2)))
        take = jax.random.uniform(choice_key, dtype=float) * (1 + small) <= 1
        return mean * jnp.where(take, small, 1 / small)

    def log_kernel(self, squared: ScalarLike, dim: int, sigma: ScalarLike) -> Scalar:
        z, half = self.height(sigma), (dim + 1) / 2
        rho, gap = _hypotenuse(squared, z)
        log_k = log_bessel_ke(half, self.mass * rho)
        factor = math.log(2) + half * (jnp.log(self.mass) - math.log(2 * math.pi))
        return factor + jnp.log(z) - half * jnp.log(rho) + log_k - self.mass * gap

    def rate(self, squared: ScalarLike, dim: int, sigma: ScalarLike) -> Scalar:
        z = self.height(sigma)
        s, weights = self._posterior(squared, dim, z)
        root = jnp.sqrt(s)
        upward = (1 - self.mass * root * mills((self.mass * s + z) / root)) / z
        return self.stretch(z) * (weights @ upward)

    def spread(self, squared: ScalarLike, dim: int, sigma: ScalarLike) -> Scalar:
        half, z = (dim + 1) / 2, self.height(sigma)
        # The maximum of the law of s given |x − y|, above that at 0.
        most = lambda power: power / (half + jnp.sqrt(half**2 + self.mass**2 * power))
        near = jnp.square(z)
        return jnp.square(jnp.asarray(sigma, float)) + most(near + squared) - most(near)

    def growth(self, squared: ScalarLike, dim: int, sigma: ScalarLike) -> Scalar:
        """Birth rate m − κ of the literal equation along (x − y)/z, per unit of sigma.

        **Equation**: ∂_z p + div(p (x − y)/z) = (m − κ) p for the normalised kernel p, where
        κ = mρ K_ν(mρ)/(z K_{ν+1}(mρ)), ν = (N − 1)/2.
        """
        z, order = self.height(sigma), (dim - 1) / 2
        rho, _ = _hypotenuse(squared, z)
        ratio = jnp.exp(
            log_bessel_ke(order, self.mass * rho) - log_bessel_ke(order + 1, self.mass * rho)
        )
        return self.stretch(z) * self.mass * (1 - rho / z * ratio)

    def _posterior(
        self, squared: ScalarLike, dim: int, z: Scalar
    ) -> tuple[Float[Array, " nodes"], Float[Array, " nodes"]]:
        """Nodes s and weights of the law of s given |x − y|²: generalised inverse Gaussian."""
        rho = jnp.sqrt(jnp.square(z) + squared)
        t, log_weights = saddle_nodes(-(dim + 1) / 2, self.mass * rho)
        return rho / self.mass * jnp.exp(t), jax.nn.softmax(log_weights)


class Stable(AbstractSubordinator, AbstractUntraced):
    """s = sigma² S, S one-sided stable with E e^{−uS} = e^{−u^{a/2}}: the fractional heat equation.

    **Equation**: φ_t = −(−∇²)^{a/2} φ, characteristic function e^{−t k^a}, sigma = √2 t^{1/a}; the
    kernel is the isotropic a-stable law, a = 1 Cauchy's.

    Args:
        exponent: a in [0.5, 1.95]; a = 2 is `Fixed`.

    Raises:
        InvalidInput: an exponent outside of that range.

    Source: Kanter 1975 (sampling); Yoon et al. 2023 for generative models with it.
    """

    exponent: float = 1.5

    def __check_init__(self) -> None:
        if not 0.5 <= self.exponent <= 1.95:
            raise InvalidInput(
                f"Stable: exponent = {self.exponent}; expected a number in [0.5, 1.95]. The heat "
                "kernel, a = 2, is Fixed()."
            )

    def draw(self, sigma: ScalarLike, *, key: Key) -> Scalar:
        half = self.exponent / 2
        angle_key, clock_key = jax.random.split(key)
        tiny = 1e-6
        angle = jnp.pi * jax.random.uniform(angle_key, dtype=float, minval=tiny, maxval=1 - tiny)
        clock = jax.random.exponential(clock_key, dtype=float)
        log_s = (
            jnp.log(jnp.sin(half * angle))
            - jnp.log(jnp.sin(angle)) / half
            + (1 - half) / half * (jnp.log(jnp.sin((1 - half) * angle)) - jnp.log(clock))
        )
        # A float32 must hold the square of the farthest state.
        return jnp.square(sigma) * jnp.exp(jnp.clip(log_s, -60.0, 60.0))

    def log_kernel(self, squared: ScalarLike, dim: int, sigma: ScalarLike) -> Scalar:
        log_s, log_weights = (jnp.asarray(a, float) for a in stable_nodes(self.exponent / 2))
        log_s += 2 * jnp.log(sigma)
        exponents = -dim / 2 * (math.log(2 * math.pi) + log_s) - squared / 2 * jnp.exp(-log_s)
        return jax.nn.logsumexp(log_weights + exponents)

    def rate(self, squared: ScalarLike, dim: int, sigma: ScalarLike) -> Scalar:
        return 1 / jnp.asarray(sigma, float)

    def spread(self, squared: ScalarLike, dim: int, sigma: ScalarLike) -> Scalar:
        # As Student's t with the same tail.
        return jnp.square(jnp.asarray(sigma, float)) + squared / (dim + self.exponent)


def mills(a: Float[Array, "*any"]) -> Float[Array, "*any"]:
    """Φ(−a)/φ(a), a ≥ 0: Laplace's continued fraction above 3, logarithms below."""
    near = jnp.minimum(a, 3.0)
    below = jnp.exp(jax.scipy.special.log_ndtr(-near) + near**2 / 2) * math.sqrt(2 * math.pi)
    far = jnp.maximum(a, 3.0)
    tail = far
    for k in range(24, 0, -1):
        tail = far + k / tail
    return jnp.where(a < 3.0, below, 1 / tail)


def _log_normal(squared: ScalarLike, dim: int, variance: ScalarLike) -> Scalar:
    variance = jnp.asarray(variance, float)
    return -dim / 2 * jnp.log(2 * jnp.pi * variance) - squared / (2 * variance)


def _hypotenuse(squared: ScalarLike, z: Scalar) -> tuple[Scalar, Scalar]:
    """ρ = √(squared + z²), and ρ − z without cancellation."""
    squared = jnp.asarray(squared, float)
    rho = jnp.sqrt(jnp.square(z) + squared)
    return rho, squared / (rho + z)


def _check_positive(name: str, field: str, value: float, else_: str) -> None:
    if not 0 < value < float("inf"):
        raise InvalidInput(f"{name}: {field} = {value}; expected a positive number ({else_}).")

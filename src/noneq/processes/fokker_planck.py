"""The Fokker–Planck equation of scores: its residual, and the penalty on it.

The laws p_tau of dx = f dtau + g dW obey ∂_tau log p = ½ g² (Δ log p + |∇ log p|²) − f·∇ log p
− div f; their scores s = ∇ log p obey its gradient. A learnt score need not.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.calculus import MOST_EXACT_LOSS, directions
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.nets.vectors.gradient import has_energy
from noneq.processes.penalties import AbstractPenalty
from noneq.processes.schedules import AbstractSchedule
from noneq.traced import is_on


Field: TypeAlias = Callable[[Array, ScalarLike], Array]
"""(x, tau) -> a vector of x's shape."""

Noising: TypeAlias = Callable[[Array, ScalarLike], tuple[Array, Array]]
"""(x, tau) -> (f, g) of x's shape; g (diagonal) does not depend on x."""


def growth(
    score: Field,
    noising: Noising,
    x: Float[Array, " dim"],
    tau: ScalarLike,
    along: Float[Array, "k dim"],
) -> Float[Array, "3"]:
    """The terms of ∂_tau log p: ½ g² div s, ½ g² |s|² and −f·s − div f.

    Args:
        along: `directions` for the divergences; unbiased if they are random.
    """
    s, push = jax.linearize(lambda x: score(x, tau), x)
    (f, g), push_noising = jax.linearize(lambda x: noising(x, tau), x)
    spread = jnp.sum(jax.vmap(lambda v: jnp.sum(g**2 * v * push(v)))(along))
    outward = jnp.sum(jax.vmap(lambda v: jnp.sum(v * push_noising(v)[0]))(along))
    return jnp.stack([spread / 2, jnp.sum((g * s) ** 2) / 2, -jnp.sum(f * s) - outward])


def score_terms(
    score: Field,
    noising: Noising,
    x: Float[Array, " dim"],
    tau: ScalarLike,
    along: Float[Array, "k dim"],
    *,
    speed: ScalarLike = 1.0,
) -> Float[Array, "4 dim"]:
    """∂s and the gradients of the three terms of `growth`: the first is the sum of the others.

    Args:
        speed: dtau of one unit of the clock that f, g and ∂ refer to.

    Source: Lai et al. 2023, eq. 8.
    """
    slope = clock_slope(lambda tau: score(x, tau), tau, speed)
    terms = jax.jacrev(lambda x: growth(score, noising, x, tau, along))(x)
    return jnp.concatenate([slope[None], terms])


@checked
def score_residual(
    score: Field,
    noising: Noising,
    x: Float[Array, " dim"],
    tau: ScalarLike,
    along: Float[Array, "k dim"],
    *,
    speed: ScalarLike = 1.0,
) -> Float[Array, " dim"]:
    """∂_tau s − ∇[½ g² (div s + |s|²) − f·s − div f]: zero for the scores of the SDE's laws.

    Args: those of `score_terms`. Source: Lai et al. 2023, eq. 9.
    """
    slope = clock_slope(lambda tau: score(x, tau), tau, speed)
    return slope - jax.grad(lambda x: jnp.sum(growth(score, noising, x, tau, along)))(x)


@checked
def scalar_residual(
    log_p: Callable[[Array, ScalarLike], Scalar],
    noising: Noising,
    x: Float[Array, " dim"],
    tau: ScalarLike,
    along: Float[Array, "k dim"],
    *,
    speed: ScalarLike = 1.0,
) -> Scalar:
    """∂_tau u − ½ g² (Δu + |∇u|²) + f·∇u + div f for s = ∇u: one derivative fewer.

    Its gradient is `score_residual`. For u = log p it is zero; for log p up to a function of
    tau, the same for all x. Args: as of `score_terms`.
    """
    score = lambda x, tau: jax.grad(log_p)(x, tau)
    slope = clock_slope(lambda tau: log_p(x, tau), tau, speed)
    return slope - jnp.sum(growth(score, noising, x, tau, along))


def clock_slope(function: Callable[[Array], Array], tau: ScalarLike, speed: ScalarLike) -> Array:
    """speed · d function/d tau."""
    tau = jnp.asarray(tau, float)
    return jax.jvp(function, (tau,), (jnp.asarray(speed, tau.dtype),))[1]


def sde_per_level(schedule: AbstractSchedule) -> tuple[Noising, Callable[[ScalarLike], Scalar]]:
    """The noising SDE on the clock ln(sigma/alpha), and dtau per unit of that clock.

    **Equation**: with w = alpha sigma' − alpha' sigma: dtau = alpha sigma/w, f = alpha' sigma/w x,
    g² = 2 sigma². Finite also where alpha = 0.
    """

    def wronskian(tau: ScalarLike) -> tuple[Scalar, Scalar, Scalar, Scalar]:
        alpha, sigma, d_alpha, d_sigma = schedule.rates(tau)
        return alpha, sigma, d_alpha, alpha * d_sigma - d_alpha * sigma

    def noising(x: Array, tau: ScalarLike) -> tuple[Array, Array]:
        _, sigma, d_alpha, w = wronskian(tau)
        return d_alpha * sigma / w * x, jnp.sqrt(2.0) * sigma * jnp.ones_like(x)

    def speed(tau: ScalarLike) -> Scalar:
        alpha, sigma, _, w = wronskian(tau)
        return alpha * sigma / w

    return noising, speed


@checked
def noisy_energy(
    denoiser: Any, x: Array, tau: ScalarLike, *, time: Any = None, condition: Any = None
) -> Scalar:
    """E with noisy score −∇E of a denoiser whose network is a `nets.Gradient`, in units of kT.

    **Equation**: −E = [(alpha c_skip − 1)|x|²/2 + alpha c_out/c_in ψ(c_in x)]/sigma²; ∇_x of
    ψ(c_in x)/c_in is the network's output. log p_tau up to a function of tau, time and condition.

    Args:
        denoiser: a `Denoiser` (a model's ``denoiser``).
        x: normalised state.

    Raises:
        InvalidInput: another network.
    """
    if not has_energy(denoiser):
        raise InvalidInput(
            "noisy_energy needs a denoiser whose network is the gradient of a potential; fit with "
            "net=Gradient(MLP())."
        )
    alpha, sigma, d_alpha, d_sigma = denoiser.process.schedule.rates(tau)
    skip, out, inside = denoiser.target(alpha, sigma, d_alpha, d_sigma, denoiser.std.value)
    psi = denoiser.net.potential(inside * x, denoiser.level(tau), time, condition)
    square = (alpha * skip - 1) * jnp.sum(x**2) / 2
    return -(square + alpha * out / inside * psi) / sigma**2


class FokkerPlanck(AbstractPenalty):
    """Holds learnt scores to the Fokker–Planck equation of the process.

    **Equation**: strength · |r|²/N + scalar · (q(x) − q(x + sigma xi))²/N, with
    r = sigma (∂_l s − ∇[sigma² (div s + |s|²) − a x·s]) the residual in units of the noise
    estimate on the clock l = ln(sigma/alpha), a = d ln alpha/dl, and q the residual of the
    potential (∂_l u − …), for networks `nets.Gradient` only. q is free up to a function of l,
    hence the difference; xi ~ N(0, I), so that to first order both terms are alike.

    Divergences are exact up to 16 dimensions, else Hutchinson's: |r|² is then the product of two
    independent estimates, which has no bias.

    Args:
        strength: of the residual of the score; 0 leaves it out.
        scalar: of the residual of the potential.
        every: one in so many states of a batch bears the penalty.
        probes: Rademacher probes of each Hutchinson estimate.

    Raises:
        InvalidInput: a negative strength, or fewer than one state or probe.

    Source: Lai et al. 2023 (FP-Diffusion), eq. 12, m = 2. Deviations: theirs is
    g² (|residual|/N)², which has the clock's units and spans orders of magnitude over tau; ours
    is the same for every schedule. Their scalar term needs no energy, ours does.
    """

    strength: float = 0.15
    scalar: float = 0.01
    every: int = 8
    probes: int = 1

    def __check_init__(self) -> None:
        inf = float("inf")
        if not (0 <= self.strength < inf and 0 <= self.scalar < inf):
            raise InvalidInput(
                f"FokkerPlanck: strength = {self.strength}, scalar = {self.scalar}; expected ≥ 0."
            )
        if self.every < 1 or self.probes < 1:
            raise InvalidInput(
                f"FokkerPlanck: every = {self.every}, probes = {self.probes}; expected at least 1."
            )

    def __call__(
        self,
        model: Any,
        x: Float[Array, " dim"],
        tau: ScalarLike,
        time: Any,
        *,
        condition: Any = None,
        key: Key,
    ) -> Scalar:
        vector_key, scalar_key = jax.random.split(key)
        total = jnp.zeros(())
        if is_on(self.strength):
            total += self.strength * self._vector(model, x, tau, time, condition, vector_key)
        if is_on(self.scalar) and has_energy(model):
            total += self.scalar * self._scalar(model, x, tau, time, condition, scalar_key)
        return total

    def _vector(
        self, model: Any, x: Array, tau: ScalarLike, time: Any, condition: Any, key: Key
    ) -> Scalar:
        """|r|²/N."""
        schedule = model.process.schedule
        noising, speed = sde_per_level(schedule)
        score = lambda x, tau: model.noisy_score(x, tau, time=time, condition=condition)

        def residual(key: Key) -> Array:
            along = directions(x.size, probes=self.probes, key=key)
            return score_residual(score, noising, x, tau, along, speed=speed(tau))

        if x.size <= MOST_EXACT_LOSS:
            square = jnp.sum(residual(key) ** 2)
        else:
            # The square of one estimate would add its variance.
            first, second = jax.random.split(key)
            square = jnp.sum(residual(first) * residual(second))
        return schedule(tau)[1] ** 2 * square / x.size

    def _scalar(
        self, model: Any, x: Array, tau: ScalarLike, time: Any, condition: Any, key: Key
    ) -> Scalar:
        """(q(x) − q(x + sigma xi))²/N."""
        schedule = model.process.schedule
        noising, speed = sde_per_level(schedule)
        log_p = lambda x, tau: -noisy_energy(model, x, tau, time=time, condition=condition)
        pair_key, first, second = jax.random.split(key, 3)
        other = x + schedule(tau)[1] * jax.random.normal(pair_key, x.shape, x.dtype)

        def difference(key: Key) -> Scalar:
            along = directions(x.size, probes=self.probes, key=key)
            at = lambda x: scalar_residual(log_p, noising, x, tau, along, speed=speed(tau))
            return at(x) - at(other)

        if x.size <= MOST_EXACT_LOSS:
            return difference(first) ** 2 / x.size
        return difference(first) * difference(second) / x.size

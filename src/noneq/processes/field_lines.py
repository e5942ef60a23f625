"""Processes of field lines, and their learnt part: a flow, without a score."""

from abc import abstractmethod
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.constant import Constant
from noneq.data.summary import Summary
from noneq.nets.base import AbstractNetwork
from noneq.processes.base import AbstractAdditive, AbstractRegression, Perturbed
from noneq.processes.targets import AbstractTarget


_EDGE = 3.0


class AbstractFieldLines(AbstractAdditive):
    """A process known by its flow: x = y + noise, with a conditional velocity but no noising SDE.

    The schedule has alpha = 1; its sigma is the noise level by which networks are told the clock.
    """

    @abstractmethod
    def conditional_velocity(
        self, x: Float[Array, "*event"], y: Float[Array, "*event"], tau: ScalarLike
    ) -> Float[Array, "*event"]:
        """dx/dtau that carries the kernel p_tau(x | y)."""

    @abstractmethod
    def rate(self, radius: ScalarLike, dim: int, tau: ScalarLike) -> Scalar:
        """Typical c of dx/dtau = c (x − y) at a distance |x − y|."""

    @abstractmethod
    def spread(self, radius: ScalarLike, dim: int, tau: ScalarLike) -> Scalar:
        """Typical variance of the noise per coordinate, of a state at a distance |x − y|."""

    def learnt(
        self, net: AbstractNetwork, summary: Summary, target: AbstractTarget, *, key: Key
    ) -> "FieldLines":
        return FieldLines(
            net=net, std=Constant(jnp.asarray(summary.std)), process=self, target=target
        )


class AbstractSourced(AbstractFieldLines):
    """Field lines on which particles are born and die: ∂_tau p + div(p v) = b p."""

    @abstractmethod
    def conditional_birth(
        self, x: Float[Array, "*event"], y: Float[Array, "*event"], tau: ScalarLike
    ) -> Scalar:
        """b at x of the kernel p_tau(x | y), per unit of tau; negative where particles die."""


class FieldLines(AbstractRegression):
    """Where the field line through x would end if it went straight: F(x, tau) with dx/dtau = c (x − F).

    **Equation**: F = c_skip x + c_out N(c_in x, ln(ŝ)/8, time, condition), the coefficients of the
    target at a noise variance ŝ(|x|) that grows with the distance from the data; c is the
    process's `rate` at that distance. For heat, Poisson, PFGM++ and fractional diffusion
    c = sigma'/sigma and F = E[y | x].

    The noise of these processes has heavy tails. Far out a state can only come from much noise,
    and a network that is told of it gets bounded inputs and has bounded outputs, also where x is
    10⁴ times the data; within √N + 3 standard deviations of the mean nothing is changed.

    All functions take one state. ``time`` is physical, ``tau`` the noise clock.

    Source: Karras et al. 2022, eq. 7, and Xu et al. 2023, section 4.1, whose coefficients depend on
    the noise level alone.
    """

    net: AbstractNetwork
    std: Constant
    process: AbstractFieldLines  # pyright: ignore[reportIncompatibleVariableOverride]
    target: AbstractTarget

    def output(
        self, x: Array, tau: ScalarLike, *, time: ScalarLike | None = None, condition: Any = None
    ) -> tuple[Array, Scalar, Scalar]:
        """Raw network output N with c_skip and c_out."""
        _, sigma, _, d_sigma = self.process.schedule.rates(tau)
        noise = jnp.sqrt(self.process.spread(self._outside(x), x.size, tau))
        one, zero = jnp.ones_like(noise), jnp.zeros_like(noise)
        target = self.target(one, noise, zero, d_sigma / sigma * noise, self.std.value)
        skip, out, inside = target
        return self.net(inside * x, jnp.log(noise) / 4, time, condition), skip, out

    def residual(
        self,
        y: Array,
        noised: Perturbed,
        tau: ScalarLike,
        *,
        time: ScalarLike | None = None,
        condition: Any = None,
    ) -> tuple[Array, Scalar]:
        """N − (foot of the conditional line − c_skip x)/c_out, and c_out/sigma."""
        assert noised.velocity is not None  # a process of field lines has one
        foot = noised.x - noised.velocity / self._rate(noised.x, tau)
        raw, skip, out = self.output(noised.x, tau, time=time, condition=condition)
        return raw - (foot - skip * noised.x) / out, self.gain(tau)

    def gain(self, tau: ScalarLike) -> Scalar:
        """c_out/sigma at the plain noise level."""
        _, sigma, _, d_sigma = self.process.schedule.rates(tau)
        one = jnp.ones_like(sigma)
        return self.target(one, sigma, 0 * one, d_sigma, self.std.value).out / sigma

    def noisy_velocity(
        self, x: Array, tau: ScalarLike, *, time: ScalarLike | None = None, condition: Any = None
    ) -> Array:
        raw, skip, out = self.output(x, tau, time=time, condition=condition)
        return self._rate(x, tau) * (x - (skip * x + out * raw))

    def _rate(self, x: Array, tau: ScalarLike) -> Scalar:
        return self.process.rate(self._outside(x), x.size, tau)

    def _outside(self, x: Array) -> Scalar:
        """Distance from a ball that holds the data."""
        return jnp.maximum(jnp.linalg.norm(x) - (x.size**0.5 + _EDGE) * self.std.value, 0.0)

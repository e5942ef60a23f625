"""The learnt part of Poisson flow as published: the normalised field of charges on a plane."""

import math
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Scalar, ScalarLike
from noneq.constant import Constant
from noneq.kinds import checked
from noneq.nets.base import AbstractNetwork
from noneq.processes.base import AbstractFlowing
from noneq.processes.mixtures.charge_plane import ChargePlane


_EDGE = 3.0
_TINY = 1e-12


class ChargeField(AbstractFlowing):
    """v(x, z) ≈ −√N E/(|E| + γ) in N + 1 numbers; field lines dx/dln z = z v_x/v_z.

    **Equation**: v_x is the output of one network, v_z of another, both told (x, ln z). Below
    z = ``switch`` v_z is not learnt but follows from v_x: with n = |v_x|/√N and e = γ n/(1 − n),
    v_z = −√N z/(√(e² + z²) + γ).

    The published network sees plain x, and the published sampler clips its prior to where there
    were training states. Here the prior is whole, hence:

    - networks see x on a scale that is logarithmic far out, |x| → √N std √ln(1 + |x|²/(N std²));
    - z/|v_z| = (|E| + γ)/√N is kept where it must be, z ≤ |E| ≤ √((|x| + r)² + z²), r a radius that
      holds the data;
    - beyond √N σ (1 + τ)^M, the typical norm of the farthest training states, the lines turn into
      those of one charge at 0, dx/dln z = x, and are these alone from twice that on.

    All functions take one state. ``time`` is physical, ``tau`` the noise clock.

    Source: Xu et al. 2022, section 3 and appendix B.2.3 (the substitution below ``switch``).
    """

    across: AbstractNetwork
    upward: AbstractNetwork
    std: Constant
    process: ChargePlane  # pyright: ignore[reportIncompatibleVariableOverride]
    gamma: float
    switch: float

    def field(
        self,
        x: Float[Array, " dim"],
        z: ScalarLike,
        *,
        time: ScalarLike | None = None,
        condition: Any = None,
    ) -> Float[Array, " dim+1"]:
        """(v_x, v_z) as the networks have them."""
        square = jnp.sum(x**2) / (x.size * self.std.value**2) + _TINY
        seen = x / self.std.value * jnp.sqrt(jnp.log1p(square) / square)
        level = jnp.log(z) / 4
        parts = (net(seen, level, time, condition) for net in (self.across, self.upward))
        return jnp.concatenate(list(parts))

    @checked
    def noisy_velocity(
        self, x: Array, tau: ScalarLike, *, time: ScalarLike | None = None, condition: Any = None
    ) -> Array:
        _, z, _, d_z = self.process.schedule.rates(tau)
        v = self.field(x, z, time=time, condition=condition)
        norm = jnp.sqrt(jnp.sum(x**2) + _TINY)
        slope = -v[:-1] * self._stride(norm, z, v)
        outside = jnp.clip(norm / (math.sqrt(x.size) * self.process.top) - 1, 0.0, 1.0)
        alone = outside**2 * (3 - 2 * outside)
        return d_z / z * ((1 - alone) * slope + alone * x)

    def _stride(self, norm: Scalar, z: Scalar, v: Array) -> Scalar:
        """z/|v_z| = (|E| + γ)/√N."""
        root = math.sqrt(v.size - 1)
        part = jnp.sqrt(jnp.sum(v[:-1] ** 2) + _TINY) / root
        flat = self.gamma * part / jnp.maximum(1 - part, 1e-6)
        known = (jnp.sqrt(flat**2 + z**2) + self.gamma) / root
        learnt = z / jnp.maximum(-v[-1], _TINY)
        # No charge is nearer than the plane, none farther than the far side of the data.
        reach = norm + (root + _EDGE) * self.std.value
        low, high = (z + self.gamma) / root, (jnp.hypot(reach, z) + self.gamma) / root
        return jnp.clip(jnp.where(z < self.switch, known, learnt), low, high)

"""The literal Yukawa equation: straight field lines, on which particles are born and die."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.processes.base import Perturbed
from noneq.processes.field_lines import AbstractSourced
from noneq.processes.mixtures.scale_mixture import AbstractScaleMixture
from noneq.processes.mixtures.subordinators import InverseGaussian
from noneq.processes.schedules import AbstractSchedule, Karras


class Screened(AbstractScaleMixture, AbstractSourced):
    """Density flow of φ_zz + ∇²φ − m²φ = 0 as it is written: p = −φ_z, p v = −∇φ, source −m²φ.

    **Equation**: ∂_z p + div(p (x − y)/z) = (m − κ) p for the normalised kernel p, with
    κ = mρ K_ν(mρ)/(z K_{ν+1}(mρ)), ν = (N − 1)/2, ρ² = |x − y|² + z². Going back from z_max a
    particle gains d log w = (κ − m) |dz|. The laws are those of `ScaleMixture` with the same
    ``law``, whose velocity needs no births.

    Args:
        law: of the operational time; its mass is m.
        schedule: noise levels sigma(tau), with alpha = 1; z = law.height(sigma).

    Raises:
        InvalidInput: a schedule that shrinks the state.

    Source: Liu et al. 2023 (GenPhys), section 4.3; births and their handling are ours.
    """

    law: InverseGaussian = InverseGaussian()  # pyright: ignore[reportIncompatibleVariableOverride]
    schedule: AbstractSchedule = Karras()

    def perturb(self, y: Float[Array, "*event"], tau: ScalarLike, *, key: Key) -> Perturbed:
        x, score = self.noised(y, tau, key=key)
        velocity = self.conditional_velocity(x, y, tau)
        return Perturbed(x, velocity, score, self.conditional_birth(x, y, tau))

    def slope(self, squared: Scalar, dim: int, sigma: Scalar) -> Scalar:
        z = self.law.height(sigma)
        return self.law.stretch(z) / z

    def conditional_birth(
        self, x: Float[Array, "*event"], y: Float[Array, "*event"], tau: ScalarLike
    ) -> Scalar:
        _, sigma, _, d_sigma = self.schedule.rates(tau)
        return d_sigma * self.law.growth(jnp.sum((x - y) ** 2), x.size, sigma)

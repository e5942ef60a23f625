"""Data as charges on the plane z = 0: the published perturbation of Poisson flow and its field."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.errors import InvalidInput
from noneq.processes.base import AbstractPrior, Perturbed
from noneq.processes.field_lines import AbstractFieldLines
from noneq.processes.mixtures.scale_mixture import MixturePrior, ScaleMixture
from noneq.processes.mixtures.subordinators import InverseGamma
from noneq.processes.schedules import VE


_LEAST = 1e-10
"""Of a height z, as in the published code."""

_MOST_CUT = 0.01


def largest_exponent(mean_square: float, dim: int, noise: float, growth: float) -> float:
    """M, the largest exponent m of the perturbation σ (1 + τ)^m.

    **Equation**: M = 0.75 ln(norm²/(2 √N σ²))/ln(1 + τ).

    Args:
        mean_square: norm², the mean squared norm of the data.
        dim: N.
        noise: σ.
        growth: τ.

    Source: Xu et al. 2022, appendix B.1.1.
    """
    ratio = mean_square / (2 * math.sqrt(dim) * noise**2)
    return 0.75 * math.log(ratio) / math.log1p(growth)


def share_beyond(radius: float, height: float, dim: int) -> float:
    """P(|x| > radius) of the field lines of a charge at 0 on the plane z = height, in N dimensions.

    **Equation**: |x|²/(|x|² + z²) ~ Beta(N/2, 1/2).

    Source: Xu et al. 2022, appendix A.4.
    """
    from scipy.special import betainc

    return float(betainc(0.5, dim / 2, height**2 / (height**2 + radius**2)))


class ChargePlane(AbstractFieldLines):
    """Field lines of charges at z = 0, and the states above them that the published recipe draws.

    **Equation**: p_z(x | y) ∝ z/(|x − y|² + z²)^{(N + 1)/2} at z = z_min (z_max/z_min)^tau, carried by
    dx/dz = (x − y)/z; training states |z| = |ε_z| σ (1 + τ)^m, x = y + |ε_x| σ (1 + τ)^m u, with
    m ~ U[0, M], ε normal and u uniform on the sphere. z_max = √(2/π) σ (1 + τ)^M.

    Args:
        schedule: heights z(tau), uniform in ln z.
        noise: σ.
        growth: τ.
        exponent: M.
        clip: largest norm of prior draws; longer ones are shortened to it. None clips nothing.

    Source: Xu et al. 2022, algorithm 2, section 3.3 and appendix B.1.1.
    """

    schedule: VE  # pyright: ignore[reportIncompatibleVariableOverride]
    noise: float
    growth: float
    exponent: float
    clip: float | None = None

    @property
    def top(self) -> ScalarLike:
        """σ (1 + τ)^M, the largest scale of the training states."""
        return self.noise * (1 + self.growth) ** self.exponent

    def lift(
        self, n: int, dim: int, *, key: Key
    ) -> tuple[Float[Array, "n dim"], Float[Array, " n"]]:
        """Displacements x − y and heights z of n training states."""
        far_key, up_key, along_key, turn_key = jax.random.split(key, 4)
        shape, one = (n, dim), (n, 1)
        far = jax.random.uniform(far_key, one) * self.exponent
        scale = self.noise * jnp.exp(far * jnp.log1p(self.growth))
        length = jnp.linalg.norm(jax.random.normal(along_key, shape), axis=1, keepdims=True)
        turn = jax.random.normal(turn_key, shape)
        unit = turn / jnp.linalg.norm(turn, axis=1, keepdims=True)
        height = jnp.abs(jax.random.normal(up_key, one)) * scale
        return length * scale * unit, jnp.maximum(height[:, 0], _LEAST)

    def perturb(self, y: Float[Array, "*event"], tau: ScalarLike, *, key: Key) -> Perturbed:
        return self._lines.perturb(y, tau, key=key)

    def conditional_velocity(
        self, x: Float[Array, "*event"], y: Float[Array, "*event"], tau: ScalarLike
    ) -> Float[Array, "*event"]:
        return self._lines.conditional_velocity(x, y, tau)

    def log_kernel(
        self, x: Float[Array, "*event"], y: Float[Array, "*event"], tau: ScalarLike
    ) -> Scalar:
        return self._lines.log_kernel(x, y, tau)

    def prior(self, std: ScalarLike) -> "ClippedPrior":
        # One charge at 0, whatever the spread of the data.
        law = MixturePrior(InverseGamma(1.0), jnp.asarray(self.schedule.sigma_max, float))
        return ClippedPrior(law, self.clip)

    def project(self, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        return x

    def rate(self, radius: ScalarLike, dim: int, tau: ScalarLike) -> Scalar:
        return self._lines.rate(radius, dim, tau)

    def spread(self, radius: ScalarLike, dim: int, tau: ScalarLike) -> Scalar:
        return self._lines.spread(radius, dim, tau)

    @property
    def _lines(self) -> ScaleMixture:
        return ScaleMixture(law=InverseGamma(1.0), schedule=self.schedule)


class ClippedPrior(AbstractPrior):
    """A law whose draws are shortened to a norm ``clip``; the density is that of the law itself."""

    law: AbstractPrior
    clip: ScalarLike | None

    def sample(self, shape: tuple[int, ...], *, key: Key) -> Array:
        x = self.law.sample(shape, key=key)
        if self.clip is None:
            return x
        norm = jnp.linalg.norm(x.reshape(shape[0], -1), axis=1)
        factor = jnp.minimum(1.0, self.clip / jnp.maximum(norm, _LEAST))
        return x * factor.reshape(-1, *(1,) * (len(shape) - 1))

    def log_prob(self, x: Float[Array, "*event"]) -> Scalar:
        return self.law.log_prob(x)


def charge_plane(
    mean_square: float, dim: int, *, noise: float, growth: float, lowest: float, clip: float | None
) -> ChargePlane:
    """The plane of charges in N = ``dim`` dimensions with the mean squared norm ``mean_square``.

    Args:
        noise: σ.
        growth: τ.
        lowest: z_min.
        clip: largest norm of prior draws, or None.

    Raises:
        InvalidInput: z_max that is not above z_min, or a clip that shortens more than one prior
            draw in a hundred, with the share that it would cut.
    """
    exponent = largest_exponent(mean_square, dim, noise, growth)
    highest = math.sqrt(2 / math.pi) * noise * (1 + growth) ** exponent
    if not (exponent > 0 and lowest < highest):
        raise InvalidInput(
            f"PFGMPublished: the largest exponent M is {exponent:.3g} and z runs from {lowest:.3g} to "
            f"{highest:.3g}; expected M > 0 and z_min < z_max: choose a smaller noise or z_min."
        )
    cut = 0.0 if clip is None else share_beyond(clip, highest, dim)
    if cut > _MOST_CUT:
        raise InvalidInput(
            f"PFGMPublished: clip = {clip:.3g} would cut {100 * cut:.2g} % of the prior at N = {dim}; "
            f"expected at most {100 * _MOST_CUT:g} %: leave clip out."
        )
    heights = VE(sigma_min=lowest, sigma_max=highest)
    return ChargePlane(schedule=heights, noise=noise, growth=growth, exponent=exponent, clip=clip)


def empirical_field(
    y: Float[Array, "n dim"],
    moved: Float[Array, "n dim"],
    z: Float[Array, " n"],
    seen: Bool[Array, "n n"],
) -> Float[Array, "n dim+1"]:
    """Field of the charges y at the states (y_i + moved_i, z_i), scaled so that its z-part is z_i.

    **Equation**: E(x̃) = Σ_j w_j (x̃ − ỹ_j), w_j ∝ 1/|x̃ − ỹ_j|^{N + 1}, Σ_j w_j = 1: the sum of the
    Coulomb fields divided by Σ_j 1/|x̃ − ỹ_j|^{N + 1}, a length. E = (x − E[y | x], z) in the sense
    of the Cauchy kernel.

    Args:
        y: the charges.
        moved: where each state is, from its own charge.
        z: height of each state.
        seen: whether state i is in the field of charge j.

    Source: Xu et al. 2022, eq. 5, and the published code, which takes this scale.
    """
    foot = _weights(_squared_distances(y, moved, z), y.shape[1], seen)
    across = (y - jnp.matmul(foot, y, precision="highest")) + moved
    return jnp.concatenate([across, z[:, None]], axis=1)


def normalised_field(field: Float[Array, "n up"], gamma: ScalarLike) -> Float[Array, "n up"]:
    """−√N E/(|E| + γ). Source: Xu et al. 2022, section 3.2."""
    size = jnp.linalg.norm(field, axis=1, keepdims=True)
    return -math.sqrt(field.shape[1] - 1) * field / (size + gamma)


def _squared_distances(
    y: Float[Array, "n dim"], moved: Float[Array, "n dim"], z: Float[Array, " n"]
) -> Float[Array, "n n"]:
    # By products of matrices; that of a state to its own charge is exact.
    dot = lambda a, b: jnp.matmul(a, b.T, precision="highest")
    square = jnp.sum(y**2, axis=1)
    between = square[:, None] + square - 2 * dot(y, y)
    between = jnp.maximum(between * (1 - jnp.eye(len(y), dtype=y.dtype)), 0.0)
    mixed = jnp.sum(moved * y, axis=1)[:, None] - dot(moved, y)
    near = jnp.sum(moved**2, axis=1) + z**2
    return jnp.maximum(between + 2 * mixed + near[:, None], (z**2)[:, None])


def _weights(
    squared: Float[Array, "n n"], dim: int, seen: Bool[Array, "n n"]
) -> Float[Array, "n n"]:
    return jax.nn.softmax(jnp.where(seen, -(dim + 1) / 2 * jnp.log(squared), -jnp.inf), axis=1)

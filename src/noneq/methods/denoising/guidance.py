"""Guidance: a denoiser around another, with the same traits, so that every sampler works on it."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Numbers, ScalarLike
from noneq.constant import Constant
from noneq.domains import is_periodic
from noneq.errors import InvalidInput, WrongType
from noneq.kinds import checked
from noneq.methods.denoising.model import DenoisingModel
from noneq.processes.base import AbstractProcess
from noneq.processes.denoiser import AbstractTweedie
from noneq.traits import HasDenoiser, require


class Guided(AbstractTweedie):
    """Classifier-free guidance: the condition's effect on the denoiser, times a strength.

    **Equation**: D = D_0 + strength (D_c − D_0), with D_0 that of no condition; 1 is the plain
    conditional law, 0 the law without condition, and more than 1 sharpens.

    Args:
        denoiser: one that also knows the law without condition (NaN).
        strength: w + 1 of the source.

    Source: Ho and Salimans 2022, eq. 6. For strengths other than 0 and 1 the end of sampling is
    not p(x | c)^strength/p(x)^(strength − 1), although the guided score at each noise level is
    that of the noised laws so combined.
    """

    denoiser: AbstractTweedie
    strength: float

    @property
    def process(self) -> AbstractProcess:  # pyright: ignore[reportIncompatibleVariableOverride]
        """That of the denoiser."""
        return self.denoiser.process

    @property
    def std(self) -> Constant:  # pyright: ignore[reportIncompatibleVariableOverride]
        """That of the denoiser."""
        return self.denoiser.std

    def denoise(
        self, x: Array, tau: ScalarLike, *, time: ScalarLike | None = None, condition: Any = None
    ) -> Array:
        """E[y | x, c], guided."""
        none = None if condition is None else jnp.full_like(condition, jnp.nan)
        free = self.denoiser.denoise(x, tau, time=time, condition=none)
        given = self.denoiser.denoise(x, tau, time=time, condition=condition)
        return free + self.strength * (given - free)


class Measured(AbstractTweedie):
    """Conditioning on a linear measurement: values = matrix y + noise xi.

    **Equation**: D' = D + K (values − A D), K = P Aᵀ (A P Aᵀ + noise²)⁻¹, where
    P = (sigma²/alpha) ∂D/∂x is the covariance of y given x. In terms of the score this adds
    (alpha/sigma²) K (values − A D) = ∂D/∂xᵀ Aᵀ (A P Aᵀ + noise²)⁻¹ (values − A D).

    Exact for Gaussian data at every noise level, and for any data as sigma → 0; in between
    p(y | x) is replaced by the Gaussian of its mean and covariance. Two evaluations and one
    transposed Jacobian product per measured number.

    Args:
        denoiser: of normalised data.
        matrix: A ``(m, dim)``, acting on normalised data.
        values: measured ``(m,)``, shifted to normalised data.
        noise: standard deviation of each measured number ``(m,)``.
        largest: noise ratio sigma/alpha over the data's std above which P is taken there: the
            factor sigma²/alpha magnifies errors of a network's Jacobian.

    Source: Song et al. 2023 (ΠGDM), eq. 7 with the covariance of Boys et al. 2024, eq. 8.
    Deviation: where a network's Jacobian gives no positive A P Aᵀ, ΠGDM's isotropic
    P = sd² sigma²/(alpha² sd² + sigma²) stands in.
    """

    denoiser: AbstractTweedie
    matrix: Constant
    values: Constant
    noise: Constant
    largest: float = 10.0

    @property
    def process(self) -> AbstractProcess:  # pyright: ignore[reportIncompatibleVariableOverride]
        """That of the denoiser."""
        return self.denoiser.process

    @property
    def std(self) -> Constant:  # pyright: ignore[reportIncompatibleVariableOverride]
        """That of the denoiser."""
        return self.denoiser.std

    def denoise(
        self, x: Array, tau: ScalarLike, *, time: ScalarLike | None = None, condition: Any = None
    ) -> Array:
        """E[y | x, values] at clock tau."""
        inner = lambda x, tau: self.denoiser.denoise(x, tau, time=time, condition=condition)
        schedule, a, std = self.process.schedule, self.matrix.value, self.std.value
        alpha, sigma = schedule(tau)
        clean = inner(x, tau)
        # The same data and noise at the level where the covariance is taken.
        level = jnp.clip(schedule.tau(self.largest * std), schedule.start, tau)
        lower, noise = schedule(level)
        at = lower * clean + noise * (x - alpha * clean) / sigma
        _, pull = jax.vjp(lambda x: a @ inner(x, level), at)
        (rows,) = jax.vmap(pull)(jnp.eye(a.shape[0], dtype=x.dtype))
        return clean + self._gain(rows * (noise**2 / lower), lower, noise) @ (
            self.values.value - a @ clean
        )

    def _gain(
        self, cross: Float[Array, "m dim"], alpha: ScalarLike, sigma: ScalarLike
    ) -> Float[Array, "dim m"]:
        """K from A P."""
        a, std = self.matrix.value, self.std.value
        isotropic = std**2 * sigma**2 / (alpha**2 * std**2 + sigma**2) * a
        # A floor far below the values' own spread: rows of A may repeat, noise may be 0.
        floor = jnp.diag(self.noise.value**2 + 1e-6 * jnp.sum(isotropic * a, axis=1))
        whole = lambda cross: 0.5 * (cross @ a.T + a @ cross.T) + floor
        factor = jnp.linalg.cholesky(jax.lax.stop_gradient(whole(cross)))
        cross = jnp.where(jnp.isfinite(factor).all(), cross, isotropic)
        return jax.scipy.linalg.solve(whole(cross), cross, assume_a="pos").T


@checked
def guided(model: Any, strength: float) -> DenoisingModel:
    """The model with its condition's effect multiplied (`Guided`).

    Args:
        model: a denoising model fitted with conditions and drop_condition > 0.
        strength: ≥ 0; 1 changes nothing.

    Raises:
        InvalidInput: a model that does not know the law without condition, or a bad strength.
        WrongType, MissingTrait: no denoising model, or one without denoiser.
    """
    _check(model, "guided")
    if not 0 <= strength < float("inf"):
        raise InvalidInput(f"guidance strength = {strength}; expected a finite number ≥ 0.")
    if not (model.frame.asked.levels and model.frame.asked.optional):
        raise InvalidInput(
            "guidance needs a model that was fitted with conditions and with drop_condition > 0 "
            "(0.1 is usual), as it compares the laws with and without condition."
        )
    return _around(model, Guided(denoiser=model.denoiser, strength=float(strength)))  # pyright: ignore[reportCallIssue]


@checked
def measured(model: Any, matrix: Numbers, values: Numbers, *, noise: float = 0.0) -> DenoisingModel:
    """The model given a linear measurement values = matrix x + noise xi of its states.

    Args:
        model: a denoising model.
        matrix: ``(m, *event_shape)`` or ``(m, dim)``, in the data's own coordinates.
        values: ``(m,)``.
        noise: standard deviation of each measured value.

    Raises:
        InvalidInput: wrong shapes, numbers that are not finite, or noise < 0.
        WrongType, MissingTrait: no denoising model, or one without denoiser.
    """
    _check(model, "measured")
    if is_periodic(model.domain):
        raise InvalidInput(
            "measured: the states have periodic coordinates, of which no linear measurement is "
            "defined; fit with the known quantities as condition instead."
        )
    a, b = np.asarray(matrix, np.float64), np.atleast_1d(np.asarray(values, np.float64))
    dim, shape = model.frame.dim, model.frame.event_shape
    if b.ndim != 1 or b.size == 0 or a.shape not in ((b.size, *shape), (b.size, dim)):
        raise InvalidInput(
            f"matrix has shape {a.shape}, values {b.shape}; expected (m, {dim}) and (m,), m ≥ 1."
        )
    if not (np.isfinite(a).all() and np.isfinite(b).all() and 0 <= noise < float("inf")):
        raise InvalidInput(
            f"measured: noise = {noise}, and matrix or values that are not finite; expected finite "
            "numbers and noise ≥ 0."
        )
    a, normaliser = a.reshape(b.size, dim), model.frame.normaliser
    if normaliser.transform:
        raise InvalidInput(
            "measured: a model of transformed coordinates takes no linear measurement."
        )
    if not np.abs(a).max(axis=1).all():
        raise InvalidInput("measured: a row of the matrix is zero; leave that measurement out.")
    inside = a * np.asarray(normaliser.scale.value, np.float64)
    rest = b - a @ normaliser.centre
    # Rows of unit length, so that one floor suits quantities of any unit.
    length = np.linalg.norm(inside, axis=1)
    constant = lambda values: Constant(jnp.asarray(values, float))
    denoiser = Measured(  # pyright: ignore[reportCallIssue]
        denoiser=model.denoiser,
        matrix=constant(inside / length[:, None]),
        values=constant(rest / length),
        noise=constant(noise / length),
    )
    return _around(model, denoiser)


@checked
def inpainted(model: Any, given: Mapping[str | int, float]) -> DenoisingModel:
    """The model given some of the coordinates of its states.

    Args:
        model: a denoising model.
        given: value of each known coordinate, by name or by its place in the flattened state.
            Samples have it up to the smallest noise of the process.

    Raises:
        InvalidInput: nothing given, or an unknown coordinate.
        WrongType, MissingTrait: no denoising model, or one without denoiser.
    """
    _check(model, "inpainted")
    names, dim = model.frame.labels[0], model.frame.dim
    known = names if len(names) == dim else ()
    places = []
    for name in given:
        place = known.index(name) if name in known else name
        if isinstance(place, str) or not 0 <= place < dim:
            raise InvalidInput(
                f"no coordinate {name!r}; expected one of "
                f"{', '.join(known) or 'its places in the flattened state'} or 0 to {dim - 1}."
            )
        places.append(place)
    if not given or len(set(places)) < len(places):
        raise InvalidInput(f"given = {dict(given)}; expected each known coordinate once.")
    return measured(model, np.eye(dim)[places], list(given.values()))


def _check(model: Any, name: str) -> None:
    if not isinstance(model, DenoisingModel):
        raise WrongType(f"{name} needs a denoising model; {type(model).__name__} is none.")
    require(model.denoiser, HasDenoiser, name)


def _around(model: DenoisingModel, denoiser: AbstractTweedie) -> DenoisingModel:
    return eqx.tree_at(lambda m: m.denoiser, model, denoiser)

"""A drift that is linear in its parameters, with constant noise."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq.constant import Constant
from noneq.data.ensembles import Trajectories
from noneq.data.summary import Summary
from noneq.errors import InvalidInput
from noneq.frames.frame import Frame
from noneq.kinds import checked
from noneq.methods.dynamics.bases import AbstractBasis
from noneq.methods.dynamics.equations import AbstractEquations
from noneq.methods.dynamics.libraries import identifiers
from noneq.methods.dynamics.model import AbstractDynamics, Record
from noneq.symbolic.expression import Expression
from noneq.symbolic.law import Law, Term
from noneq.traits import HasDriftError, HasLaw


_MOST_HELD = 256
"""Functions up to which the covariance of their coefficients is kept."""


class DriftModel(AbstractDynamics, HasDriftError, HasLaw):
    """f(x) = known(x) + Σ_j θ_j b_j(x) with constant noise.

    Attributes:
        basis: b_1 … b_p.
        coefficients: θ, ``(p, dim)``; of the accelerations for ``order`` 2, whose states are (x, v).
        errors: their standard errors; 0 where a coefficient was left out.
        covariances: of the coefficients of each coordinate, ``(dim, p, p)``; none of libraries above
            256 functions.
        factor: lower triangular √(2D).
        localisation: standard deviations of the measurement noise, ``(dim,)``.
        known: what is known of the drift of each coordinate, or None.
        order: 1 overdamped, 2 underdamped.
    """

    frame: Frame
    record: Record
    basis: AbstractBasis
    coefficients: Float[Array, "p dim"]
    errors: Constant
    covariances: Constant
    factor: Float[Array, "dim dim"]
    localisation: Constant
    known: tuple[Expression | None, ...]
    order: int = eqx.field(static=True)

    def __init__(
        self,
        summary: Summary,
        basis: AbstractBasis,
        known: tuple[Expression | None, ...] = (),
        order: int = 1,
    ):
        """No drift and no noise; a fit puts them in."""
        self.frame, self.record, self.basis = Frame(summary), Record(summary), basis
        dim = summary.dim // order
        size = basis.sizes(summary.dim)[-1]
        self.coefficients, self.factor = jnp.zeros((size, dim)), jnp.zeros((dim, dim))
        self.errors, self.localisation = Constant(jnp.zeros((size, dim))), Constant(jnp.zeros(dim))
        held = size if size <= _MOST_HELD else 0
        self.covariances = Constant(jnp.zeros((dim, held, held)))
        self.known, self.order = known, order

    def field(self, x: Float[Array, " dim"]) -> Float[Array, " dim"]:
        force = self.basis.at(x) @ self.coefficients
        if self.known:
            zero = jnp.zeros((), x.dtype)
            force = force + jnp.stack([zero if k is None else k(x) for k in self.known])
        return force if self.order == 1 else jnp.concatenate([x[len(force) :], force])

    def root(self, x: Float[Array, " dim"]) -> Float[Array, "dim noises"]:
        if self.order == 1:
            return self.factor
        return jnp.concatenate([jnp.zeros_like(self.factor), self.factor])

    @checked
    def drift_stderr(self, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """Standard error of f at one state, given the terms.

        Raises:
            InvalidInput: a library of more than 256 functions, whose covariance is not kept.
        """
        x = jnp.asarray(x)
        b, held = self.basis.at(self._seen(x)), self.covariances.value
        if held.shape[1] < len(b):
            raise InvalidInput(
                f"drift_stderr: the library has {len(b)} functions, and covariances of more than "
                f"{_MOST_HELD} are not kept; take a smaller library, or SparseDrift's terms by Terms."
            )
        error = jnp.sqrt(jnp.maximum(jnp.einsum("k,jkl,l->j", b, held, b), 0.0))
        if self.order == 2:
            error = jnp.concatenate([jnp.zeros_like(error), error])
        return error.reshape(x.shape)

    @property
    def diffusivity(self) -> Float[np.ndarray, "dim dim"]:
        """D of the noise, of velocities for ``order`` 2."""
        factor = np.asarray(self.factor, np.float64)
        return factor @ factor.T / 2

    @property
    def law(self) -> Law:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The equations of motion in the data's units, with standard errors."""
        codes, units = self.basis.codes(self.names), self.basis.units()[:, None]
        values, errors = (
            units * np.asarray(part, np.float64) for part in (self.coefficients, self.errors.value)
        )
        known = self.known or (None,) * values.shape[1]
        # A coefficient without error was left out.
        lines = [
            tuple(Term(codes[k], values[k, j], errors[k, j]) for k in np.flatnonzero(errors[:, j]))
            for j in range(values.shape[1])
        ]
        moving = self.names[-values.shape[1] :]
        texts = tuple("" if k is None else k.text for k in known)
        return Law(self.names, moving, tuple(lines), texts, self.diffusivity)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the coordinates, as the law calls them."""
        return identifiers(self.frame.labels[0], self.frame.dim)

    def filled(
        self, theta: np.ndarray, errors: np.ndarray, found: AbstractEquations, data: Trajectories
    ) -> "DriftModel":
        """With what a fit found.

        Raises:
            InvalidInput: a diffusivity that is not positive.
        """
        factor = _factor(found.diffusivity)
        noise = np.sqrt(np.maximum(np.diag(found.localisation), 0.0))
        held = found.covariances(errors > 0, errors)
        held = held if self.covariances.value.shape[1] else held[:, :0, :0]
        parts = (theta, errors, held, factor, noise)
        return eqx.tree_at(
            lambda m: (
                m.coefficients,
                m.errors.value,
                m.covariances.value,
                m.factor,
                m.localisation.value,
                m.record,
            ),
            self,
            (*(jnp.asarray(part, jnp.float32) for part in parts), self.record.of(data)),
        )


def _factor(diffusivity: np.ndarray) -> np.ndarray:
    """√(2D), lower triangular, scaled so that no unit is too small."""
    size = np.sqrt(np.maximum(np.diag(diffusivity), 0.0))
    if not (np.isfinite(size).all() and size.max() > 0):
        raise InvalidInput(
            "the diffusivity is not positive: the paths do not move, or localisation=True takes all "
            "their motion for measurement noise; leave localisation out."
        )
    size = np.where(size > 0, size, size.max() * 1e-6)
    unit = diffusivity / size / size[:, None]
    values, vectors = np.linalg.eigh((unit + unit.T) / 2)
    unit = vectors @ np.diag(np.maximum(values, 1e-9)) @ vectors.T
    return np.sqrt(2.0) * size[:, None] * np.linalg.cholesky(unit)

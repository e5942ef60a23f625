"""The force between particles, from their paths: one law for all pairs."""

import time as clock
from pathlib import Path
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key
from noneq.constant import Constant
from noneq.data.ensembles import Trajectories
from noneq.data.summary import Summary, summarise
from noneq.domains import Free, periods_of
from noneq.errors import InvalidInput
from noneq.frames.frame import Frame
from noneq.inference.drift.residuals import residual_checks
from noneq.kinds import checked
from noneq.learning.method import AbstractMethod, Data, Fit, Progress, check_init
from noneq.learning.watching import watched
from noneq.methods.dynamics.bases import TermBasis
from noneq.methods.dynamics.equations import BLOCKS
from noneq.methods.dynamics.intervals import check_told_apart
from noneq.methods.dynamics.linear_drift import check_paths
from noneq.methods.dynamics.model import AbstractDynamics, Record
from noneq.methods.dynamics.normal_equations import NormalEquations, check_count
from noneq.methods.dynamics.selection import supported
from noneq.statistics.gram import solve
from noneq.statistics.increment_blocks import block_count, increment_blocks
from noneq.symbolic.expression import Expression
from noneq.symbolic.law import Law, Term
from noneq.traits import HasDriftError


_NUMBERS = 2**21
"""Numbers of one piece of the data."""


class PairModel(AbstractDynamics, HasDriftError):
    """dX_i = Σ_j F(r_ij) e_ij dt + √(2D) dW_i, e_ij the unit vector from i to j.

    Attributes:
        terms: functions of r that F is a sum of.
        coefficients: of the terms.
        covariance: of the coefficients.
        factor: √(2D), the same for all particles.
        periods: of the coordinates of a particle, 0 for none.
    """

    frame: Frame
    record: Record
    terms: TermBasis
    coefficients: Float[Array, " k"]
    covariance: Constant
    factor: Float[Array, ""]
    periods: Constant

    def __init__(self, summary: Summary, terms: TermBasis):
        """No force and no noise; a fit puts them in."""
        self.frame, self.record, self.terms = Frame(summary), Record(summary), terms
        size = len(terms.terms)
        self.coefficients, self.factor = jnp.zeros(size), jnp.zeros(())
        self.covariance = Constant(jnp.zeros((size, size)))
        domain, dim = self.frame.domain, summary.event_shape[1]
        free = isinstance(domain, Free)
        periods = np.zeros(dim) if free else periods_of(domain, summary.event_shape)[0]
        self.periods = Constant(jnp.asarray(periods, float))

    def forces(self, x: Float[Array, " dim"]) -> Float[Array, "k dim"]:
        """Σ_j g_k(r_ij) e_ij of every term, at one flattened state."""
        position = x.reshape(self.event_shape)
        away = position[None] - position[:, None]
        period = self.periods.value
        around = jnp.where(period > 0, period, 1.0)
        away = away - jnp.where(period > 0, period * jnp.round(away / around), 0.0)
        self_ = jnp.eye(len(position), dtype=bool)
        r = jnp.sqrt(jnp.where(self_, 1.0, jnp.sum(away**2, axis=-1)))
        values = jax.vmap(jax.vmap(lambda one: self.terms.at(one[None])))(r)
        values = jnp.where(self_[..., None], 0.0, values / r[..., None])
        return jnp.einsum("ijk,ijd->kid", values, away).reshape(len(self.coefficients), -1)

    def field(self, x: Float[Array, " dim"]) -> Float[Array, " dim"]:
        return self.coefficients @ self.forces(x)

    def root(self, x: Float[Array, " dim"]) -> Float[Array, "dim noises"]:
        return self.factor * jnp.eye(len(x))

    @checked
    def drift_stderr(self, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """Standard error of f at one state, given the terms."""
        b = self.forces(jnp.asarray(x).ravel())
        square = jnp.einsum("kd,kl,ld->d", b, self.covariance.value, b)
        return jnp.sqrt(jnp.maximum(square, 0.0)).reshape(jnp.shape(x))

    @property
    def diffusivity(self) -> float:
        """D of each coordinate of each particle."""
        return float(self.factor) ** 2 / 2

    @property
    def force(self) -> Law:
        """F(r) with standard errors; positive attracts."""
        errors = np.sqrt(np.diag(np.asarray(self.covariance.value, np.float64)))
        values, codes = np.asarray(self.coefficients, np.float64), self.terms.codes(("r",))
        line = tuple(Term(codes[k], values[k], errors[k]) for k in np.flatnonzero(errors))
        return Law(("r",), ("x_i",), (line,), ("",), np.array([[self.diffusivity]]))

    @property
    def equations(self) -> list[str]:
        """``"dx_i/dt = Σ_j e_ij [(1.02 ± 0.05) r]"``, ± half a 95 % interval."""
        first, *rest = self.force.lines
        return [f"dx_i/dt = Σ_j e_ij [{first.split(' = ', 1)[1]}]", *rest]


class PairDrift(AbstractMethod):
    """Force between particles, the same for all pairs and along the line between them.

    Forward process:
        the motion itself; no noise is added.
    Learnt object:
        F(r) = Σ_k θ_k g_k(r) with standard errors, and the diffusivity D.
    Objective and weight:
        Itô sums of all particles together, freed of their error of order dt; terms are selected
        as in `SparseDrift`.
    Sampling:
        Euler–Maruyama paths of the learnt law.
    Source and deviations:
        Frishman and Ronceray 2020, Gerardos and Ronceray 2025; one noise for all particles.

    Args:
        terms: functions g of the distance r as text; positive coefficients attract.
        select: whether terms without support are left out.
        level: chance that any term without meaning is kept, about.

    Raises:
        InvalidInput: no or equal terms, a level outside (0, 1); at `fit` states that are no
            particles, or too few increments.
    """

    source: ClassVar[str] = "frishman2020learning"
    takes_torus: ClassVar[bool] = True

    terms: tuple[str, ...] = ("1", "r", "r**2", "exp(-r)", "exp(-r)/r")
    select: bool = True
    level: float = 0.05

    def __check_init__(self) -> None:
        if not self.terms or len(set(self.terms)) < len(self.terms):
            raise InvalidInput(
                f"PairDrift: terms = {self.terms}; expected different functions of r."
            )
        if not 0 < self.level < 1:
            raise InvalidInput(f"PairDrift: level = {self.level}; expected a chance in (0, 1).")

    @checked
    def init(self, summary: Summary, *, key: Key) -> PairModel:
        """The model without force."""
        if len(summary.event_shape) != 2 or summary.event_shape[0] < 2 or summary.condition_dim:
            raise InvalidInput(
                f"PairDrift: states of shape {summary.event_shape}; expected two or more particles "
                "(particles, dim) without conditions. For other states take SparseDrift."
            )
        made = lambda text: None if text.strip() == "1" else Expression(text, ("r",))
        return PairModel(summary, TermBasis(tuple(map(made, self.terms))))

    @checked
    @watched
    def fit(
        self,
        data: Data,
        *,
        key: Key,
        init: PairModel | None = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Fit:
        """Solve the normal equations; there is nothing to iterate."""
        began = clock.monotonic()
        paths = check_paths(self, data)
        summary = summarise(paths)
        check_init(self, init, summary)
        model = self.init(summary, key=key) if init is None else init
        equations = _equations(paths, model)
        check_count(equations)
        check_told_apart("PairDrift", equations.gram, self.terms)
        support = np.ones(equations.shape, bool)
        if self.select:
            support = supported(equations, self.level)
        theta = equations.solution(support)
        errors = equations.stderr(theta, support)
        parts = (
            theta[:, 0],
            equations.covariances(support, errors)[0],
            np.sqrt(2 * equations.diffusivity[0, 0]),
        )
        model = eqx.tree_at(
            lambda m: (m.coefficients, m.covariance.value, m.factor, m.record),
            model,
            (*(jnp.asarray(part, jnp.float32) for part in parts), model.record.of(paths)),
        )
        row = {"terms": [float(support.sum())], "condition": [equations.condition]}
        checks = residual_checks(model, paths)
        meta: dict[str, Any] = {
            "seconds": clock.monotonic() - began,
            "residuals": checks.lines,
            "residual_curves": checks.curves,
            "equations": model.equations,
        }
        return Fit(model, row, self, summary, meta)


def _equations(paths: Trajectories, model: PairModel) -> NormalEquations:
    """Sums over all particles; D from what the force leaves over."""
    size, width = len(model.coefficients), model.frame.dim
    blocks = block_count(paths, 1, BLOCKS)
    gram, half = np.zeros((blocks, size, size)), np.zeros((blocks, size, size))
    cross, square, time, count = np.zeros((blocks, size, 1)), 0.0, 0.0, 0
    rows = max(16, _NUMBERS // (size * width * model.event_shape[0]))
    for k, piece in increment_blocks(paths, 1, BLOCKS, rows):
        first, after = (np.asarray(_forces(model, x), np.float64) for x in (piece.start, piece.end))
        if not (np.isfinite(first).all() and np.isfinite(after).all()):
            raise InvalidInput("PairDrift: a term is not finite at the distances of the data.")
        scaled = first * piece.dt[:, None, None]
        gram[k] += np.einsum("nkd,nld->kl", scaled, first)
        half[k] += np.einsum("nkd,nld->kl", scaled / 2, after - first)
        cross[k, :, 0] += np.einsum("nkd,nd->k", first, piece.move)
        square += float((piece.move**2 / piece.dt[:, None]).sum())
        time, count = time + float(piece.dt.sum()), count + len(piece.dt)
    total, right = gram.sum(0), cross.sum(0)
    theta = solve(total, right)
    rest = (square - float(right[:, 0] @ theta[:, 0])) / max(count * width - size, 1)
    # E[Δx | x] is f dt + (Lf) dt²/2, and ⟨b (b₊ − b)⟩ θ dt/2 is the second part.
    for _ in range(2):
        theta = solve(total, right - half.sum(0) @ theta)
    diffusivity = np.array([[rest / 2]])
    return NormalEquations(
        total, cross - half @ theta, gram, diffusivity, np.zeros((1, 1)), time, float(count * width)
    )


@eqx.filter_jit
def _forces(model: PairModel, x: Array | np.ndarray) -> Array:
    return jax.vmap(model.forces)(jnp.asarray(x, float))

"""Which part of a drift dissipates and which circulates, from trajectories."""

import itertools
import time as clock
import warnings
from pathlib import Path
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq._typing import Key
from noneq.constant import Constant
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.data.summary import Summary, summarise
from noneq.domains import Free
from noneq.errors import InvalidInput, SolveFailed, WrongType
from noneq.kinds import checked
from noneq.learning.method import AbstractMethod, Data, Fit, Progress, check_init
from noneq.learning.watching import watched
from noneq.methods.dynamics.onsager.model import OnsagerFields, OnsagerModel
from noneq.statistics.increments import Increments, increments
from noneq.traced import jit


_FLOOR = 1e-3
"""Of the mobility, relative to its size in the data."""
_PART = 100_000
_STARTS = 16_384
_MOST = 16


class OnsagerDynamics(AbstractMethod):
    """Potential, mobility and circulation of a diffusion, apart.

    Forward process:
        none; the motion itself, dX = [−(M + W)∇V + ε div(M + W)] dt + √(2 ε M) dW, M = L Lᵀ + floor
        positive definite, W skew, (div A)_i = Σ_j ∂_j A_ij.
    Learnt object:
        V, L and W as polynomials of the normalised state. By this form e^{−V/ε}/Z is stationary,
        v = −W∇V + ε div W its current velocity, and ⟨vᵀ (ε M)⁻¹ v⟩ its entropy production.
    Objective and weight:
        the exact Gaussian likelihood of one Euler–Maruyama step over all pairs of frames, maximised
        by L-BFGS; steps must be short against the fastest relaxation.
    Sampling:
        a random walk on e^{−V/ε}; paths by Euler–Maruyama.
    Source and deviations:
        OnsagerNet (Yu et al. 2021) and its successor with noise have −(M + W)∇V and div M. Without
        ε div W, however, e^{−V/ε} is no stationary law once W depends on the state: ``complete`` adds
        it. Polynomials in place of networks.

    Args:
        temperature: ε, which sets the unit of V (and the inverse one of M and W): the data do not tell.
        potential, mobility, curl: degrees of V, of L and of W; the latter two at most the first.
        complete: with ε div W. False is the literal form, for comparison.
        steps: of L-BFGS, at most.

    Raises:
        InvalidInput: degrees or a temperature out of range; data with walls, periods or conditions,
            of more than 16 coordinates, or with fewer pairs of frames than coefficients.
        WrongType: data without paths.
        SolveFailed: the likelihood is not finite.
    """

    source: ClassVar[str] = "yu2021onsagernet"

    temperature: float = 1.0
    potential: int = 4
    mobility: int = 2
    curl: int = 2
    complete: bool = True
    steps: int = 500

    def __check_init__(self) -> None:
        degrees = (self.mobility, self.curl)
        if not (2 <= self.potential <= 10 and min(degrees) >= 0 and max(degrees) <= self.potential):
            raise InvalidInput(
                f"OnsagerDynamics: potential = {self.potential}, mobility = {self.mobility}, curl = "
                f"{self.curl}; expected a potential of degree 2 to 10, the others from 0 up to that."
            )
        if not (0 < self.temperature < float("inf") and self.steps > 0):
            raise InvalidInput(
                f"OnsagerDynamics: temperature = {self.temperature}, steps = {self.steps}; expected "
                "positive numbers."
            )

    @checked
    def init(self, summary: Summary, *, key: Key) -> OnsagerModel:
        dim = summary.dim
        if len(summary.event_shape) > 1 or dim > _MOST:
            raise InvalidInput(
                f"OnsagerDynamics: states of shape {summary.event_shape}; expected vectors of at most "
                f"{_MOST} numbers (command line: --components)."
            )
        powers = _powers(dim, self.potential)
        count = lambda degree: sum(sum(row) <= degree for row in powers) + 1
        diagonal = [i for i, (a, b) in enumerate(zip(*np.tril_indices(dim), strict=True)) if a == b]
        spread = jnp.asarray(summary.scale, float)
        fields = OnsagerFields(
            potential=jnp.asarray(
                [self.temperature / 2 * (sorted(row)[-1] == sum(row) == 2) for row in powers], float
            ),
            factor=jnp.zeros((dim * (dim + 1) // 2, count(self.mobility))).at[diagonal, 0].set(1.0),
            curl=jnp.zeros((dim * (dim - 1) // 2, count(self.curl))),
            floor=Constant(jnp.zeros(dim)),
            centre=Constant(jnp.asarray(summary.shift, float)),
            scale=Constant(spread),
            temperature=Constant(jnp.asarray(self.temperature, float)),
            powers=powers,
            complete=self.complete,
        )
        size = sum(leaf.size for leaf in (fields.potential, fields.factor, fields.curl))
        return OnsagerModel(fields, summary, min(sum(summary.counts), _STARTS), size)

    @checked
    @watched
    def fit(
        self,
        data: Data,
        *,
        key: Key,
        init: OnsagerModel | None = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Fit:
        began = clock.monotonic()
        if not isinstance(data, Trajectories):
            kind = "Snapshots" if isinstance(data, Snapshots) else type(data).__name__
            raise WrongType(
                f"OnsagerDynamics learns from paths (Trajectories), got {kind}; name the trajectory "
                "column of the file."
            )
        if not isinstance(data.domain, Free) or data.condition is not None:
            raise InvalidInput(
                "OnsagerDynamics: the data have walls, periods or conditions; expected free "
                "coordinates (fit each condition by itself)."
            )
        summary = summarise(data)
        check_init(self, init, summary)
        model = self.init(summary, key=key) if init is None else init
        pairs = increments(data)
        size = model.spread.value.shape[0]
        if pairs.move.size < 2 * size:
            raise InvalidInput(
                f"OnsagerDynamics: {len(pairs.move)} pairs of frames for {size} coefficients; give "
                "longer paths, or lower degrees."
            )
        states = data.values[data.observed].reshape(-1, summary.dim)
        chosen = np.random.default_rng(0).permutation(len(states))[: len(model.starts.value)]
        model = eqx.tree_at(
            lambda m: (m.starts.value, m.step.value),
            model,
            (jnp.asarray(states[chosen]), jnp.asarray(float(pairs.dt.min()), float)),
        )
        if init is None:
            model = _began(model, pairs, self.temperature)
        history: dict[str, list[float]] = {"step": [], "loss": []}

        def report(loss: float) -> None:
            history["step"].append(float(len(history["step"])))
            history["loss"].append(loss)
            if callable(progress) and len(history["step"]) % 10 == 0:
                progress(len(history["step"]), self.steps, {"loss": loss})

        fields, spread = _maximise(model.fields, pairs, self.steps, report)
        place = lambda m: (m.fields, m.spread.value)
        model = eqx.tree_at(place, model, (fields, jnp.asarray(spread, float)))
        meta: dict[str, Any] = {"seconds": clock.monotonic() - began}
        if not _confined(fields):
            text = (
                "the potential falls at large states, so e^{−V/ε} has no norm; lower its degree, or "
                "give more data at the edge"
            )
            warnings.warn(f"OnsagerDynamics: {text}.", stacklevel=2)
            meta["warnings"] = [text]
        return Fit(model, history, self, summary, meta)


def _powers(dim: int, degree: int) -> tuple[tuple[int, ...], ...]:
    """Powers of all monomials from degree 1 on, ordered by degree."""
    each = itertools.product(range(degree + 1), repeat=dim) if dim <= 4 else _sparse(dim, degree)
    found = [row for row in each if 0 < sum(row) <= degree]
    return tuple(sorted(found, key=lambda row: (sum(row), tuple(-k for k in row))))


def _sparse(dim: int, degree: int) -> list[tuple[int, ...]]:
    """The same in many dimensions, without a table of all products."""
    found = []
    for total in range(1, degree + 1):
        for places in itertools.combinations_with_replacement(range(dim), total):
            found.append(tuple(places.count(i) for i in range(dim)))
    return found


def _began(model: OnsagerModel, pairs: Increments, temperature: float) -> OnsagerModel:
    """Mobility of the size that the displacements show, and its floor."""
    size = (pairs.move**2 / (2 * temperature * pairs.dt[:, None])).mean(0)
    if not size.min() > 0:
        raise InvalidInput("OnsagerDynamics: a coordinate does not move; leave it out.")
    lower = np.tril_indices(len(size))
    diagonal = np.flatnonzero(lower[0] == lower[1])
    factor = model.fields.factor.at[diagonal, 0].set(jnp.asarray(np.sqrt(size), float))
    floor = jnp.asarray(_FLOOR * size, float)
    return eqx.tree_at(lambda m: (m.fields.factor, m.fields.floor.value), model, (factor, floor))


def _maximise(
    fields: OnsagerFields, pairs: Increments, steps: int, report: Any
) -> tuple[OnsagerFields, np.ndarray]:
    """The fields of the greatest likelihood, and the covariance of their coefficients."""
    from scipy.optimize import minimize

    parts = [
        tuple(jnp.asarray(v[i : i + _PART], float) for v in (pairs.start, pairs.move, pairs.dt))
        for i in range(0, len(pairs.dt), _PART)
    ]
    shapes = [leaf.shape for leaf in _leaves(fields)]
    count, dim = pairs.move.shape
    flat = lambda leaves: np.concatenate([np.asarray(v, np.float64).ravel() for v in leaves])

    def with_(theta: np.ndarray) -> OnsagerFields:
        cuts = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
        leaves = [
            jnp.asarray(v.reshape(s), float)
            for v, s in zip(np.split(theta, cuts), shapes, strict=True)
        ]
        return eqx.tree_at(_leaves, fields, tuple(leaves))

    def cost(theta: np.ndarray) -> tuple[float, np.ndarray]:
        here = with_(theta)
        found = [_loss_and_slope(_leaves(here), here, *part) for part in parts]
        value = sum(float(v) for v, _ in found) / count
        return value, sum(flat(slope) for _, slope in found) / count

    begin = flat(_leaves(fields))
    follow = lambda intermediate_result: report(float(intermediate_result.fun))
    found = minimize(
        cost, begin, jac=True, method="L-BFGS-B", callback=follow,
        options={"maxiter": steps, "ftol": 1e-12, "gtol": 1e-6, "maxcor": 30},
    )  # fmt: skip
    if not np.isfinite(found.fun):
        raise SolveFailed(
            "OnsagerDynamics: the likelihood is not finite; shorten the steps of time."
        )
    best = with_(found.x)
    each = [np.asarray(_information(_leaves(best), best, *part), np.float64) for part in parts]
    information = np.sum(each, axis=0)
    values, vectors = np.linalg.eigh((information + information.T) / 2)
    return best, (vectors / values.clip(1e-7 * values[-1])) @ vectors.T


def _leaves(fields: Any) -> Any:
    """What is learnt."""
    return fields.potential, fields.factor, fields.curl


def _surprise(leaves: Any, fields: OnsagerFields, x: Array, move: Array, dt: Array) -> Array:
    """−log N(move; f dt, 2 ε M dt), without constants."""
    here = eqx.tree_at(_leaves, fields, leaves)
    noise = 2 * here.temperature.value * here.mobility(x) * dt
    root = jnp.linalg.cholesky(noise)
    gap = jax.scipy.linalg.solve_triangular(root, move - here.drift(x) * dt, lower=True)
    return 0.5 * gap @ gap + jnp.log(jnp.diag(root)).sum()


@jit
def _loss_and_slope(leaves: Any, fields: OnsagerFields, x: Array, move: Array, dt: Array) -> Any:
    total = lambda leaves: jax.vmap(lambda *row: _surprise(leaves, fields, *row))(x, move, dt).sum()
    return jax.value_and_grad(total)(leaves)


@jit
def _information(leaves: Any, fields: OnsagerFields, x: Array, move: Array, dt: Array) -> Array:
    """Σ of the outer products of the slopes of every pair, (p, p)."""

    def one(*row: Array) -> Array:
        slope = jax.grad(lambda leaves: _surprise(leaves, fields, *row))(leaves)
        return jnp.concatenate([v.ravel() for v in slope])

    rows = jax.vmap(one)(x, move, dt)
    return rows.T @ rows


def _confined(fields: OnsagerFields) -> bool:
    """Whether V rises along all of many directions far away."""
    dim = len(fields.centre.value)
    ways = np.random.default_rng(0).normal(size=(256, dim))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    at = lambda r: fields.centre.value + r * fields.scale.value * jnp.asarray(ways, float)
    far = jax.vmap(fields.energy)(at(30.0)) - jax.vmap(fields.energy)(at(10.0))
    return bool((far > 0).all())

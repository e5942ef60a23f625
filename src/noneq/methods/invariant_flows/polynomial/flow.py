"""A polynomial law of motion from snapshots, in closed form."""

import math
import warnings
from pathlib import Path
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from noneq._typing import Key
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.data.summary import Summary
from noneq.domains import Torus
from noneq.errors import InvalidInput
from noneq.frames.normaliser import Normaliser
from noneq.kinds import checked
from noneq.learning.method import AbstractMethod, Data, Fit, History, Progress
from noneq.learning.watching import watched
from noneq.methods.denoising.free import curl_free
from noneq.methods.invariant_flows.data_checks import few_snapshots
from noneq.methods.invariant_flows.equilibrium_flow_model import EquilibriumFlowModel
from noneq.methods.invariant_flows.polynomial.equations import expansion
from noneq.methods.invariant_flows.polynomial.sparse import observed, sparse_law, steady
from noneq.methods.invariant_flows.score import check_score, kept_law
from noneq.methods.invariant_flows.stages import Second, two_stages
from noneq.methods.invariant_flows.transitions import ObservedTransitions, pairs_of
from noneq.nets.vectors.polynomial import Polynomial, PolynomialNetwork
from noneq.symbolic.expression import coordinate_names
from noneq.symbolic.monomials import monomial_text
from noneq.symbolic.weak_form import Library, least_quotient
from noneq.traits import AbstractModel


_MOST_TESTS, _MOST_COEFFICIENTS = 1_000, 800
_BLOCKS = 20
_ALIKE, _EXACT = 4.0, 1e-6
_SHRINKING = 0.01
"""⟨div v⟩ of a field of unit speed, above which the direction of time is told by it."""


class Unidentified(UserWarning):
    """Several polynomial fields keep the law equally well."""


class PolynomialFlow(AbstractMethod):
    """The polynomial velocity that changes the law of unordered snapshots least, and its equations.

    Forward process:
        none, and no noise: the velocity is found from the data as they are. The score (of the data
        after noise) is for what the model does besides: noisy paths and its residual.
    Learnt object:
        v(x) = Σ_m c_m x^m; without transitions ⟨|v|²⟩ = dim in units of the data's standard
        deviations, and time runs in the direction in which volumes shrink (if they do).
    Objective and weight:
        Σ_k ⟨v·∇f_k⟩²/⟨|v|²⟩ over monomials f_k made orthonormal in ⟨∇f·∇f⟩, a quotient of quadratic
        forms, minimised exactly; then terms that are small in the data's units are dropped and the
        rest is solved again. ⟨v·∇f⟩ = −⟨f r⟩, r = div v + v·∇ log p: the part of `EquilibriumFlow`'s
        residual that the test functions see, for any law, also one on a thin attractor.
    Sampling:
        as `EquilibriumFlow`.
    Source and deviations:
        the moment equations of a stationary law; sequential thresholding as in Brunton et al. 2016.
        The norm of the test functions, the quotient and the errors (blocks of rows left out one by
        one) are ours.

    Args:
        degree: of the velocity.
        tests: degree of the test functions; None takes 2 degree + 3, less in many dimensions.
        sparsity: terms below this fraction of their component of v are dropped.
        confidence: terms below this many standard errors are dropped, the least certain first; 0
            with ``sparsity`` = 0 keeps all.
        observed: how observed transitions count, if `fit` gets some.
        score: trains the score if none is given.
        noise: standard deviation of the score's noise over that of the data.

    Raises:
        InvalidInput: a degree, sparsity or noise out of range; test functions of no higher degree
            than the velocity.
    """

    source: ClassVar[str] = "brunton2016discovering"

    degree: int = 2
    tests: int | None = None
    sparsity: float = 0.02
    confidence: float = 3.0
    observed: ObservedTransitions = ObservedTransitions()
    score: AbstractMethod = eqx.field(default_factory=curl_free)
    noise: float = 0.15

    def __check_init__(self) -> None:
        Polynomial(self.degree)
        if self.tests is not None and not self.degree < self.tests <= 16:
            raise InvalidInput(
                f"PolynomialFlow: tests = {self.tests}; expected a degree above {self.degree}, at "
                "most 16."
            )
        if not 0 <= self.sparsity < 1:
            raise InvalidInput(
                f"PolynomialFlow: sparsity = {self.sparsity}; expected a fraction in [0, 1)."
            )
        if not 0 <= self.confidence < float("inf"):
            raise InvalidInput(
                f"PolynomialFlow: confidence = {self.confidence}; expected a finite number ≥ 0."
            )
        if not 0 < self.noise < float("inf"):
            raise InvalidInput(f"PolynomialFlow: noise = {self.noise}; expected a positive ratio.")

    @checked
    def init(
        self, summary: Summary, *, key: Key, score: AbstractModel | None = None
    ) -> EquilibriumFlowModel:
        net_key, score_key = jax.random.split(key)
        if score is None:
            score = self.score.init(summary, key=score_key)
        check_score(score, summary.event_shape, "PolynomialFlow")
        field = Polynomial(self.degree).init(
            summary.event_shape, summary.dim, noise=False, clock=None, label=None, key=net_key
        )
        return EquilibriumFlowModel(field, kept_law(score, self.noise), summary)

    @checked
    @watched
    def fit(
        self,
        data: Data,
        *,
        key: Key,
        score: AbstractModel | None = None,
        transitions: Trajectories | None = None,
        init: EquilibriumFlowModel | None = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Fit:
        """Find a law of motion.

        ``meta`` holds the ``equations`` with their errors and the least ``stationary_values`` of the
        objective: several of about the same size are as many fields among which the data do not
        decide. Errors take blocks of consecutive rows as independent.

        Args:
            data: states of one law.
            score: a fitted model of the data with the trait `HasScore`; None trains ``self.score``
                (or takes that of ``init``, of which nothing else is used).
            transitions: paths of two or more times, which fix direction and speed of v.

        Raises:
            InvalidInput: discrete, periodic or conditional data, walls, several times, too many
                monomials, a score or transitions of other states.
            MissingTrait: a score model without a score.
            WrongType: transitions that are no trajectories.

        Warns:
            FewSnapshots: fewer than 100 snapshots per dimension.
            Unidentified: several fields keep the law equally well, and no transition decides.
        """

        def prepare(data: Snapshots | Trajectories, summary: Summary):
            check_plain(data)
            self._library(summary.dim)
            pairs = None
            if transitions is not None:
                pairs = pairs_of(transitions, Normaliser(summary), "PolynomialFlow")
            return few_snapshots(data, "PolynomialFlow"), pairs

        return two_stages(
            self, data, prepare, self._field,
            key=key, score=score, init=init, progress=progress, checkpoint=checkpoint,
        )  # fmt: skip

    def _field(self, start: Second) -> tuple[EquilibriumFlowModel, History, dict[str, Any]]:
        model, dim = start.model, start.summary.dim
        library, normaliser = self._library(dim), model.frame.normaliser
        shift, scale = normaliser.centre, np.asarray(normaliser.scale.value, np.float64)
        states = start.data.snapshots().values
        y = (states.reshape(len(states), -1).astype(np.float64) - shift) / scale
        blocks = [library.moments(part) for part in np.array_split(y, _BLOCKS)]
        form = library.weak_form(np.mean(blocks, axis=0))
        left_out = [library.weak_form(mean) for mean in _without_each(blocks)]
        values = least_quotient(form, np.eye(len(form.power)))[0]
        if start.pairs is None:
            solve, texts = steady(dim), self._warn(values)
        else:
            solve, texts = observed(self.observed, start.pairs, library.powers), []
        units = expansion(library.powers, shift, scale)
        least, confidence = self.sparsity, self.confidence
        law = sparse_law(solve, form, left_out, units, least=least, confidence=confidence)
        found = law.coefficients
        place = lambda m: m.field.matrix
        model = eqx.tree_at(place, model, jnp.asarray(found, dtype=float))
        assert isinstance(model.field, PolynomialNetwork)
        if start.pairs is None:
            found = found * _sign(units @ found * scale, _divergence(model.field, y))
            model = eqx.tree_at(place, model, jnp.asarray(found, dtype=float))
        names = coordinate_names(model.frame)
        meta: dict[str, Any] = {
            "stationary_values": values.tolist(),
            "equations": written(library.powers, units @ found * scale, law.errors * scale, names),
            "warnings": texts,
        }
        return model, law.history, meta

    def _library(self, dim: int) -> Library:
        count = math.comb(dim + self.degree, self.degree)
        if count * dim > _MOST_COEFFICIENTS:
            raise InvalidInput(
                f"PolynomialFlow: {dim} variables have {count:,} monomials up to degree "
                f"{self.degree}, {count * dim:,} coefficients; at most {_MOST_COEFFICIENTS:,} are "
                "solved for: lower the degree, or keep fewer components of the state."
            )
        return Library(dim, self.degree, self.tests, most=_MOST_TESTS, name="PolynomialFlow")

    def _warn(self, values: np.ndarray) -> list[str]:
        alike = int(np.sum(values <= _ALIKE * max(values[0], 0) + _EXACT))
        if alike < 2:
            return []
        text = (
            f"PolynomialFlow: {alike} or more independent fields of degree {self.degree} keep the law about "
            "equally well, and one of their sums is returned; give transitions= (a few pairs of "
            "states), more snapshots, or another degree."
        )
        warnings.warn(text, Unidentified, stacklevel=3)
        return [text]


def check_plain(data: Any) -> None:
    """Refuse data that no single polynomial describes.

    Raises:
        InvalidInput: several times, conditions, or periodic states.
    """
    snapshots = data.snapshots()
    several = len(snapshots.times) > 1
    if several or snapshots.condition is not None or isinstance(data.domain, Torus):
        what = "several times" if several else "periodic or conditional states"
        raise InvalidInput(
            f"PolynomialFlow: {what}; expected one law on free space: give the states of all times "
            "as one array, or use EquilibriumFlow."
        )


def _sign(coefficients: np.ndarray, divergence: float) -> float:
    """1 or −1: volumes shrink, ⟨div v⟩ < 0, as on whatever attracts forwards in time.

    Without a divergence to tell, the first equation's largest coefficient is positive.
    """
    if abs(divergence) > _SHRINKING:
        return -float(np.sign(divergence))
    column = coefficients[:, np.flatnonzero(np.abs(coefficients).max(axis=0))[0]]
    return float(np.sign(column[np.argmax(np.abs(column))]))


def _divergence(field: PolynomialNetwork, y: np.ndarray) -> float:
    """⟨div v⟩ over states y."""
    some = jnp.asarray(y[:: max(1, len(y) // 4096)], dtype=float)
    return float(jnp.mean(jax.vmap(lambda y: jnp.trace(jax.jacfwd(field)(y)))(some)))


def _without_each(blocks: list[np.ndarray]) -> list[np.ndarray]:
    """Means over all blocks but one."""
    total, count = np.sum(blocks, axis=0), len(blocks)
    return [(total - block) / (count - 1) for block in blocks]


def written(
    powers: np.ndarray, values: np.ndarray, errors: np.ndarray, names: tuple[str, ...]
) -> list[str]:
    """``"dx/dt = (9.98 ± 0.02) y + …"`` of the coefficients that are not zero up to rounding."""
    lines = []
    least = 1e-9 * np.abs(values).max()
    for j, name in enumerate(names):
        order = np.argsort(-np.abs(values[:, j]), kind="stable")
        terms = [
            f"({values[k, j]:.4g} ± {errors[k, j]:.1g}) {monomial_text(powers[k], names)}".rstrip()
            for k in order
            if abs(values[k, j]) > least
        ]
        lines.append(f"d{name}/dt = {' + '.join(terms) or '0'}")
    return lines

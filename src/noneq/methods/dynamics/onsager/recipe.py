"""Which part of a drift dissipates and which circulates, from trajectories."""

import itertools
import time as clock
import warnings
from collections.abc import Iterator
from math import comb
from pathlib import Path
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from noneq._typing import Key
from noneq.constant import Constant
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.data.summary import Summary, summarise
from noneq.domains import Free
from noneq.errors import InvalidInput, WrongType
from noneq.kinds import checked
from noneq.learning.method import AbstractMethod, Data, Fit, Progress, check_init
from noneq.learning.watching import watched
from noneq.methods.dynamics.intervals import check_moves, coarse
from noneq.methods.dynamics.onsager.fields import OnsagerFields
from noneq.methods.dynamics.onsager.likelihood import greatest, learnt, placed
from noneq.methods.dynamics.onsager.model import OnsagerModel
from noneq.methods.dynamics.onsager.rates import potential_guess, rate
from noneq.statistics.increments import Increments, increments


_FLOOR = 1e-3
"""Of the mobility, relative to its size in the data."""
_STARTS = 16_384
_MOST = 16
_EDGE = 5.0
_BEYOND = 1.1
"""Where the wall of the potential begins, over the farthest datum."""
_OUTSIDE = 0.02


class OnsagerDynamics(AbstractMethod):
    """Potential, mobility and circulation of a diffusion, apart.

    Forward process:
        none; the motion itself, dX = [−(M + W)∇V + ε div(M + W)] dt + √(2 ε M) dW, M = L Lᵀ + floor
        positive definite, W skew, (div A)_i = Σ_j ∂_j A_ij.
    Learnt object:
        V, L and W as polynomials of the normalised state. By this form e^{−V/ε}/Z is stationary,
        v = −W∇V + ε div W its current velocity, and ⟨vᵀ (ε M)⁻¹ v⟩ its entropy production.
    Objective and weight:
        the Gaussian likelihood of one Euler–Maruyama step over all pairs of frames, maximised by
        Fisher scoring from the V of score matching. Its error in the step h is taken off by
        extrapolation from pairs of frames 1, 2 and 3 apart: 3 θ(h) − 3 θ(2h) + θ(3h) for order 3.
        Steps must be short against the fastest relaxation all the same.
    Sampling:
        a random walk on e^{−V/ε}; paths by Euler–Maruyama.
    Source and deviations:
        OnsagerNet (Yu et al. 2021) and its successor with noise have −(M + W)∇V and div M. Without
        ε div W, however, e^{−V/ε} is no stationary law once W depends on the state: ``complete`` adds
        it. Polynomials in place of networks.

    Args:
        temperature: ε, which sets the unit of V (and the inverse one of M and W): the data do not tell.
        potential, mobility, curl: degrees of V, of L and of W. ``bic`` of the fit falls as long as
            higher degrees pay.
        complete: with ε div W. False is the literal form, for comparison.
        order: of the error in h: 1 takes neighbouring frames alone, 2 and 3 extrapolate.
        steps: of the scoring, at most.

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
    order: int = 3
    steps: int = 100

    def __check_init__(self) -> None:
        degrees = (self.mobility, self.curl)
        if not (2 <= self.potential <= 10 and min(degrees) >= 0 and max(degrees) <= 10):
            raise InvalidInput(
                f"OnsagerDynamics: potential = {self.potential}, mobility = {self.mobility}, curl = "
                f"{self.curl}; expected a potential of degree 2 to 10, the others from 0 to 10."
            )
        if self.order not in (1, 2, 3):
            raise InvalidInput(f"OnsagerDynamics: order = {self.order}; expected 1, 2 or 3.")
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
        powers = _powers(dim, max(self.potential, self.mobility, self.curl))
        count = lambda degree: sum(sum(row) <= degree for row in powers) + 1
        diagonal = [i for i, (a, b) in enumerate(zip(*np.tril_indices(dim), strict=True)) if a == b]
        spread = jnp.asarray(summary.scale, float)
        fields = OnsagerFields(
            potential=jnp.asarray(
                [
                    self.temperature / 2 * (sorted(row)[-1] == sum(row) == 2)
                    for row in powers
                    if sum(row) <= self.potential
                ],
                float,
            ),
            factor=jnp.zeros((dim * (dim + 1) // 2, count(self.mobility))).at[diagonal, 0].set(1.0),
            curl=jnp.zeros((dim * (dim - 1) // 2, count(self.curl))),
            floor=Constant(jnp.zeros(dim)),
            centre=Constant(jnp.asarray(summary.shift, float)),
            scale=Constant(spread),
            edge=Constant(jnp.full(dim, _EDGE)),
            temperature=Constant(jnp.asarray(self.temperature, float)),
            powers=powers,
            complete=self.complete,
        )
        starts = min(sum(summary.counts), _STARTS)
        return OnsagerModel(fields, summary, starts, sum(leaf.size for leaf in learnt(fields)))

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
        size = model.influence.value.shape[1]
        if pairs.move.size < 2 * size:
            raise InvalidInput(
                f"OnsagerDynamics: {len(pairs.move)} pairs of frames for {size} coefficients; give "
                "longer paths, or lower degrees."
            )
        check_moves("OnsagerDynamics", data)
        self._check_frames(data)
        states = data.values[data.observed].reshape(-1, summary.dim).astype(np.float64)
        model = _began(model, states, pairs, self.temperature, new=init is None)
        history: dict[str, list[float]] = {"step": [], "loss": []}

        def report(loss: float) -> None:
            history["step"].append(float(len(history["step"])))
            history["loss"].append(loss)
            if callable(progress):
                progress(len(history["step"]), self.steps, {"loss": loss})

        found, fields = [], model.fields
        for lag in range(1, self.order + 1):
            apart = pairs if lag == 1 else increments(data, lag)
            found.append(greatest(fields, apart, self.steps, report))
            fields = placed(fields, found[-1].theta)
        weights = [-((-1) ** k) * comb(self.order, k) for k in range(1, self.order + 1)]
        theta = np.asarray(weights, float) @ np.stack([one.theta for one in found])
        influence = np.einsum("k,kbp->bp", weights, np.stack([one.influence for one in found]))
        fields = placed(fields, theta)
        production = rate(fields, states, influence)
        place = lambda m: (m.fields, m.influence.value, m.rate.value)
        values = (fields, jnp.asarray(influence, float), jnp.asarray(production, float))
        model = eqx.tree_at(place, model, values)
        count = len(pairs.dt)
        bic = 2 * count * found[0].loss + size * float(np.log(count))
        meta: dict[str, Any] = {"seconds": clock.monotonic() - began, "bic": bic}
        doubts = list(_doubts(model, all(one.reached for one in found), pairs, key))
        for text in doubts:
            warnings.warn(f"OnsagerDynamics: {text}.", stacklevel=2)
        if doubts:
            meta["warnings"] = doubts
        return Fit(model, history, self, summary, meta)

    def _check_frames(self, data: Trajectories) -> None:
        """Pairs of frames as far apart as the order asks for."""
        seen, lag = data.observed, self.order
        if not (seen[:, :-lag] & seen[:, lag:]).any():
            raise InvalidInput(
                f"OnsagerDynamics: no path has two observed frames {lag} apart, which order = {lag} "
                "compares; give longer paths, or set order = 1."
            )


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


def _began(
    model: OnsagerModel, states: np.ndarray, pairs: Increments, temperature: float, *, new: bool
) -> OnsagerModel:
    """What the data say before the fit, and the first guess of V and M if there is none."""
    starts = model.starts.value.shape[0]
    # In the order of the record, evenly.
    some = states[np.linspace(0, len(states) - 1, starts).astype(int)]
    fields = model.fields
    reach = np.abs((states - np.asarray(fields.centre.value)) / np.asarray(fields.scale.value))
    place = lambda m: (m.starts.value, m.step.value, m.fields.edge.value)
    known = (some, pairs.dt.min(), _BEYOND * reach.max(0).clip(1e-3))
    model = eqx.tree_at(place, model, tuple(jnp.asarray(v, float) for v in known))
    if not new:
        return model
    size = (pairs.move**2 / (2 * temperature * pairs.dt[:, None])).mean(0)
    lower = np.tril_indices(len(size))
    diagonal = np.flatnonzero(lower[0] == lower[1])
    fields = potential_guess(model.fields, some)
    factor = fields.factor.at[diagonal, 0].set(jnp.asarray(np.sqrt(size), float))
    floor = jnp.asarray(_FLOOR * size, float)
    fields = eqx.tree_at(lambda f: (f.factor, f.floor.value), fields, (factor, floor))
    return eqx.tree_at(lambda m: m.fields, model, fields)


def _doubts(model: OnsagerModel, reached: bool, pairs: Increments, key: Key) -> Iterator[str]:
    """What stands against the fit, a sentence each."""
    if not reached:
        yield "the likelihood still rose at the last step; raise steps, or lower the degrees"
    states = np.asarray(model.starts.value)
    if (text := coarse(model.fields.drift, states, float(np.median(pairs.dt)))) is not None:
        yield text
    draws = model.sample(1024, key=key)
    z = jnp.abs((draws - model.fields.centre.value) / model.fields.scale.value)
    outside = float((z > model.fields.edge.value).any(1).mean())
    if outside > _OUTSIDE:
        yield (
            f"{outside:.0%} of e^{{−V/ε}} lies where no data are, as the potential falls there; lower "
            "its degree, or give more data at the edge"
        )

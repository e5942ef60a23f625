"""Equilibrium flow: from snapshots to a velocity that keeps their law."""

import time as clock
from pathlib import Path
from typing import Any, ClassVar

import equinox as eqx
import jax

from noneq._typing import Key
from noneq.data.summary import Summary, summarise
from noneq.errors import FitDiverged, InvalidInput
from noneq.methods.base import AbstractMethod, Data, Fit, Progress, as_data
from noneq.methods.flow_divergences import (
    AbstractDivergence,
    ExactDivergence,
    check_divergence,
)
from noneq.methods.flow_objectives import InvarianceLoss, measured
from noneq.methods.flow_rows import check_score, check_states, kept_law, law_rows, score_of
from noneq.methods.learning import train_part
from noneq.methods.small_denoiser import SmallDenoiser
from noneq.methods.stages import Staged
from noneq.models.equilibrium_flow import EquilibriumFlowModel
from noneq.models.traits import AbstractModel
from noneq.nets.base import AbstractNet
from noneq.nets.fourier import FourierMLP
from noneq.nets.inputs import clock_of, label_of
from noneq.training import Training


class EquilibriumFlow(AbstractMethod):
    """A velocity v under which the law of unordered snapshots stays as it is.

    Forward process:
        none; a fitted score of p, the law of the data after noise of ``noise`` standard
        deviations, is given or trained first.
    Learnt object:
        the velocity v(x), with mean 0 and variance 1 of every component over p in units of the
        data's standard deviation: data of one time do not fix scale and sign.
    Objective and weight:
        E_p r² + symmetry E_p ‖S‖²_F (+ terms), r = div v + v·∇ log p, S the symmetric part of the
        Jacobian (`InvarianceLoss`).
    Sampling:
        samples are those of the score's model, noised; paths follow dx = v dt, or
        dx = (v + eta ∇ log p) dt + √(2 eta) dW for any eta.
    Source and deviations:
        Zhang and Levin 2025. The published loss is the square of a mean of 10 probes, whose
        variance is the penalty (2/10) E ‖S‖²_F that singles out one smooth v: here the residual is
        exact and the penalty explicit. ``divergence = BiasedHutchinson()`` with ``symmetry = 0`` is
        the published loss. Scores are found once for a set of noised states, not at each step.

    v keeps the noised law: what the data's own dynamics do at scales below the noise is lost.

    Args:
        net: recipe of the velocity.
        score: trains the score if none is given; a method whose model has the trait `HasScore`.
        noise: standard deviation of the noise over that of the data, for scores that know noise
            levels; .15 suits sets in the plane, .30 a thin attractor (Lorenz).
        divergence: exact, or estimated by probes in more than 64 dimensions.
        symmetry: factor of ‖S‖²_F.
        terms: further priors of v.
        time_band: as in `ScoreMatching`.
        training: settings of the gradient loop.

    Raises:
        InvalidInput: noise that is not positive or negative symmetry.
    """

    source: ClassVar[str] = "zhang2025equilibrium"

    net: AbstractNet = FourierMLP()
    score: AbstractMethod = SmallDenoiser()
    noise: float = 0.15
    divergence: AbstractDivergence = ExactDivergence()
    symmetry: float = 0.2
    terms: tuple[Any, ...] = ()
    time_band: float | None = None
    training: Training = Training(steps=6000, batch=2048, rate=1e-2)

    def __check_init__(self) -> None:
        if not 0 < self.noise < float("inf"):
            raise InvalidInput(f"EquilibriumFlow: noise = {self.noise}; expected a positive ratio.")
        if not 0 <= self.symmetry < float("inf"):
            raise InvalidInput(
                f"EquilibriumFlow: symmetry = {self.symmetry}; expected a finite number ≥ 0."
            )

    def init(
        self, summary: Summary, *, key: Key, score: AbstractModel | None = None
    ) -> EquilibriumFlowModel:
        net_key, score_key = jax.random.split(key)
        if score is None:
            score = self.score.init(summary, key=score_key)
        check_score(score, summary.event_shape, "EquilibriumFlow")
        field = self.net.init(
            summary.event_shape,
            summary.dim,
            noise=False,
            clock=clock_of(summary, self.time_band),
            label=label_of(summary),
            key=net_key,
        )
        return EquilibriumFlowModel(field, kept_law(score, self.noise), summary)

    def fit(
        self,
        data: Data,
        *,
        key: Key,
        score: AbstractModel | None = None,
        init: EquilibriumFlowModel | None = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Fit:
        """Learn a velocity from data.

        Args:
            data: states of one law; times of trajectories are not used.
            score: a fitted model of the data with the trait `HasScore`; None trains ``self.score``
                (or takes that of ``init``).

        Raises:
            InvalidInput: discrete data, a score of other states, or exact divergence in more than
                64 dimensions.
            MissingTrait: a score model without a score.

        Warns:
            FewSnapshots: fewer than 100 snapshots per dimension.
        """
        began = clock.monotonic()
        keys = jax.random.split(key, 6)
        data = as_data(data)
        warned = check_states(data, "EquilibriumFlow")
        summary = summarise(data)
        check_divergence(self.divergence, summary.dim, "EquilibriumFlow")
        given = score is not None or init is not None
        staged = Staged(progress)
        if score is None and init is not None:
            score = score_of(init.law)
        if score is None:
            outline = eqx.filter_eval_shape(self.score.init, summary, key=keys[0])
            check_score(outline, summary.event_shape, "EquilibriumFlow")
            folder = None if checkpoint is None else Path(checkpoint) / "score"
            trained = self.score.fit(data, key=keys[0], progress=staged.first, checkpoint=folder)
            score = trained.model
        model = self.init(summary, key=keys[1], score=score)
        if init is not None:
            model = eqx.tree_at(lambda m: m.law, init, model.law)
        held = None
        if self.training.patience:
            data, held = data.split(1 - self.training.held_out, key=keys[2])
            held = law_rows(model, held, key=keys[3])
        rows = law_rows(model, data, key=keys[4])
        loss = self._loss(summary)
        try:
            model, history = train_part(
                model,
                lambda model: model.field,
                loss,
                rows,
                self.training,
                key=keys[5],
                held_out=held,
                progress=staged.second,
                checkpoint=checkpoint,
            )
        except FitDiverged as error:
            error.model = measured(error.model, loss, rows)
            raise
        meta: dict[str, Any] = {"seconds": clock.monotonic() - began}
        meta |= {"warnings": [warned]} if warned else {}
        model = measured(model, loss, rows)
        return Fit(model, history, self, summary, meta, {"score": score} if given else {})

    def _loss(self, summary: Summary) -> InvarianceLoss:
        return InvarianceLoss(self.divergence, self.symmetry, self.terms, summary.event_shape[0])

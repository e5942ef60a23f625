"""Equilibrium flow: from snapshots to a velocity that keeps their law."""

from pathlib import Path
from typing import Any, ClassVar

import equinox as eqx
import jax

from noneq._typing import Key
from noneq.calculus import check_exact
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.data.summary import Summary
from noneq.errors import FitDiverged, InvalidInput
from noneq.frames.normaliser import Normaliser
from noneq.kinds import checked
from noneq.learning.loop import Training
from noneq.learning.method import AbstractMethod, Data, Fit, History, Progress
from noneq.learning.rows import train_part
from noneq.learning.watching import watched
from noneq.methods.denoising.free import curl_free
from noneq.methods.denoising.time_scores import check_time_score
from noneq.methods.invariant_flows.data_checks import (
    check_edges,
    few_snapshots,
    steady_law,
)
from noneq.methods.invariant_flows.divergences import (
    AbstractDivergence,
    ExactDivergence,
    check_divergence,
)
from noneq.methods.invariant_flows.equilibrium_flow_model import EquilibriumFlowModel
from noneq.methods.invariant_flows.known_motion import KnownField, check_known
from noneq.methods.invariant_flows.objective import InvarianceLoss, measured
from noneq.methods.invariant_flows.priors import AbstractFlowTerm
from noneq.methods.invariant_flows.score import (
    check_score,
    exchangeable,
    in_pace,
    kept_law,
    law_rows,
    paced,
)
from noneq.methods.invariant_flows.stages import Second, two_stages
from noneq.methods.invariant_flows.transitions import ObservedTransitions, Pairs, pairs_of
from noneq.nets.base import AbstractNet
from noneq.nets.grids.local import LocalNet
from noneq.nets.grids.unet import UNet
from noneq.nets.inputs import clock_of, label_of
from noneq.nets.sets import SetNet
from noneq.nets.vectors.fourier import FourierMLP
from noneq.traits import AbstractModel


class EquilibriumFlow(AbstractMethod):
    """A velocity v under which the law of unordered snapshots stays as it is.

    Forward process:
        none; a fitted score of p, the law of the data after noise of ``noise`` standard
        deviations, is given or trained first.
    Learnt object:
        the velocity v(x), with mean 0 and variance 1 of every component over p in units of the
        data's standard deviation: data of one time do not fix scale and sign.
    Objective and weight:
        E_p r² + symmetry E_p ‖S‖²_F (+ terms), r = ∂_t log p + div v + v·∇ log p, S the symmetric
        part of the Jacobian (`InvarianceLoss`).
    Sampling:
        samples are those of the score's model, noised; paths follow dx = v dt, or
        dx = (v + eta ∇ log p) dt + √(2 eta) dW for any eta.
    Source and deviations:
        Zhang and Levin 2025. The published loss is the square of a mean of 10 probes, whose
        variance is the penalty (2/10) E ‖S‖²_F that singles out one smooth v: here the residual is
        exact and the penalty explicit. ``divergence = BiasedHutchinson()`` with ``symmetry = 0`` is
        the published loss. Scores are found once for a set of noised states, not at each step.

    Snapshots of several times make v(x, t) with ∂_t p + div(p v) = 0, for scores with a log density in
    up to 64 dimensions. Such laws, a known motion and observed transitions tell the speed, so that
    v is no longer normalised; ``symmetry`` then pulls it towards less deformation, and should be
    small (.01) where the law contracts or spreads.

    v keeps the noised law: what the data's own dynamics do at scales below the noise is lost.

    Args:
        net: recipe of the velocity.
        score: trains the score if none is given; a method whose model has the trait `HasScore`.
        noise: standard deviation of the noise over that of the data, for scores that know noise
            levels; .15 suits sets in the plane, .30 a thin attractor (Lorenz).
        divergence: exact, or estimated by probes in more than 64 dimensions.
        symmetry: factor of ‖S‖²_F.
        terms: further priors of v (`Sparsity`, `Conserved`).
        observed: how observed transitions count, if `fit` gets some.
        time_band: as in `ScoreMatching`.
        training: settings of the gradient loop.

    Raises:
        InvalidInput: noise that is not positive or negative symmetry.
    """

    source: ClassVar[str] = "zhang2025equilibrium"

    net: AbstractNet = FourierMLP()
    score: AbstractMethod = eqx.field(default_factory=curl_free)
    noise: float = 0.15
    divergence: AbstractDivergence = ExactDivergence()
    symmetry: float = 0.2
    terms: tuple[AbstractFlowTerm, ...] = ()
    observed: ObservedTransitions = ObservedTransitions()
    time_band: float | None = None
    training: Training = Training(steps=6000, batch=2048, rate=1e-2)

    def __check_init__(self) -> None:
        if not 0 < self.noise < float("inf"):
            raise InvalidInput(f"EquilibriumFlow: noise = {self.noise}; expected a positive ratio.")
        if not 0 <= self.symmetry < float("inf"):
            raise InvalidInput(
                f"EquilibriumFlow: symmetry = {self.symmetry}; expected a finite number ≥ 0."
            )

    @checked
    def init(
        self,
        summary: Summary,
        *,
        key: Key,
        score: AbstractModel | None = None,
        known: Any = None,
    ) -> EquilibriumFlowModel:
        net_key, score_key = jax.random.split(key)
        if score is None:
            score = self.score.init(summary, key=score_key)
        check_score(score, summary.event_shape, "EquilibriumFlow")
        if known is not None:
            check_known(known, summary.event_shape, "EquilibriumFlow")
            check_exact(summary.dim)
        field = self.net.init(
            summary.event_shape,
            summary.dim,
            noise=False,
            clock=clock_of(summary, self.time_band),
            label=label_of(summary),
            key=net_key,
        )
        law = kept_law(score, self.noise)
        return EquilibriumFlowModel(field, law, self._framed(summary), known)

    @checked
    @watched
    def fit(
        self,
        data: Data,
        *,
        key: Key,
        score: AbstractModel | None = None,
        known: Any = None,
        transitions: Trajectories | None = None,
        init: EquilibriumFlowModel | None = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Fit:
        """Learn a velocity from data.

        Args:
            data: states of one law, or snapshots of several times; who follows whom is not used.
            score: a fitted model of the data with the trait `HasScore`; None trains ``self.score``
                (or takes that of ``init``).
            known: a part of v: a system with a drift, or a fitted model with a velocity; only the
                rest is learnt. In up to 64 dimensions. None takes that of ``init``.
            transitions: paths of two or more times, which fix direction and speed of v.

        Raises:
            InvalidInput: discrete data, states with walls, numbers on a line of one time, fields
                whose edges do not meet for a circular network, a score, known motion or transitions
                of other states, or exact divergence in more than 64 dimensions.
            MissingTrait: a score model without a score, or without a log density for a law that
                moves; a known motion without one.
            WrongType: transitions that are no trajectories.

        Warns:
            FewSnapshots: fewer than 100 snapshots per dimension.
            SteadyLaw: several times whose means and spreads do not differ.
        """
        if known is None and isinstance(init, EquilibriumFlowModel):
            known = init.known

        def prepare(data: Snapshots | Trajectories, summary: Summary):
            self._check(data, summary, known)
            pairs = None
            if transitions is not None:
                pairs = pairs_of(transitions, Normaliser(self._framed(summary)), "EquilibriumFlow")
            warned = few_snapshots(data, "EquilibriumFlow") + steady_law(data, "EquilibriumFlow")
            return warned, pairs

        field = lambda start: self._field(start, init)
        return two_stages(
            self, data, prepare, field,
            key=key, score=score, init=init, progress=progress, checkpoint=checkpoint, known=known,
        )  # fmt: skip

    def _field(
        self, start: Second, init: EquilibriumFlowModel | None
    ) -> tuple[Any, History, dict[str, Any]]:
        data, model, pairs = start.data, start.model, start.pairs
        moving = len(start.summary.times) > 1
        if moving:
            check_time_score(model.law, "EquilibriumFlow")
        if init is not None:
            given_parts = lambda m: (m.law, m.known)
            parts = given_parts(model)
            model = eqx.tree_at(given_parts, init, parts, is_leaf=lambda part: part is None)
        held = None
        if self.training.patience:
            data, held = data.split(1 - self.training.held_out, key=start.keys[0])
            held = law_rows(model, held, key=start.keys[1])
        rows = law_rows(model, data, key=start.keys[2])
        model, pace = paced(model, rows, pairs, moving)
        loss = self._loss(model, pace, pairs)
        if pace is not None:
            rows = in_pace(rows, pace)
            held = None if held is None else in_pace(held, pace)
        try:
            model, history = train_part(
                model,
                lambda model: model.field,
                loss,
                rows,
                self.training,
                key=start.keys[3],
                held_out=held,
                progress=start.progress,
                checkpoint=start.checkpoint,
            )
        except FitDiverged as error:
            error.model = measured(error.model, loss, rows)
            raise
        return measured(model, loss, rows), history, {}

    def _framed(self, summary: Summary) -> Summary:
        """Particles share one mean and one scale, so that permuting them permutes v."""
        return exchangeable(summary) if isinstance(self.net, SetNet) else summary

    def _check(self, data: Snapshots | Trajectories, summary: Summary, known: Any) -> None:
        """What is wrong with the inputs is said before a score takes its time."""
        check_divergence(self.divergence, summary.dim, "EquilibriumFlow")
        if known is not None:
            check_known(known, summary.event_shape, "EquilibriumFlow")
            check_exact(summary.dim)
        if isinstance(self.net, LocalNet):
            remedy = "Take another net: a UNet with padding=zero, say."
            check_edges(data, "EquilibriumFlow", remedy)
        elif isinstance(self.net, UNet) and self.net.padding == "circular":
            check_edges(data, "EquilibriumFlow", "Take net.padding=zero.")

    def _loss(
        self, model: EquilibriumFlowModel, pace: float | None, pairs: Pairs | None
    ) -> InvarianceLoss:
        frame = model.frame
        terms = tuple(term.on(frame) for term in self.terms)
        known = None
        if pace is not None and pairs is not None:
            terms += (self.observed.on(pairs, pace),)
        if pace is not None and model.known is not None:
            known = KnownField(model.known, frame.normaliser, pace, len(frame.times) > 1)
        channels = 1 if isinstance(self.net, SetNet) else frame.event_shape[0]
        return InvarianceLoss(
            self.divergence, self.symmetry, terms, channels, free=pace is None, known=known
        )

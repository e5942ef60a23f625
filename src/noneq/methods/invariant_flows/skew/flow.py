"""Skew flow: dynamics that keep a law, from its score alone."""

from pathlib import Path
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from noneq._typing import Key
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.data.summary import Summary
from noneq.errors import InvalidInput
from noneq.frames.normaliser import Normaliser
from noneq.kinds import checked
from noneq.learning.method import AbstractMethod, Data, Fit, Progress
from noneq.learning.watching import watched
from noneq.methods.denoising.free import curl_free
from noneq.methods.invariant_flows.data_checks import few_snapshots
from noneq.methods.invariant_flows.score import check_score, kept_law
from noneq.methods.invariant_flows.skew.fitting import fit_free, seen_transitions, seen_velocities
from noneq.methods.invariant_flows.skew.model import SkewFlowModel
from noneq.methods.invariant_flows.skew.recipes import AbstractSkew, ConstantSkew
from noneq.methods.invariant_flows.stages import Second, two_stages
from noneq.methods.invariant_flows.transitions import pairs_of
from noneq.traits import AbstractModel


class SkewFlow(AbstractMethod):
    """Dynamics v = A s + div A that keep the law of the score s exactly, A any skew operator.

    Forward process:
        none; a fitted score of p, the law of the data after noise of ``noise`` standard
        deviations, is given or trained first.
    Learnt object:
        nothing: A is random or given (`ConstantSkew`, `ConvolutionalSkew`, `StateSkew`), or
        follows in closed form from velocities or transitions that were seen.
    Objective and weight:
        none, or least squares of A s + div A to what was seen.
    Sampling:
        samples are those of the score's model, noised; paths follow dx = v dt, or
        dx = (v + eta ∇ log p) dt + √(2 eta) dW for any eta.
    Source and deviations:
        Zhang and Levin 2025, training-free flows. State-dependent A and fitted A are ours.

    p v_i = Σ_j ∂_j(A_ij p) has no divergence for any p, so that v keeps the law of the score it is
    made of, an imperfect one too; of data at several times each time's law, by that time's v.
    Sign and speed of a random A mean nothing.

    Args:
        operator: recipe of A.
        score: trains the score if none is given; a method whose model has the trait `HasScore`.
            The default is for vectors: give fields one with a network on grids.
        noise: standard deviation of the noise over that of the data, for scores that know noise
            levels.

    Raises:
        InvalidInput: noise that is not positive.
    """

    source: ClassVar[str] = "zhang2025equilibrium"
    # Its operators see no states; `StateSkew`, which does, refuses a torus itself.
    takes_torus: ClassVar[bool] = True

    operator: AbstractSkew = ConstantSkew()
    score: AbstractMethod = eqx.field(default_factory=curl_free)
    noise: float = 0.15

    def __check_init__(self) -> None:
        if not 0 < self.noise < float("inf"):
            raise InvalidInput(f"SkewFlow: noise = {self.noise}; expected a positive ratio.")

    @checked
    def init(
        self, summary: Summary, *, key: Key, score: AbstractModel | None = None
    ) -> SkewFlowModel:
        operator_key, score_key = jax.random.split(key)
        if score is None:
            score = self.score.init(summary, key=score_key)
        check_score(score, summary.event_shape, "SkewFlow")
        operator = self.operator.init(summary, key=operator_key)
        return SkewFlowModel(operator, kept_law(score, self.noise), summary)

    @checked
    @watched
    def fit(
        self,
        data: Data,
        *,
        key: Key,
        score: AbstractModel | None = None,
        velocities: Any = None,
        transitions: Trajectories | None = None,
        init: SkewFlowModel | None = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Fit:
        """The flow; only a score that is not given takes time.

        Args:
            data: states of the law.
            score: a fitted model of the data with the trait `HasScore`; None trains ``self.score``
                (or takes that of ``init``).
            velocities: fits A: ``(n, *event_shape)``, one for each state of ``data.snapshots()``, or
                a function of one state (a known field).
            transitions: fits A: paths of the law, two or more times each, that show how states move;
                noise that is the same forwards and backwards does not matter.
            init: a model whose operator (and score, if none is given) is kept.

        Returns:
            ``meta["skew"]`` of a fitted A: its tensor with standard error in the data's units, and
            the cosine between its v and the velocities that were seen, with its error.

        Raises:
            InvalidInput: discrete data, states with walls, states that the operator does not take,
                a score of other states, or both velocities and transitions.
            MissingTrait: a score model without a score.
            WrongType: transitions that are no `Trajectories`.

        Warns:
            FewSnapshots: a score is to be trained on fewer than 100 snapshots per dimension.
        """

        def prepare(data: Snapshots | Trajectories, summary: Summary):
            self.operator.check(data)
            if velocities is not None or transitions is not None:
                self._check_fitted(summary, velocities, transitions)
            pairs = None
            if transitions is not None:
                pairs = pairs_of(transitions, Normaliser(summary), "SkewFlow")
            trained = score is None and init is None
            return few_snapshots(data, "SkewFlow") if trained else [], pairs

        def field(start: Second):
            model, meta = start.model, {}
            if init is not None:
                model = eqx.tree_at(lambda m: m.operator, model, init.operator)
            if velocities is not None:
                moves = seen_velocities(model, start.data, velocities, key=start.keys[0])
            else:
                moves = start.pairs and seen_transitions(start.pairs)
            if moves is not None:
                pattern = self.operator.pattern(start.summary.event_shape)
                found = fit_free(model, pattern.place, pattern.count, moves)
                tensor = pattern.place(jnp.asarray(found.free, dtype=float))
                model = eqx.tree_at(lambda m: m.operator.tensor.value, model, tensor)
                meta["skew"] = found.described(model)
            return model, start.history, meta

        return two_stages(
            self, data, prepare, field,
            key=key, score=score, init=init, progress=progress, checkpoint=checkpoint,
        )  # fmt: skip

    def _check_fitted(self, summary: Summary, velocities: Any, transitions: Any) -> None:
        if velocities is not None and transitions is not None:
            raise InvalidInput("SkewFlow: velocities and transitions are given; give one of them.")
        if self.operator.given(summary) is not None:
            raise InvalidInput(
                f"SkewFlow: the numbers of {type(self.operator).__name__} are given, and velocities "
                "or transitions to fit them to; leave one out."
            )

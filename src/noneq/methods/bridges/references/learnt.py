"""The recipe of a reference whose drift is learnt from velocities."""

from pathlib import Path
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.constant import Constant
from noneq.data.summary import Summary
from noneq.errors import InvalidInput
from noneq.learning.loop import train
from noneq.learning.method import History
from noneq.learning.training import Training
from noneq.methods.bridges.base import (
    AbstractBridge,
    HasLesson,
    HasMeasure,
    Passage,
)
from noneq.methods.bridges.references.fixed import DriftLoss, FixedLearnt, Kept
from noneq.methods.bridges.straight import check_noise, noise_of
from noneq.nets import MLP
from noneq.nets.base import AbstractNet
from noneq.nets.inputs import clock_of


class LearntReference(AbstractBridge, HasMeasure, HasLesson):
    """dX = f(X, t) dt + sigma dW tied at both ends, f a network that is learnt from velocities.

    **Equation**: along the reference's own path x' = f(x, t) from x0 with J = ∂f/∂x the deviation is a
    linear SDE: Psi' = J Psi, P' = J P + P Jᵀ + sigma². With Psi, P from t to Δ and P_t from 0 to t, given
    both ends X_t is Gaussian with the covariance C = (P_t⁻¹ + Psiᵀ P⁻¹ Psi)⁻¹ and the mean
    x_t + C Psiᵀ P⁻¹ (x1 − x_Δ); velocity = f + J (x − x_t) + sigma² Psiᵀ P⁻¹ (x1 − x_Δ − Psi (x − x_t))
    − sigma² score/2. Exact where f is linear in x (then it is `LinearSDE`), and in the limit of pairs
    whose end is near that of the reference's path.

    f does not see conditions; between two snapshots it goes from the one's velocities to the other's.

    Args:
        sigma: as in `Brownian`.
        net: recipe of f.
        training: of f.
        steps: of the path on either side of a phase, by the midpoint rule.

    Raises:
        InvalidInput: a sigma that is not positive, or fewer than one step.

    Source: Petrović et al. 2025 (a learnt non-gradient reference); the bridge is the linear noise
    approximation, van Kampen 2007, chapter X.
    """

    stochastic: ClassVar[bool] = True

    sigma: float | None = None
    net: AbstractNet = MLP(width=64, depth=3)
    training: Training = Training(steps=3_000, batch=512)
    steps: int = 12

    def __check_init__(self) -> None:
        check_noise("LearntReference", self.sigma)
        if self.steps < 1:
            raise InvalidInput(f"LearntReference: steps = {self.steps}; expected at least 1.")

    def measured(self, summary: Summary) -> "FixedLearnt":
        # Its parameters are replaced by learnt ones before anything asks for them.
        clock = clock_of(summary, 1 / float(np.diff(summary.times).min()))
        net = self.net.init(
            summary.event_shape,
            summary.dim,
            noise=False,
            clock=clock,
            label=None,
            key=jax.random.key(0),
        )
        scale = np.repeat(np.asarray(summary.scale, float), summary.dim // len(summary.scale))
        constant = lambda part: Constant(jnp.asarray(part, float))
        pace = summary.span / (len(summary.times) - 1)
        return FixedLearnt(
            Kept.of(net), constant(scale), constant(pace), constant(noise_of(self.sigma, summary)),
            constant(summary.times[0]), self.steps,
        )  # fmt: skip

    def taught(
        self,
        reference: "FixedLearnt",
        rows: dict[str, np.ndarray],
        *,
        key: Key,
        progress: Any,
        checkpoint: Path | None,
    ) -> tuple["FixedLearnt", History]:
        net, history = train(
            reference.net(),
            DriftLoss(reference.scale, reference.pace),
            rows,
            self.training,
            key=key,
            held_out=None,
            progress=progress,
            checkpoint=checkpoint,
        )
        return eqx.tree_at(lambda r: r.net, reference, Kept.of(net)), history

    def at(
        self,
        x0: Float[Array, " dim"],
        x1: Float[Array, " dim"],
        phase: ScalarLike,
        duration: ScalarLike,
        *,
        key: Key,
    ) -> Passage:
        raise self._unfit()

    def cost(self, x0: np.ndarray, x1: np.ndarray, duration: float) -> np.ndarray:
        raise self._unfit()

    def drift(self, x: Float[Array, " dim"], time: ScalarLike) -> Float[Array, " dim"]:
        raise self._unfit()

    def diffusion(self) -> Scalar:
        raise self._unfit()

    def _unfit(self) -> InvalidInput:
        return InvalidInput(
            "LearntReference: the reference is learnt in a fit; ask the bridge of a fitted model, "
            "model.field.bridge."
        )

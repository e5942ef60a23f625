"""Deep energies of continuous states: the equilibrium law at each time."""

from pathlib import Path
from typing import ClassVar

from noneq._typing import Key
from noneq.data.summary import Summary
from noneq.domains import Free
from noneq.errors import InvalidInput
from noneq.learning.loop import Training
from noneq.learning.method import AbstractMethod, Data, Fit, Progress
from noneq.learning.rows import check_handling, fit_law
from noneq.methods.energies.energy_model import EnergyModel, TiltedEnergy
from noneq.methods.energies.objectives import (
    AbstractEnergyObjective,
    EnergyLoss,
    PersistentLangevin,
)
from noneq.nets.base import AbstractNet
from noneq.nets.inputs import clock_of, label_of
from noneq.nets.vectors.fields import MLP
from noneq.samplers.annealed_levels import AnnealedLevels


class EnergyBased(AbstractMethod):
    """A deep energy E(x, t, c) whose Boltzmann law exp(−E)/Z(t, c) is the model at each time.

    Forward process:
        none: each time is an equilibrium of its own.
    Learnt object:
        the energy E = |y|²/2 + f(y, t, c), y the normalised state, f a network; the quadratic term
        confines, so that Z is finite (`TiltedEnergy`).
    Objective and weight:
        maximum likelihood with persistent chains (`PersistentLangevin`), or score matching
        (`DenoisingScoreMatching`, `SlicedScoreMatching`).
    Sampling:
        annealing from N(0, I) by Langevin moves with resampling (`AnnealedLevels`);
        `log_prob_estimate` by annealed importance sampling along the same levels.
    Source and deviations:
        Du and Mordatch 2019; see the objectives for theirs. States in free space only: a
        Gaussian base and a network know no walls and no period.

    Args:
        objective: what the energy follows.
        net: recipe of f; it must be smooth, and grow at most linearly far out.
        annealing: levels and steps of samples and of Z.
        time_band, drop_condition, dequantise: as in `ScoreMatching`.
        training: settings of the gradient loop.

    Raises:
        InvalidInput: a value outside its range; patience with persistent chains, whose loss does
            not measure the fit.
    """

    source: ClassVar[str] = "du2019implicit"

    objective: AbstractEnergyObjective = PersistentLangevin()
    net: AbstractNet = MLP()
    annealing: AnnealedLevels = AnnealedLevels()
    time_band: float | None = None
    drop_condition: float = 0.0
    dequantise: float | None = None
    training: Training = Training(steps=4000, batch=256)

    def __check_init__(self) -> None:
        check_handling(self)
        if self.training.patience and isinstance(self.objective, PersistentLangevin):
            raise InvalidInput(
                "EnergyBased: training.patience needs a loss that measures the fit, which that of "
                "PersistentLangevin does not; set patience=0, or learn by score matching."
            )

    def init(self, summary: Summary, *, key: Key) -> EnergyModel:
        """The untrained model.

        Raises:
            InvalidInput: states that live elsewhere than in free space.
        """
        if not isinstance(summary.domain, Free):
            raise InvalidInput(
                f"EnergyBased: the data's domain is {type(summary.domain).__name__}; its energies "
                "know neither walls nor periods nor levels. Choose ReflectedDiffusion or "
                "BoltzmannField (walls), RBM (levels), or give data without domain."
            )
        net = self.net.init(
            summary.event_shape,
            1,
            noise=False,
            clock=clock_of(summary, self.time_band),
            label=label_of(summary),
            key=key,
        )
        return EnergyModel(
            TiltedEnergy(net, summary.dim, summary.condition_dim),
            summary,
            annealing=self.annealing,
            optional=self.drop_condition > 0,
        )

    def fit(
        self,
        data: Data,
        *,
        key: Key,
        init: EnergyModel | None = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Fit:
        return fit_law(
            self,
            data,
            lambda width: EnergyLoss(self.objective, self.drop_condition, width),
            part=lambda model: model.potential,
            key=key,
            init=init,
            progress=progress,
            checkpoint=checkpoint,
        )

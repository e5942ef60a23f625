"""Deep energies of continuous states: the equilibrium law at each time."""

from typing import Any, ClassVar

from noneq._typing import Key
from noneq.data.summary import Summary
from noneq.domains import Free
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.learning.gradient import AbstractLawMethod
from noneq.learning.objectives import AbstractObjective
from noneq.learning.training import Training
from noneq.methods.energies.energy_model import EnergyModel, TiltedEnergy
from noneq.methods.energies.objectives import (
    AbstractEnergyObjective,
    EnergyLoss,
    PersistentLangevin,
)
from noneq.nets.base import AbstractNet
from noneq.nets.vectors.fields import MLP
from noneq.samplers.annealed_levels import AnnealedLevels


class EnergyBased(AbstractLawMethod):
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
        time_band, drop_condition, dequantise: as in `AbstractInputs`.
        training: settings of the gradient loop.

    Raises:
        InvalidInput: a value outside its range; patience with persistent chains, whose loss does
            not measure the fit.
    """

    source: ClassVar[str] = "du2019implicit"

    objective: AbstractEnergyObjective = PersistentLangevin()
    net: AbstractNet = MLP()
    annealing: AnnealedLevels = AnnealedLevels()
    training: Training = Training(steps=4000, batch=256)

    def __check_init__(self) -> None:
        if self.training.patience and isinstance(self.objective, PersistentLangevin):
            raise InvalidInput(
                "EnergyBased: training.patience needs a loss that measures the fit, which that of "
                "PersistentLangevin does not; set patience=0, or learn by score matching."
            )

    @checked
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
        net = self.net.init_for(summary, 1, noise=False, band=self.time_band, key=key)
        return EnergyModel(
            TiltedEnergy(net, summary.dim, summary.condition_dim),
            summary,
            annealing=self.annealing,
            optional=self.optional,
        )

    def learnt_part(self, model: EnergyModel) -> Any:
        return model.potential

    def objective_of(self, model: EnergyModel) -> AbstractObjective:
        return EnergyLoss(self.objective, self.drop_condition, self.noise_width(model))

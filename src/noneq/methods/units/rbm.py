"""Restricted Boltzmann machines: the equilibrium model of a visible and a hidden layer."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from noneq._typing import Key, Scalar
from noneq.constant import Constant, learnable
from noneq.data.summary import Summary
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.learning.gradient import HasPreparation
from noneq.learning.objectives import AbstractObjective, HasHoveringLoss
from noneq.learning.training import Training
from noneq.methods.units.bipartite import Bipartite
from noneq.methods.units.negative_phases import AbstractNegativePhase, PersistentChains
from noneq.methods.units.rbm_model import RestrictedBoltzmann
from noneq.methods.units.rows import AbstractStationaryMethod
from noneq.methods.units.units import AbstractUnits, BernoulliUnits


_FIRST_WEIGHT = 0.1


class RBM(AbstractStationaryMethod, HasPreparation):
    """A Boltzmann law of visible units and hidden bits that see only the other layer.

    Forward process:
        none; the model is an equilibrium law.
    Learnt object:
        b, c and W of p(x, z) ∝ h(x) exp[b·phi(x) + c·z + z·W phi(x)], z in {0, 1}^H; visible
        units of any exponential family (`AbstractUnits`).
    Objective and weight:
        mean log P(x): ∂ log P = ⟨∂(−F)⟩_data − ⟨∂(−F)⟩_model with the free energy
        F(x) = −log h(x) − b·phi(x) − Σ softplus(c + W phi(x)), the second mean over the states of
        ``negative``; minus ``weight_decay``/2 |W|². The column ``loss`` is the gap of the two
        mean free energies, no likelihood: it shows overfitting on held-out data, not progress.
    Sampling:
        exact where a layer has at most 2^18 states, else parallel tempering from independent
        units. `sample_paths` is plain Gibbs sampling.
    Source and deviations:
        Hinton 2010, whose start from the data's log-odds is kept; Adam in place of momentum.
        `log_prob_estimate` is exact for small layers, annealed importance sampling above
        (Salakhutdinov and Murray 2008).

    Args:
        hidden: hidden bits H.
        visible: kind of the visible units.
        negative: where the states of the model come from in training.
        weight_decay: of W.
        sweeps: of Gibbs sampling before a draw, where draws are not exact.
        temperatures: replicas of such a draw; 1 is plain Gibbs sampling.
        training: settings of the gradient loop; batch = 0 is the whole data set.

    Raises:
        InvalidInput: fewer than one hidden bit, sweep or temperature, or a bad weight decay.
    """

    source: ClassVar[str] = "hinton2010practical"

    hidden: int = 32
    visible: AbstractUnits = BernoulliUnits()
    negative: AbstractNegativePhase = PersistentChains()
    weight_decay: float = 0.0
    sweeps: int = 200
    temperatures: int = 8
    training: Training = Training(steps=5000, batch=256, rate=0.005, ema=0.99)

    def __check_init__(self) -> None:
        for name in ("hidden", "sweeps", "temperatures"):
            if getattr(self, name) < 1:
                raise InvalidInput(f"RBM: {name} = {getattr(self, name)}; expected 1 or more.")
        if not 0 <= self.weight_decay < float("inf"):
            raise InvalidInput(f"RBM: weight_decay = {self.weight_decay}; expected a number ≥ 0.")

    @checked
    def init(self, summary: Summary, *, key: Key) -> RestrictedBoltzmann:
        """The untrained model."""
        count = self.visible.count(summary.dim)
        machine = Bipartite(
            bias=jnp.zeros(count),
            offset=jnp.zeros(self.hidden),
            weight=_FIRST_WEIGHT * jax.random.normal(key, (self.hidden, count)),
            anchor=Constant(jnp.zeros(count)),
            visible=self.visible,
        )
        return RestrictedBoltzmann(
            machine, summary, sweeps=self.sweeps, temperatures=self.temperatures
        )

    def learnt_part(self, model: RestrictedBoltzmann) -> Any:
        return model.machine

    def objective_of(self, model: RestrictedBoltzmann) -> AbstractObjective:
        return FreeEnergyGap(self.negative, self.weight_decay)

    def prepare(
        self, model: RestrictedBoltzmann, rows: dict[str, Array], *, key: Key
    ) -> RestrictedBoltzmann:
        """Visible biases of independent units with the data's mean."""
        bias = self.visible.natural(jnp.mean(rows["phi"], axis=0))
        where = lambda m: (m.machine.bias, m.machine.anchor.value)
        return eqx.tree_at(where, model, (bias, bias))


class FreeEnergyGap(AbstractObjective, HasHoveringLoss):
    """Minus the gradient of the mean log-likelihood, as that of F(data) − F(fantasies)."""

    negative: AbstractNegativePhase
    weight_decay: float

    @property
    def hovers(self) -> bool:
        return True

    @checked
    def init(self, model: Bipartite, *, key: Key) -> PyTree:
        return self.negative.begin(model, key=key)

    def grad(
        self, model: Bipartite, state: PyTree, batch: dict[str, Array], *, key: Key
    ) -> tuple[Scalar, PyTree, PyTree]:
        x = batch["x"]
        fantasies, state = self.negative.fantasies(model, x, state, key=key)
        free, fixed = eqx.partition(model, learnable(model))

        def gap(free: PyTree) -> tuple[Scalar, Scalar]:
            machine = eqx.combine(free, fixed)
            energies = jnp.mean(machine.log_density(fantasies)) - jnp.mean(machine.log_density(x))
            return energies + self.weight_decay * jnp.sum(machine.weight**2) / 2, energies

        (_, loss), grads = jax.value_and_grad(gap, has_aux=True)(free)
        return loss, grads, state

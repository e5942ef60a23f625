"""Latent cycles: a generative Markov chain between visible and hidden states, out of equilibrium."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from noneq._typing import Key, Scalar
from noneq.constant import learnable
from noneq.data.summary import Summary
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.learning.gradient import HasFinish, HasPreparation
from noneq.learning.objectives import AbstractObjective
from noneq.learning.training import Training
from noneq.methods.latent_cycles.chain import LatentChain
from noneq.methods.latent_cycles.gradients import (
    AbstractCycleGradient,
    AbstractFantasies,
    Enumerated,
    ExactGradient,
    Stratified,
    chain_of,
)
from noneq.methods.latent_cycles.kernels import OneHotKernels, latent_entropy_production
from noneq.methods.units.rows import AbstractStationaryMethod
from noneq.methods.units.starts import far_apart
from noneq.methods.units.units import AbstractUnits, BernoulliUnits
from noneq.traced import is_on


_MOST_ENUMERATED = 2**10
_ANCHOR = 2.0
"""Log-odds by which a hidden state begins to favour the pixels of its training state."""


class LatentCycle(AbstractStationaryMethod, HasPreparation, HasFinish):
    """A latent chain z → x → z' → … whose steady state is fitted to data, detailed balance or not.

    Forward process:
        none; the model is the steady state of its own chain.
    Learnt object:
        two independent conditional laws, writing p(x | z) and reading q(z' | x), z one of
        ``hidden`` states (`OneHotKernels`).
    Objective and weight:
        mean log P(x), P(x) = Σ_z pi_z p(x | z), pi the stationary law of T[z, z'] =
        Σ_x p(x | z) q(z' | x); plus ``dissipation`` times the entropy production of T. With
        r = pi p/P, ∂W_z = ⟨r_z (phi − mean_z)⟩ + Σ lambda_z' q(z' | x) p(x | z) pi_z (phi − mean_z),
        ∂U_z = Σ lambda_z' P(x) q(z' | x) (δ_z'z − q(z | x)) phi, lambda as in ``gradient``.
    Sampling:
        z ~ pi, x ~ p(. | z): independent draws. `sample_paths` runs the chain itself.
    Source and deviations:
        arXiv:2512.11415, which takes the two-step gradient and RMSprop; here the exact gradient
        is the default and Adam the optimiser. Units of any exponential family, a second hidden
        layer, the rewarded or penalised entropy production and draws stratified over the hidden
        states are ours.

    Args:
        hidden: hidden states H.
        second: hidden states of a second layer, which is read from the first and written back to
            it; 0 for none.
        visible: kind of the visible units.
        gradient: how far back the likelihood's gradient looks.
        fantasies: where sums over visible states are taken; None enumerates up to 1,024 of them
            and takes `Stratified` above.
        tied: U = W, the restricted Boltzmann machine with one-hot hidden layer: detailed balance,
            no entropy production. Its pi_z ∝ exp(c_z + A(b + W_z)) and hence its gradient are
            known, whatever ``gradient`` and ``fantasies`` say.
        dissipation: weight of the latent entropy production (nats per step) in the objective:
            a reward if positive, a penalty if negative.
        weight_decay: of W and U: (|W|² + |U|²)/2 times it is taken off the objective.
        anchored: W starts at training states that lie far apart (k-means++), so that no hidden
            state begins far from all data and few end as copies of each other; else at random, as
            in the paper.
        spread: standard deviation of the first U, and of W where it starts at random.
        training: settings of the gradient loop; batch = 0 is the whole data set.

    Raises:
        InvalidInput: fewer than one hidden state, or a spread or dissipation out of range.
    """

    source: ClassVar[str] = "latent_cycles"

    hidden: int = 10
    second: int = 0
    visible: AbstractUnits = BernoulliUnits()
    gradient: AbstractCycleGradient = ExactGradient()
    fantasies: AbstractFantasies | None = None
    tied: bool = False
    dissipation: float = 0.0
    weight_decay: float = 0.0
    anchored: bool = True
    spread: float = 1.0
    training: Training = Training(steps=3000, batch=0, rate=0.05, ema=0.0)

    def __check_init__(self) -> None:
        if self.hidden < 1 or self.second < 0:
            raise InvalidInput(
                f"LatentCycle: hidden = {self.hidden}, second = {self.second}; expected at least "
                "one hidden state, and 0 or more of the second layer."
            )
        if not 0 < self.spread < float("inf") or not abs(self.dissipation) < float("inf"):
            raise InvalidInput(
                f"LatentCycle: spread = {self.spread}, dissipation = {self.dissipation}; expected "
                "a positive and a finite number."
            )
        if not 0 <= self.weight_decay < float("inf"):
            raise InvalidInput(f"LatentCycle: weight_decay = {self.weight_decay}; expected ≥ 0.")
        if self.tied and (self.second or self.dissipation):
            raise InvalidInput(
                "LatentCycle: a tied chain is in equilibrium; set second=0 and dissipation=0."
            )

    @checked
    def init(self, summary: Summary, *, key: Key) -> LatentChain:
        """The untrained model."""
        writing, reading, up, down = jax.random.split(key, 4)
        count = self.visible.count(summary.dim)
        normal = lambda key, *shape: self.spread * jax.random.normal(key, shape)
        second = self.second
        kernels = OneHotKernels(
            bias=jnp.zeros(count),
            writing=normal(writing, self.hidden, count),
            offset=jnp.zeros(self.hidden),
            reading=None if self.tied else normal(reading, self.hidden, count),
            up=normal(up, self.hidden, second) if second else None,
            down=normal(down, second, self.hidden) if second else None,
            visible=self.visible,
        )
        return LatentChain(kernels, summary)

    def learnt_part(self, model: LatentChain) -> Any:
        return model.kernels

    def objective_of(self, model: LatentChain) -> "CycleLikelihood":
        fantasies, dim = self.fantasies, model.frame.dim
        if fantasies is None:
            levels = self.visible.alphabet
            few = levels and levels**dim <= _MOST_ENUMERATED
            fantasies = Enumerated() if few else Stratified()
        return CycleLikelihood(self.gradient, fantasies, self.dissipation, self.weight_decay, dim)

    def prepare(self, model: LatentChain, rows: dict[str, Array], *, key: Key) -> LatentChain:
        """Visible biases that give the data's mean, and the first W."""
        phi = rows["phi"]
        mean = jnp.mean(phi, axis=0)
        model = eqx.tree_at(lambda m: m.kernels.bias, model, self.visible.natural(mean))
        if not self.anchored:
            return model
        some = far_apart(phi, self.hidden, key=key)
        return eqx.tree_at(lambda m: m.kernels.writing, model, _ANCHOR * (phi[some] - mean))

    def finish(self, model: LatentChain, *, key: Key) -> LatentChain:
        return model.settled(key=key)


class CycleLikelihood(AbstractObjective):
    """Minus the mean log-likelihood, with the response of the chain that ``gradient`` asks for.

    Sums are written as gradients of Σ B ln p and Σ C q̃ with B and C held fixed: each is the
    formula of `LatentCycle` for any kernels, tied or with a second layer.
    """

    gradient: AbstractCycleGradient
    fantasies: AbstractFantasies
    dissipation: float
    decay: float
    dim: int

    @checked
    def init(self, model: OneHotKernels, *, key: Key) -> PyTree:
        return self.fantasies.begin(model, self.dim, key=key)

    def grad(
        self, model: OneHotKernels, state: PyTree, batch: dict[str, Array], *, key: Key
    ) -> tuple[Scalar, PyTree, PyTree]:
        if model.reading is None:
            return *self._tied(model, batch), state
        phi, base = batch["phi"], batch["base"]
        support, state = self.fantasies.support(model, state, key=key)
        writing, reading, matrix, law = chain_of(model, support)
        given = jnp.log(law) + model.log_writing(phi, base)
        log_prob = jax.nn.logsumexp(given, axis=1)
        posterior = jnp.exp(given - log_prob[:, None]) / len(phi)
        a = jnp.sum(posterior, axis=0) / law
        by_reading, by_writing = self.gradient.responses(matrix, a)
        objective = jnp.mean(log_prob)
        pull_reading, pull_writing = law[:, None] * by_reading, law[:, None] * by_writing
        if is_on(self.dissipation):
            spent, slope = jax.value_and_grad(latent_entropy_production)(matrix)
            objective += self.dissipation * spent
            pull_reading += self.dissipation * slope
            pull_writing += self.dissipation * slope
        weighed = jnp.exp(support.log_weight[:, None] + writing)
        on_reading = weighed @ pull_reading
        on_writing = weighed * (jnp.exp(reading) @ pull_writing.T)
        free, fixed = eqx.partition(model, learnable(model))

        def surrogate(free: PyTree) -> Scalar:
            kernels = eqx.combine(free, fixed)
            return self.decay * _square(kernels) - (
                jnp.sum(posterior * kernels.log_writing(phi, base))
                + jnp.sum(on_writing * kernels.log_writing(support.phi, support.log_base))
                + jnp.sum(on_reading * jnp.exp(kernels.log_reading(support.phi)))
            )

        return -objective, jax.grad(surrogate)(free), state

    def _tied(self, model: OneHotKernels, batch: dict[str, Array]) -> tuple[Scalar, PyTree]:
        """The exact gradient with U = W, whose stationary law is known."""
        free, fixed = eqx.partition(model, learnable(model))

        def loss(free: PyTree) -> tuple[Scalar, Scalar]:
            kernels = eqx.combine(free, fixed)
            given = kernels.log_tied_law() + kernels.log_writing(batch["phi"], batch["base"])
            value = -jnp.mean(jax.nn.logsumexp(given, axis=1))
            return value + self.decay * _square(kernels), value

        grads, value = jax.grad(loss, has_aux=True)(free)
        return value, grads


def _square(kernels: OneHotKernels) -> Scalar:
    """(|W|² + |U|²)/2."""
    reading = 0.0 if kernels.reading is None else jnp.sum(kernels.reading**2)
    return (jnp.sum(kernels.writing**2) + reading) / 2

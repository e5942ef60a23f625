"""Latent cycles with a layer of hidden bits."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from noneq._typing import Key, Scalar
from noneq.constant import Constant, learnable
from noneq.data.summary import Summary
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.learning.gradient import HasFinish, HasPreparation
from noneq.learning.objectives import AbstractObjective
from noneq.learning.training import Training
from noneq.methods.latent_cycles.binary_chain import BinaryChain, BinaryKernels, log_bits
from noneq.methods.units.rows import AbstractStationaryMethod
from noneq.methods.units.units import AbstractUnits, BernoulliUnits
from noneq.traced import jit


_SETTLING = 500


class BinaryLatentCycle(AbstractStationaryMethod, HasPreparation, HasFinish):
    """`LatentCycle` with 2^H hidden states: a layer of H bits, its steady state known by draws only.

    Forward process:
        none; the model is the steady state of its own chain.
    Learnt object:
        writing p(x | z) and reading q(z | x), bits and units independent given the other layer
        (`BinaryKernels`).
    Objective and weight:
        mean log P(x), P(x) = Σ_z pi(z) p(x | z), pi(z) = ⟨q(z | x_m)⟩ over persistent chains x_m
        that are held fixed: the two-step gradient. Sums over z are importance sums over the chains'
        own z_m and ``draws`` of q(. | x), with the balance heuristic.
    Sampling:
        the chain itself, from where training left it.
    Source and deviations:
        arXiv:2512.11415, which leaves the estimate of the posterior of z open; the importance sum
        is ours. Adam in place of RMSprop.

    Args:
        hidden: bits of the hidden layer.
        visible: kind of the visible units.
        chains: persistent chains.
        draws: hidden states drawn from q(. | x) for each training state and step.
        sweeps: steps of the chain before a draw of the model.
        weight_decay: of W and U: (|W|² + |U|²)/2 times it is taken off the objective.
        spread: standard deviation of the first W and U.
        training: settings of the gradient loop.

    Raises:
        InvalidInput: a number out of range.
    """

    source: ClassVar[str] = "latent_cycles"

    hidden: int = 32
    visible: AbstractUnits = BernoulliUnits()
    chains: int = 512
    draws: int = 16
    sweeps: int = 100
    weight_decay: float = 1e-4
    spread: float = 0.1
    training: Training = Training(steps=3000, batch=128, rate=5e-3, ema=0.99)

    def __check_init__(self) -> None:
        for name in ("hidden", "chains", "draws", "sweeps"):
            if getattr(self, name) < 1:
                raise InvalidInput(
                    f"BinaryLatentCycle: {name} = {getattr(self, name)}; expected 1 or more."
                )
        if not (0 <= self.weight_decay < float("inf") and 0 < self.spread < float("inf")):
            raise InvalidInput(
                f"BinaryLatentCycle: weight_decay = {self.weight_decay}, spread = {self.spread}; "
                "expected ≥ 0 and > 0."
            )

    @checked
    def init(self, summary: Summary, *, key: Key) -> BinaryChain:
        """The untrained model."""
        writing, reading = jax.random.split(key)
        count = self.visible.count(summary.dim)
        normal = lambda key: self.spread * jax.random.normal(key, (self.hidden, count))
        kernels = BinaryKernels(
            bias=jnp.zeros(count),
            writing=normal(writing),
            offset=jnp.zeros(self.hidden),
            reading=normal(reading),
            visible=self.visible,
        )
        return BinaryChain(kernels, summary, self.chains, self.sweeps)

    def learnt_part(self, model: BinaryChain) -> Any:
        return model.kernels

    def objective_of(self, model: BinaryChain) -> "BitsLikelihood":
        return BitsLikelihood(self.chains, self.draws, self.weight_decay)

    def prepare(self, model: BinaryChain, rows: dict[str, Array], *, key: Key) -> BinaryChain:
        """Visible biases that give the data's mean."""
        bias = self.visible.natural(jnp.mean(rows["phi"], axis=0))
        return eqx.tree_at(lambda m: m.kernels.bias, model, bias)

    def finish(self, model: BinaryChain, *, key: Key) -> BinaryChain:
        return eqx.tree_at(lambda m: m.fantasies, model, Constant(_settled(model, key)))


@jit
def _settled(model: BinaryChain, key: Key) -> Float[Array, "chains dim"]:
    """Visible states of the model's chain."""
    start_key, chain_key = jax.random.split(key)
    m, hidden = len(model.fantasies.value), len(model.kernels.offset)
    z = jax.random.bernoulli(start_key, shape=(m, hidden)).astype(float)
    x = model.kernels.written(z, key=chain_key)
    return model.advanced(x, _SETTLING, key=jax.random.fold_in(chain_key, 1))


class BitsLikelihood(AbstractObjective):
    """Minus the mean log-likelihood, with hidden bits drawn; state: visible states of the chains."""

    chains: int
    draws: int
    decay: float

    @checked
    def init(self, model: BinaryKernels, *, key: Key) -> PyTree:
        hidden = len(model.offset)
        z_key, x_key = jax.random.split(key)
        z = jax.random.bernoulli(z_key, shape=(self.chains, hidden)).astype(float)
        return model.written(z, key=x_key)

    def grad(
        self, model: BinaryKernels, state: PyTree, batch: dict[str, Array], *, key: Key
    ) -> tuple[Scalar, PyTree, PyTree]:
        chain_key, own_key, write_key = jax.random.split(key, 3)
        phi, base = batch["phi"], batch["base"]
        chain = jax.vmap(model.visible.features)(state)
        shared = model.read(chain, key=chain_key)
        repeated = jnp.repeat(phi, self.draws, axis=0)
        own = model.read(repeated, key=own_key)
        share = self.draws / (self.draws + self.chains)
        free, fixed = eqx.partition(model, learnable(model))

        def joint(free: PyTree) -> Array:
            """log pi(z) p(x | z), own draws first, then those shared by all: (n, draws + chains)."""
            kernels = eqx.combine(free, fixed)
            law = jnp.concatenate([kernels.log_law(own, chain), kernels.log_law(shared, chain)])
            eta = kernels.natural(jnp.concatenate([own, shared]))
            level = law - jax.vmap(kernels.visible.log_partition)(eta)
            mine = eta[: len(own)].reshape(len(phi), self.draws, -1)
            near = jnp.einsum("ndc,nc->nd", mine, phi) + level[: len(own)].reshape(len(phi), -1)
            far = phi @ eta[len(own) :].T + level[len(own) :]
            return base[:, None] + jnp.concatenate([near, far], axis=1)

        def proposal() -> Array:
            """log of the law that the draws are from, for each training state."""
            odds = model.log_odds(phi)
            mine = own.reshape(len(phi), self.draws, -1)
            near = jnp.einsum("ndh,nh->nd", mine, odds) - jnp.sum(
                jax.nn.softplus(odds), axis=1, keepdims=True
            )
            far = log_bits(shared, odds).T
            law = jnp.concatenate(
                [
                    model.log_law(own, chain).reshape(len(phi), -1),
                    jnp.broadcast_to(model.log_law(shared, chain), far.shape),
                ],
                axis=1,
            )
            reading = jnp.concatenate([near, far], axis=1)
            return jnp.logaddexp(jnp.log(share) + reading, jnp.log(1 - share) + law)

        weight = joint(free) - proposal()
        log_prob = jax.nn.logsumexp(weight, axis=1) - jnp.log(weight.shape[1])
        posterior = jax.nn.softmax(weight, axis=1) / len(phi)

        def surrogate(free: PyTree) -> Scalar:
            kernels = eqx.combine(free, fixed)
            square = jnp.sum(kernels.writing**2) + jnp.sum(kernels.reading**2)
            return self.decay * square / 2 - jnp.sum(posterior * joint(free))

        after = model.written(shared, key=write_key)
        return -jnp.mean(log_prob), jax.grad(surrogate)(free), after

"""A visible state and one of H hidden states that read and write each other in turn."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Numbers, Scalar, ScalarLike
from noneq.constant import Constant
from noneq.data.ensembles import Trajectories
from noneq.data.summary import Summary
from noneq.estimate import Estimate, sample_mean
from noneq.frames.checks import check_count
from noneq.frames.frame import AbstractLaw, Frame
from noneq.kinds import checked
from noneq.methods.latent_cycles.kernels import (
    OneHotKernels,
    normalised,
    reversible,
    stationary_law,
    transition_matrix,
)
from noneq.methods.units.paths import stepped_paths
from noneq.traced import jit
from noneq.traits import HasChain, HasLogProb, HasPaths, HasStateMeans


_MOST_ENUMERATED = 2**16
_DRAWS, _CHUNKS = 256, 32


class LatentChain(AbstractLaw, HasChain, HasLogProb, HasPaths, HasStateMeans):
    """The Markov chain z → x → z' → x' … in its steady state.

    **Equation**: T[z, z'] = Σ_x p(x | z) q̃(z' | x), pi T = pi, P(x) = Σ_z pi_z p(x | z): a mixture
    whose weights are the occupations of a chain that need not be in equilibrium.

    T is exact where the visible states can be counted (up to 2^16 of them), else the mean over
    8192 draws from each hidden state, balanced over all of them: its entries then have relative
    errors of about 1 %, which add O(H/8192) to the entropy production. Tied models stay at zero.

    Args:
        kernels: p(x | z) and q̃(z | x).
        frame: the user's states.
        matrix, law: T and pi.

    Source: arXiv:2512.11415.
    """

    kernels: OneHotKernels
    frame: Frame
    matrix: Constant
    law: Constant

    def __init__(self, kernels: OneHotKernels, summary: Summary):
        self.kernels = kernels
        self.frame = Frame(summary)
        states = kernels.offset.shape[0]
        self.matrix = Constant(jnp.full((states, states), 1 / states))
        self.law = Constant(jnp.full(states, 1 / states))

    def settled(self, *, key: Key) -> "LatentChain":
        """The model with T and pi of its kernels."""
        matrix = _chain(self, key)
        if self.kernels.reading is None:
            law = jnp.exp(self.kernels.log_tied_law())
            matrix = reversible(matrix, law)
        else:
            law = stationary_law(matrix)
        return eqx.tree_at(lambda m: (m.matrix.value, m.law.value), self, (matrix, law))

    def transition_matrix(self) -> Float[Array, "states states"]:
        return self.matrix.value

    def stationary(self) -> Float[Array, " states"]:
        return self.law.value

    def state_means(self) -> Float[Array, "states *event"]:
        visible, normaliser = self.kernels.visible, self.frame.normaliser
        mean = lambda eta: normaliser.inverse(visible.mean_state(eta, self.domain))
        return jax.vmap(mean)(self.kernels.natural)

    @checked
    def log_prob(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Scalar:
        y, _, _ = self.frame.enter(x, time, condition)
        log_writing, _ = _kernels_at(self, self.kernels.visible.read(y, self.domain)[None])
        value = jax.nn.logsumexp(jnp.log(self.law.value) + log_writing[0])
        return jnp.where(self.domain.contains(x), value - self.frame.normaliser.log_scale, -jnp.inf)

    def draw(self, n: int, *, time: Any, condition: Any, key: Key) -> Float[Array, "n dim"]:
        hidden_key, visible_key = jax.random.split(key)
        z = jax.random.categorical(hidden_key, jnp.log(self.law.value), shape=(n,))
        x = self.kernels.written(z, key=visible_key)
        return self.kernels.visible.written(x, self.domain)

    @checked
    def sample_paths(
        self,
        n: int,
        *,
        times: Sequence[float] | np.ndarray,
        start: Numbers | None = None,
        condition: Any = None,
        key: Key,
    ) -> Trajectories:
        """n paths x, x', x'' … of the visible states, one step per unit of time.

        Args:
            n: number of paths.
            times: whole numbers of steps apart.
            start: states at the first time ``(n, *event_shape)``; None draws the steady state.
            condition: None; the chain knows no conditions.
            key: typed random key.

        Raises:
            InvalidInput: times that are no whole numbers of steps apart.
        """
        return stepped_paths(
            self, self.kernels.visible, n, times=times, start=start, condition=condition, key=key
        )

    def step(self, x: Float[Array, "n dim"], key: Key) -> Float[Array, "n dim"]:
        """Read and write once, in units."""
        read_key, write_key = jax.random.split(key)
        _, reading = _kernels_at(self, x)
        return self.kernels.written(jax.random.categorical(read_key, reading), key=write_key)

    def joint_entropy_production(self, n: int = 4096, *, key: Key) -> Estimate:
        """Entropy production of the chain of visible and hidden states, nats per step.

        **Equation**: E_{x~P} [KL(r ‖ q̃) + KL(q̃ ‖ r)], r(z | x) = pi_z p(x | z)/P(x): what reading
        forgets of what was written, and back. It is Σ pi_z p(x | z) q̃(z' | x) ln[pi_z p(x | z)
        q̃(z' | x)/(pi_z' p(x | z') q̃(z | x))], and never below the latent one.
        """
        check_count(n)
        values = _joint(self, self.draw(n, time=None, condition=None, key=key))
        return sample_mean(np.asarray(values, np.float64), unit="nat")


def every_state(kernels: OneHotKernels, dim: int) -> Float[Array, "m dim"] | None:
    """All visible states if they can be counted, else None."""
    levels = kernels.visible.alphabet
    if not levels or levels**dim > _MOST_ENUMERATED:
        return None
    grid = np.indices((levels,) * dim, np.int32).reshape(dim, -1).T
    return jnp.asarray(grid, kernels.bias.dtype)


def _kernels_at(model: LatentChain, x: Float[Array, "n dim"]) -> tuple[Array, Array]:
    """log p(x | z) and log q̃(z | x), ``(n, H)`` each."""
    phi, log_base = model.kernels.features(x)
    return model.kernels.log_writing(phi, log_base), model.kernels.log_reading(phi)


@jit
def _chain(model: LatentChain, key: Key) -> Float[Array, "states states"]:
    states = every_state(model.kernels, model.frame.dim)
    if states is not None:
        writing, reading = _kernels_at(model, states)
        return transition_matrix(writing, reading, jnp.zeros(len(states)))
    hidden = model.kernels.offset.shape[0]
    z = jnp.tile(jnp.arange(hidden), _DRAWS)

    def part(key: Key) -> Array:
        writing, reading = _kernels_at(model, model.kernels.written(z, key=key))
        density = jax.nn.logsumexp(writing, axis=1) - jnp.log(hidden)
        return jnp.exp(writing - density[:, None]).T @ jnp.exp(reading) / len(z)

    flux = jax.lax.map(part, jax.random.split(key, _CHUNKS)).mean(0)
    return normalised(flux)


@jit
def _joint(model: LatentChain, y: Float[Array, "n dim"]) -> Float[Array, " n"]:
    writing, reading = _kernels_at(model, model.kernels.visible.read(y, model.domain))
    posterior = jax.nn.log_softmax(jnp.log(model.law.value) + writing, axis=1)
    gap = posterior - reading
    return jnp.sum((jnp.exp(posterior) - jnp.exp(reading)) * gap, axis=1)

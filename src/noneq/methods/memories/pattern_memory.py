"""Modern associative memories: attention to stored patterns, and the mixture it is the mean of."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.constant import Constant
from noneq.data.summary import Summary
from noneq.domains import Discrete
from noneq.frames.checks import check_count
from noneq.frames.frame import AbstractLaw, Frame
from noneq.kinds import checked
from noneq.methods.memories.spin_memory import as_spins, from_spins
from noneq.traced import jit
from noneq.traits import HasEnergy, HasLogProb


class PatternMemory(AbstractLaw, HasEnergy, HasLogProb):
    """p(s) ∝ e^{−beta E}, E(s) = −(1/beta) log Σ_m exp(beta x_m·s) + |s|²/2, x_m the patterns.

    **Equation**: e^{−beta E} = Σ_m exp(beta |x_m|²/2) exp(−beta |s − x_m|²/2). On real states it
    is a Gaussian mixture around the patterns, of variance 1/beta and weights
    ∝ exp(beta |x_m|²/2); on spins it is a mixture of patterns each of whose spins is flipped with
    probability 1/(1 + e^{2 beta}), all of the same weight. Draws and probabilities are exact
    (in normalised coordinates; data of two levels are spins −1 and 1).

    Args:
        patterns: (M, dim), spins or normalised states.
        summary: of the training data.
        beta: inverse temperature.

    Source: Ramsauer et al. 2021, eq. 2, 3 (their constants left out).
    """

    patterns: Constant
    frame: Frame
    beta: float

    def __init__(self, patterns: Float[Array, "m dim"], summary: Summary, *, beta: float):
        self.patterns = Constant(patterns)
        self.frame = Frame(summary)
        self.beta = beta

    @checked
    def energy(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Scalar:
        """beta E, in units of kT; ∞ off the levels of two-valued data."""
        y, _, _ = self.frame.enter(x, time, condition)
        s = self._inside(y)
        attention = jax.nn.logsumexp(self.beta * (self.patterns.value @ s))
        return jnp.where(self._allowed(x), self.beta * jnp.sum(s**2) / 2 - attention, jnp.inf)

    @checked
    def log_prob(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Scalar:
        """log p(x) in nats, exact."""
        y, _, _ = self.frame.enter(x, time, condition)
        s, patterns = self._inside(y), self.patterns.value
        if self._binary:
            each = jnp.sum(jax.nn.log_sigmoid(2 * self.beta * patterns * s), axis=1)
        else:
            width = jnp.log(2 * jnp.pi / self.beta)
            each = -jnp.sum(self.beta * (s - patterns) ** 2 + width, axis=1) / 2
        value = jax.nn.logsumexp(self._log_weights + each) - self.frame.normaliser.log_scale
        return jnp.where(self._allowed(x), value, -jnp.inf)

    def retrieve(
        self, x: Float[Array, "*states"] | np.ndarray, steps: int = 1
    ) -> Float[Array, "*states"]:
        """What attention to the patterns makes of states.

        **Equation**: s ← Σ_m x_m softmax_m(beta x_m·s), one step usually enough; two-valued data
        are brought to their levels at the end.

        Args:
            x: one state, or a batch ``(n, *event_shape)``.
            steps: updates.

        Raises:
            InvalidInput: fewer than one step, or another event shape.

        Source: Ramsauer et al. 2021, eq. 3.
        """
        check_count(steps)
        states, single = self.frame.batch(x)
        found = _attended(self, states, int(steps))
        return found[0] if single else found

    def draw(self, n: int, *, time: Any, condition: Any, key: Key) -> Float[Array, "n dim"]:
        pattern_key, noise_key = jax.random.split(key)
        s = self.patterns.value[jax.random.categorical(pattern_key, self._log_weights, shape=(n,))]
        if self._binary:
            flips = jax.random.bernoulli(noise_key, jax.nn.sigmoid(-2 * self.beta), s.shape)
            return from_spins(jnp.where(flips, -s, s), self.domain)
        return s + jax.random.normal(noise_key, s.shape, s.dtype) / jnp.sqrt(self.beta)

    @property
    def _binary(self) -> bool:
        return isinstance(self.domain, Discrete)

    @property
    def _log_weights(self) -> Float[Array, " m"]:
        return jax.nn.log_softmax(self.beta * jnp.sum(self.patterns.value**2, axis=1) / 2)

    def _inside(self, y: Array) -> Array:
        return as_spins(y, self.domain) if self._binary else y

    def _allowed(self, x: Array) -> Any:
        return self.domain.contains(x) if self._binary else True


@jit
def _attended(model: PatternMemory, x: Array, steps: int) -> Array:
    patterns, normaliser = model.patterns.value, model.frame.normaliser
    s = model._inside(jax.vmap(normaliser.forward)(x))  # noqa: SLF001
    for _ in range(steps):
        s = jax.nn.softmax(model.beta * (s @ patterns.T), axis=-1) @ patterns
    return jax.vmap(normaliser.inverse)(from_spins(s, model.domain) if model._binary else s)  # noqa: SLF001

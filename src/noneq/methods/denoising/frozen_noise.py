"""A noised law of a denoising model as a law of its own."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.data.ensembles import Snapshots
from noneq.domains import AbstractDomain
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.traced import jit
from noneq.traits import AbstractModel, HasNoising, HasScore, require


class FrozenNoise(AbstractModel, HasScore):
    """p_tau at one noise level: wide enough that a network knows its score everywhere.

    **Equation**: score(x) = ∇ log p_tau(x), samples x_tau = alpha y + sigma xi.

    Args:
        model: with the trait `HasNoising`.
        ratio: standard deviation of the noise over that of the data.

    Raises:
        MissingTrait: a model without noising.
        InvalidInput: a ratio that is not positive.
    """

    model: AbstractModel
    ratio: float

    def __init__(self, model: AbstractModel, ratio: float):
        require(model, HasNoising, "FrozenNoise")
        if not 0 < ratio < float("inf"):
            raise InvalidInput(f"FrozenNoise: ratio = {ratio}; expected a positive number.")
        self.model, self.ratio = model, ratio

    @property
    def event_shape(self) -> tuple[int, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Shape of one state."""
        return self.model.event_shape

    @property
    def domain(self) -> AbstractDomain:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Where states live."""
        return self.model.domain

    @property
    def tau(self) -> Scalar:
        """The clock of the noise level."""
        return self._noising.noise_clock(self.ratio)

    @property
    def _noising(self) -> HasNoising:
        assert isinstance(self.model, HasNoising)
        return self.model

    def noised(self, x: Float[Array, "*event"], *, key: Key) -> Float[Array, "*event"]:
        """A state of the data after the noise."""
        return self._noising.noised(x, self.tau, key=key)

    @checked
    def score(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Float[Array, "*event"]:
        return self._noising.noisy_score(x, self.tau, time=time, condition=condition)

    @checked
    def sample(
        self, n: int, *, time: ScalarLike | None = None, condition: Any = None, key: Key
    ) -> Float[Array, "n *event"]:
        draw_key, noise_key = jax.random.split(key)
        x = self.model.sample(n, time=time, condition=condition, key=draw_key)
        return noised_states(self, x, key=noise_key)

    @checked
    def snapshots(
        self, n: int, *, times: Sequence[float] | np.ndarray, condition: Any = None, key: Key
    ) -> Snapshots:
        draw_key, noise_key = jax.random.split(key)
        data = self.model.snapshots(n, times=times, condition=condition, key=draw_key)
        values = np.asarray(noised_states(self, data.values, key=noise_key))
        return eqx.tree_at(lambda d: d.values, data, values)


@jit
def noised_states(law: FrozenNoise, x: Any, *, key: Key) -> Float[Array, "n *event"]:
    """A batch of states of the data after the noise of the law."""
    keys = jax.random.split(key, x.shape[0])
    return jax.vmap(lambda x, key: law.noised(x, key=key))(x, keys)

"""Fields that are gradients: the energy parametrisation of a score."""

import math
from typing import Any

import jax
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.nets.base import AbstractNet, AbstractNetwork
from noneq.nets.inputs import Clock, Label
from noneq.nets.vectors.fields import MLP


class Gradient(AbstractNet):
    """Recipe of a `GradientNetwork`: a field without curl, at about twice the cost.

    Args:
        net: recipe of the potential, a network of one output. It must be smooth.
    """

    net: AbstractNet = MLP()

    @checked
    def init(
        self,
        event_shape: tuple[int, ...],
        outputs: int,
        *,
        noise: bool,
        clock: Clock | None,
        label: Label | None,
        key: Key,
    ) -> "GradientNetwork":
        """As every net.

        Raises:
            InvalidInput: not as many outputs as coordinates, or a ``net`` that does not take
                these states.
        """
        if outputs != math.prod(event_shape):
            raise InvalidInput(
                f"Gradient: {outputs} outputs for states of shape {event_shape}; a gradient has "
                f"as many as the state has numbers ({math.prod(event_shape)}). Use its net alone."
            )
        potential = self.net.init(event_shape, 1, noise=noise, clock=clock, label=label, key=key)
        return GradientNetwork(potential)


class GradientNetwork(AbstractNetwork):
    """F(x, level, time, condition) = ∇_x ψ(x, level, time, condition), ψ a network of one output."""

    net: AbstractNetwork

    def __call__(
        self,
        x: Float[Array, " inputs"],
        level: Any = None,
        time: Any = None,
        condition: Any = None,
    ) -> Float[Array, " inputs"]:
        return jax.grad(self.potential)(x, level, time, condition)

    def potential(
        self,
        x: Float[Array, " inputs"],
        level: Any = None,
        time: Any = None,
        condition: Any = None,
    ) -> Scalar:
        """ψ; where the network is told time or noise, defined up to a function of these."""
        return self.net(x, level, time, condition)[0]


def has_energy(denoiser: Any) -> bool:
    """Whether the scores of this learnt part are gradients of a known potential."""
    return isinstance(vars(denoiser).get("net"), GradientNetwork)

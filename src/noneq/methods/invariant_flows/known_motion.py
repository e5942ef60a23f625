"""A motion that is known beside the one that is learnt."""

from typing import Any

import equinox as eqx
from jaxtyping import Array, Float

from noneq.errors import InvalidInput, MissingTrait
from noneq.frames.normaliser import Normaliser
from noneq.inference.velocities import velocity_at
from noneq.systems.base import AbstractDiffusion
from noneq.traits import HasDrift, HasVelocity


def check_known(known: Any, event_shape: tuple[int, ...], name: str) -> None:
    """Refuse what has neither drift nor velocity, or moves other states.

    Raises:
        MissingTrait: no motion.
        InvalidInput: another shape of states.
    """
    if not isinstance(known, HasVelocity | HasDrift | AbstractDiffusion):
        raise MissingTrait(
            f"{name}: known is a {type(known).__name__}, which has no motion; give a system with a "
            "drift, or a fitted model with HasVelocity or HasDrift."
        )
    if known.event_shape != event_shape:  # pyright: ignore[reportAttributeAccessIssue]
        raise InvalidInput(
            f"{name}: known moves states of shape {known.event_shape}, the data have "  # pyright: ignore[reportAttributeAccessIssue]
            f"{event_shape}."
        )


class KnownField(eqx.Module):
    """A known motion of normalised states.

    Args:
        known: a system or model.
        normaliser: of the states.
        pace: unit of the field, in standard deviations per time.
        moving: whether it is told the time.
    """

    known: Any
    normaliser: Normaliser
    pace: Any
    moving: bool = eqx.field(static=True)

    def __call__(self, y: Float[Array, " dim"], time: Any, condition: Any) -> Float[Array, " dim"]:
        x = self.normaliser.inverse(y)
        velocity = velocity_at(self.known, x, time if self.moving else None, condition)
        return velocity.ravel() / self.normaliser.scale.value / self.pace

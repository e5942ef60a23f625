"""Icons: small drawings on a transparent background."""

import math
from abc import abstractmethod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq.errors import InvalidInput
from noneq.kinds import AbstractChecked


class AbstractIcon(AbstractChecked):
    """A picture as a function of the place; lengths are in sites, the centre is (0, 0)."""

    @property
    @abstractmethod
    def channels(self) -> int:
        """Number of colours."""

    @property
    @abstractmethod
    def reach(self) -> float:
        """Radius of a circle about the centre outside of which everything is transparent."""

    @abstractmethod
    def paint(self, places: Float[Array, "*grid 2"]) -> Float[Array, "layers *grid"]:
        """Colours times opacity, then opacity, at places (row, column): channels + 1 layers."""


class Disc(AbstractIcon):
    """A disc with a soft edge.

    **Equation**: opacity 1/(1 + exp((r − radius)/soft)).

    Args:
        radius: in sites.
        colour: one number for each channel.
        soft: width of the edge; fields that move by fractions of a site need about one site.

    Raises:
        InvalidInput: a length that is not positive, or a colour that is black.
    """

    radius: float = 3.0
    colour: tuple[float, ...] = (1.0,)
    soft: float = 0.5

    def __check_init__(self) -> None:
        _check("Disc", self.colour, radius=self.radius, soft=self.soft)

    @property
    def channels(self) -> int:
        return len(self.colour)

    @property
    def reach(self) -> float:
        return self.radius + 7 * self.soft

    def paint(self, places: Float[Array, "*grid 2"]) -> Float[Array, "layers *grid"]:
        return _coloured(_edge(_norm(places) - self.radius, self.soft), self.colour)


class Ring(AbstractIcon):
    """A ring with soft edges.

    Args:
        radius: of the middle of the line.
        width: of the line.
        colour, soft: as of `Disc`.

    Raises:
        InvalidInput: a length that is not positive, or a colour that is black.
    """

    radius: float = 4.0
    width: float = 2.0
    colour: tuple[float, ...] = (1.0,)
    soft: float = 0.5

    def __check_init__(self) -> None:
        _check("Ring", self.colour, radius=self.radius, width=self.width, soft=self.soft)

    @property
    def channels(self) -> int:
        return len(self.colour)

    @property
    def reach(self) -> float:
        return self.radius + self.width / 2 + 7 * self.soft

    def paint(self, places: Float[Array, "*grid 2"]) -> Float[Array, "layers *grid"]:
        away = jnp.abs(_norm(places) - self.radius) - self.width / 2
        return _coloured(_edge(away, self.soft), self.colour)


class Bar(AbstractIcon):
    """A straight stroke along the columns, with round ends; ``head`` > 0 makes it a drop.

    **Equation**: a union of discs whose centres run from −length/2 to length/2 and whose radii
    rise linearly from width/2 to (1 + head) width/2.

    Args:
        length: between the centres of its ends.
        width: of the stroke.
        head: how much thicker its front end is, 0 for none.
        colour, soft: as of `Disc`.

    Raises:
        InvalidInput: a length that is not positive, a negative head, or a colour that is black.
    """

    length: float = 8.0
    width: float = 2.0
    head: float = 0.0
    colour: tuple[float, ...] = (1.0,)
    soft: float = 0.5

    def __check_init__(self) -> None:
        _check("Bar", self.colour, length=self.length, width=self.width, soft=self.soft)
        if not 0 <= self.head < math.inf:
            raise InvalidInput(f"Bar: head = {self.head}; expected a finite number ≥ 0.")

    @property
    def channels(self) -> int:
        return len(self.colour)

    @property
    def reach(self) -> float:
        return self.length / 2 + (1 + self.head) * self.width / 2 + 7 * self.soft

    def paint(self, places: Float[Array, "*grid 2"]) -> Float[Array, "layers *grid"]:
        along = jnp.clip(places[..., 1] / self.length + 0.5, 0.0, 1.0)
        middle = jnp.stack([jnp.zeros_like(along), (along - 0.5) * self.length], -1)
        radius = (1 + self.head * along) * self.width / 2
        return _coloured(_edge(_norm(places - middle) - radius, self.soft), self.colour)


class Group(AbstractIcon):
    """Icons at fixed places, later ones over earlier ones: pairs, letters, formations.

    Args:
        parts: the icons.
        places: (row, column, angle) of each, the angle counter-clockwise.

    Raises:
        InvalidInput: no part, another number of places, or different numbers of channels.
    """

    parts: tuple[AbstractIcon, ...]
    places: tuple[tuple[float, float, float], ...]

    def __check_init__(self) -> None:
        same = len({part.channels for part in self.parts}) == 1
        if not same or len(self.parts) != len(self.places):
            raise InvalidInput(
                f"Group: {len(self.parts)} parts of {[p.channels for p in self.parts]} channels at "
                f"{len(self.places)} places; expected one place (row, column, angle) for each part "
                "and the same number of channels."
            )

    @property
    def channels(self) -> int:
        return self.parts[0].channels

    @property
    def reach(self) -> float:
        far = (
            math.hypot(r, c) + p.reach for p, (r, c, _) in zip(self.parts, self.places, strict=True)
        )
        return max(far)

    def paint(self, places: Float[Array, "*grid 2"]) -> Float[Array, "layers *grid"]:
        canvas = jnp.zeros((self.channels + 1, *places.shape[:-1]))
        for part, (row, column, angle) in zip(self.parts, self.places, strict=True):
            inside = turned(places - jnp.asarray([row, column]), -angle)
            canvas = over(canvas, part.paint(inside))
        return canvas


def turned(places: Float[Array, "*grid 2"], angle: Any) -> Float[Array, "*grid 2"]:
    """Places (row, column) turned about the origin, counter-clockwise with rows downwards."""
    c, s = jnp.cos(angle), jnp.sin(angle)
    row, column = places[..., 0], places[..., 1]
    return jnp.stack([c * row - s * column, s * row + c * column], -1)


def over(
    below: Float[Array, "layers *grid"], above: Float[Array, "layers *grid"]
) -> Float[Array, "layers *grid"]:
    """Layers of colours times opacity, one painted over the other (Porter and Duff 1984)."""
    return above + below * (1 - above[-1])


def _coloured(opacity: Array, colour: tuple[float, ...]) -> Array:
    return jnp.stack([*(opacity * c for c in colour), opacity])


def _edge(away: Array, soft: float) -> Array:
    return jax.nn.sigmoid(-away / soft)


def _norm(places: Array) -> Array:
    return jnp.sqrt(jnp.sum(places**2, -1) + 1e-12)


def _check(name: str, colour: tuple[float, ...], **lengths: float) -> None:
    for what, value in lengths.items():
        if not 0 < value < math.inf:
            raise InvalidInput(f"{name}: {what} = {value}; expected a positive number of sites.")
    if not colour or not np.isfinite(colour).all() or not np.any(colour):
        raise InvalidInput(
            f"{name}: colour = {colour}; expected a finite number for each channel, not all 0, "
            "which is the background."
        )

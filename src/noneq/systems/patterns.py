"""Patterns placed at random: what a user draws, as a law whose dynamics can then be sought."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key
from noneq.domains import Free, Torus
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.systems.base import AbstractSystem
from noneq.systems.icons import AbstractIcon, Disc, over, turned


_TRIES = 64


class PlacedIcons(AbstractSystem):
    """Copies of an icon at random places of a canvas whose edges meet, each turned at random.

    A state (channels, size, size) is 0 where no copy is. Copies that meet hide each other in the
    order of their placement.

    Args:
        icon: what is placed.
        size: sites along each side of the canvas.
        count: copies.
        turning: whether copies are turned at random.
        aligned: turn all copies of a canvas by the same angle.
        apart: least distance between the centres, 0 for none. A copy that finds no such place in
            64 trials takes the emptiest of them.

    Raises:
        InvalidInput: no copy, a canvas smaller than the icon, or more copies than it holds.
    """

    icon: AbstractIcon = Disc()
    size: int = 32
    count: int = 1
    turning: bool = True
    aligned: bool = False
    apart: float = 0.0

    def __check_init__(self) -> None:
        for name in ("size", "count"):
            value = getattr(self, name)
            if isinstance(value, bool) or int(value) != value or value < 1:
                raise InvalidInput(
                    f"PlacedIcons: {name} = {value}; expected a positive whole number."
                )
        if 2 * self.icon.reach > self.size:
            raise InvalidInput(
                f"PlacedIcons: the icon is {2 * self.icon.reach:.1f} sites wide, the canvas "
                f"{self.size}; draw a smaller icon or take a larger canvas."
            )
        # Discs of diameter `apart` placed one after the other jam when they cover about 0.54.
        covered = self.count * math.pi * self.apart**2 / 4 / self.size**2
        if not (0 <= self.apart < math.inf and covered < 0.5):
            raise InvalidInput(
                f"PlacedIcons: {self.count} copies {self.apart} apart do not fit a canvas of "
                f"{self.size} × {self.size}; take fewer copies, or place them closer."
            )

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(channels, size, size)."""
        return (self.icon.channels, self.size, self.size)

    @property
    def domain(self) -> Free:
        """Values are free; it is the grid that is periodic."""
        return Free()

    @checked
    def initial(self, key: Key) -> Float[Array, "channels size size"]:
        """One canvas."""
        place_key, turn_key = jax.random.split(key)
        centres = self.centres(place_key)
        angles = jax.random.uniform(turn_key, (self.count,), maxval=2 * math.pi)
        angles = jnp.broadcast_to(angles[0], angles.shape) if self.aligned else angles
        canvas = jnp.zeros((self.icon.channels + 1, self.size, self.size))
        for i in range(self.count):
            angle = angles[i] if self.turning else jnp.zeros(())
            canvas = over(canvas, self.painted(centres[i], angle))
        return canvas[:-1]

    def centres(self, key: Key) -> Float[Array, "count 2"]:
        """Places (row, column) of the copies."""
        draws = self.size * jax.random.uniform(key, (self.count, _TRIES, 2))
        found = draws[:1, 0]
        for i in range(1, self.count):
            gap = draws[i][:, None] - found
            gap = gap - self.size * jnp.round(gap / self.size)
            nearest = jnp.sqrt(jnp.min(jnp.sum(gap**2, -1), 1))
            first = jnp.argmax(nearest >= self.apart)
            best = jnp.where(jnp.any(nearest >= self.apart), first, jnp.argmax(nearest))
            found = jnp.concatenate([found, draws[i][best][None]])
        return found

    def painted(
        self, centre: Float[Array, "2"], angle: Float[Array, ""]
    ) -> Float[Array, "layers size size"]:
        """One copy on an empty canvas: colours times opacity, then opacity."""
        line = jnp.arange(self.size, dtype=float)
        grid = jnp.stack(jnp.meshgrid(line, line, indexing="ij"), -1)
        gap = grid - centre
        gap = gap - self.size * jnp.round(gap / self.size)
        return self.icon.paint(turned(gap, -angle))


class PlacedPoints(AbstractSystem):
    """Copies of a set of points in a periodic square, each at a random place and turned at random.

    A state (particles, width) has the particles of the first copy first. A particle of width 2 is a
    point, one of width 4 a body of two points, such as the tail and the head of an arrow, which
    move through the box and turn with the set.

    Args:
        points: the set, one tuple (x, y) or (x, y, x', y', …) for each particle.
        box: side of the square.
        copies: of the set.
        turning: whether they are turned.

    Raises:
        InvalidInput: no point, points that are no pairs of finite numbers, a set that half the box
            does not hold, or no copy.
    """

    points: tuple[tuple[float, ...], ...] = ((0.0, 0.0), (1.0, 0.0), (0.5, 0.8))
    box: float = 10.0
    copies: int = 1
    turning: bool = True

    def __check_init__(self) -> None:
        widths = {len(point) for point in self.points}
        width = widths.pop() if len(widths) == 1 else 0
        if width < 2 or width % 2 or not np.isfinite(self.points).all():
            raise InvalidInput(
                f"PlacedPoints: points = {self.points!r:.80}; expected one tuple (x, y), or (x, y, "
                "x', y', …), of finite numbers for each particle, all of one length."
            )
        if isinstance(self.copies, bool) or int(self.copies) != self.copies or self.copies < 1:
            raise InvalidInput(
                f"PlacedPoints: copies = {self.copies}; expected a positive whole number."
            )
        reach = np.linalg.norm(self.centred(), axis=-1).max()
        if not (0 < self.box < math.inf and 4 * reach <= self.box):
            raise InvalidInput(
                f"PlacedPoints: points reach {reach:.3g} from their centre; the box, {self.box}, must "
                "be at least four times as large, so that the nearest image is the right one."
            )

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(copies × points, width)."""
        return (self.copies * len(self.points), len(self.points[0]))

    @property
    def domain(self) -> Torus:
        """The periodic box, of all points."""
        return Torus(self.box)

    def centred(self) -> Float[np.ndarray, "sites 2"]:
        """All points of one copy about their centre."""
        sites = np.asarray(self.points, float).reshape(-1, 2)
        return sites - sites.mean(0)

    @checked
    def initial(self, key: Key) -> Float[Array, "particles width"]:
        """One draw."""
        place_key, turn_key = jax.random.split(key)
        centres = self.box * jax.random.uniform(place_key, (self.copies, 1, 2))
        angles = jax.random.uniform(turn_key, (self.copies, 1), maxval=2 * math.pi)
        angles = angles if self.turning else jnp.zeros_like(angles)
        sites = jnp.asarray(self.centred(), centres.dtype)
        each = centres + turned(jnp.broadcast_to(sites, (self.copies, *sites.shape)), angles)
        return self.domain.project(each.reshape(self.event_shape))

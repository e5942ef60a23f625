"""A reflecting region of any shape, given by the signed distance of its wall."""

import math
from abc import abstractmethod

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from noneq._typing import Scalar
from noneq.domains.base import AbstractDomain, along, check_corners
from noneq.domains.walls import innermost, returned
from noneq.errors import InvalidInput, WrongType
from noneq.kinds import AbstractChecked


class AbstractSignedDistance(AbstractChecked):
    """A shape of your own: derive from it, give `__call__`, and name it ``"my_file:MyShape"``.

    Its fields are the shape's parameters; a class, unlike a function, is saved with them. Only the
    sign must be right everywhere; near the wall the value should grow at a steady rate, as walls
    are found from value/slope. Corners are better rounded: the normal jumps there.
    """

    @abstractmethod
    def __call__(self, x: Float[Array, "*event"]) -> Scalar:
        """Negative inside, 0 on the wall, positive outside."""


class Ball(AbstractSignedDistance):
    """|x − centre| − radius.

    Args:
        radius: > 0.
        centre: a number for all coordinates or one per coordinate.

    Raises:
        InvalidInput: a radius that is not positive and finite.
    """

    radius: float = 1.0
    centre: float | tuple[float, ...] = 0.0

    def __check_init__(self) -> None:
        if not 0 < self.radius < math.inf:
            raise InvalidInput(f"Ball: radius = {self.radius}; expected a finite number > 0.")

    def __call__(self, x: Float[Array, "*event"]) -> Scalar:
        gap = x - along(self.centre, x)
        # The slope at the very centre is 0, not NaN.
        return jnp.sqrt(jnp.sum(gap**2) + 1e-12) - self.radius


class Region(AbstractDomain):
    """A reflecting region of any shape: {x : signed_distance(x) ≤ 0} within the box [low, high].

    **Equation**: with d = max(signed_distance(x), low − x, x − high), project repeats
    x ← x − 2 d ∇d/|∇d|² while d > 0: mirrored at the wall, to first order in d. A state that is
    still outside is drawn towards the innermost point of a lattice until it is inside.

    Args:
        signed_distance: a shape (`Ball`, or a class of your own; command line:
            ``domain={kind="Region", signed_distance="my_file:MyShape", low=-1, high=1}``).
        low, high: corners of the box, as tight as possible: a number for all coordinates or one
            per coordinate. Its faces are walls too where the shape reaches beyond them.

    Raises:
        InvalidInput: low ≥ high anywhere, or not finite.
        WrongType: a signed distance that is no `AbstractSignedDistance`.
    """

    signed_distance: AbstractSignedDistance
    low: float | tuple[float, ...]
    high: float | tuple[float, ...]

    def __check_init__(self) -> None:
        check_corners("Region", self.low, self.high)
        if not isinstance(self.signed_distance, AbstractSignedDistance):
            raise WrongType(
                f"Region: signed_distance is {self.signed_distance!r}; expected Ball(...) or a class "
                "of your own that derives from noneq.domains.AbstractSignedDistance (its __call__ "
                "is the function), so that it can be saved with its parameters."
            )

    def distance(self, x: Float[Array, "*event"]) -> Scalar:
        """Signed distance of the region's wall, the box's faces included."""
        low, high = along(self.low, x), along(self.high, x)
        faces = jnp.max(jnp.maximum(low - x, x - high))
        return jnp.maximum(jnp.asarray(self.signed_distance(x), x.dtype), faces)

    def placed(self, u: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """From [−1, 1]^event onto the enclosing box."""
        low, high = along(self.low, u), along(self.high, u)
        return low + (high - low) * (u + 1) / 2

    def project(self, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        inner, _ = innermost(lambda u: self.distance(self.placed(u)), x.shape, x.dtype)
        return returned(self.distance, x, self.placed(inner))

    def difference(
        self, x: Float[Array, "*event"], y: Float[Array, "*event"]
    ) -> Float[Array, "*event"]:
        return x - y

    def contains(self, x: Float[Array, "*event"]) -> Bool[Array, ""]:
        return self.distance(x) <= 0

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        return np.asarray(self.low, float), np.asarray(self.high, float)

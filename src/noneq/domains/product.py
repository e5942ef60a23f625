"""Different domains for different coordinates, such as positions on a torus and free velocities."""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from noneq.domains.base import AbstractDomain
from noneq.errors import InvalidInput, WrongType


class Product(AbstractDomain):
    """Consecutive coordinates of the last axis live in domains of their own.

    The last axis is that of the coordinates of a vector ``(dim,)`` and of every particle
    ``(particles, dim)``. Of particles the first part holds the positions and a second one of the
    same size the velocities, which is how `noneq.inference` tells them apart.

    Args:
        parts: the domains, in the order of the coordinates.
        sizes: how many coordinates each holds.

    Raises:
        InvalidInput: other than one positive whole size for each part.
        WrongType: a part that is no domain.
    """

    parts: tuple[AbstractDomain, ...]
    sizes: tuple[int, ...]

    def __check_init__(self) -> None:
        for part in self.parts:
            if not isinstance(part, AbstractDomain):
                raise WrongType(f"Product: a part is a {type(part).__name__}; expected domains.")
        whole = all(isinstance(size, int) and size >= 1 for size in self.sizes)
        if not (self.parts and whole and len(self.parts) == len(self.sizes)):
            raise InvalidInput(
                f"Product: {len(self.parts)} parts with sizes = {self.sizes}; expected one whole "
                "number ≥ 1 for each part."
            )

    def project(self, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        return jnp.concatenate(self._each(lambda part, x: part.project(x), x), axis=-1)

    def difference(
        self, x: Float[Array, "*event"], y: Float[Array, "*event"]
    ) -> Float[Array, "*event"]:
        gaps = self._each(lambda part, x, y: part.difference(x, y), x, y)
        return jnp.concatenate(gaps, axis=-1)

    def contains(self, x: Float[Array, "*event"]) -> Bool[Array, ""]:
        return jnp.all(jnp.stack(self._each(lambda part, x: part.contains(x), x)))

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray] | None:
        corners = [part.bounds for part in self.parts]
        known = [corner for corner in corners if corner is not None]
        if len(known) < len(corners):
            return None
        full = lambda side: np.concatenate(
            [np.broadcast_to(c[side], (size,)) for c, size in zip(known, self.sizes, strict=True)]
        )
        return full(0), full(1)

    def _each(self, act: Callable[..., Array], *states: Array) -> list[Array]:
        """What ``act`` makes of every part and its coordinates of the states."""
        total = sum(self.sizes)
        if states[0].shape[-1:] != (total,):
            raise InvalidInput(
                f"Product: a state of shape {states[0].shape}; its last axis must hold {total} "
                f"coordinates, as sizes = {self.sizes} say."
            )
        ends = np.cumsum(self.sizes).tolist()
        cuts = [slice(end - size, end) for end, size in zip(ends, self.sizes, strict=True)]
        return [
            act(part, *(state[..., cut] for state in states))
            for part, cut in zip(self.parts, cuts, strict=True)
        ]

"""Bars and stripes: the smallest pictures whose pixels are anything but independent."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar
from noneq.domains import Discrete
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.systems.base import AbstractSystem, HasStationaryDensity
from noneq.systems.one_state import of_state


_MOST = 10


class BarsAndStripes(AbstractSystem, HasStationaryDensity):
    """Square pictures of whole black columns (bars) or whole black rows (stripes).

    **Equation**: P(x) = 1/(2^(size + 1) − 2) for each of the distinct pictures, 0 for all others.

    Source: MacKay, "Information theory, inference, and learning algorithms" (2003), section 43.2.

    Args:
        size: pixels along one side.

    Raises:
        InvalidInput: a size outside 2 … 10.
    """

    size: int = 3

    def __check_init__(self) -> None:
        if isinstance(self.size, bool) or self.size not in range(2, _MOST + 1):
            raise InvalidInput(f"BarsAndStripes: size = {self.size}; expected 2 … {_MOST}.")

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(1, size, size)."""
        return (1, self.size, self.size)

    @property
    def domain(self) -> Discrete:
        """White 0 and black 1."""
        return Discrete(2)

    def patterns(self) -> Float[np.ndarray, "patterns 1 size size"]:
        """Every picture once."""
        bits = (np.arange(2**self.size)[:, None] >> np.arange(self.size)) & 1
        bars = np.broadcast_to(bits[:, None, :], (len(bits), self.size, self.size))
        both = np.concatenate([bars, bars.transpose(0, 2, 1)])
        return np.unique(both, axis=0)[:, None].astype(np.float32)

    @checked
    def initial(self, key: Key) -> Float[Array, "1 size size"]:
        """One picture."""
        patterns = self.patterns()
        return jnp.asarray(patterns)[jax.random.randint(key, (), 0, len(patterns))]

    @of_state
    def log_density(self, x: Float[Array, "1 size size"]) -> Scalar:
        """log P(x)."""
        patterns = self.patterns()
        known = jnp.any(jnp.all(jnp.asarray(patterns) == x, axis=(1, 2, 3)))
        return jnp.where(known, -np.log(len(patterns)), -jnp.inf)

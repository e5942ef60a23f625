"""Reaction and diffusion on periodic grids."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, ScalarLike
from noneq.domains import Free
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.systems.base import AbstractODE
from noneq.systems.one_state import of_state


_LAPLACIANS = ("5-point", "spectral")
_BLOCK = 16
_STATES = ((1.0, 0.5, 0.3), (0.0, 0.25, 0.0))
"""u and v of a block at rest, excited, recovering."""


class GrayScott(AbstractODE):
    """Two substances of which one feeds on the other: spots, waves, spirals, mazes.

    **Equation**: u_t = Du ∇²u − u v² + F (1 − u), v_t = Dv ∇²v + u v² − (F + k) v, on a periodic
    square grid of unit spacing. A start is made of blocks of 16² sites, each at random at rest
    (1, 0), excited (1/2, 1/4) or recovering (3/10, 0), and noise of one per cent; patterns of
    ``life`` die out of many starts on small grids.

    Args:
        size: sites along each side.
        F: feed rate, per unit time.
        k: kill rate, per unit time.
        Du, Dv: diffusivities, sites² per unit time.
        laplacian: ``"5-point"`` differences, or ``"spectral"``, exact on the resolved waves.

    Raises:
        InvalidInput: a size below 4, a negative rate, or an unknown Laplacian.

    Source: Pearson 1993, eq. 2; presets of Zhang and Levin 2025.
    """

    size: int = 64
    F: float = 0.018
    k: float = 0.049
    Du: float = 0.16
    Dv: float = 0.08
    laplacian: str = "5-point"

    def __check_init__(self) -> None:
        if isinstance(self.size, bool) or int(self.size) != self.size or self.size < 4:
            raise InvalidInput(f"GrayScott: size = {self.size}; expected a whole number ≥ 4.")
        for name in ("F", "k", "Du", "Dv"):
            if not 0 <= getattr(self, name) < math.inf:
                raise InvalidInput(
                    f"GrayScott: {name} = {getattr(self, name)}; expected a finite number ≥ 0."
                )
        if self.laplacian not in _LAPLACIANS:
            raise InvalidInput(
                f"GrayScott: laplacian = {self.laplacian!r}; expected '5-point' or 'spectral'."
            )

    @classmethod
    def life(cls, size: int = 64) -> "GrayScott":
        """Patches that grow, divide and die: F = .006, k = .045."""
        return cls(size=size, F=0.006, k=0.045)

    @classmethod
    def waves(cls, size: int = 64) -> "GrayScott":
        """Waves that meet and vanish: F = .018, k = .049."""
        return cls(size=size, F=0.018, k=0.049)

    @classmethod
    def spirals(cls, size: int = 64) -> "GrayScott":
        """Turning spirals: F = .007, k = .028."""
        return cls(size=size, F=0.007, k=0.028)

    @classmethod
    def maze(cls, size: int = 64) -> "GrayScott":
        """A labyrinth that comes to rest: F = .029, k = .057."""
        return cls(size=size, F=0.029, k=0.057)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(2, size, size): u and v."""
        return (2, self.size, self.size)

    @property
    def domain(self) -> Free:
        """All concentrations."""
        return Free()

    @property
    def time_step(self) -> float:
        """1, or less where diffusion or feeding would be unstable at it."""
        widest = 8.0 if self.laplacian == "5-point" else 2 * math.pi**2
        return min(1.0, 1.6 / max(widest * max(self.Du, self.Dv) + self.F + self.k, 1e-12))

    @checked
    def initial(self, key: Key) -> Float[Array, "2 size size"]:
        """A start of blocks that rest, are excited or recover, which breaks waves into spirals."""
        state_key, noise_key = jax.random.split(key)
        count = math.ceil(self.size / _BLOCK)
        states = jax.random.randint(state_key, (count, count), 0, 3)
        blocks = jnp.asarray(_STATES)[:, states]
        field = jnp.repeat(jnp.repeat(blocks, _BLOCK, 1), _BLOCK, 2)[:, : self.size, : self.size]
        return field + 0.01 * jax.random.normal(noise_key, self.event_shape)

    @of_state
    def drift(self, t: ScalarLike, x: Float[Array, "2 size size"]) -> Float[Array, "2 size size"]:
        """Diffusion, reaction, feed and kill."""
        u, v = x
        spread = five_point(x) if self.laplacian == "5-point" else spectral(x)
        reaction = u * v * v
        return jnp.stack(
            [
                self.Du * spread[0] - reaction + self.F * (1 - u),
                self.Dv * spread[1] + reaction - (self.F + self.k) * v,
            ]
        )


def five_point(x: Float[Array, "*channels rows columns"]) -> Float[Array, "*channels rows columns"]:
    """∇² by differences of the four neighbours, second order, periodic."""
    around = sum(jnp.roll(x, shift, axis) for axis in (-2, -1) for shift in (-1, 1))
    return around - 4 * x


def spectral(x: Float[Array, "*channels rows columns"]) -> Float[Array, "*channels rows columns"]:
    """∇² by Fourier transform, periodic."""
    rows, columns = x.shape[-2:]
    waves = lambda k: (2 * np.pi * k) ** 2
    squared = waves(np.fft.fftfreq(rows))[:, None] + waves(np.fft.rfftfreq(columns))
    return jnp.fft.irfft2(-jnp.asarray(squared, x.dtype) * jnp.fft.rfft2(x), s=(rows, columns))

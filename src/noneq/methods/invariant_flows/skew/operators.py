"""Skew operators: fields A s + div A that move states along the level lines of any law."""

from abc import abstractmethod
from typing import TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq.constant import Constant


Tensor: TypeAlias = Float[Array, "..."]
"""Of any number of axes."""


class AbstractSkewOperator(eqx.Module):
    """A(y), skew-symmetric at every normalised state y, linear in its tensor.

    **Equation**: with (div A)_i = Σ_j ∂_j A_ij the field v = A s + div A has p v_i = Σ_j ∂_j(A_ij p),
    whose divergence vanishes for every p, s = ∇ log p.

    Attributes:
        tensor: what A is made of.
    """

    tensor: eqx.AbstractVar[Constant]

    @abstractmethod
    def along(self, y: Float[Array, " dim"], s: Float[Array, " dim"]) -> Float[Array, " dim"]:
        """A(y) s."""

    @abstractmethod
    def divergence(self, y: Float[Array, " dim"]) -> Float[Array, " dim"]:
        """(div A)_i = Σ_j ∂_j A_ij, of the second index."""

    @abstractmethod
    def in_units(self, values: np.ndarray, scale: np.ndarray) -> np.ndarray:
        """A tensor of states in units of ``scale`` ``(dim,)`` as one of the states themselves."""

    def __call__(self, y: Float[Array, " dim"], s: Float[Array, " dim"]) -> Float[Array, " dim"]:
        """A(y) s + div A(y)."""
        return self.along(y, s) + self.divergence(y)


class SkewMatrix(AbstractSkewOperator):
    """The same matrix everywhere.

    Attributes:
        tensor: A, (dim, dim).
    """

    tensor: Constant

    def along(self, y: Float[Array, " dim"], s: Float[Array, " dim"]) -> Float[Array, " dim"]:
        return self.tensor.value @ s

    def divergence(self, y: Float[Array, " dim"]) -> Float[Array, " dim"]:
        return jnp.zeros_like(y)

    def in_units(self, values: np.ndarray, scale: np.ndarray) -> np.ndarray:
        return values * scale[:, None] * scale


class SkewKernel(AbstractSkewOperator):
    """A convolution of fields on a periodic grid.

    **Equation**: (A s)[o](x) = Σ_{i,δ} K[o, i, δ] s[i](x + δ) with K[o, i, δ] = −K[i, o, −δ].

    Attributes:
        tensor: K, (channels, channels, size, …), one odd axis for each of the grid.
        event_shape: (channels, *grid).
    """

    tensor: Constant
    event_shape: tuple[int, ...] = eqx.field(static=True)

    def along(self, y: Float[Array, " dim"], s: Float[Array, " dim"]) -> Float[Array, " dim"]:
        kernel = self.tensor.value
        field = s.reshape(self.event_shape)
        reach = [size // 2 for size in kernel.shape[2:]]
        if not any(reach):
            matrix = kernel.reshape(kernel.shape[:2])
            return jnp.ravel(jnp.tensordot(matrix, field, axes=1))
        padded = jnp.pad(field, [(0, 0), *((r, r) for r in reach)], mode="wrap")
        steps = (1,) * len(reach)
        out = jax.lax.conv_general_dilated(padded[None], kernel, steps, "VALID")
        return jnp.ravel(out)

    def divergence(self, y: Float[Array, " dim"]) -> Float[Array, " dim"]:
        return jnp.zeros_like(y)

    def in_units(self, values: np.ndarray, scale: np.ndarray) -> np.ndarray:
        channels = scale.reshape(self.event_shape[0], -1)[:, 0]
        pairs = channels[:, None] * channels
        return values * pairs.reshape(pairs.shape + (1,) * (values.ndim - 2))


class SkewWaves(AbstractSkewOperator):
    """A smooth bounded matrix field of random waves.

    **Equation**: A(y) = Σ_k φ_k(y) A_k, φ_k = √2 cos(w_k·y + b_k).

    Attributes:
        tensor: A_k, (waves, dim, dim).
        frequencies: w_k, (waves, dim).
        phases: b_k, (waves,).
    """

    tensor: Constant
    frequencies: Constant
    phases: Constant

    def waves(self, y: Float[Array, " dim"]) -> Float[Array, " waves"]:
        """φ(y)."""
        angles = self.frequencies.value @ y + self.phases.value
        return np.sqrt(2.0).item() * jnp.cos(angles)

    def along(self, y: Float[Array, " dim"], s: Float[Array, " dim"]) -> Float[Array, " dim"]:
        return jnp.einsum("k,kij,j->i", self.waves(y), self.tensor.value, s)

    def divergence(self, y: Float[Array, " dim"]) -> Float[Array, " dim"]:
        slopes = jax.jacrev(self.waves)(y)
        return jnp.einsum("kij,kj->i", self.tensor.value, slopes)

    def in_units(self, values: np.ndarray, scale: np.ndarray) -> np.ndarray:
        return values * scale[:, None] * scale

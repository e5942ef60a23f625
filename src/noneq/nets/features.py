"""Fourier features of physical time, of the noise level and of states."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import ScalarLike
from noneq.errors import InvalidInput
from noneq.kinds import checked, refuse_nonfinite


_MOST = 2**16


@checked
def harmonics(phase: ScalarLike, count: int) -> Float[Array, " 2*{count}"]:
    """cos and sin of 2πk·phase for k = 1..count.

    Built by doubling, e^{i(m+j)θ} = e^{imθ} e^{ijθ}: multiplications in place of ``count``
    sines; the float32 error stays below 1e-5 at 256 harmonics.

    Args:
        phase: position in units of the period; its integer part is dropped first.
        count: number of harmonics; 0 gives an empty array.
    """
    refuse_nonfinite(phase, "harmonics: phase")
    if not 0 <= count <= _MOST:
        raise InvalidInput(f"harmonics: count = {count}; expected 0 to {_MOST}.")
    if count == 0:
        return jnp.zeros((0,))
    phase = jnp.asarray(phase, dtype=float)
    angle = 2 * jnp.pi * (phase - jnp.floor(phase))
    cos, sin = jnp.cos(angle)[None], jnp.sin(angle)[None]
    while cos.shape[0] < count:
        c, s = cos[-1], sin[-1]
        cos, sin = (
            jnp.concatenate([cos, c * cos - s * sin]),
            jnp.concatenate([sin, s * cos + c * sin]),
        )
    return jnp.concatenate([cos[:count], sin[:count]])


@checked
def noise_features(level: ScalarLike) -> Float[Array, " 9"]:
    """The level ln(sigma/alpha)/4 and sines and cosines of it at frequencies 1, 2, 4, 8."""
    refuse_nonfinite(level, "noise_features: level")
    level = jnp.asarray(level, dtype=float)
    angles = level * 2.0 ** jnp.arange(4)
    return jnp.concatenate([level[None], jnp.cos(angles), jnp.sin(angles)])


def state_features(x: Float[Array, " dim"], octaves: int) -> Float[Array, " 2*dim*{octaves}"]:
    """cos and sin of 2^k x for k = 0 … octaves − 1.

    Args:
        x: state of about unit scale.
        octaves: how many frequencies; 0 gives an empty array.
    """
    if octaves == 0:
        return jnp.zeros((0,), x.dtype)
    angles = x * 2.0 ** jnp.arange(octaves, dtype=x.dtype)[:, None]
    return jnp.concatenate([jnp.cos(angles).ravel(), jnp.sin(angles).ravel()])

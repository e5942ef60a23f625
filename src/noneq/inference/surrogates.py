"""Fields that share the spectrum of given ones and nothing else."""

import jax
import numpy as np

from noneq._typing import Key, Numbers
from noneq.errors import InvalidInput
from noneq.needs import observable


@observable("values", number=False)
def phase_shuffled(fields: Numbers, *, key: Key) -> np.ndarray:
    """Surrogates of fields with the same power and cross spectra and random phases.

    **Equation**: x̂'_c(k) = x̂_c(k) e^{iφ(k)}, φ uniform with φ(−k) = −φ(k), the same for all
    channels of one field and independent from field to field. |x̂_c(k)|², x̂_c(k) x̂_d(k)* and the
    mean of every channel of every field are kept exactly; edges, spots and all other order of
    phases are lost. What a statistic is on these is what it owes to the spectrum alone.

    The grid is taken as periodic: a jump at the border is part of the spectrum.

    Args:
        fields: (n, channels, *grid).
        key: typed random key.

    Returns:
        An array of the same shape and type.

    Raises:
        InvalidInput: fewer than three axes, or values that are not finite.

    Source: Theiler et al., Physica D 58, 77 (1992); several channels as Prichard and Theiler,
    Phys. Rev. Lett. 73, 951 (1994).
    """
    values = np.asarray(fields)
    if values.ndim < 3 or values.size == 0:
        raise InvalidInput(
            f"phase_shuffled: fields have shape {values.shape}; expected (n, channels, *grid)."
        )
    if not np.isfinite(values).all():
        raise InvalidInput("phase_shuffled: fields hold NaN or infinity.")
    axes = tuple(range(2, values.ndim))
    grid = values.shape[2:]
    # The phases of white noise are uniform and have the symmetry of a real field's.
    noise = np.fft.fftn(
        np.asarray(jax.random.normal(key, (len(values), 1, *grid)), float), axes=axes
    )
    turn = noise / np.abs(noise)
    turn[(slice(None), slice(None), *(0,) * len(grid))] = 1.0
    shuffled = np.fft.ifftn(np.fft.fftn(values.astype(float), axes=axes) * turn, axes=axes).real
    return shuffled.astype(values.dtype if values.dtype.kind == "f" else np.float32)

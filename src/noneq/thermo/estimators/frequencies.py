"""Entropy production by frequency: how different a record and its reverse look at every time scale."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex, Float

from noneq.data.ensembles import Trajectories
from noneq.domains import is_periodic
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.needs import observable
from noneq.statistics.increments import even
from noneq.statistics.jackknife import jackknife
from noneq.thermo.estimators.spectral import wave_vectors, weights
from noneq.thermo.path_checks import check_steady_paths


_NAME = "frequency_spectrum"
_NUMBERS, _SUMS = 2**22, 2**23
"""Numbers transformed at once, and held as sums over blocks."""
_BLOCKS, _LEAST_BLOCKS = 64, 8
_EACH = 4
"""Stretches that are needed for each coordinate."""


@dataclass(frozen=True)
class FrequencySpectrum:
    """Entropy production rate by frequency, and of fields by wave vector too.

    Attributes:
        frequency: cycles per unit time, ``(F,)``, from 1/(segment dt) to below 1/(2 dt).
        wave_vector: radians a site, ``(modes, axes)``; None for vectors.
        rate: what each band of width 1/(segment dt) adds, nats per unit time; `Estimate` of shape
            ``(F,)``, of fields ``(modes, F)``, where ±q and ±f are one.
        total: of all.
    """

    frequency: Float[np.ndarray, " F"]
    wave_vector: Float[np.ndarray, "modes axes"] | None
    rate: Estimate
    total: Estimate


@observable("trajectories", number=False)
def frequency_spectrum(trajectories: Trajectories, *, segment: int = 256) -> FrequencySpectrum:
    """Entropy production rate of a Gaussian steady state by frequency, from its cross-spectra.

    **Equation**: with C(ω) = ⟨x̂ x̂†⟩ the matrix of spectra and cross-spectra of the coordinates (of
    fields: of the channels in a Fourier mode q),

        σ = ½ Σ_q ∫ dω/2π {½ Tr[C_q(−ω)^{-1} C_q(ω) + C_q(ω)^{-1} C_q(−ω)] − dim},

    ω up to the Nyquist frequency of the record: the relative entropy rate of endless windows and
    their reverse if the process is Gaussian, **whatever its memory**, at the interval of the data. For
    a linear diffusion all of whose coordinates are seen it is that of pairs of frames
    (``path_kl`` of `noneq.thermo.exact.target`); hidden coordinates make it a lower bound that knows
    the memory which they cause. A nonlinear process is seen through its second moments.

    Stretches of ``segment`` frames, half overlapping, with a Hann window; bias and error by jackknife over
    up to 64 blocks. The window smooths spectra over some 2/(segment dt), which makes the value too
    small: by about 10 % where a stretch is 13 times the longest relaxation time, 5 % at 25 times.

    Args:
        trajectories: ``(n, T, dim)`` or fields ``(n, T, channels, *grid)`` on a periodic grid, of a
            steady state at even times, without gaps, even under time reversal.
        segment: frames of a stretch, an even number from 8 on.

    Raises:
        InvalidInput: uneven times, missing frames, periodic coordinates, too few stretches, coordinates
            that are copies of each other, or a law that changes over the record.

    Source: Seara, Machta and Murrell 2021, eq. 5 (entropy production factor); Kullback-Leibler rate
    of Gaussian processes: Pinsker 1964.
    """
    _check(trajectories, segment)
    check_steady_paths(trajectories, _NAME, fields=True)
    shape = trajectories.event_shape
    grid, dim = shape[1:], shape[0]
    weight = weights(grid).ravel() if grid else np.ones(1)
    half = segment // 2
    dt = float(np.diff(trajectories.times).mean())
    stretches = _stretches(trajectories, segment)
    size = weight.size * (half - 1) * dim**2 * 2
    count = min(_BLOCKS, max(_LEAST_BLOCKS, _SUMS // size), len(stretches) // 2)
    sums = np.zeros((count, 2, weight.size, half - 1, dim, dim), complex)
    for k, found in _transforms(trajectories, stretches, segment, count):
        # Frequencies k and L − k stand for ω and −ω.
        for sign, part in ((0, found[:, 1:half]), (1, found[:, :half:-1])):
            sums[k, sign] += np.einsum("nfmc,nfmd->mfcd", part, part.conj(), optimize=True)
    _check_full(sums.sum(0))

    def bands(total: Complex[np.ndarray, "2 m f c c"]) -> np.ndarray:
        plus, minus = total
        both = np.trace(np.linalg.solve(minus, plus) + np.linalg.solve(plus, minus), 0, -2, -1)
        rate = weight[:, None] * (both.real / 2 - dim) / (segment * dt)
        return np.append(rate.ravel(), rate.sum())

    value, bias, stderr = jackknife(bands, [sums])
    unit = f"1/{trajectories.time_unit}" if trajectories.time_unit else ""
    notes = (
        f"Stretches of {segment} frames, {len(stretches)} of them, half overlapping.",
        "The process is seen through its second moments and taken as even under time reversal.",
    )
    table = (weight.size, half - 1) if grid else (half - 1,)
    as_estimate = lambda part, to: Estimate(
        value[part].reshape(to),
        stderr[part].reshape(to),
        np.asarray(len(stretches)),
        method="spectrum",
        bias=bias[part].reshape(to),
        notes=notes,
        unit=unit,
    )
    return FrequencySpectrum(
        np.arange(1, half) / (segment * dt),
        wave_vectors(grid) if grid else None,
        as_estimate(slice(0, -1), table),
        as_estimate(slice(-1, None), ()),
    )


def _check(trajectories: Trajectories, segment: int) -> None:
    """Refuse what has no spectrum.

    Raises:
        InvalidInput: naming it.
    """
    n, frames = trajectories.values.shape[:2]
    if segment < 8 or segment % 2:
        raise InvalidInput(f"{_NAME}: segment = {segment}; expected an even number from 8 on.")
    if is_periodic(trajectories.domain):
        raise InvalidInput(
            f"{_NAME}: a periodic coordinate has no spectrum of its own; give cos and sin of it."
        )
    if trajectories.mask is not None:
        raise InvalidInput(f"{_NAME}: frames are missing; take stretches that are complete.")
    if frames > 1 and not even(np.diff(trajectories.times)):
        raise InvalidInput(f"{_NAME}: the times are uneven; resample the paths.")
    per_path = max(0, 1 + (frames - segment) // (segment // 2))
    wanted = max(2 * _LEAST_BLOCKS, _EACH * trajectories.event_shape[0])
    if n * per_path < wanted:
        raise InvalidInput(
            f"{_NAME}: {n} path(s) of {frames} frames hold {n * per_path} stretches of {segment}; "
            f"expected at least {wanted}. Choose segment= smaller, or record for longer."
        )


def _stretches(trajectories: Trajectories, segment: int) -> list[tuple[int, int]]:
    """Path and first frame of each."""
    n, frames = trajectories.values.shape[:2]
    return [(p, a) for p in range(n) for a in range(0, frames - segment + 1, segment // 2)]


def _transforms(
    trajectories: Trajectories, stretches: list[tuple[int, int]], segment: int, count: int
) -> Iterator[tuple[int, Complex[np.ndarray, "N segment modes dim"]]]:
    """Amplitudes of some stretches, with the number of their block."""
    shape = trajectories.event_shape
    axes = tuple(range(3, 2 + len(shape)))
    every = max(1, trajectories.values.shape[1] // 1000)
    mean = trajectories.values[:, ::every].mean((0, 1), dtype=np.float64)
    window = np.hanning(segment + 1)[:-1].reshape(1, -1, *(1,) * len(shape))
    together = max(1, _NUMBERS // (segment * int(np.prod(shape))))
    for k, block in enumerate(np.array_split(np.asarray(stretches), count)):
        for first in range(0, len(block), together):
            some = block[first : first + together]
            x = np.stack([trajectories.values[p, a : a + segment] for p, a in some])
            x = (x - mean) * window
            if axes:
                x = np.fft.rfftn(x, axes=axes)
            x = np.moveaxis(x, 2, -1).reshape(len(some), segment, -1, shape[0])
            yield k, np.fft.fft(x, axis=1)


def _check_full(total: Complex[np.ndarray, "2 m f c c"]) -> None:
    """Refuse coordinates whose spectra depend on each other.

    Raises:
        InvalidInput: saying so.
    """
    size = np.sqrt(np.maximum(np.einsum("...cc->...c", total).real, 1e-300))
    scaled = total / size[..., None] / size[..., None, :]
    if np.linalg.eigvalsh(scaled).min() < 1e-9:
        raise InvalidInput(
            f"{_NAME}: a combination of coordinates has no noise at some frequency (a copy, or a "
            "conserved sum); leave one of them out."
        )

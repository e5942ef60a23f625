"""Entropy production of fields, wave vector by wave vector."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from noneq.data.ensembles import Trajectories
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.needs import observable
from noneq.statistics.increments import even
from noneq.statistics.jackknife import jackknife
from noneq.thermo.path_checks import block_number, check_steady_paths


_NUMBERS = 2**22


@dataclass(frozen=True)
class EntropySpectrum:
    """Entropy production rate by wave vector.

    Attributes:
        wave_vector: radians a site, ``(modes, axes)``; of ±q one stands for both.
        rate: nats per unit time of each, `Estimate` of shape ``(modes,)``.
        total: of all.
    """

    wave_vector: np.ndarray
    rate: Estimate
    total: Estimate


@observable("trajectories")
def spectral_rate(trajectories: Trajectories) -> Estimate:
    """Entropy production rate of homogeneous fields on a periodic grid: the sum of `entropy_spectrum`.

    Args, Raises and Source as `entropy_spectrum`.

    Returns:
        Nats per unit time of the whole grid, k_B = 1.
    """
    return entropy_spectrum(trajectories).total


@observable("trajectories", number=False)
def entropy_spectrum(trajectories: Trajectories) -> EntropySpectrum:
    """Entropy production rate of fields by wave vector, from the velocity of each Fourier mode.

    **Equation**: with m_q and Δ_q the channels' Fourier amplitudes in the middle of an interval and
    their change over it, V_q = ⟨Δ_q m_q†⟩ ⟨m_q m_q†⟩^{-1} and R_q = ⟨Δ_q Δ_q†⟩ − V_q ⟨m_q m_q†⟩ V_q†,
    σ_q = 2 Tr[R_q^{-1} V_q ⟨m_q m_q†⟩ V_q†]/dt, summed over all q (σ_q and σ_{−q} are equal). For a field
    with linear, translation-invariant dynamics and noise that is the relative entropy rate of pairs of
    frames and their reverse; a nonlinear field is seen through its second moments only, so that it is a
    lower bound for short intervals.

    Bias and errors are by jackknife over up to 64 blocks of the record. Translation invariance is what makes
    modes independent, and it is assumed; so is that every channel is even under time reversal.

    Args:
        trajectories: ``(n, T, channels, *grid)`` of a steady state, even times, a periodic grid.

    Raises:
        InvalidInput: states without a grid, uneven times or missing frames, a mode without noise, a law
            that changes over the record.

    Source: Nardini et al. 2017, eq. 12; Seara, Machta and Murrell 2021, eq. 6, for one step of a
    Markov field; Li et al. 2019.
    """
    name = "entropy_spectrum"
    shape = trajectories.event_shape
    if len(shape) < 2:
        raise InvalidInput(
            f"{name}: states have the shape {shape}; expected fields (channels, *grid). Vectors go to "
            "force_current_rate."
        )
    times = np.diff(trajectories.times)
    if times.size and not even(times):
        raise InvalidInput(f"{name}: the times are uneven; resample the fields.")
    if trajectories.mask is not None:
        raise InvalidInput(f"{name}: frames are missing; take stretches that are complete.")
    check_steady_paths(trajectories, name, fields=True)
    dt, count = float(times.mean()), block_number(trajectories, 1)
    grid = shape[1:]
    weight = weights(grid).ravel()
    modes, channels = weight.size, shape[0]
    parts = [np.zeros((count, modes, channels, channels), complex) for _ in range(3)]
    number = np.zeros(count)
    for k, before, after in _amplitudes(trajectories, count):
        middle, move = (before + after) / 2, after - before
        for part, (a, b) in zip(
            parts, ((middle, middle), (move, middle), (move, move)), strict=True
        ):
            part[k] += np.einsum("nqc,nqd->qcd", a, b.conj(), optimize=True)
        number[k] += len(before)
    _check_noise(parts, number, name)
    rates = lambda *totals: weight * _mode_rates(*totals) / dt
    with_sum = lambda *totals: np.append(found := rates(*totals), found.sum())
    value, bias, stderr = jackknife(with_sum, [*parts, number])
    unit = f"1/{trajectories.time_unit}" if trajectories.time_unit else ""
    notes = ("Modes of different wave vectors are taken as independent.",)
    as_estimate = lambda at: Estimate(
        np.asarray(value[at]),
        np.asarray(stderr[at]),
        np.asarray(trajectories.n),
        method="spectral",
        bias=np.asarray(bias[at]),
        notes=notes,
        unit=unit,
    )
    return EntropySpectrum(wave_vectors(grid), as_estimate(slice(0, -1)), as_estimate(-1))


def _mode_rates(
    gram: np.ndarray, cross: np.ndarray, square: np.ndarray, count: float
) -> np.ndarray:
    """2 Tr[R^{-1} V G V†] of every mode, per interval."""
    gram, cross, square = gram / count, cross / count, square / count
    explained = cross @ np.linalg.solve(gram, np.conj(np.swapaxes(cross, -1, -2)))
    found = np.linalg.solve(square - explained, explained)
    return 2 * np.trace(found, axis1=-2, axis2=-1).real


def _check_noise(parts: list[np.ndarray], number: np.ndarray, name: str) -> None:
    square = parts[2].sum(0) / number.sum()
    size = np.sqrt(np.maximum(np.einsum("qcc->qc", square).real, 0))
    largest = size.max()
    worst = int(size.min(1).argmin())
    scaled = square / np.maximum(size[:, :, None] * size[:, None, :], 1e-300)
    if size.min() < 1e-7 * largest or np.linalg.eigvalsh(scaled).min() < 1e-9:
        raise InvalidInput(
            f"{name}: mode {worst} of the grid's Fourier transform does not move (a conserved mean, or a "
            "channel that is a copy); leave out that channel, or use coarser fields."
        )


def _amplitudes(
    trajectories: Trajectories, count: int
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Fourier amplitudes ``(N, modes, channels)`` before and after the intervals of each block."""
    n, frames = trajectories.values.shape[:2]
    shape = trajectories.event_shape
    axes = tuple(range(3, 2 + len(shape)))
    groups, cuts = min(n, count), -(-count // n)
    edges = np.linspace(0, frames - 1, cuts + 1).astype(int)
    mean = trajectories.values.mean((0, 1), dtype=np.float64)
    rows = max(1, _NUMBERS // int(np.prod(shape)))
    for group, paths in enumerate(np.array_split(np.arange(n), groups)):
        for cut, (low, high) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
            block = (group * cuts + cut) % count
            for path in paths:
                for first in range(low, high, rows):
                    last = min(first + rows, high)
                    x = trajectories.values[path : path + 1, first : last + 1] - mean
                    found = np.fft.rfftn(x, axes=axes)[0]
                    found = np.moveaxis(found, 1, -1).reshape(len(found), -1, shape[0])
                    yield block, found[:-1], found[1:]


def weights(grid: tuple[int, ...]) -> np.ndarray:
    """How many of ±q each amplitude of the half spectrum stands for."""
    last = np.full(grid[-1] // 2 + 1, 2.0)
    last[0] = 1.0
    if grid[-1] % 2 == 0:
        last[-1] = 1.0
    return np.broadcast_to(last, (*grid[:-1], last.size))


def wave_vectors(grid: tuple[int, ...]) -> np.ndarray:
    """Of the half spectrum, radians a site, ``(modes, axes)``."""
    lines = [2 * np.pi * np.fft.fftfreq(size) for size in grid[:-1]]
    lines.append(2 * np.pi * np.fft.rfftfreq(grid[-1]))
    return np.stack([part.ravel() for part in np.meshgrid(*lines, indexing="ij")], axis=1)

"""A density on a periodic grid, carried by a PDE: its density, flux and source after time t."""

from typing import NamedTuple

import numpy as np

from noneq._typing import Numbers
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.pde.density_flow import is_quadratic, linear_flow
from noneq.pde.dispersion import roots
from noneq.pde.equation import PDE
from noneq.pde.quadratic_flow import quadratic_numbers
from noneq.pde.smoothing import cutoff, judged
from noneq.pde.spectra import parts_of_density
from noneq.pde.terms import Term


class Evolved(NamedTuple):
    """Fields after time t.

    Attributes:
        density: p, of the grid's shape.
        flux: p v, component first.
        source: R, of the grid's shape.
    """

    density: np.ndarray
    flux: np.ndarray
    source: np.ndarray


class _Waves(NamedTuple):
    vectors: list[np.ndarray]
    k: np.ndarray
    q: np.ndarray


@checked
def evolve(pde: PDE, density: Numbers, box: float, t: float) -> Evolved:
    """The density flow on a periodic grid of side ``box``, by Fourier transform.

    Advection runs along the first axis. Where waves below a cut-off do not decay (Helmholtz), the
    mean is held at its value. Complex PDEs start from phi = sqrt(density).

    Args:
        pde: the PDE.
        density: initial density on the grid, one axis for each dimension.
        box: side of the periodic box.
        t: time, from 0 on.

    Raises:
        InvalidInput: a density of another dimension, with NaN, or negative where phi is its root;
            box <= 0 or t < 0.
    """
    density = np.asarray(density, float)
    _check(pde, density, box, t)
    waves = _waves(density.shape, box)
    if is_quadratic(pde):
        return _quadratic(pde, density, waves, t)
    start = np.fft.fftn(density)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        parts = parts_of_density(pde, waves.k, t, waves.q)
        rates = roots(pde, waves.k, waves.q)
        flow = linear_flow(pde)
        sums = [np.zeros(density.shape, complex) for _ in range(4)]
        for rate, part in zip(rates, parts, strict=False):
            whole = _applied(flow.density, waves, rate)
            phi = np.where(whole == 0, 0, part * start / np.where(whole == 0, 1, whole))
            fields = (part * start, *(_applied(f, waves, rate) * phi for f in flow[1:]))
            sums = [total + field for total, field in zip(sums, fields, strict=True)]
    flat = (0,) * pde.dim
    if 0 < cutoff(judged(pde)) < np.inf and roots(pde, 0.0)[judged(pde).index].imag != 0:
        sums[0][flat] = start[flat]
        for total in sums[1:]:
            total[flat] = 0
    p, gradients, drifts, sources = sums
    flux = [1j * component * gradients for component in waves.vectors]
    flux[0] = flux[0] + drifts
    return Evolved(_real(p), np.stack([_real(component) for component in flux]), _real(sources))


def _quadratic(pde: PDE, density: np.ndarray, waves: _Waves, t: float) -> Evolved:
    if density.min() < 0:
        raise InvalidInput("the density has negative values; phi = sqrt(density) needs none.")
    start = np.fft.fftn(np.sqrt(density)) * np.exp(roots(pde, waves.k, waves.q)[0] * t)
    phi = np.fft.ifftn(start)
    slopes = np.stack([np.fft.ifftn(1j * component * start) for component in waves.vectors])
    p, squares = abs(phi) ** 2, (abs(slopes) ** 2).sum(0)
    numbers = quadratic_numbers(pde)
    overlap = np.conj(phi) * slopes
    flux = numbers.current * overlap.imag + 2 * numbers.spreading * overlap.real
    flux[0] += numbers.drift * p
    source = numbers.dissipation * squares + numbers.growth * p
    for coefficient, term in numbers.others:
        operated = np.fft.ifftn(_symbol(term, waves) * start)
        source = source + 2 * (coefficient * np.conj(phi) * operated).real
    return Evolved(p, flux, source)


def _applied(terms: tuple[Term, ...], waves: _Waves, rate: np.ndarray) -> np.ndarray:
    total = np.zeros(waves.k.shape, complex)
    for term in terms:
        total += term.value * rate**term.shape.time * _power(waves.k, term)
    return total


def _power(k: np.ndarray, term: Term) -> np.ndarray:
    exponent = 2 * term.shape.laps + term.power
    safe = np.where(k == 0, 1, k)
    return (-1) ** term.shape.laps * np.where(k == 0, float(exponent == 0), safe**exponent)


def _symbol(term: Term, waves: _Waves) -> np.ndarray:
    return _power(waves.k, term) * (1j * waves.q) ** term.shape.grads


def _waves(shape: tuple[int, ...], box: float) -> _Waves:
    axes = [2 * np.pi * np.fft.fftfreq(n, box / n) for n in shape]
    vectors = list(np.meshgrid(*axes, indexing="ij"))
    return _Waves(vectors, np.sqrt(sum(v**2 for v in vectors)), vectors[0])


def _real(transformed: np.ndarray) -> np.ndarray:
    return np.fft.ifftn(transformed).real


def _check(pde: PDE, density: np.ndarray, box: float, t: float) -> None:
    if density.ndim != pde.dim or density.size == 0:
        raise InvalidInput(
            f"the density has shape {density.shape} and the PDE dim {pde.dim}; give one axis for "
            "each dimension."
        )
    if not np.all(np.isfinite(density)):
        raise InvalidInput("the density has NaN or infinite values; give finite ones.")
    if not 0 < box < np.inf:
        raise InvalidInput(f"box is {box:g}; give a positive side.")
    if not 0 <= t < np.inf:
        raise InvalidInput(f"t is {t:g}; give a time from 0 on.")

"""The friction kernel as a picture: correlations of the record, inverted lag by lag."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from noneq.data.ensembles import Trajectories
from noneq.display import Card
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.inference.memory.even_paths import even_step, moves, one_coordinate
from noneq.needs import observable
from noneq.statistics.jackknife import jackknife


_LAGS, _BLOCKS = 60, 6
_FREQUENCIES = 41
_Z = 3.0


@dataclass(frozen=True, repr=False)
class VolterraKernel:
    """Outcome of `volterra_kernel`.

    Attributes:
        kernel: K, per time², with its error at each of ``times``.
        spectrum: ∫ K(t) cos ωt dt over these times; its ``times`` are the angular frequencies ω.
        frequency: of the trap, from ⟨v²⟩ and ⟨x²⟩; 0 where no trap was assumed.
    """

    kernel: Estimate
    spectrum: Estimate
    frequency: float

    @property
    def passive(self) -> bool:
        """Whether the spectrum is nowhere below zero by three standard errors.

        A noise with ⟨R(t) R(0)⟩ = kT K(t) exists only if the spectrum is nowhere negative.
        """
        return bool((self.spectrum.value > -_Z * self.spectrum.stderr).all())

    @property
    def sentence(self) -> str:
        """The check in one line."""
        if self.passive:
            return "kernel: passive within its errors"
        worst = int(np.argmin(self.spectrum.value / self.spectrum.stderr))
        assert self.spectrum.times is not None
        return (
            f"kernel: NOT passive at the angular frequency {self.spectrum.times[worst]:.3g} "
            f"({self.spectrum[worst]}): no equilibrium noise has it; errors of the positions, a force "
            "that is not harmonic or an active motion do this"
        )

    def __str__(self) -> str:
        """`sentence`."""
        return self.sentence

    def __repr__(self) -> str:
        """The sentence, and the first values."""
        return self.card().text()

    def _repr_html_(self) -> str:
        """The same, for notebooks."""
        return self.card().html()

    def card(self) -> Card:
        """What prompts and notebooks show."""
        facts = [("kernel", f"{self.kernel}"), ("trap", f"angular frequency {self.frequency:.4g}")]
        return Card(self.sentence, facts)


@observable("values", more=("step",), number=False)
def volterra_inversion(
    correlation: Float[np.ndarray, " T"], step: float, frequency: float = 0.0
) -> Float[np.ndarray, " lags"]:
    """K at the lags 0, h, 2h, …, from the correlation C(t) = ⟨v(t) v(0)⟩ at lags 0, h, 2h, ….

    **Equation**: C(0) − C(t) − w0² ∫_0^t (t − s) C(s) ds = ∫_0^t G(t − s) C(s) ds with G = ∫_0^t K, by
    the trapezoid rule lag by lag, and K = dG/dt by central differences, in which the alternating error
    of the rule cancels; K(0) is extrapolated. No derivative of C is needed. Friction that forgets
    makes G jump at 0, and the first values of K stand for it.

    Args:
        correlation: C, (T,) ≥ 4 values.
        step: h.
        frequency: w0 of a harmonic trap, angular; 0 without one.

    Returns:
        (T − 1,) at times 0, h, …, (T − 2) h.

    Raises:
        InvalidInput: fewer than four values, C(0) ≤ 0, a step that is not positive.

    Source: Kowalik, Daldrop, Kappler, Schulz, Schlaich and Netz, Phys. Rev. E 100, 012126 (2019).
    """
    c = np.asarray(correlation, np.float64)
    if c.ndim != 1 or c.size < 4 or not (np.isfinite(c).all() and c[0] > 0 and step > 0):
        raise InvalidInput(
            f"volterra_inversion: correlation of shape {c.shape}, step = {step}; expected a vector of "
            "at least 4 finite values, the first > 0, and a step > 0."
        )
    h = float(step)
    trapezoid = lambda values: (
        h * np.concatenate([[0.0], np.cumsum((values[1:] + values[:-1]) / 2)])
    )
    left = c[0] - c - frequency**2 * trapezoid(trapezoid(c))
    G = np.zeros(c.size)
    for i in range(1, c.size):
        G[i] = (left[i] / h - G[1:i] @ c[i - 1 : 0 : -1]) * 2 / c[0]
    later = (G[2:] - G[:-2]) / (2 * h)
    return np.concatenate([[2 * later[0] - later[1]], later])


@observable("trajectories", number=False)
def volterra_kernel(
    trajectories: Trajectories, *, longest: float | None = None, trap: bool = True
) -> VolterraKernel:
    """The kernel of x'' = −w0² x − ∫ K(t − s) v(s) ds + R without a form, and its error band.

    **Equation**: `volterra_inversion` of the correlation of the displacements (x_{i+1} − x_i)/h with
    w0² = ⟨v²⟩/⟨x²⟩; errors by a jackknife over paths, of fewer than six over long pieces of them.
    It is a picture: velocities are differences, so that K is smeared over a step h, and errors of the
    positions enter as h^{−2}. `noneq.methods.GeneralisedLangevin` has neither fault.

    Args:
        trajectories: positions of one free coordinate at even steps, with a mask for gaps.
        longest: last lag; None is 60 steps, or a quarter of the record if that is less.
        trap: whether there is a harmonic trap about the mean.

    Returns:
        `VolterraKernel`.

    Raises:
        InvalidInput: uneven steps, several coordinates, no motion, or a record too short for the lag.
    """
    name = "volterra_kernel"
    h = even_step(trajectories, name)
    x = one_coordinate(trajectories, name)
    move, both = moves(trajectories)
    v, seen = move[:, :, 0] / h, trajectories.observed
    count = v.shape[1]
    lags = min(_LAGS, count // 4) if longest is None else round(longest / h)
    if not 3 <= lags <= count // 2:
        raise InvalidInput(
            f"{name}: {lags} lags of {h:g} in {count + 1} frames; expected 3 to {count // 2}. Give longer "
            "paths or another longest."
        )
    products, pairs = np.zeros((lags + 1, *v.shape)), np.zeros((lags + 1, *v.shape))
    for k in range(lags + 1):
        products[k, :, : count - k] = v[:, k:] * v[:, : count - k]
        pairs[k, :, : count - k] = both[:, k:] & both[:, : count - k]
    squares, states = (x**2)[:, :-1], seen[:, :-1] * 1.0
    parts = [_blocks(part) for part in (products, pairs, squares[None], states[None])]
    times = np.arange(lags) * h
    omega = np.linspace(0.0, np.pi / (4 * h), _FREQUENCIES)
    cosines = h * np.cos(omega[:, None] * times)
    cosines[:, 0] /= 2

    def found(products: np.ndarray, pairs: np.ndarray, squares: np.ndarray, states: np.ndarray):
        c = products / np.maximum(pairs, 1.0)
        rate2 = c[0] / (squares[0] / states[0]) if trap else 0.0
        kernel = volterra_inversion(c, h, float(np.sqrt(rate2)))
        return np.concatenate([kernel, cosines @ kernel, [np.sqrt(rate2)]])

    value, _, error = jackknife(found, parts)
    n = np.asarray(float(pairs[0].sum()))
    at = lambda part, where: Estimate(value[part], error[part], n, times=where)
    return VolterraKernel(at(slice(0, lags), times), at(slice(lags, -1), omega), float(value[-1]))


def _blocks(part: np.ndarray) -> np.ndarray:
    """Sums (blocks, q) of a part (q, n, S) over paths, of few paths over long pieces of each.

    Short pieces would count what leaves one and enters the next as noise.
    """
    pieces = -(-_BLOCKS // part.shape[1])
    sums = [piece.sum(2) for piece in np.array_split(part, pieces, axis=2)]
    return np.concatenate(sums, axis=1).T

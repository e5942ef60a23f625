"""Recipes of the functions that a drift is a sum of."""

import itertools
from abc import abstractmethod

import numpy as np

from noneq.data.summary import Summary
from noneq.errors import InvalidInput
from noneq.kinds import AbstractChecked
from noneq.methods.dynamics.bases import (
    AbstractBasis,
    BellBasis,
    MonomialBasis,
    TermBasis,
    WaveBasis,
)
from noneq.nets.vectors.polynomial import monomials
from noneq.symbolic.expression import Expression


_MOST = 2_000


class AbstractFunctions(AbstractChecked):
    """Recipe of an `AbstractBasis`."""

    @abstractmethod
    def basis(self, summary: Summary) -> AbstractBasis:
        """The functions for such data.

        Raises:
            InvalidInput: too many functions, or a domain that they do not fit.
        """


class Polynomials(AbstractFunctions):
    """Products of powers of the coordinates up to a total degree.

    Args:
        degree: largest sum of the powers, 1 to 12.
        centred: powers of x − mean, for data that lie far from zero.
    """

    degree: int = 3
    centred: bool = False

    def __check_init__(self) -> None:
        if not 1 <= self.degree <= 12:
            raise InvalidInput(f"Polynomials: degree = {self.degree}; expected 1 to 12.")

    def basis(self, summary: Summary) -> MonomialBasis:
        if summary.periods:
            raise InvalidInput(
                "Polynomials: a power of an angle jumps at the end of its period; use "
                "library=Harmonics (command line: --set library=Harmonics)."
            )
        powers = monomials(summary.dim, self.degree, "Polynomials", _MOST)
        shift, scale = (_spread(part, summary) for part in (summary.shift, summary.scale))
        if self.centred:
            return MonomialBasis(powers, shift, scale)
        return MonomialBasis(powers, np.zeros_like(shift), np.hypot(shift, scale))


class Harmonics(AbstractFunctions):
    """1, cos(k·x) and sin(k·x): exact on tori, a Fourier series of a box around other data.

    Args:
        order: largest sum of the orders |n_i| of a wave vector k_i = 2π n_i/period_i.
        width: period of a coordinate that has none, in standard deviations of the data.
    """

    order: int = 2
    width: float = 8.0

    def __check_init__(self) -> None:
        if not (1 <= self.order <= 20 and self.width > 0):
            raise InvalidInput(
                f"Harmonics: order = {self.order}, width = {self.width}; expected an order of 1 to "
                "20 and a positive width."
            )

    def basis(self, summary: Summary) -> WaveBasis:
        scale = _spread(summary.scale, summary)
        periods = np.asarray(summary.periods or (0.0,) * summary.dim)
        length = np.where(periods > 0, periods, self.width) * scale
        orders = range(-self.order, self.order + 1)
        if (2 * self.order + 1) ** summary.dim > 500 * _MOST:
            raise _many("Harmonics", summary)
        found = [
            n
            for n in itertools.product(orders, repeat=summary.dim)
            if 0 < sum(map(abs, n)) <= self.order and n > (0,) * summary.dim
        ]
        if len(found) > _MOST // 2:
            raise _many("Harmonics", summary)
        found.sort(key=lambda n: (sum(map(abs, n)), tuple(-i for i in n)))
        return WaveBasis(2 * np.pi * np.asarray(found) / length)


class Bells(AbstractFunctions):
    """1 and Gaussians on a grid over the data, mean ± 2 standard deviations, one spacing wide.

    Args:
        count: Gaussians along each coordinate.
    """

    count: int = 5

    def __check_init__(self) -> None:
        if not 2 <= self.count <= 200:
            raise InvalidInput(f"Bells: count = {self.count}; expected 2 to 200.")

    def basis(self, summary: Summary) -> BellBasis:
        if summary.dim * np.log(self.count) > np.log(_MOST):
            raise _many("Bells", summary)
        if summary.periods:
            raise InvalidInput("Bells: use library=Harmonics for periodic coordinates.")
        shift, scale = (_spread(part, summary) for part in (summary.shift, summary.scale))
        line = np.linspace(-2, 2, self.count)
        grid = np.stack(np.meshgrid(*(line,) * summary.dim, indexing="ij"), -1)
        centres = shift + scale * grid.reshape(-1, summary.dim)
        return BellBasis(centres, scale * (line[1] - line[0]))


class Terms(AbstractFunctions):
    """Your own functions, as text: ``Terms(("1", "x", "sin(y)"))``.

    Args:
        texts: as `noneq.models.Expression` reads them, in the names of the data's coordinates.
    """

    texts: tuple[str, ...] = ("1", "x")

    def __check_init__(self) -> None:
        if not self.texts or len(set(self.texts)) < len(self.texts):
            raise InvalidInput(f"Terms: texts = {self.texts}; expected different functions.")

    def basis(self, summary: Summary) -> TermBasis:
        names = names_of(summary)
        made = lambda text: None if text.strip() == "1" else Expression(text, names)
        return TermBasis(tuple(made(text) for text in self.texts))


def names_of(summary: Summary) -> tuple[str, ...]:
    """One identifier per number of a state; those of the data where they are identifiers."""
    return identifiers(summary.names, summary.dim)


def identifiers(names: tuple[str, ...], dim: int) -> tuple[str, ...]:
    """The names, or x0, x1, … where they are no identifiers or not one for each number."""
    if len(names) == dim and all(name.isidentifier() for name in names):
        return names
    return tuple(f"x{i}" for i in range(dim))


def _spread(values: tuple[float, ...], summary: Summary) -> np.ndarray:
    """One number for every number of a flattened state."""
    return np.repeat(np.asarray(values, np.float64), summary.dim // len(values))


def _many(name: str, summary: Summary) -> InvalidInput:
    return InvalidInput(
        f"{name}: more than {_MOST:,} functions of {summary.dim} coordinates; take fewer, or keep "
        "fewer components of the state."
    )

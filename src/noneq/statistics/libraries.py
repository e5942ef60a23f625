"""Libraries of functions that drifts, velocities and diffusivities are expanded in."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from noneq.data.ensembles import Trajectories
from noneq.domains import periods_of
from noneq.errors import InvalidInput


Rows: TypeAlias = Float[np.ndarray, "N dim"]
Values: TypeAlias = Float[np.ndarray, "N functions"]
Slopes: TypeAlias = Float[np.ndarray, "N functions dim"]


class AbstractLibrary(eqx.Module):
    """Functions b_1(x) … b_p(x) of a state, on the host in float64."""

    @abstractmethod
    def values(self, x: Rows) -> Values:
        """b_j at every state, ``(N, p)``."""

    @abstractmethod
    def gradients(self, x: Rows) -> Slopes:
        """∂_i b_j at every state, ``(N, p, dim)``."""

    @abstractmethod
    def sizes(self, dim: int) -> tuple[int, ...]:
        """Numbers p of the libraries that are its beginnings, rising; the last is its own."""


class Polynomial(AbstractLibrary):
    """Products of powers z^k up to a total degree, z = (x − centre)/scale; the first function is 1.

    A coordinate with a period enters by cos kθ and sin kθ instead, θ = 2π x/period, whose degree is
    k, so that the same class serves tori and mixed domains.

    Args:
        degree: largest sum of the powers in one function.
        centre, scale: of every coordinate; empty is 0 and 1.
        period: of every coordinate, 0 for none; empty if none is periodic.

    Raises:
        InvalidInput: a negative degree, or a scale that is not positive.
    """

    degree: int = 1
    centre: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    period: tuple[float, ...] = ()

    def __check_init__(self) -> None:
        if self.degree < 0 or not all(s > 0 for s in self.scale):
            raise InvalidInput(
                f"Polynomial: degree = {self.degree}, scale = {self.scale}; expected a degree from "
                "0 on and positive scales."
            )

    def values(self, x: Rows) -> Values:
        periods = _periods(self, x.shape[1])
        lines, _ = _lines(self, x, periods, slopes=False)
        return _products(lines, _terms(self.degree, periods > 0)).T

    def gradients(self, x: Rows) -> Slopes:
        periods = _periods(self, x.shape[1])
        lines, slopes = _lines(self, x, periods, slopes=True)
        terms = _terms(self.degree, periods > 0)
        found = np.zeros((x.shape[1], len(terms), len(x)))
        for j, term in enumerate(terms):
            for place, (i, k) in enumerate(term):
                rest = term[:place] + term[place + 1 :]
                found[i, j] = slopes[i][k] * _products(lines, [rest])[0]
        return found.transpose(2, 1, 0)

    def sizes(self, dim: int) -> tuple[int, ...]:
        periodic = _periods(self, dim) > 0
        weights = [_weight(term, periodic) for term in _terms(self.degree, periodic)]
        return tuple(int(np.sum(np.asarray(weights) <= k)) for k in range(self.degree + 1))


class Radial(AbstractLibrary):
    """1 and Gaussians exp(−|x − c|²/2 width²) about centres.

    Args:
        centres: tuple of states.
        width: in the data's unit.

    Raises:
        InvalidInput: no centre, or a width that is not positive.
    """

    centres: tuple[tuple[float, ...], ...]
    width: float

    def __check_init__(self) -> None:
        if not self.centres or not self.width > 0:
            raise InvalidInput(
                f"Radial: {len(self.centres)} centres, width = {self.width}; expected at least one "
                "centre and a positive width."
            )

    def values(self, x: Rows) -> Values:
        away = x[:, None, :] - np.asarray(self.centres)
        bells = np.exp(-(away**2).sum(-1) / (2 * self.width**2))
        return np.concatenate([np.ones((len(x), 1)), bells], axis=1)

    def gradients(self, x: Rows) -> Slopes:
        away = x[:, None, :] - np.asarray(self.centres)
        slopes = -away / self.width**2 * self.values(x)[:, 1:, None]
        return np.concatenate([np.zeros((len(x), 1, x.shape[1])), slopes], axis=1)

    def sizes(self, dim: int) -> tuple[int, ...]:
        return (1, 1 + len(self.centres))


class Functions(AbstractLibrary):
    """The user's own functions of one state, written with `jax.numpy`; gradients by JAX.

    Args:
        functions: each takes ``(dim,)`` and returns a number.
    """

    functions: tuple[Callable[[Any], Any], ...] = eqx.field(static=True)

    def values(self, x: Rows) -> Values:
        return self._each(x, lambda function: function)

    def gradients(self, x: Rows) -> Slopes:
        return self._each(x, jax.grad)

    def sizes(self, dim: int) -> tuple[int, ...]:
        return (len(self.functions),)

    def _each(self, x: Rows, of: Callable[[Callable], Callable]) -> np.ndarray:
        states = jnp.asarray(x)
        found = [np.asarray(jax.vmap(of(f))(states), np.float64) for f in self.functions]
        return np.stack(found, axis=1)


Term: TypeAlias = tuple[tuple[int, int], ...]
"""A product: (coordinate, number of its function of one variable), by coordinate."""


def on_domain(library: AbstractLibrary, trajectories: Trajectories) -> AbstractLibrary:
    """The library with the periods of the data, where it is of polynomials that state none."""
    periods = periods_of(trajectories.domain, trajectories.event_shape).ravel()
    if isinstance(library, Polynomial) and not library.period and periods.any():
        return replace(library, period=tuple(periods.tolist()))
    return library


def _periods(library: Polynomial, dim: int) -> Float[np.ndarray, " dim"]:
    return _of_each(library.period, dim, 0.0, "period")


def _lines(
    library: Polynomial, x: Rows, periods: Float[np.ndarray, " dim"], *, slopes: bool
) -> tuple[list[list[np.ndarray]], list[list[np.ndarray]]]:
    """Functions of each coordinate alone (constant first), and their derivatives."""
    dim = x.shape[1]
    centre = _of_each(library.centre, dim, 0.0, "centre")
    scale = _of_each(library.scale, dim, 1.0, "scale")
    lines: list[list[np.ndarray]] = []
    rises: list[list[np.ndarray]] = []
    for column, c, s, period in zip(x.T, centre, scale, periods, strict=True):
        line, rise = [np.ones(len(x))], [np.zeros(len(x))]
        for k in range(1, library.degree + 1):
            if period:
                rate = 2 * np.pi * k / period
                cos, sin = np.cos(rate * column), np.sin(rate * column)
                line += [cos, sin]
                rise += [-rate * sin, rate * cos] if slopes else []
            else:
                line.append(line[1] * line[-1] if k > 1 else (column - c) / s)
                rise += [k / s * line[k - 1]] if slopes else []
        lines.append(line)
        rises.append(rise)
    return lines, rises


def _terms(degree: int, periodic: Bool[np.ndarray, " dim"]) -> list[Term]:
    """All products up to a total degree, the constant first, ordered by degree."""
    return _listed_terms(degree, tuple(periodic.tolist()))


@lru_cache(maxsize=64)
def _listed_terms(degree: int, periodic: tuple[bool, ...]) -> list[Term]:
    found: list[Term] = []

    def grow(term: Term, first: int, left: int) -> None:
        found.append(term)
        for i in range(first, len(periodic)):
            for k in range(1, (2 * left if periodic[i] else left) + 1):
                grow((*term, (i, k)), i + 1, left - ((k + 1) // 2 if periodic[i] else k))

    grow((), 0, degree)
    marks = np.asarray(periodic)
    return sorted(found, key=lambda term: (_weight(term, marks), term))


def _weight(term: Term, periodic: Bool[np.ndarray, " dim"]) -> int:
    """Total degree; two functions share that of a harmonic."""
    return sum((k + 1) // 2 if periodic[i] else k for i, k in term)


def _products(lines: list[list[np.ndarray]], terms: list[Term]) -> np.ndarray:
    """(terms, N): each from the product with one factor less where that is there."""
    found = np.empty((len(terms), len(lines[0][0])))
    place: dict[Term, int] = {}
    for j, term in enumerate(terms):
        place[term] = j
        if not term:
            found[j] = 1.0
            continue
        i, k = term[-1]
        parent = place.get(term[:-1])
        if parent is not None:
            np.multiply(found[parent], lines[i][k], out=found[j])
        else:
            found[j] = np.prod([lines[i][k] for i, k in term], axis=0)
    return found


def _of_each(given: tuple[float, ...], dim: int, default: float, name: str) -> np.ndarray:
    if not given:
        return np.full(dim, default)
    if len(given) != dim:
        raise InvalidInput(
            f"Polynomial: {name} has {len(given)} entries for states of {dim} coordinates; give "
            "one for each."
        )
    return np.asarray(given)

"""Invariance tested against functions: linear in the field, and without a score."""

import math
from typing import NamedTuple

import numpy as np
import scipy.linalg
from jaxtyping import Float

from noneq.nets.vectors.polynomial import monomials


_TOGETHER = 2**22
_LEAST = 1e-9


class WeakForm(NamedTuple):
    """Quadratic forms of the coefficients c ``(terms·dim,)`` of v = Σ c_mi φ_m e_i.

    Attributes:
        defect: c·A c = Σ_k ⟨v·∇f_k⟩², f_k with ⟨∇f_k·∇f_l⟩ = δ_kl.
        power: c·B c = ⟨|v|²⟩.
    """

    defect: Float[np.ndarray, "size size"]
    power: Float[np.ndarray, "size size"]


class Library:
    """Monomials of a field, and monomials that its invariance is tested against.

    Args:
        dim: variables.
        degree: of the field's monomials.
        tests: of the test functions, above ``degree``; None takes 2 degree + 3, or what ``most``
            allows.
        most: number of test functions.
        name: of the caller.

    Raises:
        InvalidInput: too many monomials.
    """

    def __init__(self, dim: int, degree: int, tests: int | None, *, most: int, name: str):
        if tests is None:
            tests = 2 * degree + 3
            while tests > degree + 1 and math.comb(dim + tests, tests) > most:
                tests -= 1
        self.dim = dim
        self.powers = monomials(dim, degree, name)
        self.tests = monomials(dim, tests, f"{name} (test functions)", most)
        place = {tuple(row): k for k, row in enumerate(self.tests.tolist())}
        wider = (0,) * (tests - degree)
        self._own = np.array([place[wider + tuple(row)] for row in self.powers.tolist()])
        self._count = np.stack([np.sum(self.tests == i + 1, axis=1) for i in range(dim)], axis=1)
        self._below = np.zeros((len(self.tests), dim), int)
        for k, i in np.argwhere(self._count > 0):
            row = self.tests[k].tolist()
            row.remove(i + 1)
            self._below[k, i] = place[(0, *row)]

    def moments(self, y: Float[np.ndarray, "n dim"]) -> Float[np.ndarray, "tests tests"]:
        """Means of all products of two monomials, in double precision."""
        size = max(1, _TOGETHER // len(self.tests))
        total = np.zeros((len(self.tests),) * 2)
        for i in range(0, len(y), size):
            values = monomial_rows(y[i : i + size], self.tests)
            total += values.T @ values
        return total / len(y)

    def weak_form(self, moments: Float[np.ndarray, "tests tests"]) -> WeakForm:
        """The forms whose smallest quotient belongs to the field that keeps the law best.

        **Equation**: ⟨v·∇f⟩ = 0 for every f if v keeps p: it is −⟨f r⟩, r = div v + v·∇ log p, so that
        the defect is the part of ⟨r²⟩ that the test functions see. Their norm ⟨|∇f|²⟩ is, up to a
        factor, the variance of v·∇f for a v of random direction: the sampling error is then alike for
        all of them.
        """
        flux, stiffness = [], 0.0
        for count, below in zip(self._count.T[:, 1:], self._below.T[:, 1:], strict=True):
            flux.append(count[:, None] * moments[np.ix_(below, self._own)])
            stiffness = stiffness + np.outer(count, count) * moments[np.ix_(below, below)]
        norms = np.sqrt(np.diagonal(stiffness))
        values, vectors = np.linalg.eigh(stiffness / np.outer(norms, norms))
        kept = values > _LEAST * values[-1]
        whitening = (vectors[:, kept] / np.sqrt(values[kept])).T / norms
        seen = whitening @ np.stack(flux, axis=-1).reshape(len(norms), -1)
        power = moments[np.ix_(self._own, self._own)]
        return WeakForm(seen.T @ seen, np.kron(power, np.eye(self.dim)))


def least_quotient(
    form: WeakForm, basis: Float[np.ndarray, "size free"]
) -> tuple[np.ndarray, np.ndarray]:
    """Minimum of c·A c/c·B c over c = basis θ.

    Returns:
        The six least stationary values, the least first, and the minimiser with c·B c = 1.
    """
    defect, power = (basis.T @ part @ basis for part in form)
    ridge = 1e-13 * np.trace(power) / len(power) * np.eye(len(power))
    some = [0, min(6, len(power)) - 1]
    values, vectors = scipy.linalg.eigh(defect, power + ridge, subset_by_index=some)
    return values, basis @ vectors[:, 0]


def monomial_rows(
    y: Float[np.ndarray, "n dim"], powers: np.ndarray
) -> Float[np.ndarray, "n terms"]:
    """Values of `nets.polynomial.monomials`."""
    wide = np.concatenate([np.ones((len(y), 1)), y], axis=1)
    return np.prod([wide[:, column] for column in powers.T], axis=0)

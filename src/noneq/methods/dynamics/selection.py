"""Which terms of a library the data support: selection by an information criterion."""

import numpy as np
from jaxtyping import Bool

from noneq.methods.dynamics.equations import AbstractEquations
from noneq.statistics.gram import solve


_MOST_FROM_ALL = 120
"""Functions of a library up to which the search also starts from all of them."""


def supported(equations: AbstractEquations, level: float) -> Bool[np.ndarray, "p dim"]:
    """The terms of every coordinate, by the largest value of the criterion PASTIS that is found.

    **Equation**: I(S) − |S| log(p/level): log-likelihood, less what the best of p functions without
    meaning would gain; I(S) = c_Sᵀ G_SS^{-1} c_S/(4 D) for least squares.

    The search adds, takes out and exchanges single terms as long as I grows, from no term and from
    all of them.

    Source: Gerardos and Ronceray 2025 (PASTIS).
    """
    functions, dim = equations.shape
    price = float(np.log(functions * dim / level))
    found = np.zeros(functions * dim, bool)
    for places, gram, right in equations.gains:
        scale = np.sqrt(np.maximum(np.diag(gram), 1e-300))
        search = _Search(gram / scale / scale[:, None], right / scale, price)
        starts = [np.zeros(len(places), bool)]
        starts += [np.ones(len(places), bool)] if len(places) <= _MOST_FROM_ALL else []
        found[places] = max((search.climb(start) for start in starts), key=search.score)
    return found.reshape(functions, dim)


class _Search:
    """Single steps through supports, each of which raises the criterion."""

    def __init__(self, gram: np.ndarray, right: np.ndarray, price: float):
        self.gram, self.right, self.price = gram, right, price

    def score(self, keep: Bool[np.ndarray, " p"]) -> float:
        """I of a support."""
        if not keep.any():
            return 0.0
        some = self.gram[np.ix_(keep, keep)]
        value = self.right[keep] @ solve(some, self.right[keep, None])[:, 0]
        return float(value) - self.price * int(keep.sum())

    def climb(self, keep: Bool[np.ndarray, " p"]) -> Bool[np.ndarray, " p"]:
        """The support at which no step helps."""
        keep = keep.copy()
        for _ in range(4 * len(keep)):
            if not (self._remove(keep) or self._add(keep) or self._exchange(keep)):
                break
        return keep

    def _remove(self, keep: np.ndarray) -> bool:
        if not keep.any():
            return False
        inverse = np.linalg.pinv(self.gram[np.ix_(keep, keep)], hermitian=True)
        theta = inverse @ self.right[keep]
        losses = theta**2 / np.maximum(np.diag(inverse), 1e-300)
        k = int(np.argmin(losses))
        if losses[k] < self.price:
            keep[np.flatnonzero(keep)[k]] = False
            return True
        return False

    def _add(self, keep: np.ndarray) -> bool:
        gains = self._gains(keep)
        k = int(np.argmax(gains))
        if gains[k] > self.price:
            keep[k] = True
            return True
        return False

    def _exchange(self, keep: np.ndarray) -> bool:
        now = self.score(keep)
        for k in np.flatnonzero(keep):
            other = keep.copy()
            other[k] = False
            gains = self._gains(other)
            other[int(np.argmax(gains))] = True
            if not other[k] and self.score(other) > now + 1e-6:
                keep[:] = other
                return True
        return False

    def _gains(self, keep: np.ndarray) -> np.ndarray:
        """What each further function adds to the log-likelihood."""
        if not keep.any():
            return self.right**2 / np.diag(self.gram)
        rows = solve(self.gram[np.ix_(keep, keep)], self.gram[keep])
        rest = np.diag(self.gram) - np.einsum("sk,sk->k", self.gram[keep], rows)
        slope = self.right - self.right[keep] @ rows
        # What lies in the span of the others to rounding adds nothing.
        return np.where(keep | (rest < 1e-8), 0.0, slope**2 / np.maximum(rest, 1e-300))

"""Which terms of a library the data support: selection by an information criterion."""

import numpy as np
from jaxtyping import Bool
from scipy import special

from noneq.methods.dynamics.equations import AbstractEquations
from noneq.statistics.gram import solve


_MOST_FROM_ALL = 120
"""Functions of a library up to which the search also starts from all of them."""


def supported(equations: AbstractEquations, level: float) -> Bool[np.ndarray, "p dim"]:
    """The terms S that make I(S) − |S| price largest, I the gain of log-likelihood.

    **Equation**: I(S) = c_Sᵀ G_SS^{-1} c_S/(4 D) for least squares. The price is the larger one of

    - q/2, q the quantile of χ² (one degree of freedom) that is exceeded with chance level/p: 2I of a
      term without meaning has this law, and so the best of p such terms pays with chance level;
    - ln(p/k) + ½ ln(1 + 2I/k), of the k terms that the first price finds: a term of usual size
      has to be more probable than none. It grows with the record, so that in the end no false term
      is left.

    PASTIS takes ln(p/level) in place of q/2, which is a chance of about level/4 and misses more.

    The search adds, takes out and exchanges single terms as long as this grows, from no term and
    from all of them.

    Source: Gerardos and Ronceray 2025 (PASTIS); George and Foster 2000 and Scott and Berger 2010 (the
    second price); deviation: the quantile.
    """
    p = float(np.prod(equations.shape))
    price = float(special.chdtri(1, level / p)) / 2
    found, gain = _best(equations, price)
    k = int(found.sum())
    if k:
        usual = float(np.log(p / k) + np.log1p(2 * gain / k) / 2)
        if usual > price:
            found, _ = _best(equations, usual)
    return found


def _best(equations: AbstractEquations, price: float) -> tuple[Bool[np.ndarray, "p dim"], float]:
    """The support and its I at one price."""
    found, gain = np.zeros(int(np.prod(equations.shape)), bool), 0.0
    for places, gram, right in equations.gains:
        scale = np.sqrt(np.maximum(np.diag(gram), 1e-300))
        search = _Search(gram / scale / scale[:, None], right / scale, price)
        starts = [np.zeros(len(places), bool)]
        starts += [np.ones(len(places), bool)] if len(places) <= _MOST_FROM_ALL else []
        found[places] = keep = max((search.climb(start) for start in starts), key=search.score)
        gain += search.score(keep) + price * int(keep.sum())
    return found.reshape(equations.shape), gain


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

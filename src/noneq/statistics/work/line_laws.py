"""Boltzmann laws on a line by quadrature, and the monotone map from one law to another."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from noneq.errors import InvalidInput
from noneq.estimate import Estimate


_DEEP = 30.0
"""Of beta V above its least value, up to which states count: the rest weighs below 1e-12."""
_FAR = 1e3


@dataclass(frozen=True)
class LineLaw:
    """A density on a line, on equally spaced nodes.

    Attributes:
        x: ``(N,)`` nodes, rising.
        log_density: ``(N,)`` ln p, normalised by the trapezoidal rule.
        log_normaliser: ln ∫ e^{−beta V} dx of a Boltzmann law, of which −1/beta is the free energy.
    """

    x: np.ndarray
    log_density: np.ndarray
    log_normaliser: float = 0.0

    @property
    def weights(self) -> np.ndarray:
        """Probability of each node, adding up to 1."""
        return _trapezoid(self.x, np.exp(self.log_density))

    def cumulative(self) -> np.ndarray:
        """P(X ≤ x) at the nodes, from 0 to 1."""
        p = np.exp(self.log_density)
        parts = np.concatenate([[0.0], np.cumsum((p[1:] + p[:-1]) / 2 * np.diff(self.x))])
        return parts / parts[-1]

    def draw(self, n: int, seed: int) -> np.ndarray:
        """Samples ``(n,)`` in rising order, one in each n-th part of the probability (stratified).

        The mean of a function of them errs less than that of independent ones; `stratified_mean`
        gives its error.
        """
        u = (np.arange(n) + np.random.default_rng(seed).uniform(size=n)) / n
        return np.interp(u, self.cumulative(), self.x)


def stratified_mean(values: np.ndarray, **fields: Any) -> Estimate:
    """Mean of numbers that follow stratified states in their order, with its error.

    **Equation**: the variance of a stratum is half the squared difference of two neighbours, so that
    stderr² = Σ_pairs (w_{2k} − w_{2k+1})²/n² (collapsed strata, which never errs below on the average).

    Source: Cochran 1977, Sampling Techniques, section 5A.12.
    """
    values = np.asarray(values, np.float64)
    n = len(values) // 2 * 2
    pairs = values[:n].reshape(-1, 2)
    error = np.sqrt(np.sum((pairs[:, 0] - pairs[:, 1]) ** 2)) / n
    return Estimate(np.asarray(values.mean()), np.asarray(error), np.asarray(len(values)), **fields)


def boltzmann_line(
    potential: Callable[[np.ndarray], np.ndarray], beta: float, nodes: int = 2001
) -> LineLaw:
    """The law e^{−beta V}/Z on a line, between the points where it is e^{−30} of its greatest value.

    Args:
        potential: V of many points ``(N,)`` at once.
        beta: inverse temperature.
        nodes: N.

    Raises:
        InvalidInput: a potential that does not confine the state within ±1000.
    """
    x = _FAR * np.sinh(np.linspace(-9, 9, 4001)) / np.sinh(9)
    for _ in range(6):
        depth = beta * _finite(potential(x))
        depth -= depth.min()
        inside = np.flatnonzero(depth < _DEEP)
        low, high = max(inside[0] - 1, 0), min(inside[-1] + 1, x.size - 1)
        if abs(x[low]) >= _FAR or abs(x[high]) >= _FAR:
            raise InvalidInput(
                "the potential does not confine the state: it has no equilibrium law within ±1000; add "
                "a trap, or rescale the coordinate."
            )
        x = np.linspace(x[low], x[high], nodes)
        if inside.size > nodes / 2:
            break
    logs = -beta * _finite(potential(x))
    top = logs.max()
    total = top + np.log(_trapezoid(x, np.exp(logs - top), norm=False).sum())
    return LineLaw(x, logs - total, float(total))


def monotone_map(start: LineLaw, end: LineLaw) -> np.ndarray:
    """The rising map of ``start``'s nodes that carries its law into ``end``'s, ``(N,)``.

    **Equation**: T = F_end⁻¹ ∘ F_start, the optimal map for the squared distance. Both tails are
    matched from their own side, where the distribution function still resolves them.
    """
    below = _quantiles(np.log(_tiny(start.cumulative())), np.log(_tiny(end.cumulative())), end.x)
    left, right = _mirror(start), _mirror(end)
    above = -_quantiles(
        np.log(_tiny(left.cumulative())), np.log(_tiny(right.cumulative())), right.x
    )[::-1]
    return np.where(start.cumulative() < 0.5, below, above)


def squared_distance_of_laws(start: LineLaw, end: LineLaw) -> float:
    """W₂² of two laws on a line, by their quantiles."""
    levels = (np.arange(200_000) + 0.5) / 200_000
    x, y = (np.interp(levels, law.cumulative(), law.x) for law in (start, end))
    return float(np.mean((x - y) ** 2))


def _quantiles(levels: np.ndarray, known: np.ndarray, x: np.ndarray) -> np.ndarray:
    return np.interp(levels, known, x)


def _mirror(law: LineLaw) -> LineLaw:
    return LineLaw(-law.x[::-1], law.log_density[::-1])


def _tiny(levels: np.ndarray) -> np.ndarray:
    return np.maximum(levels, 1e-300)


def _trapezoid(x: np.ndarray, p: np.ndarray, norm: bool = True) -> np.ndarray:
    gaps = np.diff(x)
    weights = p * (np.concatenate([gaps, [0.0]]) + np.concatenate([[0.0], gaps])) / 2
    return weights / weights.sum() if norm else weights


def _finite(values: np.ndarray) -> np.ndarray:
    """Potentials with what is no number taken as far above."""
    found = np.asarray(values, np.float64)
    seen = np.isfinite(found)
    if not seen.any():
        raise InvalidInput("the potential is nowhere finite.")
    return np.where(seen, found, found[seen].max() + 1e6)

"""Standard error of an exponential mean with the rare works that were not drawn."""

import numpy as np
from jaxtyping import Float


_SHARE, _ROOTS = 0.2, 3.0
"""The tail: a fifth of the works, or three times the root of their number if that is less."""
_LEAST = 5
_PRIOR = 10.0
"""Tail works that the prior guess of the index, one half, counts as."""


def rare_works(
    works: Float[np.ndarray, " n"], draws: int, seed: int
) -> tuple[Float[np.ndarray, " draws"], float]:
    """−ln ⟨e^{−w}⟩ of works that are drawn again, the lowest ones from a law fitted to their tail.

    **Equation**: r = e^{−w} above a threshold u follows a generalised Pareto law
    P(r − u > y) = (1 + k y/s)^{−1/k}. A plain bootstrap never draws a work below the lowest one that
    was seen, on which the mean rests: its error is too small by half where few works count.

    Args:
        works: over kT.
        draws: bootstraps.
        seed: of the drawing.

    Returns:
        The values, and the index k: the variance of the mean is infinite from 1/2 on, and from about
        0.7 on no number of works that one can take is enough.

    Source: Zhang and Stephens 2009 (fit); Vehtari, Simpson, Gelman, Yao and Gabry 2024 (size of the
    tail, prior, meaning of k). The bootstrap is ours.
    """
    rng, n = np.random.default_rng(seed), works.size
    lowest = works.min()
    r = np.sort(np.exp(-(works - lowest)))
    count = max(_LEAST, int(min(_SHARE * n, _ROOTS * np.sqrt(n))))
    if n < 2 * count or r[-count] == r[-1]:
        return np.full(draws, lowest - np.log(r.mean())), 0.0
    body, tail = r[:-count], r[-count:]
    k, scale = _pareto(np.maximum(tail - body[-1], 1e-12 * r[-1]))
    many = rng.binomial(n, count / n, draws)
    # The body is bounded: its sum is normal.
    rest = n - many
    low = rest * body.mean() + np.sqrt(rest) * body.std() * rng.normal(size=draws)
    u = rng.random(int(many.sum()))
    above = -np.log(u) if abs(k) < 1e-8 else np.expm1(-k * np.log(u)) / k
    edges = np.concatenate([[0], np.cumsum(many)])
    sums = np.concatenate([[0.0], np.cumsum(scale * above)])
    high = many * body[-1] + np.diff(sums[edges])
    return lowest - np.log(np.maximum((low + high) / n, 1e-300)), k


def _pareto(excess: np.ndarray) -> tuple[float, float]:
    """Index and scale of a generalised Pareto law, by the quasi-Bayes estimate."""
    x, n = excess, excess.size
    tries = np.arange(1, 31 + int(np.sqrt(n)))
    quarter = x[int(n / 4 + 0.5) - 1]
    b = 1 / x[-1] + (1 - np.sqrt(tries.size / (tries - 0.5))) / (3 * quarter)
    shape = np.log1p(-b[:, None] * x).mean(1)
    likelihood = n * (np.log(-b / shape) - shape - 1)
    weight = np.exp(likelihood - likelihood.max())
    best = float(b @ weight / weight.sum())
    k = float(np.log1p(-best * x).mean())
    return (n * k + _PRIOR / 2) / (n + _PRIOR), -k / best

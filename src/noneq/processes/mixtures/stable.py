"""The density of the one-sided stable law, tabulated in log s."""

import functools
import math

import numpy as np


_SWITCH = 2.0


@functools.lru_cache(maxsize=16)
def stable_nodes(index: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes ln s and logarithmic weights of an integral over S, E e^{−uS} = e^{−u^index}.

    Args:
        index: in (0, 1).

    Returns:
        two arrays ``(nodes,)`` for the trapezoidal rule in ln s, which the smooth density makes
        exact to rounding.

    Source: Zolotarev 1986, eq. 2.5.1 with 2.3.16 (below s = 2); Pollard 1946 (series, above).
    """
    # Below the mode the density falls faster than any power, e^{−(1 − a) (a/s)^{a/(1−a)} ...}.
    power = index / (1 - index)
    low = -math.log(700.0 / ((1 - index) * index**power)) / power
    step = min(0.08, (1 - index) / 4)
    log_s = np.arange(low, min(80.0, 18.0 / index), step)
    s = np.exp(log_s)
    density = np.where(s < _SWITCH, _integral(np.minimum(s, _SWITCH), index), 0.0)
    far = s >= _SWITCH
    density[far] = _series(s[far], index)
    kept = density > 0
    log_weights = np.log(density[kept]) + log_s[kept] + math.log(step)
    return log_s[kept], log_weights


def _integral(s: np.ndarray, index: float) -> np.ndarray:
    power = 1 / (1 - index)
    nodes, weights = np.polynomial.legendre.leggauss(600)
    u = math.pi / 2 * (nodes + 1)
    a = (np.sin(index * u) ** index * np.sin((1 - index) * u) ** (1 - index) / np.sin(u)) ** power
    scale = s ** (-index * power)
    inner = (a * np.exp(-np.minimum(a * scale[:, None], 745.0))) @ (weights / 2)
    return index * power * s**-power * inner


def _series(s: np.ndarray, index: float) -> np.ndarray:
    total, log_s = np.zeros_like(s), np.log(s)
    for k in range(1, 400):
        size = math.lgamma(index * k + 1) - math.lgamma(k + 1)
        term = np.exp(size - (index * k + 1) * log_s) * math.sin(math.pi * index * k)
        total += term if k % 2 else -term
    return total / math.pi

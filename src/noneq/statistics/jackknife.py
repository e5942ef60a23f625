"""Bias and error of any function of sums, by leaving out one block of the record at a time."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def jackknife(
    function: Callable[..., Any], parts: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A function of sums over independent blocks, freed of its bias of order 1/blocks.

    **Equation**: θ = f(S), θ_k = f(S − S_k); bias = (K − 1)(mean θ_k − θ);
    variance = (K − 1)/K Σ_k (θ_k − mean θ_k)².

    Args:
        function: of the sums, one argument a part; returns a number or an array.
        parts: each ``(K, ...)``, the contributions S_k of the blocks to one sum.

    Returns:
        θ − bias, bias, standard error.

    Source: Efron and Stein 1981.
    """
    totals = [part.sum(0) for part in parts]
    count = len(parts[0])
    whole = np.asarray(function(*totals), np.float64)
    without = np.stack(
        [
            np.asarray(function(*(t - p[k] for t, p in zip(totals, parts, strict=True))))
            for k in range(count)
        ]
    )
    bias = (count - 1) * (without.mean(0) - whole)
    stderr = np.sqrt((count - 1) * without.var(0))
    return np.asarray(whole - bias), np.asarray(bias), np.asarray(stderr)

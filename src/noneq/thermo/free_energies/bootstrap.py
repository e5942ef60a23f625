"""Standard errors by drawing the works again."""

from collections.abc import Callable

import numpy as np

from noneq.thermo.free_energies.relations import Works


_MOST = 50_000
"""Works of one direction that are drawn again; of more a part, whose error is scaled."""


def resampled(works: Works, value: Callable[[Works], float], draws: int, seed: int) -> np.ndarray:
    """Values of ``draws`` bootstraps of both directions, spread as those of all works are.

    Args:
        works: as given.
        value: from works with weights to a number.
        draws: how many.
        seed: of the drawing.
    """
    rng = np.random.default_rng(seed)
    ahead, first = _part(works.forward, rng)
    back, second = _part(works.backward, rng)
    found = np.empty(draws)
    for i in range(draws):
        weights = (_weights(ahead.size, rng), _weights(back.size, rng))
        found[i] = value(Works(ahead, back, *weights))
    centre = found.mean()
    return centre + (found - centre) * np.sqrt(max(first, second))


def _part(values: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """At most so many of the values, and their share."""
    if values.size <= _MOST:
        return values, 1.0 if values.size else 0.0
    return rng.choice(values, _MOST, replace=False), _MOST / values.size


def _weights(count: int, rng: np.random.Generator) -> np.ndarray:
    return (
        np.bincount(rng.integers(0, count, count), minlength=count).astype(float)
        if count
        else np.zeros(0)
    )

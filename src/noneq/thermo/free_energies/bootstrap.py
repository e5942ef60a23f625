"""Standard errors by drawing the works again."""

from collections.abc import Callable

import numpy as np

from noneq.thermo.free_energies.relations import Works


_MOST = 50_000
"""Works of one direction that are drawn again; of more a part, whose error is scaled."""


_NUMBERS = 1_000_000
"""Weights held at once."""


def resampled(
    works: Works, value: Callable[[Works], np.ndarray], draws: int, seed: int
) -> np.ndarray:
    """Values of ``draws`` bootstraps of both directions, spread as those of all works are.

    Args:
        works: as given.
        value: from works with weights ``(m, n)`` of m draws to ``(m,)`` numbers.
        draws: how many.
        seed: of the drawing.
    """
    rng = np.random.default_rng(seed)
    ahead, first = _part(works.forward, rng)
    back, second = _part(works.backward, rng)
    together = max(1, _NUMBERS // (ahead.size + back.size))
    found = np.concatenate(
        [
            value(Works(ahead, back, _weights(m, ahead.size, rng), _weights(m, back.size, rng)))
            for m in np.diff([*range(0, draws, together), draws]).tolist()
        ]
    )
    centre = found.mean()
    return centre + (found - centre) * np.sqrt(max(first, second))


def _part(values: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """At most so many of the values, and their share."""
    if values.size <= _MOST:
        return values, 1.0 if values.size else 0.0
    return rng.choice(values, _MOST, replace=False), _MOST / values.size


def _weights(draws: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """How often each of the values is drawn, ``(draws, count)``."""
    if not count:
        return np.zeros((draws, 0))
    places = rng.integers(0, count, (draws, count)) + count * np.arange(draws)[:, None]
    return np.bincount(places.ravel(), minlength=draws * count).reshape(draws, count).astype(float)

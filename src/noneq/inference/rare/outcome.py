"""What an estimate of a rare event says: the number, and how it came about."""

from dataclasses import dataclass, field

import numpy as np

from noneq.estimate import Estimate
from noneq.inference.rare.populations.retraced import Path


_LEVEL = 3.0
"""Events that none of many independent trials showed are fewer than this, at 95 %."""


@dataclass(frozen=True)
class RareEvent:
    """An estimate of a rare event over independent repeats.

    Attributes:
        probability: mean over the repeats, its error that of the mean; an extinct repeat counts 0.
        repeats: the probability of each repeat, (repeats,).
        extinct: repeats in which all paths died below a level, (repeats,).
        upper: bound at 95 % where all repeats were extinct, else None.
        levels: of each repeat, (iterations, 2): a level of the score and the probability of
            reaching it.
        paths: paths that reached the target, as many as were asked for.
        steps: simulated in all.
    """

    probability: Estimate
    repeats: np.ndarray
    extinct: np.ndarray
    upper: float | None
    levels: tuple[np.ndarray, ...] = ()
    paths: tuple[Path, ...] = field(default=())
    steps: int = 0


def mean_of_repeats(
    values: np.ndarray,
    extinct: np.ndarray,
    reached: np.ndarray,
    n: int,
    *,
    method: str,
    notes: tuple[str, ...] = (),
) -> tuple[Estimate, float | None]:
    """Mean of repeats with its error; where all are extinct, the bound at 95 % too.

    **Equation**: of n paths a repeat that reached a level with probability w none went on: P ≤ 3 w/(n
    repeats), the rule of three.

    Args:
        values: probability of each repeat, (repeats,).
        extinct: (repeats,).
        reached: probability of the highest level that each repeat reached, (repeats,).
        n: paths of a repeat.
        method: name of the estimator.
        notes: further ones.
    """
    count = len(values)
    gone = int(extinct.sum())
    said = (f"extinct in {gone} of {count} repeats",) if gone else ()
    if gone == count:
        bound = _LEVEL * float(reached.mean()) / (n * count)
        said = (f"{said[0]}: the probability is below {bound:.2g} at 95 %",)  # pyright: ignore[reportGeneralTypeIssues]
        error, upper = bound / _LEVEL, bound
    else:
        error, upper = float(values.std(ddof=1)) / np.sqrt(count), None
    value, stderr = np.asarray(values.mean()), np.asarray(error)
    notes = (*said, *notes)
    return Estimate(value, stderr, np.asarray(count), method=method, notes=notes), upper

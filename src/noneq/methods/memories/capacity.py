"""How many random patterns a memory holds."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from noneq._typing import Key
from noneq.data.ensembles import Snapshots
from noneq.data.summary import summarise
from noneq.domains import Discrete
from noneq.errors import InvalidInput
from noneq.estimate import Estimate, sample_mean
from noneq.methods.memories.storages import AbstractStorage


def capacity_curve(
    storage: AbstractStorage,
    *,
    n: int = 200,
    loads: Sequence[float] = (0.05, 0.1, 0.12, 0.138, 0.16, 0.2),
    flips: float = 0.0,
    overlap: float = 0.9,
    trials: int = 8,
    probes: int = 64,
    steps: int = 20,
    key: Key,
) -> Estimate:
    """Fraction of random patterns that a memory gives back, against its load.

    **Equation**: load = patterns/n; a pattern counts if after retrieval from a copy with a
    fraction ``flips`` of wrong spins (x·s)/n ≥ ``overlap``. As n → ∞ the limit is at 0.138 for
    `Hebbian` (overlap .97 there), at 1 for `PseudoInverse` without flips, and exponential in n
    for `Modern`; at finite n the fall is rounded.

    Args:
        storage: the rule.
        n: spins.
        loads: patterns per spin.
        flips: fraction of spins wrong at the start, in [0, ½). With none, a memory that does
            nothing passes: compare with some.
        overlap: least overlap that counts as retrieved.
        trials: memories at each load, at least 2; the error is their spread.
        probes: patterns tried of each memory, at most.
        steps: of retrieval.
        key: typed random key.

    Returns:
        One entry per load.

    Raises:
        InvalidInput: a number outside its range.

    Source: Amit, Gutfreund and Sompolinsky 1985; Personnaz et al. 1985; Ramsauer et al. 2021.
    """
    counts = [round(float(load) * n) for load in loads]
    if n < 2 or not counts or min(counts) < 1 or probes < 1:
        raise InvalidInput(
            f"capacity_curve: n = {n}, loads = {tuple(loads)}, probes = {probes}; expected at least "
            "two spins, one probe, and one pattern at every load."
        )
    if trials < 2 or not 0 <= flips < 0.5 or not -1 <= overlap <= 1:
        raise InvalidInput(
            f"capacity_curve: trials = {trials}, flips = {flips}, overlap = {overlap}; expected "
            "at least 2, a fraction in [0, ½) and a number in [−1, 1]."
        )
    levels = np.stack([-np.ones(n), np.ones(n)])
    summary = summarise(Snapshots(levels, domain=Discrete((-1.0, 1.0))))
    kept = np.zeros((trials, len(counts)))
    for k, count in enumerate(counts):
        for trial in range(trials):
            own = jax.random.fold_in(jax.random.fold_in(key, k), trial)
            pattern_key, place_key = jax.random.split(own)
            patterns = jax.random.rademacher(pattern_key, (count, n), jnp.zeros(()).dtype)
            asked = patterns[:probes]
            order = jax.random.uniform(place_key, asked.shape).argsort(axis=1).argsort(axis=1)
            start = jnp.where(order < round(flips * n), -asked, asked)
            found = storage.stored(patterns, summary).retrieve(start, steps)
            kept[trial, k] = np.mean(np.mean(found * asked, axis=1) >= overlap - 1e-6)
    return sample_mean(kept)

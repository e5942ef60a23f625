"""How many random patterns a Hopfield memory holds: the fraction given back against the load.

Run: python examples/memory_capacity.py      (half a minute)
"""

import argparse
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

import noneq as nq


def capacity_curve(
    storage,
    *,
    n: int = 200,
    loads: Sequence[float] = (0.05, 0.1, 0.12, 0.138, 0.16, 0.2),
    flips: float = 0.0,
    overlap: float = 0.9,
    trials: int = 8,
    probes: int = 64,
    steps: int = 20,
    key: jax.Array,
) -> nq.Estimate:
    """Fraction of random patterns that a memory gives back, one entry per load.

    Load = patterns/n. A pattern counts if (x·s)/n ≥ ``overlap`` after ``steps`` of retrieval from a
    copy with a fraction ``flips`` of wrong spins; without any, a memory that does nothing passes. As
    n → ∞ the limit is at 0.138 for `Hebbian`, at 1 for `PseudoInverse` without flips, and
    exponential in n for `Modern`; at finite n the fall is rounded. The error is the spread over
    ``trials`` memories, each asked for at most ``probes`` patterns.

    Source: Amit, Gutfreund and Sompolinsky 1985; Personnaz et al. 1985; Ramsauer et al. 2021.
    """
    levels = np.stack([-np.ones(n), np.ones(n)])
    spins = nq.Snapshots(levels, domain=nq.Discrete((-1.0, 1.0)))
    kept = np.zeros((trials, len(loads)))
    for k, load in enumerate(loads):
        for trial in range(trials):
            own = jax.random.fold_in(jax.random.fold_in(key, k), trial)
            pattern_key, place_key = jax.random.split(own)
            shape = (round(load * n), n)
            patterns = jax.random.rademacher(pattern_key, shape, jnp.zeros(()).dtype)
            asked = patterns[:probes]
            order = jax.random.uniform(place_key, asked.shape).argsort(axis=1).argsort(axis=1)
            start = jnp.where(order < round(flips * n), -asked, asked)
            found = storage.stored(patterns, nq.data.summarise(spins)).retrieve(start, steps)
            kept[trial, k] = np.mean(np.mean(found * asked, axis=1) >= overlap - 1e-6)
    return nq.Estimate(
        kept.mean(0), kept.std(0, ddof=1) / np.sqrt(trials), np.full(len(loads), trials)
    )


def main(n: int = 200, trials: int = 8) -> dict[str, nq.Estimate]:
    """The curves of two rules, printed."""
    loads, key = (0.05, 0.138, 0.3, 0.9), jax.random.key(0)
    rules = {"Hebbian": nq.methods.Hebbian(), "PseudoInverse": nq.methods.PseudoInverse()}
    curves = {
        name: capacity_curve(rule, n=n, loads=loads, flips=0.05, trials=trials, key=key)
        for name, rule in rules.items()
    }
    for name, curve in curves.items():
        pairs = zip(loads, curve.value, curve.stderr, strict=True)
        print(f"{name:14}", *(f"{load}: {kept:.2f} ± {error:.2f}" for load, kept, error in pairs))
    return curves


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=200, help="spins")
    parser.add_argument("--trials", type=int, default=8, help="memories at each load")
    main(**vars(parser.parse_args()))

"""One fit, several uses: two samplers, log densities, and one coordinate given the other.

Run: python examples/denoising_family.py          (about half a minute; --steps 20000 for a good fit)
"""

import argparse

import equinox as eqx
import jax
import numpy as np

import noneq as nq
from noneq.estimate import sample_mean
from noneq.samplers import Multistep, ReverseSDE


def main(steps: int = 600, n: int = 1000) -> dict[str, nq.Estimate]:
    """Fit EDM for ``steps`` steps to eight Gaussians; return the scores of ``n`` samples."""
    k = iter(jax.random.split(jax.random.key(0), 8))
    system = nq.systems.EightGaussians()
    data = nq.simulate(system, [0.0], n=4 * n, key=next(k)).snapshots()
    train, test = data.split(0.75, key=next(k))

    training = nq.Training(steps=steps, batch=256, ema=0.99)
    method = nq.methods.EDM(net=nq.nets.MLP(width=64, depth=3), training=training)
    model = method.fit(train, key=next(k)).model

    # The sampler is no part of what is learnt: replace it.
    scores = {}
    for sampler in (Multistep(steps=15), ReverseSDE(steps=100)):
        name = type(sampler).__name__
        other = eqx.tree_at(lambda m: m.sampler, model, sampler)
        drawn = other.snapshots(n, times=test.times, key=next(k))
        scores[name] = nq.metrics.energy_distance(drawn, test)
        print(f"{name}, {sampler.evaluations} evaluations: {scores[name].mean()}")

    scores["nll"] = nq.metrics.nll(model, test)
    print("negative log-likelihood:", scores["nll"].mean(), "(2.832 is the entropy of the law)")

    # At x = 0 two of the eight are left, at y = ±2.8.
    given = nq.models.inpainted(model, {"x": 0.0}).sample(200, key=next(k))
    scores["height"] = sample_mean(np.abs(np.asarray(given[:, 1])))
    print("mean |y| at x = 0:", scores["height"])
    return scores


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=600)
    main(parser.parse_args().steps)

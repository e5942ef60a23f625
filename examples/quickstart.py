"""Simulate five turning wells, learn p(x, t), draw from it, and measure how good it is.

Run: python examples/quickstart.py          (about half a minute; --steps 20000 for a good fit)
"""

import argparse

import jax
import numpy as np

import noneq as nq


def main(steps: int = 1500, n: int = 1000) -> nq.Estimate:
    """Fit ``steps`` steps on ``n`` trajectories and return the divergence per time."""
    k = iter(jax.random.split(jax.random.key(0), 4))
    system = nq.systems.Prinz(drive=1.0)
    data = nq.simulate(system, np.linspace(0.0, 20.0, 51), n=n, key=next(k))
    train, test = data.split(0.5, key=next(k))

    method = nq.methods.ScoreMatching(training=nq.Training(steps=steps, batch=256))
    fit = method.fit(train, key=next(k))
    print(f"loss {fit.history['loss'][0]:.3f} -> {fit.history['loss'][-1]:.3f}")

    generated = fit.model.snapshots(test.n, times=test.times[10::10], key=next(k))
    divergence = nq.metrics.jensen_shannon(generated, test, bins=16, domain=system.domain)
    print("Jensen-Shannon divergence:", divergence.mean(), "bits")
    return divergence


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1500)
    main(parser.parse_args().steps)

"""From snapshots without order to dynamics: the equations of an attractor, and flows that keep a law.

Run: python examples/snapshots_to_dynamics.py      (some twenty seconds)
"""

import argparse

import jax
import numpy as np

import noneq as nq


def attractor(n: int, key: jax.Array) -> nq.Snapshots:
    """n states of the Lorenz attractor, shuffled: nobody knows which came after which."""
    path_key, order_key = jax.random.split(key)
    times = np.r_[0.0, 20.0 + 0.01 * np.arange(n // 10)]
    paths = nq.simulate(nq.systems.Lorenz(), times, n=10, key=path_key)
    states = paths.values[:, 1:].reshape(-1, 3)
    return nq.Snapshots(
        states[jax.random.permutation(order_key, len(states))], names=("x", "y", "z")
    )


def main(n: int = 50_000, steps: int = 200) -> dict[str, nq.Estimate]:
    """Two flows of n snapshots, the score trained for ``steps``; their cosines and residuals."""
    k = iter(jax.random.split(jax.random.key(0), 8))
    data, truth = attractor(n, next(k)), nq.systems.Lorenz()
    denoiser = nq.methods.ScoreMatching(
        net=nq.nets.Gradient(nq.nets.MLP(96, 3)),
        training=nq.Training(steps=steps, batch=256, rate=3e-3),
    )
    score = denoiser.fit(data, key=next(k)).model

    method = nq.methods.PolynomialFlow(noise=0.3)
    law = method.fit(data, score=score, key=next(k))
    print("A polynomial that keeps the law, up to the unit and the direction of time:")
    print(*law.meta["equations"], sep="\n")
    found = {"polynomial": nq.inference.field_cosine(law.model, truth, data)}

    # 50 pairs of states that follow each other tell the unit and the direction.
    pairs = nq.simulate(truth, (0.0, 0.02), n=50, start=data.values[:50], key=next(k))
    timed = method.fit(data, score=score, transitions=pairs, key=next(k))
    print("With 50 transitions:")
    print(*timed.meta["equations"], sep="\n")
    found["timed"] = nq.inference.field_cosine(timed.model, truth, data, signed=True)

    # Skew flows keep the law of their score whatever A is: that law does not know its dynamics.
    wavy = nq.methods.SkewFlow(operator=nq.methods.StateSkew(length=2.0), noise=0.3)
    skew = wavy.fit(data, score=score, key=next(k)).model
    found["skew"] = nq.inference.field_cosine(skew, truth, data)
    found["residual"] = skew.invariance_residual(n=256, key=next(k))
    for name, value in found.items():
        print(f"{name}: {value}")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=200)
    main(steps=parser.parse_args().steps)

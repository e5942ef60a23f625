"""LatentCycle on scikit-learn's binarised digits (1,797 × 64), H = 100, persistent chains.

One epoch is 18 steps of the two-step gradient with 100 pictures and 100 chains each, and Adam. The
NumPy peer does the same arithmetic in float32 with matrix products on all cores; scikit-learn's
`BernoulliRBM` (100 hidden bits, PCD, batches of 100) is another model and stands here as what users
know. ``full batch`` is ours with all pictures and 1,000 chains in one step per epoch.
"""

import jax
import jax.numpy as jnp
import numpy as np
from timing import Case, row, side_by_side, speed_rows

from noneq import Snapshots
from noneq.data.summary import summarise
from noneq.domains import Discrete
from noneq.learning.loop import Training, train
from noneq.methods import LatentCycle, Persistent, TwoStepGradient
from noneq.methods.latent_cycles.cycle import CycleLikelihood
from noneq.methods.latent_cycles.kernels import OneHotKernels


HIDDEN, BATCH, EPOCHS, RATE = 100, 100, 20, 0.01
STEPS = 18


def digits() -> np.ndarray:
    from sklearn.datasets import load_digits

    return (np.asarray(load_digits(return_X_y=True)[0]) > 7.5).astype(np.float32)


def untrained(values: np.ndarray) -> OneHotKernels:
    summary = summarise(Snapshots(values, domain=Discrete(2)))
    return LatentCycle(hidden=HIDDEN, spread=0.1).init(summary, key=jax.random.key(0)).kernels


def objective(chains: int) -> CycleLikelihood:
    return CycleLikelihood(TwoStepGradient(), Persistent(chains), 0.0, 0.0, 64)


def ours(values: np.ndarray, batch: int, chains: int, steps: int) -> Case:
    kernels = untrained(values)
    phi, base = kernels.features(jnp.asarray(values))
    training = Training(steps=steps, batch=batch, rate=RATE, ema=0.0)
    keys = iter(jax.random.split(jax.random.key(1), 100))
    rows = {"phi": phi, "base": base}
    return lambda: jax.block_until_ready(
        train(kernels, objective(chains), rows, training, key=next(keys))[0].writing
    )


class Peer:
    """The two-step gradient with persistent chains, and Adam on one vector."""

    def __init__(self, values: np.ndarray, start: OneHotKernels):
        self.values, self.rng = values, np.random.default_rng(0)
        leaves = (start.bias, start.writing, start.offset, start.reading)
        self.shapes = [leaf.shape for leaf in leaves if leaf is not None]
        self.theta = np.concatenate([np.ravel(leaf) for leaf in leaves if leaf is not None])
        self.first, self.second = np.zeros_like(self.theta), np.zeros_like(self.theta)
        self.chains = (self.rng.random((BATCH, 64)) < 0.5).astype(np.float32)
        self.count = 0

    def parts(self) -> list[np.ndarray]:
        """b, W, c, U."""
        cuts = np.cumsum([np.prod(shape) for shape in self.shapes])[:-1]
        pieces = np.split(self.theta, cuts)
        return [p.reshape(s) for p, s in zip(pieces, self.shapes, strict=True)]

    def advance(self) -> np.ndarray:
        """One step of every chain; pi of the states they are written from."""
        b, w, c, u = self.parts()
        q = softmax(c + self.chains @ u.T)
        rising = np.cumsum(q, axis=1)
        z = (self.rng.random((len(q), 1), np.float32) * rising[:, -1:] > rising).sum(1)
        uniform = self.rng.random(self.chains.shape, np.float32)
        self.chains = (uniform < sigmoid(b + w[z])).astype(np.float32)
        return q.mean(0) + 1e-12

    def gradient(self, x: np.ndarray, law: np.ndarray) -> np.ndarray:
        """Of minus the log-likelihood of x, given the chains and their pi."""
        b, w, c, u = self.parts()
        eta = b + w
        given = np.log(law) + x @ eta.T - np.logaddexp(0, eta).sum(1)
        r = softmax(given) / len(x)
        weight = r.sum(0)
        by_w = r.T @ x - weight[:, None] * sigmoid(eta)
        q = softmax(c + self.chains @ u.T)
        lever = weight / law
        pull = q * (lever - (q @ lever)[:, None]) / len(q)
        slopes = (by_w.sum(0), by_w, pull.sum(0), pull.T @ self.chains)
        return -np.concatenate([np.ravel(slope) for slope in slopes])

    def step(self) -> None:
        law = self.advance()
        x = self.values[self.rng.integers(0, len(self.values), BATCH)]
        slope = self.gradient(x, law)
        self.count += 1
        self.first += 0.1 * (slope - self.first)
        self.second += 0.001 * (slope**2 - self.second)
        mean = self.first / (1 - 0.9**self.count)
        size = np.sqrt(self.second / (1 - 0.999**self.count)) + 1e-8
        self.theta = self.theta - np.float32(RATE) * mean / size

    def run(self) -> np.ndarray:
        for _ in range(EPOCHS * STEPS):
            self.step()
        return self.theta


def softmax(logits: np.ndarray) -> np.ndarray:
    w = np.exp(logits - logits.max(1, keepdims=True))
    return w / w.sum(1, keepdims=True)


def sigmoid(odds: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-odds))


def familiar(values: np.ndarray) -> Case:
    """Another model of the same size by persistent chains."""
    from sklearn.neural_network import BernoulliRBM

    return lambda: BernoulliRBM(
        n_components=HIDDEN, batch_size=BATCH, learning_rate=RATE, n_iter=EPOCHS, random_state=0
    ).fit(values)


def rows() -> list[dict]:
    check()
    values = digits()
    timings = side_by_side(
        {
            "noneq": ours(values, BATCH, BATCH, EPOCHS * STEPS),
            "NumPy (peer)": Peer(values, untrained(values)).run,
            "scikit-learn BernoulliRBM": familiar(values),
            "noneq full batch": ours(values, 0, 1000, EPOCHS),
        }
    )
    full = timings.pop("noneq full batch")
    out = speed_rows("latent_cycle_digits", timings)
    for method, timing in (timings | {"noneq full batch": full}).items():
        rate = EPOCHS / timing.median
        relative = timing.stderr / timing.median
        out.append(row("latent_cycle_digits", method, "epochs_per_second", rate, rate * relative))
    return out


def check() -> None:
    """The peer follows the same direction: both gradients at the same chains and pictures."""
    values = digits()
    kernels, x = untrained(values), values[:BATCH]
    peer = Peer(values, kernels)
    phi, base = kernels.features(jnp.asarray(x))
    before = jnp.asarray(peer.chains)
    key = jax.random.key(2)
    _, grads, after = objective(BATCH).grad(kernels, before, {"phi": phi, "base": base}, key=key)
    _, _, c, u = peer.parts()
    law = softmax(c + peer.chains @ u.T).mean(0) + 1e-12
    peer.chains = np.asarray(after)
    leaves = (grads.bias, grads.writing, grads.offset, grads.reading)
    found = np.concatenate([np.ravel(leaf) for leaf in leaves])
    gap = np.abs(found - peer.gradient(x, law)).max()
    if gap > 1e-5:
        raise SystemExit(f"the peer follows another gradient: they differ by {gap:.2g}")


if __name__ == "__main__":
    for entry in rows():
        print("{case:20} {method:26} {metric:20} {value:.4g} ± {stderr}".format(**entry))

"""Heat-bath sweeps of the 32 × 32 Ising model at its critical temperature, 1,024 replicas.

The peer is plain NumPy: the same two sublattices stored densely, all replicas in one array, a table
of five probabilities, and PCG64's float32 numbers; it runs on one core. Ours is the public
call, `simulate`, on all cores, 32 replicas a word, with host copies and checks included.
"""

import math

import jax
import numpy as np
from timing import Case, row, side_by_side, speed_rows

from noneq.simulation import simulate
from noneq.systems import HeatBath, Ising, Lattice, Metropolis, onsager_energy


N, SIDE, SWEEPS = 1024, 32, 50
TEMPERATURE = 2 / math.log(1 + math.sqrt(2))


def ours(dynamics: HeatBath | Metropolis) -> Case:
    system = Ising(Lattice((SIDE, SIDE)), temperature=TEMPERATURE, dynamics=dynamics)
    keys = iter(jax.random.split(jax.random.key(0), 100))
    return lambda: simulate(system, (0, SWEEPS), n=N, key=next(keys))


class Peer:
    """Halves of shape (N, SIDE, SIDE/2), int8; site 2j or 2j + 1 by the parity of its row."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)
        half = (2, N, SIDE, SIDE // 2)
        self.halves = (2 * self.rng.integers(0, 2, half) - 1).astype(np.int8)
        self.table = (1 / (1 + np.exp(-2 * np.arange(-4, 5) / TEMPERATURE))).astype(np.float32)

    def neighbours(self, parity: int) -> np.ndarray:
        """Sums over the four neighbours of one half."""
        other = self.halves[1 - parity]
        total = other + np.roll(other, 1, 1) + np.roll(other, -1, 1)
        total[:, parity::2] += np.roll(other[:, parity::2], 1, 2)
        total[:, 1 - parity :: 2] += np.roll(other[:, 1 - parity :: 2], -1, 2)
        return total

    def energy(self) -> float:
        """Per spin: every bond has one end in the first half."""
        return -float(np.mean(self.halves[0] * self.neighbours(0), dtype=np.float64)) / 2

    def run(self, sweeps: int = SWEEPS) -> np.ndarray:
        for _ in range(sweeps):
            for parity in (0, 1):
                up = self.table[self.neighbours(parity) + 4]
                uniform = self.rng.random(up.shape, np.float32)
                self.halves[parity] = 2 * (uniform < up).view(np.int8) - 1
        return self.halves


def rows() -> list[dict]:
    timings = side_by_side(
        {
            "noneq": ours(HeatBath()),
            "NumPy chessboard (peer)": Peer(0).run,
            "noneq Metropolis": ours(Metropolis()),
        }
    )
    metropolis = timings.pop("noneq Metropolis")
    out = speed_rows("ising_32x32", timings)
    for method, timing in (timings | {"noneq Metropolis": metropolis}).items():
        rate = N * SIDE**2 * SWEEPS / timing.median
        relative = timing.stderr / timing.median
        out.append(row("ising_32x32", method, "spin_updates_per_second", rate, rate * relative))
    return out


def check() -> None:
    """The peer simulates the same model: its energy at T = 3 is Onsager's."""
    peer = Peer(1)
    peer.table = (1 / (1 + np.exp(-2 * np.arange(-4, 5) / 3.0))).astype(np.float32)
    peer.run(150)
    found, exact = peer.energy(), onsager_energy(3.0)
    spread = math.sqrt(0.4 * 9 / (N * SIDE**2))
    if abs(found - exact) > 5 * spread:
        raise SystemExit(f"the peer is wrong: energy {found:.5f}, exact {exact:.5f}")


if __name__ == "__main__":
    check()
    for entry in rows():
        print("{case:16} {method:26} {metric:26} {value:.4g} ± {stderr}".format(**entry))

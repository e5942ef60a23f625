"""Your own trajectories from a csv: read, look, fit, sample, save.

Run: python examples/own_data.py [FILE.csv]   (without a file it writes one first)
"""

import csv
import sys
from pathlib import Path

import jax
import numpy as np

import noneq as nq


def write_example(path: Path, *, paths: int = 200) -> None:
    """Ragged paths of a noisy rotation: a particle is seen for 5 to 21 frames."""
    rng = np.random.default_rng(0)
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["particle", "seconds", "x", "y"])
        for particle in range(paths):
            angle = rng.normal(0.0, 0.3)
            for frame in range(rng.integers(5, 22)):
                angle += 0.1 + 0.05 * rng.normal()
                x, y = np.cos(angle), np.sin(angle)
                writer.writerow([f"p{particle}", f"{0.1 * frame:.1f}", f"{x:.5f}", f"{y:.5f}"])


def main(path: Path, folder: Path, steps: int = 1000) -> nq.Estimate:
    """Fit the file's data, save the run into ``folder``, return the distance to held-out paths."""
    data = nq.data.read(path, time_column="seconds", trajectory_column="particle")
    print(f"{data.n} paths, {data.times.size} times, {int(data.observed.sum())} observations")
    split, fit, sample = jax.random.split(jax.random.key(0), 3)
    train, test = data.split(0.7, key=split)

    method = nq.methods.ScoreMatching(training=nq.Training(steps=steps, batch=256))
    fitted = method.fit(train, key=fit)
    nq.save(fitted, folder)

    model = nq.load(folder).model
    generated = model.snapshots(500, times=test.times[:12:4], key=sample)
    distance = nq.metrics.energy_distance(generated, test)
    print("energy distance:", distance.mean())
    return distance


if __name__ == "__main__":
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("particles.csv")
    if len(sys.argv) == 1:
        write_example(source)
    main(source, Path("runs/own_data"))

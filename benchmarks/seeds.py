"""Eight seeds of a small denoiser as one program, beside the same fits one after the other."""

import jax
from timing import TORCH, row, side_by_side, speed_rows
from training import peer
from workload import data, method

from noneq.learning.members import fit_members
from noneq.learning.training import Training


CASE, SEEDS, STEPS = "train_seeds8_mlp3x64", 8, 1000
WIDTH, DEPTH, BATCH = 64, 3, 256


def ours(*, together: bool):
    """Whole fits: data summary, fresh networks, training and checks included."""
    recipe, states = method(WIDTH, DEPTH, training=Training(steps=STEPS, batch=BATCH)), data()
    batches = iter(jax.random.split(jax.random.key(1), (100, SEEDS)))

    def run():
        keys = list(next(batches))
        if together:
            return fit_members(recipe, states, keys=keys, progress=False)
        return [recipe.fit(states, key=key, progress=False) for key in keys]

    return run


def peer_serial():
    """Training loops alone, one after the other."""
    loops = [peer(WIDTH, DEPTH, BATCH, STEPS, compiled=False) for _ in range(SEEDS)]
    return lambda: [loop() for loop in loops]


def rows() -> list[dict]:
    cases = {"noneq": ours(together=True), "noneq one by one": ours(together=False)}
    if TORCH:
        cases["PyTorch eager (peer)"] = peer_serial()
    timings = side_by_side(cases)
    out = speed_rows(CASE, timings)
    for name, timing in timings.items():
        out.append(row(CASE, name, "steps_per_second", SEEDS * STEPS / timing.median))
    return out


if __name__ == "__main__":
    for entry in rows():
        print("{case:24} {method:26} {metric:20} {value:.4g} ± {stderr}".format(**entry))

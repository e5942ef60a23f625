"""One-line faults of the package, and the test module that finds each."""

from typing import NamedTuple


class Fault(NamedTuple):
    """One line of a file of the package, as it is and as it is wrong, and who finds it.

    Attributes:
        name: what goes wrong.
        file: below ``src/noneq``.
        line: part of one line, found exactly once in the file.
        wrong: what stands there instead.
        module: the test module below ``tests``.
        only: which of its tests, as ``pytest -k`` takes it; empty for all.
    """

    name: str
    file: str
    line: str
    wrong: str
    module: str
    only: str = ""


FAULTS = (
    Fault(
        "the average of the parameters is skipped",
        "learning/loop.py",
        "ema = free + decay * (carry.ema - free)",
        "ema = free",
        "learning/test_training.py",
        "average or minimum",
    ),
    Fault(
        "an early stop keeps the last model",
        "learning/loop.py",
        'if row.get("held_out_loss", row["loss"]) <= least:',
        "if True:",
        "learning/test_training.py",
        "early_stop",
    ),
    Fault(
        "every step has the same batch key",
        "learning/loop.py",
        "jax.random.split(jax.random.fold_in(key, carry.step))",
        "jax.random.split(key)",
        "learning/test_training.py",
        "own_batch",
    ),
    Fault(
        "a resumed fit starts with a fresh optimiser",
        "learning/loop.py",
        "(carry, best), history = saved.restore((carry, best), history)",
        "(carry, best), history = saved.restore((carry, best), history); "
        "carry = carry._replace(optimiser=pace.adam.init(start))",
        "learning/test_training.py",
        "resumed",
    ),
    Fault(
        "a non-finite gradient goes unseen",
        "learning/loop.py",
        "bad = ~(jnp.isfinite(loss) & jnp.isfinite(optax.tree.norm(slope)))",
        "bad = jnp.asarray(False)",
        "learning/test_training.py",
        "non_finite",
    ),
    Fault(
        "an absurd loss is never away",
        "learning/guard.py",
        "_SPREADS = 100.0",
        "_SPREADS = 1e300",
        "learning/test_guard.py",
    ),
    Fault(
        "a training state is resumed without its checksum",
        "learning/checkpoints.py",
        'if meta.get("sha256") != _digest(arrays):',
        "if False:",
        "learning/test_training.py",
        "damaged",
    ),
    Fault(
        "a run is loaded without its checksum",
        "store/runs.py",
        'if _digest(blob) != meta["sha256"].get(name):',
        "if False:",
        "store/test_store.py",
    ),
    Fault(
        "data are read without their checksum",
        "data/layouts.py",
        'if checksum(data) != raw.record["sha256"]:',
        "if False:",
        "data/test_damaged_files.py",
    ),
    Fault(
        "a file is written in place, not atomically",
        "data/atomic.py",
        'temporary = path.with_name(f".{path.name}.{owner}.{secrets.token_hex(4)}.part")',
        "temporary = path",
        "store/test_store.py",
    ),
    Fault(
        "the noise of a simulation lacks the root of 2",
        "systems/linear.py",
        "twice = 2 * self.matrices()[1]",
        "twice = self.matrices()[1]",
        "simulation/test_simulation.py",
    ),
    Fault(
        "all intervals of a simulation share their noise",
        "simulation/ensemble.py",
        "frame_key = jax.random.fold_in(key, index)",
        "frame_key = key",
        "simulation/test_simulation.py",
    ),
    Fault(
        "a wall reflects to the wrong side",
        "domains/base.py",
        "return low + width * (1.0 - jnp.abs(1.0 - u))",
        "return low + width * jnp.abs(1.0 - u)",
        "domains/test_box_and_torus.py",
    ),
    Fault(
        "a torus takes the long way round",
        "domains/base.py",
        "return jnp.mod(x - y + period / 2, period) - period / 2",
        "return x - y",
        "domains/test_box_and_torus.py",
    ),
    Fault(
        "the score of the noise has the wrong sign",
        "processes/gaussian.py",
        "d_alpha * y + d_sigma * xi, -xi / sigma, None)",
        "d_alpha * y + d_sigma * xi, xi / sigma, None)",
        "processes/test_gaussian.py",
    ),
    Fault(
        "the probability flow has the whole of g² s",
        "processes/base.py",
        "- 0.5 * self.schedule.diffusion_squared(tau) * score",
        "- self.schedule.diffusion_squared(tau) * score",
        "samplers/test_samplers.py",
    ),
    Fault(
        "the reverse SDE lacks half of its drift",
        "samplers/sde.py",
        "drift = flow(x, inside, s) - 0.5 * sampler.noise**2 * g2 * s",
        "drift = flow(x, inside, s)",
        "samplers/test_samplers.py",
    ),
    Fault(
        "the sampler's steps share one key",
        "samplers/sde.py",
        "jax.random.split(jax.random.fold_in(loop_key, i))",
        "jax.random.split(loop_key)",
        "samplers/test_samplers.py",
    ),
    Fault(
        "a density forgets the divergence of its flow",
        "samplers/likelihood.py",
        "return log_prior(end) + gain",
        "return log_prior(end) + 0 * gain",
        "methods/flows/test_diff_flow.py",
        "probability_flow",
    ),
    Fault(
        "the floor's second truth is drawn with repetition",
        "metrics/comparison.py",
        "rngs[i].choice(len(first), len(x), replace=False)",
        "rngs[i].choice(len(first), len(x), replace=True)",
        "metrics/test_metric_comparison.py",
    ),
    Fault(
        "a kernel distance counts states with themselves",
        "metrics/kernel_distances.py",
        "xx, yy, xy, yx = xx / (n - 1), yy / (m - 1), xy / m, yx / n",
        "xx, yy, xy, yx = (xx + diagonal) / n, (yy + diagonal) / m, xy / m, yx / n",
        "metrics/test_metric_discrepancy.py",
    ),
    Fault(
        "the entropy production counts every pair twice",
        "thermo/chains.py",
        "return float(np.sum((flux[i, j] - flux[j, i]) * force))",
        "return float(2 * np.sum((flux[i, j] - flux[j, i]) * force))",
        "thermo/test_chains.py",
    ),
    Fault(
        "the heat takes D for 2D",
        "thermo/path_entropy.py",
        "diffusivity = b @ b.T / 2",
        "diffusivity = b @ b.T",
        "thermo/test_measured.py",
    ),
    Fault(
        "the two parts of a split share states",
        "data/trajectories.py",
        "return self.take(np.sort(order[:cut])), self.take(np.sort(order[cut:]))",
        "return self.take(np.sort(order[:cut])), self.take(np.sort(order[cut - 1 :]))",
        "data/test_ensembles.py",
    ),
)

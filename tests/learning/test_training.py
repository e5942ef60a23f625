"""The loop: resumption, divergence, early stop, averaging, compile count, several devices."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from noneq.errors import DataFileError, FitDiverged, Interrupted, InvalidInput
from noneq.learning.loop import Training, train
from noneq.learning.objectives import AbstractLoss, AbstractObjective
from noneq.nets import Constant


class Line(eqx.Module):
    slope: jax.Array
    offset: Constant


class Squares(AbstractLoss):
    """Least squares with a little noise, so that the key matters."""

    def loss(self, model, batch, *, key):
        noise = 0.01 * jax.random.normal(key, batch["y"].shape)
        guess = batch["x"] @ model.slope + model.offset.value
        return jnp.mean((guess - batch["y"] + noise) ** 2)


class Counting(AbstractObjective):
    """Carries a state and counts its own traces."""

    traces = []

    def init(self, model, *, key):
        return jnp.zeros(())

    def grad(self, model, state, batch, *, key):
        Counting.traces.append(1)
        loss, grads, _ = Squares().grad(model, None, batch, key=key)
        return loss, grads, state + 1


def problem(n=512, bad=False):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 3)).astype(np.float32)
    y = x @ np.asarray([1.0, -2.0, 0.5], np.float32) + 1.0
    if bad:
        y[:] = np.where(rng.uniform(size=n) < 0.01, np.nan, y)
    return {"x": x, "y": y}


START = Line(jnp.zeros(3), Constant(jnp.ones(())))
QUICK = Training(steps=400, batch=64, rate=0.05, ema=0.9)


def fit(training=QUICK, rows=None, **extra):
    return train(
        START,
        Squares(),
        problem() if rows is None else rows,
        training,
        key=jax.random.key(1),
        **extra,
    )


def test_it_finds_the_minimum_and_leaves_constants_alone():
    model, history = fit()
    np.testing.assert_allclose(model.slope, [1.0, -2.0, 0.5], atol=0.01)
    assert float(model.offset.value) == 1.0
    assert history["step"][-1] == 400
    assert history["loss"][-1] < 1e-3 < history["loss"][0]


def test_one_compile_serves_every_seed_and_every_chunk():
    Counting.traces.clear()
    for seed in range(3):
        train(START, Counting(), problem(), QUICK, key=jax.random.key(seed))
    assert len(Counting.traces) == 1


@pytest.mark.parametrize(
    "change",
    [{"steps": 60}, {"rate": 0.01}, {"warmup": 5}, {"ema": 0.5}, {"ema": 0.0}, {"clip": 0.1}, {"patience": 3},
     {"held_out": 0.2}],
    ids=str,
)  # fmt: skip
def test_other_numbers_are_not_other_programs(change):
    train(START, Counting(), problem(), QUICK, key=jax.random.key(0))
    Counting.traces.clear()
    train(START, Counting(), problem(), replace(QUICK, **change), key=jax.random.key(0))
    assert not Counting.traces


@pytest.mark.parametrize("change", [{"batch": 65}, {"decay": "constant"}], ids=str)
def test_another_batch_and_another_decay_are_other_programs(change):
    train(START, Counting(), problem(), QUICK, key=jax.random.key(0))
    Counting.traces.clear()
    train(START, Counting(), problem(), replace(QUICK, **change), key=jax.random.key(0))
    assert Counting.traces


class Shifted(AbstractLoss):
    """Least squares around a guess that is shifted by a setting, 0 for no shift."""

    shift: float = 0.0
    traces = []

    def loss(self, model, batch, *, key):
        Shifted.traces.append(self.shift)
        guess = batch["x"] @ model.slope + model.offset.value
        return jnp.mean((guess + self.shift - batch["y"]) ** 2)


def test_numbers_of_objectives_are_traced_and_none_of_them_is_learnt():
    Shifted.traces.clear()
    losses = [
        train(START, Shifted(shift), problem(), QUICK, key=jax.random.key(0))[1]["loss"][-1]
        for shift in (0.0, 0.1, 0.2)
    ]
    np.testing.assert_allclose(losses, [0.0, 0.01, 0.04], atol=2e-3)
    # Without the shift it is another program.
    assert len(Shifted.traces) == 2
    assert Shifted.traces[0] == 0.0


def test_parameters_of_weak_type_are_learnt():
    weak = jnp.full(3, 0.5)
    assert weak.weak_type
    model, _ = train(Line(weak, START.offset), Squares(), problem(), QUICK, key=jax.random.key(1))
    np.testing.assert_allclose(model.slope, [1.0, -2.0, 0.5], atol=0.01)


@pytest.mark.parametrize(("steps", "warmup"), [(400, 30), (400, 0), (25, 100), (1, 0)])
def test_the_rate_is_that_of_optax(steps, warmup):
    training = Training(steps=steps, warmup=warmup, rate=0.05)
    pace, count = training.pace, jnp.arange(steps + 1)
    known = optax.warmup_cosine_decay_schedule(0.0, 0.05, min(warmup, steps // 10), steps)
    np.testing.assert_allclose(jax.vmap(pace.rate_at)(count), known(count), rtol=1e-6, atol=5e-8)
    constant = replace(training, decay="constant").pace
    flat = jax.vmap(constant.rate_at)(count)
    np.testing.assert_allclose(flat[min(warmup, steps // 10) :], 0.05, rtol=1e-6)


class Ramp(AbstractLoss):
    """A slope of one everywhere, so that Adam's steps are known; and a loss that tells its batch."""

    def loss(self, model, batch, *, key):
        told = jnp.mean(batch["x"]) + jax.random.uniform(key)
        return jnp.sum(model.slope) - jax.lax.stop_gradient(jnp.sum(model.slope)) + told


def ramp(rows, **changes):
    training = Training(steps=20, batch=4, rate=0.1, warmup=0, decay="constant", **changes)
    return train(START, Ramp(), {"x": rows}, training, key=jax.random.key(0))


@pytest.mark.parametrize("ema", [0.0, 0.5, 0.9])
def test_the_average_is_that_of_the_parameters_on_the_way(ema):
    model, _ = ramp(jnp.arange(64.0), ema=ema)
    last, average = 0.0, 0.0
    for step in range(20):
        last -= 0.1
        decay = min(ema, (1 + step) / (10 + step))
        average = decay * average + (1 - decay) * last
    np.testing.assert_allclose(model.slope, average, rtol=1e-4)
    if ema == 0.0:
        np.testing.assert_allclose(model.slope, -2.0, rtol=1e-4)


def test_every_step_has_its_own_batch_and_its_own_noise():
    _, history = ramp(jnp.arange(64.0))
    assert len(history["loss"]) == 20
    # The mean of the batch, to the noise in [0, 1) of the step; of batches, few means are equal.
    assert len(set(np.floor(history["loss"]))) > 10
    _, noise = ramp(jnp.zeros(64))
    assert len(set(noise["loss"])) == 20


def test_a_resumed_run_is_bit_identical(tmp_path):
    whole, history = fit()

    class Pulled(Exception):
        pass

    def pull(step, steps, row):
        if step == 200:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted, match="step 200") as stopped:
        fit(checkpoint=tmp_path, progress=pull)
    assert stopped.value.signal == signal.SIGTERM
    resumed, again = fit(checkpoint=tmp_path)
    assert np.asarray(resumed.slope).tobytes() == np.asarray(whole.slope).tobytes()
    assert again == history


def test_a_checkpoint_of_another_fit_or_a_damaged_one_is_refused(tmp_path):
    fit(checkpoint=tmp_path)
    with pytest.raises(InvalidInput, match="other settings"):
        fit(Training(steps=500, batch=64), checkpoint=tmp_path)
    with pytest.raises(InvalidInput, match="other settings"):
        fit(rows=problem(256), checkpoint=tmp_path)
    state = tmp_path / "state.safetensors"
    blob = bytearray(state.read_bytes())
    blob[-3] ^= 1
    state.write_bytes(blob)
    with pytest.raises(DataFileError, match="checksum"):
        fit(checkpoint=tmp_path)


def test_a_non_finite_step_stops_and_names_itself(tmp_path):
    with pytest.raises(FitDiverged, match="loss") as diverged:
        fit(rows=problem(bad=True), checkpoint=tmp_path)
    assert 0 <= diverged.value.step < 400
    assert np.isfinite(np.asarray(diverged.value.model.slope)).all()
    assert (tmp_path / "state.safetensors").exists()


def test_early_stop_returns_the_best_held_out_model():
    noise = {k: v[:32] for k, v in problem().items()}
    training = Training(steps=400, batch=64, rate=0.05, patience=5, decay="constant")
    seen = []
    model, history = fit(training, held_out=noise, progress=lambda *row: seen.append(row))
    assert len(seen) == len(history["step"])
    losses = history["held_out_loss"]
    assert len(losses) < 100
    assert len(losses) - 1 - int(np.argmin(losses)) == 5
    assert np.isfinite(model.slope).all()


def test_early_stop_returns_that_model_and_not_the_last():
    """The held-out rows follow half of the slope, which the fit passes on its way."""
    rows = problem()
    held = {"x": rows["x"], "y": 0.5 * (rows["y"] - 1) + 1}
    training = Training(steps=400, batch=64, rate=0.02, ema=0.0, patience=4)
    model, history = train(
        START, Shifted(0.1), rows, training, key=jax.random.key(1), held_out=held
    )
    losses = history["held_out_loss"]
    assert len(losses) - 1 - int(np.argmin(losses)) == 4
    again = np.mean((held["x"] @ np.asarray(model.slope) + 1.1 - held["y"]) ** 2)
    np.testing.assert_allclose(again, min(losses), rtol=1e-4)
    assert losses[-1] > 2 * min(losses)


@pytest.mark.parametrize(
    "bad",
    [{"steps": 0}, {"batch": -1}, {"rate": 0.0}, {"rate": float("nan")}, {"ema": 1.0}, {"clip": 0.0},
     {"decay": "linear"}, {"patience": -1}, {"held_out": 1.0}],
    ids=str,
)  # fmt: skip
def test_settings_out_of_range_are_refused(bad):
    with pytest.raises(InvalidInput, match=f"{next(iter(bad))} = .*expected"):
        Training(**bad)


DEVICES = """
import sys, hashlib, jax, numpy as np
sys.path.insert(0, {tests!r})
from test_training import fit, Training
assert jax.device_count() == {count}
model, history = fit(Training(steps=20, batch=64, rate=0.05, ema=0.9))
print(jax.device_count(), history["loss"][0], np.asarray(model.slope).tolist())
"""


@pytest.mark.multi
def test_the_result_does_not_depend_on_the_number_of_devices():
    results = []
    for count in (1, 4):
        env = os.environ | {
            "XLA_FLAGS": f"--xla_force_host_platform_device_count={count}",
            "NPROC": "8",
            "JAX_PLATFORMS": "cpu",
        }
        code = DEVICES.format(tests=str(Path(__file__).parent), count=count)
        done = subprocess.run(
            [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=150
        )
        assert done.returncode == 0, done.stderr[-2000:]
        devices, loss, *slope = (
            done.stdout.replace("[", "").replace("]", "").replace(",", "").split()
        )
        assert int(devices) == count
        results.append(np.asarray([float(loss), *map(float, slope)]))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-6)
    np.testing.assert_allclose(results[0], results[1], rtol=1e-4)


KILLED = """
import sys, hashlib
sys.path.insert(0, {tests!r})
import noneq.learning.checkpoints
noneq.learning.checkpoints._EVERY_SECONDS = 0.0
import numpy as np
from test_training import fit, Training
print("ready", flush=True)
model, _ = fit(Training(steps=20_000, batch=64, rate=0.05), checkpoint={folder!r})
print(hashlib.sha256(np.asarray(model.slope).tobytes()).hexdigest(), flush=True)
"""


@pytest.mark.kill
def test_kill_9_at_any_moment_resumes_to_the_identical_result(tmp_path):
    def start(folder):
        code = KILLED.format(tests=str(Path(__file__).parent), folder=str(folder))
        return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)

    def result(process):
        out, _ = process.communicate(timeout=150)
        assert process.returncode == 0
        return out.split()[-1]

    truth = result(start(tmp_path / "whole"))
    rng = np.random.default_rng(0)
    for i in range(2):
        folder = tmp_path / f"killed_{i}"
        process = start(folder)
        assert process.stdout.readline().strip() == "ready"
        while not (folder / "state.safetensors").exists() and process.poll() is None:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.5))
        process.kill()
        process.wait(timeout=60)
        assert result(start(folder)) == truth

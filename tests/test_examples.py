"""The examples run, and what they print is right."""

import re
import sys
import warnings
from pathlib import Path

import jax
import numpy as np
import pytest

import noneq as nq
from noneq.data.summary import summarise


EXAMPLES = Path(__file__).parents[1] / "examples"


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def examples():
    """The example scripts as modules."""
    sys.path.insert(0, str(EXAMPLES))
    try:
        import add_a_method
        import denoising_family
        import memory_capacity
        import own_data
        import quickstart
        import snapshots_to_dynamics

        yield {
            "method": add_a_method,
            "family": denoising_family,
            "memory": memory_capacity,
            "own": own_data,
            "quick": quickstart,
            "flow": snapshots_to_dynamics,
        }
    finally:
        sys.path.remove(str(EXAMPLES))


@pytest.fixture
def snapshots(rng) -> nq.Snapshots:
    """A drifting, correlated Gaussian at three times."""
    root = np.array([[1.0, 0.0], [0.6, 0.5]])
    frames = [t + rng.normal(size=(4000, 2)) @ root.T for t in (0.0, 1.0, 2.0)]
    return nq.Snapshots.from_frames(frames, [0.0, 1.0, 2.0])


def test_quickstart_reaches_a_sensible_divergence(examples, capsys):
    divergence = examples["quick"].main(steps=400)
    late = divergence.where(lambda t: t > 0.2).mean()
    # Untrained samples are spread over the box and give 0.4 bit and more.
    assert late.value < 0.2
    assert late.floor > 0.02
    assert "bit" in capsys.readouterr().out


def test_denoising_family_fits_samples_and_inpaints(examples, capsys):
    scores = examples["family"].main(steps=400, n=500)
    # A normal law of the data's width has 4.25 nats and lies 0.098 away; the law itself 2.83 nats.
    assert scores["nll"].value.item() < 3.8
    for sampler in ("Multistep", "ReverseSDE"):
        assert scores[sampler].value.item() < 0.06
    # Given x = 0 the mean of |y| is 2.83; a normal law has 1.6.
    assert scores["height"].value > 2.1
    assert "nat" in capsys.readouterr().out


@pytest.mark.slow
def test_memories_hold_what_theory_says(examples, capsys):
    curve, key = examples["memory"].capacity_curve, jax.random.key(0)
    hebb = curve(nq.methods.Hebbian(), n=120, loads=(0.06, 0.3), trials=3, key=key)
    assert hebb.value[0] > 0.97
    assert hebb.value[1] < 0.2
    assert hebb.stderr.shape == (2,)
    settings = {"flips": 0.1, "key": key}
    inverse = curve(nq.methods.PseudoInverse(), n=100, loads=(0.25, 1.1), trials=3, **settings)
    assert inverse.value[0] > 0.97
    assert inverse.value[1] == 0
    modern = curve(nq.methods.Modern(), n=40, loads=(25.0,), trials=2, **settings)
    assert modern.value[0] == 1
    assert list(examples["memory"].main(n=60, trials=2)) == ["Hebbian", "PseudoInverse"]
    assert "0.138" in capsys.readouterr().out


def test_snapshots_tell_the_equations_of_an_attractor(examples, capsys):
    found = examples["flow"].main(n=20_000, steps=50)
    # Two unrelated fields have a cosine of about .1, and a polynomial without thresholds .99.
    assert found["polynomial"].value > 0.999
    assert found["timed"].value > 0.9999  # with its sign
    # A random skew flow keeps the law of any score exactly, without being the true field.
    assert found["residual"].value < 1e-6
    assert found["skew"].value < 0.5
    printed = capsys.readouterr().out
    assert len(re.findall("^d[xyz]/dt = ", printed, re.MULTILINE)) == 6
    assert printed.count(" x z") == 2


def test_python_of_the_readme_runs(tmp_path, monkeypatch):
    text = (EXAMPLES.parent / "README.md").read_text()
    (code,) = re.findall(r"```python\n(import jax, .*?)```", text, re.DOTALL)
    smaller = {
        "20.0, 0.02)": "20.0, 0.4)",
        "n=2000": "n=100",
        "ScoreMatching()": "ScoreMatching(training=nq.Training(steps=20, batch=64))",
        "(1000,": "(50,",
    }
    for large, small in smaller.items():
        assert large in code
        code = code.replace(large, small)
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(code, names)
    assert names["cloud"].shape == (50, 2)
    assert names["jsd"].floor is not None
    assert names["data"].values.shape == (100, 50, 2)


def test_python_of_the_guide_to_thermodynamics_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    guide = Path(__file__).parents[1] / "docs" / "thermodynamics.md"
    blocks = re.findall(r"```python\n(.*?)```", guide.read_text(), re.DOTALL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # jarzynski tells how few works count
        exec(compile("\n".join(blocks), str(guide), "exec"), {})
    shown = capsys.readouterr().out
    assert "out of equilibrium" in shown
    assert "nan" not in shown


def test_own_data_reads_fits_and_saves(examples, tmp_path, capsys):
    path = tmp_path / "particles.csv"
    examples["own"].write_example(path, paths=100)
    distance = examples["own"].main(path, tmp_path / "run", steps=200)
    assert np.isfinite(distance.value).all()
    assert (distance.times > 0).any()
    assert (tmp_path / "run" / "model.safetensors").exists()
    assert "100 paths, 21 times" in capsys.readouterr().out


def test_own_method_fits_the_law_of_the_data(examples, snapshots, key):
    method = examples["method"].MovingGaussian()
    model = method.fit(snapshots, key=key).model
    covariance = np.array([[1.0, 0.6], [0.6, 0.61]])
    cloud = np.asarray(model.sample(20_000, time=1.0, key=key), np.float64)
    # 4,000 and 20,000 samples: standard error of a mean below 0.018; five of them.
    assert np.abs(cloud.mean(0) - 1.0).max() < 0.09
    assert np.abs(np.cov(cloud.T) - covariance).max() < 0.15
    # Half-way the mean is half-way: the clock is not ignored.
    early = np.asarray(model.sample(20_000, time=0.5, key=key), np.float64)
    assert np.abs(early.mean(0) - 0.5).max() < 0.09


def test_own_method_has_the_score_of_its_density(examples, snapshots, key):
    model = examples["method"].MovingGaussian().fit(snapshots, key=key).model
    x = jax.numpy.array([0.3, -0.7])
    gradient = jax.grad(lambda x: model.log_prob(x, time=1.4))(x)
    assert np.allclose(model.score(x, time=1.4), gradient, rtol=1e-4, atol=1e-5)
    assert not np.allclose(model.score(x, time=1.4), -gradient, rtol=0.1)


def test_own_method_saves_and_loads(examples, snapshots, key, tmp_path):
    fit = examples["method"].MovingGaussian(ridge=1e-3).fit(snapshots, key=key)
    nq.save(fit, tmp_path / "run")
    again = nq.load(tmp_path / "run")
    assert again.method == fit.method
    for a, b in zip(jax.tree.leaves(again.model), jax.tree.leaves(fit.model), strict=True):
        assert np.array_equal(a, b)


def test_own_method_refuses_what_it_cannot_do(examples, snapshots, key, rng):
    method = examples["method"].MovingGaussian
    with pytest.raises(nq.NoneqError, match="ridge"):
        method(ridge=-1.0)
    with pytest.raises(nq.NoneqError, match="time"):
        method().fit(snapshots, key=key).model.sample(3, key=key)
    fields = summarise(nq.Snapshots(rng.normal(size=(10, 1, 4, 4))))
    with pytest.raises(nq.NoneqError, match="vectors"):
        method().init(fields, key=key)

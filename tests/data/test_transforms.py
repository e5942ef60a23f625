"""Transformed coordinates: densities with their Jacobian, samples in the user's scale."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq import cli
from noneq.data import Snapshots, Trajectories, read, write
from noneq.data.inspection import inspection
from noneq.data.layouts import checksum
from noneq.data.scales.transforms import TRANSFORMS
from noneq.data.summary import summarise
from noneq.domains import Box
from noneq.errors import InvalidInput
from noneq.frames.normaliser import Normaliser
from noneq.learning.loop import Training
from noneq.nets import MLP
from noneq.samplers import Heun


KEY = jax.random.key(0)


def skewed(n=800):
    """A lognormal coordinate (mean 1, deviation 0.8 of the logarithm) and a Gaussian one."""
    rng = np.random.default_rng(0)
    return np.stack([np.exp(1 + 0.8 * rng.normal(size=n)), rng.normal(size=n)], axis=1)


@pytest.mark.parametrize("words", [(word, "") for word in TRANSFORMS] + [("log", "log1p")])
def test_a_normaliser_knows_its_jacobian(words):
    x = np.abs(skewed(50)) / 100 + 0.01
    normaliser = Normaliser(summarise(Snapshots(x, transform=words)))
    assert np.allclose(normaliser.host(x).std(0), 1.0, atol=1e-3)
    state = jnp.asarray(x[3])
    y = normaliser.forward(state)
    assert np.allclose(normaliser.inverse(y), state, rtol=1e-4)
    jacobian = jax.jacobian(normaliser.inverse)(y)
    volume = jnp.linalg.slogdet(jacobian)[1]
    assert normaliser.log_volume(state) == pytest.approx(float(volume), abs=1e-3)
    density = lambda x: -0.5 * jnp.sum(normaliser.forward(x) ** 2) - normaliser.log_volume(x)
    wanted = jax.grad(density)(state)
    assert np.allclose(normaliser.gradient(-y, state), wanted, rtol=1e-3)
    v = jnp.array([0.3, -0.7])
    assert np.allclose(normaliser.tangent(v, state), jacobian @ v, rtol=1e-3)
    # Itô: half the second derivative of x(y) along the noise.
    curved = jax.jacfwd(jax.jacfwd(normaliser.inverse))(y)
    wanted = 0.5 * jnp.einsum("ijj,j->i", curved, v**2)
    assert np.allclose(normaliser.ito(v, state), wanted, atol=1e-3 * np.abs(wanted).max() + 1e-6)


@pytest.fixture(scope="module")
def fit():
    data = Snapshots(skewed(), transform=["log", ""], names=("size", "y"))
    training = Training(steps=400, batch=128)
    method = nq.methods.ScoreMatching(
        net=MLP(width=32, depth=2), training=training, sampler=Heun(20)
    )
    return method.fit(data, key=KEY)


def test_samples_and_densities_are_in_the_users_scale(fit):
    drawn = np.asarray(fit.model.sample(500, key=KEY))
    assert drawn[:, 0].min() > 0
    assert np.log(drawn[:, 0]).mean() == pytest.approx(1.0, abs=0.15)
    assert np.log(drawn[:, 0]).std() == pytest.approx(0.8, abs=0.15)
    x = skewed(2000)[-200:]
    gauss = lambda z: 0.5 * z**2 + 0.5 * np.log(2 * np.pi)
    u = np.log(x[:, 0])
    truth = gauss((u - 1) / 0.8) + np.log(0.8) + u + gauss(x[:, 1])
    assert nq.metrics.nll(fit.model, Snapshots(x)).value == pytest.approx(truth.mean(), abs=0.15)
    exact = float(fit.model.log_prob(jnp.asarray(x[0])))
    estimate = fit.model.log_prob_estimate(jnp.asarray(x[0]), key=KEY, probes=32)
    assert estimate.value.item() == pytest.approx(exact, abs=0.1 + 4 * estimate.stderr.item())
    # The density falls off as that of the logarithm divided by x: far from 1 they differ by 3 nats.
    near, far = (float(fit.model.log_prob(jnp.array([size, 0.0]))) for size in (np.e, np.e**2.6))
    assert near - far == pytest.approx(0.5 * 2.0**2 + 1.6, abs=0.7)


def test_a_run_keeps_its_transform(fit, tmp_path):
    nq.save(fit, tmp_path / "run")
    again = nq.load(tmp_path / "run")
    assert again.summary.transform == ("log", "")
    assert np.array_equal(again.model.sample(9, key=KEY), fit.model.sample(9, key=KEY))


def test_a_method_without_the_jacobian_refuses():
    data = Snapshots(skewed(50), transform=["log", ""])
    with pytest.raises(InvalidInput, match="EnergyBased knows no transform"):
        nq.methods.EnergyBased().fit(data, key=KEY)
    with pytest.raises(InvalidInput, match="dequantise"):
        nq.methods.FlowMatching(dequantise=1.0).fit(data, key=KEY)


def test_files_say_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x = skewed(40)
    np.savetxt("d.csv", x, delimiter=",", header="size,y", comments="")
    data = read("d.csv", reading=["transform=size:log", "scaling=robust"])
    assert (data.transform, data.scaling) == (("log", ""), "robust")
    assert np.allclose(data.values, x), "the data stay as they are"
    for name in ("d.npz", "e.csv", "d.nc"):
        write(data, name, record=name.endswith(".csv"))
        back = read(name)
        assert checksum(back) == checksum(data)
        assert (back.transform, back.scaling) == (data.transform, data.scaling)
    assert read("d.npz", columns=["y"]).transform == ()
    assert data.select(1).transform == ("log",)
    (tmp_path / "data.toml").write_text('["d.csv"]\ntransform = {size = "sqrt"}\n')
    assert read("d.csv").transform == ("sqrt", "")
    assert read("d.csv", reading=["transform=asinh"]).transform == ("asinh", "asinh")
    shown = inspection("d.csv", reading=["transform=size:log"])
    assert "--read transform=size:log" in shown.command


@pytest.mark.parametrize(
    ("words", "match"),
    [
        ("transform=y:log", "transform log of y: .* outside 0 to inf"),
        ("transform=z:log", "no coordinate 'z'"),
        ("transform=size:ln", "transform 'ln'; known: log, log1p"),
        ("scaling=iqr", "scaling = 'iqr'; expected std or robust"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, words, match):
    np.savetxt(tmp_path / "d.csv", skewed(40), delimiter=",", header="size,y", comments="")
    with pytest.raises(InvalidInput, match=match):
        read(tmp_path / "d.csv", reading=[words])


def test_zeros_and_boxes():
    with pytest.raises(InvalidInput, match="log1p takes zeros"):
        Snapshots(np.array([0.0, 1.0, 2.0]), transform=["log"])
    with pytest.raises(InvalidInput, match="needs free space"):
        Snapshots(np.array([0.1, 0.2]), transform=["log"], domain=Box(0.0, 1.0))
    masked = np.array([[1.0, 0.0], [2.0, 3.0]])[..., None]
    mask = masked[..., 0] > 0
    Trajectories(masked, [0.0, 1.0], mask=mask, transform=["log"])


def test_robust_scales_are_those_of_most_values(tmp_path):
    x = np.random.default_rng(0).normal(5.0, 2.0, 1000)
    x[:5] = 1e5
    plain, robust = (summarise(Snapshots(x, scaling=kind)) for kind in ("std", "robust"))
    assert plain.scale[0] > 1000
    assert robust.shift[0] == pytest.approx(5.0, abs=0.2)
    assert robust.scale[0] == pytest.approx(2.0, abs=0.2)
    assert robust.std == 1.0, "what networks are told to expect is that of most values too"
    same = Snapshots(np.where(np.arange(100) < 90, 1.0, 3.0), scaling="robust")
    assert summarise(same).scale[0] == pytest.approx(0.6)
    np.savetxt(tmp_path / "d.csv", x, header="x", comments="")
    warned = inspection(tmp_path / "d.csv").warnings
    assert any("--read scaling=robust" in text and "--read transform=x:" in text for text in warned)


def test_the_command_line_takes_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savetxt("d.csv", skewed(200)[:, :1], header="size", comments="")
    small = ["--set", "training.steps=100", "--set", "net.width=32", "--set", "net.depth=2"]
    words = ["--read", "transform=log", "--quiet", *small]
    assert cli.run(["fit", "ScoreMatching", "d.csv", "-o", "run", *words]) == 0
    assert cli.run(["sample", "run", "-o", "s.csv", "--n", "50", "--quiet"]) == 0
    assert read("s.csv").values.min() > 0


def test_any_field_of_a_reading_is_a_keyword(tmp_path):
    lines = [f"{t},{t * 0.5},9" for t in range(6) for _ in range(3)]
    (tmp_path / "d.csv").write_text("time,x,mass\n" + "\n".join(lines) + "\n")
    data = read(tmp_path / "d.csv", every=2, window=(0, 4), drop=["mass"])
    assert data.times.tolist() == [0, 2, 4]
    assert data.names == ("x",)
    assert read(tmp_path / "d.csv", transform={"mass": "log"}).transform == ("", "log")
    with pytest.raises(InvalidInput, match="a reading has no 'evry'; known: .*every"):
        read(tmp_path / "d.csv", evry=2)

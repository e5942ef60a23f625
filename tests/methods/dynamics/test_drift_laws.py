"""Laws of motion from trajectories, against laws that are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.data.summary import summarise
from noneq.errors import InvalidInput, MissingTrait
from noneq.inference import motion_kind, residual_checks
from noneq.inference.drift import residuals
from noneq.methods import (
    Bells,
    DriftRegression,
    Harmonics,
    NeuralDrift,
    Polynomials,
    SparseDrift,
    Terms,
)
from noneq.methods.dynamics.libraries import AbstractFunctions
from noneq.nets import MLP
from noneq.runs import first_look
from noneq.thermo import audit
from noneq.training import Training


KEY = jax.random.key(3)
TRAP = np.array([[-1.0, 2.0], [-2.0, -1.0]])


def euler(drift, noise, start, dt, frames, rng, sub=5):
    """Paths of dX = drift dt + noise dW, ``(n, frames, dim)``."""
    x, h, path = start, dt / sub, [start]
    for _ in range(frames - 1):
        for _ in range(sub):
            x = x + h * drift(x) + np.sqrt(h) * noise * rng.normal(size=x.shape)
        path.append(x)
    return np.stack(path, axis=1)


@pytest.fixture(scope="module")
def trap():
    """A rotational trap, 30 paths of 800 frames."""
    rng = np.random.default_rng(5)
    start = rng.normal(size=(30, 2)) * np.sqrt(0.5)
    values = euler(lambda x: x @ TRAP.T, 1.0, start, 0.02, 800, rng)
    return nq.Trajectories(values, 0.02 * np.arange(800), names=("x", "y"))


@pytest.fixture(scope="module")
def well():
    """A double well, 20 paths of 1,500 frames, a fifth of which are missing."""
    rng = np.random.default_rng(6)
    start = rng.normal(size=(20, 1))
    values = euler(lambda x: x - x**3, 0.7, start, 0.02, 1500, rng)
    seen = rng.random((20, 1500)) > 0.2
    return nq.Trajectories(values, 0.02 * np.arange(1500), mask=seen, names=("x",))


@pytest.fixture(scope="module")
def inert():
    """Positions of a damped oscillator, 40 paths of 600 frames."""
    rng = np.random.default_rng(7)
    kick = np.array([0.0, 1.0])
    drift = lambda x: np.stack([x[:, 1], -x[:, 0] - 0.8 * x[:, 1]], axis=1)
    start = rng.normal(size=(40, 2)) * np.sqrt([0.625, 0.625])
    values = euler(drift, kick, start, 0.05, 600, rng, sub=20)[..., :1]
    return nq.Trajectories(values, 0.05 * np.arange(600), names=("x",))


def coefficients(model, line=0):
    return {term.code: term for term in model.law.terms[line]}


def test_the_sparse_law_of_a_double_well_with_gaps(well):
    fit = SparseDrift(library=Polynomials(5)).fit(well, key=KEY)
    found = coefficients(fit.model)
    assert found.keys() == {"x", "x**3"}
    assert abs(found["x"].value - 1) < 4 * found["x"].stderr
    assert abs(found["x**3"].value + 1) < 4 * found["x**3"].stderr
    assert fit.model.diffusivity[0, 0] == pytest.approx(0.245, rel=0.05)
    assert fit.meta["residuals"][0].startswith("residuals: white")
    assert fit.model.law.lines[0].startswith("dx/dt = −(")
    # A criterion without a price keeps terms that mean nothing.
    loose = SparseDrift(library=Polynomials(5), level=0.999).fit(well, key=KEY)
    assert fit.history["terms"] == [2.0]
    assert loose.history["terms"][0] >= 2.0


def test_the_law_is_printed_for_sympy_and_latex(trap):
    model = SparseDrift(library=Polynomials(2)).fit(trap, key=KEY).model
    law = model.law.sympy()
    slopes = [[float(rate.coeff(symbol)) for symbol in law] for rate in law.values()]
    np.testing.assert_allclose(slopes, TRAP, atol=0.3)
    assert r"\dot{x} &= (" in model.law.latex()
    assert r"\pm" in model.law.latex()


def test_known_parts_are_taken_off(trap):
    full = DriftRegression(library=Polynomials(1)).fit(trap, key=KEY).model
    rest = DriftRegression(library=Polynomials(1), known=("2*y", "")).fit(trap, key=KEY).model
    x = jnp.array([0.3, -0.4])
    np.testing.assert_allclose(rest.drift(0.0, x), full.drift(0.0, x), atol=1e-4)
    assert abs(coefficients(rest)["y"].value) < 4 * coefficients(rest)["y"].stderr
    with pytest.raises(InvalidInput, match="known has 1 texts for 2 coordinates"):
        DriftRegression(known=("y",)).fit(trap, key=KEY)


@pytest.mark.parametrize(
    "library",
    [Polynomials(3), Polynomials(2, centred=True), Harmonics(2), Bells(4), Terms(("1", "x*y"))],
)
def test_libraries_are_alike_on_the_host_and_in_the_model(library: AbstractFunctions, trap):
    basis = library.basis(summarise(trap))
    x = np.random.default_rng(0).normal(size=(6, 2))
    inside = np.asarray(jax.vmap(basis.at)(jnp.asarray(x)))
    np.testing.assert_allclose(inside, basis.values(x), atol=2e-5)
    slopes = np.asarray(jax.vmap(jax.jacfwd(basis.at))(jnp.asarray(x)))
    np.testing.assert_allclose(slopes, basis.gradients(x), atol=2e-4)
    assert len(basis.codes(("x", "y"))) == len(basis.units()) == basis.sizes(2)[-1]


def test_printed_terms_are_the_drift(well):
    """Units are right: the text, read again, is the model's drift."""
    model = DriftRegression(library=Polynomials(3, centred=True)).fit(well, key=KEY).model
    law = model.law.sympy()
    symbol, rate = next(iter(law.items()))
    for x in (-1.0, 0.4):
        assert float(rate.subs(symbol, x)) == pytest.approx(
            float(model.drift(0.0, jnp.array([x]))[0]), abs=2e-3
        )


def test_measurement_noise_is_corrected(trap):
    rng = np.random.default_rng(8)
    noisy = nq.Trajectories(trap.values + 0.14 * rng.normal(size=trap.values.shape), trap.times)
    plain = DriftRegression(library=Polynomials(1)).fit(noisy, key=KEY)
    right = DriftRegression(library=Polynomials(1), localisation=True).fit(noisy, key=KEY)
    slopes = lambda fit: np.asarray(fit.model.law.terms[0][1].value)
    z = (slopes(right) + 1) / right.model.law.terms[0][1].stderr
    assert abs(z) < 4
    # Itô sums see σ²/dt in place of the relaxation.
    assert slopes(plain) < -1.3
    np.testing.assert_allclose(right.model.localisation.value, 0.14, rtol=0.05)
    assert right.meta["residuals"][0].startswith("residuals: white")
    assert plain.meta["residuals"][0].startswith("residuals: NOT white")


def test_underdamped_motion_from_positions(inert):
    assert motion_kind(inert).kind == "underdamped"
    fit = SparseDrift(library=Polynomials(3), order=2).fit(inert, key=KEY)
    found = coefficients(fit.model)
    assert fit.summary.names == ("x", "v_x")
    assert found.keys() == {"x", "v_x"}
    assert abs(found["x"].value + 1) < 4 * found["x"].stderr
    # Without the correction of shared noise the friction would vanish: ⟨â v̂⟩ = ⟨F v⟩ + D = 0.
    assert abs(found["v_x"].value + 0.8) < 4 * found["v_x"].stderr + 0.02
    assert fit.model.diffusivity[0, 0] == pytest.approx(0.5, rel=0.05)
    paths = fit.model.sample_paths(200, times=np.linspace(0, 10, 5), key=KEY)
    assert paths.values[:, -1, 1].var() == pytest.approx(0.625, rel=0.35)


def test_kinds_of_motion(trap):
    assert motion_kind(trap).kind == "overdamped"
    rng = np.random.default_rng(9)
    noisy = nq.Trajectories(trap.values + 0.1 * rng.normal(size=trap.values.shape), trap.times)
    assert motion_kind(noisy).kind == "measurement noise"
    # The camera is open all the time, eight steps of the motion a frame.
    blurred = trap.values.reshape(30, 100, 8, 2).mean(2)
    assert motion_kind(nq.Trajectories(blurred, trap.times[::8])).kind == "motion blur"
    with pytest.raises(InvalidInput, match="three frames"):
        motion_kind(trap.frames([0, 1]))


def test_the_right_law_is_white_where_frames_are_a_fifth_of_its_time_apart(monkeypatch):
    """Exact steps of an Ornstein–Uhlenbeck process, k dt = 0.2: Euler's residuals have the energy .825."""
    trap = nq.systems.Linear(A=((1.0,),), D=((1.0,),))
    paths = nq.simulate(trap, 0.2 * np.arange(4001), n=8, key=KEY)
    law = DriftRegression(library=Polynomials(1)).fit(paths, key=KEY).model
    found = residual_checks(law, paths)
    assert abs(found.energy.value - 1) < 4 * found.energy.stderr
    assert abs(found.correlation.z) < 4
    # The broken twin takes the drift of the first state for that of the whole step.
    monkeypatch.setattr(residuals, "_straight", lambda model, x, move, dt, data: move)
    euler = residual_checks(law, paths)
    assert euler.energy.value == pytest.approx(0.825, abs=0.02)
    assert euler.correlation.z > 4 or euler.energy.z < -4


def test_a_wrong_law_leaves_residuals(well):
    """A linear law of a double well: its residuals remember the well."""
    good = DriftRegression(library=Polynomials(3)).fit(well, key=KEY).model
    bad = (
        nq.methods.DriftRegression(library=Terms(("1",)), known=("20*x",)).fit(well, key=KEY).model
    )
    right, wrong = residual_checks(good, well), residual_checks(bad, well)
    assert right.white
    assert not wrong.white
    # What the report draws: correlations within the band, the normal density.
    for found, within in ((right, True), (wrong, False)):
        curves = found.curves
        away = np.abs(curves["correlation"]) / curves["error"]
        assert curves["lags"][0] == 1
        assert bool((away < 5).all()) == within
    middle = np.add(right.curves["edges"][1:], right.curves["edges"][:-1]) / 2
    normal = np.exp(-(middle**2) / 2) / np.sqrt(2 * np.pi)
    np.testing.assert_allclose(right.curves["density"], normal, atol=0.03)
    assert right.curves["energy"] == pytest.approx(1.0, abs=0.05)
    with pytest.raises(MissingTrait):
        residual_checks(nq.methods.PlugInGaussian, well)


def test_a_learnt_law_is_a_system_and_is_audited(trap):
    model = DriftRegression(library=Polynomials(1)).fit(trap, key=KEY).model
    again = nq.simulate(model, np.linspace(0.0, 4.0, 3), n=500, key=KEY)
    assert again.values[:, -1].var() == pytest.approx(0.5, rel=0.25)
    found = audit(model, times=trap.times, n=256, key=KEY)["entropy_production"]
    # σ = 2 w²/k = 8 for a trap of stiffness 1 that turns at rate 2.
    assert float(found.value) == pytest.approx(8.0, rel=0.15)


def test_networks_learn_noise_that_depends_on_the_state():
    rng = np.random.default_rng(10)
    noise = lambda x: np.sqrt(0.5 + 0.5 * np.tanh(x) ** 2)
    x, path = rng.normal(size=(60, 1)), []
    for _ in range(400):
        x = x - 0.01 * x + 0.1 * noise(x) * rng.normal(size=x.shape)
        path.append(x)
    data = nq.Trajectories(np.stack(path, axis=1), 0.01 * np.arange(400))
    method = NeuralDrift(
        members=2, net=MLP(16, 1), training=Training(steps=600, batch=512, rate=5e-3)
    )
    model = method.fit(data, key=KEY, progress=False).model
    for at in (0.0, 1.2):
        root = float(model.diffusion(0.0, jnp.array([at]))[0, 0])
        assert root == pytest.approx(float(noise(at)), rel=0.08)
    assert float(model.drift(0.0, jnp.array([1.0]))[0]) == pytest.approx(-1.0, abs=0.5)
    assert 0 < float(model.drift_stderr(jnp.array([1.0]))[0]) < 1


def test_first_look(trap, inert):
    found = first_look(trap)
    assert found.kind is not None
    assert found.kind.kind == "overdamped"
    assert found.recommendation == "noneq fit SparseDrift FILE -o RUN"
    assert found.lines[1].startswith("residuals")
    assert len(found.facts["terms"]) == 4
    assert first_look(inert).settings == ("order=2",)
    with pytest.raises(InvalidInput, match="snapshots"):
        first_look(trap.snapshots())


def test_what_the_data_do_not_determine_is_refused(trap):
    few = trap.frames(slice(0, 3)).take(np.arange(4))
    with pytest.raises(InvalidInput, match="8 increments for 55 functions"):
        DriftRegression(library=Polynomials(9)).fit(few, key=KEY)
    with pytest.raises(InvalidInput, match="leave convention out"):
        DriftRegression(convention="ito", localisation=True).fit(trap, key=KEY)
    uneven = nq.Trajectories(trap.values, trap.times**1.1, names=trap.names)
    with pytest.raises(InvalidInput, match="evenly spaced"):
        DriftRegression(order=2).fit(uneven, key=KEY)
    with pytest.raises(InvalidInput, match="order = 3"):
        DriftRegression(order=3)

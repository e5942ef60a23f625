"""Polynomial laws of motion from snapshots: Lorenz's equations, what is not identified, refusals."""

import functools
import warnings

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gaussian_laws import Relaxing
from noneq import store
from noneq.data import Snapshots, Trajectories
from noneq.domains import Torus
from noneq.errors import InvalidInput, MissingTrait
from noneq.learning.loop import Training
from noneq.methods import EquilibriumFlow, PolynomialFlow, ScoreMatching
from noneq.methods.invariant_flows.polynomial.equations import expansion
from noneq.methods.invariant_flows.polynomial.flow import Unidentified
from noneq.models import coefficients, equations
from noneq.nets import MLP, Polynomial
from noneq.nets.vectors.polynomial import monomials
from noneq.symbolic.weak_form import Library


KEY = jax.random.key(0)
NAMES = ("x", "y", "z")
TINY = Training(steps=2, batch=8)


def lorenz(x: np.ndarray) -> np.ndarray:
    x, y, z = x.T
    return np.stack([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z], axis=1)


def stepped(x: np.ndarray, h: float = 0.01) -> np.ndarray:
    a = lorenz(x)
    b = lorenz(x + h / 2 * a)
    c = lorenz(x + h / 2 * b)
    return x + h / 6 * (a + 2 * b + 2 * c + lorenz(x + h * c))


@functools.cache
def attractor() -> np.ndarray:
    """10 paths of 2 000 steps, ``(time, path, 3)``."""
    x = np.random.default_rng(0).normal(size=(10, 3)) * 5 + [0, 0, 25]
    for _ in range(800):
        x = stepped(x)
    frames = []
    for _ in range(2000):
        x = stepped(x)
        frames.append(x)
    return np.stack(frames)


def shuffled() -> Snapshots:
    states = attractor().reshape(-1, 3)
    order = np.random.default_rng(1).permutation(len(states))
    return Snapshots(states[order], names=NAMES)


def cosine(model, states: np.ndarray) -> float:
    scale = states.std(axis=0)
    v = np.asarray(jax.vmap(model.velocity)(jnp.asarray(states))) / scale
    true = lorenz(states) / scale
    unit = lambda a: a / np.linalg.norm(a, axis=1, keepdims=True)
    return float(np.mean(np.sum(unit(v) * unit(true), axis=1)))


SCORE = Relaxing.of((0.0,) * 3)


@functools.cache
def found():
    with warnings.catch_warnings():
        warnings.simplefilter("error", Unidentified)
        return PolynomialFlow().fit(shuffled(), key=KEY, score=SCORE)


@pytest.mark.slow
def test_unordered_snapshots_tell_the_equations_of_lorenz() -> None:
    fit = found()
    assert abs(cosine(fit.model, attractor()[::50].reshape(-1, 3))) > 0.999
    powers, values = coefficients(fit.model)
    kept = np.abs(values) > 1e-4
    assert kept.sum() == 7
    place = {tuple(row): k for k, row in enumerate(powers.tolist())}
    x, y, z, xy, xz = (place[t] for t in ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3)))
    speed = values[xy, 2]
    ratios = values[[x, y, x, y, xz, z], [0, 0, 1, 1, 1, 2]] / speed
    np.testing.assert_allclose(ratios, [-10, 10, 28, -1, -1, -8 / 3], rtol=0.1)


def test_a_law_without_dynamics_is_told_from_one_with() -> None:
    states = shuffled().values
    rng = np.random.default_rng(2)
    # The same margins, but nothing that couples the coordinates.
    broken = np.stack([rng.permutation(column) for column in states.T], axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = PolynomialFlow(sparsity=0.0, confidence=0.0).fit(broken, key=KEY, score=SCORE)
    assert other.meta["stationary_values"][0] > 100 * found().meta["stationary_values"][0]


@pytest.mark.slow
def test_the_errors_cover_the_truth() -> None:
    states = attractor()[::8].reshape(-1, 3)
    states = states[np.random.default_rng(3).permutation(len(states))]
    pairs = np.stack([attractor()[:1995:400, :5], attractor()[5::400, :5]], axis=2)
    pairs = Trajectories(pairs.reshape(-1, 2, 3), [0.0, 0.05])
    fit = PolynomialFlow().fit(
        Snapshots(states, names=NAMES), key=KEY, score=SCORE, transitions=pairs
    )
    assert cosine(fit.model, states[:500]) > 0.99
    text = " ".join(fit.meta["equations"])
    numbers = {}
    for line in fit.meta["equations"]:
        left, right = line.split(" = ")
        for part in right.split(" + "):
            value, error = part[1 : part.index(")")].split(" ± ")
            numbers[left, part[part.index(")") + 2 :]] = float(value), float(error)
    truth = {("dx/dt", "y"): 10, ("dx/dt", "x"): -10, ("dy/dt", "x"): 28, ("dz/dt", "x y"): 1}
    for term, wanted in truth.items():
        value, error = numbers[term]
        assert abs(value - wanted) < 5 * error + 0.01 * abs(wanted), text


@pytest.mark.slow
def test_fields_that_the_data_do_not_tell_apart_are_announced() -> None:
    law = Relaxing.of((0.0,) * 3)
    data = np.asarray(law.sample(3000, key=KEY))
    with pytest.warns(Unidentified, match="independent fields"):
        fit = PolynomialFlow(1, confidence=0.0).fit(data, key=KEY, score=law)
    # Every one of them is a rotation.
    values = coefficients(fit.model)[1]
    linear = values[1:]
    assert np.abs(linear + linear.T).max() < 0.15 * np.abs(linear).max()
    turn = np.array([[0.0, 1, 0], [-1, 0, 2], [0, -2, 0]])
    start = data[:30]
    pairs = Trajectories(np.stack([start, start + 0.01 * start @ turn.T], axis=1), [0, 0.01])
    with warnings.catch_warnings():
        warnings.simplefilter("error", Unidentified)
        fit = PolynomialFlow(1).fit(data, key=KEY, score=law, transitions=pairs)
    np.testing.assert_allclose(coefficients(fit.model)[1][1:].T, turn, atol=0.1)


def test_equations_are_in_the_units_of_the_data() -> None:
    rng = np.random.default_rng(4)
    powers = monomials(3, 3, "test")
    shift, scale = np.array([3.0, -1.0, 0.5]), np.array([2.0, 0.1, 5.0])
    c, x = rng.normal(size=len(powers)), rng.normal(size=3)
    values = lambda x: np.prod(np.concatenate([[1.0], x])[powers], axis=1)
    table = expansion(powers, shift, scale)
    assert values(x) @ table @ c == pytest.approx(values((x - shift) / scale) @ c)
    law = Relaxing.of((0.0,) * 2)
    data = Snapshots(np.asarray(law.sample(500, key=KEY)) * 4 + 7, names=("a", "b"))
    fit = EquilibriumFlow(net=Polynomial(2), training=TINY).fit(data, key=KEY, score=law)
    powers, table = coefficients(fit.model)
    x = np.array([6.0, 9.0])
    byhand = np.prod(np.concatenate([[1.0], x])[powers], axis=1) @ table
    np.testing.assert_allclose(fit.model.velocity(jnp.asarray(x)), byhand, rtol=1e-3, atol=1e-3)
    lines = equations(fit.model, least=0.0)
    assert [line[:8] for line in lines] == ["da/dt = ", "db/dt = "]
    assert "a²" in lines[0]


def test_moments_are_those_of_the_test_functions() -> None:
    y = np.random.default_rng(5).normal(size=(400, 2))
    library = Library(2, 1, 3, most=100, name="test")
    form = library.weak_form(library.moments(y))
    c = np.random.default_rng(6).normal(size=(3, 2))
    v = c[0] + y @ c[1:][::-1] if tuple(library.powers[1]) == (2,) else c[0] + y @ c[1:]
    slopes = []
    for p in library.tests[1:].tolist():
        a, b = p.count(1), p.count(2)
        first = a * y[:, 0] ** max(a - 1, 0) * y[:, 1] ** b
        second = b * y[:, 1] ** max(b - 1, 0) * y[:, 0] ** a
        slopes.append(np.stack([first, second], axis=1))
    slopes = np.stack(slopes)
    flux = np.mean(np.sum(slopes * v, axis=2), axis=1)
    norm = np.einsum("kni,lni->kl", slopes, slopes) / len(y)
    flat = c.ravel()
    assert flat @ form.defect @ flat == pytest.approx(flux @ np.linalg.solve(norm, flux))
    assert flat @ form.power @ flat == pytest.approx(np.mean(np.sum(v**2, axis=1)))


@pytest.mark.slow
def test_a_law_survives_the_disk(tmp_path) -> None:
    data = shuffled().values[:4000]
    score = ScoreMatching(net=MLP(8, 2), training=TINY).fit(data, key=KEY).model
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = PolynomialFlow().fit(data, key=KEY, score=score)
    store.save(fit, tmp_path / "run")
    loaded = store.load(tmp_path / "run")
    assert eqx.tree_equal(loaded.model, fit.model)
    assert equations(loaded.model) == equations(fit.model)
    assert loaded.meta["equations"] == fit.meta["equations"]


def test_bad_input_is_refused_in_one_line() -> None:
    for make, match in (
        (lambda: PolynomialFlow(0), "degree = 0"),
        (lambda: PolynomialFlow(2, tests=2), "tests = 2"),
        (lambda: PolynomialFlow(sparsity=1.0), "sparsity"),
        (lambda: PolynomialFlow(confidence=-1.0), "confidence"),
        (lambda: PolynomialFlow(noise=0.0), "noise"),
    ):
        with pytest.raises(InvalidInput, match=match):
            make()
    data = np.random.default_rng(0).normal(size=(6000, 3))
    fit = lambda data, **kw: PolynomialFlow(**kw).fit(data, key=KEY, score=SCORE)
    with pytest.raises(InvalidInput, match="monomials"):
        fit(data, degree=12)
    with pytest.raises(InvalidInput, match="several times"):
        fit(Snapshots.from_frames([data[:3000], data[3000:]], [0.0, 1.0]))
    with pytest.raises(InvalidInput, match="periodic"):
        fit(Snapshots(data % 1.0, domain=Torus((1.0,) * 3)))
    with pytest.raises(InvalidInput, match="shape"):
        fit(data[:, :2])
    model = EquilibriumFlow(net=MLP(8, 2), training=TINY).fit(data, key=KEY, score=SCORE).model
    with pytest.raises(MissingTrait, match="no polynomial"):
        equations(model)

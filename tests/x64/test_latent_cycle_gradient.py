"""Gradients, steady state and entropy production of latent cycles against NumPy, in float64.

The reference below knows nothing of the package: it counts all visible states with products of
probabilities, and takes gradients by fourth-order differences.
"""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.data.ensembles import Snapshots
from noneq.data.summary import summarise
from noneq.domains import Discrete
from noneq.methods import (
    Enumerated,
    ExactGradient,
    NStepGradient,
    Persistent,
    Stratified,
    TwoStepGradient,
)
from noneq.methods.latent_cycles.chain import LatentChain
from noneq.methods.latent_cycles.cycle import CycleLikelihood
from noneq.methods.latent_cycles.gradients import AbstractCycleGradient, AbstractFantasies, Support
from noneq.methods.latent_cycles.kernels import OneHotKernels, latent_entropy_production
from noneq.methods.units.units import BernoulliUnits, CategoricalUnits, GaussianUnits


BITS, LETTERS = BernoulliUnits(), CategoricalUnits(3)
KEY = jax.random.key(5)
NAMES = ("bias", "writing", "offset", "reading", "up", "down")


def softmax(logits):
    w = np.exp(logits - logits.max(-1, keepdims=True))
    return w / w.sum(-1, keepdims=True)


class Reference:
    """All visible states of a few units, or a fine grid of real ones, and the chain on them."""

    def __init__(self, levels, dim):
        self.levels, self.dim = levels, dim
        axis = np.arange(levels) if levels else np.linspace(-11, 11, 177)
        self.states = np.array(list(itertools.product(axis, repeat=dim)), float)
        self.cell = 1.0 if levels else (axis[1] - axis[0]) ** dim

    def features(self):
        if self.levels < 3:
            return self.states
        return (self.states[..., None] == np.arange(self.levels)).reshape(
            len(self.states), -1
        ) * 1.0

    def writing(self, p):
        """p(x | z) times the cell, (states, H)."""
        eta, phi = p["bias"] + p["writing"], self.features()
        if not self.levels:
            gaps = self.states[:, None] - eta
            return self.cell * np.prod(np.exp(-(gaps**2) / 2) / np.sqrt(2 * np.pi), -1)
        if self.levels == 2:
            on = 1 / (1 + np.exp(-eta))
            return np.prod(np.where(phi[:, None] > 0, on, 1 - on), -1)
        tables = softmax(eta.reshape(len(eta), self.dim, self.levels)).reshape(len(eta), -1)
        return np.prod(np.where(phi[:, None] > 0, tables, 1.0), -1)

    def reading(self, p):
        """q̃(z | x), (states, H)."""
        q = softmax(p["offset"] + self.features() @ p.get("reading", p["writing"]).T)
        return q @ softmax(p["up"]) @ softmax(p["down"]) if "up" in p else q

    def chain(self, p):
        """T and pi, the latter as eigenvector."""
        matrix = self.writing(p).T @ self.reading(p)
        values, vectors = np.linalg.eig(matrix.T)
        law = np.real(vectors[:, np.argmax(np.real(values))])
        return matrix, law / law.sum()

    def objective(self, p, shares, old=None, steps=0):
        """Σ shares ln P; with ``old``, P is that of the last ``steps`` visible states after it."""
        written = self.writing(p)
        if old is None:
            law = self.chain(p)[1]
        else:
            law = old @ self.reading(p)
            for _ in range(steps - 2):
                law = law @ self.chain(p)[0]
        seen = shares > 0
        return float(shares[seen] @ np.log((written @ law / self.cell)[seen]))

    def entropy_production(self, p):
        matrix, law = self.chain(p)
        return entropy_of(law[:, None] * matrix)

    def joint_entropy_production(self, p):
        _, law = self.chain(p)
        written, read = self.writing(p), self.reading(p)
        total = 0.0
        for a, b in itertools.product(range(len(law)), repeat=2):
            forth, back = law[a] * written[:, a] * read[:, b], law[b] * written[:, b] * read[:, a]
            total += float(forth @ np.log(forth / back))
        return total


def entropy_of(flux):
    return float(np.sum(flux * np.log(flux / flux.T)))


def system(units, dim, hidden, *, second=0, tied=False, spread=1.0, seed=0):
    """Kernels, their numbers by name, the reference, and shares of data on its states."""
    rng = np.random.default_rng(seed)
    count = units.count(dim)
    shapes = {"bias": (count,), "writing": (hidden, count), "offset": (hidden,)}
    shapes |= {} if tied else {"reading": (hidden, count)}
    shapes |= {"up": (hidden, second), "down": (second, hidden)} if second else {}
    p = {name: spread * rng.normal(size=shape) for name, shape in shapes.items()}
    reference = Reference(units.alphabet, dim)
    chosen = rng.integers(0, len(reference.states), 12)
    if not units.alphabet:
        chosen = np.argmin(
            np.abs(reference.states[:, None] - rng.normal(size=(12, dim))).sum(-1), 0
        )
    shares = np.bincount(chosen, minlength=len(reference.states)) / 12
    return kernels(p, units), p, reference, shares


def kernels(p, units):
    rest = {name: jnp.asarray(p[name]) if name in p else None for name in NAMES[3:]}
    bias, writing, offset = (jnp.asarray(p[name]) for name in NAMES[:3])
    return OneHotKernels(bias, writing, offset, **rest, visible=units)


def batch(model, reference, shares):
    """The data with the multiplicities that the shares say."""
    rows = np.repeat(np.arange(len(shares)), np.round(12 * shares).astype(int))
    phi, base = model.features(jnp.asarray(reference.states[rows]))
    return {"phi": phi, "base": base}


def gradient_of(model, reference, shares, gradient, fantasies, dissipation=0.0, decay=0.0):
    """Loss and its gradient as the package follows it, by name."""
    loss = CycleLikelihood(gradient, fantasies, dissipation, decay, reference.dim)
    state = loss.init(model, key=KEY)
    value, grads, _ = loss.grad(model, state, batch(model, reference, shares), key=KEY)
    return float(value), {n: np.asarray(g) for n in NAMES if (g := getattr(grads, n)) is not None}


def differences(function, p, h=1e-3):
    """Fourth-order central differences in every entry."""
    out = {}
    for name, leaf in p.items():
        out[name] = np.zeros(leaf.shape)
        for index in np.ndindex(leaf.shape):
            shift = np.zeros(leaf.shape)
            shift[index] = h
            at = lambda k, name=name, leaf=leaf, shift=shift: function(p | {name: leaf + k * shift})
            out[name][index] = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h)
    return out


def largest_gap(one, two):
    assert one.keys() == two.keys()
    return max(np.abs(one[name] - two[name]).max() for name in one)


def flat(grads):
    return np.concatenate([grads[name].ravel() for name in NAMES if name in grads])


def cosine(one, two):
    one, two = flat(one), flat(two)
    return one @ two / np.linalg.norm(one) / np.linalg.norm(two)


CASES = {
    "4 bits, 3 states": (BITS, 4, 3, {}),
    "3 letters of 3": (LETTERS, 3, 4, {}),
    "second layer": (BITS, 3, 4, {"second": 2}),
}


@pytest.fixture(scope="module", params=CASES, ids=str)
def case(request):
    units, dim, hidden, more = CASES[request.param]
    return system(units, dim, hidden, **more)


@pytest.mark.sweep(1)
def test_the_exact_gradient_is_that_of_the_likelihood(case):
    model, p, reference, shares = case
    value, grads = gradient_of(model, reference, shares, ExactGradient(), Enumerated())
    cost = lambda p: -reference.objective(p, shares)
    assert value == pytest.approx(cost(p), abs=1e-12)
    assert largest_gap(grads, differences(cost, p)) < 1e-8


@pytest.mark.sweep(1)
@pytest.mark.parametrize("weight", [0.7, -2.0])
def test_rewarded_dissipation_and_weight_decay(case, weight):
    model, p, reference, shares = case
    value, grads = gradient_of(
        model, reference, shares, ExactGradient(), Enumerated(), dissipation=weight, decay=0.3
    )
    gain = lambda p: reference.objective(p, shares) + weight * reference.entropy_production(p)
    square = lambda p: (np.sum(p["writing"] ** 2) + np.sum(p["reading"] ** 2)) / 2
    assert value == pytest.approx(-gain(p), abs=1e-10)
    assert largest_gap(grads, differences(lambda p: 0.3 * square(p) - gain(p), p)) < 1e-8


@pytest.mark.parametrize("steps", [2, 3, 6])
def test_n_steps_hold_the_law_before_them_fixed(case, steps):
    model, p, reference, shares = case
    old = reference.writing(p) @ reference.chain(p)[1]
    found = gradient_of(model, reference, shares, NStepGradient(steps), Enumerated())[1]
    expected = differences(lambda p: -reference.objective(p, shares, old, steps), p)
    assert largest_gap(found, expected) < 1e-8
    if steps == 2:
        two = gradient_of(model, reference, shares, TwoStepGradient(), Enumerated())[1]
        assert largest_gap(two, expected) < 1e-8


def test_many_steps_are_exact(case):
    model, _, reference, shares = case
    full = gradient_of(model, reference, shares, ExactGradient(), Enumerated())[1]
    gaps = [
        largest_gap(gradient_of(model, reference, shares, g, Enumerated())[1], full)
        for g in (TwoStepGradient(), NStepGradient(4), NStepGradient(200))
    ]
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] < 1e-12


class Broken(AbstractCycleGradient):
    """Exact but for factors on the response of reading and of writing, which should be 1."""

    by_reading: float
    by_writing: float

    def responses(self, matrix, a):
        reading, writing = ExactGradient().responses(matrix, a)
        return self.by_reading * reading, self.by_writing * writing


@pytest.mark.parametrize("factors", [(1.0, 0.0), (-1.0, 1.0), (1.0, -1.0), (0.0, 1.0), (1.0, 0.99)])
def test_broken_twins_are_caught(factors):
    model, p, reference, shares = system(BITS, 4, 3)
    right = differences(lambda p: -reference.objective(p, shares), p)
    wrong = gradient_of(model, reference, shares, Broken(*factors), Enumerated())[1]
    assert largest_gap(wrong, right) > 1e-5


def test_two_steps_point_where_the_exact_gradient_points():
    """The 4×3 system, weights of size 0.1 and 0.3; they part as the chain begins to remember."""
    found = []
    for seed in range(20):
        model, _, reference, shares = system(BITS, 4, 3, spread=(0.1, 0.3)[seed % 2], seed=seed)
        two, full = (
            gradient_of(model, reference, shares, g, Enumerated())[1]
            for g in (TwoStepGradient(), ExactGradient())
        )
        found.append(cosine(two, full))
    assert min(found) >= 0.999


class Grid(AbstractFantasies):
    """The reference's grid, a quadrature of real visible units."""

    dim: int = 2

    def begin(self, kernels, dim, *, key):
        return jnp.asarray(Reference(0, self.dim).states)

    def support(self, kernels, state, *, key):
        phi, base = kernels.features(state)
        weight = jnp.full(len(phi), np.log(Reference(0, self.dim).cell))
        return Support(phi, base, weight, None), state


def test_real_units_by_quadrature():
    model, p, reference, shares = system(GaussianUnits(1.0), 2, 3)
    found = gradient_of(model, reference, shares, ExactGradient(), Grid())[1]
    expected = differences(lambda p: -reference.objective(p, shares), p)
    assert largest_gap(found, expected) < 1e-8


@pytest.mark.parametrize(("units", "dim"), [(BITS, 4), (LETTERS, 3), (GaussianUnits(1.0), 2)])
def test_tied_chains(units, dim):
    """Known stationary law, hence gradient; detailed balance."""
    model, p, reference, shares = system(units, dim, 3, tied=True, spread=0.7)
    found = gradient_of(model, reference, shares, TwoStepGradient(), Stratified())[1]
    expected = differences(lambda p: -reference.objective(p, shares), p)
    assert largest_gap(found, expected) < 1e-8
    np.testing.assert_allclose(np.exp(model.log_tied_law()), reference.chain(p)[1], atol=1e-10)


def settled(model, units, dim):
    """The model around given kernels."""
    if units.alphabet:
        values = np.arange(16 * dim).reshape(16, dim) % units.alphabet
        data = Snapshots(values.astype(float), domain=Discrete(units.alphabet))
    else:
        data = Snapshots(np.random.default_rng(0).normal(size=(16, dim)))
    return LatentChain(model, summarise(data)).settled(key=KEY)


@pytest.mark.sweep(2)
@pytest.mark.parametrize("more", [{}, {"second": 2}])
@pytest.mark.parametrize(("units", "dim", "hidden"), [(BITS, 4, 3), (LETTERS, 3, 5), (BITS, 9, 10)])
def test_steady_state_and_entropy_production(units, dim, hidden, more):
    kernel, p, reference, _ = system(units, dim, hidden, **more)
    model = settled(kernel, units, dim)
    matrix, law = reference.chain(p)
    np.testing.assert_allclose(model.transition_matrix(), matrix, rtol=0, atol=1e-10)
    np.testing.assert_allclose(model.stationary(), law, rtol=0, atol=1e-10)
    exact = reference.entropy_production(p)
    assert exact > 1e-5
    assert float(latent_entropy_production(model.transition_matrix())) == pytest.approx(
        exact, abs=1e-10
    )
    states = jnp.asarray(reference.states)
    np.testing.assert_allclose(
        jax.vmap(model.log_prob)(states), np.log(reference.writing(p) @ law), atol=1e-10
    )
    joint = model.joint_entropy_production(20_000, key=KEY)
    expected = reference.joint_entropy_production(p)
    assert expected >= exact - 1e-12
    # 6 cases with chance 6e-5 of a false alarm each.
    assert abs(float(joint.value) - expected) < 4 * float(joint.stderr)


TIED = [(BITS, 4), (LETTERS, 3), (BITS, 20), (GaussianUnits(1.0), 3)]


@pytest.mark.sweep(2)
@pytest.mark.parametrize(("units", "dim"), TIED)
@pytest.mark.parametrize("spread", [0.3, 1.5])
def test_tied_chains_produce_no_entropy(units, dim, spread):
    """Also where T stands on draws."""
    model = settled(tied_kernels(units, dim, spread), units, dim)
    assert abs(float(latent_entropy_production(model.transition_matrix()))) < 1e-12
    assert abs(float(model.joint_entropy_production(512, key=KEY).value)) < 1e-12


@pytest.mark.parametrize(("units", "dim"), TIED)
def test_the_known_law_of_tied_chains_is_that_of_their_matrix(units, dim):
    model = settled(tied_kernels(units, dim, 1.0), units, dim)
    matrix, law = np.asarray(model.transition_matrix()), np.asarray(model.stationary())
    np.testing.assert_allclose(law @ matrix, law, atol=1e-12)
    assert abs(entropy_of(law[:, None] * matrix)) < 1e-12


def tied_kernels(units, dim, spread):
    rng = np.random.default_rng(1)
    count = units.count(dim)
    p = {"bias": (count,), "writing": (6, count), "offset": (6,)}
    return kernels({k: spread * rng.normal(size=s) for k, s in p.items()}, units)


def test_untied_twins_do_produce_entropy():
    """What the zeros above are measured against."""
    kernel = tied_kernels(BITS, 4, 0.3)
    moved = eqx.tree_at(
        lambda k: k.reading, kernel, kernel.writing.at[0, 0].add(0.1), is_leaf=lambda x: x is None
    )
    matrix = settled(moved, BITS, 4).transition_matrix()
    assert float(latent_entropy_production(matrix)) > 1e-8


def test_persistent_chains_follow_the_papers_formula():
    """∂W_z = ⟨r_z (x − sig_z)⟩; ∂U_z = ⟨Σ (ρ/π̂)_z' q(z' | x_m)(δ_z'z − q(z | x_m)) x_m⟩."""
    model, p, reference, shares = system(BITS, 4, 3)
    rows = batch(model, reference, shares)
    loss = CycleLikelihood(TwoStepGradient(), Persistent(40), 0.0, 0.0, 4)
    before = loss.init(model, key=KEY)
    _, grads, after = loss.grad(model, before, rows, key=KEY)
    assert not np.array_equal(before, after)
    read = lambda x: softmax(p["offset"] + np.asarray(x) @ p["reading"].T)
    on = 1 / (1 + np.exp(-(p["bias"] + p["writing"])))
    data = np.asarray(rows["phi"])
    law = read(before).mean(0)
    given = law * np.prod(np.where(data[:, None] > 0, on, 1 - on), -1)
    r = given / given.sum(1, keepdims=True)
    by_writing = np.einsum("nz,nzi->zi", r, data[:, None] - on) / len(data)
    q, x = read(after), np.asarray(after)
    pull = q * (r.mean(0) / law - (q @ (r.mean(0) / law))[:, None])
    by_reading = pull.T @ x / len(x)
    np.testing.assert_allclose(-grads.writing, by_writing, atol=1e-10)
    np.testing.assert_allclose(-grads.bias, by_writing.sum(0), atol=1e-10)
    np.testing.assert_allclose(-grads.reading, by_reading, atol=1e-10)
    np.testing.assert_allclose(-grads.offset, pull.mean(0), atol=1e-10)


@pytest.mark.sweep(2)
@pytest.mark.parametrize("fantasies", [Stratified(3000), Persistent(9000)])
@pytest.mark.parametrize("gradient", [TwoStepGradient(), ExactGradient(), NStepGradient(3)])
def test_draws_stand_for_all_states(fantasies, gradient):
    """Mean of 40 estimates against enumeration; 3·2·31 entries, |z| < 5: false alarms 1e-4.

    The ratio estimates are off by O(1/draws), far below the error of the mean.
    """
    model, _, reference, shares = system(BITS, 4, 3, seed=2)
    rows = batch(model, reference, shares)
    exact = flat(gradient_of(model, reference, shares, gradient, Enumerated())[1])
    loss = CycleLikelihood(gradient, fantasies, 0.0, 0.0, 4)

    def step(state, key):
        _, grads, state = loss.grad(model, state, rows, key=key)
        return state, jnp.concatenate([getattr(grads, n).ravel() for n in NAMES[:4]])

    # Persistent chains forget their start in a few steps.
    _, found = jax.lax.scan(step, loss.init(model, key=KEY), jax.random.split(KEY, 60))
    found = np.asarray(found)[20:]
    spread = found.std(0, ddof=1) / np.sqrt(len(found))
    z = (found.mean(0) - exact) / (spread + 1e-9)
    assert np.abs(z).max() < 5
    assert np.abs(found.mean(0) - exact).max() < 0.01

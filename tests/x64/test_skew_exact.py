"""Skew flows keep the law of an exact score to rounding; broken ones do not."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from exact_mixture import ExactMixture
from noneq.constant import Constant
from noneq.methods import ConstantSkew, ConvolutionalSkew, SkewFlow, StateSkew
from noneq.models import SkewKernel, SkewWaves


KEY = jax.random.key(3)


class FirstIndex(SkewWaves):
    """A twin whose div A is over the first index."""

    def divergence(self, y):
        return -SkewWaves.divergence(self, y)


class WithoutDivergence(SkewWaves):
    """A twin without div A."""

    def divergence(self, y):
        return jnp.zeros_like(y)


def flow(operator, shape, law=None, n=200):
    law = ExactMixture.random(shape) if law is None else law
    x = np.asarray(law.sample(n, key=jax.random.key(5)))
    return SkewFlow(operator=operator).fit(x, score=law, key=KEY).model, jnp.asarray(x)


def residual(model, x, time=None):
    """√(⟨(div v + v·s)²⟩/⟨|∇v|² + |v|² |s|²⟩): for constant A div v and v·s both vanish."""

    def parts(x):
        flat = lambda y: jnp.ravel(model.velocity(y.reshape(x.shape), time=time))
        slope, v = jax.jacfwd(flat)(jnp.ravel(x)), flat(jnp.ravel(x))
        s = jnp.ravel(model.score(x, time=time))
        return jnp.trace(slope) + v @ s, jnp.sum(slope**2) + (v @ v) * (s @ s)

    off, size = jax.jit(jax.vmap(parts))(x[:100])
    return float(jnp.sqrt(jnp.mean(off**2) / jnp.mean(size)))


def speed(model, x):
    return float(jnp.sqrt(jnp.mean(jax.vmap(model.velocity)(x) ** 2)))


@pytest.mark.sweep(2)
@pytest.mark.parametrize("shape", [(2,), (5,), (3, 2)])
@pytest.mark.parametrize("operator", [ConstantSkew(), StateSkew(waves=7, length=0.7)])
def test_vectors_are_exact(operator, shape):
    model, x = flow(operator, shape)
    assert speed(model, x) > 0.05
    assert residual(model, x) <= 1e-10


@pytest.mark.parametrize("twin", [FirstIndex, WithoutDivergence])
def test_wrong_divergences_are_caught(twin):
    model, x = flow(StateSkew(waves=7, length=0.7), (3,))
    parts = model.operator
    broken = twin(parts.tensor, parts.frequencies, parts.phases)
    assert residual(eqx.tree_at(lambda m: m.operator, model, broken), x) > 1e-2


def test_a_symmetric_part_is_caught():
    model, x = flow(ConstantSkew(), (3,))
    tilted = model.operator.tensor.value + 0.05 * jnp.eye(3)
    assert residual(eqx.tree_at(lambda m: m.operator.tensor.value, model, tilted), x) > 1e-3


@pytest.mark.sweep(1)
@pytest.mark.parametrize(
    ("shape", "size"), [((1, 6), 3), ((2, 6), 1), ((2, 3, 4), 3), ((1, 5, 5), 3), ((2, 3, 3, 3), 3)]
)
def test_fields_are_exact(shape, size):
    model, x = flow(ConvolutionalSkew(size=size, periodic=True), shape)
    assert speed(model, x) > 0.05
    assert residual(model, x) <= 1e-10


def test_every_time_of_a_moving_law_is_kept():
    law = ExactMixture.random((2,), drift=0.5)
    data = law.snapshots(300, times=[0.0, 1.0, 2.0], key=KEY)
    model = SkewFlow().fit(data, score=law, key=KEY).model
    for time in (0.0, 1.5):
        assert residual(model, law.sample(50, time=time, key=KEY), time) <= 1e-10


def dense(operator, dim):
    columns = jax.vmap(lambda s: operator.along(s, s))(jnp.eye(dim))
    return np.asarray(columns).T


def kernel(shape, size, isotropic=False, seed=0):
    recipe = ConvolutionalSkew(size=size, isotropic=isotropic)
    pattern = recipe.pattern(shape)
    free = jax.random.normal(jax.random.key(seed), (pattern.count,))
    return SkewKernel(Constant(pattern.place(free / jnp.linalg.norm(free))), shape)


@pytest.mark.sweep(5)
@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("grid", [(7,), (5, 6), (3, 2, 4)])
def test_dense_kernels_are_skew(size, channels, grid):
    if channels == 1 and size == 1:
        return
    shape = (channels, *grid)
    operator = kernel(shape, size)
    matrix = dense(operator, int(np.prod(shape)))
    np.testing.assert_allclose(matrix, -matrix.T, atol=1e-15)
    assert np.linalg.norm(operator.tensor.value) == pytest.approx(1)


def test_the_convolution_is_the_one_of_the_formula():
    shape, size = (2, 5, 4), 3
    operator = kernel(shape, size)
    K = np.asarray(operator.tensor.value)
    s = np.random.default_rng(0).normal(size=shape)
    wanted = np.zeros(shape)
    for a, b in itertools.product(range(size), repeat=2):
        moved = np.roll(s, (1 - a, 1 - b), axis=(1, 2))  # s(x + δ), δ = (a − 1, b − 1)
        wanted += np.einsum("oi,ixy->oxy", K[:, :, a, b], moved)
    made = operator.along(jnp.ravel(s), jnp.ravel(s))
    np.testing.assert_allclose(made, wanted.ravel(), atol=1e-14)


@pytest.mark.parametrize("grid", [(6,), (4, 4), (3, 3, 3)])
@pytest.mark.parametrize("size", [3, 5])
def test_isotropic_kernels_commute_with_the_symmetries_of_the_grid(grid, size):
    shape = (2, *grid)
    axes = range(1, len(shape))
    s = jnp.asarray(np.random.default_rng(0).normal(size=shape))

    def off(operator):
        act = lambda s: operator.along(jnp.ravel(s), jnp.ravel(s)).reshape(shape)
        moves = [lambda s, a=a: jnp.flip(s, a) for a in axes]
        moves += [lambda s, p=p: jnp.rot90(s, axes=p) for p in itertools.combinations(axes, 2)]
        return max(float(jnp.abs(act(move(s)) - move(act(s))).max()) for move in moves)

    assert off(kernel(shape, size, isotropic=True)) < 1e-14
    assert off(kernel(shape, size, isotropic=False)) > 1e-2


def test_given_numbers_are_in_the_datas_units():
    law = ExactMixture.random((3,), spread=4.0)
    model, x = flow(ConstantSkew(entries=(1.0, -2.0, 0.5)), (3,), law)
    A = np.array([[0, 1, -2.0], [-1, 0, 0.5], [2, -0.5, 0]])
    np.testing.assert_allclose(model.tensor, A, atol=1e-12)
    np.testing.assert_allclose(model.velocity(x[0]), A @ law.score(x[0]), rtol=1e-10)
    K = np.array([[0.0, 3.0], [-3.0, 0.0]]).reshape(2, 2, 1, 1)
    model, x = flow(ConvolutionalSkew(kernel=K, periodic=True), (2, 3, 3))
    np.testing.assert_allclose(model.tensor, K, atol=1e-12)
    wanted = np.einsum("oi,ixy->oxy", K[..., 0, 0], model.score(x[0]))
    np.testing.assert_allclose(model.velocity(x[0]), wanted, rtol=1e-10)


@pytest.mark.slow
def test_fits_without_noise_are_exact():
    for operator, shape in [
        (ConstantSkew(), (3,)),
        (StateSkew(waves=3), (3,)),
        (ConvolutionalSkew(size=3, periodic=True), (2, 4, 4)),
        (ConvolutionalSkew(size=3, isotropic=True, periodic=True), (2, 4, 4)),
    ]:
        truth, x = flow(operator, shape)
        # Another key draws another tensor; the waves are those of the model that is started from.
        method = SkewFlow(operator=operator)
        for seen in (truth.velocity, np.asarray(jax.vmap(truth.velocity)(x))):
            fit = method.fit(x, score=truth.law, velocities=seen, init=truth, key=KEY)
            np.testing.assert_allclose(fit.model.tensor, truth.tensor, rtol=1e-4, atol=1e-6)
            assert fit.meta["skew"]["cosine"] == pytest.approx(1, abs=1e-6)

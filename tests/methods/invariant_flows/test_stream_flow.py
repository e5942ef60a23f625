"""Stream flow: exact invariance by its form, the least deforming field, mirror symmetry, refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from exact_mixture import ExactMixture
from noneq.errors import InvalidInput
from noneq.learning.loop import Training
from noneq.methods import StreamFlow
from noneq.methods.invariant_flows.stream_flow_model import StreamFlowModel
from noneq.nets import MLP, Mirrored


KEY = jax.random.key(5)
TINY = StreamFlow(net=MLP(width=16, depth=2), training=Training(steps=150, batch=256, rate=1e-2))


@pytest.fixture(scope="module")
def law():
    return ExactMixture.random((3,), seed=2)


@pytest.fixture(scope="module")
def fit(law):
    return TINY.fit(np.asarray(law.sample(2000, key=KEY)), key=KEY, score=law)


def terms(model: StreamFlowModel, x):
    """div v + v·s and the size of div v, v and s together, for every state."""

    def one(x):
        jacobian = jax.jacfwd(model.velocity)(x)
        v, s = model.velocity(x), model.score(x)
        return jnp.trace(jacobian) + v @ s, jnp.sqrt(jnp.sum(jacobian**2) + (v @ v) * (s @ s))

    return jax.jit(jax.vmap(one))(x)


@pytest.mark.slow
def test_the_law_is_kept_whatever_the_network_says(law, fit):
    x = law.sample(512, key=jax.random.key(1))
    untrained = TINY.init(fit.summary, key=jax.random.key(2), score=law)
    for model in (fit.model, untrained):
        residual, size = terms(model, x)
        assert jnp.abs(residual).max() < 2e-5 * size.max()
    assert isinstance(fit.model, StreamFlowModel)


def test_without_the_divergence_of_the_matrix_it_is_not(law, fit):
    """The broken twin: A s alone."""
    x = law.sample(512, key=jax.random.key(1))
    frame = fit.model.frame
    scale = frame.normaliser.scale.value

    def half(x):
        a, b, c = fit.model.field(frame.normaliser.forward(x), None, 0.0, None)
        matrix = jnp.asarray([[0, a, b], [-a, 0, c], [-b, -c, 0]])
        return scale * (matrix @ (scale * law.score(x)))

    residual = lambda x: jnp.trace(jax.jacfwd(half)(x)) + half(x) @ law.score(x)
    assert jnp.sqrt(jnp.mean(jax.jit(jax.vmap(residual))(x) ** 2)) > 0.01


def test_its_size_is_one_in_units_of_the_data(law, fit):
    x = law.sample(4000, key=jax.random.key(3))
    scale = fit.model.frame.normaliser.scale.value
    v = jax.jit(jax.vmap(fit.model.velocity))(x) / scale
    assert abs(float(jnp.mean(v**2)) - 1) < 0.1


def test_training_lowers_the_deformation(fit):
    losses = fit.history["loss"]
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.slow
def test_a_turned_normal_law_turns_rigidly():
    """In the plane the field of least deformation that keeps N(0, I) is the rotation, S = 0."""
    data = np.random.default_rng(0).normal(size=(4000, 2)).astype(np.float32)
    law = ExactMixture.of(np.ones(1), np.zeros((1, 2)), np.eye(2)[None], (2,))
    method = StreamFlow(
        net=MLP(width=16, depth=2), training=Training(steps=400, batch=512, rate=1e-2)
    )
    fit = method.fit(data, key=KEY, score=law)
    assert fit.history["loss"][-1] < 0.02
    x = jnp.asarray(data[:500])
    v = jax.vmap(fit.model.velocity)(x)
    turned = v[:, 0] * x[:, 1] - v[:, 1] * x[:, 0]
    cosine = turned / (jnp.linalg.norm(v, axis=1) * jnp.linalg.norm(x, axis=1))
    assert float(jnp.abs(jnp.mean(cosine))) > 0.97


def test_the_same_key_gives_the_same_bits_and_it_survives_the_disk(tmp_path, law, fit):
    again = TINY.fit(np.asarray(law.sample(2000, key=KEY)), key=KEY, score=law)
    x = jnp.asarray([0.1, 0.2, -0.3])
    assert (again.model.velocity(x) == fit.model.velocity(x)).all()
    nq.save(fit, tmp_path)
    assert (nq.load(tmp_path).model.velocity(x) == fit.model.velocity(x)).all()


def test_mirrored_fields_are_equivariant():
    net = Mirrored(MLP(width=8, depth=2), signs=(-1, -1, 1)).init(
        (3,), 3, noise=False, clock=None, label=None, key=KEY
    )
    mirror, x = jnp.asarray([-1.0, -1.0, 1.0]), jnp.asarray([0.3, -1.2, 0.7])
    np.testing.assert_allclose(net(mirror * x), mirror * net(x), atol=1e-7)
    assert jnp.abs(net.net(mirror * x) - mirror * net.net(x)).max() > 1e-3
    for signs in ((), (1, 0), (2, 1, 1)):
        with pytest.raises(InvalidInput, match="signs"):
            Mirrored(signs=signs)
    with pytest.raises(InvalidInput, match="Mirrored: 2 signs"):
        Mirrored(signs=(1, -1)).init((3,), 3, noise=False, clock=None, label=None, key=KEY)


def test_what_is_refused(law):
    with pytest.raises(InvalidInput, match="StreamFlow: noise"):
        StreamFlow(noise=0.0)
    with pytest.raises(InvalidInput, match="score is of states of shape"):
        TINY.fit(np.random.default_rng(0).normal(size=(400, 2)), key=KEY, score=law)
    with pytest.raises(InvalidInput, match="65 dimensions"):
        TINY.fit(np.random.default_rng(0).normal(size=(7000, 65)), key=KEY)

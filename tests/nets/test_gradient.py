"""Gradient networks: no curl, and the potential of a denoiser's score."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.data.ensembles import as_snapshots
from noneq.data.summary import summarise
from noneq.errors import InvalidInput
from noneq.methods import FlowMatching, ScoreMatching
from noneq.nets import MLP, Gradient
from noneq.processes import VP, Cosine, Gaussian, Karras, Noise, Preconditioned, V, noisy_energy


TINY = Gradient(MLP(16, 2))
POINTS = [(Karras(), Preconditioned()), (VP(), Noise()), (Cosine(), V())]


def denoiser(rng, key, dim=3, **fields):
    data = as_snapshots(rng.normal(size=(50, dim)).astype(np.float32) * 2 + 1)
    return ScoreMatching(**fields).init(summarise(data), key=key).denoiser


@pytest.mark.parametrize(("schedule", "target"), POINTS, ids=["edm", "vp", "cosine"])
def test_the_score_is_minus_the_gradient_of_the_energy(schedule, target, rng, key):
    model = denoiser(rng, key, net=TINY, process=Gaussian(schedule), target=target)
    # A large network, so that its part of the score is no afterthought.
    model = eqx.tree_at(lambda m: m.net.net.last, model, replace_fn=lambda w: 20 * w)

    @jax.jit
    def both(x, tau):
        energy = lambda x: noisy_energy(model, x, tau)
        jacobian = jax.jacfwd(lambda x: model.noisy_score(x, tau))(x)
        return model.noisy_score(x, tau), -jax.grad(energy)(x), jacobian

    for tau in (0.3, 0.7):
        score, slope, jacobian = both(jnp.asarray(rng.normal(size=3), jnp.float32), tau)
        np.testing.assert_allclose(slope, score, rtol=2e-4, atol=1e-4 * np.abs(score).max())
        assert np.abs(jacobian - jacobian.T).max() < 1e-5 * np.abs(jacobian).max()


def test_a_plain_network_has_curl_and_no_energy(rng, key):
    model = denoiser(rng, key, net=MLP(16, 2))
    jacobian = jax.jacfwd(lambda x: model.noisy_score(x, 0.5))(jnp.ones(3))
    assert np.abs(jacobian - jacobian.T).max() > 1e-3 * np.abs(jacobian).max()
    with pytest.raises(InvalidInput, match="net=Gradient"):
        noisy_energy(model, jnp.ones(3), 0.5)


def test_outputs_that_are_no_gradient_are_refused(key):
    with pytest.raises(InvalidInput, match="4 outputs"):
        TINY.init((2,), 4, noise=True, clock=None, label=None, key=key)


def test_it_fits_and_round_trips_as_a_recipe(rng, key):
    from noneq.learning.loop import Training
    from noneq.spec import override

    method = FlowMatching(net=TINY, training=Training(steps=3, batch=8))
    method = override(method, {"net.net.width": 8})
    assert method.net.net.width == 8
    fit = method.fit(rng.normal(size=(40, 2)).astype(np.float32), key=key)
    assert np.isfinite(fit.history["loss"]).all()

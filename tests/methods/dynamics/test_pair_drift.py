"""The force between particles, from paths of a small flock."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.errors import InvalidInput
from noneq.methods import PairDrift


KEY = jax.random.key(3)


def force(x):
    """Σ_j (0.3 r − 2 e^{−r}) e_ij of particles ``(n, particles, dim)``."""
    away = x[:, None] - x[:, :, None]
    r = np.linalg.norm(away, axis=-1) + np.eye(x.shape[1])
    return (((0.3 * r - 2 * np.exp(-r)) / r)[..., None] * away).sum(2)


@pytest.fixture(scope="module")
def flock():
    rng, h = np.random.default_rng(2), 0.004
    x = rng.normal(size=(6, 4, 2))
    path = []
    for k in range(5 * 800):
        if k % 5 == 0:
            path.append(x)
        x = x + h * force(x) + np.sqrt(h) * 0.4 * rng.normal(size=x.shape)
    return nq.Trajectories(np.stack(path, 1), 5 * h * np.arange(800))


def test_the_force_of_a_flock(flock):
    fit = PairDrift(terms=("1", "r", "r**2", "exp(-r)")).fit(flock, key=KEY)
    (terms,) = fit.model.force.terms
    found = {term.code: term for term in terms}
    assert found.keys() == {"r", "exp(-r)"}
    for code, truth in (("r", 0.3), ("exp(-r)", -2.0)):
        assert abs(found[code].value - truth) < 3.5 * found[code].stderr
        assert found[code].stderr < 0.2 * abs(truth)
    assert fit.model.diffusivity == pytest.approx(0.08, rel=0.05)
    assert fit.model.equations[0].startswith("dx_i/dt = Σ_j e_ij [")
    assert fit.meta["residuals"][0].startswith("residuals: white")
    x = np.asarray(flock.values[0, 10], np.float32)
    drift = np.asarray(fit.model.drift(0.0, jnp.asarray(x)))
    error = np.asarray(fit.model.drift_stderr(jnp.asarray(x)))
    assert (np.abs(drift - force(x[None])[0]) < 5 * error).all()
    np.testing.assert_allclose(drift.sum(0), 0.0, atol=1e-4)
    again = fit.model.sample_paths(3, times=[0.0, 0.1], key=KEY)
    assert again.values.shape == (3, 2, 4, 2)


def test_what_are_no_particles_is_refused():
    paths = nq.Trajectories(np.zeros((2, 5, 3)), np.arange(5.0))
    with pytest.raises(InvalidInput, match="expected two or more particles"):
        PairDrift().fit(paths, key=KEY)
    with pytest.raises(InvalidInput, match="different functions"):
        PairDrift(terms=("r", "r"))

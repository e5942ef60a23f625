"""The eight shapes: supports, symmetries, exact likelihoods."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.errors import InvalidInput
from noneq.simulation import simulate
from noneq.systems import (
    Checkerboard,
    Circles,
    EightGaussians,
    Moons,
    Pinwheel,
    Rings,
    SwissRoll,
    TwoSpirals,
)


N = 20_000


def draw(shape, key, n=N):
    return simulate(shape, [0.0], n=n, key=key).at(0.0).astype(np.float64)


@pytest.mark.parametrize(
    ("shape", "nats"), [(EightGaussians(), 2.83188), (Checkerboard(), np.log(32.0))], ids=repr
)
def test_entropy_of_the_samples_is_the_known_optimum(shape, nats, key):
    log_p = np.asarray(jax.vmap(shape.log_density)(jnp.asarray(draw(shape, key), jnp.float32)))
    assert np.isfinite(log_p).all()
    assert abs(-log_p.mean() - nats) <= 5 * log_p.std() / np.sqrt(N) + 1e-5


def test_checkerboard_squares_are_equally_full(key):
    cells, counts = np.unique(np.floor(draw(Checkerboard(), key) / 2), axis=0, return_counts=True)
    assert len(cells) == 8
    assert (cells.sum(1) % 2 == 0).all()
    assert np.abs(counts - N / 8).max() < 5 * np.sqrt(N / 8)


def test_checkerboard_has_no_mass_elsewhere():
    log_p = jax.vmap(Checkerboard().log_density)(jnp.array([[3.0, 1.0], [5.0, 5.0], [-4.5, 1.0]]))
    assert (np.asarray(log_p) == -np.inf).all()


@pytest.mark.parametrize(
    ("shape", "radii"), [(Rings(), [0.75, 1.5, 2.25, 3.0]), (Circles(), [1.5, 3.0])], ids=repr
)
def test_rings_have_their_radii(shape, radii, key):
    r = np.linalg.norm(draw(shape, key), axis=1)
    nearest = np.argmin(np.abs(r[:, None] - radii), axis=1)
    # About its ring, a radius is noise σ plus σ²/2r outwards.
    for i, radius in enumerate(radii):
        inside = r[nearest == i]
        assert abs(np.median(inside) - radius) < 0.05
        assert abs(len(inside) - N / len(radii)) < 0.04 * N


def test_noiseless_curves(key):
    roll = draw(SwissRoll(noise=0.0), key) * 5
    r, angle = np.hypot(*roll.T), np.arctan2(roll[:, 1], roll[:, 0])
    assert np.abs(np.cos(r - angle) - 1).max() < 1e-4
    assert r.min() > 1.5 * np.pi - 1e-3
    assert r.max() < 4.5 * np.pi + 1e-3
    moons = (draw(Moons(noise=0.0), key) - [-1.0, -0.2]) / 2
    upper = np.abs(np.hypot(*moons.T) - 1)
    lower = np.abs(np.hypot(*(moons - [1.0, 0.5]).T) - 1)
    assert np.minimum(upper, lower).max() < 1e-4


def test_spirals_are_point_images_and_arms_are_five(key):
    x = draw(TwoSpirals(), key)
    assert np.abs(x.mean(0)).max() < 5 * x.std() / np.sqrt(N)
    pinwheel = draw(Pinwheel(), key) / 2
    along = np.hypot(*pinwheel.T)
    # Unbent by the mean of their radius, the arms lie at multiples of 72 degrees.
    angle = np.arctan2(pinwheel[:, 1], pinwheel[:, 0]) + 0.25 * np.exp(along)
    assert np.abs(np.mean(np.exp(5j * angle))) > 0.8
    assert np.abs(np.mean(np.exp(4j * angle))) < 0.05


def test_bad_fields_are_refused():
    with pytest.raises(InvalidInput, match="noise"):
        Moons(noise=-0.1)

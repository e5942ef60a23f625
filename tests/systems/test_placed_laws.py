"""Exact laws of placed patterns: scores are slopes, samples are theirs, broken twins are caught."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.errors import InvalidInput
from noneq.inference import phase_shuffled
from noneq.systems import Disc, Group, PlacedIcons, PlacedPoints
from noneq.systems.pattern_laws.icons import PlacedIconLaw, ShuffledIconLaw
from noneq.systems.pattern_laws.points import PlacedPointsLaw


PAIR = Group((Disc(1.5, (1.0, 0.0)), Disc(1.0, (0.0, 1.0))), ((0.0, 1.0, 0.0), (0.0, -1.5, 0.0)))
ICONS = PlacedIconLaw(PlacedIcons(PAIR, size=16), 0.4, turns=4)
LAWS = {"placed": ICONS, "shuffled": ShuffledIconLaw(ICONS)}
POINTS = PlacedPointsLaw(
    PlacedPoints(((0.0, 0.0), (1.0, 0.2), (0.1, 1.3)), box=8.0, copies=2), 0.3, turns=16
)


@pytest.mark.sweep(1)
@pytest.mark.parametrize("name", LAWS)
def test_scores_of_icons_are_slopes(name, key):
    law = LAWS[name]
    x = law.sample(3, key=key)
    log = lambda x: law.log_likelihood(x) - jnp.sum(x**2) / (2 * law.noise**2)
    np.testing.assert_allclose(
        jax.vmap(law.score)(x), jax.vmap(jax.grad(log))(x), rtol=1e-3, atol=2e-3
    )


def test_sums_over_all_placements(key):
    """The convolutions against the plain sum over every stamp and shift."""
    law = ICONS
    stamps = np.fft.irfft2(np.asarray(law.stamps.value), s=(16, 16))
    every = np.stack([
        np.roll(stamp, (i, j), (1, 2)) for stamp in stamps for i in range(16) for j in range(16)
    ])  # fmt: skip
    x = np.asarray(law.sample(4, key=key), float)
    for one in x:
        log = -((every - one) ** 2).sum((1, 2, 3)) / (2 * law.noise**2)
        weight = np.exp(log - log.max())
        clean = np.tensordot(weight / weight.sum(), every, 1)
        np.testing.assert_allclose(law.clean(jnp.asarray(one, jnp.float32)), clean, atol=2e-3)


@pytest.mark.sweep(1)
@pytest.mark.parametrize("name", LAWS)
def test_denoised_fields_are_conditional_means(name, key):
    """⟨E[m|x]·(E[m|x] − m)⟩ = 0; of a law that takes the noise for larger it is not."""
    law = LAWS[name]
    placed = PlacedIconLaw(PlacedIcons(PAIR, size=16), 0.6, turns=4)
    wrong = placed if name == "placed" else ShuffledIconLaw(placed)
    clean_key, noise_key = jax.random.split(key)
    m = jax.vmap(law.draw)(jax.random.split(clean_key, 1000))
    x = m + 0.4 * jax.random.normal(noise_key, m.shape)

    def z(law):
        clean = jax.lax.map(law.clean, x, batch_size=100)
        values = np.asarray(jnp.sum(clean * (clean - m), (1, 2, 3)))
        return abs(values.mean()) / (values.std() / np.sqrt(len(values)))

    assert z(law) < 4.5
    assert z(wrong) > 4.5


@pytest.mark.slow
def test_shuffled_law_is_that_of_shuffled_snapshots(key):
    """Same spectra as `phase_shuffled`, and the likelihood of its fields is as high."""
    draw = lambda law, key: np.asarray(jax.vmap(law.draw)(jax.random.split(key, 400)))
    keys = jax.random.split(key, 3)
    surrogate = phase_shuffled(draw(LAWS["placed"], keys[0]), key=keys[1])
    mine = draw(LAWS["shuffled"], keys[2])
    power = lambda fields: (np.abs(np.fft.fft2(fields)) ** 2).mean((0, 1))
    np.testing.assert_allclose(power(mine), power(surrogate), rtol=0.1, atol=0.5)
    likelihood = jax.jit(jax.vmap(LAWS["shuffled"].log_likelihood))
    a, b = (np.asarray(likelihood(jnp.asarray(f, jnp.float32))) for f in (mine, surrogate))
    assert abs(a.mean() - b.mean()) < 4.5 * np.sqrt(a.var() / 400 + b.var() / 400 + 1e-3)


@pytest.mark.slow
def test_score_of_points_is_that_of_its_samples(key):
    """Stein: ⟨div s + |s|²⟩ = 0; with twice the noise it is not."""
    x = POINTS.sample(3000, key=key)

    @eqx.filter_jit
    def stein(law, x):
        flat = lambda y: law.log_prob(y.reshape(x.shape[1:]))
        one = lambda y: jnp.trace(jax.hessian(flat)(y)) + jnp.sum(jax.grad(flat)(y) ** 2)
        return jax.lax.map(one, x.reshape(len(x), -1), batch_size=500)

    z = lambda values: abs(values.mean()) / (values.std() / np.sqrt(len(values)))
    assert z(np.asarray(stein(POINTS, x))) < 4.5
    wide = PlacedPointsLaw(
        PlacedPoints(((0.0, 0.0), (1.0, 0.2), (0.1, 1.3)), box=8.0, copies=2), 0.6, turns=16
    )
    assert z(np.asarray(stein(wide, x))) > 10


def test_law_of_points_is_normalised():
    """One point and its arrow of two sites, summed over the torus."""
    law = PlacedPointsLaw(PlacedPoints(((0.0, 0.0),), box=4.0), 0.4)
    assert float(jnp.exp(law.log_prob(jnp.ones((1, 2))))) == pytest.approx(1 / 16, rel=1e-4)
    pair = PlacedPointsLaw(PlacedPoints(((0.0, 0.0), (1.0, 0.0)), box=4.0), 0.4, turns=8)
    line = jnp.arange(32) / 8
    grid = jnp.stack(jnp.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2)
    log = jax.vmap(lambda y: pair.log_prob(jnp.stack([jnp.zeros(2), y])))(grid)
    assert float(jnp.exp(log).mean()) * 16 * 16 == pytest.approx(1.0, rel=1e-3)


@pytest.mark.slow
def test_laws_know_no_place(key):
    x = POINTS.sample(1, key=key)[0]
    moved = POINTS.domain.project(x + jnp.asarray([3.1, -1.7]))
    np.testing.assert_allclose(POINTS.score(moved), POINTS.score(x), rtol=1e-2, atol=1e-2)
    field = ICONS.sample(1, key=key)[0]
    np.testing.assert_allclose(
        ICONS.score(jnp.roll(field, (3, 5), (1, 2))),
        jnp.roll(ICONS.score(field), (3, 5), (1, 2)),
        atol=1e-3,
    )


@pytest.mark.slow
def test_jit_and_eager_scores_agree(key):
    x = POINTS.sample(512, key=key)
    eager = jax.vmap(POINTS.score)(x)
    np.testing.assert_allclose(jax.jit(jax.vmap(POINTS.score))(x), eager, rtol=1e-3, atol=1e-3)


def test_refusals_of_placed_laws():
    with pytest.raises(InvalidInput, match="copies"):
        PlacedIconLaw(PlacedIcons(Disc(), count=2), 0.3)
    with pytest.raises(InvalidInput, match="noise"):
        PlacedIconLaw(PlacedIcons(Disc()), -1.0)
    with pytest.raises(InvalidInput, match="noise"):
        PlacedPointsLaw(PlacedPoints(), 5.0)
    with pytest.raises(InvalidInput, match="turns"):
        PlacedPointsLaw(PlacedPoints(), 0.1, turns=0)

"""Placed patterns: wrap-around, turning, counts, pictures of the user, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.errors import DataFileError, InvalidInput
from noneq.systems import (
    Bar,
    Disc,
    Group,
    PictureFile,
    PlacedIcons,
    PlacedPoints,
    Ring,
)


DROP = Bar(length=6.0, width=2.0, head=0.5)
GROUP = Group(
    (Disc(2.0, (1.0, 0.0)), Ring(2.0, 1.0, (0.0, 1.0))), ((0.0, 3.0, 0.0), (1.0, -3.0, 0.5))
)


def saved(path, pixels):
    from matplotlib.image import imsave

    imsave(path, pixels)
    return str(path)


def triangle(side=20):
    """Opaque red below the diagonal, nothing above."""
    pixels = np.zeros((side, side, 4), np.float32)
    pixels[np.tril_indices(side)] = (1.0, 0.0, 0.0, 1.0)
    return pixels


@pytest.mark.parametrize("icon", [Disc(), Ring(), DROP, GROUP])
def test_edges_of_the_canvas_meet(icon):
    """A shift by whole sites across the border is a roll, and nothing reaches beyond the reach."""
    system = PlacedIcons(icon, size=32)
    angle = jnp.asarray(0.7)
    middle = np.asarray(system.painted(jnp.asarray([16.0, 16.0]), angle))
    corner = np.asarray(system.painted(jnp.asarray([1.0, 31.0]), angle))
    np.testing.assert_allclose(corner, np.roll(middle, (-15, 15), (1, 2)), atol=1e-5)
    gap = np.hypot(*(np.mgrid[:32, :32] - 16.0))
    assert np.abs(middle[:, gap > icon.reach]).max(initial=0) < 2e-3
    assert middle[:-1].max() > 0.8


def test_turning_by_a_quarter():
    system = PlacedIcons(DROP, size=33)
    centre = jnp.asarray([16.0, 16.0])
    still = np.asarray(system.painted(centre, jnp.asarray(0.0)))
    quarter = np.asarray(system.painted(centre, jnp.asarray(np.pi / 2)))
    np.testing.assert_allclose(quarter, np.rot90(still, 1, (1, 2)), atol=1e-5)
    assert np.abs(quarter - still).max() > 0.5
    # The head is thicker: a half turn is not the same picture.
    assert np.abs(np.rot90(still, 2, (1, 2)) - still).max() > 0.2


@pytest.mark.slow
def test_counts_and_distances(key):
    system = PlacedIcons(Disc(2.0), size=48, count=5, apart=12.0)
    centres = np.asarray(jax.vmap(system.centres)(jax.random.split(key, 50)))
    gap = centres[:, :, None] - centres[:, None]
    gap -= 48 * np.round(gap / 48)
    away = np.linalg.norm(gap, axis=-1) + 1e3 * np.eye(5)
    assert away.min() >= 12.0
    one = float(jax.vmap(PlacedIcons(Disc(2.0), size=48).initial)(jax.random.split(key, 1)).sum())
    all_five = np.asarray(jax.vmap(system.initial)(jax.random.split(key, 20))).sum((1, 2, 3))
    np.testing.assert_allclose(all_five, 5 * one, rtol=0.02)


def one_sided(fields):
    """How much the slopes of each field lie along one line, 0 to 1."""
    down, across = np.gradient(fields, axis=(1, 2))
    even = (down**2 - across**2).sum((1, 2)) + 2j * (down * across).sum((1, 2))
    return np.abs(even) / (down**2 + across**2).sum((1, 2))


@pytest.mark.slow
def test_aligned_copies_share_their_angle(key):
    keys = jax.random.split(key, 40)
    drawn = lambda **fields: np.asarray(
        jax.vmap(PlacedIcons(DROP, size=48, **fields).initial)(keys)
    )[:, 0]
    one = one_sided(drawn())
    together = one_sided(drawn(count=4, apart=14.0, aligned=True))
    apart = one_sided(drawn(count=4, apart=14.0))
    np.testing.assert_allclose(together, one.mean(), atol=0.1)
    assert apart.mean() < 0.75 * one.mean()


def test_pictures_of_the_user(tmp_path, key):
    path = saved(tmp_path / "mine.png", triangle())
    icon = PictureFile(path, diameter=10.0)
    system = PlacedIcons(icon, size=32)
    painted = np.asarray(system.painted(jnp.asarray([16.0, 16.0]), jnp.asarray(0.0)))
    assert painted.shape == (4, 32, 32)
    assert abs(painted[3].sum() - 55) < 8  # half of 10 × 10 sites and the diagonal
    assert painted[0].max() == pytest.approx(1.0, abs=0.05)
    assert painted[1:3].max() == 0
    assert painted[3, 19, 13] > 0.9 > 0.1 > painted[3, 13, 19]
    grey = PlacedIcons(PictureFile(path, colours=False), size=32)
    assert grey.event_shape == (1, 32, 32)
    assert np.asarray(jax.jit(grey.initial)(key)).max() > 0.9
    black = triangle()
    black[..., 0] = 0
    dark = PictureFile(saved(tmp_path / "black.png", black), colours=False)
    assert np.asarray(PlacedIcons(dark, size=32).initial(key)).max() > 0.9
    with pytest.raises(InvalidInput, match="black"):
        PictureFile(dark.path).pixels()


def test_bad_pictures(tmp_path, key):
    full = np.ones((8, 8, 4), np.float32)
    cases = {
        "no pixel is transparent": full,
        "empty": full * 0,
        "no transparency": None,
    }
    for match, pixels in cases.items():
        path = tmp_path / f"{match[:5]}.png"
        if pixels is None:
            from PIL import Image

            Image.new("RGB", (8, 8)).save(path)
        else:
            saved(path, pixels)
        with pytest.raises(InvalidInput, match=match):
            PlacedIcons(PictureFile(str(path)), size=32).initial(key)
    text = tmp_path / "text.png"
    text.write_text("no picture")
    with pytest.raises(DataFileError, match="no picture that can be read"):
        PlacedIcons(PictureFile(str(text)), size=32).initial(key)
    with pytest.raises(DataFileError, match="does not exist"):
        PlacedIcons(PictureFile(str(tmp_path / "none.png")), size=32).initial(key)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: PlacedIcons(Disc(10.0), size=20), "larger canvas"),
        (lambda: PlacedIcons(count=0), "count = 0"),
        (lambda: PlacedIcons(count=9, apart=12.0), "do not fit"),
        (lambda: Disc(-1.0), "radius"),
        (lambda: Disc(colour=(0.0, 0.0)), "not all 0"),
        (lambda: Bar(head=-1.0), "head"),
        (lambda: Group((Disc(),), ()), "places"),
        (lambda: PictureFile(diameter=0.0), "diameter"),
        (lambda: PlacedPoints(((0.0,),)), "one tuple"),
        (lambda: PlacedPoints(((0.0, 1.0), (0.0, float("nan")))), "finite"),
        (lambda: PlacedPoints(((0.0, 0.0), (6.0, 0.0))), "four times"),
        (lambda: PlacedPoints(copies=0), "copies"),
    ],
)
def test_refusals(make, match):
    with pytest.raises(InvalidInput, match=match):
        make()


def test_points_keep_their_distances_across_borders(key):
    system = PlacedPoints(((0.0, 0.0, 1.0, 0.0), (0.0, 2.0, 1.0, 2.5)), box=12.0, copies=3)
    states = np.asarray(jax.vmap(system.initial)(jax.random.split(key, 200)))
    assert states.shape == (200, 6, 4)
    assert bool(((states >= 0) & (states < 12)).all())
    sites = states.reshape(200, 3, 4, 2)
    gap = sites[:, :, :, None] - sites[:, :, None]
    gap -= 12 * np.round(gap / 12)
    drawn = system.centred()
    wanted = np.linalg.norm(drawn[:, None] - drawn, axis=-1)
    np.testing.assert_allclose(
        np.linalg.norm(gap, axis=-1), np.broadcast_to(wanted, gap.shape[:-1]), atol=1e-4
    )
    # Directions are uniform: the mean unit vector of 600 arrows is within 4 standard errors of 0.
    arrow = gap[:, :, 1, 0]
    assert np.linalg.norm(arrow.mean((0, 1))) < 4 / np.sqrt(600)
    still = PlacedPoints(((0.0, 0.0), (1.0, 0.0)), turning=False).initial(key)
    np.testing.assert_allclose(np.mod(np.diff(still, axis=0) + 5, 10), [[6.0, 5.0]], atol=1e-5)

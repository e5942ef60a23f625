"""Films: frames, sizes, equal bytes, and what is refused."""

import io

import numpy as np
import pytest

from noneq.errors import InvalidInput
from noneq.report.html import render
from noneq.report.paths.films import LARGEST, field_film, particle_film
from noneq.studies.equilibrium_flow.designs.pictures import design_figures
from noneq.studies.running import Kept


def frames_of(data):
    from PIL import Image, ImageSequence

    film = Image.open(io.BytesIO(data))
    return [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(film)]


def moving_blob(times=12, channels=2, size=16):
    fields = np.zeros((times, channels, size, size), np.uint8)
    for k in range(times):
        fields[k, 0, 8, k % size] = 255
        if channels > 1:
            fields[k, 1, 4, (2 * k) % size] = 255
    return fields


def walkers(times=10, width=4, box=5.0):
    rng = np.random.default_rng(0)
    return np.mod(np.cumsum(0.2 * rng.normal(size=(times, 6, width)), 0), box)


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_fields_side_by_side(channels):
    fields = moving_blob(channels=channels)
    data = field_film([fields, fields[::-1]], width=64)
    assert data == field_film([fields, fields[::-1]], width=64)
    frames = frames_of(data)
    assert len(frames) == 12
    assert frames[0].shape == (64, 64 + 6 + 64, 3)
    # The blob of the first channel at its place: site (8, k), four pixels wide.
    blank = frames[0][50, 50]
    for k, frame in enumerate(frames):
        assert np.abs(frame[34, 4 * k + 2].astype(int) - blank).max() > 60
        assert np.abs(frame[34, 70 + 4 * (11 - k) + 2].astype(int) - blank).max() > 60
        assert np.abs(frame[50, 4 * k + 2].astype(int) - blank).max() < 10


@pytest.mark.parametrize("width", [2, 4])
def test_particles(width):
    states = walkers(width=width)
    data = particle_film([states, states], 5.0, width=100)
    assert data == particle_film([states, states], 5.0, width=100)
    frames = frames_of(data)
    assert len(frames) == 10
    assert frames[0].shape == (100, 206, 3)
    x, y = states[0, 0, -2:]
    row, column = int(100 - 20 * y), int(20 * x)
    near = frames[0][max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3]
    assert near.min() < 150
    np.testing.assert_array_equal(frames[3][:, :100], frames[3][:, 106:])


def test_long_films_lose_frames():
    noise = np.random.default_rng(0).integers(0, 255, (200, 1, 64, 64)).astype(np.uint8)
    data = field_film([noise, noise], width=128)
    assert len(data) <= LARGEST
    assert len(frames_of(data)) < 200


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: field_film([]), "at least one panel"),
        (lambda: field_film([np.zeros((3, 1, 4, 4))]), "uint8"),
        (lambda: field_film([np.zeros((3, 5, 4, 4), np.uint8)]), "1 to 3 channels"),
        (lambda: field_film([moving_blob(3), moving_blob(4)]), "same number"),
        (lambda: particle_film([np.zeros((3, 5, 3))], 1.0), "particle_film: states"),
        (lambda: particle_film([np.zeros((3, 5, 2))], 0.0), "box"),
    ],
)
def test_refusals_of_films(make, match):
    with pytest.raises(InvalidInput, match=match):
        make()


def test_pictures_of_designs(tmp_path):
    values = np.random.default_rng(0).normal(size=8)
    common = {
        "behaviour": np.asarray("flocking"),
        "measure": np.asarray("polarisation"),
        "SkewFlow_measure": values + 3,
        "control_measure": np.concatenate([values[:7], [np.nan]]),
    }
    points = {
        "SkewFlow_points": walkers(),
        "control_points": walkers(),
        "SkewFlow_box": np.float32(5),
    }
    fields = {"SkewFlow_fields": moving_blob(), "control_fields": moving_blob()}
    cells = [
        Kept("design:mine", "SkewFlow", 0, common | points),
        Kept("design:yours", "SkewFlow", 0, common | fields),
        Kept("lorenz", "EquilibriumFlow", 0, {}),
    ]
    row = lambda case, metric, value: {
        "case": case, "method": "SkewFlow", "metric": metric, "value": value,
    }  # fmt: skip
    rows = [
        row(case, metric, value)
        for case, p in (("design:mine", 1e-7), ("design:yours", 0.3))
        for metric, value in (("expected_sign", 1.0), ("z", 2.0), ("p_corrected", p))
    ]
    made = design_figures(rows, cells)
    assert [picture.data[:4] for picture in made] == [b"<?xm", b"GIF8", b"GIF8"]
    assert "p < 1e-4 (expected higher)" in made[1].caption
    assert "not significant" in made[2].caption
    assert design_figures(rows, cells[2:]) == []
    page = render(tmp_path / "page.html", title="films", figures=made).read_text()
    assert page.count("data:image/gif;base64,") == 2

"""Pictures of PDEs: there for every PDE of the zoo, in one, two and more dimensions."""

import numpy as np
import pytest

from noneq.errors import InvalidInput
from noneq.pde import PDE, zoo
from noneq.report import blobs
from noneq.report.blobs import Film, Frame, field_lines, film, named, readable, smoothing
from noneq.report.pde import dispersion, pictures


SVG, PNG = b"<?xml", b"\x89PNG\r\n\x1a\n"


@pytest.mark.slow
@pytest.mark.parametrize("name", zoo())
def test_every_pde_of_the_zoo_is_drawn_and_deterministically(name):
    made = pictures(zoo()[name])
    assert list(made) == ["dispersion.svg", "smoothing.png", "field_lines.png"]
    assert made["dispersion.svg"].startswith(SVG)
    assert made["smoothing.png"].startswith(PNG)
    assert made["field_lines.png"].startswith(PNG)
    assert made["dispersion.svg"] == dispersion(zoo()[name])


@pytest.mark.sweep(2)
@pytest.mark.parametrize("dim", [1, 3])
@pytest.mark.parametrize("name", ["poisson", "wave", "schrodinger"])
def test_other_dimensions(name, dim):
    assert pictures(zoo(dim)[name])["field_lines.png"].startswith(PNG)


def test_more_than_two_dimensions_are_drawn_in_the_plane():
    shown = film(zoo(5)["poisson"])
    assert shown.pde.dim == 2
    assert shown.frames[0].density.ndim == 2


@pytest.mark.parametrize("box", [0.3, 5.0, 30.0, 1e6])
def test_the_blobs_fit_into_any_box(box):
    shown = film(zoo()["diffusion"], box=box)
    first = shown.frames[0].density
    assert shown.side == min(box, 100.0)
    assert first.sum() * (shown.side / len(first)) ** 2 == pytest.approx(1)
    assert (first > first.max() / 2).sum() > 20, "a blob covers some cells"
    edge = first[0].max()
    assert edge < 1e-2 * first.max()


def test_the_film_ends_when_the_blobs_are_gone():
    for name in ("diffusion", "poisson", "yukawa", "fractional", "dissipative_wave"):
        last = film(zoo()[name]).frames[-1].density
        assert last.min() > 0.5 * last.max(), name
    for name in ("wave", "schrodinger"):
        last = film(zoo()[name]).frames[-1].density
        assert last.min() < 0.1 * last.max(), name


def test_a_large_mass_does_not_underflow():
    last = film(PDE("u_tt + lap(u) - m**2*u", m=50.0)).frames[-1].density
    assert 0 < last.min() < last.max()


def test_negative_densities_are_told():
    negative = film(zoo()["wave"]).frames[3].density
    text, warm = blobs._evenness(negative)
    assert warm
    assert text.startswith("lowest/highest −")
    assert blobs._evenness(np.array([1.0, 2.0])) == ("lowest/highest 0.5", False)
    assert blobs._evenness(-np.ones(3)) == ("all negative", True)
    assert blobs._evenness(np.array([-1e-9, 1.0])) == ("", False)
    shares = blobs._shares(np.array([-2.0, -1.0, 0.0, 2.0, 4.0]))
    np.testing.assert_allclose(shares, [-1, -0.5, 0, 0.5, 1])


@pytest.mark.parametrize("shape", [(16,), (16, 16)])
def test_flat_and_empty_densities_are_drawn(shape):
    for value in (0.0, 1.0, -1.0):
        still = Frame(0.0, np.full(shape, value), np.zeros((len(shape), *shape)))
        shown = Film(zoo(len(shape))["diffusion"], 1.0, (still,) * 5)
        assert smoothing(shown).startswith(PNG)
        if len(shape) == 2:
            assert field_lines(shown).startswith(PNG)


def test_a_cut_off_far_away_is_on_the_axis():
    drawn = dispersion(PDE("u_tt + lap(u) + k0**2*u", k0=20.0))
    assert drawn.startswith(SVG)


def test_advection_is_drawn_along_its_axis():
    moving = PDE("u_t + c*grad(u) - lap(u)", c=2.0)
    assert set(pictures(moving, scale=0.3, box=4.0)) >= {"dispersion.svg"}


def test_titles():
    pde = PDE("u_tt + lap(u) - m**2*u", m=2.0)
    assert named(pde) == "u_tt + ∇²u − m² u = 0   (m = 2)"
    assert readable("-I*sqrt(k**2 + eps**2)") == "−i √(k² + ε²)"
    assert readable("$x$") == "$x$"  # no formula: test_plain_text
    long = PDE("u_t = " + " + ".join(["0.125*lap(u)"] * 20))
    assert len(named(long)) < 100


def test_a_pde_without_a_decaying_branch_is_refused():
    with pytest.raises(InvalidInput, match="C2"):
        pictures(PDE("u_t + lap(u)"))


def test_a_pde_without_a_density_has_its_dispersion_only():
    assert list(pictures(PDE("u_tt = lap(u) - b*u_t", b=1 + 2j))) == ["dispersion.svg"]

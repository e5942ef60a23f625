"""Verdicts of the table, their conditions, and the modifications of what fails."""

import json
import math
import time

import numpy as np
import pytest

from noneq.pde import PDE, branches, judge, modify, rewrite, zoo
from noneq.pde.boxes import lowest_in_box
from noneq.pde.positivity import TOLERANCE, is_bernstein, lowest_density, threshold


EXPECTED = {
    "diffusion": (1, 1, 1),
    "poisson": (1, 1, 1),
    "yukawa": (1, 1, 1),
    "helmholtz": (0.5, 0.5, 0.5),
    "wave": (0, 0, 0),
    "dissipative_wave": (0.5, 1, 0.5),
    "schrodinger": (1, 0, 0),
    "damped_schrodinger": (1, 1, 0.5),
    "klein_gordon": (0, 0, 0),
    "biharmonic": (0, 1, 0),
    "fractional": (1, 1, 1),
}


def values(verdict):
    return verdict.c1.value, verdict.c2.value, verdict.s_generative.value


@pytest.mark.parametrize("name", EXPECTED)
def test_table(name):
    pde = zoo()[name]
    start = time.perf_counter()
    verdict = judge(pde)
    rewrite(pde)
    branches(pde)
    assert time.perf_counter() - start < 3.0
    assert values(verdict) == EXPECTED[name]
    assert set(verdict.lowest) == {1, 2, 3}
    json.dumps(verdict.to_dict())
    for judgement in (verdict.c1, verdict.c2, verdict.s_generative):
        assert judgement.reason
        assert (judgement.condition is None) == (judgement.value != 0.5)
        assert (judgement.holds is None) == (judgement.condition is None)


def number(condition):
    return float(condition.split("> ")[1].split("*")[0])


@pytest.mark.parametrize(("dim", "low", "high"), [(2, 0.30, 0.34), (3, 0.58, 0.75)])
@pytest.mark.parametrize("eps", [0.1, 1.0, 20.0])
def test_thresholds_of_the_dissipative_wave(dim, low, high, eps):
    pde = PDE("u_tt + 2*eps*u_t = lap(u)", dim=dim, eps=eps)
    c1 = judge(pde, scale=0.25 / eps).c1
    assert c1.condition is not None
    assert c1.condition.startswith("eps*scale > ")
    assert low < number(c1.condition) < high
    assert c1.holds is False
    assert judge(pde, scale=0.8 / eps).c1.holds is True


def test_telegraph_walk_is_exact_in_one_dimension():
    assert values(judge(zoo(1)["dissipative_wave"])) == (1, 1, 1)
    assert values(judge(zoo(1)["wave"])) == (1, 0, 0)


@pytest.mark.parametrize(
    ("text", "parameters", "expected"),
    [
        ("u_t + c*grad(u) - D*lap(u)", {"c": 1.0, "D": 1.0}, (1, 1, 1)),
        ("u_t + lap(u) + lap(lap(u))", {}, (0, 0.5, 0)),
        ("u_t - D*lap(u) + r*u", {"D": 0.3, "r": 2.0}, (1, 1, 1)),
        ("u_t - lap(u) + flap(u, 1)", {}, (1, 1, 1)),
        ("u_tt + 2*e*u_t + m**2*u - lap(u)", {"e": 1.0, "m": 0.5}, (0.5, 1, 0.5)),
        ("u_tt + 2*e*u_t + m**2*u - lap(u)", {"e": 0.5, "m": 1.0}, (0, 0, 0)),
        ("u_tt + b*u_t + lap(u) - m**2*u", {"b": 0.4, "m": 1.0}, (1, 1, 1)),
        ("u_t + flap(u, a)", {"a": 3.0}, (0, 1, 0)),
        ("u_t + r*u", {"r": 1.0}, (1, 0, 0)),
        ("u_t + grad(lap(u)) - lap(u)", {}, (0.5, 1, 0.5)),
        ("u_tt + u_t + I*lap(u)", {}, (0, 1, 0)),
    ],
)
def test_user_pdes(text, parameters, expected):
    assert values(judge(PDE(text, **parameters))) == expected


def test_helmholtz_in_a_box():
    pde = PDE("u_tt + lap(u) + k0**2*u", k0=2.0)
    free = judge(pde)
    assert free.c2.condition == "2*pi/box > k0"
    assert free.c2.holds is False
    limit = number(free.c1.condition)
    small, large = 2 * math.pi / (1.05 * limit * 2), 2 * math.pi / (0.95 * limit * 2)
    assert judge(pde, box=small).s_generative.holds is True
    assert judge(pde, box=large).c2.holds is True
    assert judge(pde, box=large).s_generative.holds is False
    assert lowest_in_box(pde, small, 2) > -TOLERANCE
    assert lowest_in_box(pde, large, 2) < -TOLERANCE


def test_kuramoto_sivashinsky_smooths_in_a_box():
    c2 = judge(PDE("u_t + lap(u) + lap(lap(u))"), box=6.0).c2
    assert (c2.condition, c2.holds) == ("2*pi/box > 1", True)


def non_negative(pde, dim):
    return all(lowest_density(pde, scale, dim) > -TOLERANCE for scale in (0.01, 1.0, 100.0))


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_the_spectral_test_agrees_with_exact_kernels_and_catches_signed_ones(dim):
    for name in ("diffusion", "poisson", "yukawa", "fractional"):
        assert is_bernstein(zoo(dim)[name])
        assert non_negative(zoo(dim)[name], dim)
    assert not is_bernstein(zoo(dim)["biharmonic"])
    assert not non_negative(zoo(dim)["biharmonic"], dim)
    assert not non_negative(zoo(dim)["klein_gordon"], dim)
    assert non_negative(zoo(dim)["wave"], dim) == (dim == 1)


@pytest.mark.parametrize(
    "text",
    [
        "u_t - lap(u) + lap(lap(u))",
        "u_t + lap(u) - flap(u, 3)*0 + lap(lap(u))",
        "u_t - lap(u) - 0.5*flap(u, 1)",
        "u_tt - lap(u)",
        "u_tt + lap(u) - lap(lap(u))",
        "u_t - lap(u) + grad(lap(u))",
    ],
)
def test_signed_kernels_do_not_count_as_mixtures_of_gaussians(text):
    assert not is_bernstein(PDE(text))


def test_biharmonic_kernel_in_one_dimension():
    # late, the blur is forgotten: int cos(k r) exp(-10 k^4) dk
    dip = lowest_density(zoo(1)["biharmonic"], 1.0)
    r, k = np.linspace(0, 30, 241), np.linspace(0, 8, 4001)
    late = np.cos(np.outer(r, k)) @ (np.exp(-10 * k**4 - k**2 / 2) * np.where(k == 0, 0.5, 1))
    assert dip == pytest.approx(late.min() / late.max(), rel=1e-3)


def test_above_three_dimensions_the_test_says_so():
    assert "3-D (not tested above)" in judge(zoo(5)["dissipative_wave"], scale=0.1).c1.reason
    assert judge(zoo(64)["poisson"]).s_generative.value == 1


def test_threshold_does_not_depend_on_the_scale_asked_at():
    pde = zoo()["dissipative_wave"]
    found = [threshold(pde, scale).scale for scale in (0.05, 1.0, 30.0)]
    np.testing.assert_allclose(found, found[1], rtol=0.01)


@pytest.mark.parametrize(
    ("name", "change", "text"),
    [
        ("wave", "add damping", "2*eps*u_t"),
        ("klein_gordon", "add damping", "2*eps*u_t"),
        ("schrodinger", "imaginary time", "u_t - lap(u)"),
        ("damped_schrodinger", "damping alone", "u_t - g*lap(u)"),
        ("helmholtz", "box below the cut-off", "k0**2"),
        ("helmholtz", "turn the sign", "u_tt + lap(u) - k0**2*u"),
        ("biharmonic", "lower the order", "u_t - lap(u)"),
        ("biharmonic", "add a Laplacian", "D*lap(u)"),
    ],
)
def test_modifications_that_pass(name, change, text):
    found = [m for m in modify(zoo()[name]) if change in m.change]
    assert len(found) == 1
    assert found[0].verdict.passes
    assert text in found[0].pde.text


@pytest.mark.parametrize(
    "name", ["diffusion", "poisson", "yukawa", "fractional", "dissipative_wave"]
)
def test_what_passes_needs_no_modification(name):
    assert modify(zoo()[name]) == ()


def test_a_modification_that_leaves_nothing_does_not_pass():
    for found in modify(PDE("u_t + lap(u) + lap(lap(u))")):
        assert not ("in place" in found.change and found.verdict.passes)


def test_complex_parameters():
    found = modify(PDE("u_t - D*lap(u)", D=2.0 + 1.0j))
    assert [(m.pde.text, m.verdict.passes) for m in found] == [("u_t - 2*lap(u)", True)]


def test_helmholtz_in_a_good_box_and_telegraph_below_its_threshold():
    assert modify(zoo()["helmholtz"], box=3.0) == ()
    (more,) = modify(zoo()["dissipative_wave"], scale=0.1)
    assert "add damping" in more.change
    assert more.verdict.passes

"""Dispersion relations and smoothing: the table's omega(k), thresholds and factors."""

import numpy as np
import pytest
import sympy

from noneq.pde import PDE, branches, judged, smoothing_factors, zoo
from noneq.pde.smoothing import smoothing_of


K = np.array([0.25, 0.5, 1.5, 2.0, 4.0])
ROOT = np.emath.sqrt
TABLE = {
    "diffusion": [-1j * K**2],
    "poisson": [-1j * K],
    "yukawa": [-1j * ROOT(K**2 + 1)],
    "helmholtz": [-1j * ROOT(K**2 - 1)],
    "wave": [K, -K],
    "dissipative_wave": [-1j + ROOT(K**2 - 1), -1j - ROOT(K**2 - 1)],
    "schrodinger": [K**2],
    "damped_schrodinger": [K**2 * (1 - 1j)],
    "klein_gordon": [ROOT(K**2 + 1), -ROOT(K**2 + 1)],
    "biharmonic": [-1j * K**4],
    "fractional": [-1j * K**1.5],
}
FACTORS = {
    "diffusion": [0.88, 0.61, 0.135, 3e-4, 0],
    "poisson": [0.61, 0.37, 0.135, 0.018, 3e-4],
    "yukawa": [0.94, 0.79, 0.44, 0.084, 0.0019],
    "helmholtz": [1, 1, 1, 0.031, 4e-4],
    "dissipative_wave": [0.94, 0.76, 0.135, 0.135, 0.135],
}
USER = [
    ("u_t + c*grad(u) - D*lap(u)", {"c": 2.0, "D": 0.5}),
    ("u_t + lap(u) + lap(lap(u))", {}),
    ("u_tt + 2*eps*u_t - lap(u) + m**2*u", {"eps": 1.0, "m": 0.5}),
    ("u_tt - lap(u) - nu*lap(u_t)", {"nu": 0.3}),
    ("I*u_t + (1 - I*g)*lap(u) + 0.3*I*grad(u)", {"g": 0.2}),
    ("u_t - lap(u) + flap(u, 1)", {}),
]


def solves(pde, rate):
    """Whether lam(k, q) is a root of P, to rounding."""
    k, q = K, 0.6 * K
    terms = [c * rate(k, q) ** n for n, c in enumerate(pde.coefficients(k, q))]
    return np.all(abs(sum(terms)) < 1e-10 * sum(abs(term) for term in terms))


@pytest.mark.parametrize("name", TABLE)
def test_table(name):
    found = np.sort_complex(np.array([b.omega(K) for b in branches(zoo()[name]) if b.admissible]).T)
    wanted = np.sort_complex(np.array(TABLE[name], complex).T)
    np.testing.assert_allclose(found, wanted, atol=1e-12)


@pytest.mark.parametrize("name", TABLE)
def test_branches_solve_the_zoo_and_wrong_signs_do_not(name):
    for branch in branches(zoo()[name]):
        assert solves(branch.pde, branch.rate)
        assert not solves(branch.pde, lambda k, q, b=branch: 1.1 * b.rate(k, q))


@pytest.mark.parametrize(("text", "values"), USER)
def test_branches_solve_user_pdes(text, values):
    pde = PDE(text, **values)
    for branch in branches(pde):
        assert solves(pde, branch.rate)
    if pde.order == 1:
        turned = branches(pde)[0].rate
        assert not solves(pde, lambda k, q: -turned(k, q))


@pytest.mark.parametrize("name", TABLE)
def test_formulas_agree_with_the_numbers(name):
    pde = zoo()[name]
    names = {n: sympy.Symbol(n) for n in ("k", "q", *pde.values)}
    for branch in branches(pde):
        formula = sympy.sympify(branch.formula, locals=names)
        for k in (0.4, 2.3):
            value = complex(formula.subs({names["k"]: k, names["q"]: 0, **pde.values}))
            assert value == pytest.approx(branch.omega(k).item(), abs=1e-12)


@pytest.mark.parametrize("name", FACTORS)
def test_smoothing_factors_of_the_table(name):
    found = smoothing_factors(zoo()[name], [0.25, 0.5, 1, 2, 4], 2.0)
    assert [f"{v:.1g}" for v in found[3:]] == [
        f"{v:.1g}" if v else f"{found[4]:.1g}" for v in FACTORS[name][3:]
    ]
    np.testing.assert_allclose(found, FACTORS[name], atol=6e-3)


@pytest.mark.parametrize(
    ("text", "values", "cutoff", "formula"),
    [
        ("u_tt + lap(u) + k0**2*u", {"k0": 2.5}, 2.5, "k0"),
        ("u_t + lap(u) + lap(lap(u))", {}, 1.0, "1"),
        ("u_t + a*lap(u) + b*lap(lap(u))", {"a": 2.0, "b": 0.5}, 2.0, "sqrt(a)/sqrt(b)"),
        ("u_t - b*flap(u, 1.3) + lap(lap(u))", {"b": 1.0}, 1.0, "b**(10/27)"),
        (
            "u_tt + 2*eps*u_t + lap(u) + k0**2*u",
            {"eps": 0.6, "k0": 1.0},
            0.8,
            "sqrt(-eps**2 + k0**2)",
        ),
        ("u_tt - lap(u)", {}, np.inf, None),
        ("u_tt - lap(u) + m**2*u", {"m": 1.0}, np.inf, None),
        ("u_tt + 2*eps*u_t - lap(u) + m**2*u", {"eps": 1.0, "m": 0.5}, 0.0, None),
        ("u_tt + 2*eps*u_t - lap(u) + m**2*u", {"eps": 0.5, "m": 1.0}, np.inf, None),
        ("u_t + c*grad(u) - D*lap(u)", {"c": 1.0, "D": 1.0}, 0.0, None),
        ("u_t - D*lap(u) + r*u", {"D": 1.0, "r": 1.0}, 0.0, None),
        ("u_t + lap(lap(u)) + r*u", {"r": 100.0}, 0.0, None),
        ("u_t - lap(u) + flap(u, 1)", {}, 0.0, None),
        ("u_t + r*u", {"r": 1.0}, np.inf, None),
        ("u_t + lap(u) - lap(u)", {}, np.inf, None),
    ],
)
def test_cutoffs(text, values, cutoff, formula):
    found = smoothing_of(judged(PDE(text, **values)))
    assert found.cutoff == pytest.approx(cutoff, rel=1e-6)
    assert found.formula == formula


def test_small_damping_is_free_of_cancellation():
    pde = PDE("u_tt + 2*eps*u_t - lap(u)", eps=1e3)
    slow = judged(pde).omega(1e-4).imag.item()
    assert slow == pytest.approx(-1e-8 / 2e3, rel=1e-12)

"""Text and SymPy give the same PDE; what is no linear constant-coefficient PDE is refused."""

import time

import numpy as np
import pytest
import sympy

from noneq.errors import InvalidInput, NoneqError, WrongType
from noneq.pde import PDE, branches, judge, zoo


K = np.array([0.0, 0.3, 1.0, 2.5])


@pytest.mark.parametrize(
    ("text", "values", "same", "same_values"),
    [
        ("u_tt + lap(u) - m**2*u", {"m": 2.0}, "u_tt = m^2*u - lap(u)", {"m": 2.0}),
        ("u_t - lap(u)", {}, "u_t + flap(u, 2)", {}),
        ("u_t + lap(lap(u))", {}, "u_t == -flap(flap(u, 1.5), 2.5)", {}),
        ("i*u_t + 2*lap(u)", {}, "1j*u_t + (3 - 1)*lap(u)/1", {}),
        ("u_t + c*(grad(u) - lap(u))", {"c": 3}, "u_t = lap(3*u) - 3*grad(u)", {}),
        ("u_t - sqrt(D)*lap(u)", {"D": 4.0}, "u_t - 2*lap(u)", {}),
    ],
)
def test_equal_texts_give_equal_coefficients(text, values, same, same_values):
    one, two = PDE(text, **values), PDE(same, **same_values)
    assert one.order == two.order
    for a, b in zip(one.coefficients(K, 0.5 * K), two.coefficients(K, 0.5 * K), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


def test_one_dimensional_notation():
    one = PDE("u_t + c*u_x - u_xx + u_xxxx", dim=1, c=2.0)
    two = PDE("u_t + c*grad(u) - lap(u) + lap(lap(u))", dim=1, c=2.0)
    np.testing.assert_allclose(one.coefficients(K, -K)[0], two.coefficients(K, -K)[0])
    np.testing.assert_allclose(one.coefficients(K, -K)[0], -2j * K + K**2 + K**4)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_sympy_form(dim):
    t, *x = sympy.symbols("t x y z")[: dim + 1]
    m, c = sympy.symbols("m c")
    u = sympy.Function("u")(t, *x)
    lap = sum(u.diff(s, 2) for s in x)
    bilap = sum(lap.diff(s, 2) for s in x)
    given = PDE(sympy.Eq(u.diff(t) + c * u.diff(x[0]), lap - bilap - m**2 * u), dim=dim, m=2, c=3)
    text = PDE("u_t + c*grad(u) - lap(u) + lap(lap(u)) + m**2*u", dim=dim, m=2, c=3)
    for a, b in zip(given.coefficients(K, 0.3 * K), text.coefficients(K, 0.3 * K), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


def test_symbol_agrees_with_the_numbers():
    pde = PDE("u_tt + 2*eps*u_t - lap(u) + m**2*u + c*grad(u)", eps=0.7, m=1.5, c=0.4)
    lam, k, q = sympy.Symbol("lam"), *sympy.symbols("k q")
    named = {s: sympy.Symbol(s.name) for s in pde.symbol.free_symbols}
    formula = pde.symbol.xreplace(named)
    values = {"lam": 0.3 - 0.2j, "k": 1.3, "q": 0.4, **pde.values}
    exact = complex(formula.subs({sympy.Symbol(n): v for n, v in values.items()}))
    numbers = pde.coefficients(1.3, 0.4)
    assert exact == pytest.approx(sum(c * values["lam"] ** i for i, c in enumerate(numbers)))
    assert {lam, k, q} <= formula.free_symbols


def test_parameters_with_value_zero_drop_their_terms():
    assert PDE("b*u_tt + u_t - lap(u)", b=0.0).order == 1
    assert PDE("u_t - D*lap(u) + r*u", D=1.0, r=0.5).values["r"] == 0.5


BAD = [
    ("u_t + u**2", {}, "nonlinear"),
    ("u_t - u*lap(u)", {}, "nonlinear"),
    ("u_t = 1/u", {}, "nonlinear"),
    ("u_t = sqrt(u)", {}, "nonlinear"),
    ("u_t = x*lap(u)", {}, "depends on x"),
    ("u_t = t*u", {}, "depends on t"),
    ("u_t = r*lap(u)", {}, "radius"),
    ("u_t = lap(u) + 1", {}, "does not hold u"),
    ("u_t = sin(u)", {}, "unknown function"),
    ("u_t = lapl(u)", {}, "did you mean lap"),
    ("u_t = D*lap(u)", {}, "--set D=1"),
    ("u_t = D*lap(u)", {"D": 1.0, "d": 2.0}, "did you mean D"),
    ("u_t = lap(u)", {"dim": 0}, "dim is 0"),
    ("u_ttt = lap(u)", {}, "order 3 in time"),
    ("u_t = lap(lap(lap(u)))", {}, "order 6 in space"),
    ("lap(u) = 0", {}, "no time derivative"),
    ("u_t = ", {}, "cannot read"),
    ("u_t = lap(", {}, "cannot read"),
    ("u_t = lap(u) = 0", {}, "cannot read"),
    ("", {}, "cannot read"),
    ("\0", {}, "cannot read"),
    ("u_t = u_xx", {}, "1-D notation"),
    ("u_t = u_yy", {"dim": 1}, "1-D notation"),
    ("u_t = flap(u)", {}, "flap(u, a)"),
    ("u_t = flap(u, -1)", {}, "above 0"),
    ("u_t = u/0", {}, "divides by zero"),
    ("u_t = lap(2)", {}, "acts on u"),
    ("u_t = lap", {}, "needs an argument"),
    ("u_t = k*u", {"k": 1.0}, "rename"),
    ("u_t = grad(grad(u))", {}, "between directions"),
    ("u_t = D*lap(u)", {"D": float("nan")}, "finite"),
    ("u_t = u(t, x)", {}, "write u"),
    ("__import__('os')", {}, "unknown function"),
    ("u_t = u.__class__", {}, "Attribute"),
    ("u_t = (lambda: u)()", {}, "functions are"),
    ("u_t = [u for u in u]", {}, "ListComp"),
    ("u_t = 'a'*u", {}, "numbers and parameters"),
    ("u_t = True*u", {}, "numbers and parameters"),
    ("u_t = 9**9**9**9*u", {}, "powers"),
    ("u_t = (((9**8)**8)**8)**8*u", {}, "powers"),
    ("u_t = 10**400*u", {}, "exponent"),
    ("u_t = 1e400*u", {}, "other units"),
    ("u_t = m**m*u", {"m": 2.0}, "exponent"),
    ("u_t = " + "9" * 1900 + "*u", {}, "other units"),
    ("u_t = " + "-" * 1500 + "u", {}, "deeply"),
    ("u_t = " + "(" * 500 + "u" + ")" * 500, {}, "cannot read"),
    ("u_t = " + "lap(" * 150 + "u" + ")" * 150, {}, "deeply"),
    ("u_t = u" + " + u" * 800, {}, "characters"),
    ("u_t := lap(u)", {}, "cannot read"),
]


@pytest.mark.parametrize(("text", "values", "words"), BAD, ids=range(len(BAD)))
def test_bad_text_is_one_line(text, values, words):
    start = time.perf_counter()
    with pytest.raises(InvalidInput) as caught:
        PDE(text, **values)
    assert time.perf_counter() - start < 1.0
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("values", [{"D": "1"}, {"D": True}, {"D": None}, {"D": 1, "dim": 1.5}])
def test_values_that_are_no_numbers(values):
    with pytest.raises((WrongType, TypeError)):
        PDE("u_t = D*lap(u)", **values)


@pytest.mark.parametrize("equation", [3, None, ["u_t"], sympy.true])
def test_equations_of_another_type(equation):
    with pytest.raises(WrongType, match="give text"):
        PDE(equation)


def _sympy_cases():
    t, x, y = sympy.symbols("t x y")
    a = sympy.Symbol("a")
    u, v = sympy.Function("u")(t, x, y), sympy.Function("v")(t, x, y)
    return [
        (u.diff(t) - u**2, "nonlinear"),
        (u.diff(t) - u * u.diff(x), "nonlinear"),
        (u.diff(t) - sympy.sin(u), "nonlinear"),
        (u.diff(t) - x * u, "depends on x"),
        (u.diff(t) - 1, "does not hold"),
        (u.diff(t) - v, "unknown functions"),
        (u.diff(t) - u.diff(x, 2), "between directions"),
        (u.diff(t) - u.diff(x) - u.diff(y), "between directions"),
        (u.diff(t) - a * u, "no value"),
        (sympy.Function("u")(t, x).diff(t), "space coordinates"),
    ]


@pytest.mark.parametrize(("equation", "words"), _sympy_cases(), ids=range(10))
def test_bad_sympy_is_one_line(equation, words):
    with pytest.raises(InvalidInput, match=words):
        PDE(equation)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("u_t + lap(u)", "C2 fails .* every branch grows"),
        ("u_t - lap(lap(u))", "C2 fails .* every branch grows"),
        ("u_t + lap(u_t) - lap(u)", "drops out"),
        ("u_t - 1e15**8*lap(u)", "choose units|other units"),
    ],
)
def test_what_cannot_be_judged_says_why(text, words):
    with pytest.raises(InvalidInput, match=words) as caught:
        branches(PDE(text, **{}))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("lengths", [{"scale": 0.0}, {"scale": -1.0}, {"box": 0.0}])
def test_lengths_are_positive(lengths):
    with pytest.raises(NoneqError, match="positive length"):
        judge(zoo()["diffusion"], **lengths)

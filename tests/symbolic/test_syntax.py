"""One reader of formulas: both its uses refuse what is large, deep or no formula."""

import time

import pytest

from noneq.errors import InvalidInput
from noneq.pde import PDE
from noneq.symbolic.expression import Expression


READERS = {
    "expression": lambda text: Expression(f"x + ({text})", ("x",)),
    "PDE": lambda text: PDE(f"u_t = ({text})*u"),
}


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1" + "+1" * 1500, "characters"),
        ("1 +", "cannot read"),
        ("2**" + "-+" * 900 + "1", "nested|exponent"),
        ("~" * 700 + "1", "nested|has no|cannot stand"),
        ("-" * 70 + "1", "nested"),
        ("1e16", "outside"),
        ("1e999", "outside"),
        ("10**" + "9" * 400, "exponent|outside"),
        ("2**9", "exponent"),
        ("True", "has no|cannot stand"),
        ("'a'", "has no|cannot stand"),
        ("[1][0]", "has no|cannot stand"),
        ("1 if 1 else 2", "has no|cannot stand"),
        ("1 % 2", "has no|cannot stand"),
        ("(lambda: 1)()", "has no|cannot stand"),
        ("open(1)", "function"),
        ("sqrt(1, 2)", "one argument"),
        ("sqrt(*[1])", "has no|cannot stand"),
    ],
)  # fmt: skip
def test_what_is_no_formula_is_refused_at_once(reader, text, says):
    start = time.perf_counter()
    with pytest.raises(InvalidInput, match=says) as caught:
        reader(text)
    assert time.perf_counter() - start < 5
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@pytest.mark.parametrize("text", ["+2^2/4 - 1e-3", "sqrt(2)*pi", "-(-3)**-2"])
def test_what_is_a_formula_is_read(reader, text):
    reader(text)

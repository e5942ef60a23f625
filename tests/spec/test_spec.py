"""Objects to TOML and back, overrides, names, and what is refused."""

import subprocess
import sys
import textwrap
from typing import Any

import equinox as eqx
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from noneq.domains import AbstractDomain, Box, Free, Torus
from noneq.errors import DataFileError, InvalidInput, NoneqError, WrongType
from noneq.learning.method import AbstractMethod
from noneq.spec import find, from_dict, from_toml, override, to_dict, to_toml
from stub_methods import Stub, Width


finite = st.floats(allow_nan=False, allow_infinity=False)
settings.register_profile("noneq", derandomize=True, deadline=None, max_examples=100)
settings.load_profile("noneq")


@given(
    width=st.integers(-(2**60), 2**60),
    rate=st.one_of(finite, st.lists(finite, max_size=4).map(tuple)),
    label=st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=20),
    bounds=st.one_of(st.none(), st.lists(finite, max_size=3).map(tuple)),
)
def test_toml_round_trip_is_exact(width, rate, label, bounds):
    method = Stub(nested=Width(width, rate), label=label, bounds=bounds)
    again = from_toml(to_toml(method), AbstractMethod)
    assert eqx.tree_equal(again, method)
    assert to_toml(again) == to_toml(method)


def test_none_is_left_out_and_nested_modules_carry_their_kind():
    table = to_dict(Stub())
    assert "bounds" not in table
    assert table["nested"] == {"kind": "stub_methods:Width", "width": 3, "rate": 0.5}
    assert to_dict(Box(0.0, (1.0, 2.0))) == {"kind": "Box", "low": 0.0, "high": [1.0, 2.0]}


def test_numpy_numbers_become_plain():
    class Holder(eqx.Module):
        one: Any
        many: Any

    table = to_dict(Holder(np.float32(2.0), np.array([0.5, 1.0])))
    assert type(table["one"]) is float
    assert table["many"] == [0.5, 1.0]


def test_override_converts_by_the_field_and_leaves_the_original():
    method = Stub()
    changes = {"nested.width": "128", "nested.rate": "[1, 2.5]", "label": "4", "bounds": "[0, 1]"}
    new = override(method, changes | {"interrupt": "true", "widen": "2"})
    assert new.nested == Width(128, (1.0, 2.5))
    assert (new.label, new.bounds, new.interrupt) == ("4", (0.0, 1.0), True)
    assert type(new.widen) is float
    assert method == Stub()
    assert override(new, {"bounds": "none"}).bounds is None
    assert type(override(method, {"nested.width": "2e3"}).nested.width) is int


def test_override_sets_a_nested_module_by_class_name():
    class Holder(eqx.Module):
        domain: AbstractDomain = Free()

    new = override(Holder(), {"domain": "Torus", "domain.period": "3"})
    assert new.domain == Torus(period=3.0)


@pytest.mark.parametrize(
    ("changes", "error", "part"),
    [
        ({"nested.widht": "1"}, InvalidInput, "did you mean width"),
        ({"lable": "1"}, InvalidInput, "did you mean label"),
        ({"widen.x": "1"}, InvalidInput, "no fields"),
        ({"nested.width": "wide"}, WrongType, "a whole number"),
        ({"nested.width": "1.5"}, WrongType, "a whole number"),
        ({"nested.width": "true"}, WrongType, "a whole number"),
        ({"nested.width": "9" * 400}, WrongType, "a whole number"),
        ({"interrupt": "1"}, WrongType, "true or false"),
        ({"bounds": "[1, 'a']"}, WrongType, "a list of a number or none"),
        ({"widen": "1\nlabel = 2"}, WrongType, "a number"),
        ({"": "1"}, InvalidInput, "unknown field"),
    ],
)
def test_a_wrong_override_is_one_clear_line(changes, error, part):
    with pytest.raises(error, match=part) as caught:
        override(Stub(), changes)
    assert "\n" not in str(caught.value)


def test_names_are_found_with_suggestions():
    assert find("Torus") is Torus
    with pytest.raises(InvalidInput, match="did you mean Torus"):
        find("torsu", base=AbstractDomain)
    with pytest.raises(InvalidInput, match="unknown method 'Torus'"):
        find("Torus", base=AbstractMethod)
    with pytest.raises(InvalidInput, match="unknown"):
        find("AbstractDomain")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("kind = ", DataFileError),
        ("a" * 100, DataFileError),
        ("x = " + "[" * 5000, DataFileError),
        ("width = 3", InvalidInput),
        ('kind = "Box"\nlow = 0.0', InvalidInput),
        ('kind = "Box"\nlow = 2.0\nhigh = 1.0', InvalidInput),
        ('kind = "Box"\nlow = "a"\nhigh = 1.0', WrongType),
        ('kind = "os:system"', InvalidInput),
        ('kind = "builtins:eval"', InvalidInput),
        ('kind = "pickle.loads"', InvalidInput),
        ("kind = 3", InvalidInput),
    ],
)
def test_a_wrong_file_is_one_clear_line(text, error):
    with pytest.raises(error) as caught:
        from_toml(text)
    assert isinstance(caught.value, NoneqError)
    assert "\n" not in str(caught.value)


def test_arrays_of_objects_and_functions_are_refused():
    class Odd(eqx.Module):
        thing: object

    with pytest.raises(WrongType, match=r"Odd\.thing is a function"):
        to_dict(Odd(lambda x: x))


def test_foreign_code_runs_only_when_trusted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    marker = tmp_path / "ran"
    (tmp_path / "foreign_method.py").write_text(
        textwrap.dedent(f"""
            import equinox as eqx
            open({str(marker)!r}, "w").close()
            class Mine(eqx.Module):
                size: int = 1
            """)
    )
    table = {"kind": "foreign_method:Mine", "size": 4}
    with pytest.raises(InvalidInput, match="--trust"):
        from_dict(table)
    assert not marker.exists()
    assert from_dict(table, trust=True).size == 4
    assert marker.exists()
    assert from_dict(table).size == 4, "already imported: nothing new is run"
    assert to_dict(from_dict(table)) == table
    del sys.modules["foreign_method"]
    (tmp_path / "broken_method.py").write_text("1/0")
    with pytest.raises(InvalidInput, match="ZeroDivisionError"):
        find("broken_method.py:Mine", trust=True)


def test_names_are_not_looked_up_at_import():
    code = "import sys, noneq; sys.exit(any(m in sys.modules for m in ('jax', 'equinox')))"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0

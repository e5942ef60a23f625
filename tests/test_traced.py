"""Which parts of an argument are traced, and which are parts of the program."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.domains import Box
from noneq.traced import is_on, is_setting, jit, words


class Thing(eqx.Module):
    names: tuple[str, ...] = words()
    array: jax.Array
    factor: float = 2.0
    power: int = 1
    word: str = "yes"
    ends: tuple[float, ...] = (0.0, 1.0)
    domain: Box = Box(-1.0, 1.0)


def thing(**change):
    return Thing(**({"names": ("a", "b"), "array": jnp.full(2, 3.0)} | change))


TRACES = []


@jit
def value(given, x):
    TRACES.append(given)
    total = given.factor * x**given.power if is_on(given.factor) else 0.0 * x
    return total + sum(given.ends) + jnp.sum(given.array)


def traces(*things):
    TRACES.clear()
    jax.clear_caches()
    results = [float(value(given, jnp.asarray(1.5))) for given in things]
    return len(TRACES), results


@pytest.mark.parametrize(
    ("change", "programs"),
    [({"factor": 3.0}, 1), ({"ends": (0.5, 0.0)}, 1), ({"names": ("c", "d")}, 1), ({"factor": 0.0}, 2),
     ({"power": 2}, 2), ({"word": "no"}, 2), ({"ends": (0.0, 1.0, 2.0)}, 2), ({"domain": Box(-2.0, 1.0)}, 2)],
    ids=str,
)  # fmt: skip
def test_numbers_and_names_are_no_parts_of_the_program(change, programs):
    count, results = traces(thing(), other := thing(**change))
    assert count == programs
    known = [t.factor * 1.5**t.power + sum(t.ends) + 6.0 for t in (thing(), other)]
    np.testing.assert_allclose(results, known, rtol=1e-6)


def test_inside_only_settings_are_weakly_typed_and_words_are_gone():
    traces(thing())
    (inside,) = TRACES
    assert is_setting(inside.factor)
    assert all(is_setting(end) for end in inside.ends)
    assert not is_setting(inside.array)
    assert inside.names is None
    assert (inside.power, inside.word, inside.domain) == (1, "yes", Box(-1.0, 1.0))

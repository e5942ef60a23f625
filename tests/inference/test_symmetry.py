"""The even share of vector fields against exact values."""

import jax.numpy as jnp
import numpy as np
import pytest

from noneq.errors import InvalidInput
from noneq.inference import even_share, field_cosine
from noneq.systems import Lorenz


SIGNS = (-1, -1, 1)
ODD = lambda x: jnp.stack([x[2], x[2], x[0]])


def test_the_true_field_of_lorenz_is_even_and_another_is_odd(rng):
    x = rng.normal(size=(300, 3)) * 8 + np.asarray([0.0, 0.0, 24.0])
    even, odd = even_share(Lorenz(), x, SIGNS), even_share(ODD, x, SIGNS)
    assert even.value == pytest.approx(1.0)
    assert odd.value == pytest.approx(0.0, abs=1e-12)
    assert max(even.stderr, odd.stderr) < 1e-6
    assert even_share(lambda x: 0.0 * x, x, SIGNS).value == 0.0


def test_a_mixture_has_the_share_of_its_even_part(rng):
    """v = (a z + b x, 0, 0): b x is even, ⟨x²⟩ = ⟨z²⟩ = 1, the share is b²/(a² + b²)."""
    mixed = lambda x: jnp.stack([2.0 * x[2] + 1.0 * x[0], 0.0 * x[1], 0.0 * x[2]])
    found = even_share(mixed, rng.normal(size=(4000, 3)), SIGNS, scale=1.0)
    assert abs(found.z(0.2)) < 5
    assert 0.001 < found.stderr < 0.02


def test_an_odd_field_has_no_cosine_with_an_even_one_over_a_law_that_is_its_own_mirror(rng):
    half = rng.normal(size=(500, 3)) + np.asarray([1.0, 2.0, 0.0])
    x = np.concatenate([half, half * np.asarray(SIGNS)])
    even = lambda x: jnp.stack([x[0] + x[1], x[0], 1.0 + 0.0 * x[2]])
    for flattened in (False, True):
        assert field_cosine(even, ODD, x, flattened=flattened).value < 1e-6
        # The broken twin: one half of the law.
        assert field_cosine(even, ODD, half, flattened=flattened).value > 0.05


def test_bad_signs_are_refused(rng):
    for signs in ((1, -1), (1, 0, 1), ()):
        with pytest.raises(InvalidInput, match="even_share: signs"):
            even_share(ODD, rng.normal(size=(10, 3)), signs)
